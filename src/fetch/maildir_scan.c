/*
 * Finding our messages in a Maildir.
 *
 * new is read before cur: readers move files that way, so one that is moved
 * meanwhile is seen at least once. Folders are read with one large buffer:
 * with readdir's small one a rename in between can hide a file.
 */
#include "fetch/maildir_scan.h"

#include "base/cleanup.h"
#include "fetch/grow.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define DIRECTORY_BUFFER_SIZE (1u << 20)

static void
string_freep(char **string)
{
    free(*string);
}

static enum err_code
add_found(struct maildir_scan *scan, const char *name, uint32_t folder, struct err *err)
{
    struct maildir_found found = {.folder = folder};
    if (!mail_name_key(name, &found.key))
        return ERR_OK;
    enum err_code code =
        grow(&scan->found, &scan->cap, scan->count + 1, sizeof found, "a folder", err);
    if (code != ERR_OK)
        return code;
    found.name = strdup(name);
    if (found.name == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a folder");
    scan->found[scan->count++] = found;
    return ERR_OK;
}

/* Notes every file of ours in the folder. */
static enum err_code
read_folder(struct maildir_scan *scan, int fd, uint32_t folder, char *buffer, struct err *err)
{
    for (;;) {
        ssize_t len = getdents64(fd, buffer, DIRECTORY_BUFFER_SIZE);
        if (len < 0)
            return err_set(err, ERR_SYSTEM, "cannot read '%s'", scan->folders[folder]);
        if (len == 0)
            return ERR_OK;
        for (ssize_t at = 0; at < len;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)(buffer + at);
            enum err_code code = add_found(scan, entry->d_name, folder, err);
            if (code != ERR_OK)
                return code;
            at += entry->d_reclen;
        }
    }
}

static enum err_code
add_folder(struct maildir_scan *scan, const char *path, uint32_t *ret_folder, struct err *err)
{
    enum err_code code = grow(
        &scan->folders, &scan->folder_cap, scan->folder_count + 1, sizeof *scan->folders,
        "a folder", err);
    if (code != ERR_OK)
        return code;
    scan->folders[scan->folder_count] = strdup(path);
    if (scan->folders[scan->folder_count] == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a folder");
    *ret_folder = (uint32_t)scan->folder_count++;
    return ERR_OK;
}

/* One of new and cur; a subfolder need not have it. */
static enum err_code
scan_folder(struct maildir_scan *scan, const char *maildir, const char *leaf, struct err *err)
{
    char path[PATH_LEN_MAX];
    int len = snprintf(path, sizeof path, "%s/%s", maildir, leaf);
    if (len < 0 || len >= (int)sizeof path)
        return err_set(err, ERR_LIMIT, "the path of a folder in '%s' is too long", maildir);

    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return ERR_OK;
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "cannot open '%s'", path);

    CLEANUP(string_freep) char *buffer = malloc(DIRECTORY_BUFFER_SIZE);
    if (buffer == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a folder");
    uint32_t folder = 0;
    enum err_code code = add_folder(scan, path, &folder, err);
    return code == ERR_OK ? read_folder(scan, fd, folder, buffer, err) : code;
}

static enum err_code
scan_one(struct maildir_scan *scan, const char *maildir, struct err *err)
{
    enum err_code code = scan_folder(scan, maildir, "new", err);
    return code == ERR_OK ? scan_folder(scan, maildir, "cur", err) : code;
}

static void
dir_closep(DIR **dir)
{
    if (*dir != NULL)
        (void)closedir(*dir);
}

/* Maildir++: every subfolder, however deep its name, is a folder ".Name" beside new and cur. */
static enum err_code
scan_subfolders(struct maildir_scan *scan, const char *maildir, struct err *err)
{
    CLEANUP(dir_closep) DIR *dir = opendir(maildir);
    if (dir == NULL)
        return err_set(err, ERR_SYSTEM, "cannot open '%s'", maildir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] != '.' || strcmp(entry->d_name, ".") == 0 ||
            strcmp(entry->d_name, "..") == 0)
            continue;
        char path[PATH_LEN_MAX];
        int len = snprintf(path, sizeof path, "%s/%s", maildir, entry->d_name);
        if (len < 0 || len >= (int)sizeof path)
            return err_set(
                err, ERR_LIMIT, "the path of a subfolder of '%s' is too long", maildir);
        enum err_code code = scan_one(scan, path, err);
        if (code != ERR_OK)
            return code;
    }
    return ERR_OK;
}

static int
compare_keys(const void *a, const void *b)
{
    const struct maildir_found *left = a;
    const struct maildir_found *right = b;
    return mail_key_compare(&left->key, &right->key);
}

/* By key; of one key the place found last comes first. */
static int
compare_found(const void *a, const void *b)
{
    const struct maildir_found *left = a;
    const struct maildir_found *right = b;
    int order = compare_keys(a, b);
    return order != 0 ? order : (left->folder < right->folder) - (left->folder > right->folder);
}

/* Sorts, and keeps one place for each key. */
static void
sort_found(struct maildir_scan *scan)
{
    if (scan->count == 0)
        return;
    qsort(scan->found, scan->count, sizeof *scan->found, compare_found);
    size_t kept = 1;
    for (size_t i = 1; i < scan->count; i++) {
        if (compare_keys(&scan->found[kept - 1], &scan->found[i]) != 0)
            scan->found[kept++] = scan->found[i];
        else
            free(scan->found[i].name);
    }
    scan->count = kept;
}

enum err_code
maildir_scan(struct maildir_scan *scan, const char *path, struct err *err)
{
    enum err_code code = scan_one(scan, path, err);
    if (code == ERR_OK)
        code = scan_subfolders(scan, path, err);
    sort_found(scan);
    return code;
}

struct maildir_found *
maildir_scan_find(const struct maildir_scan *scan, const struct mail_key *key)
{
    struct maildir_found wanted = {.key = *key};
    if (scan->count == 0)
        return NULL;
    return bsearch(&wanted, scan->found, scan->count, sizeof wanted, compare_keys);
}

enum err_code
maildir_scan_open(
    const struct maildir_scan *scan, const struct maildir_found *found, int *ret_fd,
    struct err *err)
{
    const char *folder = scan->folders[found->folder];
    CLEANUP(fd_closep) int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0)
        return err_set(
            err, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, "cannot open '%s'", folder);
    int fd = openat(folder_fd, found->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_set(
            err, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, "cannot open '%s/%s'", folder,
            found->name);
    *ret_fd = fd;
    return ERR_OK;
}

enum err_code
maildir_scan_sync(
    const struct maildir_scan *scan, const struct maildir_found *found, struct err *err)
{
    const char *folder = scan->folders[found->folder];
    CLEANUP(fd_closep) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return err_set(err, ERR_SYSTEM, "cannot sync '%s'", folder);
    return ERR_OK;
}

void
maildir_scan_free(struct maildir_scan *scan)
{
    for (size_t i = 0; i < scan->count; i++)
        free(scan->found[i].name);
    for (size_t i = 0; i < scan->folder_count; i++)
        free(scan->folders[i]);
    free(scan->found);
    free(scan->folders);
    *scan = (struct maildir_scan){0};
}
