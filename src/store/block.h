/* Snapshot blocks on the heap. */
#ifndef STORE_BLOCK_H
#define STORE_BLOCK_H

#include <pop/view.h>
#include <stdint.h>
#include <stdlib.h>

/* Frees a block that snapshot_build() or this folder made; a view is const, the memory behind
 * it was malloc'ed. Of no block: does nothing. */
static inline void
block_free(struct pop_view block)
{
    free((void *)(uintptr_t)block.data);
}

#endif
