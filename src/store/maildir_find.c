/* Following files that readers rename. */
#include "store/maildir_find.h"

#include "base/check.h"
#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* A reader renames a message once or twice in its life; one that goes on renaming is given up.
 */
#define TRIES_MAX 16

struct maildir_place
maildir_place_of(enum snapshot_folder folder, struct pop_view name)
{
    struct maildir_place place = {.folder = folder};
    CHECK(name.len < sizeof place.name);
    memcpy(place.name, name.data, name.len);
    return place;
}

void
maildir_finder_finish(struct maildir_finder *finder)
{
    maildir_scan_finish(&finder->scan);
}

/* What is done with a file: a result >= 0, or -1 with errno. */
typedef int file_action(int folder_fd, const char *name);

/* O_NONBLOCK: somebody may have put a FIFO in the place of the message. */
static int
action_open(int folder_fd, const char *name)
{
    return openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

static int
action_unlink(int folder_fd, const char *name)
{
    return unlinkat(folder_fd, name, 0);
}

/* A folder that did not exist at login holds nothing. */
static int
act(const struct maildir_finder *finder, const struct maildir_place *place, file_action *action)
{
    int fd = finder->folders->fds[place->folder];
    if (fd >= 0)
        return action(fd, place->name);
    errno = ENOENT;
    return -1;
}

static bool
same_place(const struct maildir_place *a, const struct maildir_place *b)
{
    return a->folder == b->folder && strcmp(a->name, b->name) == 0;
}

/* Looks in the last listing; false if the base name is not there. */
static bool
look_up(const struct maildir_finder *finder, struct maildir_place *place)
{
    struct maildir_name name = maildir_name_parse(pop_view_of(place->name));
    const struct maildir_list *list = &finder->scan.list;
    const struct maildir_entry *entry = maildir_list_find(list, &name);
    if (entry == NULL)
        return false;
    *place =
        maildir_place_of((enum snapshot_folder)entry->folder, maildir_entry_name(list, entry));
    return true;
}

/* *place was not there: finds where the message is now. */
static enum err_code
find_again(struct maildir_finder *finder, struct maildir_place *place, struct err *err)
{
    struct maildir_place listed = *place;
    bool found = look_up(finder, &listed);
    bool told = found ? !same_place(&listed, place)
                      : maildir_unchanged(finder->folders, &finder->scan.times);
    if (!told) {
        enum err_code code = maildir_scan_run(&finder->scan, finder->folders, err);
        if (code != ERR_OK)
            return code;
        found = look_up(finder, &listed);
    }
    if (!found)
        return err_set(err, ERR_NOT_FOUND, "the message was removed by another program");
    *place = listed;
    return ERR_OK;
}

static enum err_code
reach(
    struct maildir_finder *finder, struct maildir_place *place, file_action *action,
    int *ret_result, struct err *err)
{
    for (int i = 0; i < TRIES_MAX; i++) {
        int result = act(finder, place, action);
        if (result >= 0) {
            *ret_result = result;
            return ERR_OK;
        }
        if (errno == ELOOP)
            return err_set(err, ERR_CHANGED, "a symbolic link is in the place of the message");
        if (errno != ENOENT)
            return err_set(err, ERR_SYSTEM, "message file '%s'", place->name);
        enum err_code code = find_again(finder, place, err);
        if (code != ERR_OK)
            return code;
    }
    errno = EAGAIN;
    return err_set(
        err, ERR_SYSTEM, "message file '%s' is renamed again and again", place->name);
}

enum err_code
maildir_find_open(
    struct maildir_finder *finder, struct maildir_place *place, int *ret_fd, struct err *err)
{
    CLEANUP(fd_closep) int fd = -1;
    struct stat status;
    enum err_code code = reach(finder, place, action_open, &fd, err);
    if (code != ERR_OK)
        return code;
    if (fstat(fd, &status) < 0)
        return err_set(err, ERR_SYSTEM, "cannot ask about a message file");
    if (!S_ISREG(status.st_mode))
        return err_set(err, ERR_CHANGED, "no regular file is in the place of the message");
    *ret_fd = fd;
    fd = -1; /* the caller's from here */
    return ERR_OK;
}

enum err_code
maildir_find_unlink(struct maildir_finder *finder, struct maildir_place *place, struct err *err)
{
    int result;
    return reach(finder, place, action_unlink, &result, err);
}
