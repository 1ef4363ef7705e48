/* Times of files as one number of nanoseconds. */
#ifndef STORE_FILE_TIME_H
#define STORE_FILE_TIME_H

#include <stdint.h>
#include <time.h>

/* Of what is not there: differs from every real time. */
#define FILE_TIME_NONE_NS INT64_MIN

/* Files can carry any time: what 64 bits cannot hold (beyond the year 2262) becomes the
 * nearest that they can. */
static inline int64_t
file_time_ns(struct timespec time)
{
    int64_t ns;
    if (__builtin_mul_overflow((int64_t)time.tv_sec, 1000000000, &ns) ||
        __builtin_add_overflow(ns, (int64_t)time.tv_nsec, &ns))
        return time.tv_sec < 0 ? FILE_TIME_NONE_NS + 1 : INT64_MAX;
    return ns;
}

#endif
