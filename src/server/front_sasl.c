/* SASL exchanges between the client and auth; front only carries them. */
#include "server/front.h"

#include "base/check.h"
#include "net/address.h"

#include <stdlib.h>

/* ---- what is offered ---- */

/* Mechanisms that do not work on this way. */
static uint32_t
unfit(enum front_transport transport)
{
    uint32_t set = 0;
    bool bound = transport == FRONT_TLS || transport == FRONT_TLS_CERTIFIED;
    bool certified =
        transport == FRONT_TLS_CERTIFIED || transport == FRONT_TLS_UNBOUND_CERTIFIED;
    for (unsigned i = 0; i < MECHANISM_COUNT; i++) {
        const struct mechanism_row *row = mechanism_row((enum mechanism)i);
        if ((row->binds && !bound) || (row->certified && !certified) ||
            (row->plaintext && transport == FRONT_PLAIN_REFUSED))
            set |= MECHANISM_BIT(i);
    }
    return set;
}

static bool
has_plus(uint32_t mechanisms)
{
    bool found = false;
    for (unsigned i = 0; i < MECHANISM_COUNT; i++)
        found = found || ((mechanisms & MECHANISM_BIT(i)) != 0 &&
                          mechanism_row((enum mechanism)i)->binds);
    return found;
}

void
front_offer(struct front *front, uint32_t mechanisms)
{
    for (unsigned i = 0; i < FRONT_OFFERS; i++) {
        struct front_offer *offer = &front->offers[i];
        size_t len =
            mechanism_names(mechanisms & ~unfit((enum front_transport)i), offer->mechanisms);
        offer->config.mechanisms = (struct pop_view){offer->mechanisms, len};
    }
    front->binds = has_plus(mechanisms);
    front->offering = true;
    front_open(front);
}

const struct pop_server_config *
session_tls_config(struct session *session)
{
    char binding[TLS_BINDING_LEN];
    char client[TLS_CLIENT_MAX];
    static const enum front_transport transports[2][2] = {
        {FRONT_TLS_UNBOUND, FRONT_TLS_UNBOUND_CERTIFIED},
        {FRONT_TLS, FRONT_TLS_CERTIFIED},
    };
    bool bound = tls_stream_binding(session->tls, binding);
    bool certified = tls_stream_client(session->tls, client);
    return &session->front->offers[transports[bound][certified]].config;
}

/* ---- exchanges ---- */

/* The client's first message is there, or the mechanism begins with the server's. */
static void
send_begin(struct session *session, struct pop_view octets)
{
    struct ipc_sasl_begin begin = {
        .mechanism = session->mechanism,
        .len = (uint32_t)octets.len,
    };
    address_octets(&session->peer, &begin.from);
    /* Also for a mechanism that does not bind: then a client that could, but was kept from
     * seeing the one that does, is found out (R5802-6). Not where there is none to be seen. */
    if (session->front->binds && session->tls != NULL &&
        tls_stream_binding(session->tls, begin.binding))
        begin.binding_len = TLS_BINDING_LEN;
    char client[TLS_CLIENT_MAX];
    if (session->tls != NULL && tls_stream_client(session->tls, client)) {
        begin.certified.len = (uint16_t)strlen(client);
        memcpy(begin.certified.data, client, begin.certified.len);
    }
    if (octets.len > 0)
        memcpy(begin.octets, octets.data, octets.len);
    session->mechanism = MECHANISM_COUNT;
    session->in_sasl = true;
    link_send(
        &session->front->auth, IPC_SASL_BEGIN, session->id, &begin,
        offsetof(struct ipc_sasl_begin, octets) + octets.len);
    explicit_bzero(&begin, sizeof begin);
}

static void
send_response(struct session *session, struct pop_view octets)
{
    struct ipc_sasl response = {.len = (uint32_t)octets.len};
    if (octets.len > 0)
        memcpy(response.octets, octets.data, octets.len);
    link_send(
        &session->front->auth, IPC_SASL_RESPONSE, session->id, &response,
        offsetof(struct ipc_sasl, octets) + octets.len);
    explicit_bzero(&response, sizeof response);
}

/* Answers at once, without auth. */
static void
refuse(struct session *session, enum pop_refusal refusal)
{
    session->accepted = false;
    session->refusal = refusal;
    session->answered = true;
}

/* Asks for the client's first message: an empty challenge (R5034-3). */
static void
ask(struct session *session)
{
    session->challenge = calloc(1, 1);
    session->challenge_len = 0;
    if (session->challenge == NULL)
        refuse(session, POP_REFUSAL_SYS_TEMP);
    session->answered = true;
}

void
session_sasl(
    struct session *session, const struct pop_server_event *event, struct pop_buffer *out)
{
    (void)out;
    session_wait_for(session, SESSION_WAITS_LOGIN);
    if (event->mechanism.len > 0) {
        session->mechanism = mechanism_find(event->mechanism);
        CHECK(session->mechanism < MECHANISM_COUNT); /* the names are our own */
        bool server_first = mechanism_row(session->mechanism)->server_first;
        if (server_first && event->has_response) { /* R5034-8 */
            refuse(session, POP_REFUSAL_SASL);
            return;
        }
        if (!server_first && !event->has_response) {
            ask(session);
            return;
        }
    }
    if (event->response.len > IPC_SASL_MAX) { /* R5034-10 */
        refuse(session, POP_REFUSAL_SASL);
        return;
    }
    if (!session_may_ask(session)) {
        refuse(session, POP_REFUSAL_SYS_TEMP);
        return;
    }
    session->auth_owes = true;
    if (session->mechanism < MECHANISM_COUNT)
        send_begin(session, event->response);
    else
        send_response(session, event->response);
    explicit_bzero(session->input, session->input_start); /* the password may stand there */
}

void
session_challenged(struct session *session, const struct ipc_sasl *challenge)
{
    CHECK(session->wait == SESSION_WAITS_LOGIN && !session->answered);
    session->auth_owes = false;
    tally_let_go(&session->front->tally);
    if (session->source.fd < 0) {
        session_end(session, NULL); /* tells auth to forget the exchange */
        return;
    }
    session->challenge = malloc(challenge->len + 1);
    if (session->challenge == NULL) {
        session_end(session, "no memory");
        return;
    }
    memcpy(session->challenge, challenge->octets, challenge->len);
    session->challenge_len = challenge->len;
    session->answered = true;
    session_run(session);
}

void
session_challenge(struct session *session, struct pop_buffer *out)
{
    if (session->sasl_line == NULL)
        session->sasl_line = malloc(POP_SASL_LINE_MAX);
    if (session->sasl_line == NULL) {
        session_finish_sasl(session);
        pop_server_login_refused(&session->pop, POP_REFUSAL_SYS_TEMP, out);
        session_sasl_ended(session);
        return;
    }
    struct pop_view challenge = {session->challenge, session->challenge_len};
    CHECK(pop_buffer_room(out) >= POP_CHALLENGE_ROOM(challenge.len)); /* nothing is before it */
    pop_server_challenge(
        &session->pop, challenge,
        (struct pop_buffer){.data = session->sasl_line, .cap = POP_SASL_LINE_MAX}, out);
    free(session->challenge);
    session->challenge = NULL;
}

/* Front's part of an exchange is over. */
void
session_finish_sasl(struct session *session)
{
    if (session->sasl_line != NULL)
        explicit_bzero(session->sasl_line, POP_SASL_LINE_MAX);
    free(session->sasl_line);
    free(session->challenge);
    session->sasl_line = NULL;
    session->challenge = NULL;
}

void
session_sasl_ended(struct session *session)
{
    if (session->in_sasl && !session->auth_owes)
        link_send(&session->front->auth, IPC_SASL_CANCEL, session->id, NULL, 0);
    session->in_sasl = session->in_sasl && session->auth_owes;
    session->mechanism = MECHANISM_COUNT;
    if (!session->auth_owes)
        session_finish_sasl(session);
}
