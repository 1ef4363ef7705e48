/* The option table. To add an option: a row here and a field in conf.h. */
#include "conf/option.h"

#include "base/limits.h"
#include "conf/conf.h"

#include <string.h>

static const char *const plaintext_words[] = {"never", "loopback", "always", NULL};
static const char *const unknown_user_words[] = {"after-password", "at-user", NULL};
static const char *const isolation_words[] = {"shared", "connection", NULL};
static const char *const owner_words[] = {"store", "user", NULL};
static const char *const transport_words[] = {"none", "implicit", NULL};
static const char *const switch_words[] = {"no", "yes", NULL};
static const char *const ldap_checks[] = {"bind", "compare", NULL};
static const char *const auth_kinds[] = {"passwd-file", "pam", "checkpassword", "ldap", "sql",
                                         "oauth2",      NULL};
static const char *const store_engines[] = {"maildir", "memory", NULL};

const struct conf_section conf_sections[] = {
    {.name = "listen",
     .title = "name",
     .count_max = CONF_SECTIONS_MAX,
     .help = "an address to serve on; one or more"},
    {.name = "auth",
     .title = "kind",
     .kinds = auth_kinds,
     .count_max = CONF_SECTIONS_MAX,
     .help =
         "where users and passwords come from; one or more, asked in this order. Several of "
         "a kind have names: auth \"ldap:staff\""},
    {.name = "store",
     .title = "engine",
     .kinds = store_engines,
     .count_max = 1,
     .help = "where the maildrops are; exactly one"},
    {.name = "limits", .count_max = 1, .help = "bounds, each with 0 for none"},
    {.name = "tls",
     .count_max = CONF_SECTIONS_MAX,
     .help = "a certificate; with one, plain listeners offer STLS. Of several, the client's "
             "SNI chooses"},
    {.name = NULL},
};

#define ROOT(member)     .section = CONF_ROOT, .offset = offsetof(struct conf, member)
#define LISTEN(member)   .section = "listen", .offset = offsetof(struct conf_listener, member)
#define AUTH(member)     .section = "auth", .offset = offsetof(struct conf_auth, member)
#define TEXT(option)     AUTH(values[option]), .kind = CONF_KIND_TEXT
#define PATH(option)     AUTH(values[option]), .kind = CONF_KIND_FILE
#define TLS(member)      .section = "tls", .offset = offsetof(struct conf_tls, member)
#define STORE(member)    .section = "store", .offset = offsetof(struct conf_store, member)
#define LIMITS(member)   .section = "limits", .offset = offsetof(struct conf_limits, member)
#define NUMBER(low, top) .kind = CONF_KIND_NUMBER, .min = (low), .max = (top)
#define CHOICE(words)    .kind = CONF_KIND_CHOICE, .choices = (words)

/* Connections: descriptors of one process, with room for the messages they send. Seconds: a
 * week, so that milliseconds fit 32 bits. */
#define CONNECTIONS_MAX 1000000
#define SECONDS_MAX     604800

const struct conf_option conf_options[] = {
    {ROOT(hostname), .name = "hostname", .kind = CONF_KIND_HOSTNAME,
     .help = "the name in the greeting; default: this host's name"},
    {ROOT(plaintext_login), .name = "plaintext-login", CHOICE(plaintext_words),
     .fallback = "loopback",
     .help = "who may send a password without TLS: nobody, this host, everybody"},
    {ROOT(unknown_user), .name = "unknown-user", CHOICE(unknown_user_words),
     .fallback = "after-password",
     .help = "when an unknown user is refused; at-user lets strangers test names"},
    {ROOT(mechanisms), .name = "mechanisms", .kind = CONF_KIND_MECHANISMS, .fallback = "auto",
     .help = "SASL mechanisms to offer, with blanks between; auto: those that every user can "
             "use"},
    {ROOT(apop), .name = "apop", CHOICE(switch_words), .fallback = "no",
     .help = "whether APOP is taken (MD5; for users whose password is stored as {PLAIN})"},
    {ROOT(fronts), .name = "fronts", NUMBER(0, 256), .fallback = "0",
     .help = "processes that face the network; 0: one per core. With isolation = "
             "\"connection\" those that wait for one; 0: two per core"},
    {ROOT(isolation), .name = "isolation", CHOICE(isolation_words), .fallback = "shared",
     .help = "shared: a front serves many connections; connection: each has its own process"},
    {ROOT(user_front), .name = "user-front", .kind = CONF_KIND_ACCOUNT,
     .fallback = "restante-front", .help = "user[:group] of fronts, when started as root"},
    {ROOT(user_auth), .name = "user-auth", .kind = CONF_KIND_ACCOUNT,
     .fallback = "restante-auth", .help = "user[:group] that checks passwords"},
    {ROOT(user_store), .name = "user-store", .kind = CONF_KIND_ACCOUNT, .fallback = "restante",
     .help = "user[:group] that owns the mail"},
    {ROOT(user_keys), .name = "user-keys", .kind = CONF_KIND_ACCOUNT,
     .fallback = "restante-keys", .help = "user[:group] that holds the private keys"},

    {ROOT(first_uid), .name = "first-uid", NUMBER(1, UINT32_MAX - 1), .fallback = "1000",
     .help = "the lowest uid that a maildrop is served as (owner = \"user\")"},
    {ROOT(client_ca), .name = "client-ca", .kind = CONF_KIND_FILE,
     .help = "a PEM file of the authorities whose certificates log clients in (EXTERNAL)"},
    {ROOT(ban_command), .name = "ban-command", .kind = CONF_KIND_FILE,
     .help = "a program, run as \"PATH ADDRESS SECONDS\" for an address that is banned"},

    {LISTEN(address), .name = "address", .kind = CONF_KIND_ADDRESS, .needed = true,
     .help = "\"127.0.0.1:110\" or \"[::1]:110\" or 0.0.0.0 or [::] for all"},
    {LISTEN(transport), .name = "tls", CHOICE(transport_words), .fallback = "none",
     .help = "none: STLS is offered where there is a certificate; implicit: TLS at once"},

    {LISTEN(proxies), .name = "proxy", .kind = CONF_KIND_NETWORKS,
     .help =
         "networks of proxies, which alone may connect and must begin with the PROXY header"},

    {TLS(certificate), .name = "certificate", .kind = CONF_KIND_FILE, .needed = true,
     .help = "a PEM file: the server's own certificate, then those above it"},
    {TLS(key), .name = "key", .kind = CONF_KIND_FILE, .needed = true,
     .help = "a PEM file with the private key, not encrypted; may be root's alone"},

    {PATH(SOURCE_FILE), .name = "file",
     .help = "a file with lines of user:hash:uid:gid:gecos:home:shell:extra"},
    {TEXT(SOURCE_SERVICE), .name = "service",
     .help = "the service of PAM, a file in /etc/pam.d (or its path); \"restante\" if it is "
             "not given"},
    {PATH(SOURCE_PROGRAM), .name = "program",
     .help = "a program that judges passwords by checkpassword's rules"},
    {TEXT(SOURCE_URL), .name = "url",
     .help = "ldap://HOST, ldaps://HOST, ldapi://PATH; postgresql://..., sqlite:/PATH"},
    {PATH(SOURCE_CA), .name = "ca",
     .help = "a PEM file of the authorities that may vouch for the server"},
    {TEXT(SOURCE_START_TLS), .name = "start-tls", .choices = switch_words,
     .help = "whether ldap:// goes over to TLS before anything is said"},
    {TEXT(SOURCE_BASE), .name = "base", .help = "where in the directory users are searched"},
    {TEXT(SOURCE_FILTER), .name = "filter",
     .help = "what finds a user there, with %u (user), %n (local part) or %d (domain)"},
    {TEXT(SOURCE_BIND_DN), .name = "bind-dn",
     .help = "who searches; or with %u and without a base: the user, who binds"},
    {PATH(SOURCE_PASSWORD_FILE), .name = "password-file",
     .help = "a file with the password or secret to log in there with, one line"},
    {TEXT(SOURCE_CHECK), .name = "check", .choices = ldap_checks,
     .help = "bind: the directory judges passwords; compare: it gives userPassword"},
    {TEXT(SOURCE_QUERY), .name = "query",
     .help =
         "finds a user by $1 (user), $2 (local part), $3 (domain); columns: password, name, "
         "uid, gid, home, label, enabled"},
    {TEXT(SOURCE_INTROSPECTION), .name = "introspection",
     .help = "the URL that judges tokens (RFC 7662)"},
    {TEXT(SOURCE_CLIENT_ID), .name = "client-id", .help = "whom the introspection knows us as"},
    {PATH(SOURCE_JWKS), .name = "jwks",
     .help = "a file of the keys that sign tokens (RFC 7517), instead of introspection"},
    {TEXT(SOURCE_ISSUER), .name = "issuer", .help = "whose tokens are taken (iss)"},
    {TEXT(SOURCE_AUDIENCE), .name = "audience", .help = "whom tokens must be for (aud)"},
    {TEXT(SOURCE_SCOPE), .name = "scope", .help = "what tokens must be good for"},
    {TEXT(SOURCE_CLAIM), .name = "claim", .help = "where in a token the user's name stands"},
    {AUTH(user), .name = "user", .kind = CONF_KIND_ACCOUNT,
     .help =
         "user[:group] of the helper that asks, when started as root; pam and checkpassword "
         "are root's, the others user-auth's, if it is not given"},

    {STORE(path), .name = "path", .kind = CONF_KIND_TEMPLATE, .needed = true,
     .help = "a folder with %u (user), %n (local part), %d (domain) or %h (home)"},
    {STORE(owner), .name = "owner", CHOICE(owner_words), .fallback = "store",
     .help =
         "store: user-store has all maildrops; user: each is served as the uid and gid that "
         "the source of users gives (root only)"},

    {LIMITS(connections), .name = "connections", NUMBER(0, CONNECTIONS_MAX),
     .fallback = "20000", .help = "connections at a time"},
    {LIMITS(per_address), .name = "per-address", NUMBER(0, CONNECTIONS_MAX), .fallback = "100",
     .help = "connections at a time from one address"},
    {LIMITS(sessions_per_user), .name = "sessions-per-user", NUMBER(0, CONNECTIONS_MAX),
     .fallback = "4", .help = "logins at a time of one user"},
    {LIMITS(login_seconds), .name = "login-seconds", NUMBER(0, SECONDS_MAX), .fallback = "60",
     .help = "from connection to login"},
    {LIMITS(idle_seconds), .name = "idle-seconds", NUMBER(0, SECONDS_MAX), .fallback = "600",
     .help = "between commands; RFC 1939 wants 600 or more"},
    {LIMITS(reader_octets), .name = "reader-octets", NUMBER(0, 1000000000), .fallback = "65536",
     .help = "that a client takes within idle-seconds while an answer waits for it"},
    {LIMITS(mistakes_per_session), .name = "mistakes-per-session", NUMBER(0, 1000000),
     .fallback = "100", .help = "commands that are refused as the client's fault"},
    {LIMITS(commands_before_login), .name = "commands-before-login", NUMBER(0, 1000000),
     .fallback = "100", .help = "commands of a connection that does not log in"},
    {LIMITS(failure_delay_ms), .name = "failure-delay-ms", NUMBER(0, 60000), .fallback = "1000",
     .help = "before a refused login is answered, doubled with each further one"},
    {LIMITS(failure_delay_max_ms), .name = "failure-delay-max-ms", NUMBER(0, 60000),
     .fallback = "15000", .help = "what that delay grows to; less than it: it does not grow"},
    {LIMITS(failures_per_address), .name = "failures-per-address", NUMBER(0, 1000000),
     .fallback = "60",
     .help = "refused logins of an address (or IPv6 /64), then no login from there"},
    {LIMITS(failure_window_seconds), .name = "failure-window-seconds", NUMBER(1, SECONDS_MAX),
     .fallback = "600", .help = "over which those are counted, and how long none is let in"},
    {LIMITS(login_delay_seconds), .name = "login-delay-seconds", NUMBER(0, SECONDS_MAX),
     .fallback = "0", .help = "between two logins of a user, announced as LOGIN-DELAY"},
    {LIMITS(password_memory_seconds), .name = "password-memory-seconds", NUMBER(0, SECONDS_MAX),
     .fallback = "3600", .help = "how long a right password need not be hashed again"},
    {LIMITS(owner_idle_seconds), .name = "owner-idle-seconds", NUMBER(0, SECONDS_MAX),
     .fallback = "60",
     .help = "until the process for an owner of maildrops without a session ends"},
    {LIMITS(owner_processes), .name = "owner-processes", NUMBER(1, OWNER_STORES_MAX),
     .fallback = "1024", .help = "processes for owners of maildrops at a time"},
    {.name = NULL},
};

const struct conf_option *
conf_option_find(const char *section, const char *name)
{
    for (const struct conf_option *option = conf_options; option->name != NULL; option++) {
        if (strcmp(option->section, section) == 0 && strcmp(option->name, name) == 0)
            return option;
    }
    return NULL;
}

/* Those without a number are the parent's own, for every helper. */
static uint32_t
source_bit(const struct conf_option *option)
{
    for (unsigned i = 0; i < SOURCE_OPTION_COUNT; i++)
        if (strcmp(option->name, source_option_name((enum source_option)i)) == 0)
            return SOURCE_OPTION_BIT(i);
    return 0;
}

bool
conf_option_fits(const struct conf_option *option, enum source_kind kind)
{
    uint32_t bit = source_bit(option);
    const struct source_kind_row *row = source_kind_row(kind);
    return bit != 0 ? (row->options & bit) != 0 : row->helper;
}

bool
conf_option_needed(const struct conf_option *option, enum source_kind kind)
{
    return (source_kind_row(kind)->needed & source_bit(option)) != 0;
}

const struct conf_section *
conf_section_find(const char *name)
{
    for (const struct conf_section *section = conf_sections; section->name != NULL; section++) {
        if (strcmp(section->name, name) == 0)
            return section;
    }
    return NULL;
}

const char *
conf_option_home(const char *name)
{
    for (const struct conf_option *option = conf_options; option->name != NULL; option++) {
        if (strcmp(option->name, name) == 0)
            return option->section;
    }
    return conf_section_find(name) != NULL ? CONF_ROOT : NULL;
}

/* Longer than any name in the table by more than a slip of the hand. */
#define WORD_MAX 40

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Three rows of the Damerau-Levenshtein matrix are enough: a swap looks two rows back. */
size_t
conf_distance(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b);
    if (a_len > WORD_MAX || b_len > WORD_MAX)
        return SIZE_MAX;

    size_t rows[3][WORD_MAX + 1];
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            row[j] = least(above[j], row[j - 1]) + 1;
            row[j] = least(row[j], above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], above2[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

/* Keeps the nearer of *best and `candidate`. */
static void
consider(const char *name, const char *candidate, const char **best, size_t *best_distance)
{
    size_t distance = conf_distance(name, candidate);
    if (distance < *best_distance) {
        *best = candidate;
        *best_distance = distance;
    }
}

const char *
conf_option_nearest(const char *section, const char *name)
{
    const char *best = NULL;
    /* More than two slips, or half of the word, is another word. */
    size_t best_distance = least(strlen(name) / 2, 3) + 1;
    for (const struct conf_option *option = conf_options; option->name != NULL; option++) {
        if (strcmp(option->section, section) == 0)
            consider(name, option->name, &best, &best_distance);
    }
    if (strcmp(section, CONF_ROOT) == 0) {
        for (const struct conf_section *row = conf_sections; row->name != NULL; row++)
            consider(name, row->name, &best, &best_distance);
    }
    return best;
}
