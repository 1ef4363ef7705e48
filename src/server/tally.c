/* Connection counters shared by the fronts. */
#include "server/tally.h"

#include "base/cleanup.h"
#include "net/address.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* The shared memory: the seed, the small rows, then the large ones. */
struct tally_memory {
    uint64_t seed;
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

uint32_t
tally_total(const struct tally *tally)
{
    uint32_t total = 0;
    for (uint32_t row = 0; row < tally->size.shared; row++)
        total += __atomic_load_n(&tally->rows[row].total, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < tally->size.single; i++)
        total += __atomic_load_n(&tally->singles[i].total, __ATOMIC_RELAXED);
    return total;
}

uint32_t
tally_address(const struct tally *tally, const struct sockaddr_storage *address)
{
    size_t bucket = bucket_of(tally, address);
    uint32_t count = 0;
    for (uint32_t row = 0; row < tally->size.shared; row++)
        count += __atomic_load_n(&tally->rows[row].buckets[bucket], __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < tally->size.single; i++) {
        const struct tally_single *single = &tally->singles[i];
        bool same = __atomic_load_n(&single->bucket, __ATOMIC_RELAXED) == bucket;
        count += same ? __atomic_load_n(&single->total, __ATOMIC_RELAXED) : 0;
    }
    return count;
}

static void
single_add(struct tally_single *single, size_t bucket, int change)
{
    __atomic_store_n(&single->bucket, (uint32_t)bucket, __ATOMIC_RELAXED);
    __atomic_store_n(&single->total, single->total + (uint32_t)change, __ATOMIC_RELAXED);
}

void
tally_add(struct tally *tally, const struct sockaddr_storage *address, int change)
{
    size_t bucket = bucket_of(tally, address);
    if (tally->own >= tally->size.shared) {
        single_add(&tally->singles[tally->own - tally->size.shared], bucket, change);
        return;
    }
    struct tally_row *row = &tally->rows[tally->own];
    __atomic_store_n(&row->total, row->total + (uint32_t)change, __ATOMIC_RELAXED);
    __atomic_store_n(
        &row->buckets[bucket], (uint16_t)(row->buckets[bucket] + change), __ATOMIC_RELAXED);
}

void
tally_clear(struct tally *tally, uint32_t row)
{
    if (row < tally->size.shared)
        memset(&tally->rows[row], 0, sizeof tally->rows[row]);
    else
        memset(&tally->singles[row - tally->size.shared], 0, sizeof *tally->singles);
}
