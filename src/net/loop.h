/* An event loop over epoll for one thread. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/err.h"

#include <stdint.h>
#include <sys/epoll.h>

/* Something with a descriptor, inside its owner's struct. */
struct loop_source {
    int fd;
    /* `events` are EPOLL* bits. May remove and free itself and any other source. */
    void (*ready)(struct loop_source *source, uint32_t events);
};

struct loop {
    int epoll_fd;
    struct epoll_event *events; /* of the turn that is running */
    int event_count;
    int event_next;
};

enum err_code loop_init(struct loop *loop, struct err *err);
void loop_finish(struct loop *loop);

/* The source must stay where it is until it is removed. */
enum err_code
loop_add(struct loop *loop, struct loop_source *source, uint32_t events, struct err *err);
enum err_code
loop_modify(struct loop *loop, struct loop_source *source, uint32_t events, struct err *err);

/* Events of this source that were already collected are dropped. The descriptor stays open. */
void loop_remove(struct loop *loop, struct loop_source *source);

/* Waits up to timeout_ms (-1: for ever) and calls what is ready. */
void loop_turn(struct loop *loop, int64_t timeout_ms);

/* The source that contains it: LOOP_OWNER(source, struct session, source). */
#define LOOP_OWNER(pointer, type, member)                                                      \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
