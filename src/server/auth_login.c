/* Passwords: who is it, and is it right? A name that does not exist takes the same way and the
 * same time (R1939-31). */
#include "server/auth.h"

#include "base/check.h"
#include "base/log.h"

#include <pop/server.h>
#include <stdlib.h>

void
auth_refuse(struct auth_role *role, uint32_t front, uint64_t session, uint32_t refusal)
{
    struct ipc_refused refused = {.refusal = refusal};
    auth_answer(role, front, IPC_LOGIN_REFUSED, session, &refused, sizeof refused);
}

static void
text_set(struct ipc_text *text, struct pop_view value)
{
    text->len = (uint16_t)value.len;
    memcpy(text->data, value.data, value.len);
}

void
auth_tell_store(
    struct auth_role *role, uint32_t front, uint64_t session, const struct auth_user *user)
{
    struct auth_channel *store = auth_channel_find(role, IPC_STORE, 0);
    struct ipc_header header = {.type = IPC_OPEN, .number = front, .session = session};
    struct ipc_open open = {.uid = user->uid, .gid = user->gid};
    text_set(&open.user, pop_view_of(user->name));
    struct pop_view home = pop_view_of(user->home);
    open.home.len = (uint16_t)home.len;
    memcpy(open.home.data, home.data, home.len);
    if (store == NULL ||
        ipc_send_wait(store->source.fd, &header, &open, sizeof open, NULL, 0) != IPC_OK)
        auth_refuse(role, front, session, POP_REFUSAL_SYS_TEMP);
}

bool
auth_lookup(void *context, struct pop_view name, struct auth_user *ret_user)
{
    struct auth_role *role = context;
    for (size_t i = 0; i < role->source_count; i++)
        if (passwd_file_lookup(role->sources[i], name, ret_user, NULL) == ERR_OK)
            return true;
    memset(ret_user, 0, sizeof *ret_user);
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
    if (job->known && job->result == ERR_OK) {
        auth_tell_store(role, job->front, job->session, &job->user);
    } else {
        if (job->result != ERR_OK && job->result != ERR_DENIED)
            log_error("user %s: %s", job->user.name, job->err.text);
        bool temporary = job->result == ERR_NOMEM;
        auth_refuse(
            role, job->front, job->session,
            temporary ? POP_REFUSAL_SYS_TEMP : POP_REFUSAL_AUTH);
    }
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
    struct auth_channel *front, uint64_t session, const struct auth_user *user, bool known,
    struct secret *secret)
{
    struct auth_role *role = front->role;
    struct verifier_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        secret_finish(secret);
        auth_refuse(role, front->number, session, POP_REFUSAL_SYS_TEMP);
        return;
    }
    job->front = front->number;
    job->session = session;
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
        auth_refuse(role, front->number, session, POP_REFUSAL_SYS_TEMP);
    }
}

void
auth_login(struct auth_channel *front, uint64_t session, const struct ipc_login *login)
{
    struct auth_user user;
    struct secret secret;
    bool known =
        auth_lookup(front->role, (struct pop_view){login->user.data, login->user.len}, &user);
    /* What does not fit is empty, and wrong. */
    (void)secret_set(&secret, (struct pop_view){login->password.data, login->password.len});
    auth_verify(front, session, &user, known, &secret);
}
