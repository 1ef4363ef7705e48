/* Users that the roles run as. */
#include "server/role_user.h"

#include "base/limits.h"
#include "base/number.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Front, auth and keys need no files of their own, only a uid that nobody else has.
 * Where the default users do not exist these numbers serve, from a range that
 * Debian's policy leaves unused (60000 to 64999).
 */
static bool
fallback(const char *option, struct role_user *ret_user)
{
    static const struct {
        const char *option;
        uid_t id;
    } rows[] = {{"user-front", 64510}, {"user-auth", 64511}, {"user-keys", 64513}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(option, rows[i].option) == 0) {
            *ret_user = (struct role_user){true, rows[i].id, rows[i].id};
            return true;
        }
    }
    return false;
}

static bool
find_user(struct pop_view name, struct role_user *user)
{
    char text[USER_NAME_MAX + 1];
    uint32_t number;
    if (parse_u32(name, &number)) {
        user->uid = number;
        user->gid = number;
        return true;
    }
    if (name.len == 0 || name.len >= sizeof text)
        return false;
    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    const struct passwd *entry = getpwnam(text);
    if (entry == NULL)
        return false;
    user->uid = entry->pw_uid;
    user->gid = entry->pw_gid;
    return true;
}

static bool
find_group(const char *name, struct role_user *user)
{
    uint32_t number;
    if (parse_u32(pop_view_of(name), &number)) {
        user->gid = number;
        return true;
    }
    const struct group *entry = getgrnam(name);
    if (entry == NULL)
        return false;
    user->gid = entry->gr_gid;
    return true;
}

enum err_code
role_user_resolve(
    const char *option, const struct conf_account *configured, struct role_user *ret_user,
    struct err *err)
{
    struct role_user user = {.change = geteuid() == 0};
    if (!user.change) {
        *ret_user = user;
        return ERR_OK;
    }
    const char *colon = strchr(configured->text, ':');
    struct pop_view name = pop_view_of(configured->text);
    if (colon != NULL)
        name.len = (size_t)(colon - configured->text);
    if (!find_user(name, &user)) {
        if (!configured->set && fallback(option, ret_user))
            return ERR_OK;
        return err_set(
            err, ERR_INVALID,
            "%s: there is no user '%.*s'; make it (adduser --system --group %.*s) or name "
            "another",
            option, (int)name.len, name.data, (int)name.len, name.data);
    }
    if (colon != NULL && !find_group(colon + 1, &user))
        return err_set(err, ERR_INVALID, "%s: there is no group '%s'", option, colon + 1);
    if (user.uid == 0)
        return err_set(err, ERR_INVALID, "%s: a role must not run as root", option);
    *ret_user = user;
    return ERR_OK;
}

bool
role_user_become(const struct role_user *user)
{
    return !user->change ||
           (setgroups(0, NULL) == 0 && setresgid(user->gid, user->gid, user->gid) == 0 &&
            setresuid(user->uid, user->uid, user->uid) == 0);
}

int
role_user_read_problem(const struct role_user *user, const char *path)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        if (!role_user_become(user))
            _exit(errno);
        _exit(access(path, R_OK) == 0 ? 0 : errno);
    }
    if (pid < 0)
        return errno;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EAGAIN;
}
