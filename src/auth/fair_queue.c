/* Lanes that take turns. */
#include "auth/fair_queue.h"

#include "base/check.h"

#include <stddef.h>

enum { TRUSTED, OTHERS };

static struct fair_lane *
lane_of(struct fair_queue *queue, const struct fair_item *item)
{
    return &queue->lanes[item->trusted ? TRUSTED : OTHERS][item->place % FAIR_LANES];
}

static void
append(struct fair_queue *queue, struct fair_item *item)
{
    struct fair_lane *lane = lane_of(queue, item);
    item->next = NULL;
    if (lane->last == NULL)
        lane->first = item;
    else
        lane->last->next = item;
    lane->last = item;
    lane->count++;
    queue->count++;
}

static struct fair_item *
take_newest(struct fair_queue *queue, struct fair_lane *lane)
{
    struct fair_item *before = NULL;
    struct fair_item *newest = lane->last;
    for (struct fair_item *item = lane->first; item != newest; item = item->next)
        before = item;
    lane->last = before;
    if (before == NULL)
        lane->first = NULL;
    else
        before->next = NULL;
    lane->count--;
    queue->count--;
    return newest;
}

static struct fair_lane *
longest(struct fair_queue *queue, int class)
{
    struct fair_lane *found = &queue->lanes[class][0];
    for (uint32_t i = 1; i < FAIR_LANES; i++)
        if (queue->lanes[class][i].count > found->count)
            found = &queue->lanes[class][i];
    return found;
}

struct fair_item *
fair_queue_put(struct fair_queue *queue, struct fair_item *item)
{
    CHECK(queue->max > 0);
    if (queue->count < queue->max) {
        append(queue, item);
        return NULL;
    }
    struct fair_lane *victim = longest(queue, OTHERS);
    if (victim->count == 0)
        victim = longest(queue, TRUSTED);
    bool may_push = victim->first->trusted == item->trusted
                        ? lane_of(queue, item)->count + 1 < victim->count
                        : item->trusted;
    if (!may_push)
        return item;
    struct fair_item *out = take_newest(queue, victim);
    append(queue, item);
    return out;
}

static struct fair_item *
take_in_turn(struct fair_queue *queue, int class)
{
    for (uint32_t i = 0; i < FAIR_LANES; i++) {
        struct fair_lane *lane = &queue->lanes[class][(queue->turn[class] + i) % FAIR_LANES];
        struct fair_item *item = lane->first;
        if (item == NULL)
            continue;
        lane->first = item->next;
        if (lane->first == NULL)
            lane->last = NULL;
        lane->count--;
        queue->count--;
        queue->turn[class] = (queue->turn[class] + i + 1) % FAIR_LANES;
        return item;
    }
    return NULL;
}

struct fair_item *
fair_queue_take(struct fair_queue *queue)
{
    struct fair_item *item = take_in_turn(queue, TRUSTED);
    return item != NULL ? item : take_in_turn(queue, OTHERS);
}
