/* What the two halves of delivery share: delivery.c writes, delivery_commit.c makes durable. */
#ifndef FETCH_DELIVERY_QUEUE_H
#define FETCH_DELIVERY_QUEUE_H

#include "fetch/delivery.h"
#include "fetch/digest.h"
#include "fetch/fetch_limits.h"
#include "fetch/line_ends.h"
#include "store/maildir_target.h"

#include <pthread.h>

struct delivery_task {
    struct delivery_job job;
    struct maildir_file file; /* complete, in tmp */
};

struct delivery {
    struct maildir_target target;
    struct journal *journal;
    int64_t account;
    int event_fd;

    /* The writer's. */
    struct maildir_file file; /* of the message that is coming; fd -1: none */
    struct line_ends line_ends;
    struct digest digest;
    struct pop_buffer written; /* gathered for one write */
    char written_data[WRITE_SIZE];
    size_t unreported; /* submitted, not yet taken back */

    pthread_t thread;
    bool started;

    /* Both halves', under the mutex. None holds more than `unreported` jobs. */
    pthread_mutex_t mutex;
    pthread_cond_t wake; /* something is waiting, or stopping */
    bool stopping;
    struct delivery_task waiting[COMMIT_QUEUE_MAX];
    size_t waiting_count;
    struct delivery_job done[COMMIT_QUEUE_MAX];
    size_t done_first;
    size_t done_count;

    /* The committer's; the failure is read after a job that is not ok was taken. */
    struct delivery_task batch[COMMIT_QUEUE_MAX];
    struct err failure;
};

/* The committer's thread: commits until `stopping` and nothing is left. */
void *delivery_commit_all(void *delivery);

#endif
