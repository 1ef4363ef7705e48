/* Signed tokens that carry their claims (RFC 7519, RFC 7515, RFC 8725): checked with the keys
 * of their issuer, nobody is asked. */
#ifndef AUTH_OAUTH_JWT_H
#define AUTH_OAUTH_JWT_H

#include "auth/oauth_claims.h"
#include "auth/oauth_jwks.h"

/*
 * Is it signed by one of the keys, with an algorithm of that key's kind, and
 * do its claims hold (oauth_claims_check()) at `now`? A "kid" in the header
 * chooses the key; without one each key of the kind is tried.
 *
 * Taken: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 and
 * EdDSA with Ed25519. Never "none", never a shared secret, never encrypted
 * ones, and none whose header has "crit": nothing critical is known here.
 *
 * ERR_DENIED and ERR_INVALID as oauth_claims_check() says; ERR_NOMEM. `err`
 * is never NULL, and its text never has anything of the token.
 */
enum err_code oauth_jwt_check(
    struct pop_view token, const struct oauth_jwks *keys, const struct oauth_rules *rules,
    int64_t now, struct auth_user *user, struct err *err);

#endif
