/*
 * Two runs of one account give their files the same names, and take each
 * other's in tmp for the rests of a run that was killed. The journal has a lock
 * of its own against that, but there may be two journals.
 */
#include "fetch/account_lock.h"

#include "base/cleanup.h"
#include "fetch/mail_name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

/* The octet of the file that stands for the account. */
static enum err_code
find_place(struct pop_view identity, off_t *ret_place, struct err *err)
{
    struct mail_key key;
    enum err_code code = mail_key_make(&key, identity, POP_VIEW(""), 0, err);
    if (code != ERR_OK)
        return code;
    uint64_t place = 0;
    for (size_t i = 0; i < sizeof place - 1; i++)
        place = place << 8 | key.octets[i];
    *ret_place = (off_t)place;
    return ERR_OK;
}

enum err_code
account_lock(const char *maildir, struct pop_view identity, int *ret_fd, struct err *err)
{
    char path[PATH_LEN_MAX];
    int len = snprintf(path, sizeof path, "%s/" ACCOUNT_LOCK_NAME, maildir);
    if (len < 0 || len >= (int)sizeof path)
        return err_set(err, ERR_LIMIT, "the path of the Maildir is too long");
    /* O_NONBLOCK: a FIFO of that name must not hold up anybody. */
    int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    CLEANUP(fd_closep) int fd = open(path, flags, 0600);
    if (fd < 0 && (errno == EACCES || errno == EPERM || errno == EROFS))
        return ERR_OK;
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "cannot open the lock file '%s'", path);

    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    enum err_code code = find_place(identity, &lock.l_start, err);
    if (code != ERR_OK)
        return code;
    if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
        if (errno == EAGAIN || errno == EACCES)
            return err_set(
                err, ERR_BUSY, "another run is fetching this account into the same place");
        return err_set(err, ERR_SYSTEM, "cannot lock '%s'", path);
    }
    *ret_fd = fd;
    fd = -1; /* the caller's from here */
    return ERR_OK;
}
