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
    account->tls = url->implicit_tls ? ACCOUNT_TLS_IMPLICIT : ACCOUNT_TLS_AUTO;
    struct shown user = escape_text(pop_view_of(url->user));
    (void)snprintf(account->label, sizeof account->label, "%s@%s", user.text, url->host);
    return ERR_OK;
}

/* One or several, with commas between them, or semicolons as curl has it. */
static enum err_code
set_pins(struct account *account, const char *text, struct err *err)
{
    for (size_t len; text != NULL; text = text[len] != '\0' ? text + len + 1 : NULL) {
        len = strcspn(text, ",;");
        if (account->pin_count == TLS_PINS_MAX)
            return err_set(err, ERR_INVALID, "--pin takes at most %u pins", TLS_PINS_MAX);
        struct pop_view pin = {text, len};
        if (!tls_pin_parse(pin, &account->pins[account->pin_count++]))
            return err_set(
                err, ERR_INVALID,
                "--pin is the SHA-256 of the server's public key: 64 hexadecimal digits or "
                "sha256//BASE64");
    }
    return ERR_OK;
}

static enum err_code
set_mode(struct account *account, const char *tls, struct err *err)
{
    if (strcmp(tls, "required") == 0) {
        if (account->tls == ACCOUNT_TLS_AUTO)
            account->tls = ACCOUNT_TLS_STLS; /* pops:// is more already */
    } else if (strcmp(tls, "implicit") == 0) {
        account->tls = ACCOUNT_TLS_IMPLICIT;
        if (!account->url.port_given)
            account->url.port = URL_PORT_POPS;
    } else if (strcmp(tls, "off") == 0) {
        if (account->tls == ACCOUNT_TLS_IMPLICIT)
            return err_set(
                err, ERR_INVALID, "a pops:// URL asks for TLS and --tls off for none");
        account->tls = ACCOUNT_TLS_OFF;
    } else {
        return err_set(err, ERR_INVALID, "--tls is one of required, implicit, off");
    }
    return ERR_OK;
}

enum err_code
account_set_tls(
    struct account *account, const char *tls, const char *ca, const char *pins, struct err *err)
{
    enum err_code code = tls != NULL ? set_mode(account, tls, err) : ERR_OK;
    if (code == ERR_OK)
        code = set_pins(account, pins, err);
    if (code != ERR_OK)
        return code;
    if (ca != NULL && pins != NULL)
        return err_set(
            err, ERR_INVALID,
            "--pin takes the place of --ca: a key that is known needs nobody to vouch for it");
    if (account->tls == ACCOUNT_TLS_OFF && (ca != NULL || pins != NULL))
        return err_set(err, ERR_INVALID, "--ca and --pin mean nothing with --tls off");
    /* Who says whom to believe means TLS, to this machine too. */
    if (account->tls == ACCOUNT_TLS_AUTO && (ca != NULL || pins != NULL))
        account->tls = ACCOUNT_TLS_STLS;
    account->ca = ca;
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
    uint16_t port = account->url.port == URL_PORT_POPS ? URL_PORT_POP : account->url.port;
    int len = snprintf(
        storage, ACCOUNT_IDENTITY_MAX, "%s@%s:%u", account->url.user, account->url.host, port);
    assert(len > 0 && len < (int)ACCOUNT_IDENTITY_MAX);
    return (struct pop_view){storage, (size_t)len};
}
