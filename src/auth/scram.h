/* Passwords stored for SCRAM-SHA-256 (RFC 5802, RFC 7677), as Dovecot writes them:
 * iterations,base64 of salt,base64 of StoredKey,base64 of ServerKey. */
#ifndef AUTH_SCRAM_H
#define AUTH_SCRAM_H

#include "base/err.h"
#include "base/secret.h"

#include <pop/view.h>

/* The iterations: what the time of a check depends on. */
struct pop_view scram_cost(struct pop_view text);

/* The salt as it is written, in base64. */
struct pop_view scram_salt(struct pop_view text);

/* Fills with random letters and digits. ERR_SYSTEM: no randomness. */
enum err_code scram_randomise(char *octets, size_t len, struct err *err);

/* A password against the StoredKey. ERR_DENIED: wrong. ERR_INVALID: the text cannot be read. */
enum err_code scram_verify(struct pop_view text, const struct secret *secret, struct err *err);

#endif
