/* Finding out which messages a Maildir holds while other programs deliver, rename and remove.
 */
#ifndef STORE_MAILDIR_SCAN_H
#define STORE_MAILDIR_SCAN_H

#include "store/maildir_list.h"

#define MAILDIR_FOLDERS 2 /* by enum snapshot_folder */

/* Descriptors; -1 when not open. A folder that does not exist is -1 and counts as empty. */
struct maildir_folders {
    int dir;
    int fds[MAILDIR_FOLDERS];
};

/*
 * Opens the maildrop at `path` and its folders. ERR_SYSTEM with ENOENT: there
 * is none, or it has neither new nor cur. `path` may be a symbolic link, the
 * folders must not.
 */
enum err_code
maildir_folders_open(struct maildir_folders *ret_folders, const char *path, struct err *err);
void maildir_folders_close(struct maildir_folders *folders);

/*
 * True if nothing can have changed in the folders since `times` were taken:
 * both are what they were, and were old enough then (FOLDER_TIME_SLACK_NS) for
 * a change to show.
 */
bool
maildir_unchanged(const struct maildir_folders *folders, const struct snapshot_times *times);

/* What a scan found. Zeroed = nothing yet. */
struct maildir_scan {
    struct maildir_list list; /* settled */
    /* Taken before the last pass. `scanned_ns` is 0 if the list may hold what was removed
     * meanwhile: then it must be looked at again before it is called current. */
    struct snapshot_times times;
};

/*
 * Lists the folders. A message that was there all the time is in the list,
 * whatever it was renamed to meanwhile; a message is missing only if two passes
 * did not see it, or one during which nothing changed. On failure *scan is
 * empty.
 */
enum err_code maildir_scan_run(
    struct maildir_scan *scan, const struct maildir_folders *folders, struct err *err);
void maildir_scan_finish(struct maildir_scan *scan);

#endif
