/* One account to fetch from: where, as whom, into what, and how. */
#ifndef FETCH_ACCOUNT_H
#define FETCH_ACCOUNT_H

#include "base/secret.h"
#include "fetch/login_choice.h"
#include "fetch/token.h"
#include "fetch/url.h"
#include "net/tls_client.h"

/* How the connection is protected. */
enum account_tls {
    ACCOUNT_TLS_AUTO,     /* pop://: STLS, but plain text if the host is this machine */
    ACCOUNT_TLS_STLS,     /* without it the session ends before the login (R2595-8) */
    ACCOUNT_TLS_IMPLICIT, /* TLS comes before the greeting */
    ACCOUNT_TLS_OFF,      /* plain text, asked for in as many words (R8314-9) */
};

struct account {
    struct pop_url url;
    enum account_tls tls; /* not AUTO any more once the host was looked up */
    const char *ca;       /* as tls_client_new() takes it */
    struct tls_pin pins[TLS_PINS_MAX];
    size_t pin_count;
    struct login_wish login;
    struct secret password;     /* wiped when the login is done */
    struct token token;         /* instead of the password; the same */
    char maildir[PATH_LEN_MAX]; /* where to deliver; absolute, without links, once it is open */
    char label[USER_NAME_MAX + URL_HOST_MAX + 2]; /* "user@host", for people */
    bool delete_known;   /* --delete: what is durably here goes from the server */
    uint32_t timeout_ms; /* without any progress */
};

/* Takes the URL, and makes the label. ERR_INVALID: this version cannot fetch from there, and
 * says why (R2384-2: no other login than the one asked for). */
enum err_code
account_set_url(struct account *account, const struct pop_url *url, struct err *err);

/* --tls, --ca and --pin, after the URL; each may be NULL. ERR_INVALID: they contradict each
 * other or the URL, or cannot be read. */
enum err_code account_set_tls(
    struct account *account, const char *tls, const char *ca, const char *pins,
    struct err *err);

/* --auth (NULL: not given), after the URL, which may have a wish too. `has_token`: there is
 * --token-command. ERR_INVALID: as above. */
enum err_code
account_set_auth(struct account *account, const char *auth, bool has_token, struct err *err);

/* ERR_INVALID: the password is empty or cannot go into a PASS command. */
enum err_code account_check_password(const struct account *account, struct err *err);

/* What the journal calls the account: "user@host:port", whatever the destination. The two ports
 * of the service, 110 and 995, are one: who turns to TLS has all that mail already. */
#define ACCOUNT_IDENTITY_MAX (USER_NAME_MAX + URL_HOST_MAX + 8)
struct pop_view
account_identity(const struct account *account, char storage[ACCOUNT_IDENTITY_MAX]);

#endif
