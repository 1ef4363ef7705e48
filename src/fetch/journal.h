/*
 * The journal: what this machine knows of each message of each account, in one
 * SQLite file that survives crashes. Every call that writes is one transaction,
 * synced when the call returns; doc/fetch.md says which step waits for which.
 *
 * May be used from several threads: each call is atomic.
 */
#ifndef FETCH_JOURNAL_H
#define FETCH_JOURNAL_H

#include "base/limits.h"
#include "fetch/ledger.h"

struct journal;

/* $XDG_STATE_HOME/restante/journal.db, or ~/.local/state/restante/journal.db. Makes the
 * folders that are missing, the last one with mode 0700. */
enum err_code journal_default_path(char ret_path[PATH_LEN_MAX], struct err *err);

/* Opens or makes the journal. ERR_INVALID: the file is something else, or was written by a
 * later version. */
enum err_code journal_open(struct journal **ret_journal, const char *path, struct err *err);
void journal_close(struct journal *journal); /* NULL is fine; releases the locks */

/* The number of the account with this identity and destination; made if it is new. */
enum err_code journal_account(
    struct journal *journal, struct pop_view identity, const char *destination,
    int64_t *ret_account, struct err *err);

/* Takes the account for this run: by an open-file-description lock, so nothing is left over
 * however the run ends. ERR_BUSY: another run has it. */
enum err_code journal_lock(struct journal *journal, int64_t account, struct err *err);

/* Adds all rows of the account to the ledger, sorted. */
enum err_code
journal_load(struct journal *journal, int64_t account, struct ledger *ledger, struct err *err);

struct journal_change {
    bool remove;
    struct row row; /* uid and name are borrowed; to remove, uid and occurrence are enough */
};

/* Makes all changes or none, durably. */
enum err_code journal_apply(
    struct journal *journal, int64_t account, const struct journal_change *changes,
    size_t count, struct err *err);

/* Stores every dirty row of the ledger and marks it clean. All must have names. Nothing is
 * written when there is none. */
enum err_code
journal_store(struct journal *journal, int64_t account, struct ledger *ledger, struct err *err);

#endif
