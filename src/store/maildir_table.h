/* The messages of a session in order, each with what is known of its file: what the index
 * holds, in a form that can be corrected. */
#ifndef STORE_MAILDIR_TABLE_H
#define STORE_MAILDIR_TABLE_H

#include "base/snapshot.h"
#include "store/maildir_find.h"

/* Zeroed = empty. */
struct maildir_table {
    uint32_t count;
    struct pop_message *messages;
    struct snapshot_file *files;
    char *strings; /* names; unique-ids, mostly as parts of the names */
    size_t strings_len;
    struct snapshot_times times;
};

/* Room for `count` messages and `strings_max` octets of strings; the table is still empty. On
 * failure it stays as it was. */
enum err_code maildir_table_reserve(
    struct maildir_table *table, size_t count, size_t strings_max, struct err *err);

/* An empty table becomes a copy of an index. */
enum err_code
maildir_table_copy(struct maildir_table *table, const struct snapshot *index, struct err *err);

/*
 * An empty table becomes what a scan found. Sizes come from `old` where it has
 * counted a file of the same base name, else from the name, else from reading
 * the file. Files that vanished meanwhile are left out.
 *
 * A file that exists but cannot be read is listed with its size on disk, so
 * that the rest of the maildrop stays usable; the table's times then say that
 * it must be built anew next time.
 */
enum err_code maildir_table_build(
    struct maildir_table *table, const struct maildir_scan *scan, const struct snapshot *old,
    struct maildir_finder *finder, struct err *err);

void maildir_table_finish(struct maildir_table *table);

/* Counts the message whose file is open at `fd`; both records then say what was found. The
 * position of `fd` stays. On failure they stay as they are. */
enum err_code maildir_table_count(
    struct pop_message *message, struct snapshot_file *file, int fd, struct err *err);

/* As a block with file records, for the index. */
enum err_code maildir_table_index(
    const struct maildir_table *table, struct pop_view *ret_block, struct err *err);

/* As a block for front: sizes and unique-ids, and nothing about files. */
enum err_code maildir_table_snapshot(
    const struct maildir_table *table, struct pop_view *ret_block, struct err *err);

/* Where the file was when the table was made. */
struct maildir_place maildir_table_place(const struct maildir_table *table, uint32_t index);

#endif
