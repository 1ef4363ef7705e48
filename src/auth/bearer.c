/* The messages of OAUTHBEARER and XOAUTH2. Never keeps or shows a token. */
#include "auth/bearer.h"

#include "base/check.h"
#include "base/number.h"

/* What ends each part of a message, and the message itself. */
#define SEPARATOR '\x01'

static bool
is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Drops the prefix if it is there. */
static bool
take(struct pop_view *rest, struct pop_view prefix)
{
    if (rest->len < prefix.len || memcmp(rest->data, prefix.data, prefix.len) != 0)
        return false;
    pop_view_skip(rest, prefix.len);
    return true;
}

/* The octets up to `end`, which is dropped too; false: it does not come. */
static bool
take_until(struct pop_view *rest, char end, struct pop_view *ret_octets)
{
    const char *place = rest->len > 0 ? memchr(rest->data, end, rest->len) : NULL;
    if (place == NULL)
        return false;
    *ret_octets = (struct pop_view){rest->data, (size_t)(place - rest->data)};
    pop_view_skip(rest, ret_octets->len + 1);
    return true;
}

/* ---- names ---- */

/* RFC 5801, section 4: "=2C" and "=3D" are a comma and an equals sign, and "=" stands nowhere
 * else. */
static bool
take_escaped(struct pop_view *rest, char *ret_octet)
{
    if (take(rest, POP_VIEW("=2C")))
        *ret_octet = ',';
    else if (take(rest, POP_VIEW("=3D")))
        *ret_octet = '=';
    else
        return false;
    return true;
}

/* False: empty, too long, or with an octet that no name has. */
static bool
set_name(struct pop_view text, bool escaped, struct bearer_response *response)
{
    size_t len = 0;
    while (text.len > 0) {
        char octet = text.data[0];
        if (octet == '\0' || len == USER_NAME_MAX)
            return false;
        if (escaped && octet == '=') {
            if (!take_escaped(&text, &octet))
                return false;
        } else {
            pop_view_skip(&text, 1);
        }
        response->name[len++] = octet;
    }
    response->name[len] = '\0';
    return len > 0;
}

/* ---- tokens ---- */

bool
bearer_is_token(struct pop_view text)
{
    if (text.len > TOKEN_MAX)
        return false;
    while (text.len > 0 && text.data[text.len - 1] == '=')
        text.len--;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!is_letter(c) && !is_digit(c) && (c == '\0' || strchr("-._~+/", c) == NULL))
            return false;
    }
    return text.len > 0;
}

bool
bearer_is_scope(struct pop_view text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c < 0x21 || c > 0x7e || c == '"' || c == '\\')
            return false;
    }
    return text.len > 0;
}

/* "Bearer TOKEN", as in HTTP (RFC 7235, section 2.1): the word's case does not matter. */
static bool
set_token(struct pop_view text, struct bearer_response *response)
{
    const struct pop_view scheme = POP_VIEW("Bearer");
    struct pop_view word = {text.data, scheme.len};
    if (text.len <= scheme.len || !pop_view_same_word(word, scheme) ||
        text.data[scheme.len] != ' ')
        return false;
    pop_view_skip(&text, scheme.len);
    while (text.len > 0 && text.data[0] == ' ')
        pop_view_skip(&text, 1);
    if (!bearer_is_token(text))
        return false;
    response->token = text;
    return true;
}

/* ---- OAUTHBEARER ---- */

/* The header of RFC 5801. "p" binds to the channel, which this mechanism cannot; "y" says that
 * the client could have, and that no mechanism here offers it is true of these. */
static bool
take_header(struct pop_view *rest, struct bearer_response *response)
{
    struct pop_view name;
    if (!take(rest, POP_VIEW("n,")) && !take(rest, POP_VIEW("y,")))
        return false;
    bool named = take(rest, POP_VIEW("a="));
    if (!take_until(rest, ',', &name) || !take(rest, POP_VIEW("\x01")))
        return false;
    return named ? set_name(name, true, response) : name.len == 0;
}

/* R7628: letters. */
static bool
is_key(struct pop_view text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_letter(text.data[i]))
            return false;
    return text.len > 0;
}

/* Visible octets and white space. */
static bool
is_value(struct pop_view text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if ((c < 0x20 || c > 0x7e) && c != '\t' && c != '\r' && c != '\n')
            return false;
    }
    return true;
}

static bool
is_port(struct pop_view text)
{
    uint32_t port;
    return parse_u32(text, &port) && port >= 1 && port <= 65535 && text.data[0] != '0';
}

/* Keys that may come once. A bit of what was seen for each. */
enum { SEEN_AUTH = 1, SEEN_HOST = 2, SEEN_PORT = 4 };

static unsigned
key_bit(struct pop_view key)
{
    return pop_view_equal(key, POP_VIEW("auth"))   ? SEEN_AUTH
           : pop_view_equal(key, POP_VIEW("host")) ? SEEN_HOST
           : pop_view_equal(key, POP_VIEW("port")) ? SEEN_PORT
                                                   : 0;
}

static bool
take_pair(struct pop_view *rest, unsigned *seen, struct bearer_response *response)
{
    struct pop_view value;
    struct pop_view key;
    if (!take_until(rest, SEPARATOR, &value) || !take_until(&value, '=', &key) ||
        !is_key(key) || !is_value(value))
        return false;
    unsigned bit = key_bit(key);
    if ((*seen & bit) != 0)
        return false;
    *seen |= bit;
    if (bit == SEEN_AUTH)
        return set_token(value, response);
    return bit != SEEN_PORT || is_port(value);
}

static bool
parse_oauthbearer(struct pop_view rest, struct bearer_response *response)
{
    unsigned seen = 0;
    if (!take_header(&rest, response))
        return false;
    while (rest.len > 0 && rest.data[0] != SEPARATOR)
        if (!take_pair(&rest, &seen, response))
            return false;
    return pop_view_equal(rest, POP_VIEW("\x01")) && (seen & SEEN_AUTH) != 0;
}

/* ---- XOAUTH2 ---- */

static bool
parse_xoauth2(struct pop_view rest, struct bearer_response *response)
{
    struct pop_view name;
    struct pop_view value;
    return take(&rest, POP_VIEW("user=")) && take_until(&rest, SEPARATOR, &name) &&
           set_name(name, false, response) && take(&rest, POP_VIEW("auth=")) &&
           take_until(&rest, SEPARATOR, &value) && set_token(value, response) &&
           pop_view_equal(rest, POP_VIEW("\x01"));
}

/* ---- both ---- */

bool
bearer_parse(
    enum mechanism mechanism, struct pop_view message, struct bearer_response *ret_response)
{
    struct bearer_response response = {0};
    CHECK(mechanism_row(mechanism)->bearer);
    bool good = mechanism == MECHANISM_XOAUTH2 ? parse_xoauth2(message, &response)
                                               : parse_oauthbearer(message, &response);
    if (good)
        *ret_response = response;
    return good;
}

size_t
bearer_challenge(
    enum mechanism mechanism, struct pop_view scope, char ret_challenge[BEARER_CHALLENGE_MAX])
{
    struct pop_buffer out = {.data = ret_challenge, .cap = BEARER_CHALLENGE_MAX};
    CHECK(mechanism_row(mechanism)->bearer);
    pop_buffer_put(
        &out, mechanism == MECHANISM_XOAUTH2
                  ? POP_VIEW("{\"status\":\"401\",\"schemes\":\"bearer\"")
                  : POP_VIEW("{\"status\":\"invalid_token\""));
    if (bearer_is_scope(scope) && scope.len <= BEARER_SCOPE_MAX) {
        pop_buffer_put(&out, POP_VIEW(",\"scope\":\""));
        pop_buffer_put(&out, scope);
        pop_buffer_put(&out, POP_VIEW("\""));
    }
    pop_buffer_put(&out, POP_VIEW("}"));
    return out.len;
}
