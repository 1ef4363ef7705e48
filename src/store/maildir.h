/* The Maildir engine's session, shared by its modules; nobody else includes this. */
#ifndef STORE_MAILDIR_H
#define STORE_MAILDIR_H

#include "store/maildir_table.h"
#include "store/store.h"

struct maildir {
    const struct store_ops *ops; /* first: see store.h */
    struct maildir_folders folders;
    int lock_fd;
    struct maildir_finder finder;
    struct maildir_table table; /* what is known now: goes into the index */
    struct snapshot promised;   /* what the session was told: never changes */
    bool corrected;             /* the table is better than the index */
};

/* The functions of store.h's table that have modules of their own. */
enum err_code
maildir_message_open(struct store *store, uint32_t index, int *ret_fd, struct err *err);
void maildir_message_suspect(struct store *store, uint32_t index);
enum err_code maildir_commit(
    struct store *store, const unsigned char *marks, uint32_t *ret_left, struct err *err);

/* store.h hands out `struct store`, of which this is one kind. */
static inline struct maildir *
maildir_of(struct store *store)
{
    return (struct maildir *)store;
}

#endif
