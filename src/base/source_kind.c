/* The tables of sources and of their options. */
#include "base/source_kind.h"

#include "base/check.h"

#define BIT(option) SOURCE_OPTION_BIT(option)

static const struct source_kind_row rows[SOURCE_KIND_COUNT] = {
    [SOURCE_PASSWD_FILE] =
        {.name = "passwd-file", .options = BIT(SOURCE_FILE), .needed = BIT(SOURCE_FILE)},
    [SOURCE_PAM] = {.name = "pam", .helper = true, .options = BIT(SOURCE_SERVICE)},
    [SOURCE_CHECKPASSWORD] =
        {.name = "checkpassword",
         .helper = true,
         .options = BIT(SOURCE_PROGRAM),
         .needed = BIT(SOURCE_PROGRAM)},
    [SOURCE_LDAP] =
        {.name = "ldap",
         .helper = true,
         .options = BIT(SOURCE_URL) | BIT(SOURCE_CA) | BIT(SOURCE_START_TLS) |
                    BIT(SOURCE_BASE) | BIT(SOURCE_FILTER) | BIT(SOURCE_BIND_DN) |
                    BIT(SOURCE_PASSWORD_FILE) | BIT(SOURCE_CHECK),
         .needed = BIT(SOURCE_URL)},
    [SOURCE_SQL] =
        {.name = "sql",
         .helper = true,
         .options = BIT(SOURCE_URL) | BIT(SOURCE_PASSWORD_FILE) | BIT(SOURCE_QUERY),
         .needed = BIT(SOURCE_URL) | BIT(SOURCE_QUERY)},
    [SOURCE_OAUTH2] =
        {.name = "oauth2",
         .helper = true,
         .tokens = true,
         .options = BIT(SOURCE_INTROSPECTION) | BIT(SOURCE_CLIENT_ID) |
                    BIT(SOURCE_PASSWORD_FILE) | BIT(SOURCE_CA) | BIT(SOURCE_JWKS) |
                    BIT(SOURCE_ISSUER) | BIT(SOURCE_AUDIENCE) | BIT(SOURCE_SCOPE) |
                    BIT(SOURCE_CLAIM)},
};

static const char *const option_names[SOURCE_OPTION_COUNT] = {
    [SOURCE_FILE] = "file",
    [SOURCE_SERVICE] = "service",
    [SOURCE_PROGRAM] = "program",
    [SOURCE_URL] = "url",
    [SOURCE_CA] = "ca",
    [SOURCE_START_TLS] = "start-tls",
    [SOURCE_BASE] = "base",
    [SOURCE_FILTER] = "filter",
    [SOURCE_BIND_DN] = "bind-dn",
    [SOURCE_PASSWORD_FILE] = "password-file",
    [SOURCE_CHECK] = "check",
    [SOURCE_QUERY] = "query",
    [SOURCE_INTROSPECTION] = "introspection",
    [SOURCE_CLIENT_ID] = "client-id",
    [SOURCE_JWKS] = "jwks",
    [SOURCE_ISSUER] = "issuer",
    [SOURCE_AUDIENCE] = "audience",
    [SOURCE_SCOPE] = "scope",
    [SOURCE_CLAIM] = "claim",
};

const struct source_kind_row *
source_kind_row(enum source_kind kind)
{
    CHECK(kind < SOURCE_KIND_COUNT);
    return &rows[kind];
}

enum source_kind
source_kind_find(struct pop_view name)
{
    unsigned i = 0;
    while (i < SOURCE_KIND_COUNT && !pop_view_equal(name, pop_view_of(rows[i].name)))
        i++;
    return (enum source_kind)i;
}

const char *
source_option_name(enum source_option option)
{
    CHECK(option < SOURCE_OPTION_COUNT);
    return option_names[option];
}
