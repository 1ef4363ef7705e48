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
    struct auth_channel *store = auth_channel_find(role, IPC_STORE, 0);
    struct ipc_header header = {
        .type = IPC_OPEN, .number = try->front, .session = try->session};
    struct ipc_open open = {.uid = user->uid, .gid = user->gid};
    penalty_succeeded(role->penalty, &try->from, clock_ms());
    text_set(&open.user, pop_view_of(user->name));
    struct pop_view home = pop_view_of(user->home);
    open.home.len = (uint16_t)home.len;
    memcpy(open.home.data, home.data, home.len);
    if (store == NULL ||
        ipc_send_wait(store->source.fd, &header, &open, sizeof open, NULL, 0) != IPC_OK)
        auth_refuse(role, try, POP_REFUSAL_SYS_TEMP);
}

bool
auth_lookup(void *context, struct pop_view name, struct auth_user *ret_user)
{
    struct auth_role *role = context;
    for (size_t i = 0; i < role->source_count; i++)
        if (passwd_file_lookup(role->sources[i], name, ret_user, NULL) == ERR_OK)
            return true;
    memset(ret_user, 0, sizeof *ret_user);
    memcpy(ret_user->name, name.data, name.len); /* at most USER_NAME_MAX, as every name here */
    if (role->source_count > 0)
        memcpy(ret_user->stored, passwd_file_dummy(role->sources[0]), sizeof ret_user->stored);
    return false;
}

static bool
all_quick(const struct auth_role *role)
{
    bool quick = true;
    for (size_t i = 0; i < role->source_count; i++)
        quick = quick && passwd_file_is_quick(role->sources[i]);
    return quick;
}

static void
finish(struct auth_role *role, struct verifier_job *job)
{
    struct auth_try try = {.front = job->front, .session = job->session, .from = job->from};
    struct pop_view name = pop_view_of(job->user.name);
    bool denied = job->result == ERR_OK || job->result == ERR_DENIED;
    if (!denied)
        log_error("user %s: %s", job->user.name, job->err.text);
    if (job->known && job->result == ERR_OK)
        auth_accept(role, &try, &job->user);
    else if (job->result == ERR_NOMEM)
        auth_refuse(role, &try, POP_REFUSAL_SYS_TEMP);
    else
        auth_refuse_wrong(role, &try, name, job->known);
    free(job);
}

void
auth_verified(struct auth_role *role)
{
    for (struct verifier_job *job; (job = verifier_take(role->verifier)) != NULL;)
        finish(role, job);
}

void
auth_verify(
    struct auth_role *role, const struct auth_try *try, const struct auth_user *user,
    bool known, struct secret *secret)
{
    struct verifier_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        secret_finish(secret);
        auth_refuse(role, try, POP_REFUSAL_SYS_TEMP);
        return;
    }
    job->front = try->front;
    job->session = try->session;
    job->from = try->from;
    job->known = known;
    job->user = *user;
    job->secret = *secret;
    secret_finish(secret);
    if (all_quick(role)) {
        verifier_run(job);
        finish(role, job);
    } else if (!verifier_submit(role->verifier, job)) {
        secret_finish(&job->secret);
        free(job);
        auth_refuse(role, try, POP_REFUSAL_SYS_TEMP);
    }
}

void
auth_login(struct auth_channel *front, uint64_t session, const struct ipc_login *login)
{
    struct auth_user user;
    struct secret secret;
    struct auth_role *role = front->role;
    struct auth_try try = {.front = front->number, .session = session, .from = login->from};
    struct pop_view name = {login->user.data, login->user.len};
    if (auth_refuse_banned(role, &try, name))
        return;
    bool known = auth_lookup(role, name, &user);
    /* What does not fit is empty, and wrong. */
    (void)secret_set(&secret, (struct pop_view){login->password.data, login->password.len});
    auth_verify(role, &try, &user, known, &secret);
}
