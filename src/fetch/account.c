/* One account to fetch from. */
#include "fetch/account.h"

#include "fetch/escape.h"
#include "fetch/sasl.h"

#include <stdio.h>

/* What "USER " or "PASS " and CRLF leave of a command line (R2449-7). */
#define LOGIN_ARGUMENT_MAX (POP_COMMAND_MAX - 7u)

/* Also MECHANISM_COUNT may be asked about. */
static bool
is_known(enum mechanism mechanism)
{
    return (sasl_mechanisms() & MECHANISM_BIT(mechanism)) != 0;
}

enum err_code
account_set_url(struct account *account, const struct pop_url *url, struct err *err)
{
    if (url->auth == URL_AUTH_APOP)
        return err_set(
            err, ERR_INVALID,
            "this version does not log in with APOP; leave out ;AUTH=+APOP to use the best "
            "login that the server has");
    if (url->auth == URL_AUTH_SASL) {
        account->login =
            (struct login_wish){LOGIN_NAMED, mechanism_find(pop_view_of(url->mechanism))};
        if (!is_known(account->login.mechanism))
            return err_set(
                err, ERR_INVALID,
                "this version does not log in with %s; leave out ;AUTH=%s to use the best "
                "login that the server has",
                url->mechanism, url->mechanism);
    }
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

/* What --auth says. */
static enum err_code
read_wish(const char *auth, struct login_wish *ret_wish, struct err *err)
{
    char names[MECHANISM_NAMES_MAX];
    struct login_wish wish = {LOGIN_NAMED, mechanism_find(pop_view_of(auth))};
    if (strcmp(auth, "auto") == 0)
        wish.way = LOGIN_AUTO;
    else if (strcmp(auth, "password") == 0)
        wish.way = LOGIN_PASSWORD;
    else if (!is_known(wish.mechanism))
        return err_set(
            err, ERR_INVALID, "--auth is auto, password (USER and PASS), or one of %.*s",
            (int)mechanism_names(sasl_mechanisms(), names), names);
    *ret_wish = wish;
    return ERR_OK;
}

enum err_code
account_set_auth(struct account *account, const char *auth, bool has_token, struct err *err)
{
    struct login_wish url = account->login;
    struct login_wish *wish = &account->login;
    enum err_code code = auth != NULL ? read_wish(auth, wish, err) : ERR_OK;
    if (code != ERR_OK)
        return code;
    if (url.way == LOGIN_NAMED && (wish->way != url.way || wish->mechanism != url.mechanism))
        return err_set(err, ERR_INVALID, "--auth and the URL's ;AUTH= name different logins");
    bool bearer = wish->way == LOGIN_NAMED && mechanism_row(wish->mechanism)->bearer;
    if (bearer && !has_token)
        return err_set(
            err, ERR_INVALID, "%s needs an access token: --token-command",
            mechanism_row(wish->mechanism)->name);
    if (has_token && !bearer && wish->way != LOGIN_AUTO)
        return err_set(err, ERR_INVALID, "--token-command is for OAUTHBEARER and XOAUTH2 only");
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
