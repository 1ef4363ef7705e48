/* Where the password comes from; never the command line, which every user can read. */
#ifndef FETCH_PASSWORD_H
#define FETCH_PASSWORD_H

#include "base/err.h"
#include "base/secret.h"
#include "fetch/token.h"

/*
 * Takes the password from RESTANTE_PASSWORD (which is then removed from the
 * environment), else from the first line that `command` prints (run by
 * /bin/sh; NULL: none), else asks for it on the terminal.
 *
 * ERR_CLOSED: `stop_fd` became readable while it was asked for. Other errors:
 * there is none to be had; the text says what to do. No length is promised but
 * PASSWORD_MAX. Finish the secret in any case.
 */
enum err_code password_get(
    struct secret *password, const char *command, const char *label, int stop_fd,
    struct err *err);

/* Takes the access token from the first line that `command` prints. Errors as above. */
enum err_code token_get(struct token *token, const char *command, int stop_fd, struct err *err);

#endif
