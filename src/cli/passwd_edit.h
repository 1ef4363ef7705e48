/*
 * One change to the server's user file. All other octets stay as they are. The
 * file is written beside and renamed, so a server that reads it meanwhile, or a
 * power cut, finds the old one or the new one; two runs do not undo each other.
 */
#ifndef CLI_PASSWD_EDIT_H
#define CLI_PASSWD_EDIT_H

#include "base/err.h"

#include <pop/view.h>
#include <stdint.h>

struct passwd_edit {
    const char *path; /* shorter than PATH_LEN_MAX */
    struct pop_view user;
    struct pop_view label; /* of an application password; empty: the user's own line */
    const char *stored;    /* the new stored password; NULL: remove */
};

struct passwd_edited {
    bool changed;     /* the line was there and has another password now; else it is new */
    bool had_own;     /* the user had a line of its own */
    uint32_t removed; /* lines: those with the label, or all lines of the user */
};

/*
 * A new line goes behind the user's last one, or to the end; a file that is not
 * there is made, and nobody else can read it but the server.
 *
 * ERR_NOT_FOUND: nothing to remove. ERR_LIMIT: one application password more
 * than the server takes. ERR_SYSTEM. After all of them the file is as it was.
 */
enum err_code passwd_edit_run(
    const struct passwd_edit *edit, struct passwd_edited *ret_edited, struct err *err);

#endif
