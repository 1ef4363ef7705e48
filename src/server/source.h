/*
 * A helper of auth: the process that asks one directory, database, PAM service,
 * program or OAuth 2 server. Programs restanted-KIND are this with the one
 * source that they are linked with. Auth asks, the threads here answer.
 *
 * Files: source.c (start, channels), source_answer.c (threads), sandbox_source.c
 * (what is left of its rights).
 */
#ifndef SERVER_SOURCE_H
#define SERVER_SOURCE_H

#include "auth/fair_queue.h"
#include "auth/source.h"
#include "ipc/channel.h"

#include <pthread.h>

/* The one that this program is linked with; src/server/meson.build says which. */
static const struct source_ops *const source_ops = &SOURCE_OPS;

struct question {
    struct fair_item item;
    uint64_t id;
    int64_t due_ms;
    uint32_t task; /* enum ipc_ask_task */
    struct network_address from;
    struct auth_user user;
    uint32_t len;
    char octets[IPC_SASL_MAX]; /* the password or token */
};

struct source_role {
    int auth_fd; /* -1: not given yet */
    uint64_t seed;
    char *values[SOURCE_OPTION_COUNT];
    struct source_settings settings; /* of these */
    struct source *sources[SOURCE_THREADS];
    uint32_t started; /* threads */
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct fair_queue queue;
};

/* ---- source_answer.c ---- */

/* Starts the threads. Ends the process where that fails. */
void source_start_threads(struct source_role *role);

/* A question of auth's. */
void source_ask(struct source_role *role, uint64_t id, const struct ipc_ask *ask);

/* ---- sandbox_source.c ---- */

/* Before the threads: paths, capabilities. */
void sandbox_source_files(const struct source_ops *ops, const struct source_settings *settings);

/* After them: system calls. */
void sandbox_source_calls(const struct source_ops *ops);

#endif
