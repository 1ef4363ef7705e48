/*
 * Threads that check passwords, so that hashing (18 ms for yescrypt) holds up
 * neither the asking of other names nor each other beyond the cores there are.
 */
#ifndef AUTH_VERIFIER_H
#define AUTH_VERIFIER_H

#include "auth/passwd_file.h"
#include "base/network.h"
#include "base/secret.h"

/* One password to check; the caller's until it is submitted and after it was taken. */
struct verifier_job {
    struct verifier_job *next;
    struct auth_user user;
    struct secret secret;
    bool known;     /* false: the user does not exist and `stored` is a dummy */
    uint32_t front; /* for the caller, as the next two */
    uint64_t session;
    struct network_address from;
    enum err_code result; /* of password_verify() */
    struct err err;
};

struct verifier;

/* One thread per core, at most VERIFIER_THREADS_MAX. */
enum err_code verifier_new(struct verifier **ret_verifier, struct err *err);

/* Becomes readable when jobs are done. */
int verifier_fd(const struct verifier *verifier);

/* False: VERIFIER_QUEUE_MAX jobs wait already. */
bool verifier_submit(struct verifier *verifier, struct verifier_job *job);

/* A finished job, or NULL. The secret in it is wiped. */
struct verifier_job *verifier_take(struct verifier *verifier);

/* Checks it now, in this thread. */
void verifier_run(struct verifier_job *job);

#endif
