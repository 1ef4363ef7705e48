/*
 * A source of users outside auth's own process: PAM, a checkpassword program,
 * a directory, a database, an OAuth 2 server. What they ask may block, so each
 * kind works in helper processes, in some threads, each with an object of its
 * own (one connection): an object is used by one thread at a time.
 *
 * A source only says what it knows. Whether a password is right is said by
 * `verify` where the source itself judges it; what `look_up` gives is judged
 * by auth.
 */
#ifndef AUTH_SOURCE_H
#define AUTH_SOURCE_H

#include "auth/user.h"
#include "base/err.h"
#include "base/network.h"
#include "base/secret.h"
#include "base/source_kind.h"

#include <pop/view.h>

/* What the configuration says; NULL: it is silent, and the source has its default. Owned by the
 * caller of open() and valid until close(). */
struct source_settings {
    const char *values[SOURCE_OPTION_COUNT];
};

struct source;

/*
 * What each function returns: ERR_OK. ERR_NOT_FOUND: the source does not know
 * the name: the next source is asked. ERR_DENIED: the password or token is
 * wrong (or, for a source that cannot tell the two apart, the name is
 * unknown). ERR_INVALID: what the source has for this user cannot be used, the
 * text says why: the user cannot log in. All else: the source cannot be asked
 * now, and the text says why; the login is refused as temporary.
 *
 * Each answers within SOURCE_SECONDS_MAX, whatever the other end does.
 * *ret_user is begun by the caller with the name that was given, and may be
 * half filled on failure.
 */
struct source_ops {
    enum source_kind kind;

    /* Checks the settings (ERR_INVALID: what is wrong, naming the option), and reads files it
     * needs. A server that is away now is no failure: each call connects again if it must. */
    enum err_code (*open)(
        struct source **ret_source, const struct source_settings *settings, struct err *err);

    /* Everything about the user, with its stored passwords. NULL: this kind only verifies. */
    enum err_code (*look_up)(struct source *source, struct auth_user *user, struct err *err);

    /* Judges the password. NULL: this kind is only looked up in. If both are there,
     * verifies() says which one this object is for. `from` is the client's address, for the
     * source's own rules and logs; its length may be 0. */
    enum err_code (*verify)(
        struct source *source, const struct secret *secret, const struct network_address *from,
        struct auth_user *user, struct err *err);
    bool (*verifies)(const struct source *source);

    /* Judges a bearer token (RFC 6750), a view of its text. user->name is whom the client says
     * it is for, or empty; on success it is whose the token is. NULL: no tokens here. */
    enum err_code (*check_token)(
        struct source *source, struct pop_view token, struct auth_user *user, struct err *err);

    /* What the helper's program does when it is not started by the parent but, with arguments,
     * by what the source has started. Returns its exit status. NULL: never. */
    int (*other_main)(int argc, char **argv);

    void (*close)(struct source *source); /* NULL is fine */
};

/* One for each kind with a helper. */
extern const struct source_ops source_pam;
extern const struct source_ops source_checkpassword;
extern const struct source_ops source_ldap;
extern const struct source_ops source_sql;
extern const struct source_ops source_oauth2;

#endif
