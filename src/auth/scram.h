/* Passwords stored for SCRAM-SHA-256 (RFC 5802, RFC 7677), as Dovecot writes them:
 * iterations,base64 of salt,base64 of StoredKey,base64 of ServerKey. */
#ifndef AUTH_SCRAM_H
#define AUTH_SCRAM_H

#include "base/err.h"
#include "base/secret.h"

#include <pop/view.h>
#include <stdint.h>

enum scram_field {
    SCRAM_ITERATIONS, /* what the time of a check depends on */
    SCRAM_SALT,       /* this and the keys in base64 */
    SCRAM_STORED_KEY,
    SCRAM_SERVER_KEY,
};

/* Keys for an exchange with a password that is stored readable. */
struct scram_keys {
    size_t len; /* of each, in octets; 0: none */
    char stored[32];
    char server[32];
};

/* What they are made of, but for the password. */
#define SCRAM_SALT_LEN 16
struct scram_request {
    bool sha_256; /* else SHA-1 */
    uint32_t iterations;
    char salt[SCRAM_SALT_LEN];
};

/*
 * Takes milliseconds: not for a thread that others wait for. The time does not
 * depend on the password. ERR_NOMEM.
 */
enum err_code scram_derive(
    const struct scram_request *request, struct pop_view password, struct scram_keys *ret_keys,
    struct err *err);

/* A field as it is written; borrows from the text. */
struct pop_view scram_field(struct pop_view text, enum scram_field field);

/* Fills with random letters and digits. ERR_SYSTEM: no randomness. */
enum err_code scram_randomise(char *octets, size_t len, struct err *err);

/*
 * A password against the StoredKey, as SASLprep (RFC 4013) leaves it, and also
 * as it is: some programs store it so. ERR_DENIED: wrong. ERR_INVALID: the text
 * cannot be read.
 */
enum err_code scram_verify(struct pop_view text, const struct secret *secret, struct err *err);

/* What scram_make() writes, with its NUL. */
#define SCRAM_TEXT_SIZE 256

/*
 * The four fields for a password, with SCRAM_ITERATIONS_NEW and a fresh salt.
 * It goes through SASLprep as in a client, so that both get the same keys.
 * ERR_INVALID: SASLprep refuses it; the text says what that means. ERR_SYSTEM:
 * no randomness. ERR_NOMEM.
 */
enum err_code
scram_make(const struct secret *secret, char ret_text[SCRAM_TEXT_SIZE], struct err *err);

#endif
