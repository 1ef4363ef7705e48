/* Arrays that grow by doubling. */
#ifndef FETCH_GROW_H
#define FETCH_GROW_H

#include "base/err.h"

#include <stddef.h>

/*
 * Makes room for `wanted` elements of `size` octets in *array, which has *cap.
 * ERR_NOMEM: nothing changed. `array` points to a pointer to the elements.
 */
enum err_code
grow(void *array, size_t *cap, size_t wanted, size_t size, const char *what, struct err *err);

#endif
