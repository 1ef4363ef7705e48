/* Scope-bound release of locals that can fail half-way: CLEANUP(fd_closep) int fd = -1; */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

static inline void
free_p(void *pointer)
{
    free(*(void **)pointer);
}

/* Closes and forgets; for descriptors with nothing to lose. */
static inline void
fd_closep(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

#endif
