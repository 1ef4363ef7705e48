/* Storage that ends at a page which must not be touched: reading or writing one octet beyond
 * kills the test. What lies before is filled with octets that no test expects. */
#ifndef UNIT_GUARD_H
#define UNIT_GUARD_H

#include <pop/view.h>

struct guard {
    char *pages;
    size_t size; /* of the pages that may be touched */
};

/* For up to `cap` octets. Fails the test if there is no memory. */
void guard_init(struct guard *guard, size_t cap);
void guard_finish(struct guard *guard);

/* A copy of the octets against the guard page. It overwrites what was placed before, as the
 * next read of a connection does. */
struct pop_view guard_place(struct guard *guard, struct pop_view octets);

/* An empty buffer of `cap` octets against the guard page, filled with `fill`. */
struct pop_buffer guard_room(struct guard *guard, size_t cap, char fill);

#endif
