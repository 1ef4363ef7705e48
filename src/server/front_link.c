/* Front's channels to auth and store: sending without waiting, and where answers go. */
#include "server/front.h"

#include "base/check.h"
#include "base/log.h"

#include <stdlib.h>
#include <unistd.h>

/* Will this session not go on without the channel? */
static bool
needs(const struct session *session, const struct link *link)
{
    if (link->peer == IPC_AUTH)
        return session->auth_owes || session->in_sasl;
    return session->store == link || (session->auth_owes && session->opening == link->number);
}

/* The sessions that need this channel cannot go on. */
static void
link_lost(struct link *link)
{
    struct front *front = link->front;
    loop_remove(&front->loop, &link->source);
    (void)close(link->source.fd); /* nothing to lose */
    link->source.fd = -1;
    while (link->first != NULL) {
        struct link_pending *pending = link->first;
        link->first = pending->next;
        free(pending);
    }
    link->last = NULL;

    for (uint32_t i = 0; i < front->slot_count; i++) {
        struct session *session = front->slots[i].session;
        if (session == NULL || !needs(session, link))
            continue;
        session->in_sasl = session->in_sasl && link->peer != IPC_AUTH;
        session->auth_owes = false; /* no answer will come any more */
        if (session->store == link)
            session->store = NULL;
        session_end(session, "a part of the server has failed");
    }
}

static struct link *
owner_find(struct front *front, uint32_t number)
{
    struct link *link = front->owners;
    while (link != NULL && link->number != number)
        link = link->next;
    return link;
}

static void
owner_drop(struct link *link)
{
    struct link **place = &link->front->owners;
    while (*place != link)
        place = &(*place)->next;
    *place = link->next;
    free(link);
}

void
link_add_owner(struct front *front, uint32_t number, int fd)
{
    struct link *link = calloc(1, sizeof *link);
    CHECK(link != NULL);
    *link = (struct link){
        .front = front,
        .peer = IPC_STORE,
        .number = number,
        .next = front->owners,
        .source = {.fd = -1}};
    front->owners = link;
    link_open(link, fd);
}

/* The parent gave that store's channel to this front before auth had its own: if it is not
 * here, and not on its way, it has broken already. */
static void
on_opening(struct front *front, uint64_t id, uint32_t number)
{
    if (owner_find(front, number) == NULL)
        front_hear_parent(front);
    struct session *session = session_find(front, id);
    if (session == NULL)
        return;
    session->opening = number;
    if (owner_find(front, number) != NULL)
        return;
    struct ipc_refused refused = {.refusal = POP_REFUSAL_SYS_TEMP};
    session_login_refused(session, &refused);
}

/* The store of one owner speaks for the sessions of that owner alone. */
static bool
is_from_its_store(const struct link *link, const struct session *session, uint32_t type)
{
    bool opens = type == IPC_OPENED || type == IPC_OPEN_REFUSED;
    if (link->peer != IPC_STORE || link->number == 0)
        return true;
    return opens ? session->auth_owes && session->opening == link->number
                 : session->store == link;
}

static void
on_message(struct link *link, struct ipc_packet *packet)
{
    struct session *session = session_find(link->front, packet->header.session);
    const void *body = packet->body;
    if (packet->header.type == IPC_OFFER) { /* about no session */
        front_offer(link->front, ((const struct ipc_offer *)body)->mechanisms);
        return;
    }
    if (session == NULL) { /* ended meanwhile; descriptors are closed by the caller */
        if (packet->header.type == IPC_OPENED)
            link_send(link, IPC_CLOSE, packet->header.session, NULL, 0);
        return;
    }

    if (!is_from_its_store(link, session, packet->header.type)) {
        log_error("store %u speaks for the session of another", link->number);
        return;
    }

    switch ((enum ipc_type)packet->header.type) {
    case IPC_OPENING:
        on_opening(link->front, session->id, ((const struct ipc_store_number *)body)->number);
        break;
    case IPC_CHECKED:
        session_checked(session, body);
        break;
    case IPC_SASL_CHALLENGE:
        session_challenged(session, body);
        break;
    case IPC_LOGIN_REFUSED:
    case IPC_OPEN_REFUSED:
        session_login_refused(session, body);
        break;
    case IPC_OPENED:
        session->store = link;
        session_opened(session, packet);
        break;
    case IPC_FETCHED:
        message_fetched(session, packet);
        break;
    case IPC_COMMITTED:
        CHECK(session->wait == SESSION_WAITS_COMMIT && !session->answered);
        session->committed = true;
        session->commit_left = ((const struct ipc_committed *)body)->left;
        session->answered = true;
        session_run(session);
        break;
    default:
        BUG("a message that the table gives to another role");
    }
}

/* Sends what was queued, as far as it goes. */
static void
link_drain(struct link *link)
{
    while (link->first != NULL) {
        struct link_pending *pending = link->first;
        if (ipc_send(
                link->source.fd, &pending->header, pending->body, pending->body_size, NULL,
                0) == IPC_AGAIN)
            return;
        link->first = pending->next; /* sent, or lost with its channel: reading will tell */
        explicit_bzero(pending->body, pending->body_size);
        free(pending);
    }
    link->last = NULL;
    struct err err;
    CHECK(loop_modify(&link->front->loop, &link->source, EPOLLIN, &err) == ERR_OK);
}

static void
link_end(struct link *link)
{
    link_lost(link);
    if (link->number > 0)
        owner_drop(link);
}

static void
link_ready(struct loop_source *source, uint32_t events)
{
    struct link *link = LOOP_OWNER(source, struct link, source);
    if (events & EPOLLOUT)
        link_drain(link);
    while (link->source.fd >= 0) {
        struct ipc_packet packet;
        switch (ipc_receive(link->source.fd, link->peer, IPC_FRONT, &packet)) {
        case IPC_OK:
            on_message(link, &packet);
            ipc_packet_finish(&packet);
            break;
        case IPC_BAD:
        case IPC_NO_FDS:
            log_error("a message from %s makes no sense", ipc_role_name(link->peer));
            CHECK(link->number > 0); /* auth and store send what the table says */
            link_end(link);
            return;
        case IPC_CLOSED:
            link_end(link);
            return;
        case IPC_AGAIN:
            return;
        }
    }
}

void
link_open(struct link *link, int fd)
{
    struct err err;
    if (link->source.fd >= 0)
        link_lost(link);
    link->source = (struct loop_source){.fd = fd, .ready = link_ready};
    CHECK(loop_add(&link->front->loop, &link->source, EPOLLIN, &err) == ERR_OK);
}

static void
link_queue(struct link *link, const struct ipc_header *header, const void *body, size_t size)
{
    struct link_pending *pending = malloc(sizeof *pending + size);
    CHECK(pending != NULL); /* a front without memory for 1 KiB is at its end */
    *pending = (struct link_pending){.header = *header, .body_size = size};
    if (size > 0)
        memcpy(pending->body, body, size);
    if (link->last == NULL)
        link->first = pending;
    else
        link->last->next = pending;
    link->last = pending;
}

void
link_send(
    struct link *link, uint32_t type, uint64_t session, const void *body, size_t body_size)
{
    struct ipc_header header = {.type = type, .session = session};
    struct err err;
    if (link->source.fd < 0)
        return;
    if (link->first != NULL) {
        link_queue(link, &header, body, body_size);
        return;
    }
    if (ipc_send(link->source.fd, &header, body, body_size, NULL, 0) == IPC_AGAIN) {
        link_queue(link, &header, body, body_size);
        CHECK(
            loop_modify(&link->front->loop, &link->source, EPOLLIN | EPOLLOUT, &err) == ERR_OK);
    }
}
