/* pop: and pops: URLs. Never repeats the URL in a message: it may hold a password. */
#include "fetch/url.h"

#include "base/number.h"

#include <ctype.h>
#include <string.h>

/* Drops `prefix` from the start of *text, whatever its case. */
static bool
take_prefix(struct pop_view *text, const char *prefix)
{
    struct pop_view wanted = pop_view_of(prefix);
    if (text->len < wanted.len ||
        !pop_view_same_word((struct pop_view){text->data, wanted.len}, wanted))
        return false;
    pop_view_skip(text, wanted.len);
    return true;
}

static const char *
view_find(struct pop_view view, char c)
{
    return view.len > 0 ? memchr(view.data, c, view.len) : NULL;
}

/* Octets that RFC 2384 lets stand for themselves in a user name; all others must come as %XX.
 */
static bool
is_plain(char c)
{
    return isalnum((unsigned char)c) || (c != '\0' && strchr("$-_.+!*'(),&=~", c) != NULL);
}

/* One octet of the name, decoded; -1: it must not stand there. Moves *text past it. */
static int
take_octet(struct pop_view *text)
{
    char c = text->data[0];
    if (c != '%') {
        pop_view_skip(text, 1);
        return is_plain(c) ? c : -1;
    }
    if (text->len < 3)
        return -1;
    int high = hex_value(text->data[1]);
    int low = hex_value(text->data[2]);
    pop_view_skip(text, 3);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Undoes percent-encoding (R2384-3). A control character could end the command line that the
 * name goes into: refused. */
static enum err_code
parse_user(struct pop_view text, struct pop_url *url, struct err *err)
{
    size_t len = 0;
    while (text.len > 0) {
        int c = take_octet(&text);
        if (c < 0)
            return err_set(
                err, ERR_INVALID,
                "the user name in the URL has an octet that must be written "
                "as %%XX (%%40 for '@'), or a wrong %%XX");
        if (c < 0x20 || c == 0x7F)
            return err_set(
                err, ERR_INVALID, "the user name in the URL has a control character");
        if (len == USER_NAME_MAX)
            return err_set(
                err, ERR_INVALID, "the user name in the URL is longer than %u octets",
                USER_NAME_MAX);
        url->user[len++] = (char)c;
    }
    if (len == 0)
        return err_set(err, ERR_INVALID, "the URL has no user name: pop://USER@HOST");
    url->user[len] = '\0';
    return ERR_OK;
}

/* What follows ";" in the user part (R2384-2). */
static enum err_code
parse_auth(struct pop_view text, struct pop_url *url, struct err *err)
{
    if (!take_prefix(&text, "AUTH=") || text.len == 0)
        return err_set(err, ERR_INVALID, "only ;AUTH=... may follow the user name in the URL");
    if (pop_view_equal(text, POP_VIEW("*")))
        return ERR_OK;
    struct pop_view apop = text;
    if (take_prefix(&apop, "+APOP") && apop.len == 0) {
        url->auth = URL_AUTH_APOP;
        return ERR_OK;
    }
    if (text.len > URL_MECHANISM_MAX)
        return err_set(err, ERR_INVALID, "the AUTH mechanism in the URL is too long");
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!isalnum((unsigned char)c) && c != '-' && c != '_')
            return err_set(err, ERR_INVALID, "the AUTH mechanism in the URL is malformed");
        url->mechanism[i] = (char)toupper((unsigned char)c);
    }
    url->auth = URL_AUTH_SASL;
    return ERR_OK;
}

static enum err_code
parse_user_part(struct pop_view text, struct pop_url *url, struct err *err)
{
    if (view_find(text, ':') != NULL)
        return err_set(
            err, ERR_INVALID,
            "a password does not belong into the URL, where every user of "
            "the machine can read it: use RESTANTE_PASSWORD, "
            "--password-command or the prompt");
    const char *semicolon = view_find(text, ';');
    if (semicolon != NULL) {
        struct pop_view auth = text;
        pop_view_skip(&auth, (size_t)(semicolon - text.data) + 1);
        enum err_code code = parse_auth(auth, url, err);
        if (code != ERR_OK)
            return code;
        text.len = (size_t)(semicolon - text.data);
    }
    return parse_user(text, url, err);
}

static enum err_code
parse_port(struct pop_view text, struct pop_url *url, struct err *err)
{
    uint32_t port;
    if (!parse_u32(text, &port) || port == 0 || port > UINT16_MAX)
        return err_set(err, ERR_INVALID, "the port in the URL is not a number from 1 to 65535");
    url->port = (uint16_t)port;
    url->port_given = true;
    return ERR_OK;
}

static bool
is_host_octet(char c, bool literal)
{
    return isalnum((unsigned char)c) || c == '.' || (literal ? c == ':' : c == '-' || c == '_');
}

/* host, host:port, [address], [address]:port */
static enum err_code
parse_host(struct pop_view text, struct pop_url *url, struct err *err)
{
    bool literal = text.len > 0 && text.data[0] == '[';
    if (literal)
        pop_view_skip(&text, 1);
    const char *end = view_find(text, literal ? ']' : ':');
    if (literal && end == NULL)
        return err_set(err, ERR_INVALID, "the address in the URL lacks its ']'");

    struct pop_view host = text;
    if (end != NULL)
        host.len = (size_t)(end - text.data);
    if (host.len == 0 || host.len > URL_HOST_MAX)
        return err_set(err, ERR_INVALID, "the URL has no host, or one that is too long");
    for (size_t i = 0; i < host.len; i++) {
        if (!is_host_octet(host.data[i], literal))
            return err_set(err, ERR_INVALID, "the host in the URL is malformed");
        url->host[i] = (char)tolower((unsigned char)host.data[i]);
    }

    pop_view_skip(&text, host.len + (literal ? 1 : 0));
    if (text.len == 0)
        return ERR_OK;
    if (text.data[0] != ':')
        return err_set(err, ERR_INVALID, "only :PORT may follow the host in the URL");
    pop_view_skip(&text, 1);
    return parse_port(text, url, err);
}

enum err_code
url_parse(const char *text, struct pop_url *ret_url, struct err *err)
{
    struct pop_view rest = pop_view_of(text);
    struct pop_url url = {.implicit_tls = take_prefix(&rest, "pops://")};
    if (!url.implicit_tls && !take_prefix(&rest, "pop://"))
        return err_set(
            err, ERR_INVALID,
            "the URL must start with pop:// or pops://, "
            "as in pop://USER@HOST");
    url.port = url.implicit_tls ? URL_PORT_POPS : URL_PORT_POP;

    const char *at = rest.len > 0 ? memrchr(rest.data, '@', rest.len) : NULL;
    if (at == NULL)
        return err_set(err, ERR_INVALID, "the URL has no user name: pop://USER@HOST");
    struct pop_view user = {rest.data, (size_t)(at - rest.data)};
    pop_view_skip(&rest, user.len + 1);

    enum err_code code = parse_user_part(user, &url, err);
    if (code == ERR_OK)
        code = parse_host(rest, &url, err);
    if (code == ERR_OK)
        *ret_url = url;
    return code;
}
