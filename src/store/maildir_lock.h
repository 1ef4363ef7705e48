/* One session a maildrop (R1939-24). */
#ifndef STORE_MAILDIR_LOCK_H
#define STORE_MAILDIR_LOCK_H

#include "base/err.h"

#define MAILDIR_LOCK_NAME "restante.lock"

/*
 * Takes the lock of the maildrop whose folder is open at `dir_fd`, without
 * waiting. It is held until *ret_fd is closed or the process ends, however it
 * ends; the file stays. ERR_BUSY: somebody else holds it.
 */
enum err_code maildir_lock(int dir_fd, int *ret_fd, struct err *err);

#endif
