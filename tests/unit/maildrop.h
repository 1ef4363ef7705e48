/* Maildrops for tests: folders of their own, files in them, and sessions on them. Everything
 * that fails here fails the test. */
#ifndef TEST_MAILDROP_H
#define TEST_MAILDROP_H

#include "base/limits.h"
#include "base/snapshot.h"
#include "store/store.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

/* A Maildir with new, cur and tmp in a temporary folder. */
struct maildrop {
    char path[64];
};

void maildrop_make(struct maildrop *maildrop);
void maildrop_remove(struct maildrop *maildrop); /* with all that is in it */

/* `name` is relative to the maildrop: "cur/1.a:2,S". */
void maildrop_put(const struct maildrop *maildrop, const char *name, const char *text);
void maildrop_rename(const struct maildrop *maildrop, const char *from, const char *to);
void maildrop_unlink(const struct maildrop *maildrop, const char *name);
/* Sets the modification time of a file or folder to a moment long ago. */
void maildrop_age(const struct maildrop *maildrop, const char *name);
bool maildrop_has(const struct maildrop *maildrop, const char *name);

/* Moves the coarse clock that store reads on by a second, so that what was done before is not
 * "just now" any more. The program is linked with --wrap=clock_gettime for it. */
void clock_advance(void);
void clock_reset(void); /* to the time that it is */

/* One line for each file and folder below the maildrop: type, name, size, modification and
 * change time. The caller's to free. Equal texts: nothing was written in between. */
char *maildrop_state(const struct maildrop *maildrop);

/* How many files of the maildrop are in new and cur, and in the root. */
unsigned maildrop_count(const struct maildrop *maildrop, const char *folder);

/* An open session and its snapshot. */
struct session {
    struct store *store;
    const struct store_ops *ops;
    struct snapshot snapshot;
};

struct session session_open(const struct store_ops *ops, const char *location);
void session_close(struct session *session);

uint32_t session_count(const struct session *session);

/* Message `index`, for comparing: "uid size". Holds until the fourth call after it. */
const char *session_line(const struct session *session, uint32_t index);

/* All lines, one after the other; the caller's to free. */
char *session_listing(const struct session *session);

/* The index of the message with that unique-id. */
uint32_t session_find(const struct session *session, const char *uid);

/* The octets of a message, as a string; the caller's to free. */
char *session_read(const struct session *session, uint32_t index);

/* Opens a message that must not open. */
enum err_code session_refusal(const struct session *session, uint32_t index);

/* Removes the messages of those numbers (bit 0: index 0). */
enum err_code
session_commit(const struct session *session, unsigned long marks, uint32_t *ret_left);

#endif
