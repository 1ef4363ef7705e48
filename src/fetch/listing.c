/* The maildrop as the server listed it. */
#include "fetch/listing.h"

#include "fetch/fetch_limits.h"
#include "fetch/grow.h"

#include <stdlib.h>

static enum err_code
check_number(uint64_t number, size_t count, struct err *err)
{
    if (number == 0 || number > UINT32_MAX)
        return err_set(err, ERR_INVALID, "a message number that no message can have");
    if (count >= LISTING_MESSAGES_MAX)
        return err_set(
            err, ERR_LIMIT, "the server lists more than %u messages", LISTING_MESSAGES_MAX);
    return ERR_OK;
}

enum err_code
listing_add_size(struct listing *listing, uint64_t number, uint64_t size, struct err *err)
{
    enum err_code code = check_number(number, listing->count, err);
    if (code == ERR_OK)
        code = grow(
            &listing->entries, &listing->cap, listing->count + 1, sizeof *listing->entries,
            "the list of messages", err);
    if (code != ERR_OK)
        return code;
    listing->entries[listing->count++] = (struct listing_entry){
        .number = (uint32_t)number,
        .size = size > INT64_MAX ? INT64_MAX : size,
    };
    return ERR_OK;
}

enum err_code
listing_add_uid(struct listing *listing, uint64_t number, struct pop_view uid, struct err *err)
{
    enum err_code code = check_number(number, listing->uid_count, err);
    if (code == ERR_OK && uid.len > LISTING_UIDS_MAX - listing->strings_len)
        code = err_set(
            err, ERR_LIMIT, "the server lists more than %llu octets of unique-ids",
            LISTING_UIDS_MAX);
    if (code == ERR_OK)
        code = grow(
            &listing->uids, &listing->uid_cap, listing->uid_count + 1, sizeof *listing->uids,
            "the list of unique-ids", err);
    if (code == ERR_OK)
        code = grow(
            &listing->strings, &listing->strings_cap, listing->strings_len + uid.len, 1,
            "the unique-ids", err);
    if (code != ERR_OK)
        return code;

    memcpy(listing->strings + listing->strings_len, uid.data, uid.len);
    listing->uids[listing->uid_count++] = (struct listing_uid){
        .number = (uint32_t)number,
        .len = (uint32_t)uid.len,
        .offset = listing->strings_len,
    };
    listing->strings_len += uid.len;
    return ERR_OK;
}

static int
compare_numbers(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int
compare_entries(const void *a, const void *b)
{
    const struct listing_entry *left = a;
    const struct listing_entry *right = b;
    return compare_numbers(left->number, right->number);
}

static int
compare_uids(const void *a, const void *b)
{
    const struct listing_uid *left = a;
    const struct listing_uid *right = b;
    int order = compare_numbers(left->number, right->number);
    return order != 0 ? order : (left->offset > right->offset) - (left->offset < right->offset);
}

/* Keeps the first entry of each number; returns how many were dropped. */
static size_t
drop_repeated(struct listing *listing)
{
    size_t kept = 0;
    for (size_t i = 0; i < listing->count; i++)
        if (kept == 0 || listing->entries[kept - 1].number != listing->entries[i].number)
            listing->entries[kept++] = listing->entries[i];
    size_t dropped = listing->count - kept;
    listing->count = kept;
    return dropped;
}

size_t
listing_finish(struct listing *listing)
{
    if (listing->count > 0)
        qsort(listing->entries, listing->count, sizeof *listing->entries, compare_entries);
    if (listing->uid_count > 0)
        qsort(listing->uids, listing->uid_count, sizeof *listing->uids, compare_uids);

    size_t dropped = drop_repeated(listing);
    size_t at = 0;
    for (size_t i = 0; i < listing->uid_count; i++) {
        const struct listing_uid *uid = &listing->uids[i];
        while (at < listing->count && listing->entries[at].number < uid->number)
            at++;
        bool fits = at < listing->count && listing->entries[at].number == uid->number &&
                    listing->entries[at].uid.len == 0;
        if (fits)
            listing->entries[at].uid =
                (struct pop_view){listing->strings + uid->offset, uid->len};
        else
            dropped++;
    }
    return dropped;
}

void
listing_free(struct listing *listing)
{
    free(listing->entries);
    free(listing->uids);
    free(listing->strings);
    *listing = (struct listing){0};
}
