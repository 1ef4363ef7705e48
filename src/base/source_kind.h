/* The kinds of sources of users, and what each is told: for the configuration, the parent, auth
 * and its helpers. */
#ifndef BASE_SOURCE_KIND_H
#define BASE_SOURCE_KIND_H

#include <pop/view.h>
#include <stdint.h>

enum source_kind {
    SOURCE_PASSWD_FILE,
    SOURCE_PAM,
    SOURCE_CHECKPASSWORD,
    SOURCE_LDAP,
    SOURCE_SQL,
    SOURCE_OAUTH2,
    SOURCE_KIND_COUNT,
};

/* Options of `auth "KIND" { ... }`; conf/option.c has their help. */
enum source_option {
    SOURCE_FILE,          /* passwd-file: the file */
    SOURCE_SERVICE,       /* pam: the service's name, /etc/pam.d/NAME */
    SOURCE_PROGRAM,       /* checkpassword: the program, absolute */
    SOURCE_URL,           /* ldap: ldap://host, ldaps://host or ldapi://path; sql: postgresql://
                           * or sqlite:/path */
    SOURCE_CA,            /* ldap, oauth2: PEM file of the authorities; else the system's */
    SOURCE_START_TLS,     /* ldap: "yes" or "no" */
    SOURCE_BASE,          /* ldap: where to search */
    SOURCE_FILTER,        /* ldap: with %u, %n, %d, escaped (RFC 4515) */
    SOURCE_BIND_DN,       /* ldap: who searches; none: anonymous. With %u, %n, %d and without a
                           * base: the user itself, whose password decides */
    SOURCE_PASSWORD_FILE, /* ldap: the searcher's password; sql: PostgreSQL's; oauth2: the
                           * client's secret. One line */
    SOURCE_CHECK, /* ldap: "bind" (as the entry found) or "compare" (with userPassword) */
    SOURCE_QUERY, /* sql: with $1 the user name, $2 local part, $3 domain */
    SOURCE_INTROSPECTION, /* oauth2: RFC 7662 endpoint */
    SOURCE_CLIENT_ID,     /* oauth2: at that endpoint */
    SOURCE_JWKS,          /* oauth2: a file of keys (RFC 7517) instead of the endpoint */
    SOURCE_ISSUER,        /* oauth2: what "iss" must be */
    SOURCE_AUDIENCE,      /* oauth2: what "aud" must have */
    SOURCE_SCOPE,         /* oauth2: a scope that the token must have */
    SOURCE_CLAIM,         /* oauth2: where the user's name stands: "email" */
    SOURCE_OPTION_COUNT,
};

struct source_kind_row {
    const char *name; /* in the configuration, and restanted-NAME is its helper */
    bool helper;      /* works in a process of its own */
    bool tokens;      /* checks bearer tokens, no passwords */
    uint32_t options; /* bits by enum source_option */
    uint32_t needed;  /* of which these must be given */
};

const struct source_kind_row *source_kind_row(enum source_kind kind);

/* SOURCE_KIND_COUNT: there is none of that name. */
enum source_kind source_kind_find(struct pop_view name);

/* "bind-dn": as it is written in the configuration. */
const char *source_option_name(enum source_option option);

#define SOURCE_OPTION_BIT(option) (1u << (option))

#endif
