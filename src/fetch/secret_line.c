/* Lines with secrets. Every copy on the way is wiped. */
#include "fetch/secret_line.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

void
secret_line_finish(struct secret_line *line)
{
    explicit_bzero(line, sizeof *line);
}

struct pop_view
secret_line_text(const struct secret_line *line)
{
    struct pop_view text = {line->data, line->len};
    const char *end = text.len > 0 ? memchr(text.data, '\n', text.len) : NULL;
    if (end != NULL)
        text.len = (size_t)(end - text.data);
    if (end != NULL && text.len > 0 && text.data[text.len - 1] == '\r')
        text.len--;
    return text;
}

/* Starts `command` with its output in *ret_fd. Signals are as they were when we started. */
static enum err_code
spawn_command(
    const char *command, const char *what, pid_t *ret_pid, int *ret_fd, struct err *err)
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
        return err_set(err, ERR_NOMEM, "no memory for the command");
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
        return err_set(err, ERR_SYSTEM, "cannot run the %s command", what);
    *ret_fd = read_end;
    read_end = -1;
    return ERR_OK;
}

enum err_code
secret_line_wait(int fd, int stop_fd, const char *what, bool *ret_ready, struct err *err)
{
    struct pollfd waits[] = {
        {.fd = fd, .events = POLLIN},
        {.fd = stop_fd, .events = POLLIN},
    };
    if (poll(waits, 2, -1) < 0 && errno != EINTR)
        return err_set(err, ERR_SYSTEM, "cannot wait for the %s", what);
    if ((waits[1].revents & POLLIN) != 0)
        return err_set(err, ERR_CLOSED, "interrupted while asking for the %s", what);
    *ret_ready = waits[0].revents != 0;
    return ERR_OK;
}

/* Reads up to the end; what is beyond the room of the line is read and dropped, so that the
 * command is not killed by a full pipe. */
static enum err_code
read_all(int fd, int stop_fd, const char *what, struct secret_line *line, struct err *err)
{
    CLEANUP(secret_line_finish) struct secret_line rest = {.len = 0};
    for (;;) {
        bool ready = false;
        enum err_code code = secret_line_wait(fd, stop_fd, what, &ready, err);
        if (code != ERR_OK)
            return code;
        if (!ready)
            continue;
        bool full = line->len == SECRET_LINE_MAX;
        char *to = full ? rest.data : line->data + line->len;
        ssize_t len = read(fd, to, full ? sizeof rest.data : SECRET_LINE_MAX - line->len);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return err_set(err, ERR_SYSTEM, "cannot read from the %s command", what);
        if (len == 0)
            return ERR_OK;
        if (!full)
            line->len += (size_t)len;
    }
}

enum err_code
secret_line_from_command(
    struct secret_line *line, const char *command, const char *what, int stop_fd,
    struct err *err)
{
    CLEANUP(fd_closep) int fd = -1;
    pid_t pid = 0;
    enum err_code code = spawn_command(command, what, &pid, &fd, err);
    if (code != ERR_OK)
        return code;
    code = read_all(fd, stop_fd, what, line, err);
    if (code == ERR_CLOSED) {
        (void)kill(pid, SIGTERM); /* it may take its time: this run does not wait for it */
        return code;
    }

    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (code == ERR_OK && WIFSIGNALED(status))
        code = err_set(
            err, ERR_INVALID, "the %s command was killed by signal %d", what, WTERMSIG(status));
    if (code == ERR_OK && WEXITSTATUS(status) != 0)
        code = err_set(
            err, ERR_INVALID, "the %s command failed with status %d", what,
            WEXITSTATUS(status));
    return code;
}
