/* Where the password comes from. Every copy on the way is wiped. */
#include "fetch/password.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <termios.h>

/* A password, its line end, and one more, so that "too long" is seen. */
#define LINE_SIZE (PASSWORD_MAX + 3)

struct line {
    char data[LINE_SIZE];
    size_t len;
};

static void
line_finish(struct line *line)
{
    explicit_bzero(line, sizeof *line);
}

/* The first line of what was read becomes the password. */
static enum err_code
take_line(struct secret *password, const struct line *line, const char *source, struct err *err)
{
    struct pop_view text = {line->data, line->len};
    const char *end = text.len > 0 ? memchr(text.data, '\n', text.len) : NULL;
    if (end != NULL)
        text.len = (size_t)(end - text.data);
    if (end != NULL && text.len > 0 && text.data[text.len - 1] == '\r')
        text.len--;
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

/* Starts `command` with its output in *ret_fd. Signals are as they were when we started. */
static enum err_code
spawn_command(const char *command, pid_t *ret_pid, int *ret_fd, struct err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_set(err, ERR_SYSTEM, "cannot make a pipe");
    CLEANUP(fd_closep) int read_end = ends[0];
    CLEANUP(fd_closep) int write_end = ends[1];

    char shell[] = "/bin/sh";
    char dash_c[] = "-c";
    CLEANUP(free_p) char *text = strdup(command);
    if (text == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the password command");
    char *arguments[] = {shell, dash_c, text, NULL};

    sigset_t none;
    (void)sigemptyset(&none);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int result = posix_spawn_file_actions_init(&actions);
    if (result == 0)
        result = posix_spawnattr_init(&attributes);
    if (result == 0) {
        (void)posix_spawn_file_actions_adddup2(&actions, write_end, STDOUT_FILENO);
        (void)posix_spawnattr_setsigmask(&attributes, &none);
        (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        result = posix_spawn(ret_pid, shell, &actions, &attributes, arguments, environ);
        (void)posix_spawnattr_destroy(&attributes);
        (void)posix_spawn_file_actions_destroy(&actions);
    }
    errno = result;
    if (result != 0)
        return err_set(err, ERR_SYSTEM, "cannot run the password command");
    *ret_fd = read_end;
    read_end = -1;
    return ERR_OK;
}

/* Waits for input, or until stop_fd is readable. */
static enum err_code
wait_for_input(int fd, int stop_fd, bool *ret_ready, struct err *err)
{
    struct pollfd waits[] = {
        {.fd = fd, .events = POLLIN},
        {.fd = stop_fd, .events = POLLIN},
    };
    if (poll(waits, 2, -1) < 0 && errno != EINTR)
        return err_set(err, ERR_SYSTEM, "cannot wait for the password");
    if ((waits[1].revents & POLLIN) != 0)
        return err_set(err, ERR_CLOSED, "interrupted while asking for the password");
    *ret_ready = waits[0].revents != 0;
    return ERR_OK;
}

/* Reads up to the end; what is beyond the room of the line is read and dropped, so that the
 * command is not killed by a full pipe. */
static enum err_code
read_all(int fd, int stop_fd, struct line *line, struct err *err)
{
    CLEANUP(line_finish) struct line rest = {.len = 0};
    for (;;) {
        bool ready = false;
        enum err_code code = wait_for_input(fd, stop_fd, &ready, err);
        if (code != ERR_OK)
            return code;
        if (!ready)
            continue;
        bool full = line->len == LINE_SIZE;
        char *to = full ? rest.data : line->data + line->len;
        ssize_t len = read(fd, to, full ? sizeof rest.data : LINE_SIZE - line->len);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return err_set(err, ERR_SYSTEM, "cannot read from the password command");
        if (len == 0)
            return ERR_OK;
        if (!full)
            line->len += (size_t)len;
    }
}

static enum err_code
from_command(struct secret *password, const char *command, int stop_fd, struct err *err)
{
    CLEANUP(line_finish) struct line line = {.len = 0};
    CLEANUP(fd_closep) int fd = -1;
    pid_t pid = 0;
    enum err_code code = spawn_command(command, &pid, &fd, err);
    if (code != ERR_OK)
        return code;
    code = read_all(fd, stop_fd, &line, err);
    if (code == ERR_CLOSED) {
        (void)kill(pid, SIGTERM); /* it may take its time: this run does not wait for it */
        return code;
    }

    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (code == ERR_OK && WIFSIGNALED(status))
        code = err_set(
            err, ERR_INVALID, "the password command was killed by signal %d", WTERMSIG(status));
    if (code == ERR_OK && WEXITSTATUS(status) != 0)
        code = err_set(
            err, ERR_INVALID, "the password command failed with status %d",
            WEXITSTATUS(status));
    return code == ERR_OK ? take_line(password, &line, "the password command", err) : code;
}

/* Reads one line from the terminal, or until stop_fd is readable. */
static enum err_code
read_terminal(int terminal, int stop_fd, struct line *line, struct err *err)
{
    while (line->len < LINE_SIZE) {
        bool ready = false;
        enum err_code code = wait_for_input(terminal, stop_fd, &ready, err);
        if (code != ERR_OK)
            return code;
        if (!ready)
            continue;
        ssize_t len = read(terminal, line->data + line->len, LINE_SIZE - line->len);
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
    CLEANUP(line_finish) struct line line = {.len = 0};
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
