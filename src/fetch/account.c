/* One account to fetch from. */
#include "fetch/account.h"

#include "fetch/escape.h"

#include <stdio.h>

/* What "USER " or "PASS " and CRLF leave of a command line (R2449-7). */
#define LOGIN_ARGUMENT_MAX (POP_COMMAND_MAX - 7u)

enum err_code
account_set_url(struct account *account, const struct pop_url *url, struct err *err)
{
    if (url->auth == URL_AUTH_APOP)
        return err_set(
            err, ERR_INVALID,
            "this version does not log in with APOP; leave out ;AUTH=+APOP to "
            "use USER and PASS");
    if (url->auth == URL_AUTH_SASL)
        return err_set(
            err, ERR_INVALID,
            "this version does not log in with SASL (%s); leave out ;AUTH=%s "
            "to use USER and PASS",
            url->mechanism, url->mechanism);
    if (strlen(url->user) > LOGIN_ARGUMENT_MAX)
        return err_set(
            err, ERR_INVALID,
            "the user name is longer than %u octets, the most that a POP3 "
            "command holds",
            LOGIN_ARGUMENT_MAX);
    account->url = *url;
    struct shown user = escape_text(pop_view_of(url->user));
    (void)snprintf(account->label, sizeof account->label, "%s@%s", user.text, url->host);
    return ERR_OK;
}

enum err_code
account_check_password(const struct account *account, struct err *err)
{
    const struct secret *password = &account->password;
    if (password->len == 0)
        return err_set(err, ERR_INVALID, "the password is empty");
    if (password->len > LOGIN_ARGUMENT_MAX)
        return err_set(
            err, ERR_INVALID,
            "the password is longer than %u octets, the most that a POP3 "
            "command holds",
            LOGIN_ARGUMENT_MAX);
    for (size_t i = 0; i < password->len; i++)
        if ((unsigned char)password->data[i] < 0x20 || password->data[i] == 0x7F)
            return err_set(err, ERR_INVALID, "the password has a control character");
    return ERR_OK;
}

struct pop_view
account_identity(const struct account *account, char storage[ACCOUNT_IDENTITY_MAX])
{
    int len = snprintf(
        storage, ACCOUNT_IDENTITY_MAX, "%s@%s:%u", account->url.user, account->url.host,
        account->url.port);
    assert(len > 0 && len < (int)ACCOUNT_IDENTITY_MAX);
    return (struct pop_view){storage, (size_t)len};
}
