/* Asks the server that issued a token what it is (RFC 7662), by HTTPS. */
#ifndef AUTH_OAUTH_INTROSPECTION_H
#define AUTH_OAUTH_INTROSPECTION_H

#include "auth/oauth_claims.h"

/* One connection, kept open between questions. */
struct oauth_introspection;

struct oauth_endpoint {
    const char *url;       /* https; http only to this very machine */
    const char *client_id; /* who asks, and its secret: Basic (RFC 6749, section 2.3.1) */
    struct pop_view secret;
    const char *ca;      /* PEM file of the authorities; NULL: the system's */
    unsigned timeout_ms; /* for a whole question, whatever the server does */
};

/* Copies what it needs and connects to nobody yet. ERR_INVALID: the URL is none for this, the
 * text follows its name. */
enum err_code oauth_introspection_new(
    struct oauth_introspection **ret_introspection, const struct oauth_endpoint *endpoint,
    struct err *err);
void oauth_introspection_free(struct oauth_introspection *introspection); /* NULL is fine */

/*
 * One question. ERR_DENIED: the server says that the token is not good, or the
 * rules do; ERR_INVALID as oauth_claims_check(). ERR_CLOSED: the server is
 * away, or too slow. ERR_PROTOCOL: it answers something else than RFC 7662
 * says, also that it does not know who asks: the operator's to mend, and no
 * word about the token. A redirection is not followed: the token is for this
 * server's eyes.
 */
enum err_code oauth_introspection_check(
    struct oauth_introspection *introspection, struct pop_view token,
    const struct oauth_rules *rules, struct auth_user *user, struct err *err);

#endif
