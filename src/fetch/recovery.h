/*
 * Putting the ledger and the Maildir in agreement before a plan is made:
 * after a run that was killed, and after the journal was lost.
 */
#ifndef FETCH_RECOVERY_H
#define FETCH_RECOVERY_H

#include "fetch/ledger.h"
#include "fetch/listing.h"

/*
 * Looks at the Maildir when there is something to settle: rows that were being
 * delivered, or messages that the ledger does not know.
 *
 *   being delivered, file found    it was delivered: files are renamed into the Maildir only
 *                                  when they are whole and synced
 *   being delivered, no file       stays; it is fetched again
 *   unknown, file found            a row is added, delivered, of unknown size: so the plan
 *                                  holds it for doubtful and compares digests
 *
 * The ledger must be sorted, and is sorted again. Rows that it changes or adds
 * are marked dirty.
 */
enum err_code recover(
    struct ledger *ledger, const struct listing *listing, struct pop_view identity,
    const char *maildir, struct err *err);

#endif
