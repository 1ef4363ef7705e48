/* Asking a helper, which may take its time: the login waits in a table. */
#include "base/check.h"
#include "base/log.h"
#include "server/auth.h"

#include "auth/password.h"

#include <stdlib.h>

/* ---- the table ---- */

static struct auth_seek **
bucket_of(struct auth_role *role, uint64_t id)
{
    return &role->seeks[id % AUTH_BUCKETS];
}

/* Takes it out; NULL: there is none, or it waits for another source. */
static struct auth_seek *
take(struct auth_role *role, uint64_t id, uint32_t source)
{
    struct auth_seek **place = bucket_of(role, id);
    while (*place != NULL && ((*place)->id != id || (*place)->source != source))
        place = &(*place)->next;
    struct auth_seek *seek = *place;
    if (seek == NULL)
        return NULL;
    *place = seek->next;
    role->sources[source].asked--;
    return seek;
}

static void
keep(struct auth_role *role, struct auth_seek *seek)
{
    struct auth_seek **bucket = bucket_of(role, seek->id);
    seek->next = *bucket;
    *bucket = seek;
    role->sources[seek->source].asked++;
}

/* ---- questions ---- */

static void
fill(struct ipc_ask *ask, uint32_t task, const struct auth_seek *seek)
{
    struct pop_view octets = {"", 0};
    if (task == IPC_ASK_TOKEN)
        octets = (struct pop_view){seek->token, seek->token_len};
    else if (task == IPC_ASK_VERIFY)
        octets = (struct pop_view){seek->job.secret.data, seek->job.secret.len};
    struct pop_view name = pop_view_of(seek->job.user.name);
    ask->task = task;
    ask->from = seek->job.from;
    memset(&ask->user, 0, sizeof ask->user);
    ask->user.len = (uint16_t)name.len;
    memcpy(ask->user.data, name.data, name.len);
    CHECK(octets.len <= sizeof ask->octets);
    ask->len = (uint32_t)octets.len;
    memcpy(ask->octets, octets.data, octets.len);
}

static bool
send_question(const struct auth_channel *channel, const struct auth_seek *seek)
{
    const struct auth_source *source = &channel->role->sources[seek->source];
    struct ipc_ask ask;
    fill(
        &ask,
        seek->goal == AUTH_GOAL_TOKEN ? IPC_ASK_TOKEN
        : source->verifies            ? IPC_ASK_VERIFY
                                      : IPC_ASK_LOOK_UP,
        seek);
    struct ipc_header header = {.type = IPC_ASK, .session = seek->id};
    enum ipc_result result = ipc_send(
        channel->source.fd, &header, &ask, offsetof(struct ipc_ask, octets) + ask.len, NULL, 0);
    explicit_bzero(ask.octets, ask.len);
    return result == IPC_OK;
}

bool
auth_source_ask(struct auth_role *role, struct auth_seek *seek)
{
    struct auth_source *source = &role->sources[seek->source];
    struct auth_channel *channel = auth_channel_find(role, IPC_SOURCE, (uint32_t)seek->source);
    if (channel == NULL || source->asked >= SOURCE_QUESTIONS_MAX)
        return false;
    seek->id = ++role->last_serial;
    seek->unasked = !source->spoke;
    if (!seek->unasked && !send_question(channel, seek))
        return false;
    keep(role, seek);
    return true;
}

/* It has said how it works: what has waited for that begins anew with it. */
static void
ask_waiting(struct auth_role *role, uint32_t number)
{
    struct auth_seek *waiting = NULL;
    for (size_t i = 0; i < AUTH_BUCKETS; i++) {
        struct auth_seek *seek = role->seeks[i];
        while (seek != NULL) {
            struct auth_seek *next = seek->next;
            if (seek->source == number && seek->unasked) {
                (void)take(role, seek->id, number);
                seek->next = waiting;
                waiting = seek;
            }
            seek = next;
        }
    }
    while (waiting != NULL) {
        struct auth_seek *seek = waiting;
        waiting = seek->next;
        auth_seek_go(role, seek);
    }
}

void
auth_source_lost(struct auth_role *role, uint32_t number)
{
    static const struct pop_view why = POP_VIEW("its helper has ended");
    static struct ipc_answer away = {.result = IPC_ANSWER_AWAY};
    away.error.len = (uint16_t)why.len;
    memcpy(away.error.data, why.data, why.len);
    role->sources[number].spoke = false;
    for (size_t i = 0; i < AUTH_BUCKETS && role->sources[number].asked > 0; i++) {
        struct auth_seek *seek = role->seeks[i];
        while (seek != NULL) {
            struct auth_seek *next = seek->next;
            if (seek->source == number) {
                (void)take(role, seek->id, number);
                auth_seek_answered(role, seek, &away); /* it asks nobody else */
            }
            seek = next;
        }
    }
}

/* ---- answers ---- */

bool
auth_source_message(struct auth_channel *channel, const struct ipc_packet *packet)
{
    struct auth_role *role = channel->role;
    struct auth_source *source = &role->sources[channel->number];
    const void *body = packet->body;
    if (packet->header.type == IPC_SOURCE_MODE) {
        bool again = source->spoke;
        source->spoke = true;
        source->verifies = ((const struct ipc_source_mode *)body)->verifies != 0;
        if (!again)
            ask_waiting(role, channel->number);
        return !again;
    }
    struct auth_seek *seek = take(role, packet->header.session, channel->number);
    if (seek == NULL || seek->unasked) {
        if (seek != NULL)
            keep(role, seek);
        return false; /* it answers what nobody asked */
    }
    auth_seek_answered(role, seek, body);
    return true;
}

static struct pop_view
take_text(struct pop_view *rest)
{
    const char *end = memchr(rest->data, '\0', rest->len);
    CHECK(end != NULL); /* the table has seen that the last one has its NUL */
    struct pop_view text = {rest->data, (size_t)(end - rest->data)};
    pop_view_skip(rest, text.len + 1);
    return text;
}

enum err_code
auth_source_read(const struct ipc_answer *answer, struct auth_user *user, struct err *err)
{
    struct pop_view name = {answer->user.data, answer->user.len};
    struct pop_view home = {answer->home.data, answer->home.len};
    struct pop_view rest = {answer->passwords, answer->len};
    enum err_code code = auth_user_set_name(user, name, err);
    if (code == ERR_OK)
        code = auth_user_set_home(user, home, err);
    while (code == ERR_OK && rest.len > 0) {
        struct pop_view label = take_text(&rest);
        if (rest.len == 0)
            return err_set(err, ERR_INVALID, "a label without its password");
        code = auth_user_add_password(user, take_text(&rest), label, err);
    }
    user->uid = answer->uid;
    user->gid = answer->gid;
    user->disabled = answer->disabled != 0;
    return code;
}

/* ---- who is not there ---- */

void
auth_source_dummy(const struct auth_role *role, char ret_stored[HASH_TEXT_MAX + 1])
{
    ret_stored[0] = '\0';
    for (size_t i = 0; i < role->source_count; i++) {
        const struct auth_source *source = &role->sources[i];
        const char *dummy =
            source->file != NULL ? passwd_file_dummy(source->file) : source->dummy;
        if (dummy[0] != '\0') {
            memcpy(ret_stored, dummy, strlen(dummy) + 1);
            return;
        }
    }
    (void)password_dummy(POP_VIEW(""), ret_stored, NULL);
}

void
auth_source_learn(struct auth_source *source, const struct auth_user *user)
{
    struct password password;
    char dummy[HASH_TEXT_MAX + 1];
    if (password_parse(pop_view_of(user->stored), &password, NULL) != ERR_OK ||
        password.kind == PASSWORD_NEVER)
        return;
    struct pop_view cost = password_cost(&password);
    if (source->dummy[0] != '\0' && pop_view_equal(cost, pop_view_of(source->dummy_cost)))
        return;
    if (password_dummy(pop_view_of(user->stored), dummy, NULL) != ERR_OK)
        return;
    memcpy(source->dummy, dummy, sizeof dummy);
    memcpy(source->dummy_cost, cost.data, cost.len);
    source->dummy_cost[cost.len] = '\0';
}
