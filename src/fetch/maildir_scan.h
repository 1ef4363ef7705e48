/* Where the messages of this program's naming lie in a Maildir: which readers move and rename
 * as they like, into cur, with flags, into Maildir++ subfolders. */
#ifndef FETCH_MAILDIR_SCAN_H
#define FETCH_MAILDIR_SCAN_H

#include "fetch/mail_name.h"

struct maildir_found {
    struct mail_key key;
    uint32_t folder; /* index in folders */
    bool taken;      /* for the caller */
    char *name;
};

/* Zeroed = nothing found. */
struct maildir_scan {
    struct maildir_found *found; /* sorted by key */
    size_t count;
    size_t cap;
    char **folders; /* paths, "/mail/new", "/mail/.Work/cur" */
    size_t folder_count;
    size_t folder_cap;
};

/* Looks through new and cur of the Maildir at `path` and of its subfolders. What an earlier
 * scan found stays, unless this one finds it elsewhere. */
enum err_code maildir_scan(struct maildir_scan *scan, const char *path, struct err *err);

/* NULL: there is none. */
struct maildir_found *
maildir_scan_find(const struct maildir_scan *scan, const struct mail_key *key);

/* Opens the file for reading. ERR_NOT_FOUND: a reader has moved or removed it since. */
enum err_code maildir_scan_open(
    const struct maildir_scan *scan, const struct maildir_found *found, int *ret_fd,
    struct err *err);

/* fsync of the folder that the file was found in. */
enum err_code maildir_scan_sync(
    const struct maildir_scan *scan, const struct maildir_found *found, struct err *err);

void maildir_scan_free(struct maildir_scan *scan);

#endif
