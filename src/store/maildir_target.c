/*
 * Durable delivery. The order is the whole point: the file's octets first, then
 * its name in new, each made durable before the next is relied on. A rename
 * without the fsync of the file before it leaves an empty message after a power
 * cut; one without the fsync of new after it leaves none.
 */
#include "store/maildir_target.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* Makes a folder; *made says whether it was missing. */
static enum err_code
make_folder(int dir_fd, const char *name, bool *made, struct err *err)
{
    if (mkdirat(dir_fd, name, 0700) == 0)
        *made = true;
    else if (errno != EEXIST)
        return err_set(err, ERR_SYSTEM, "cannot make the folder '%s'", name);
    return ERR_OK;
}

/* Makes the folder at `path`, and makes that durable in its parent. */
static enum err_code
make_root(const char *path, struct err *err)
{
    char parent[PATH_LEN_MAX];
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    if (len >= sizeof parent)
        return err_set(err, ERR_LIMIT, "the path is longer than %u octets", PATH_LEN_MAX - 1);
    while (len > 0 && path[len - 1] != '/')
        len--; /* up to the last name */
    memcpy(parent, path, len);
    memcpy(parent + len, ".", sizeof ".");

    bool made = false;
    CLEANUP(fd_closep) int parent_fd = open(parent, FOLDER_FLAGS);
    if (parent_fd < 0)
        return err_set(err, ERR_SYSTEM, "cannot open the folder above");
    enum err_code code = make_folder(parent_fd, path + len, &made, err);
    if (code == ERR_OK && made && fsync(parent_fd) < 0)
        code = err_set(err, ERR_SYSTEM, "cannot make the new folder durable");
    return code;
}

static enum err_code
open_root(const char *path, int *ret_fd, struct err *err)
{
    int fd = open(path, FOLDER_FLAGS);
    if (fd < 0 && errno == ENOENT) {
        enum err_code code = make_root(path, err);
        if (code != ERR_OK)
            return code;
        fd = open(path, FOLDER_FLAGS);
    }
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "cannot open the folder");
    *ret_fd = fd;
    return ERR_OK;
}

static enum err_code
make_folders(int dir_fd, struct err *err)
{
    bool made = false;
    enum err_code code = make_folder(dir_fd, "tmp", &made, err);
    if (code == ERR_OK)
        code = make_folder(dir_fd, "new", &made, err);
    if (code == ERR_OK)
        code = make_folder(dir_fd, "cur", &made, err);
    if (code == ERR_OK && made && fsync(dir_fd) < 0)
        code = err_set(err, ERR_SYSTEM, "cannot make the new folders durable");
    return code;
}

static enum err_code
open_folder(int dir_fd, const char *name, int *ret_fd, struct err *err)
{
    int fd = openat(dir_fd, name, FOLDER_FLAGS);
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "cannot open the folder '%s'", name);
    *ret_fd = fd;
    return ERR_OK;
}

static enum err_code
open_all(struct maildir_target *target, const char *path, struct err *err)
{
    enum err_code code = open_root(path, &target->dir_fd, err);
    if (code == ERR_OK)
        code = make_folders(target->dir_fd, err);
    if (code == ERR_OK)
        code = open_folder(target->dir_fd, "tmp", &target->tmp_fd, err);
    if (code == ERR_OK)
        code = open_folder(target->dir_fd, "new", &target->new_fd, err);
    if (code == ERR_OK)
        code = open_folder(target->dir_fd, "cur", &target->cur_fd, err);
    return code;
}

enum err_code
maildir_target_open(struct maildir_target *ret_target, const char *path, struct err *err)
{
    struct maildir_target target = {-1, -1, -1, -1};
    enum err_code code = open_all(&target, path, err);
    if (code != ERR_OK) {
        maildir_target_close(&target);
        if (err != NULL)
            (void)err_prefix(err, "Maildir '%s'", path);
        return code;
    }
    *ret_target = target;
    return ERR_OK;
}

/* A zeroed target was never opened: 0 is not ours then. */
static void
close_field(int *fd)
{
    if (*fd > 0)
        (void)close(*fd); /* a folder, nothing to lose */
    *fd = -1;
}

void
maildir_target_close(struct maildir_target *target)
{
    close_field(&target->dir_fd);
    close_field(&target->tmp_fd);
    close_field(&target->new_fd);
    close_field(&target->cur_fd);
}

static int
create_in_tmp(const struct maildir_target *target, const char *name)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    return openat(target->tmp_fd, name, flags, 0600);
}

enum err_code
maildir_file_create(
    struct maildir_target *target, const char *name, bool replace_rest,
    struct maildir_file *ret_file, struct err *err)
{
    size_t len = strlen(name);
    if (len == 0 || len > FILE_NAME_MAX_LEN || name[0] == '.' || strchr(name, '/') != NULL)
        return err_set(err, ERR_INVALID, "'%s' cannot be the name of a message", name);

    int fd = create_in_tmp(target, name);
    if (fd < 0 && errno == EEXIST && replace_rest && unlinkat(target->tmp_fd, name, 0) == 0)
        fd = create_in_tmp(target, name);
    if (fd < 0)
        return err_set(
            err, errno == EEXIST ? ERR_BUSY : ERR_SYSTEM, "cannot create 'tmp/%s'", name);

    ret_file->fd = fd;
    memcpy(ret_file->name, name, len + 1);
    return ERR_OK;
}

enum err_code
maildir_file_sync(struct maildir_file *file, struct err *err)
{
    /* After a failure the kernel may have dropped the pages: a second fsync would succeed
     * without them. */
    if (fsync(file->fd) < 0)
        return err_set(err, ERR_SYSTEM, "cannot make 'tmp/%s' durable", file->name);
    return ERR_OK;
}

/* Some file systems cannot refuse to replace in rename(): then by a second name. */
static int
move_to_new(const struct maildir_target *target, const char *name)
{
    int result = renameat2(target->tmp_fd, name, target->new_fd, name, RENAME_NOREPLACE);
    if (result == 0 || (errno != EINVAL && errno != ENOSYS))
        return result;
    result = linkat(target->tmp_fd, name, target->new_fd, name, 0);
    if (result == 0)
        (void)unlinkat(target->tmp_fd, name, 0); /* a rest in tmp is no message */
    return result;
}

enum err_code
maildir_file_place(struct maildir_target *target, struct maildir_file *file, struct err *err)
{
    int fd = file->fd;
    file->fd = -1;
    if (close(fd) < 0) /* network file systems tell of lost writes here */
        return err_set(err, ERR_SYSTEM, "cannot close 'tmp/%s'", file->name);
    if (move_to_new(target, file->name) == 0)
        return ERR_OK;
    return err_set(
        err, errno == EEXIST ? ERR_BUSY : ERR_SYSTEM, "cannot move '%s' from tmp to new",
        file->name);
}

void
maildir_file_abandon(struct maildir_target *target, struct maildir_file *file)
{
    fd_closep(&file->fd);
    (void)unlinkat(target->tmp_fd, file->name, 0); /* a rest in tmp is no message */
}

enum err_code
maildir_target_sync(struct maildir_target *target, struct err *err)
{
    if (fsync(target->new_fd) < 0)
        return err_set(err, ERR_SYSTEM, "cannot make the delivery into new durable");
    return ERR_OK;
}
