/*
 * Deadlines for very many things at the price of a list operation: all timers
 * of one queue have the same duration, so the list is in order by itself.
 */
#ifndef NET_TIMER_H
#define NET_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct timer {
    struct timer *next; /* NULL: not running */
    struct timer *previous;
    int64_t due_ms;
};

struct timer_queue {
    struct timer head; /* of a ring */
    int64_t duration_ms;
};

/* duration_ms 0: timers of this queue never fire. */
void timer_queue_init(struct timer_queue *queue, int64_t duration_ms);

/* Starts it anew, from now_ms. */
void timer_start(struct timer_queue *queue, struct timer *timer, int64_t now_ms);

/* A stopped one is fine. */
void timer_stop(struct timer *timer);

/* The next one that is due, stopped; or NULL. */
struct timer *timer_next_due(struct timer_queue *queue, int64_t now_ms);

/* Milliseconds until the first is due, 0 if it is overdue; or `otherwise` if that is sooner or
 * nothing runs (-1 for `otherwise`: for ever). */
int64_t timer_wait_ms(const struct timer_queue *queue, int64_t now_ms, int64_t otherwise);

#endif
