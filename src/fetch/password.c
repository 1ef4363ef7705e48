/* Where the password comes from. Every copy on the way is wiped. */
#include "fetch/password.h"

#include "base/cleanup.h"
#include "fetch/secret_line.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <termios.h>

/* The first line of what was read becomes the password. */
static enum err_code
take_line(
    struct secret *password, const struct secret_line *line, const char *source,
    struct err *err)
{
    struct pop_view text = secret_line_text(line);
    if (text.len == 0)
        return err_set(err, ERR_INVALID, "%s gave no password", source);
    if (!secret_set(password, text))
        return err_set(
            err, ERR_INVALID, "the password from %s is longer than %u octets or has a NUL",
            source, PASSWORD_MAX);
    return ERR_OK;
}

static enum err_code
from_environment(struct secret *password, char *value, struct err *err)
{
    bool ok = secret_set(password, pop_view_of(value));
    explicit_bzero(value, strlen(value));
    (void)unsetenv("RESTANTE_PASSWORD");
    if (!ok)
        return err_set(
            err, ERR_INVALID, "RESTANTE_PASSWORD is longer than %u octets", PASSWORD_MAX);
    if (password->len == 0)
        return err_set(err, ERR_INVALID, "RESTANTE_PASSWORD is empty");
    return ERR_OK;
}

static enum err_code
from_command(struct secret *password, const char *command, int stop_fd, struct err *err)
{
    CLEANUP(secret_line_finish) struct secret_line line = {.len = 0};
    enum err_code code = secret_line_from_command(&line, command, "password", stop_fd, err);
    return code == ERR_OK ? take_line(password, &line, "the password command", err) : code;
}

/* Reads one line from the terminal, or until stop_fd is readable. */
static enum err_code
read_terminal(int terminal, int stop_fd, struct secret_line *line, struct err *err)
{
    while (line->len < SECRET_LINE_MAX) {
        bool ready = false;
        enum err_code code = secret_line_wait(terminal, stop_fd, "password", &ready, err);
        if (code != ERR_OK)
            return code;
        if (!ready)
            continue;
        ssize_t len = read(terminal, line->data + line->len, SECRET_LINE_MAX - line->len);
        if (len < 0 && errno != EINTR)
            return err_set(err, ERR_SYSTEM, "cannot read the password");
        if (len == 0)
            return ERR_OK;
        if (len > 0)
            line->len += (size_t)len;
        if (memchr(line->data, '\n', line->len) != NULL)
            return ERR_OK;
    }
    return ERR_OK;
}

static enum err_code
from_terminal(struct secret *password, const char *label, int stop_fd, struct err *err)
{
    CLEANUP(secret_line_finish) struct secret_line line = {.len = 0};
    CLEANUP(fd_closep) int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios before;
    if (terminal < 0 || tcgetattr(terminal, &before) != 0)
        return err_set(
            err, ERR_NOT_FOUND,
            "there is no terminal to ask for the password: give it in "
            "RESTANTE_PASSWORD or with --password-command");
    struct termios silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    if (tcsetattr(terminal, TCSAFLUSH, &silent) != 0)
        return err_set(err, ERR_SYSTEM, "cannot switch the terminal's echo off");

    (void)dprintf(terminal, "Password of %s: ", label);
    enum err_code code = read_terminal(terminal, stop_fd, &line, err);
    (void)tcsetattr(terminal, TCSAFLUSH, &before);
    (void)dprintf(terminal, "\n");
    return code == ERR_OK ? take_line(password, &line, "the terminal", err) : code;
}

enum err_code
password_get(
    struct secret *password, const char *command, const char *label, int stop_fd,
    struct err *err)
{
    char *value = getenv("RESTANTE_PASSWORD");
    if (value != NULL)
        return from_environment(password, value, err);
    if (command != NULL)
        return from_command(password, command, stop_fd, err);
    return from_terminal(password, label, stop_fd, err);
}

enum err_code
token_get(struct token *token, const char *command, int stop_fd, struct err *err)
{
    CLEANUP(secret_line_finish) struct secret_line line = {.len = 0};
    enum err_code code = secret_line_from_command(&line, command, "token", stop_fd, err);
    if (code != ERR_OK)
        return code;
    if (!token_set(token, secret_line_text(&line)))
        return err_set(
            err, ERR_INVALID,
            "the token command gave no token: one line of 1 to %u octets, without blanks",
            TOKEN_MAX);
    return ERR_OK;
}
