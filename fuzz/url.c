/* pop: URLs: what is accepted, written out again with everything encoded, means the same; what
 * is refused leaves the result alone and is not repeated. */
#include "fetch/url.h"

#include "fuzz.h"

#include <stdio.h>

static bool
same(const struct pop_url *a, const struct pop_url *b)
{
    return a->implicit_tls == b->implicit_tls && a->auth == b->auth && a->port == b->port &&
           strcmp(a->mechanism, b->mechanism) == 0 && strcmp(a->user, b->user) == 0 &&
           strcmp(a->host, b->host) == 0;
}

/* Every octet of the user name as %XX, the port always there. */
static void
write_url(const struct pop_url *url, char *text, size_t cap)
{
    int len = snprintf(text, cap, "%s://", url->implicit_tls ? "pops" : "pop");
    for (const char *c = url->user; *c != '\0'; c++)
        len += snprintf(text + len, cap - (size_t)len, "%%%02x", (unsigned char)*c);
    const char *auth = url->auth == URL_AUTH_ANY    ? ""
                       : url->auth == URL_AUTH_APOP ? ";AUTH=+APOP"
                                                    : ";AUTH=";
    bool literal = strchr(url->host, ':') != NULL;
    len += snprintf(
        text + len, cap - (size_t)len, "%s%s@%s%s%s:%u", auth, url->mechanism,
        literal ? "[" : "", url->host, literal ? "]" : "", url->port);
    CHECK(len > 0 && (size_t)len < cap);
}

static void
check_fields(const struct pop_url *url)
{
    CHECK(url->port >= 1 && url->user[0] != '\0' && url->host[0] != '\0');
    CHECK((url->auth == URL_AUTH_SASL) == (url->mechanism[0] != '\0'));
    for (const char *c = url->user; *c != '\0'; c++)
        CHECK((unsigned char)*c >= 0x20 && *c != 0x7f);
    for (const char *c = url->host; *c != '\0'; c++)
        CHECK(strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.:", *c) != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    struct pop_url url = {.port = 7777};
    struct err err = {0};
    enum err_code code = url_parse(text, &url, &err);
    if (code == ERR_OK) {
        char again[4 * (USER_NAME_MAX + URL_HOST_MAX)];
        struct pop_url second;
        check_fields(&url);
        write_url(&url, again, sizeof again);
        CHECK(url_parse(again, &second, &err) == ERR_OK && same(&url, &second));
    } else {
        CHECK(code == ERR_INVALID && url.port == 7777 && url.user[0] == '\0');
        /* Our own texts and nothing else: they have no quotes, the input might. */
        for (const char *c = err.text; *c != '\0'; c++)
            CHECK(*c >= 0x20 && *c <= 0x7e && *c != '"');
        CHECK(strlen(err.text) > 10 && strlen(err.text) < 200);
    }
    free(text);
    return 0;
}
