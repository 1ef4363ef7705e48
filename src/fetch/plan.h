/*
 * What to do with each message of a listing, given what the journal knows. A
 * pure function: no clock, file or server.
 *
 *   unique-id unknown                        fetch it
 *   known, same size, still on the server    nothing; delete it if that is wanted
 *   doubtful                                 fetch it, then see by its digest whether it is a
 *                                            known message or another one
 *
 * Doubtful is what could lose mail if it was taken for known, or double it if
 * it was taken for new: another size than the journal's; a unique-id that had
 * gone; one that is listed twice; none at all; all unique-ids changed at once
 * (R1939-48, R1939-50).
 */
#ifndef FETCH_PLAN_H
#define FETCH_PLAN_H

#include "fetch/ledger.h"
#include "fetch/listing.h"

enum plan_action {
    PLAN_FETCH,
    PLAN_DELETE, /* it is known and durably here */
};

struct plan_item {
    uint32_t number;
    uint64_t size; /* as LIST says */
    size_t row;    /* the one known; PLAN_FETCH: the one reserved, ROW_DELIVERING */
    enum plan_action action;
    bool doubtful; /* PLAN_FETCH: compare with the rows that are not claimed */
};

struct plan {
    struct plan_item *items; /* by number; messages that need nothing have none */
    size_t count;
    size_t cap;
    size_t fetch_count;
    uint64_t fetch_octets; /* at most INT64_MAX */
    size_t known_count;    /* messages that are here already; doubtful ones not among them */
    bool any_doubtful;
    bool anywhere; /* doubtful messages may be any row of the account */
};

/*
 * Makes the plan. The ledger must be sorted; claims its rows and adds those to
 * be delivered (ROW_DELIVERING, without a name). With `delete_known`, known
 * messages are to be deleted on the server: their rows become
 * ROW_DELETE_PENDING. Rows that the listing lacks become ROW_GONE, unless a
 * doubtful message may still turn out to be one of them.
 */
enum err_code plan_make(
    struct plan *ret_plan, struct ledger *ledger, const struct listing *listing,
    bool delete_known, struct err *err);

/*
 * A message that was fetched turns out to be `known`, a row that nobody had
 * claimed (ledger_match()): that row, or the reserved one in its place where
 * the server has given it another unique-id, now stands for the item. Returns
 * the row that has to go from the journal.
 */
size_t plan_identify(struct plan *plan, struct ledger *ledger, size_t item, size_t known);

/* After a session in which nothing failed: what no message has claimed is no longer there. */
void plan_retire(struct ledger *ledger);

void plan_free(struct plan *plan);

#endif
