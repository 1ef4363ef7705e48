/*
 * Reading folders.
 *
 * A folder is read with one getdents64() call as large as it can be: one such
 * call is an atomic picture of the folder on ext4, xfs and tmpfs. With the
 * 32 KiB pieces of readdir() up to a third of the scans missed a message while
 * a reader was setting flags.
 */
#include "store/maildir_list.h"

#include "base/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Half a million names in one call. Address space only: pages are taken as they are filled. */
#define FOLDER_BUFFER_SIZE (64u << 20)

#define ENTRIES_FIRST 64u
#define STRINGS_FIRST 4096u

/* Makes room for `more` elements of `size`; doubling, so that adding stays linear. */
static bool
reserve(void **data, size_t *capacity, size_t used, size_t more, size_t first, size_t size)
{
    if (more <= *capacity - used)
        return true;
    size_t wanted = *capacity == 0 ? first : *capacity * 2;
    while (wanted - used < more)
        wanted *= 2;
    void *larger = reallocarray(*data, wanted, size);
    if (larger == NULL)
        return false;
    *data = larger;
    *capacity = wanted;
    return true;
}

static enum err_code
list_add(
    struct maildir_list *list, enum snapshot_folder folder, struct pop_view text,
    struct err *err)
{
    /* Twice: a message may be seen in both folders, and again in another pass. */
    if (list->count >= 2 * (size_t)MAILDROP_MESSAGES_MAX ||
        list->strings_len > UINT32_MAX - FILE_NAME_MAX_LEN)
        return err_set(
            err, ERR_LIMIT, "more than %u messages in a maildrop", MAILDROP_MESSAGES_MAX);

    void *entries = list->entries;
    void *strings = list->strings;
    bool fits =
        reserve(
            &entries, &list->capacity, list->count, 1, ENTRIES_FIRST, sizeof *list->entries) &&
        reserve(
            &strings, &list->strings_capacity, list->strings_len, text.len, STRINGS_FIRST, 1);
    list->entries = entries;
    list->strings = strings;
    if (!fits)
        return err_set(err, ERR_NOMEM, "no memory for the names of %zu messages", list->count);

    struct maildir_name name = maildir_name_parse(text);
    memcpy(list->strings + list->strings_len, text.data, text.len);
    list->entries[list->count++] = (struct maildir_entry){
        .time = name.time,
        .name_offset = (uint32_t)list->strings_len,
        .name_len = (uint8_t)text.len,
        .base_len = (uint8_t)name.base.len,
        .unique_len = (uint8_t)name.unique.len,
        .folder = (uint8_t)folder,
    };
    list->strings_len += text.len;
    return ERR_OK;
}

/* Only regular files are messages. Some file systems do not say the type in the listing. */
static bool
is_message(int fd, const struct dirent64 *entry)
{
    struct stat status;
    if (entry->d_name[0] == '.' || strlen(entry->d_name) > FILE_NAME_MAX_LEN)
        return false;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_REG;
    return fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(status.st_mode);
}

static enum err_code
add_entries(
    struct maildir_list *list, int fd, enum snapshot_folder folder, const char *buffer,
    size_t len, struct err *err)
{
    for (size_t at = 0; at < len;) {
        const struct dirent64 *entry = (const void *)(buffer + at);
        at += entry->d_reclen;
        if (!is_message(fd, entry))
            continue;
        enum err_code code = list_add(list, folder, pop_view_of(entry->d_name), err);
        if (code != ERR_OK)
            return code;
    }
    return ERR_OK;
}

static enum err_code
read_entries(
    struct maildir_list *list, int fd, enum snapshot_folder folder, char *buffer,
    struct err *err)
{
    if (lseek(fd, 0, SEEK_SET) < 0)
        return err_set(err, ERR_SYSTEM, "cannot read a folder from its start");
    for (;;) {
        ssize_t len = getdents64(fd, buffer, FOLDER_BUFFER_SIZE);
        if (len < 0 && errno == EINTR)
            continue;
        /* ENOENT: the folder itself was removed, and has nothing in it any more. */
        if (len == 0 || (len < 0 && errno == ENOENT))
            return ERR_OK;
        if (len < 0)
            return err_set(err, ERR_SYSTEM, "cannot list a folder");
        enum err_code code = add_entries(list, fd, folder, buffer, (size_t)len, err);
        if (code != ERR_OK)
            return code;
    }
}

enum err_code
maildir_list_read(
    struct maildir_list *list, int fd, enum snapshot_folder folder, struct err *err)
{
    char *buffer = mmap(
        NULL, FOLDER_BUFFER_SIZE, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (buffer == MAP_FAILED)
        return err_set(err, ERR_NOMEM, "no memory to list a folder");
    enum err_code code = read_entries(list, fd, folder, buffer, err);
    (void)munmap(buffer, FOLDER_BUFFER_SIZE);
    return code;
}

static int
entry_compare(const void *left, const void *right, void *context)
{
    const struct maildir_entry *a = left;
    const struct maildir_entry *b = right;
    struct maildir_name a_name = maildir_entry_parsed(context, a);
    struct maildir_name b_name = maildir_entry_parsed(context, b);
    int order = maildir_name_compare(&a_name, &b_name);
    if (order != 0)
        return order;
    return (a->name_offset > b->name_offset) - (a->name_offset < b->name_offset);
}

static bool
same_base(
    const struct maildir_list *list, const struct maildir_entry *a,
    const struct maildir_entry *b)
{
    return pop_view_equal(
        maildir_entry_parsed(list, a).base, maildir_entry_parsed(list, b).base);
}

void
maildir_list_settle(struct maildir_list *list)
{
    if (list->count == 0)
        return;
    qsort_r(list->entries, list->count, sizeof *list->entries, entry_compare, list);
    size_t kept = 0;
    for (size_t i = 1; i < list->count; i++) {
        if (!same_base(list, &list->entries[kept], &list->entries[i]))
            kept++;
        list->entries[kept] = list->entries[i];
    }
    list->count = kept + 1;
}

const struct maildir_entry *
maildir_list_find(const struct maildir_list *list, const struct maildir_name *name)
{
    size_t low = 0;
    size_t high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct maildir_name there = maildir_entry_parsed(list, &list->entries[middle]);
        int order = maildir_name_compare(&there, name);
        if (order == 0)
            return &list->entries[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void
maildir_list_clear(struct maildir_list *list)
{
    list->count = 0;
    list->strings_len = 0;
}

void
maildir_list_finish(struct maildir_list *list)
{
    free(list->entries);
    free(list->strings);
    *list = (struct maildir_list){0};
}
