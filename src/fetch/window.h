/* How much may be asked for before it has come: a window counted in octets from LIST's sizes.
 */
#ifndef FETCH_WINDOW_H
#define FETCH_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed = nothing asked for. LIST may lie: what was counted for a message is given back when
 * it ends, whatever came. */
struct window {
    uint64_t in_flight; /* asked for, not yet received */
    uint64_t left;      /* the part of it that belongs to the message being received */
};

bool window_is_open(const struct window *window);

/* A message of this size was asked for. */
void window_sent(struct window *window, uint64_t size);

/* Its answer begins: the same size again. */
void window_begin(struct window *window, uint64_t size);

/* Octets of it came. */
void window_received(struct window *window, uint64_t octets);

/* Its answer is complete, or was a refusal. */
void window_end(struct window *window);

#endif
