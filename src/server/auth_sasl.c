/* SASL exchanges: which session of which front is how far. */
#include "auth/user_name.h"
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

static struct auth_try
try_of(const struct auth_exchange *entry)
{
    return (struct auth_try){
        .front = entry->front, .session = entry->session, .from = entry->from};
}

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

/* The name, and for a token the token, go through the sources; the exchange waits. */
static void
seek_for(struct auth_role *role, struct auth_exchange *entry, enum auth_goal goal)
{
    struct auth_try try = try_of(entry);
    struct pop_view name = pop_view_of(exchange_user(entry->exchange)->name);
    struct auth_seek *seek = auth_seek_new(role, goal, &try, name);
    if (seek == NULL)
        return; /* and the exchange goes with its front, or when the next one begins */
    seek->exchange = entry->serial;
    entry->waits = true;
    auth_seek_go(role, seek); /* may end the exchange */
}

static void
seek_token(struct auth_role *role, struct auth_exchange *entry)
{
    struct auth_try try = try_of(entry);
    struct pop_view token = exchange_token(entry->exchange);
    struct pop_view name = pop_view_of(exchange_user(entry->exchange)->name);
    struct auth_seek *seek = auth_seek_new(role, AUTH_GOAL_TOKEN, &try, name);
    if (seek == NULL)
        return; /* as above */
    seek->token = malloc(token.len + 1);
    if (seek->token != NULL) {
        memcpy(seek->token, token.data, token.len);
        seek->token_len = token.len;
    } /* else it is empty, and refused */
    seek->exchange = entry->serial;
    entry->waits = true;
    auth_seek_go(role, seek);
}

/* The password is checked without the exchange, which ends here. */
static void
seek_password(struct auth_role *role, struct auth_channel *front, struct auth_exchange **place)
{
    struct auth_try try = try_of(*place);
    struct exchange *exchange = (*place)->exchange;
    struct pop_view name = pop_view_of(exchange_user(exchange)->name);
    struct auth_seek *seek = auth_seek_new(role, AUTH_GOAL_PASSWORD, &try, name);
    if (seek != NULL)
        seek->job.secret = *exchange_secret(exchange);
    forget(front, place); /* wipes its own */
    if (seek != NULL)
        auth_seek_go(role, seek);
}

static void
on_step(
    struct auth_channel *front, struct auth_exchange **place, enum exchange_step step,
    struct pop_view octets)
{
    struct auth_role *role = front->role;
    struct auth_exchange *entry = *place;
    const struct auth_user *user = exchange_user(entry->exchange);
    struct auth_try try = try_of(entry);
    switch (step) {
    case EXCHANGE_LOOK_UP:
        seek_for(role, entry, AUTH_GOAL_EXCHANGE);
        return;
    case EXCHANGE_CHALLENGE:
        challenge(front, try.session, octets);
        return;
    case EXCHANGE_PASSWORD:
        seek_password(role, front, place);
        return;
    case EXCHANGE_TOKEN:
        seek_token(role, entry);
        return;
    case EXCHANGE_PROVED:
        auth_accept(role, &try, user);
        break;
    case EXCHANGE_DENIED:
        if (entry->counted)
            auth_refuse_counted(role, &try, entry->delay_ms);
        else
            auth_refuse_wrong(
                role, &try, pop_view_of(user->name), exchange_knows_user(entry->exchange));
        break;
    case EXCHANGE_MALFORMED:
        auth_refuse(role, &try, POP_REFUSAL_SASL);
        break;
    }
    forget(front, place);
}

static void
go_on(struct auth_channel *front, struct auth_exchange **place, struct pop_view response)
{
    struct auth_exchange *entry = *place;
    struct pop_view octets = {"", 0};
    struct auth_try try = try_of(entry);
    /* At each step: exchanges that were begun in time are no supply for later. */
    if (auth_refuse_banned(
            front->role, &try, pop_view_of(exchange_user(entry->exchange)->name))) {
        forget(front, place);
        return;
    }
    enum exchange_step step = exchange_next(entry->exchange, response, &octets);
    on_step(front, place, step, octets);
}

/* ---- when a seek has come to its end ---- */

/* The place of the exchange that the seek is for, if both are still there. */
static struct auth_exchange **
place_for(struct auth_role *role, const struct auth_seek *seek, struct auth_channel **ret_front)
{
    struct auth_exchange **place = place_of(role, seek->job.front, seek->job.session);
    *ret_front = auth_channel_find(role, IPC_FRONT, seek->job.front);
    if (seek->exchange == 0 || *place == NULL || (*place)->serial != seek->exchange)
        return NULL;
    CHECK(*ret_front != NULL); /* they go with their front */
    return place;
}

/* Keys are made where passwords are hashed: it takes as long. */
static bool
wants_keys(const struct auth_exchange *entry, struct auth_seek *seek)
{
    return !seek->job.derives &&
           exchange_wants_keys(entry->exchange, &seek->job.user, &seek->job.request);
}

void
auth_sasl_found(struct auth_role *role, struct auth_seek *seek)
{
    struct auth_channel *front;
    struct pop_view octets = {"", 0};
    struct auth_exchange **place = place_for(role, seek, &front);
    if (place != NULL && wants_keys(*place, seek)) {
        seek->job.derives = true;
        auth_submit(role, seek);
        return;
    }
    if (place != NULL) {
        const struct verifier_job *job = &seek->job;
        (*place)->waits = false;
        enum exchange_step step = exchange_found(
            (*place)->exchange, &job->user, job->known, job->derives ? &job->keys : NULL,
            &octets);
        on_step(front, place, step, octets);
    }
    auth_seek_free(seek);
}

void
auth_sasl_token_refused(struct auth_role *role, const struct auth_seek *seek)
{
    struct auth_channel *front;
    struct pop_view octets = {"", 0};
    struct auth_exchange **place = place_for(role, seek, &front);
    if (place == NULL)
        return;
    struct auth_try try = auth_seek_try(seek);
    (*place)->waits = false;
    (*place)->counted = true;
    (*place)->delay_ms = auth_count_token(role, &try, pop_view_of(seek->job.user.name));
    exchange_token_refused((*place)->exchange, POP_VIEW(""), &octets);
    challenge(front, try.session, octets);
}

void
auth_sasl_drop(struct auth_role *role, const struct auth_seek *seek)
{
    struct auth_channel *front;
    struct auth_exchange **place = place_for(role, seek, &front);
    if (place != NULL)
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
            front->role->sasl, message->mechanism,
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
        .serial = ++front->role->last_serial,
    };
    *place = entry; /* the place is the end of its bucket */
    front->exchanges++;
    go_on(front, place, (struct pop_view){message->octets, message->len});
}

/* EXTERNAL (RFC 4422, appendix A): front has seen by the client's certificate who it is. The
 * response is empty, or the name that is meant. */
static void
log_in_by_certificate(
    struct auth_channel *front, uint64_t session, const struct ipc_sasl_begin *message)
{
    struct auth_role *role = front->role;
    struct auth_try try = {.front = front->number, .session = session, .from = message->from};
    struct pop_view name = {message->certified.data, message->certified.len};
    struct pop_view meant = {message->octets, message->len};
    bool meets = name.len > 0 && user_name_problem(name) == NULL &&
                 (meant.len == 0 || pop_view_equal(meant, name));
    if (auth_refuse_banned(role, &try, name))
        return;
    if (!may_begin(front, message) || !meets) {
        auth_refuse_wrong(role, &try, meant.len <= USER_NAME_MAX ? meant : name, name.len > 0);
        return;
    }
    struct auth_seek *seek = auth_seek_new(role, AUTH_GOAL_PROVED, &try, name);
    if (seek != NULL)
        auth_seek_go(role, seek);
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
    case IPC_SASL_BEGIN: {
        const struct ipc_sasl_begin *message = body;
        if (mechanism_row(message->mechanism)->certified)
            log_in_by_certificate(front, session, message);
        else
            begin(front, place, session, message);
        return true;
    }
    case IPC_SASL_RESPONSE: {
        const struct ipc_sasl *response = body;
        if ((*place)->waits)
            return false; /* auth owes it an answer first */
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

/* What a directory or a database stores is not known before it is asked: those get what works
 * with everything. */
static uint32_t
fitting(const struct auth_role *role)
{
    uint32_t kinds = 0;
    bool all_known = true;
    bool tokens = false;
    for (size_t i = 0; i < role->source_count; i++) {
        const struct auth_source *source = &role->sources[i];
        if (source_kind_row(source->kind)->tokens)
            tokens = true;
        else if (source->file != NULL)
            kinds |= passwd_file_kinds(source->file);
        else if (source->kind != SOURCE_PASSWD_FILE)
            all_known = false;
    }
    return exchange_mechanisms_for(all_known ? kinds : 0, tokens) |
           (role->certificates ? MECHANISM_BIT(MECHANISM_EXTERNAL) : 0);
}

/* Salts of users without one of their own must be the same tomorrow, and strangers must not
 * know from what they are made: the first user's stored password does for both. */
static void
set_library_secret(struct auth_role *role)
{
    for (size_t i = 0; i < role->source_count; i++) {
        const struct passwd_file *file = role->sources[i].file;
        struct pop_view secret = file != NULL ? passwd_file_secret(file) : POP_VIEW("");
        if (secret.len == 0)
            continue;
        exchange_library_set_secret(role->sasl, secret);
        return;
    }
}

void
auth_offer(struct auth_role *role, struct auth_channel *fresh)
{
    struct ipc_offer offer = {
        .mechanisms = role->mechanisms != 0 ? role->mechanisms : fitting(role)};
    bool changed = offer.mechanisms != role->offered;
    role->offered = offer.mechanisms;
    set_library_secret(role);
    for (struct auth_channel *channel = role->channels; channel; channel = channel->next)
        if (channel->peer == IPC_FRONT && (changed || channel == fresh))
            auth_answer(role, channel->number, IPC_OFFER, 0, &offer, sizeof offer);
}
