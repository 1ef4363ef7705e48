/* One line with a secret in it: what a command prints, or what somebody types. */
#ifndef FETCH_SECRET_LINE_H
#define FETCH_SECRET_LINE_H

#include "base/err.h"
#include "base/limits.h"

#include <pop/view.h>

/* A token, its line end, and one more, so that "too long" is seen. */
#define SECRET_LINE_MAX (TOKEN_MAX + 3)

struct secret_line {
    size_t len;
    char data[SECRET_LINE_MAX];
};

/* Wipes. */
void secret_line_finish(struct secret_line *line);

/* The first line of what was read, without its end. */
struct pop_view secret_line_text(const struct secret_line *line);

/* Waits for input, or until stop_fd is readable: ERR_CLOSED. */
enum err_code
secret_line_wait(int fd, int stop_fd, const char *what, bool *ret_ready, struct err *err);

/*
 * Reads what `command` prints (run by /bin/sh) until it has ended; what passes the room is
 * dropped. `what` is what the secret is called, "password". ERR_CLOSED: `stop_fd` became
 * readable meanwhile. ERR_INVALID: the command failed. Finish the line in any case.
 */
enum err_code secret_line_from_command(
    struct secret_line *line, const char *command, const char *what, int stop_fd,
    struct err *err);

#endif
