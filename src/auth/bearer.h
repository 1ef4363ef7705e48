/*
 * What the client says in the mechanisms that bring an OAuth 2 token:
 * OAUTHBEARER (RFC 7628) and XOAUTH2, which Google and Microsoft speak.
 * Texts only: whether a token is good is a source's to say.
 */
#ifndef AUTH_BEARER_H
#define AUTH_BEARER_H

#include "base/limits.h"
#include "base/mechanism.h"

#include <pop/view.h>

struct bearer_response {
    char name[USER_NAME_MAX + 1]; /* whom the client wants to be, unescaped; "": whose token it
                                   * is (OAUTHBEARER only) */
    struct pop_view token;        /* borrows from what was parsed; bearer_is_token() */
};

/*
 * The client's only message, strictly: what is not exactly of the grammar is
 * refused, so that two programs never read two different things in it.
 * False: it breaks the mechanism's rules; *ret_response is then untouched.
 *
 * OAUTHBEARER: `n,a=NAME,` ^A `auth=Bearer TOKEN` ^A ^A, with `host=` and
 * `port=` as the client likes. These, and keys that nobody has defined yet,
 * are read over: a proxy in between knows better where the client went.
 * XOAUTH2: `user=NAME` ^A `auth=Bearer TOKEN` ^A ^A.
 */
bool bearer_parse(
    enum mechanism mechanism, struct pop_view message, struct bearer_response *ret_response);

/* RFC 6750, section 2.1: 1 to TOKEN_MAX octets of its alphabet. */
bool bearer_is_token(struct pop_view text);

/* RFC 6749, section 3.3: what may stand for a scope, and so in JSON as it is. */
bool bearer_is_scope(struct pop_view text);

/* Octets that a challenge has at most, and a scope in it. */
#define BEARER_CHALLENGE_MAX 384
#define BEARER_SCOPE_MAX     255u

/*
 * Writes what the client of a refused token is told (R7628-2), and returns
 * the length. It answers with ^A or nothing, and then the login fails. The
 * scope is what a token must have; one that is none, or too long, is left out.
 */
size_t bearer_challenge(
    enum mechanism mechanism, struct pop_view scope, char ret_challenge[BEARER_CHALLENGE_MAX]);

#endif
