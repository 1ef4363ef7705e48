/*
 * The name of a fetched message's file. It derives from the account and the
 * unique-id, so that a delivery repeated after a crash is recognised; the
 * server's unique-id itself never becomes part of a path (PROJ-3).
 *
 *   1700000000.M000017R0123456789abcdef0123456789abcdef.host
 *   first seen  order R     key                         this host
 */
#ifndef FETCH_MAIL_NAME_H
#define FETCH_MAIL_NAME_H

#include "base/err.h"
#include "base/limits.h"

#include <pop/view.h>
#include <stdint.h>

#define MAIL_KEY_SIZE 16

/* The first half of a SHA-256 over account, unique-id and occurrence. */
struct mail_key {
    unsigned char octets[MAIL_KEY_SIZE];
};

enum err_code mail_key_make(
    struct mail_key *ret_key, struct pop_view identity, struct pop_view uid,
    uint32_t occurrence, struct err *err);

/* `order` keeps messages of one run in the server's order when names are sorted. */
void mail_name_make(
    char ret_name[FILE_NAME_MAX_LEN + 1], const struct mail_key *key, int64_t first_seen,
    uint32_t order);

/* The key in a file name, flags or not; false: no name of ours. */
bool mail_name_key(const char *name, struct mail_key *ret_key);

int mail_key_compare(const struct mail_key *a, const struct mail_key *b);

#endif
