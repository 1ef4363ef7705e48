/*
 * Putting messages into a Maildir durably: `restante deliver` and the fetcher.
 *
 *   maildir_target_open()            the folders tmp, new, cur; made if missing
 *     maildir_file_create()          O_EXCL in tmp
 *       write(file.fd, ...)          the message, LF line ends
 *     maildir_file_sync()            fsync of the file
 *     maildir_file_place()           rename into new, never over another file
 *   maildir_target_sync()            fsync of new: only now are the placed ones delivered
 *
 * One maildir_target_sync() serves all files placed before it. A power cut at
 * any point leaves each message either wholly in new or not there (a rest in
 * tmp is no message). All calls but _open/_close may be made from one thread
 * while another creates and writes files.
 */
#ifndef STORE_MAILDIR_TARGET_H
#define STORE_MAILDIR_TARGET_H

#include "base/err.h"
#include "base/limits.h"

#include <pop/view.h>

struct maildir_target {
    int dir_fd;
    int tmp_fd;
    int new_fd;
    int cur_fd;
};

struct maildir_file {
    int fd; /* open for writing; -1 when none */
    char name[FILE_NAME_MAX_LEN + 1];
};

/* Opens the Maildir at `path`; makes it (0700, its parents must exist) and its three folders
 * if they are missing, and makes that durable. */
enum err_code
maildir_target_open(struct maildir_target *ret_target, const char *path, struct err *err);
void maildir_target_close(struct maildir_target *target); /* zeroed or -1 fields are fine */

/* A fresh name as Maildir wants it: time, a part unique on this host, the host name. */
enum err_code maildir_name_make(char ret_name[FILE_NAME_MAX_LEN + 1], struct err *err);

/* Creates tmp/NAME (0600). A file of that name in tmp is a rest of an earlier run of ours when
 * `replace_rest` is set, and is removed first; else ERR_BUSY. */
enum err_code maildir_file_create(
    struct maildir_target *target, const char *name, bool replace_rest,
    struct maildir_file *ret_file, struct err *err);

/* fsync. An error is final: the file must be abandoned, not synced again. */
enum err_code maildir_file_sync(struct maildir_file *file, struct err *err);

/* Closes and renames tmp/NAME to new/NAME. ERR_BUSY: new already has that name. */
enum err_code
maildir_file_place(struct maildir_target *target, struct maildir_file *file, struct err *err);

/* Closes and removes tmp/NAME. */
void maildir_file_abandon(struct maildir_target *target, struct maildir_file *file);

/* fsync of new. */
enum err_code maildir_target_sync(struct maildir_target *target, struct err *err);

#endif
