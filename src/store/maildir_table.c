/* A session's table of messages: its memory, and its two forms as a block. */
#include "store/maildir_table.h"

#include "base/cleanup.h"
#include "store/file_time.h"
#include "store/wire_size.h"

#include <stdlib.h>
#include <sys/stat.h>

/* calloc() of nothing may give NULL, which would look like a failure. */
static void *
array_of(size_t count, size_t size)
{
    return calloc(count > 0 ? count : 1, size);
}

enum err_code
maildir_table_reserve(
    struct maildir_table *table, size_t count, size_t strings_max, struct err *err)
{
    CLEANUP(free_p) struct pop_message *messages = array_of(count, sizeof *messages);
    CLEANUP(free_p) struct snapshot_file *files = array_of(count, sizeof *files);
    CLEANUP(free_p) char *strings = array_of(strings_max, 1);
    if (messages == NULL || files == NULL || strings == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a table of %zu messages", count);
    *table = (struct maildir_table){.messages = messages, .files = files, .strings = strings};
    messages = NULL; /* all three the table's from here */
    files = NULL;
    strings = NULL;
    return ERR_OK;
}

enum err_code
maildir_table_copy(struct maildir_table *table, const struct snapshot *index, struct err *err)
{
    const struct pop_maildrop *maildrop = &index->maildrop;
    enum err_code code =
        maildir_table_reserve(table, maildrop->count, maildrop->strings.len, err);
    if (code != ERR_OK)
        return code;
    table->count = maildrop->count;
    table->strings_len = maildrop->strings.len;
    table->times = index->times;
    memcpy(table->messages, maildrop->messages, table->count * sizeof *table->messages);
    memcpy(table->files, index->files, table->count * sizeof *table->files);
    memcpy(table->strings, maildrop->strings.data, table->strings_len);
    return ERR_OK;
}

void
maildir_table_finish(struct maildir_table *table)
{
    free(table->messages);
    free(table->files);
    free(table->strings);
    *table = (struct maildir_table){0};
}

enum err_code
maildir_table_count(
    struct pop_message *message, struct snapshot_file *file, int fd, struct err *err)
{
    /* The time from before the reading: a change while we read shows next time. */
    struct stat status;
    struct wire_size size;
    if (fstat(fd, &status) < 0)
        return err_set(err, ERR_SYSTEM, "cannot ask about a message file");
    enum err_code code = wire_size_count(fd, &size, err);
    if (code != ERR_OK)
        return code;
    message->size = size.wire;
    file->file_size = size.stored;
    file->mtime_ns = file_time_ns(status.st_mtim);
    file->known = SNAPSHOT_COUNTED;
    return ERR_OK;
}

static struct pop_view
table_strings(const struct maildir_table *table)
{
    return (struct pop_view){table->strings, table->strings_len};
}

enum err_code
maildir_table_index(
    const struct maildir_table *table, struct pop_view *ret_block, struct err *err)
{
    return snapshot_build(
        table->messages, table->files, table->count, table_strings(table), &table->times,
        ret_block, err);
}

enum err_code
maildir_table_snapshot(
    const struct maildir_table *table, struct pop_view *ret_block, struct err *err)
{
    static const struct snapshot_times no_times;
    size_t strings_len = 0;
    for (uint32_t i = 0; i < table->count; i++)
        strings_len += table->messages[i].uid_len;

    CLEANUP(free_p) struct pop_message *messages = array_of(table->count, sizeof *messages);
    CLEANUP(free_p) char *strings = array_of(strings_len, 1);
    if (messages == NULL || strings == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a snapshot of %u messages", table->count);
    uint32_t offset = 0;
    for (uint32_t i = 0; i < table->count; i++) {
        messages[i] = table->messages[i];
        messages[i].uid_offset = offset;
        memcpy(
            strings + offset, table->strings + table->messages[i].uid_offset,
            messages[i].uid_len);
        offset += messages[i].uid_len;
    }
    return snapshot_build(
        messages, NULL, table->count, (struct pop_view){strings, strings_len}, &no_times,
        ret_block, err);
}

struct maildir_place
maildir_table_place(const struct maildir_table *table, uint32_t index)
{
    const struct snapshot_file *file = &table->files[index];
    return maildir_place_of(
        (enum snapshot_folder)file->folder,
        (struct pop_view){table->strings + file->name_offset, file->name_len});
}
