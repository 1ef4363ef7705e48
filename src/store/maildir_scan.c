/*
 * The scan. Other programs move messages from new to cur and change flags at
 * any time, and a rename under a running listing can hide a message from it.
 *
 * - new is read before cur: a message moved meanwhile is seen twice, not never.
 *   (In the other order 2 to 60 % of the scans missed one.)
 * - One message, one base name: of several sightings the last one counts.
 * - Folder times are compared before and after; a change means another pass,
 *   and sightings of all passes count. What was seen but is gone is found out
 *   when it is opened; what is missing would be a message denied.
 */
#include "store/maildir_scan.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "store/file_time.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

/* Under a storm of renames no pass is quiet: a few passes see everything, an endless loop
 * would serve nobody. */
#define PASSES_MAX 5

static const char *const folder_names[MAILDIR_FOLDERS] = {
    [SNAPSHOT_NEW] = "new", [SNAPSHOT_CUR] = "cur"};

static enum err_code
folder_open(int dir_fd, const char *name, int *ret_fd, struct err *err)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        return err_set(err, ERR_SYSTEM, "cannot open the folder '%s'", name);
    *ret_fd = fd;
    return ERR_OK;
}

enum err_code
maildir_folders_open(struct maildir_folders *ret_folders, const char *path, struct err *err)
{
    CLEANUP(fd_closep) int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(fd_closep) int new_fd = -1;
    CLEANUP(fd_closep) int cur_fd = -1;
    if (dir_fd < 0)
        return err_set(err, ERR_SYSTEM, "cannot open the maildrop");

    enum err_code code = folder_open(dir_fd, folder_names[SNAPSHOT_NEW], &new_fd, err);
    if (code == ERR_OK)
        code = folder_open(dir_fd, folder_names[SNAPSHOT_CUR], &cur_fd, err);
    if (code != ERR_OK)
        return code;
    if (new_fd < 0 && cur_fd < 0)
        return err_set(err, ERR_SYSTEM, "no Maildir: there is neither new nor cur");

    *ret_folders = (struct maildir_folders){dir_fd, {new_fd, cur_fd}};
    dir_fd = new_fd = cur_fd = -1; /* the caller's from here */
    return ERR_OK;
}

void
maildir_folders_close(struct maildir_folders *folders)
{
    fd_closep(&folders->dir);
    for (int i = 0; i < MAILDIR_FOLDERS; i++)
        fd_closep(&folders->fds[i]);
}

/* *ret_changed_ns also covers what sets the modification time back, as rsync does. */
static enum err_code
folder_times(int fd, int64_t *ret_mtime_ns, int64_t *ret_changed_ns, struct err *err)
{
    struct stat status;
    if (fd < 0) {
        *ret_mtime_ns = *ret_changed_ns = FILE_TIME_NONE_NS;
        return ERR_OK;
    }
    if (fstat(fd, &status) < 0)
        return err_set(err, ERR_SYSTEM, "cannot ask for the times of a folder");
    int64_t ctime_ns = file_time_ns(status.st_ctim);
    *ret_mtime_ns = file_time_ns(status.st_mtim);
    *ret_changed_ns = ctime_ns > *ret_mtime_ns ? ctime_ns : *ret_mtime_ns;
    return ERR_OK;
}

/* The clock and the folders' times now; *ret_changed_ns: the latest change of either folder. */
static enum err_code
take_times(
    const struct maildir_folders *folders, struct snapshot_times *ret_times,
    int64_t *ret_changed_ns, struct err *err)
{
    /* The coarse clock is the one that file times are made with, and is read first: no change
     * that is seen below can be older than it claims. */
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now); /* cannot fail for a known clock */

    struct snapshot_times times = {.scanned_ns = file_time_ns(now)};
    int64_t new_changed_ns;
    int64_t cur_changed_ns;
    enum err_code code =
        folder_times(folders->fds[SNAPSHOT_NEW], &times.new_mtime_ns, &new_changed_ns, err);
    if (code == ERR_OK)
        code =
            folder_times(folders->fds[SNAPSHOT_CUR], &times.cur_mtime_ns, &cur_changed_ns, err);
    if (code != ERR_OK)
        return code;
    *ret_times = times;
    *ret_changed_ns = new_changed_ns > cur_changed_ns ? new_changed_ns : cur_changed_ns;
    return ERR_OK;
}

static bool
same_folder_times(const struct snapshot_times *a, const struct snapshot_times *b)
{
    return a->new_mtime_ns == b->new_mtime_ns && a->cur_mtime_ns == b->cur_mtime_ns;
}

bool
maildir_unchanged(const struct maildir_folders *folders, const struct snapshot_times *times)
{
    struct snapshot_times now;
    int64_t changed_ns;
    if (take_times(folders, &now, &changed_ns, NULL) != ERR_OK)
        return false; /* not known to be unchanged */
    /* `scanned_ns` may be anything in an index that somebody else wrote. */
    int64_t provable_ns;
    if (__builtin_sub_overflow(times->scanned_ns, FOLDER_TIME_SLACK_NS, &provable_ns))
        return false;
    return same_folder_times(&now, times) && changed_ns < provable_ns;
}

static enum err_code
scan_pass(struct maildir_scan *scan, const struct maildir_folders *folders, struct err *err)
{
    int64_t changed_ns;
    enum err_code code = take_times(folders, &scan->times, &changed_ns, err);
    for (int i = 0; i < MAILDIR_FOLDERS && code == ERR_OK; i++) {
        if (folders->fds[i] < 0)
            continue;
        code = maildir_list_read(&scan->list, folders->fds[i], (enum snapshot_folder)i, err);
        if (code != ERR_OK && err != NULL)
            code = err_prefix(err, "folder '%s'", folder_names[i]);
    }
    return code;
}

/* Settles and looks whether something is in the list that the last pass, whose names start at
 * `pass_offset`, did not see. */
static bool
holds_old_sightings(struct maildir_list *list, size_t pass_offset)
{
    maildir_list_settle(list);
    for (size_t i = 0; i < list->count; i++)
        if (list->entries[i].name_offset < pass_offset)
            return true;
    return false;
}

/* One pass is enough when nothing can have changed; with changes too recent to show in the
 * times, two that look the same. */
static enum err_code
scan_passes(struct maildir_scan *scan, const struct maildir_folders *folders, struct err *err)
{
    for (int pass = 1;; pass++) {
        size_t pass_offset = scan->list.strings_len;
        struct snapshot_times after;
        int64_t changed_ns;
        enum err_code code = scan_pass(scan, folders, err);
        if (code == ERR_OK)
            code = take_times(folders, &after, &changed_ns, err);
        if (code != ERR_OK)
            return code;

        bool quiet = maildir_unchanged(folders, &scan->times);
        bool stable = pass > 1 && same_folder_times(&scan->times, &after);
        if (!quiet && !stable && pass < PASSES_MAX)
            continue;
        if (holds_old_sightings(&scan->list, pass_offset))
            scan->times.scanned_ns = 0;
        return ERR_OK;
    }
}

enum err_code
maildir_scan_run(
    struct maildir_scan *scan, const struct maildir_folders *folders, struct err *err)
{
    maildir_list_clear(&scan->list);
    enum err_code code = scan_passes(scan, folders, err);
    if (code == ERR_OK && scan->list.count > MAILDROP_MESSAGES_MAX)
        code = err_set(
            err, ERR_LIMIT, "more than %u messages in a maildrop", MAILDROP_MESSAGES_MAX);
    if (code != ERR_OK)
        maildir_scan_finish(scan);
    return code;
}

void
maildir_scan_finish(struct maildir_scan *scan)
{
    maildir_list_finish(&scan->list);
    *scan = (struct maildir_scan){0};
}
