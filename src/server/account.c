/* Users that the roles run as. */
#include "base/number.h"
#include "server/parent.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Front and auth need no files of their own, only a uid that nobody else has.
 * Where the default users do not exist these numbers serve, from a range that
 * Debian's policy leaves unused (60000 to 64999).
 */
static bool
fallback(const char *option, struct account *ret_account)
{
    static const struct {
        const char *option;
        uid_t id;
    } rows[] = {{"user-front", 64510}, {"user-auth", 64511}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(option, rows[i].option) == 0) {
            *ret_account = (struct account){true, rows[i].id, rows[i].id};
            return true;
        }
    }
    return false;
}

static bool
find_user(struct pop_view name, struct account *account)
{
    char text[USER_NAME_MAX + 1];
    uint32_t number;
    if (parse_u32(name, &number)) {
        account->uid = number;
        account->gid = number;
        return true;
    }
    if (name.len == 0 || name.len >= sizeof text)
        return false;
    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    const struct passwd *entry = getpwnam(text);
    if (entry == NULL)
        return false;
    account->uid = entry->pw_uid;
    account->gid = entry->pw_gid;
    return true;
}

static bool
find_group(const char *name, struct account *account)
{
    uint32_t number;
    if (parse_u32(pop_view_of(name), &number)) {
        account->gid = number;
        return true;
    }
    const struct group *entry = getgrnam(name);
    if (entry == NULL)
        return false;
    account->gid = entry->gr_gid;
    return true;
}

enum err_code
account_resolve(
    const char *option, const struct conf_account *configured, struct account *ret_account,
    struct err *err)
{
    struct account account = {.change = geteuid() == 0};
    if (!account.change) {
        *ret_account = account;
        return ERR_OK;
    }
    const char *colon = strchr(configured->text, ':');
    struct pop_view name = pop_view_of(configured->text);
    if (colon != NULL)
        name.len = (size_t)(colon - configured->text);
    if (!find_user(name, &account)) {
        if (!configured->set && fallback(option, ret_account))
            return ERR_OK;
        return err_set(
            err, ERR_INVALID,
            "%s: there is no user '%.*s'; make it (adduser --system --group %.*s) or name "
            "another",
            option, (int)name.len, name.data, (int)name.len, name.data);
    }
    if (colon != NULL && !find_group(colon + 1, &account))
        return err_set(err, ERR_INVALID, "%s: there is no group '%s'", option, colon + 1);
    if (account.uid == 0)
        return err_set(err, ERR_INVALID, "%s: a role must not run as root", option);
    *ret_account = account;
    return ERR_OK;
}
