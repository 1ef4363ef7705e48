/*
 * The Maildir engine: opening and closing a session. What each step may do to
 * the maildrop, and what is left of it after a crash, is in doc/maildir.md.
 */
#include "store/maildir.h"

#include "base/cleanup.h"
#include "store/block.h"
#include "store/maildir_index.h"
#include "store/maildir_lock.h"

#include <stdlib.h>

/* Saves what is known; `was` is the index that is there. Failing is no fault: a read-only
 * maildrop or a full disk costs later sessions some reading, nothing else. */
static void
save_index(const struct maildir *maildir, struct pop_view was)
{
    struct pop_view block;
    if (maildir_table_index(&maildir->table, &block, NULL) != ERR_OK)
        return;
    /* Equal when the times cannot become current: no reason to write it at each login. */
    if (!pop_view_equal(block, was))
        (void)maildir_index_write(maildir->folders.dir, block, NULL);
    block_free(block);
}

/* Lists the folders, and takes from the old index what still holds. */
static enum err_code
build_table(struct maildir *maildir, const struct snapshot *old, struct err *err)
{
    struct maildir_scan scan = {0};
    enum err_code code = maildir_scan_run(&scan, &maildir->folders, err);
    if (code == ERR_OK)
        code = maildir_table_build(&maildir->table, &scan, old, &maildir->finder, err);
    maildir_scan_finish(&scan);
    if (code == ERR_OK)
        save_index(maildir, old->block);
    return code;
}

/* By one read if the maildrop has not changed since the index was made. */
static enum err_code
load_table(struct maildir *maildir, struct err *err)
{
    struct maildir_index index = {0};
    bool current = maildir_index_read(maildir->folders.dir, &index, NULL) == ERR_OK &&
                   maildir_unchanged(&maildir->folders, &index.snapshot.times);
    enum err_code code = current ? maildir_table_copy(&maildir->table, &index.snapshot, err)
                                 : build_table(maildir, &index.snapshot, err);
    maildir_index_finish(&index);
    return code;
}

static enum err_code
load_session(struct maildir *maildir, const char *location, struct err *err)
{
    enum err_code code = maildir_folders_open(&maildir->folders, location, err);
    if (code == ERR_OK)
        code = maildir_lock(maildir->folders.dir, &maildir->lock_fd, err);
    if (code == ERR_OK)
        code = load_table(maildir, err);
    if (code != ERR_OK)
        return code;

    struct pop_view block;
    code = maildir_table_snapshot(&maildir->table, &block, err);
    if (code != ERR_OK)
        return code;
    /* Our own work, judged all the same: an index could hold what no scan makes. */
    code = snapshot_open(block, &maildir->promised, err);
    if (code != ERR_OK)
        block_free(block);
    return code;
}

/* Copes with a session that is half open. */
static void
maildir_free(struct maildir *maildir)
{
    if (maildir == NULL)
        return;
    block_free(maildir->promised.block);
    maildir_table_finish(&maildir->table);
    maildir_finder_finish(&maildir->finder);
    fd_closep(&maildir->lock_fd);
    maildir_folders_close(&maildir->folders);
    free(maildir);
}

static enum err_code
maildir_open(struct store **ret_store, const char *location, struct err *err)
{
    struct maildir *maildir = malloc(sizeof *maildir);
    if (maildir == NULL)
        return err_set(err, ERR_NOMEM, "maildrop '%s'", location);
    *maildir = (struct maildir){
        .ops = &store_maildir,
        .folders = {.dir = -1, .fds = {-1, -1}},
        .lock_fd = -1,
        .finder = {.folders = &maildir->folders},
    };
    enum err_code code = load_session(maildir, location, err);
    if (code != ERR_OK) {
        if (err != NULL)
            (void)err_prefix(err, "maildrop '%s'", location);
        maildir_free(maildir);
        return code;
    }
    *ret_store = (struct store *)maildir;
    return ERR_OK;
}

static struct pop_view
maildir_snapshot(const struct store *store)
{
    return ((const struct maildir *)store)->promised.block;
}

static void
maildir_close(struct store *store)
{
    struct maildir *maildir = maildir_of(store);
    if (maildir != NULL && maildir->corrected)
        save_index(maildir, (struct pop_view){NULL, 0});
    maildir_free(maildir);
}

const struct store_ops store_maildir = {
    .name = "maildir",
    .open = maildir_open,
    .snapshot = maildir_snapshot,
    .message_open = maildir_message_open,
    .message_suspect = maildir_message_suspect,
    .commit = maildir_commit,
    .close = maildir_close,
};
