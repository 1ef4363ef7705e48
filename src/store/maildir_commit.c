/*
 * Removing messages durably: every unlink first, then one fsync for each folder
 * that was touched, then the answer. Without the fsync a removed message is
 * back after a power cut, although the client was told that it is gone.
 */
#include "store/maildir.h"

#include <unistd.h>

/* How the marked messages fared, by which folders must be synced to make it last. */
struct removal {
    uint32_t in_one[MAILDIR_FOLDERS]; /* removed where they were at login */
    uint32_t in_both;                 /* moved meanwhile, or gone by another program's hand */
    uint32_t left;
    enum err_code code; /* of the first failure */
};

static bool
is_marked(const unsigned char *marks, uint32_t index)
{
    return ((unsigned)marks[index / 8] >> index % 8 & 1u) != 0;
}

/* The first failure is the one that is told. */
static void
note_failure(struct removal *removal, const struct err *why, struct err *err)
{
    if (removal->code != ERR_OK)
        return;
    removal->code = why->code;
    if (err != NULL)
        *err = *why;
}

static void
remove_message(
    struct maildir *maildir, uint32_t index, struct removal *removal, struct err *err)
{
    struct err why = {0};
    struct maildir_place place = maildir_table_place(&maildir->table, index);
    enum err_code code = maildir_find_unlink(&maildir->finder, &place, &why);
    /* A reader's move or removal may not be durable yet; where it happened is not known. */
    bool moved = place.folder != maildir->table.files[index].folder;
    if (code == ERR_NOT_FOUND || (code == ERR_OK && moved)) {
        removal->in_both++;
    } else if (code == ERR_OK) {
        removal->in_one[place.folder]++;
    } else {
        removal->left++;
        note_failure(removal, &why, err);
    }
}

static bool
sync_folder(int fd, struct removal *removal, struct err *err)
{
    struct err why = {0};
    if (fd < 0 || fsync(fd) == 0)
        return true;
    (void)err_set(&why, ERR_SYSTEM, "cannot make the removal of messages durable");
    note_failure(removal, &why, err);
    return false;
}

/* What cannot be made durable is not removed: it may be back. */
static void
sync_folders(struct maildir *maildir, struct removal *removal, struct err *err)
{
    bool all = true;
    for (int i = 0; i < MAILDIR_FOLDERS; i++) {
        if (removal->in_one[i] == 0 && removal->in_both == 0)
            continue;
        if (!sync_folder(maildir->folders.fds[i], removal, err)) {
            removal->left += removal->in_one[i];
            all = false;
        }
    }
    if (!all)
        removal->left += removal->in_both;
}

enum err_code
maildir_commit(
    struct store *store, const unsigned char *marks, uint32_t *ret_left, struct err *err)
{
    struct maildir *maildir = maildir_of(store);
    struct removal removal = {.code = ERR_OK};
    for (uint32_t i = 0; i < maildir->table.count; i++)
        if (is_marked(marks, i))
            remove_message(maildir, i, &removal, err);
    sync_folders(maildir, &removal, err);
    *ret_left = removal.left;
    return removal.code;
}
