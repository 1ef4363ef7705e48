/* The host in a URL (RFC 3986, section 3.2), as far as "is it this one?" needs it. */
#include "auth/url_host.h"

#include <pop/view.h>
#include <strings.h>

static bool
starts_with(struct pop_view text, const char *start)
{
    size_t len = strlen(start);
    return text.len >= len && strncasecmp(text.data, start, len) == 0;
}

static bool
is_number(struct pop_view text)
{
    size_t digits = 0;
    while (digits < text.len && strchr("0123456789.", text.data[digits]) != NULL)
        digits++;
    return digits == text.len;
}

/* "host:port", of which the port is cut off. */
static bool
host_is_local(struct pop_view host)
{
    const char *end = NULL;
    if (starts_with(host, "["))
        return starts_with(host, "[::1]") && (host.len == 5 || host.data[5] == ':');
    if (host.len > 0)
        end = memchr(host.data, ':', host.len);
    if (end != NULL)
        host.len = (size_t)(end - host.data);
    return host.len == 0 || starts_with(host, "%2f") || /* a path */
           pop_view_same_word(host, POP_VIEW("localhost")) ||
           (starts_with(host, "127.") && is_number(host));
}

/* PostgreSQL takes the host as a parameter too. */
static bool
parameters_are_local(const char *parameters)
{
    bool local = true;
    for (const char *c = parameters; c != NULL && *c != '\0'; c = strchr(c, '&')) {
        c += *c == '?' || *c == '&';
        if (strncasecmp(c, "host", 4) == 0) { /* and hostaddr */
            const char *value = c + strcspn(c, "=&");
            local =
                local && (strncmp(value, "=/", 2) == 0 || strncasecmp(value, "=%2f", 4) == 0);
        }
    }
    return local;
}

bool
url_is_local(const char *url)
{
    const char *start = strstr(url, "://");
    if (start == NULL)
        return false;
    start += 3;
    struct pop_view hosts = {start, strcspn(start, "/?#")};
    const char *user_end = hosts.len > 0 ? memrchr(start, '@', hosts.len) : NULL;
    if (user_end != NULL)
        pop_view_skip(&hosts, (size_t)(user_end - start) + 1);
    bool local = parameters_are_local(strchr(start, '?'));
    for (;;) {
        const char *comma = hosts.len > 0 ? memchr(hosts.data, ',', hosts.len) : NULL;
        struct pop_view host = {hosts.data, comma ? (size_t)(comma - hosts.data) : hosts.len};
        local = local && host_is_local(host);
        if (comma == NULL)
            return local;
        pop_view_skip(&hosts, host.len + 1);
    }
}
