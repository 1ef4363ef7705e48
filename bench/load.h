/*
 * A run of load: many connections in one thread, each with session after
 * session of whichever user is free, so that no two meet in one maildrop.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "load_session.h"
#include "net/loop.h"

/* Sessions of one run: each leaves a latency. */
#define LOAD_SESSIONS_MAX 1000000u

struct connection;

struct load {
    /* What is asked for; the caller fills it in. */
    enum load_mode mode;
    uint16_t port;    /* of 127.0.0.1 */
    const char *user; /* a prefix: user 0 is called "<prefix>0" */
    const char *password;
    uint32_t users;
    uint32_t connection_count; /* at most as many as users */
    uint32_t sessions_wanted;  /* at most LOAD_SESSIONS_MAX; LOAD_IDLE: one each connection */
    uint32_t milliseconds;     /* no session begins later; 0: no such limit */
    bool pipelining;           /* where the server announces it */

    /* What came of it. */
    uint32_t held; /* LOAD_IDLE: sessions that are logged in */
    uint32_t sessions;
    uint64_t messages;
    uint64_t octets;
    uint32_t errors;
    double seconds;
    uint32_t *latencies_us; /* of each session, from connect to the connection's end */

    /* Its own. */
    struct loop loop;
    struct connection *connections;
    uint32_t *user_ring; /* free_users of them, from user_next on: those without a session */
    uint32_t user_next;
    uint32_t free_users;
    uint32_t started;
    uint32_t open;
    bool released;
    struct loop_source input;
    int64_t begin_ns;
    int64_t last_octet_ns;
    char *buffer;
};

/* These end the program when the system refuses something, or when the server is silent for
 * long. Faults of the server are counted, and the first is written to standard error. */

void load_init(struct load *load);
void load_finish(struct load *load);

/* Until the time is over or the sessions are done. What runs then is finished first, and
 * `seconds` includes that. */
void load_run(struct load *load);

/* LOAD_IDLE, first: logs all of them in, a few at a time; `seconds` is what that took. */
void load_hold(struct load *load);

/* LOAD_IDLE, then: waits for the end of standard input (a pipe), and lets each QUIT. */
void load_release(struct load *load);

#endif
