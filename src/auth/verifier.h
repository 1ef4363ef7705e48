/*
 * Threads that check passwords, so that hashing (18 ms for yescrypt) holds up
 * neither the asking of other names nor each other beyond the cores there are.
 * The threads give way to everything else that runs: a flood of passwords must
 * not slow down those who are in.
 */
#ifndef AUTH_VERIFIER_H
#define AUTH_VERIFIER_H

#include "auth/fair_queue.h"
#include "auth/scram.h"
#include "auth/user.h"
#include "base/network.h"
#include "base/secret.h"

/* One password to check; the caller's until it is submitted and after it was taken. */
struct verifier_job {
    struct fair_item item; /* the caller says from which place, and whether it is trusted */
    struct verifier_job *next;
    struct auth_user user;
    struct secret secret;
    bool known;     /* false: the user does not exist and `stored` is a dummy */
    uint32_t front; /* for the caller, as the next two */
    uint64_t session;
    struct network_address from;
    bool
        derives; /* not to be judged: `keys` are made from the readable password by `request` */
    struct scram_request request;
    struct scram_keys keys;
    enum err_code result; /* of password_verify(), for the user's passwords in order */
    uint32_t matched;     /* ERR_OK: by its own (0), or by user.others[matched - 1] */
    struct err err;
};

struct verifier;

/* One thread per core, at most VERIFIER_THREADS_MAX. */
enum err_code verifier_new(struct verifier **ret_verifier, struct err *err);

/* Becomes readable when jobs are done. */
int verifier_fd(const struct verifier *verifier);

/* Returns NULL, or the job that finds no place: VERIFIER_QUEUE_MAX jobs wait already, and this
 * one, or another from where most come, is the caller's again. */
struct verifier_job *verifier_submit(struct verifier *verifier, struct verifier_job *job);

/* A finished job, or NULL. */
struct verifier_job *verifier_take(struct verifier *verifier);

/* Checks it now, in this thread. */
void verifier_run(struct verifier_job *job);

#endif
