/* Connection counters shared by the fronts. */
#include "server/tally.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "net/address.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Connections that tally_claim() tries to get: other fronts may be faster, and one that was
 * taken over could make it go round for ever. */
enum { CLAIMS_MAX = 32 };

/* The shared memory: the seed, the small rows, then the large ones. */
struct tally_memory {
    uint64_t seed;
    uint32_t used; /* small rows up to the last that was ever used; see singles_used() */
    struct tally_single singles[];
};

static size_t
memory_size(struct tally_size size)
{
    return sizeof(struct tally_memory) + size.single * sizeof(struct tally_single) +
           size.shared * sizeof(struct tally_row);
}

static struct tally_memory *
map(int fd, struct tally_size size)
{
    void *memory = mmap(NULL, memory_size(size), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

enum err_code
tally_make(struct tally_size size, int *ret_fd, struct err *err)
{
    CLEANUP(fd_closep)
    int fd = memfd_create("restanted-tally", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)memory_size(size)) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
        return err_set(err, ERR_SYSTEM, "cannot make the connection counters");
    struct tally_memory *memory = map(fd, size);
    if (memory == NULL)
        return err_set(err, ERR_SYSTEM, "cannot map the connection counters");
    ssize_t got = getrandom(&memory->seed, sizeof memory->seed, 0);
    (void)munmap(memory, memory_size(size)); /* the descriptor keeps it */
    if (got != (ssize_t)sizeof memory->seed)
        return err_set(err, ERR_SYSTEM, "cannot get random octets");
    *ret_fd = fd;
    fd = -1; /* the caller's from here */
    return ERR_OK;
}

enum err_code
tally_map(
    struct tally *ret_tally, int fd, struct tally_size size, uint32_t own, struct err *err)
{
    struct tally_memory *memory = map(fd, size);
    if (memory == NULL)
        return err_set(err, ERR_SYSTEM, "cannot map the connection counters");
    *ret_tally = (struct tally){
        .memory = memory,
        .singles = memory->singles,
        .rows = (struct tally_row *)(void *)(memory->singles + size.single),
        .size = size,
        .own = own,
        .seed = memory->seed};
    return ERR_OK;
}

static size_t
bucket_of(const struct tally *tally, const struct sockaddr_storage *address)
{
    unsigned char prefix[8];
    size_t len = address_prefix(address, prefix);
    return XXH3_64bits_withSeed(prefix, len, tally->seed) % TALLY_BUCKETS;
}

static enum tally_state
state_of(const struct tally_single *single)
{
    return (enum tally_state)__atomic_load_n(&single->state, __ATOMIC_ACQUIRE);
}

/* To add up small rows that nobody has ever used takes 5 us for each connection: that is not
 * for servers whose connections share fronts. */
static uint32_t
singles_used(const struct tally *tally)
{
    uint32_t used = __atomic_load_n(&tally->memory->used, __ATOMIC_RELAXED);
    return used < tally->size.single ? used
                                     : tally->size.single; /* any front may write there */
}

static void
use_single(struct tally *tally, uint32_t index)
{
    uint32_t used = __atomic_load_n(&tally->memory->used, __ATOMIC_RELAXED);
    while (used <= index && !__atomic_compare_exchange_n(
                                &tally->memory->used, &used, index + 1, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_RELAXED))
        ;
}

static bool
is_counted(const struct tally_single *single)
{
    enum tally_state state = state_of(single);
    return state == TALLY_WAITING || state == TALLY_HELD;
}

uint32_t
tally_total(const struct tally *tally)
{
    uint32_t total = 0;
    for (uint32_t row = 0; row < tally->size.shared; row++)
        total += __atomic_load_n(&tally->rows[row].total, __ATOMIC_RELAXED);
    for (uint32_t i = 0, used = singles_used(tally); i < used; i++)
        total += is_counted(&tally->singles[i]);
    return total;
}

uint32_t
tally_address(const struct tally *tally, const struct sockaddr_storage *address)
{
    size_t bucket = bucket_of(tally, address);
    uint32_t count = 0;
    for (uint32_t row = 0; row < tally->size.shared; row++)
        count += __atomic_load_n(&tally->rows[row].buckets[bucket], __ATOMIC_RELAXED);
    for (uint32_t i = 0, used = singles_used(tally); i < used; i++) {
        const struct tally_single *single = &tally->singles[i];
        bool same = __atomic_load_n(&single->bucket, __ATOMIC_RELAXED) == bucket;
        count += same && is_counted(single);
    }
    return count;
}

static void
single_add(struct tally_single *single, size_t bucket, int change)
{
    enum tally_state state = change > 0 ? TALLY_WAITING : TALLY_FREE;
    __atomic_store_n(&single->bucket, (uint32_t)bucket, __ATOMIC_RELAXED);
    __atomic_store_n(&single->since_ms, clock_ms(), __ATOMIC_RELAXED);
    __atomic_store_n(&single->state, state, __ATOMIC_RELEASE);
}

void
tally_add(struct tally *tally, const struct sockaddr_storage *address, int change)
{
    size_t bucket = bucket_of(tally, address);
    if (tally->own >= tally->size.shared) {
        uint32_t index = tally->own - tally->size.shared;
        use_single(tally, index);
        single_add(&tally->singles[index], bucket, change);
        return;
    }
    struct tally_row *row = &tally->rows[tally->own];
    __atomic_store_n(&row->total, row->total + (uint32_t)change, __ATOMIC_RELAXED);
    __atomic_store_n(
        &row->buckets[bucket], (uint16_t)(row->buckets[bucket] + change), __ATOMIC_RELAXED);
}

/* ---- who gives way ---- */

/* The own small row; NULL: it is a large one. */
static struct tally_single *
own_single(const struct tally *tally)
{
    return tally->own < tally->size.shared ? NULL
                                           : &tally->singles[tally->own - tally->size.shared];
}

/* Several fronts may want to change it at once: one of them does. */
static bool
change_state(struct tally_single *single, enum tally_state from, enum tally_state to)
{
    uint32_t expected = from;
    return __atomic_compare_exchange_n(
        &single->state, &expected, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

bool
tally_hold(struct tally *tally)
{
    struct tally_single *own = own_single(tally);
    return own == NULL || change_state(own, TALLY_WAITING, TALLY_HELD) ||
           state_of(own) == TALLY_HELD;
}

void
tally_let_go(struct tally *tally)
{
    struct tally_single *own = own_single(tally);
    if (own != NULL)
        (void)change_state(own, TALLY_HELD, TALLY_WAITING); /* or its client has gone */
}

static uint32_t
longest_waiting(const struct tally *tally, int64_t before_ms)
{
    uint32_t longest = TALLY_NONE;
    for (uint32_t i = 0, used = singles_used(tally); i < used; i++) {
        const struct tally_single *single = &tally->singles[i];
        int64_t since_ms = __atomic_load_n(&single->since_ms, __ATOMIC_RELAXED);
        if (state_of(single) != TALLY_WAITING || since_ms >= before_ms)
            continue;
        before_ms = since_ms;
        longest = i;
    }
    return longest;
}

uint32_t
tally_claim(struct tally *tally, int64_t before_ms)
{
    for (int i = 0; i < CLAIMS_MAX; i++) {
        uint32_t found = longest_waiting(tally, before_ms);
        if (found == TALLY_NONE)
            return TALLY_NONE;
        if (change_state(&tally->singles[found], TALLY_WAITING, TALLY_CLAIMED))
            return tally->size.shared + found;
    }
    return TALLY_NONE;
}

bool
tally_is_claimed(const struct tally *tally)
{
    const struct tally_single *own = own_single(tally);
    return own != NULL && state_of(own) == TALLY_CLAIMED;
}

/* ---- the parent's ---- */

void
tally_clear(struct tally *tally, uint32_t row)
{
    if (row < tally->size.shared)
        memset(&tally->rows[row], 0, sizeof tally->rows[row]);
    else
        memset(&tally->singles[row - tally->size.shared], 0, sizeof *tally->singles);
}
