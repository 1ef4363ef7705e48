/*
 * One account being fetched: ties a connection, the session with the server,
 * the plan, the journal and the delivery together. Many tasks can share one
 * event loop.
 */
#ifndef FETCH_TASK_H
#define FETCH_TASK_H

#include "fetch/account.h"
#include "fetch/delivery.h"
#include "fetch/journal.h"
#include "fetch/progress.h"
#include "fetch/report.h"
#include "fetch/retriever.h"
#include "fetch/stream.h"
#include "net/loop.h"

struct addrinfo;

enum task_state {
    TASK_CONNECTING,
    TASK_HANDSHAKING, /* TLS */
    TASK_TALKING,
    TASK_DRAINING, /* the connection is closed; what is complete is being committed */
    TASK_DONE,     /* the report is final */
};

/* Zeroed but for the descriptors at -1 = never started. */
struct task {
    /* Set by the owner before task_start(); all borrowed and outliving the task. */
    struct loop *loop;
    struct account *account;
    struct report *report;
    struct journal *journal;
    int64_t account_id;                  /* in the journal */
    struct delivery *delivery;           /* started */
    const struct addrinfo *addresses;    /* to be tried in order */
    const struct tls_client *tls_client; /* NULL: plain text */
    bool show_progress;

    enum task_state state;
    struct loop_source socket; /* fd -1: closed; the stream's */
    struct stream stream;
    struct tls_verdict verdict;     /* on the server's certificate */
    bool heard;                     /* something of the session came; not of the handshake */
    struct loop_source delivered;   /* fd -1: not watched */
    const struct addrinfo *address; /* the one being tried */
    uint32_t events;                /* of the socket that are watched */
    int64_t progress_ms;            /* when the server last did something */
    bool waits_for_disk;            /* input is left alone until the committer reports */
    struct pop_view in;             /* octets not taken yet, in in_data */
    size_t sent;                    /* of retriever.out, from its start */

    struct ledger ledger;
    struct plan plan;
    uint64_t octets_received; /* of messages */
    struct progress progress;
    struct retriever retriever;
    char in_data[READ_SIZE];
};

void task_start(struct task *task);

/* Whatever is due: a time-out, the progress bar. Returns the milliseconds until the next time.
 */
int64_t task_tick(struct task *task, int64_t now_ms);

/* Stops asking; what is complete is still committed. */
void task_stop(struct task *task, const char *reason);

void task_finish(struct task *task);

#endif
