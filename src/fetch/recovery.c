/* After a run that was killed, and after the journal was lost. */
#include "fetch/recovery.h"

#include "base/cleanup.h"
#include "base/number.h"
#include "fetch/digest.h"
#include "fetch/maildir_scan.h"

/* How often to look for a file that readers move about while it is looked for. */
#define SCAN_TRIES 3

struct recovery {
    struct ledger *ledger;
    struct pop_view identity;
    const char *maildir;
    struct maildir_scan scan;
    struct err *err;
};

static bool
is_unknown(const struct ledger *ledger, const struct listing_entry *entry)
{
    return ledger_find(ledger, entry->uid) == ledger->count;
}

static bool
has_work(const struct ledger *ledger, const struct listing *listing)
{
    for (size_t i = 0; i < ledger->count; i++)
        if (ledger->rows[i].state == ROW_DELIVERING)
            return true;
    for (size_t i = 0; i < listing->count; i++)
        if (is_unknown(ledger, &listing->entries[i]))
            return true;
    return false;
}

/* Fills in the digest of the file. A file that a reader has removed since the scan was
 * delivered all the same; then the digest stays unknown. */
static enum err_code
read_digest(struct recovery *recovery, struct maildir_found *found, struct row *row)
{
    struct mail_key key = found->key;
    for (int tries = 0; tries < SCAN_TRIES; tries++) {
        CLEANUP(fd_closep) int fd = -1;
        enum err_code code = maildir_scan_open(&recovery->scan, found, &fd, recovery->err);
        if (code == ERR_OK) {
            row->has_digest = true;
            return digest_of_file(fd, row->digest, recovery->err);
        }
        if (code != ERR_NOT_FOUND)
            return code;
        code = maildir_scan(&recovery->scan, recovery->maildir, recovery->err);
        if (code != ERR_OK)
            return code;
        found = maildir_scan_find(&recovery->scan, &key);
    }
    return ERR_OK;
}

/* The row's file is in the Maildir: makes that durable, as the run that was killed may not have
 * come to it, and reads the digest. */
static enum err_code
settle(struct recovery *recovery, struct maildir_found *found, struct row *row)
{
    found->taken = true;
    enum err_code code = maildir_scan_sync(&recovery->scan, found, recovery->err);
    if (code == ERR_OK)
        code = read_digest(recovery, found, row);
    if (code != ERR_OK)
        return code;
    row->state = ROW_DELIVERED;
    row->dirty = true;
    return ERR_OK;
}

static enum err_code
find_file(
    struct recovery *recovery, struct pop_view uid, uint32_t occurrence,
    struct maildir_found **ret_found)
{
    struct mail_key key;
    enum err_code code =
        mail_key_make(&key, recovery->identity, uid, occurrence, recovery->err);
    if (code == ERR_OK)
        *ret_found = maildir_scan_find(&recovery->scan, &key);
    return code;
}

/* One pass over the rows that were being delivered. *ret_missing: some have no file. */
static enum err_code
settle_rows(struct recovery *recovery, bool *ret_missing)
{
    bool missing = false;
    for (size_t i = 0; i < recovery->ledger->count; i++) {
        struct row *row = &recovery->ledger->rows[i];
        if (row->state != ROW_DELIVERING)
            continue;
        struct maildir_found *found;
        enum err_code code = find_file(recovery, row->uid, row->occurrence, &found);
        if (code == ERR_OK && found != NULL)
            code = settle(recovery, found, row);
        if (code != ERR_OK)
            return code;
        missing |= found == NULL;
    }
    *ret_missing = missing;
    return ERR_OK;
}

/* A row for a file whose journal was lost; its size is unknown, so nothing is decided yet. */
static enum err_code
adopt_file(
    struct recovery *recovery, struct pop_view uid, uint32_t occurrence,
    struct maildir_found *found)
{
    char name[FILE_NAME_MAX_LEN + 1];
    size_t len = strcspn(found->name, ":"); /* flags follow it */
    memcpy(name, found->name, len);
    name[len] = '\0';

    struct row row = {
        .uid = uid,
        .occurrence = occurrence,
        .size = ROW_SIZE_UNKNOWN,
        .name = name,
    };
    uint64_t seconds;
    if (parse_u64((struct pop_view){name, strcspn(name, ".")}, &seconds))
        row.first_seen = (int64_t)seconds;
    enum err_code code = settle(recovery, found, &row);
    return code == ERR_OK ? ledger_add(recovery->ledger, &row, recovery->err) : code;
}

/* Files of a message that no row knows: occurrence 0, 1 ... until there is none. */
static enum err_code
adopt_files(struct recovery *recovery, struct pop_view uid)
{
    for (uint32_t occurrence = 0;; occurrence++) {
        struct maildir_found *found;
        enum err_code code = find_file(recovery, uid, occurrence, &found);
        if (code != ERR_OK || found == NULL || found->taken)
            return code;
        code = adopt_file(recovery, uid, occurrence, found);
        if (code != ERR_OK)
            return code;
    }
}

static enum err_code
run(struct recovery *recovery, const struct listing *listing)
{
    enum err_code code = maildir_scan(&recovery->scan, recovery->maildir, recovery->err);
    if (code != ERR_OK)
        return code;

    /* One absence proves nothing while readers rename files: look twice. */
    bool missing = true;
    for (int pass = 0; pass < 2 && missing; pass++) {
        if (pass > 0)
            code = maildir_scan(&recovery->scan, recovery->maildir, recovery->err);
        if (code == ERR_OK)
            code = settle_rows(recovery, &missing);
        if (code != ERR_OK)
            return code;
    }

    /* Rows are added behind the sorted ones, which is_unknown() must not look at. */
    struct ledger sorted = *recovery->ledger;
    for (size_t i = 0; i < listing->count && recovery->scan.count > 0; i++) {
        sorted.rows = recovery->ledger->rows;
        if (!is_unknown(&sorted, &listing->entries[i]))
            continue;
        code = adopt_files(recovery, listing->entries[i].uid);
        if (code != ERR_OK)
            return code;
    }
    ledger_sort(recovery->ledger);
    return ERR_OK;
}

enum err_code
recover(
    struct ledger *ledger, const struct listing *listing, struct pop_view identity,
    const char *maildir, struct err *err)
{
    if (!has_work(ledger, listing))
        return ERR_OK;
    struct recovery recovery = {
        .ledger = ledger,
        .identity = identity,
        .maildir = maildir,
        .err = err,
    };
    enum err_code code = run(&recovery, listing);
    maildir_scan_free(&recovery.scan);
    return code;
}
