/*
 * From names to a session's table: the unique-id and the size of each message.
 *
 * A unique-id depends on the file's base name alone (and, for the odd case of
 * two files that differ in attributes only, on its neighbour's): it survives
 * the loss of every cache, flag changes, new to cur, and copies of the maildrop.
 */
#include "store/maildir_table.h"

#include "base/cleanup.h"
#include "store/uid.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

struct builder {
    struct maildir_table *table;
    const struct maildir_scan *scan;
    struct maildir_finder *finder;
    const struct snapshot *old;
    uint32_t old_next;              /* the first of `old` that is not before the entry */
    struct maildir_name unique_was; /* of the message before, to see two of one unique part */
    bool unreadable;                /* a size is a guess */
};

/* The unique part serves if it fits and the message before does not have it. */
static bool
unique_serves(const struct maildir_name *name, const struct maildir_name *before)
{
    return uid_fits(name->unique) && !pop_view_equal(name->unique, before->unique);
}

static enum err_code
reserve_for(struct builder *builder, struct err *err)
{
    const struct maildir_list *list = &builder->scan->list;
    struct maildir_name before = {0};
    size_t strings_max = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct maildir_name name = maildir_entry_parsed(list, &list->entries[i]);
        strings_max += list->entries[i].name_len;
        if (!unique_serves(&name, &before))
            strings_max += UID_HASH_LEN;
        before = name;
    }
    if (strings_max > UINT32_MAX)
        return err_set(err, ERR_LIMIT, "more than 4 GiB of names in a maildrop");
    return maildir_table_reserve(builder->table, list->count, strings_max, err);
}

/* What the old index has of this base name, or -1. Both are in the same order. */
static int64_t
find_old(struct builder *builder, const struct maildir_name *name)
{
    const struct snapshot *old = builder->old;
    while (builder->old_next < old->file_count) {
        uint32_t index = builder->old_next;
        struct maildir_name there = maildir_name_parse(snapshot_file_name(old, index));
        int order = maildir_name_compare(&there, name);
        if (order == 0)
            return index;
        if (order > 0)
            return -1;
        builder->old_next++;
    }
    return -1;
}

/* Faults that are this file's own and may last: they must not lock the user out. */
static bool
is_unreadable(const struct err *err)
{
    return err->code == ERR_SYSTEM &&
           (err->number == EACCES || err->number == EPERM || err->number == EIO);
}

static enum err_code
guess_size(
    struct builder *builder, const struct maildir_place *place, struct pop_message *message,
    struct err *err)
{
    struct stat status;
    int folder_fd = builder->finder->folders->fds[place->folder];
    if (fstatat(folder_fd, place->name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return err_set(err, ERR_SYSTEM, "message file '%s'", place->name);
    message->size = (uint64_t)status.st_size;
    builder->unreadable = true;
    return ERR_OK;
}

static enum err_code
count_file(
    struct builder *builder, const struct maildir_entry *entry, struct pop_message *message,
    struct snapshot_file *file, struct err *err)
{
    CLEANUP(fd_closep) int fd = -1;
    struct err why = {0};
    struct maildir_place place = maildir_place_of(
        (enum snapshot_folder)entry->folder, maildir_entry_name(&builder->scan->list, entry));
    enum err_code code = maildir_find_open(builder->finder, &place, &fd, &why);
    if (code == ERR_OK)
        code = maildir_table_count(message, file, fd, &why);
    if (code != ERR_OK && is_unreadable(&why))
        return guess_size(builder, &place, message, err);
    if (code != ERR_OK && err != NULL)
        *err = why;
    return code;
}

static enum err_code
set_size(
    struct builder *builder, const struct maildir_entry *entry, const struct maildir_name *name,
    struct pop_message *message, struct snapshot_file *file, struct err *err)
{
    int64_t found = find_old(builder, name);
    if (found >= 0 && builder->old->files[found].known == SNAPSHOT_COUNTED) {
        const struct snapshot_file *old = &builder->old->files[found];
        message->size = builder->old->maildrop.messages[found].size;
        file->file_size = old->file_size;
        file->mtime_ns = old->mtime_ns;
        file->known = SNAPSHOT_COUNTED;
        return ERR_OK;
    }
    file->known = SNAPSHOT_CLAIMED;
    if (maildir_name_wire_size(name->base, &message->size))
        return ERR_OK;
    return count_file(builder, entry, message, file, err);
}

static uint32_t
put_string(struct maildir_table *table, struct pop_view text)
{
    size_t offset = table->strings_len;
    memcpy(table->strings + offset, text.data, text.len);
    table->strings_len += text.len;
    return (uint32_t)offset;
}

/* After the name was put at `name_offset`. */
static enum err_code
set_uid(
    struct builder *builder, const struct maildir_name *name, uint32_t name_offset,
    struct pop_message *message, struct err *err)
{
    message->uid_offset = name_offset; /* the unique part is the start of the name */
    message->uid_len = (uint8_t)name->unique.len;
    if (unique_serves(name, &builder->unique_was))
        return ERR_OK;

    char hash[UID_HASH_LEN];
    bool taken = pop_view_equal(name->unique, builder->unique_was.unique);
    if (!uid_hash(taken ? name->base : name->unique, hash))
        return err_set(err, ERR_NOMEM, "cannot hash a file name");
    message->uid_offset = put_string(builder->table, (struct pop_view){hash, sizeof hash});
    message->uid_len = sizeof hash;
    return ERR_OK;
}

static enum err_code
add_message(struct builder *builder, const struct maildir_entry *entry, struct err *err)
{
    struct maildir_table *table = builder->table;
    const struct maildir_list *list = &builder->scan->list;
    struct maildir_name name = maildir_entry_parsed(list, entry);
    struct pop_message *message = &table->messages[table->count];
    struct snapshot_file *file = &table->files[table->count];
    *message = (struct pop_message){0};
    *file = (struct snapshot_file){.folder = entry->folder, .name_len = entry->name_len};

    enum err_code code = set_size(builder, entry, &name, message, file, err);
    if (code == ERR_NOT_FOUND || code == ERR_CHANGED)
        return ERR_OK; /* removed since it was listed, or no message any more */
    if (code != ERR_OK)
        return code;
    file->name_offset = put_string(table, maildir_entry_name(list, entry));
    code = set_uid(builder, &name, file->name_offset, message, err);
    if (code != ERR_OK)
        return code;
    builder->unique_was = name;
    table->count++;
    return ERR_OK;
}

enum err_code
maildir_table_build(
    struct maildir_table *table, const struct maildir_scan *scan, const struct snapshot *old,
    struct maildir_finder *finder, struct err *err)
{
    struct builder builder = {.table = table, .scan = scan, .finder = finder, .old = old};
    enum err_code code = reserve_for(&builder, err);
    for (size_t i = 0; i < scan->list.count && code == ERR_OK; i++)
        code = add_message(&builder, &scan->list.entries[i], err);
    if (code != ERR_OK) {
        maildir_table_finish(table);
        return code;
    }
    table->times = scan->times;
    if (builder.unreadable)
        table->times.scanned_ns = 0;
    return ERR_OK;
}
