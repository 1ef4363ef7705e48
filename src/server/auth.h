/*
 * Auth: the process that knows who may have which maildrop. It reads the user
 * files, asks its helpers for what needs more than a file, checks passwords in
 * threads of its own, and tells store to open. It never sees a client's socket
 * or a mailbox.
 *
 * Files: auth.c (start, control channel, channels), auth_seek.c (the way of a
 * login through the sources), auth_source.c (asking a helper), auth_login.c
 * (passwords), auth_refuse.c (refused logins: what they cost, the log, bans),
 * auth_sasl.c (exchanges), auth_apop.c, auth_owner.c (stores of owner = "user").
 */
#ifndef SERVER_AUTH_H
#define SERVER_AUTH_H

#include "auth/exchange.h"
#include "auth/memory.h"
#include "auth/passwd_file.h"
#include "auth/penalty.h"
#include "auth/verifier.h"
#include "base/source_kind.h"
#include "ipc/channel.h"
#include "net/loop.h"

/* Buckets of the table of exchanges, and of that of seeks. */
#define AUTH_BUCKETS 1024u

/* Exchanges of one front at a time. Each has some kilobytes, and a front has no more sessions
 * that are just logging in than this; what is beyond is an attack on auth's memory. */
#define AUTH_EXCHANGES_MAX 4096u

struct auth_channel {
    struct loop_source source;
    struct auth_channel *next;
    struct auth_role *role;
    enum ipc_role peer;
    uint32_t number; /* of the front, the source, or the store */
    uint32_t exchanges;
};

struct auth_exchange {
    struct auth_exchange *next; /* in its bucket */
    uint32_t front;
    uint64_t session;
    struct network_address from;
    struct exchange *exchange;
    uint64_t serial; /* never used twice: a seek must not meet a later exchange */
    bool waits;      /* for a seek */
    bool counted;    /* a token was refused already, with this delay to come */
    uint32_t delay_ms;
};

/* Who tries to log in, of which front and session. */
struct auth_try {
    uint32_t front;
    uint64_t session;
    struct network_address from;
};

/* A source of users, in the order of the configuration. */
struct auth_source {
    enum source_kind kind;
    char *path;               /* of a user file, until START */
    struct passwd_file *file; /* NULL: it could not be read, as the log says; or a helper's */
    bool spoke;               /* the helper has said how it works */
    bool verifies;            /* it judges passwords itself */
    uint32_t asked;           /* questions that wait for its answer */
    /* Of a helper that is looked up in: what stands for users that do not exist. */
    char dummy[HASH_TEXT_MAX + 1];
    char dummy_cost[HASH_TEXT_MAX + 1];
};

/* What a seek is for. */
enum auth_goal {
    AUTH_GOAL_PASSWORD, /* LOGIN, PLAIN: the secret is to be judged */
    AUTH_GOAL_NAME,     /* CHECK: is there such a user? */
    AUTH_GOAL_EXCHANGE, /* what is stored, for a mechanism */
    AUTH_GOAL_APOP,     /* a digest is to be judged */
    AUTH_GOAL_TOKEN,    /* a bearer token is to be judged */
    AUTH_GOAL_PROVED,   /* who it is has been proved: what else is known of the user */
};

/* A login on its way: through the sources, then through the verifier. */
struct auth_seek {
    struct auth_seek *next; /* in its bucket, while a helper is asked */
    uint64_t id;
    uint64_t exchange; /* the serial of the one that it is for; 0: none */
    enum auth_goal goal;
    size_t source;           /* that is asked, or comes next */
    bool unasked;            /* it is to be asked when it has said how it works */
    struct verifier_job job; /* user, secret, whose it is; `user` is filled on the way */
    char *token;             /* TOKEN; APOP: timestamp and digest, behind each other */
    size_t token_len;
};

struct auth_role {
    struct loop loop;
    struct loop_source control;
    struct loop_source done; /* the verifier's */
    struct verifier *verifier;
    struct penalty *penalty;
    struct auth_memory *memory;
    uint32_t failure_delay_ms;
    uint32_t failure_window_seconds;
    uint32_t login_delay_seconds;
    struct exchange_library *sasl;
    struct auth_source sources[CONF_SECTIONS_MAX];
    size_t source_count;
    uint32_t mechanisms; /* as configured; 0: those that fit */
    bool apop;           /* is taken */
    bool certificates;   /* so is EXTERNAL */
    uint32_t offered;    /* what fronts were told */
    bool started;
    struct auth_channel *channels;
    struct auth_exchange *buckets[AUTH_BUCKETS];
    struct auth_seek *seeks[AUTH_BUCKETS];
    uint64_t last_serial; /* of seeks and exchanges */
    enum ipc_owners owners;
    uint32_t owner_processes;
    struct owner *owner_list;            /* that was used last first */
    struct owner_waiting *owner_waiting; /* the longest first */
    uint32_t last_request;
};

/* The channel to that store (0: the one for all), front or source; NULL: there is none. */
struct auth_channel *
auth_channel_find(struct auth_role *role, enum ipc_role peer, uint32_t number);

/* To a front that may be gone by now. */
void auth_answer(
    struct auth_role *role, uint32_t front, uint32_t type, uint64_t session, const void *body,
    size_t size);

/* ---- auth_seek.c ---- */

/* A login begins. NULL: no memory; it was refused. */
struct auth_seek *auth_seek_new(
    struct auth_role *role, enum auth_goal goal, const struct auth_try *try,
    struct pop_view user);
void auth_seek_free(struct auth_seek *seek); /* wipes */
struct auth_try auth_seek_try(const struct auth_seek *seek);

/*
 * Asks one source after the other. The first that knows the name decides; one
 * that cannot be asked ends the login as temporary, so that no later source
 * ever answers for an earlier one. Takes the seek: it ends here or later.
 */
void auth_seek_go(struct auth_role *role, struct auth_seek *seek);

/* What a helper has answered to it. A name other than the asked one must not be that of a user
 * of an earlier file; for a token whose owner the client has named there is no other. */
void auth_seek_answered(
    struct auth_role *role, struct auth_seek *seek, const struct ipc_answer *answer);

/* ---- auth_source.c ---- */

/* Sends the question to the helper that seek->source names and keeps the seek until the answer;
 * one that has only just been started is asked when it has said how it works. False: it cannot
 * be asked now. */
bool auth_source_ask(struct auth_role *role, struct auth_seek *seek);

/* A helper's message. False: it must not send this. */
bool auth_source_message(struct auth_channel *channel, const struct ipc_packet *packet);

/* Ends what waits for a helper that is gone. */
void auth_source_lost(struct auth_role *role, uint32_t number);

/* Takes what the answer says about the user. ERR_INVALID: it cannot be used. */
enum err_code
auth_source_read(const struct ipc_answer *answer, struct auth_user *user, struct err *err);

/* Writes a dummy's password for the name that is not there. */
void auth_source_dummy(const struct auth_role *role, char ret_stored[HASH_TEXT_MAX + 1]);

/* The next dummy costs as much as this user's password. */
void auth_source_learn(struct auth_source *source, const struct auth_user *user);

/* Lets go of the store of an owner: what was sent to it already is served, then it ends. */
void auth_forget_store(struct auth_role *role, uint32_t number);

/* ---- auth_login.c ---- */

/* LOGIN: a name and a password. */
void auth_login(struct auth_channel *front, uint64_t session, const struct ipc_login *login);

/* APOP: a name and a digest. False: front must not send it, it was not to offer it. */
bool auth_apop(struct auth_channel *front, uint64_t session, const struct ipc_apop *apop);

/* Judges the seek's digest; the user was found or has a dummy's password. Takes the seek. */
void auth_apop_judge(struct auth_role *role, struct auth_seek *seek);

/* Judges the seek's password; the user was found or has a dummy's. Takes the seek. */
void auth_verify(struct auth_role *role, struct auth_seek *seek);

/* Gives the seek's job to the verifier; one that finds no place is refused. Takes the seek. */
void auth_submit(struct auth_role *role, struct auth_seek *seek);

/* The verifier has something. */
void auth_verified(struct auth_role *role);

/* The login is right: store opens the maildrop and answers front. Or the user is one for whom
 * POP is switched off. */
void
auth_accept(struct auth_role *role, const struct auth_try *try, const struct auth_user *user);

/* ---- auth_owner.c ---- */

/* Has the store of the maildrop's owner open it, as soon as there is one. */
void auth_owner_open(
    struct auth_role *role, const struct ipc_header *header, const struct ipc_open *open);

/* The channel that was requested has come: that store has this number. False: it is not wanted
 * any more. */
bool auth_owner_found(struct auth_role *role, uint32_t request, uint32_t number);

/* There will be none. */
void auth_owner_refused(struct auth_role *role, const struct ipc_no_store *answer);

/* A store's channel has been closed. */
void auth_owner_lost(struct auth_role *role, uint32_t number);

/* Refuses logins that have waited too long. Milliseconds until the next one has; -1: none
 * waits.
 */
int64_t auth_owner_expire(struct auth_role *role);

/* ---- auth_refuse.c ---- */

/* True: no login from there is looked at now, and this one was refused. Before anything is
 * known about the password: a right one must not be told from a wrong one by it. */
bool
auth_refuse_banned(struct auth_role *role, const struct auth_try *try, struct pop_view user);

/* The user or the password is wrong: counts, logs, answers after the delay that has grown. */
void auth_refuse_wrong(
    struct auth_role *role, const struct auth_try *try, struct pop_view user, bool known);

/* The password is right, but POP is switched off for the user. */
void
auth_refuse_disabled(struct auth_role *role, const struct auth_try *try, struct pop_view user);

/* A bearer token that no source takes: the delay for the refusal, which comes when the client
 * has answered to what it is told first. One that goes away has tried all the same. */
uint32_t
auth_count_token(struct auth_role *role, const struct auth_try *try, struct pop_view user);
void auth_refuse_counted(struct auth_role *role, const struct auth_try *try, uint32_t delay_ms);

/* More passwords wait to be hashed than there is room for: nothing was looked at. */
void auth_refuse_busy(struct auth_role *role, const struct auth_try *try, struct pop_view user);

/* A name at USER that does not exist; the delay for the answer. */
uint32_t
auth_count_unknown(struct auth_role *role, const struct auth_try *try, struct pop_view user);

/* For another reason, which is not counted. */
void auth_refuse(struct auth_role *role, const struct auth_try *try, uint32_t refusal);

/* ---- auth_sasl.c ---- */

/* A message about an exchange. False: front must not send it. */
bool auth_sasl_message(struct auth_channel *front, const struct ipc_packet *packet);

/* The look-up for an exchange has come to an end, or the verifier has made its keys. Takes the
 * seek. */
void auth_sasl_found(struct auth_role *role, struct auth_seek *seek);

/* No source takes the token: the client is told so as its mechanism wants it. */
void auth_sasl_token_refused(struct auth_role *role, const struct auth_seek *seek);

/* Forgets the exchange that the seek is for, if there is one: it has come to its end. */
void auth_sasl_drop(struct auth_role *role, const struct auth_seek *seek);

/* Forgets the exchanges of a front that is gone. */
void auth_sasl_forget(struct auth_channel *front);

/* Tells all fronts which mechanisms to offer, if that has changed; `fresh`, if not NULL, in any
 * case. Also gives the library its secret. */
void auth_offer(struct auth_role *role, struct auth_channel *fresh);

#endif
