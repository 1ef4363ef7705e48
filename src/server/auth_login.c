/* Passwords: who is it, and is it right? A name that does not exist takes the same way and the
 * same time (R1939-31). */
#include "server/auth.h"

#include "base/clock.h"
#include "base/log.h"

#include <pop/server.h>
#include <stdlib.h>

static void
text_set(struct ipc_text *text, struct pop_view value)
{
    text->len = (uint16_t)value.len;
    memcpy(text->data, value.data, value.len);
}

void
auth_accept(struct auth_role *role, const struct auth_try *try, const struct auth_user *user)
{
    struct ipc_header header = {
        .type = IPC_OPEN, .number = try->front, .session = try->session};
    struct ipc_open open = {.uid = user->uid, .gid = user->gid};
    if (user->disabled) {
        auth_refuse_disabled(role, try, pop_view_of(user->name));
        return;
    }
    penalty_succeeded(role->penalty, &try->from, clock_ms());
    if (auth_memory_login(
            role->memory, pop_view_of(user->name), 1000 * (int64_t)role->login_delay_seconds,
            clock_ms()) > 0) {
        auth_refuse(role, try, POP_REFUSAL_LOGIN_DELAY);
        return;
    }
    text_set(&open.user, pop_view_of(user->name));
    struct pop_view home = pop_view_of(user->home);
    open.home.len = (uint16_t)home.len;
    memcpy(open.home.data, home.data, home.len);
    if (role->owners != IPC_OWNERS_NONE) {
        auth_owner_open(role, &header, &open);
        return;
    }
    struct auth_channel *store = auth_channel_find(role, IPC_STORE, 0);
    if (store == NULL ||
        ipc_send_wait(store->source.fd, &header, &open, sizeof open, NULL, 0) != IPC_OK)
        auth_refuse(role, try, POP_REFUSAL_SYS_TEMP);
}

/* Checking a password is no work for any of the users. */
static bool
all_quick(const struct auth_role *role)
{
    bool quick = true;
    for (size_t i = 0; i < role->source_count; i++) {
        const struct auth_source *source = &role->sources[i];
        if (source->kind == SOURCE_PASSWD_FILE)
            quick = quick && (source->file == NULL || passwd_file_is_quick(source->file));
        else
            quick = quick && (source->verifies || source_kind_row(source->kind)->tokens);
    }
    return quick;
}

/* The stored password that fitted, or that is asked about. */
static struct pop_view
stored_at(const struct auth_user *user, uint32_t index)
{
    return pop_view_of(index == 0 ? user->stored : user->others[index - 1].stored);
}

static void
log_application(const struct verifier_job *job)
{
    char name[LOG_NAME_MAX];
    char label[LOG_NAME_MAX];
    if (job->matched == 0 || job->user.disabled) /* which has a line of its own */
        return;
    log_name(pop_view_of(job->user.name), name);
    log_name(pop_view_of(job->user.others[job->matched - 1].label), label);
    log_info("login by application password: user=\"%s\" label=\"%s\"", name, label);
}

static void
right(struct auth_role *role, struct auth_seek *seek)
{
    struct auth_try try = auth_seek_try(seek);
    const struct auth_user *user = &seek->job.user;
    struct network place = penalty_prefix(&try.from);
    auth_memory_trust(role->memory, &place, pop_view_of(user->name));
    log_application(&seek->job);
    auth_accept(role, &try, user);
}

static void
finish(struct auth_role *role, struct auth_seek *seek)
{
    const struct verifier_job *job = &seek->job;
    struct auth_try try = auth_seek_try(seek);
    struct pop_view name = pop_view_of(job->user.name);
    if (job->result != ERR_OK && job->result != ERR_DENIED)
        log_error("user %s: %s", job->user.name, job->err.text);
    if (job->known && job->result == ERR_OK)
        right(role, seek);
    else if (job->result == ERR_NOMEM)
        auth_refuse(role, &try, POP_REFUSAL_SYS_TEMP);
    else
        auth_refuse_wrong(role, &try, name, job->known);
    auth_seek_free(seek);
}

static struct auth_seek *
seek_of(struct verifier_job *job)
{
    return LOOP_OWNER(job, struct auth_seek, job);
}

void
auth_verified(struct auth_role *role)
{
    for (struct verifier_job *job; (job = verifier_take(role->verifier)) != NULL;) {
        if (job->derives) {
            auth_sasl_found(role, seek_of(job));
            continue;
        }
        if (job->known && job->result == ERR_OK)
            auth_memory_learn(
                role->memory, pop_view_of(job->user.name), stored_at(&job->user, job->matched),
                &job->secret, clock_ms());
        finish(role, seek_of(job));
    }
}

/* The password was right with the same stored one lately. */
static bool
is_remembered(const struct auth_role *role, struct verifier_job *job)
{
    int64_t now = clock_ms();
    const struct auth_user *user = &job->user;
    for (uint32_t i = 0; job->known && i <= user->other_count; i++) {
        if (!auth_memory_knows(
                role->memory, pop_view_of(user->name), stored_at(user, i), &job->secret, now))
            continue;
        job->matched = i;
        return true;
    }
    return false;
}

void
auth_verify(struct auth_role *role, struct auth_seek *seek)
{
    struct verifier_job *job = &seek->job;
    if (all_quick(role)) {
        verifier_run(job);
        finish(role, seek);
        return;
    }
    if (is_remembered(role, job)) {
        job->result = ERR_OK;
        finish(role, seek);
        return;
    }
    auth_submit(role, seek);
}

void
auth_submit(struct auth_role *role, struct auth_seek *seek)
{
    struct verifier_job *out = verifier_submit(role->verifier, &seek->job);
    if (out == NULL)
        return;
    struct auth_try try = auth_seek_try(seek_of(out));
    auth_sasl_drop(role, seek_of(out));
    auth_refuse_busy(role, &try, pop_view_of(out->user.name));
    auth_seek_free(seek_of(out));
}

void
auth_login(struct auth_channel *front, uint64_t session, const struct ipc_login *login)
{
    struct auth_role *role = front->role;
    struct auth_try try = {.front = front->number, .session = session, .from = login->from};
    struct pop_view name = {login->user.data, login->user.len};
    if (auth_refuse_banned(role, &try, name))
        return;
    struct auth_seek *seek = auth_seek_new(role, AUTH_GOAL_PASSWORD, &try, name);
    if (seek == NULL)
        return;
    /* What does not fit is empty, and wrong. */
    (void)secret_set(
        &seek->job.secret, (struct pop_view){login->password.data, login->password.len});
    auth_seek_go(role, seek);
}
