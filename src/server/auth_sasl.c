/* SASL exchanges: which session of which front is how far. */
#include "base/check.h"
#include "base/log.h"
#include "server/auth.h"

#include <pop/server.h>
#include <stdlib.h>

/* ---- the table ---- */

static struct auth_exchange **
place_of(struct auth_role *role, uint32_t front, uint64_t session)
{
    struct auth_exchange **place =
        &role->buckets[(session ^ session >> 29 ^ front) % AUTH_BUCKETS];
    while (*place != NULL && ((*place)->front != front || (*place)->session != session))
        place = &(*place)->next;
    return place;
}

static void
forget(struct auth_channel *front, struct auth_exchange **place)
{
    struct auth_exchange *entry = *place;
    *place = entry->next;
    exchange_free(entry->exchange);
    free(entry);
    front->exchanges--;
}

void
auth_sasl_forget(struct auth_channel *front)
{
    struct auth_role *role = front->role;
    for (size_t i = 0; i < AUTH_BUCKETS && front->exchanges > 0; i++) {
        struct auth_exchange **place = &role->buckets[i];
        while (*place != NULL) {
            if ((*place)->front == front->number)
                forget(front, place);
            else
                place = &(*place)->next;
        }
    }
}

/* ---- going on ---- */

static void
challenge(struct auth_channel *front, uint64_t session, struct pop_view octets)
{
    struct ipc_sasl message = {.len = (uint32_t)octets.len};
    CHECK(octets.len <= sizeof message.octets); /* no mechanism here asks for so much */
    if (octets.len > 0)
        memcpy(message.octets, octets.data, octets.len);
    auth_answer(
        front->role, front->number, IPC_SASL_CHALLENGE, session, &message,
        offsetof(struct ipc_sasl, octets) + octets.len);
}

static void
go_on(struct auth_channel *front, struct auth_exchange **place, struct pop_view response)
{
    struct auth_role *role = front->role;
    struct auth_exchange *entry = *place;
    struct exchange *exchange = entry->exchange;
    const struct auth_user *user = exchange_user(exchange);
    struct auth_try try = {
        .front = entry->front, .session = entry->session, .from = entry->from};
    struct pop_view octets = {"", 0};
    /* At each step: exchanges that were begun in time are no supply for later. */
    if (auth_refuse_banned(role, &try, pop_view_of(user->name))) {
        forget(front, place);
        return;
    }
    switch (exchange_next(exchange, response, &octets)) {
    case EXCHANGE_CHALLENGE:
        challenge(front, try.session, octets);
        return;
    case EXCHANGE_PASSWORD:
        auth_verify(role, &try, user, exchange_knows_user(exchange), exchange_secret(exchange));
        break;
    case EXCHANGE_PROVED:
        auth_accept(role, &try, user);
        break;
    case EXCHANGE_DENIED:
        auth_refuse_wrong(role, &try, pop_view_of(user->name), exchange_knows_user(exchange));
        break;
    case EXCHANGE_MALFORMED:
        auth_refuse(role, &try, POP_REFUSAL_SASL);
        break;
    }
    forget(front, place);
}

/* A mechanism that front was not told to offer, or one too many. */
static bool
may_begin(const struct auth_channel *front, const struct ipc_sasl_begin *begin)
{
    bool offered = (front->role->offered & MECHANISM_BIT(begin->mechanism)) != 0;
    bool bound = begin->binding_len > 0 || !mechanism_row(begin->mechanism)->binds;
    return offered && bound && front->exchanges < AUTH_EXCHANGES_MAX;
}

static void
begin(
    struct auth_channel *front, struct auth_exchange **place, uint64_t session,
    const struct ipc_sasl_begin *message)
{
    struct err err;
    struct auth_exchange *entry = calloc(1, sizeof *entry);
    struct exchange *exchange = NULL;
    enum err_code code = ERR_NOMEM;
    if (entry != NULL && may_begin(front, message))
        code = exchange_new(
            front->role->library, message->mechanism,
            (struct pop_view){message->binding, message->binding_len}, &exchange, &err);
    if (code != ERR_OK) {
        free(entry);
        struct auth_try try = {
            .front = front->number, .session = session, .from = message->from};
        auth_refuse(front->role, &try, POP_REFUSAL_SYS_TEMP);
        return;
    }
    *entry = (struct auth_exchange){
        .front = front->number,
        .session = session,
        .from = message->from,
        .exchange = exchange,
    };
    *place = entry; /* the place is the end of its bucket */
    front->exchanges++;
    go_on(front, place, (struct pop_view){message->octets, message->len});
}

bool
auth_sasl_message(struct auth_channel *front, const struct ipc_packet *packet)
{
    uint64_t session = packet->header.session;
    struct auth_exchange **place = place_of(front->role, front->number, session);
    enum ipc_state state = *place != NULL ? IPC_STATE_EXCHANGE : IPC_STATE_NONE;
    const void *body = packet->body;
    if (!ipc_message_allowed(packet->header.type, state))
        return false;
    switch ((enum ipc_type)packet->header.type) {
    case IPC_SASL_BEGIN:
        begin(front, place, session, body);
        return true;
    case IPC_SASL_RESPONSE: {
        const struct ipc_sasl *response = body;
        go_on(front, place, (struct pop_view){response->octets, response->len});
        return true;
    }
    case IPC_SASL_CANCEL:
        if (*place != NULL)
            forget(front, place);
        return true;
    default:
        return false;
    }
}

/* ---- what is offered ---- */

static uint32_t
fitting(const struct auth_role *role)
{
    uint32_t kinds = 0;
    for (size_t i = 0; i < role->source_count; i++)
        kinds |= passwd_file_kinds(role->sources[i]);
    return exchange_mechanisms_for(kinds);
}

void
auth_offer(struct auth_role *role, struct auth_channel *fresh)
{
    struct ipc_offer offer = {
        .mechanisms = role->mechanisms != 0 ? role->mechanisms : fitting(role)};
    bool changed = offer.mechanisms != role->offered;
    role->offered = offer.mechanisms;
    if (role->source_count > 0)
        exchange_library_set_secret(role->library, passwd_file_secret(role->sources[0]));
    for (struct auth_channel *channel = role->channels; channel; channel = channel->next)
        if (channel->peer == IPC_FRONT && (changed || channel == fresh))
            auth_answer(role, channel->number, IPC_OFFER, 0, &offer, sizeof offer);
}
