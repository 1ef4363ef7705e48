/* Pages with a closed one behind them. */
#include "guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* Neither CR, LF, '.', a digit nor a letter: whoever looks back finds nothing of use. */
#define FILL ((char)0xdb)

/* How much before the octets is filled: no code under test looks back further. */
#define FILLED_BEFORE 16

void
guard_init(struct guard *guard, size_t cap)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    guard->size = (cap + FILLED_BEFORE + page) / page * page;
    guard->pages = mmap(
        NULL, guard->size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(guard->pages, MAP_FAILED);
    assert_int_equal(mprotect(guard->pages + guard->size, page, PROT_NONE), 0);
}

void
guard_finish(struct guard *guard)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    (void)munmap(guard->pages, guard->size + page);
}

struct pop_view
guard_place(struct guard *guard, struct pop_view octets)
{
    assert_true(octets.len + FILLED_BEFORE <= guard->size);
    char *start = guard->pages + guard->size - octets.len;
    memset(start - FILLED_BEFORE, FILL, FILLED_BEFORE);
    if (octets.len > 0)
        memcpy(start, octets.data, octets.len);
    return (struct pop_view){start, octets.len};
}

struct pop_buffer
guard_room(struct guard *guard, size_t cap, char fill)
{
    assert_true(cap <= guard->size);
    char *start = guard->pages + guard->size - cap;
    memset(start, fill, cap);
    return (struct pop_buffer){start, 0, cap};
}
