/*
 * A queue in which nobody waits for a flood from elsewhere: what comes from one
 * place stands in one lane, and lanes take turns. Items of trusted places go
 * before all others. When it is full, the longest lane gives up its newest.
 *
 * No allocation, no lock: the owner has both.
 */
#ifndef AUTH_FAIR_QUEUE_H
#define AUTH_FAIR_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

/* Places that share a lane by chance share their turns too; more lanes make that rarer, and a
 * turn looks at all of them at worst. */
#define FAIR_LANES 64u

struct fair_item {
    struct fair_item *next;
    uint64_t
        place; /* a number of where it comes from, from a hash that strangers cannot guess */
    bool trusted;
};

struct fair_lane {
    struct fair_item *first;
    struct fair_item *last;
    uint32_t count;
};

/* Zeroed but for `max`: empty. */
struct fair_queue {
    struct fair_lane lanes[2][FAIR_LANES]; /* trusted, others */
    uint32_t turn[2];                      /* the lane that is next */
    uint32_t count;
    uint32_t max;
};

/* Adds. Returns the item that has no place any more: NULL, another one, or the item itself. */
struct fair_item *fair_queue_put(struct fair_queue *queue, struct fair_item *item);

/* The next in turn, or NULL: it is empty. */
struct fair_item *fair_queue_take(struct fair_queue *queue);

#endif
