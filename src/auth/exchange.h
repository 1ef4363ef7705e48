/*
 * One SASL exchange, the server's side, over GNU SASL. Decides nothing about
 * users: it asks the owner for what is stored (LOOK_UP), who may take time to
 * find it, and tells at the end who has proved what.
 *
 * A name that does not exist goes the same way to the same end, with a salt
 * that stays the same (R5802-11).
 */
#ifndef AUTH_EXCHANGE_H
#define AUTH_EXCHANGE_H

#include "auth/scram.h"
#include "auth/user.h"
#include "base/mechanism.h"
#include "base/secret.h"

struct exchange_library; /* what all exchanges share */
struct exchange;

enum err_code exchange_library_new(struct exchange_library **ret_library, struct err *err);
void exchange_library_free(struct exchange_library *library); /* NULL is fine */

/* Salts of users without one of their own are made from this; the same over restarts, and not
 * for others to know. Any octets, copied. Without it they change with each start. */
void exchange_library_set_secret(struct exchange_library *library, struct pop_view secret);

enum exchange_step {
    EXCHANGE_LOOK_UP,   /* exchange_user()->name is to be looked up: exchange_found() goes on */
    EXCHANGE_CHALLENGE, /* for the client; its answer goes into exchange_next() */
    EXCHANGE_PASSWORD,  /* exchange_secret() is to be checked against exchange_user() */
    EXCHANGE_TOKEN,     /* exchange_token() is to be checked, for the name of exchange_user() if
                         * that is not empty; then either this is the end, or
                         * exchange_token_refused() */
    EXCHANGE_PROVED,    /* the client is exchange_user() */
    EXCHANGE_DENIED,
    EXCHANGE_MALFORMED, /* the client breaks the mechanism's rules */
};

/* `binding`: the channel's data for a mechanism with -PLUS, and empty where there is none
 * (R5802-8). ERR_INVALID: the library does not have this mechanism. */
enum err_code exchange_new(
    struct exchange_library *library, enum mechanism mechanism, struct pop_view binding,
    struct exchange **ret_exchange, struct err *err);
void exchange_free(struct exchange *exchange); /* NULL is fine; wipes */

/* Goes on with the client's response; the first time of a mechanism in which the server begins,
 * with an empty one. *ret_challenge borrows from the exchange until the next call. */
enum exchange_step exchange_next(
    struct exchange *exchange, struct pop_view response, struct pop_view *ret_challenge);

/*
 * The answer to LOOK_UP. `known`: there is such a user. Else `user` has the
 * name that was asked for and a dummy's stored password (password_dummy()), so
 * that the exchange goes on alike. `keys`: see exchange_wants_keys(); else NULL.
 * All are copied. Returns as exchange_next(), never LOOK_UP again.
 */
enum exchange_step exchange_found(
    struct exchange *exchange, const struct auth_user *user, bool known,
    const struct scram_keys *keys, struct pop_view *ret_challenge);

/* True: before that scram_derive() is to be asked for `keys`, elsewhere, from the user's
 * readable password (or the dummy's). */
bool exchange_wants_keys(
    const struct exchange *exchange, const struct auth_user *user,
    struct scram_request *ret_request);

/* Once a name was given; before that its name is empty. After PASSWORD only the name is there:
 * it was not looked up. */
const struct auth_user *exchange_user(const struct exchange *exchange);
bool exchange_knows_user(const struct exchange *exchange); /* after exchange_found() */
struct secret *exchange_secret(struct exchange *exchange);

/* After EXCHANGE_TOKEN, until exchange_free(). */
struct pop_view exchange_token(const struct exchange *exchange);

/*
 * The token was not good: *ret_challenge is for the client, as after
 * EXCHANGE_CHALLENGE, and whatever it answers comes to EXCHANGE_DENIED. Count
 * the refusal now: a client that goes away without an answer has tried as well.
 * `scope`: what a token must have, for the client to ask for; or empty.
 *
 * Where the token cannot be judged now, do not call this: the login ends as
 * temporary, and the client keeps its token.
 */
void exchange_token_refused(
    struct exchange *exchange, struct pop_view scope, struct pop_view *ret_challenge);

/* Which mechanisms all of some users can use, by how their passwords are stored: bits by enum
 * password_kind. Those for which the server needs nothing but the password, always. `tokens`:
 * something checks tokens, so those that bring one are among them. */
uint32_t exchange_mechanisms_for(uint32_t password_kinds, bool tokens);

#endif
