/*
 * The operator's program for bans, such as one that tells a firewall. It is run
 * without a shell, with an address and a number that are written here, one at a
 * time, and not for long: a program that hangs must not pile up processes.
 */
#include "base/clock.h"
#include "base/log.h"
#include "server/parent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

void
ban_add(struct parent *parent, const struct ipc_banned *banned)
{
    struct parent_bans *bans = &parent->bans;
    if (parent->conf.ban_command == NULL || parent->stopping)
        return;
    if (bans->count == BAN_QUEUE_MAX) {
        if (bans->lost++ == 0) /* once: a flood must not fill the log */
            log_warning("ban-command does not keep up: it is not told of further bans");
        return;
    }
    bans->queue[(bans->first + bans->count++) % BAN_QUEUE_MAX] = *banned;
    ban_look(parent);
}

/* In the child: nothing of ours stays open but the log, which is its output too. */
static _Noreturn void
become(const char *path, char *address, char *seconds)
{
    char *const argv[] = {(char *)(uintptr_t)path, address, seconds, NULL};
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    bool ok = setpgid(0, 0) == 0 && nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 &&
              dup2(STDERR_FILENO, STDOUT_FILENO) >= 0 &&
              close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0;
    if (ok)
        (void)execv(path, argv);
    log_error("cannot run ban-command '%s': %m", path);
    _exit(EXIT_FAILURE);
}

static void
start(struct parent *parent, const struct ipc_banned *banned)
{
    char address[NETWORK_TEXT_MAX];
    char seconds[16];
    network_text(&banned->from, address);
    (void)snprintf(seconds, sizeof seconds, "%u", banned->seconds);
    pid_t pid = fork();
    if (pid == 0)
        become(parent->conf.ban_command, address, seconds);
    if (pid < 0) {
        log_error("cannot run ban-command for %s: %m", address);
        return;
    }
    (void)setpgid(pid, pid); /* both do it, so that it is done whoever is first */
    parent->bans.pid = pid;
    parent->bans.kill_ms = clock_ms() + BAN_COMMAND_MS;
}

/* With all that it has started. */
static void
kill_all(pid_t pid)
{
    if (kill(-pid, SIGKILL) < 0)
        (void)kill(pid, SIGKILL); /* it has no group yet, or is gone */
}

void
ban_look(struct parent *parent)
{
    struct parent_bans *bans = &parent->bans;
    if (bans->pid != 0 && bans->kill_ms != 0 && clock_ms() >= bans->kill_ms) {
        log_error("ban-command takes more than %d s: it is killed", BAN_COMMAND_MS / 1000);
        kill_all(bans->pid);
        bans->kill_ms = 0;
    }
    while (bans->pid == 0 && bans->count > 0 && parent->conf.ban_command != NULL) {
        struct ipc_banned next = bans->queue[bans->first];
        bans->first = (bans->first + 1) % BAN_QUEUE_MAX;
        bans->count--;
        bans->lost = 0;
        start(parent, &next);
    }
}

bool
ban_ended(struct parent *parent, pid_t pid, int status)
{
    struct parent_bans *bans = &parent->bans;
    if (pid != bans->pid)
        return false;
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        log_error("ban-command ended with status %d", WEXITSTATUS(status));
    if (WIFSIGNALED(status) && bans->kill_ms != 0)
        log_error("ban-command was ended by signal %d", WTERMSIG(status));
    bans->pid = 0;
    if (!parent->stopping)
        ban_look(parent);
    return true;
}

int64_t
ban_wait_ms(const struct parent *parent)
{
    const struct parent_bans *bans = &parent->bans;
    if (bans->pid == 0 || bans->kill_ms == 0)
        return -1;
    int64_t now = clock_ms();
    return bans->kill_ms > now ? bans->kill_ms - now : 0;
}

void
ban_finish(struct parent *parent)
{
    struct parent_bans *bans = &parent->bans;
    bans->count = 0;
    if (bans->pid == 0)
        return;
    kill_all(bans->pid);
    while (waitpid(bans->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    bans->pid = 0;
}
