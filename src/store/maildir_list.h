/* File names of a Maildir's folders, read in few large pieces, in the order of messages. */
#ifndef STORE_MAILDIR_LIST_H
#define STORE_MAILDIR_LIST_H

#include "base/err.h"
#include "base/snapshot.h"
#include "store/maildir_name.h"

/* One file. The lengths are those of struct maildir_name's parts. */
struct maildir_entry {
    uint64_t time;
    uint32_t name_offset; /* in the list's strings; a later sighting has a larger one */
    uint8_t name_len;
    uint8_t base_len;
    uint8_t unique_len;
    uint8_t folder; /* enum snapshot_folder */
};

/* Zeroed = empty. */
struct maildir_list {
    struct maildir_entry *entries;
    size_t count;
    size_t capacity;
    char *strings;
    size_t strings_len;
    size_t strings_capacity;
};

/*
 * Adds the regular files of the folder open at `fd`, but not those whose names
 * start with a dot. Reads the folder from its start. What was added before a
 * failure stays.
 */
enum err_code maildir_list_read(
    struct maildir_list *list, int fd, enum snapshot_folder folder, struct err *err);

/* Sorts by maildir_name_compare() and keeps, of entries with one base name, the last added. */
void maildir_list_settle(struct maildir_list *list);

/* The entry with that base name in a settled list, or NULL. */
const struct maildir_entry *
maildir_list_find(const struct maildir_list *list, const struct maildir_name *name);

void maildir_list_clear(struct maildir_list *list); /* keeps its memory */
void maildir_list_finish(struct maildir_list *list);

/* Borrows from the list, until the next call that adds. */
static inline struct pop_view
maildir_entry_name(const struct maildir_list *list, const struct maildir_entry *entry)
{
    return (struct pop_view){list->strings + entry->name_offset, entry->name_len};
}

static inline struct maildir_name
maildir_entry_parsed(const struct maildir_list *list, const struct maildir_entry *entry)
{
    const char *name = list->strings + entry->name_offset;
    return (struct maildir_name){
        .time = entry->time,
        .unique = {name, entry->unique_len},
        .base = {name, entry->base_len},
    };
}

#endif
