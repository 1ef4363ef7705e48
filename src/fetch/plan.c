/* What to do with each message. The listing and the ledger, both sorted by unique-id, are gone
 * through side by side, one unique-id at a time. */
#include "fetch/plan.h"

#include "fetch/grow.h"

#include <stdlib.h>

struct planning {
    struct plan plan;
    struct ledger *ledger;
    size_t sorted; /* rows before this one are sorted; behind it are those added */
    bool delete_known;
    struct err *err;
};

/* The entries and the rows of one unique-id. */
struct group {
    const struct listing_entry **entries;
    size_t entry_count;
    size_t row_first;
    size_t row_count;
    uint32_t next_occurrence;
};

static bool
is_here(const struct row *row)
{
    return row->state == ROW_DELIVERED || row->state == ROW_DELETE_PENDING;
}

static enum err_code
add_item(struct planning *planning, struct plan_item item)
{
    struct plan *plan = &planning->plan;
    enum err_code code = grow(
        &plan->items, &plan->cap, plan->count + 1, sizeof *plan->items, "the plan",
        planning->err);
    if (code == ERR_OK)
        plan->items[plan->count++] = item;
    return code;
}

/* A row for a message to come: one left over from a run that was killed, or a new one. */
static enum err_code
reserve_row(
    struct planning *planning, struct group *group, const struct listing_entry *entry,
    size_t *ret_row)
{
    struct ledger *ledger = planning->ledger;
    for (size_t i = group->row_first; i < group->row_first + group->row_count; i++) {
        struct row *row = &ledger->rows[i];
        if (row->state == ROW_DELIVERING && !row->claimed) {
            row->claimed = true;
            row->dirty |= row->size != entry->size;
            row->size = entry->size;
            *ret_row = i;
            return ERR_OK;
        }
    }
    struct row row = {
        .uid = entry->uid,
        .occurrence = group->next_occurrence++,
        .state = ROW_DELIVERING,
        .claimed = true,
        .dirty = true,
        .size = entry->size,
    };
    *ret_row = ledger->count;
    return ledger_add(ledger, &row, planning->err);
}

static enum err_code
plan_fetch(
    struct planning *planning, struct group *group, const struct listing_entry *entry,
    bool doubtful)
{
    struct plan *plan = &planning->plan;
    struct plan_item item = {
        .number = entry->number,
        .size = entry->size,
        .action = PLAN_FETCH,
        .doubtful = doubtful,
    };
    enum err_code code = reserve_row(planning, group, entry, &item.row);
    if (code != ERR_OK)
        return code;
    plan->fetch_count++;
    plan->any_doubtful |= doubtful;
    plan->fetch_octets += entry->size < INT64_MAX - plan->fetch_octets
                              ? entry->size
                              : INT64_MAX - plan->fetch_octets;
    return add_item(planning, item);
}

static enum err_code
plan_known(struct planning *planning, const struct listing_entry *entry, size_t row)
{
    planning->ledger->rows[row].claimed = true;
    planning->plan.known_count++;
    if (!planning->delete_known)
        return ERR_OK;
    ledger_set_state(planning->ledger, row, ROW_DELETE_PENDING);
    return add_item(
        planning, (struct plan_item){
                      .number = entry->number,
                      .size = entry->size,
                      .row = row,
                      .action = PLAN_DELETE,
                  });
}

/* Two messages had this unique-id, and one of them is not here yet. */
static bool
lacks_one(const struct planning *planning, const struct group *group)
{
    for (size_t i = group->row_first; i < group->row_first + group->row_count; i++)
        if (planning->ledger->rows[i].state == ROW_DELIVERING)
            return true;
    return false;
}

/* The row that the only message of this unique-id must be: here, and of the same size. */
static bool
find_known(const struct planning *planning, const struct group *group, size_t *ret_row)
{
    const struct listing_entry *entry = group->entries[0];
    if (group->entry_count != 1 || entry->uid.len == 0 || lacks_one(planning, group))
        return false;
    for (size_t i = group->row_first; i < group->row_first + group->row_count; i++) {
        const struct row *row = &planning->ledger->rows[i];
        if (is_here(row) && row->size == entry->size) {
            *ret_row = i;
            return true;
        }
    }
    return false;
}

static enum err_code
plan_group(struct planning *planning, struct group *group)
{
    size_t known;
    if (find_known(planning, group, &known))
        return plan_known(planning, group->entries[0], known);

    bool doubtful = planning->plan.anywhere || group->entries[0]->uid.len == 0;
    group->next_occurrence = 0;
    for (size_t i = group->row_first; i < group->row_first + group->row_count; i++) {
        const struct row *row = &planning->ledger->rows[i];
        doubtful |= row->state != ROW_DELIVERING;
        if (row->occurrence >= group->next_occurrence)
            group->next_occurrence = row->occurrence + 1;
    }
    for (size_t i = 0; i < group->entry_count; i++) {
        enum err_code code = plan_fetch(planning, group, group->entries[i], doubtful);
        if (code != ERR_OK)
            return code;
    }
    return ERR_OK;
}

/* Moves to the rows of this unique-id, given that groups come in order. */
static void
find_rows(const struct planning *planning, struct group *group)
{
    struct row *rows = planning->ledger->rows;
    struct pop_view uid = group->entries[0]->uid;
    size_t at = group->row_first + group->row_count;
    while (at < planning->sorted && uid_compare(rows[at].uid, uid) < 0)
        at++;
    group->row_first = at;
    while (at < planning->sorted && pop_view_equal(rows[at].uid, uid))
        rows[at++].listed = true;
    group->row_count = at - group->row_first;
}

static int
compare_by_uid(const void *a, const void *b)
{
    const struct listing_entry *left = *(const struct listing_entry *const *)a;
    const struct listing_entry *right = *(const struct listing_entry *const *)b;
    int order = uid_compare(left->uid, right->uid);
    return order != 0 ? order : (left->number > right->number) - (left->number < right->number);
}

/* Goes through the groups, in order. */
static enum err_code
plan_groups(struct planning *planning, const struct listing_entry **sorted, size_t count)
{
    struct group group = {0};
    for (size_t i = 0; i < count; i += group.entry_count) {
        group.entries = &sorted[i];
        group.entry_count = 1;
        while (i + group.entry_count < count &&
               pop_view_equal(sorted[i]->uid, sorted[i + group.entry_count]->uid))
            group.entry_count++;
        find_rows(planning, &group);
        enum err_code code = plan_group(planning, &group);
        if (code != ERR_OK)
            return code;
    }
    return ERR_OK;
}

/* What the rows of an account say about the listing, one beside the other. */
struct comparison {
    bool any_here;       /* on the server, for all we know */
    bool any_kept;       /* ... and listed with its unique-id */
    bool any_missing;    /* delivered, not to be deleted, and not listed */
    bool any_unfinished; /* listed, and a run that was cut off has not delivered it */
    bool any_without_uid;
};

static struct comparison
compare_with_rows(
    const struct ledger *ledger, const struct listing_entry **sorted, size_t entry_count)
{
    struct comparison result = {0};
    size_t at = 0;
    for (size_t i = 0; i < ledger->count; i++) {
        const struct row *row = &ledger->rows[i];
        while (at < entry_count && uid_compare(sorted[at]->uid, row->uid) < 0)
            at++;
        bool listed = at < entry_count && pop_view_equal(sorted[at]->uid, row->uid);
        result.any_unfinished |= listed && row->state == ROW_DELIVERING;
        result.any_missing |= !listed && row->state == ROW_DELIVERED;
        if (!is_here(row))
            continue;
        result.any_here = true;
        result.any_kept |= listed;
        result.any_without_uid |= row->uid.len == 0;
    }
    return result;
}

/*
 * Whether a message may be any row of the account: a known one was delivered
 * without a unique-id, or none of those that should be on the server has kept
 * its own (a server that was moved gives new ones to all), or a session that
 * found it so was cut off: what it has not compared is missing still, and
 * unfinished. Any other session stores at its start that what is missing is
 * gone.
 */
static bool
judge_anywhere(
    const struct ledger *ledger, const struct listing_entry **sorted, size_t entry_count)
{
    struct comparison seen = compare_with_rows(ledger, sorted, entry_count);
    bool without_uid = entry_count > 0 && sorted[0]->uid.len == 0; /* the empty one is first */
    return without_uid || seen.any_without_uid || (seen.any_here && !seen.any_kept) ||
           (seen.any_missing && seen.any_unfinished);
}

static void
retire(struct ledger *ledger, bool listed_too)
{
    for (size_t i = 0; i < ledger->count; i++)
        if (!ledger->rows[i].claimed && (listed_too || !ledger->rows[i].listed))
            ledger_set_state(ledger, i, ROW_GONE);
}

static int
compare_items(const void *a, const void *b)
{
    const struct plan_item *left = a;
    const struct plan_item *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

enum err_code
plan_make(
    struct plan *ret_plan, struct ledger *ledger, const struct listing *listing,
    bool delete_known, struct err *err)
{
    struct planning planning = {
        .ledger = ledger,
        .sorted = ledger->count,
        .delete_known = delete_known,
        .err = err,
    };
    const struct listing_entry **sorted = calloc(listing->count + 1, sizeof *sorted);
    if (sorted == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the plan");
    for (size_t i = 0; i < listing->count; i++)
        sorted[i] = &listing->entries[i];
    qsort(sorted, listing->count, sizeof *sorted, compare_by_uid);

    planning.plan.anywhere = judge_anywhere(ledger, sorted, listing->count);
    enum err_code code = plan_groups(&planning, sorted, listing->count);
    free(sorted);
    if (code != ERR_OK) {
        plan_free(&planning.plan);
        return code;
    }
    if (planning.plan.count > 0)
        qsort(
            planning.plan.items, planning.plan.count, sizeof(struct plan_item), compare_items);
    if (!planning.plan.anywhere)
        retire(ledger, false);
    *ret_plan = planning.plan;
    return ERR_OK;
}

size_t
plan_identify(struct plan *plan, struct ledger *ledger, size_t item, size_t known)
{
    size_t reserved = plan->items[item].row;
    struct row *here = &ledger->rows[known];
    struct row *spare = &ledger->rows[reserved];
    bool same_uid = pop_view_equal(here->uid, spare->uid);
    here->claimed = true;
    if (same_uid) {
        here->size = plan->items[item].size;
        plan->items[item].row = known;
        return reserved;
    }
    /* Another unique-id: the reserved row takes over the file that is there. */
    const char *name = spare->name;
    spare->name = here->name;
    here->name = name;
    spare->first_seen = here->first_seen;
    return known;
}

void
plan_retire(struct ledger *ledger)
{
    retire(ledger, true);
}

void
plan_free(struct plan *plan)
{
    free(plan->items);
    *plan = (struct plan){0};
}
