/* One run at a time for an account and a Maildir, whichever journals they use. */
#ifndef FETCH_ACCOUNT_LOCK_H
#define FETCH_ACCOUNT_LOCK_H

#include "base/err.h"

#include <pop/view.h>

#define ACCOUNT_LOCK_NAME "restante-fetch.lock"

/*
 * Locks the account in the Maildir, without waiting, until *ret_fd is closed or
 * the process ends, however it ends; the file stays. ERR_BUSY: another run has
 * it. Where the Maildir's own folder cannot be written there is no lock:
 * *ret_fd stays -1.
 */
enum err_code
account_lock(const char *maildir, struct pop_view identity, int *ret_fd, struct err *err);

#endif
