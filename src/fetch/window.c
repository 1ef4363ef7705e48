/* The window of octets in flight. */
#include "fetch/window.h"

#include "fetch/fetch_limits.h"

/* What a message counts. Cannot overflow: sizes are at most INT64_MAX, and nothing is added to
 * a window that is not open. */
static uint64_t
cost(uint64_t size)
{
    return size + WINDOW_COMMAND_COST;
}

bool
window_is_open(const struct window *window)
{
    return window->in_flight < WINDOW_OCTETS_MAX;
}

void
window_sent(struct window *window, uint64_t size)
{
    window->in_flight += cost(size);
}

void
window_begin(struct window *window, uint64_t size)
{
    window->left = cost(size);
}

void
window_received(struct window *window, uint64_t octets)
{
    uint64_t taken = octets < window->left ? octets : window->left;
    window->left -= taken;
    window->in_flight -= taken;
}

void
window_end(struct window *window)
{
    window->in_flight -= window->left;
    window->left = 0;
}
