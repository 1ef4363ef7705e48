/* Who may connect: the limits of connections, and proxies that speak for others. */
#include "server/front.h"

#include "base/clock.h"
#include "net/address.h"

#include <stdlib.h>

static const char made_room[] = "made room for a new connection (limit: connections)";

/* Says why, if there is a way to say it, and closes. */
static void
turn_away(struct session *session, enum pop_refusal refusal)
{
    struct front *front = session->front;
    struct pop_buffer out = {.data = front->output, .cap = FRONT_OUTPUT_MAX};
    const char *reason = refusal == POP_REFUSAL_CONNECTIONS
                             ? "refused: too many connections (limit: connections)"
                             : "refused: too many connections (limit: per-address)";
    if (session->greets_late) { /* no handshake to say so */
        session_end(session, reason);
        return;
    }
    pop_server_init(&session->pop, admit_config(session));
    pop_server_greet_refused(&session->pop, refusal, &out);
    if (session_flush(session, &out))
        session_end(session, reason);
}

/* Where each has a front of its own, the place is taken from another front. That cannot begin a
 * login any more, and the parent tells it to end, as soon as it hears from this one. */
static bool
claim_room(struct front *front)
{
    front->claimed = tally_claim(&front->tally, clock_ms() - GIVE_WAY_MS);
    return front->claimed != TALLY_NONE;
}

/*
 * The server is full: the connection that has waited longest without logging in
 * makes room, so that a crowd of silent ones does not keep everybody else out.
 * False: none is older than GIVE_WAY_MS. One whose password is being checked
 * stays. Without login-seconds there is no such order, and nobody gives way.
 */
static bool
make_room(struct front *front)
{
    if (front->settings.single)
        return claim_room(front);
    struct timer_queue *queue = &front->login_timers;
    struct timer *timer = queue->head.next;
    int64_t now = clock_ms();
    for (int i = 0; i < FRONT_GIVE_WAY_LOOKS && timer != &queue->head; i++) {
        struct session *oldest = LOOP_OWNER(timer, struct session, deadline);
        if (now - (timer->due_ms - queue->duration_ms) < GIVE_WAY_MS)
            return false;
        timer = timer->next;
        if (oldest->auth_owes)
            continue;
        session_end(oldest, made_room);
        return true;
    }
    return false;
}

/* Whatever the counters say, which any front may have written: who has logged in stays. */
void
admit_give_way(struct front *front)
{
    for (uint32_t i = 0; i < front->slot_count && tally_is_claimed(&front->tally); i++) {
        struct session *session = front->slots[i].session;
        if (session != NULL && session->source.fd >= 0 && !session->auth_owes &&
            session->maildrop.messages == NULL)
            session_end(session, made_room);
    }
}

static bool
over_per_address(const struct session *session)
{
    const struct front *front = session->front;
    uint32_t max = front->settings.per_address;
    return max > 0 && tally_address(&front->tally, &session->peer) > max;
}

static bool
is_proxy(const struct front_listener *listener, const struct sockaddr_storage *peer)
{
    struct network_address address;
    address_octets(peer, &address);
    for (uint32_t i = 0; i < listener->proxy_count; i++)
        if (network_contains(&listener->proxies[i], &address))
            return true;
    return false;
}

bool
admit_connection(struct session *session, const struct front_listener *listener)
{
    struct front *front = session->front;
    uint32_t max = front->settings.connections;
    bool proxied = listener->proxy_count > 0;
    if (proxied && !is_proxy(listener, &session->peer)) {
        session_end(session, "refused: this listener is for its proxies alone");
        return false;
    }
    if (!proxied && over_per_address(session)) {
        turn_away(session, POP_REFUSAL_PER_ADDRESS);
        return false;
    }
    if (max > 0 && tally_total(&front->tally) > max && !make_room(front)) {
        turn_away(session, POP_REFUSAL_CONNECTIONS);
        return false;
    }
    if (!proxied)
        return true;
    session->header = calloc(1, sizeof *session->header);
    if (session->header == NULL)
        session_end(session, "no memory");
    return session->header != NULL;
}

/* From here on the client counts in the place of its proxy. */
static void
take_client(struct session *session, const struct sockaddr_storage *client)
{
    struct tally *tally = &session->front->tally;
    tally_add(tally, &session->peer, -1);
    session->peer = *client;
    tally_add(tally, &session->peer, +1);
}

void
admit_client(struct session *session)
{
    struct sockaddr_storage client;
    switch (stream_proxy_header(session, &client)) {
    case PROXY_MORE:
        return;
    case PROXY_BAD:
        session_end(session, "this proxy sends no PROXY header");
        return;
    case PROXY_CLIENT:
        session->proxied = true;
        take_client(session, &client);
        break;
    case PROXY_UNKNOWN:
        session->proxied = true;
        break;
    case PROXY_LOCAL:
        break;
    }
    free(session->header);
    session->header = NULL;
    if (over_per_address(session))
        turn_away(session, POP_REFUSAL_PER_ADDRESS);
    else
        session_welcome(session);
}

/* Who comes through a proxy is never this host, whatever address the proxy gives or has. */
static bool
is_local(const struct session *session)
{
    return !session->proxied && address_is_loopback(&session->peer);
}

const struct pop_server_config *
admit_config(const struct session *session)
{
    const struct front *front = session->front;
    bool allowed = front->settings.plaintext == IPC_PLAINTEXT_ALWAYS ||
                   (front->settings.plaintext == IPC_PLAINTEXT_LOOPBACK && is_local(session));
    return &front->offers[allowed ? FRONT_PLAIN : FRONT_PLAIN_REFUSED].config;
}
