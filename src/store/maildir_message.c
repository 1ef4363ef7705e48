/*
 * Handing out message files. A session was promised sizes at login; a file is
 * handed out only if it still keeps the promise, as far as that shows without
 * reading it. Front proves the rest while it sends (R1939-26, R1939-39).
 */
#include "store/maildir.h"

#include "base/check.h"
#include "base/cleanup.h"
#include "store/file_time.h"

#include <sys/stat.h>

static enum err_code
open_file(struct maildir *maildir, uint32_t index, int *ret_fd, struct err *err)
{
    struct maildir_place place = maildir_table_place(&maildir->table, index);
    return maildir_find_open(&maildir->finder, &place, ret_fd, err);
}

/* True if the file is the one that the record is about, as far as its status tells. */
static bool
is_as_recorded(
    const struct maildir *maildir, const struct snapshot_file *file, const struct stat *status)
{
    uint64_t file_size = (uint64_t)status->st_size;
    if (file->known == SNAPSHOT_COUNTED)
        return file->file_size == file_size && file->mtime_ns == file_time_ns(status->st_mtim);

    struct maildir_name name = maildir_name_parse(
        (struct pop_view){maildir->table.strings + file->name_offset, file->name_len});
    uint64_t claimed;
    return !maildir_name_file_size(name.base, &claimed) || claimed == file_size;
}

static enum err_code
count_again(struct maildir *maildir, uint32_t index, int fd, struct err *err)
{
    struct maildir_table *table = &maildir->table;
    enum err_code code =
        maildir_table_count(&table->messages[index], &table->files[index], fd, err);
    if (code == ERR_OK)
        maildir->corrected = true;
    return code;
}

enum err_code
maildir_message_open(struct store *store, uint32_t index, int *ret_fd, struct err *err)
{
    struct maildir *maildir = maildir_of(store);
    struct maildir_table *table = &maildir->table;
    CHECK(index < table->count);

    CLEANUP(fd_closep) int fd = -1;
    struct stat status;
    enum err_code code = open_file(maildir, index, &fd, err);
    if (code != ERR_OK)
        return code;
    if (fstat(fd, &status) < 0)
        return err_set(err, ERR_SYSTEM, "cannot ask about a message file");
    if (!is_as_recorded(maildir, &table->files[index], &status))
        code = count_again(maildir, index, fd, err);
    if (code != ERR_OK)
        return code;
    if (table->messages[index].size != maildir->promised.maildrop.messages[index].size)
        return err_set(err, ERR_CHANGED, "the message is not what it was at login");
    *ret_fd = fd;
    fd = -1; /* the caller's from here */
    return ERR_OK;
}

void
maildir_message_suspect(struct store *store, uint32_t index)
{
    struct maildir *maildir = maildir_of(store);
    CHECK(index < maildir->table.count);
    CLEANUP(fd_closep) int fd = -1;
    if (open_file(maildir, index, &fd, NULL) == ERR_OK)
        (void)count_again(maildir, index, fd, NULL); /* else: found out again next time */
}
