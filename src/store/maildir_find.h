/*
 * Reaching a message's file by what it was called when it was listed. Readers
 * rename files at any time (new to cur, flags); the base name stays, and is
 * looked up again when the name is gone (R1939-52).
 */
#ifndef STORE_MAILDIR_FIND_H
#define STORE_MAILDIR_FIND_H

#include "base/limits.h"
#include "store/maildir_scan.h"

/* Where a file is said to be. */
struct maildir_place {
    enum snapshot_folder folder;
    char name[FILE_NAME_MAX_LEN + 1];
};

/* `name` is at most FILE_NAME_MAX_LEN octets. */
struct maildir_place maildir_place_of(enum snapshot_folder folder, struct pop_view name);

/* Remembers the last look at the folders, so that a maildrop in which everything was renamed
 * is listed once, not once a message. */
struct maildir_finder {
    const struct maildir_folders *folders; /* borrowed */
    struct maildir_scan scan;
};

void maildir_finder_finish(struct maildir_finder *finder);

/*
 * Opens the file for reading, whatever it is called now; *place becomes where
 * it was found. ERR_NOT_FOUND: no file has that base name any more.
 * ERR_CHANGED: what is there is no regular file. ERR_SYSTEM otherwise; with
 * EAGAIN, it is renamed faster than it can be opened.
 */
enum err_code maildir_find_open(
    struct maildir_finder *finder, struct maildir_place *place, int *ret_fd, struct err *err);

/* Removes the file, whatever it is called now; the same results. */
enum err_code maildir_find_unlink(
    struct maildir_finder *finder, struct maildir_place *place, struct err *err);

#endif
