/*
 * Auth: the process that knows who may have which maildrop. It reads the user
 * files, checks passwords in threads of its own, and tells store to open. It
 * never sees a client's socket or a mailbox.
 *
 * Files: auth.c (start, control channel, channels), auth_login.c (passwords),
 * auth_refuse.c (refused logins: what they cost, the log, bans), auth_sasl.c
 * (exchanges).
 */
#ifndef SERVER_AUTH_H
#define SERVER_AUTH_H

#include "auth/exchange.h"
#include "auth/penalty.h"
#include "auth/verifier.h"
#include "ipc/channel.h"
#include "net/loop.h"

/* User files in one configuration, asked in order. */
#define AUTH_SOURCES_MAX 32

/* Buckets of the table of exchanges. */
#define AUTH_BUCKETS 1024u

/* Exchanges of one front at a time. Each has some kilobytes, and a front has no more sessions
 * that are just logging in than this; what is beyond is an attack on auth's memory. */
#define AUTH_EXCHANGES_MAX 4096u

struct auth_channel {
    struct loop_source source;
    struct auth_channel *next;
    struct auth_role *role;
    enum ipc_role peer;
    uint32_t number; /* of the front */
    uint32_t exchanges;
};

struct auth_exchange {
    struct auth_exchange *next; /* in its bucket */
    uint32_t front;
    uint64_t session;
    struct network_address from;
    struct exchange *exchange;
};

/* Who tries to log in, of which front and session. */
struct auth_try {
    uint32_t front;
    uint64_t session;
    struct network_address from;
};

struct auth_role {
    struct loop loop;
    struct loop_source control;
    struct loop_source done; /* the verifier's */
    struct verifier *verifier;
    struct penalty *penalty;
    uint32_t failure_delay_ms;
    uint32_t failure_window_seconds;
    struct exchange_library *library;
    struct passwd_file *sources[AUTH_SOURCES_MAX];
    size_t source_count;
    char *paths[AUTH_SOURCES_MAX]; /* until START */
    size_t path_count;
    uint32_t mechanisms; /* as configured; 0: those that fit */
    uint32_t offered;    /* what fronts were told */
    bool started;
    struct auth_channel *channels;
    struct auth_exchange *buckets[AUTH_BUCKETS];
};

/* The channel to store (number 0) or to that front; NULL: there is none. */
struct auth_channel *
auth_channel_find(struct auth_role *role, enum ipc_role peer, uint32_t number);

/* To a front that may be gone by now. */
void auth_answer(
    struct auth_role *role, uint32_t front, uint32_t type, uint64_t session, const void *body,
    size_t size);

/* ---- auth_login.c ---- */

/* Looks in the sources in order; false: none has the name, and `stored` is a dummy's. The name
 * is filled in either way. */
bool auth_lookup(void *role, struct pop_view name, struct auth_user *ret_user);

/* LOGIN: a name and a password. */
void auth_login(struct auth_channel *front, uint64_t session, const struct ipc_login *login);

/* Checks the password of that user, of whom it is `known` whether there is one; answers front
 * or tells store. Takes the secret. */
void auth_verify(
    struct auth_role *role, const struct auth_try *try, const struct auth_user *user,
    bool known, struct secret *secret);

/* The verifier has something. */
void auth_verified(struct auth_role *role);

/* The login is right: store opens the maildrop and answers front. */
void
auth_accept(struct auth_role *role, const struct auth_try *try, const struct auth_user *user);

/* ---- auth_refuse.c ---- */

/* True: no login from there is looked at now, and this one was refused. Before anything is
 * known about the password: a right one must not be told from a wrong one by it. */
bool
auth_refuse_banned(struct auth_role *role, const struct auth_try *try, struct pop_view user);

/* The user or the password is wrong: counts, logs, answers after the delay that has grown. */
void auth_refuse_wrong(
    struct auth_role *role, const struct auth_try *try, struct pop_view user, bool known);

/* A name at USER that does not exist; the delay for the answer. */
uint32_t
auth_count_unknown(struct auth_role *role, const struct auth_try *try, struct pop_view user);

/* For another reason, which is not counted. */
void auth_refuse(struct auth_role *role, const struct auth_try *try, uint32_t refusal);

/* ---- auth_sasl.c ---- */

/* A message about an exchange. False: front must not send it. */
bool auth_sasl_message(struct auth_channel *front, const struct ipc_packet *packet);

/* Forgets the exchanges of a front that is gone. */
void auth_sasl_forget(struct auth_channel *front);

/* Tells all fronts which mechanisms to offer, if that has changed; `fresh`, if not NULL, in any
 * case. Also gives the library its secret. */
void auth_offer(struct auth_role *role, struct auth_channel *fresh);

#endif
