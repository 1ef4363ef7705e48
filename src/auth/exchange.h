/*
 * One SASL exchange, the server's side, over GNU SASL. Decides nothing about
 * users: it asks the owner for what is stored, and tells at the end who has
 * proved what.
 *
 * A name that does not exist goes the same way to the same end, with a salt
 * that stays the same (R5802-11).
 */
#ifndef AUTH_EXCHANGE_H
#define AUTH_EXCHANGE_H

#include "auth/passwd_file.h"
#include "base/mechanism.h"
#include "base/secret.h"

struct exchange_library; /* what all exchanges share */
struct exchange;

/*
 * Fills in what is stored for the name. False: there is no such user; then
 * `name` is the one that was asked for, `stored` is what a dummy has
 * (passwd_file_dummy()), and the rest is zero.
 */
typedef bool exchange_lookup(void *context, struct pop_view name, struct auth_user *ret_user);

enum err_code exchange_library_new(
    struct exchange_library **ret_library, exchange_lookup *lookup, void *context,
    struct err *err);
void exchange_library_free(struct exchange_library *library); /* NULL is fine */

/* Salts of users without one of their own are made from this; the same over restarts, and not
 * for others to know. Any octets, copied. */
void exchange_library_set_secret(struct exchange_library *library, struct pop_view secret);

enum exchange_step {
    EXCHANGE_CHALLENGE, /* for the client; its answer goes into exchange_next() */
    EXCHANGE_PASSWORD,  /* exchange_secret() is to be checked against exchange_user() */
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

/* Once a name was given; before that its name is empty. */
const struct auth_user *exchange_user(const struct exchange *exchange);
bool exchange_knows_user(const struct exchange *exchange);
struct secret *exchange_secret(struct exchange *exchange);

/* Which mechanisms all of some users can use, by how their passwords are stored: bits by enum
 * password_kind. Those for which the server needs nothing but the password, always. */
uint32_t exchange_mechanisms_for(uint32_t password_kinds);

#endif
