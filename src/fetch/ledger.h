/* The journal's rows of one account, in memory for one session. */
#ifndef FETCH_LEDGER_H
#define FETCH_LEDGER_H

#include "base/err.h"

#include <pop/view.h>
#include <stdint.h>

#define DIGEST_SIZE 32 /* SHA-256 */

/* The life of a message, see doc/fetch.md. The values are those in the database. */
enum row_state {
    ROW_DELIVERING = 1,     /* may be fetched; may lie in the Maildir or not */
    ROW_DELIVERED = 2,      /* lies in the Maildir, durably */
    ROW_DELETE_PENDING = 3, /* the same, and DELE may have been sent */
    ROW_GONE = 4,           /* no longer on the server */
};

/* The size is not known: the row comes from a file that was found. */
#define ROW_SIZE_UNKNOWN UINT64_MAX

struct row {
    struct pop_view uid; /* as the server sent it; empty: it gave none */
    uint32_t occurrence; /* 0 for the first message of this unique-id, then 1 ... */
    enum row_state state;
    bool claimed; /* it is one of the messages that this session's listing shows */
    bool listed;  /* this session's listing shows its unique-id */
    bool dirty;   /* it differs from what the journal has */
    bool has_digest;
    uint64_t size; /* as LIST said */
    int64_t first_seen;
    unsigned char digest[DIGEST_SIZE]; /* of the delivered octets */
    const char *name;                  /* of its file, without flags; NULL: not decided yet */
};

/* Zeroed = empty. Rows keep their index; uid and name belong to the ledger. */
struct ledger {
    struct row *rows;
    size_t count;
    size_t cap;
    size_t *by_digest; /* rows that have a digest, sorted by it */
    size_t by_digest_count;
};

/* Adds a copy of `row` at the end. */
enum err_code ledger_add(struct ledger *ledger, const struct row *row, struct err *err);

enum err_code
ledger_set_name(struct ledger *ledger, size_t index, const char *name, struct err *err);

/* Sorts by unique-id, then occurrence. Indices from before are void. */
void ledger_sort(struct ledger *ledger);

/* The order of unique-ids that ledger_sort() uses: as memcmp, a prefix first. */
int uid_compare(struct pop_view a, struct pop_view b);

/* The message is known to be in this state now; the journal is to hear of it. */
void ledger_set_state(struct ledger *ledger, size_t index, enum row_state state);

/* The first row of this unique-id, or ledger->count. The ledger must be sorted. */
size_t ledger_find(const struct ledger *ledger, struct pop_view uid);

/* Prepares ledger_match() for the rows that are there now. */
enum err_code ledger_index_digests(struct ledger *ledger, struct err *err);

/*
 * Looks for a row with this digest that is not claimed yet and is not being
 * delivered: with this unique-id or, `anywhere`, with any. False: none.
 */
bool ledger_match(
    const struct ledger *ledger, const unsigned char digest[DIGEST_SIZE], struct pop_view uid,
    bool anywhere, size_t *ret_index);

void ledger_free(struct ledger *ledger);

#endif
