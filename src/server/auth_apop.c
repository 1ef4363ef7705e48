/* APOP: a name, and a digest over the greeting's timestamp and the password. */
#include "auth/apop.h"
#include "server/auth.h"

#include <pop/server.h>
#include <stdlib.h>

bool
auth_apop(struct auth_channel *front, uint64_t session, const struct ipc_apop *apop)
{
    struct auth_role *role = front->role;
    struct auth_try try = {.front = front->number, .session = session, .from = apop->from};
    struct pop_view name = {apop->user.data, apop->user.len};
    if (!role->apop)
        return false;
    if (auth_refuse_banned(role, &try, name))
        return true;
    struct auth_seek *seek = auth_seek_new(role, AUTH_GOAL_APOP, &try, name);
    if (seek == NULL)
        return true;
    size_t first = apop->timestamp.len;
    seek->token_len = first + APOP_DIGEST_LEN;
    seek->token = calloc(1, seek->token_len);
    if (seek->token == NULL) {
        seek->token_len = 0;
        auth_seek_free(seek);
        auth_refuse(role, &try, POP_REFUSAL_SYS_TEMP);
        return true;
    }
    memcpy(seek->token, apop->timestamp.data, first);
    if (apop->digest.len == APOP_DIGEST_LEN) /* else zeros: it is wrong, as any other */
        memcpy(seek->token + first, apop->digest.data, APOP_DIGEST_LEN);
    auth_seek_go(role, seek);
    return true;
}

void
auth_apop_judge(struct auth_role *role, struct auth_seek *seek)
{
    struct auth_try try = auth_seek_try(seek);
    const struct auth_user *user = &seek->job.user;
    struct pop_view timestamp = {seek->token, seek->token_len - APOP_DIGEST_LEN};
    struct pop_view digest = {seek->token + timestamp.len, APOP_DIGEST_LEN};
    enum err_code code = apop_verify(pop_view_of(user->stored), timestamp, digest);
    if (seek->job.known && code == ERR_OK)
        auth_accept(role, &try, user);
    else
        auth_refuse_wrong(role, &try, pop_view_of(user->name), seek->job.known);
    auth_seek_free(seek);
}
