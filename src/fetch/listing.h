/* What STAT, LIST and UIDL told of the maildrop, put together. Bounded, whatever they claim. */
#ifndef FETCH_LISTING_H
#define FETCH_LISTING_H

#include "base/err.h"

#include <pop/view.h>
#include <stdint.h>

struct listing_entry {
    uint32_t number;
    uint64_t size;       /* as LIST says; at most INT64_MAX */
    struct pop_view uid; /* empty: the server gave none; set by listing_finish() */
};

struct listing_uid {
    uint32_t number;
    uint32_t len;
    size_t offset; /* in strings */
};

/* Zeroed = empty. */
struct listing {
    struct listing_entry *entries; /* by number, after listing_finish() */
    size_t count;
    size_t cap;
    struct listing_uid *uids;
    size_t uid_count;
    size_t uid_cap;
    char *strings;
    size_t strings_len;
    size_t strings_cap;
};

/* A line of LIST, a line of UIDL. ERR_LIMIT: more than LISTING_MESSAGES_MAX lines, or more
 * than LISTING_UIDS_MAX octets of unique-ids; ERR_INVALID: a number no message can have. */
enum err_code
listing_add_size(struct listing *listing, uint64_t number, uint64_t size, struct err *err);
enum err_code
listing_add_uid(struct listing *listing, uint64_t number, struct pop_view uid, struct err *err);

/* Puts both together, by number. Returns how many lines made no sense beside the others (a
 * number twice, a unique-id of a message that LIST lacks); they are dropped. */
size_t listing_finish(struct listing *listing);

void listing_free(struct listing *listing);

#endif
