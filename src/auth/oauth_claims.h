/* What a token says about itself and its user, judged: the claims of a signed token (RFC 7519)
 * and the answer of an introspection endpoint (RFC 7662) are the same members. */
#ifndef AUTH_OAUTH_CLAIMS_H
#define AUTH_OAUTH_CLAIMS_H

#include "auth/json.h"
#include "auth/user.h"

#include <stdint.h>

/* The configuration's; NULL: everything goes. What is set must be met by a claim that is there:
 * a token that says nothing about its audience is for nobody. */
struct oauth_rules {
    const char *issuer;
    const char *audience;
    const char *scope;
    const char *claim; /* never NULL: where the user's name stands */
    bool must_expire;  /* a token without "exp" is refused */
};

/*
 * At `now`, in seconds since 1970. user->name is whom the client says the
 * token is for, or empty; on success it is the name in the claim, which is
 * exactly the client's: the case of letters has a say.
 *
 * ERR_DENIED: the token is not good here, or is somebody else's. ERR_INVALID:
 * it is good, but has no name in the claim that a user can have.
 */
enum err_code oauth_claims_check(
    const cJSON *claims, const struct oauth_rules *rules, int64_t now, struct auth_user *user,
    struct err *err);

#endif
