/*
 * Open connections, in all and per address, counted over all fronts: one
 * shared table with a row for each front, which writes its own row only and
 * adds up all of them. A front that dies leaves its row behind; the parent
 * clears it.
 *
 * A front that serves one connection and ends has a small row, of which there
 * can be thousands: adding up as many large ones would touch a page for each.
 *
 * A front that was taken over could write nonsense here. It would gain nothing
 * but refused or unlimited connections.
 */
#ifndef SERVER_TALLY_H
#define SERVER_TALLY_H

#include "base/err.h"

#include <stdint.h>
#include <sys/socket.h>

/* Counters of a row. Addresses that share one by chance are counted together: at 20,000
 * addresses a connection shares its counter with about one other. */
#define TALLY_BUCKETS 16384u

struct tally_row {
    uint32_t total;
    uint16_t buckets[TALLY_BUCKETS];
};

struct tally_single {
    uint32_t total;  /* 0 or 1 */
    uint32_t bucket; /* of the connection's address */
};

struct tally_size {
    uint32_t shared; /* rows of fronts with many connections: the first ones */
    uint32_t single; /* rows of fronts with one: behind those */
};

struct tally {
    struct tally_single *singles; /* shared memory, as are the rows */
    struct tally_row *rows;
    struct tally_size size;
    uint32_t own;
    uint64_t seed; /* so that nobody can choose addresses that share a counter */
};

/* Parent: makes the shared memory; *ret_fd is the caller's. */
enum err_code tally_make(struct tally_size size, int *ret_fd, struct err *err);

/* Maps it; `own` may be any row for the parent. The size must be the same everywhere. */
enum err_code tally_map(
    struct tally *ret_tally, int fd, struct tally_size size, uint32_t own, struct err *err);

/* Sums over all rows. */
uint32_t tally_total(const struct tally *tally);
uint32_t tally_address(const struct tally *tally, const struct sockaddr_storage *address);

/* Counts in the own row. */
void tally_add(struct tally *tally, const struct sockaddr_storage *address, int change);

/* Parent: zeroes a row whose front is gone. */
void tally_clear(struct tally *tally, uint32_t row);

#endif
