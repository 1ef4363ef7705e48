/* Public keys of who issues tokens: a JSON Web Key Set (RFC 7517, RFC 7518, RFC 8037). */
#ifndef AUTH_OAUTH_JWKS_H
#define AUTH_OAUTH_JWKS_H

#include "base/err.h"

#include <openssl/types.h>
#include <pop/view.h>

/* What a key is, which says by which algorithms it may have signed: a key is never taken for
 * one of another kind. Shared secrets are no keys here. */
enum oauth_key_kind {
    OAUTH_KEY_RSA,
    OAUTH_KEY_P256,
    OAUTH_KEY_P384,
    OAUTH_KEY_P521,
    OAUTH_KEY_ED25519,
};

struct oauth_key {
    enum oauth_key_kind kind;
    char *kid;       /* NULL: it has none */
    char *algorithm; /* the only one that it is for; NULL: all of its kind */
    EVP_PKEY *key;
};

struct oauth_jwks;

/*
 * Reads a set. Keys that are of kinds not known here, broken, too weak (RSA
 * below 2048 bits) or not for signatures are left out, as RFC 7517, section 5,
 * wants; nothing private is taken from any. ERR_INVALID: it is no set, or none
 * is left.
 */
enum err_code
oauth_jwks_parse(struct pop_view text, struct oauth_jwks **ret_keys, struct err *err);
void oauth_jwks_free(struct oauth_jwks *keys); /* NULL is fine */

size_t oauth_jwks_count(const struct oauth_jwks *keys);
const struct oauth_key *oauth_jwks_key(const struct oauth_jwks *keys, size_t index);

#endif
