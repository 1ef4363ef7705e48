/* Timers of one duration, in a ring ordered by their deadline. */
#include "net/timer.h"

#include <stddef.h>

void
timer_queue_init(struct timer_queue *queue, int64_t duration_ms)
{
    queue->head = (struct timer){.next = &queue->head, .previous = &queue->head};
    queue->duration_ms = duration_ms;
}

void
timer_stop(struct timer *timer)
{
    if (timer->next == NULL)
        return;
    timer->next->previous = timer->previous;
    timer->previous->next = timer->next;
    timer->next = NULL;
    timer->previous = NULL;
}

void
timer_start(struct timer_queue *queue, struct timer *timer, int64_t now_ms)
{
    timer_stop(timer);
    if (queue->duration_ms == 0)
        return;
    timer->due_ms = now_ms + queue->duration_ms;
    timer->next = &queue->head;
    timer->previous = queue->head.previous;
    timer->previous->next = timer;
    queue->head.previous = timer;
}

struct timer *
timer_next_due(struct timer_queue *queue, int64_t now_ms)
{
    struct timer *first = queue->head.next;
    if (first == &queue->head || first->due_ms > now_ms)
        return NULL;
    timer_stop(first);
    return first;
}

int64_t
timer_wait_ms(const struct timer_queue *queue, int64_t now_ms, int64_t otherwise)
{
    const struct timer *first = queue->head.next;
    if (first == &queue->head)
        return otherwise;
    int64_t wait = first->due_ms > now_ms ? first->due_ms - now_ms : 0;
    return otherwise >= 0 && otherwise < wait ? otherwise : wait;
}
