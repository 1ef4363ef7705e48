/*
 * `restante.index` in the maildrop: what was found out about the messages, so
 * that an unchanged maildrop is opened by one read. A cache and nothing more:
 * any fault of it means it is not there, and the folders tell.
 */
#ifndef STORE_MAILDIR_INDEX_H
#define STORE_MAILDIR_INDEX_H

#include "base/snapshot.h"

#define MAILDIR_INDEX_NAME "restante.index"

/* Zeroed = none. */
struct maildir_index {
    struct snapshot snapshot; /* with a file record a message */
};

/* Reads and checks the index of the maildrop whose folder is open at `dir_fd`. ERR_NOT_FOUND:
 * there is none; other errors: it is of no use. */
enum err_code maildir_index_read(int dir_fd, struct maildir_index *ret_index, struct err *err);
void maildir_index_finish(struct maildir_index *index);

/* Replaces the index. The maildrop's lock must be held. */
enum err_code maildir_index_write(int dir_fd, struct pop_view block, struct err *err);

#endif
