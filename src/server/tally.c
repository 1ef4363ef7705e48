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

/* The shared memory: the seed, then the rows. */
struct tally_memory {
    uint64_t seed;
    struct tally_row rows[];
};

static size_t
memory_size(uint32_t row_count)
{
    return sizeof(struct tally_memory) + row_count * sizeof(struct tally_row);
}

static struct tally_memory *
map(int fd, uint32_t row_count)
{
    void *memory =
        mmap(NULL, memory_size(row_count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

enum err_code
tally_make(uint32_t row_count, int *ret_fd, struct err *err)
{
    CLEANUP(fd_closep)
    int fd = memfd_create("restanted-tally", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)memory_size(row_count)) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
        return err_set(err, ERR_SYSTEM, "cannot make the connection counters");
    struct tally_memory *memory = map(fd, row_count);
    if (memory == NULL)
        return err_set(err, ERR_SYSTEM, "cannot map the connection counters");
    ssize_t got = getrandom(&memory->seed, sizeof memory->seed, 0);
    (void)munmap(memory, memory_size(row_count)); /* the descriptor keeps it */
    if (got != (ssize_t)sizeof memory->seed)
        return err_set(err, ERR_SYSTEM, "cannot get random octets");
    *ret_fd = fd;
    fd = -1; /* the caller's from here */
    return ERR_OK;
}

enum err_code
tally_map(struct tally *ret_tally, int fd, uint32_t row_count, uint32_t own, struct err *err)
{
    struct tally_memory *memory = map(fd, row_count);
    if (memory == NULL)
        return err_set(err, ERR_SYSTEM, "cannot map the connection counters");
    *ret_tally = (struct tally){
        .rows = memory->rows, .row_count = row_count, .own = own, .seed = memory->seed};
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
    for (uint32_t row = 0; row < tally->row_count; row++)
        total += __atomic_load_n(&tally->rows[row].total, __ATOMIC_RELAXED);
    return total;
}

uint32_t
tally_address(const struct tally *tally, const struct sockaddr_storage *address)
{
    size_t bucket = bucket_of(tally, address);
    uint32_t count = 0;
    for (uint32_t row = 0; row < tally->row_count; row++)
        count += __atomic_load_n(&tally->rows[row].buckets[bucket], __ATOMIC_RELAXED);
    return count;
}

void
tally_add(struct tally *tally, const struct sockaddr_storage *address, int change)
{
    struct tally_row *row = &tally->rows[tally->own];
    size_t bucket = bucket_of(tally, address);
    __atomic_store_n(&row->total, row->total + (uint32_t)change, __ATOMIC_RELAXED);
    __atomic_store_n(
        &row->buckets[bucket], (uint16_t)(row->buckets[bucket] + change), __ATOMIC_RELAXED);
}

void
tally_clear(struct tally *tally, uint32_t row)
{
    memset(&tally->rows[row], 0, sizeof tally->rows[row]);
}
