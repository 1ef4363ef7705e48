/* The journal's rows of one account, in memory. */
#include "fetch/ledger.h"

#include "base/check.h"
#include "fetch/grow.h"

#include <stdlib.h>

int
uid_compare(struct pop_view a, struct pop_view b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

enum err_code
ledger_add(struct ledger *ledger, const struct row *row, struct err *err)
{
    enum err_code code = grow(
        &ledger->rows, &ledger->cap, ledger->count + 1, sizeof *ledger->rows, "the journal",
        err);
    if (code != ERR_OK)
        return code;

    char *uid = malloc(row->uid.len + 1);
    char *name = row->name != NULL ? strdup(row->name) : NULL;
    if (uid == NULL || (row->name != NULL && name == NULL)) {
        free(uid);
        free(name);
        return err_set(err, ERR_NOMEM, "no memory for the journal");
    }
    if (row->uid.len > 0)
        memcpy(uid, row->uid.data, row->uid.len);

    struct row *added = &ledger->rows[ledger->count++];
    *added = *row;
    added->uid = (struct pop_view){uid, row->uid.len};
    added->name = name;
    return ERR_OK;
}

enum err_code
ledger_set_name(struct ledger *ledger, size_t index, const char *name, struct err *err)
{
    struct row *row = &ledger->rows[index];
    CHECK(row->name == NULL);
    row->name = strdup(name);
    row->dirty = true;
    return row->name != NULL ? ERR_OK : err_set(err, ERR_NOMEM, "no memory for a file name");
}

void
ledger_set_state(struct ledger *ledger, size_t index, enum row_state state)
{
    struct row *row = &ledger->rows[index];
    row->dirty |= row->state != state;
    row->state = state;
}

static int
compare_rows(const void *a, const void *b)
{
    const struct row *left = a;
    const struct row *right = b;
    int order = uid_compare(left->uid, right->uid);
    if (order != 0)
        return order;
    return (left->occurrence > right->occurrence) - (left->occurrence < right->occurrence);
}

void
ledger_sort(struct ledger *ledger)
{
    if (ledger->count > 0)
        qsort(ledger->rows, ledger->count, sizeof *ledger->rows, compare_rows);
}

size_t
ledger_find(const struct ledger *ledger, struct pop_view uid)
{
    size_t low = 0;
    size_t high = ledger->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (uid_compare(ledger->rows[middle].uid, uid) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < ledger->count && pop_view_equal(ledger->rows[low].uid, uid);
    return found ? low : ledger->count;
}

static int
compare_digests(const void *a, const void *b, void *context)
{
    const struct row *rows = context;
    const struct row *left = &rows[*(const size_t *)a];
    const struct row *right = &rows[*(const size_t *)b];
    return memcmp(left->digest, right->digest, DIGEST_SIZE);
}

enum err_code
ledger_index_digests(struct ledger *ledger, struct err *err)
{
    free(ledger->by_digest);
    ledger->by_digest_count = 0;
    ledger->by_digest = calloc(ledger->count + 1, sizeof *ledger->by_digest);
    if (ledger->by_digest == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the journal");

    for (size_t i = 0; i < ledger->count; i++)
        if (ledger->rows[i].has_digest && ledger->rows[i].state != ROW_DELIVERING)
            ledger->by_digest[ledger->by_digest_count++] = i;
    qsort_r(
        ledger->by_digest, ledger->by_digest_count, sizeof *ledger->by_digest, compare_digests,
        ledger->rows);
    return ERR_OK;
}

/* The first place in by_digest whose digest is not below this one. */
static size_t
find_digest(const struct ledger *ledger, const unsigned char digest[DIGEST_SIZE])
{
    size_t low = 0;
    size_t high = ledger->by_digest_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct row *row = &ledger->rows[ledger->by_digest[middle]];
        if (memcmp(row->digest, digest, DIGEST_SIZE) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool
ledger_match(
    const struct ledger *ledger, const unsigned char digest[DIGEST_SIZE], struct pop_view uid,
    bool anywhere, size_t *ret_index)
{
    for (size_t i = find_digest(ledger, digest); i < ledger->by_digest_count; i++) {
        const struct row *row = &ledger->rows[ledger->by_digest[i]];
        if (memcmp(row->digest, digest, DIGEST_SIZE) != 0)
            return false;
        if (!row->claimed && (anywhere || pop_view_equal(row->uid, uid))) {
            *ret_index = ledger->by_digest[i];
            return true;
        }
    }
    return false;
}

void
ledger_free(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->count; i++) {
        free((void *)(uintptr_t)ledger->rows[i].uid.data);
        free((void *)(uintptr_t)ledger->rows[i].name);
    }
    free(ledger->rows);
    free(ledger->by_digest);
    *ledger = (struct ledger){0};
}
