/* Users that the roles run as. */
#ifndef SERVER_ROLE_USER_H
#define SERVER_ROLE_USER_H

#include "conf/conf.h"

#include <stdbool.h>
#include <sys/types.h>

struct role_user {
    bool change; /* false: as the parent (not started as root) */
    uid_t uid;
    gid_t gid;
};

/* Resolves name[:group] or numbers; `option` is the one that it stands in. ERR_INVALID says
 * what to do about a missing user. */
enum err_code role_user_resolve(
    const char *option, const struct conf_account *configured, struct role_user *ret_user,
    struct err *err);

/* Becomes that user for good, with no other group. False: errno says why. */
bool role_user_become(const struct role_user *user);

/* 0 if that user can read the file, else the errno. Asked in a process of its own, because the
 * answer depends on every folder on the way. */
int role_user_read_problem(const struct role_user *user, const char *path);

#endif
