/*
 * The lock is one of the open file description, not of the process: one store
 * process serves many sessions, and closing some other descriptor of the file
 * must not release it. The kernel drops it with the last descriptor, so there
 * are no stale locks. The file is never removed: removing it would let two
 * sessions lock two files of one name.
 */
#include "store/maildir_lock.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

/*
 * A maildrop in which we cannot write is read all the same: nothing will be
 * removed from it, and the lock of the folder itself keeps sessions apart.
 */
static enum err_code
lock_folder(int dir_fd, int *ret_fd, struct err *err)
{
    CLEANUP(fd_closep) int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "cannot open the maildrop to lock it");
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK
                   ? err_set(err, ERR_BUSY, "another session has this maildrop")
                   : err_set(err, ERR_SYSTEM, "cannot lock the maildrop");
    *ret_fd = fd;
    fd = -1; /* the caller's from here */
    return ERR_OK;
}

enum err_code
maildir_lock(int dir_fd, int *ret_fd, struct err *err)
{
    /* O_NONBLOCK and S_ISREG: a FIFO of that name must not hold up the server. O_CREAT comes
     * only when it must: a session that deletes nothing writes nothing. */
    static const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    CLEANUP(fd_closep) int fd = openat(dir_fd, MAILDIR_LOCK_NAME, flags);
    if (fd < 0 && errno == ENOENT)
        fd = openat(dir_fd, MAILDIR_LOCK_NAME, flags | O_CREAT, 0600);
    struct stat status;
    if (fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM))
        return lock_folder(dir_fd, ret_fd, err);
    if (fd < 0 || fstat(fd, &status) < 0)
        return err_set(err, ERR_SYSTEM, "cannot open '%s'", MAILDIR_LOCK_NAME);
    if (!S_ISREG(status.st_mode))
        return err_set(err, ERR_INVALID, "'%s' is no regular file", MAILDIR_LOCK_NAME);

    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
        if (errno == EAGAIN || errno == EACCES)
            return err_set(err, ERR_BUSY, "another session has this maildrop");
        return err_set(err, ERR_SYSTEM, "cannot lock '%s'", MAILDIR_LOCK_NAME);
    }
    *ret_fd = fd;
    fd = -1; /* the caller's from here */
    return ERR_OK;
}
