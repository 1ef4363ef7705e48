/*
 * Stored passwords: everything that crypt(3) reads, with or without Dovecot's
 * {SCHEME} before it, {PLAIN}, and {SCRAM-SHA-256}.
 *
 * No text here ever shows a stored password: an administrator who forgot
 * {PLAIN} has a readable one in its place.
 */
#ifndef AUTH_PASSWORD_H
#define AUTH_PASSWORD_H

#include "base/err.h"
#include "base/limits.h"
#include "base/secret.h"

#include <pop/view.h>

enum password_kind {
    PASSWORD_NEVER, /* "", "*", "!...": nobody can log in with it */
    PASSWORD_PLAIN,
    PASSWORD_CRYPT,
    PASSWORD_SCRAM_SHA_256,
};

struct password {
    enum password_kind kind;
    struct pop_view text; /* without the scheme; borrows from the stored password */
};

/* ERR_INVALID: a scheme that is not known here; the text names it. */
enum err_code
password_parse(struct pop_view stored, struct password *ret_password, struct err *err);

/* True when checking it is no work, so that a login thread of its own is not needed. */
bool password_is_quick(const struct password *password);

/* The scheme with its cost: what two stored passwords share that take the same time. */
struct pop_view password_cost(const struct password *password);

/*
 * ERR_OK: the secret is right. ERR_DENIED: it is not. ERR_INVALID: the stored
 * password cannot be read; the text says why. ERR_NOMEM.
 *
 * May be called by many threads at once. Takes as long as the scheme wants to.
 */
enum err_code
password_verify(struct pop_view stored, const struct secret *secret, struct err *err);

/*
 * A stored password that no secret fits and whose check takes the time that
 * `model` takes: for names that do not exist (R1939-31). Its salt is random.
 * An empty model: as new users get it. ERR_SYSTEM: no randomness.
 */
enum err_code
password_dummy(struct pop_view model, char ret_stored[HASH_TEXT_MAX + 1], struct err *err);

/* Makes what `restante passwd` stores: yescrypt at the cost of the system's default. */
enum err_code
password_make(const struct secret *secret, char ret_stored[HASH_TEXT_MAX + 1], struct err *err);

/* Makes what `restante passwd --scram` stores, for logins that never show the password to the
 * server; USER and PASS work as well. ERR_INVALID: SCRAM cannot have it; the text says why. */
enum err_code password_make_scram(
    const struct secret *secret, char ret_stored[HASH_TEXT_MAX + 1], struct err *err);

#endif
