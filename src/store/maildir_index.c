/*
 * Reading and replacing the index file.
 *
 * It is written without fsync, on purpose: after a power cut the file may be
 * the old one, empty or torn. The old one is outdated by the folders' times,
 * the others fail their checksum; each costs one scan, no mail.
 */
#include "store/maildir_index.h"

#include "base/cleanup.h"
#include "store/block.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Written under this name, then renamed. One name is enough: the lock is held. */
#define BESIDE_NAME MAILDIR_INDEX_NAME ".new"

/* The user may have put anything there; it must not cost the server's memory. Ten million
 * messages fit; beyond, the maildrop is scanned at each login. */
#define INDEX_SIZE_MAX (1ll << 30)

static enum err_code
read_all(int fd, char *data, size_t size, struct err *err)
{
    for (size_t done = 0; done < size;) {
        ssize_t len = read(fd, data + done, size - done);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return err_set(err, ERR_SYSTEM, "cannot read the index");
        if (len == 0)
            return err_set(err, ERR_INVALID, "the index became shorter");
        done += (size_t)len;
    }
    return ERR_OK;
}

enum err_code
maildir_index_read(int dir_fd, struct maildir_index *ret_index, struct err *err)
{
    CLEANUP(fd_closep)
    int fd = openat(dir_fd, MAILDIR_INDEX_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "no index");
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        return err_set(err, ERR_SYSTEM, "cannot open the index");
    if (!S_ISREG(status.st_mode) || status.st_size <= 0 || status.st_size > INDEX_SIZE_MAX)
        return err_set(err, ERR_INVALID, "the index is no index");

    size_t size = (size_t)status.st_size;
    CLEANUP(free_p) char *data = malloc(size);
    if (data == NULL)
        return err_set(err, ERR_NOMEM, "no memory for an index of %zu octets", size);
    enum err_code code = read_all(fd, data, size, err);
    struct snapshot snapshot;
    if (code == ERR_OK)
        code = snapshot_open((struct pop_view){data, size}, &snapshot, err);
    if (code != ERR_OK)
        return code;
    if (snapshot.file_count != snapshot.maildrop.count)
        return err_set(err, ERR_INVALID, "the index has no file records");

    ret_index->snapshot = snapshot;
    data = NULL; /* the caller's from here, as snapshot.block */
    return ERR_OK;
}

void
maildir_index_finish(struct maildir_index *index)
{
    block_free(index->snapshot.block);
    *index = (struct maildir_index){0};
}

/* A rest of a run that was killed while it wrote is in the way, and of no use. */
static int
create_beside(int dir_fd)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(dir_fd, BESIDE_NAME, flags, 0600);
    if (fd < 0 && errno == EEXIST && unlinkat(dir_fd, BESIDE_NAME, 0) == 0)
        fd = openat(dir_fd, BESIDE_NAME, flags, 0600);
    return fd;
}

static bool
write_all(int fd, struct pop_view block)
{
    while (block.len > 0) {
        ssize_t len = write(fd, block.data, block.len);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return false;
        pop_view_skip(&block, (size_t)len);
    }
    return true;
}

enum err_code
maildir_index_write(int dir_fd, struct pop_view block, struct err *err)
{
    CLEANUP(fd_closep) int fd = create_beside(dir_fd);
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "cannot create an index");
    if (write_all(fd, block) && renameat(dir_fd, BESIDE_NAME, dir_fd, MAILDIR_INDEX_NAME) == 0)
        return ERR_OK;
    enum err_code code = err_set(err, ERR_SYSTEM, "cannot write the index");
    (void)unlinkat(dir_fd, BESIDE_NAME, 0); /* if it stays, the next run removes it */
    return code;
}
