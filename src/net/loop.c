/* An event loop over epoll. */
#include "net/loop.h"

#include "base/check.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* Events collected in one turn: enough to amortise the call, few enough to stay in the cache.
 */
enum { EVENTS_MAX = 256 };

enum err_code
loop_init(struct loop *loop, struct err *err)
{
    *loop = (struct loop){.epoll_fd = -1};
    loop->events = calloc(EVENTS_MAX, sizeof *loop->events);
    if (loop->events == NULL)
        return err_set(err, ERR_NOMEM, "making an event loop");
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        free(loop->events);
        return err_set(err, ERR_SYSTEM, "cannot make an event loop");
    }
    return ERR_OK;
}

void
loop_finish(struct loop *loop)
{
    (void)close(loop->epoll_fd); /* nothing to lose */
    free(loop->events);
}

static enum err_code
control(
    struct loop *loop, int operation, struct loop_source *source, uint32_t events,
    struct err *err)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(loop->epoll_fd, operation, source->fd, &event) < 0)
        return err_set(err, ERR_SYSTEM, "cannot watch a descriptor");
    return ERR_OK;
}

enum err_code
loop_add(struct loop *loop, struct loop_source *source, uint32_t events, struct err *err)
{
    return control(loop, EPOLL_CTL_ADD, source, events, err);
}

enum err_code
loop_modify(struct loop *loop, struct loop_source *source, uint32_t events, struct err *err)
{
    return control(loop, EPOLL_CTL_MOD, source, events, err);
}

void
loop_remove(struct loop *loop, struct loop_source *source)
{
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL); /* may be gone already */
    for (int i = loop->event_next; i < loop->event_count; i++)
        if (loop->events[i].data.ptr == source)
            loop->events[i].data.ptr = NULL;
}

void
loop_turn(struct loop *loop, int64_t timeout_ms)
{
    int wait = timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms;
    int count = epoll_wait(loop->epoll_fd, loop->events, EVENTS_MAX, wait);
    CHECK(count >= 0 || errno == EINTR);
    loop->event_count = count < 0 ? 0 : count;
    for (loop->event_next = 0; loop->event_next < loop->event_count;) {
        struct epoll_event *event = &loop->events[loop->event_next++];
        struct loop_source *source = event->data.ptr;
        if (source != NULL)
            source->ready(source, event->events);
    }
    loop->event_count = 0;
}
