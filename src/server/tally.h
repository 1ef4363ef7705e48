/*
 * Open connections, in all and per address, counted over all fronts: one
 * shared table with a row for each front, which writes its own row only and
 * adds up all of them. A front that dies leaves its row behind; the parent
 * clears it.
 *
 * A front that serves one connection and ends has a small row, of which there
 * can be thousands: adding up as many large ones would touch a page for each.
 * It also tells whether that connection could give way to a new one.
 *
 * A front that was taken over could write nonsense here. It would gain nothing
 * but refused or unlimited connections, and the end of some that have not
 * logged in.
 */
#ifndef SERVER_TALLY_H
#define SERVER_TALLY_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Counters of a row. Addresses that share one by chance are counted together: at 20,000
 * addresses a connection shares its counter with about one other. */
#define TALLY_BUCKETS 16384u

struct tally_row {
    uint32_t total;
    uint16_t buckets[TALLY_BUCKETS];
};

enum tally_state {
    TALLY_FREE,
    TALLY_WAITING, /* not logged in, nor trying: it could give way */
    TALLY_HELD,
    TALLY_CLAIMED, /* it gives way, and ends as soon as it hears of that: not counted any more
                    */
};

struct tally_single {
    uint32_t state;  /* enum tally_state */
    uint32_t bucket; /* of the connection's address */
    int64_t since_ms;
};

/* No row. */
#define TALLY_NONE UINT32_MAX

struct tally_size {
    uint32_t shared; /* rows of fronts with many connections: the first ones */
    uint32_t single; /* rows of fronts with one: behind those */
};

struct tally {
    struct tally_memory *memory; /* shared, and in it the two kinds of rows: */
    struct tally_single *singles;
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

/* Between the two the connection of a small row gives way to nobody. False: it has to already.
 * Always true for a large row, whose front knows by itself. */
bool tally_hold(struct tally *tally);
void tally_let_go(struct tally *tally);

/* Takes the place of the connection that has waited longest, if that began before the time; its
 * front must be told. Returns its row, or TALLY_NONE. */
uint32_t tally_claim(struct tally *tally, int64_t before_ms);

/* The own connection must give way. */
bool tally_is_claimed(const struct tally *tally);

/* Parent: zeroes a row whose front is gone. */
void tally_clear(struct tally *tally, uint32_t row);

#endif
