/* What sources find about a user, checked. */
#include "auth/user.h"

#include "auth/password.h"
#include "auth/user_name.h"
#include "base/number.h"

#include <stdio.h>

static void
copy_text(char *to, struct pop_view from)
{
    if (from.len > 0)
        memcpy(to, from.data, from.len);
    to[from.len] = '\0';
}

void
auth_user_begin(struct auth_user *user, struct pop_view name)
{
    /* Not all of it: the passwords are some kilobytes, and their count says that none is there.
     */
    copy_text(user->name, name);
    user->stored[0] = '\0';
    user->other_count = 0;
    user->disabled = false;
    user->uid = AUTH_ID_NONE;
    user->gid = AUTH_ID_NONE;
    user->home[0] = '\0';
}

enum err_code
auth_user_set_name(struct auth_user *user, struct pop_view name, struct err *err)
{
    const char *problem = user_name_problem(name);
    if (problem != NULL)
        return err_set(err, ERR_INVALID, "%s", problem);
    copy_text(user->name, name);
    return ERR_OK;
}

enum err_code
auth_user_add_password(
    struct auth_user *user, struct pop_view stored, struct pop_view label, struct err *err)
{
    struct password password;
    if (stored.len > HASH_TEXT_MAX || memchr(stored.data, '\0', stored.len) != NULL)
        return err_set(err, ERR_INVALID, "the password field is too long or has a NUL");
    if (password_parse(stored, &password, err) != ERR_OK)
        return err_set(err, ERR_INVALID, "the scheme of the password is not known here");
    if (user->stored[0] == '\0') {
        copy_text(user->stored, stored);
        return ERR_OK;
    }
    if (user->other_count == CREDENTIALS_MAX)
        return err_set(
            err, ERR_LIMIT, "more than %u application passwords (CREDENTIALS_MAX)",
            CREDENTIALS_MAX);
    struct auth_credential *other = &user->others[user->other_count];
    if (label.len > LABEL_MAX)
        return err_set(err, ERR_INVALID, "a label has at most %u octets", LABEL_MAX);
    if (label.len > 0)
        copy_text(other->label, label);
    else
        (void)snprintf(other->label, sizeof other->label, "%u", user->other_count + 2);
    copy_text(other->stored, stored);
    user->other_count++;
    return ERR_OK;
}

enum err_code
auth_user_set_ids(
    struct auth_user *user, struct pop_view uid, struct pop_view gid, struct err *err)
{
    uint32_t numbers[2] = {user->uid, user->gid};
    const struct pop_view texts[2] = {uid, gid};
    for (size_t i = 0; i < 2; i++)
        if (texts[i].len > 0 &&
            (!parse_u32(texts[i], &numbers[i]) || numbers[i] == AUTH_ID_NONE))
            return err_set(err, ERR_INVALID, "uid and gid are numbers");
    user->uid = numbers[0];
    user->gid = numbers[1];
    return ERR_OK;
}

enum err_code
auth_user_set_home(struct auth_user *user, struct pop_view home, struct err *err)
{
    if (home.len >= PATH_LEN_MAX || (home.len > 0 && memchr(home.data, '\0', home.len) != NULL))
        return err_set(err, ERR_INVALID, "the home folder is too long or has a NUL");
    if (home.len > 0)
        copy_text(user->home, home);
    return ERR_OK;
}
