/*
 * Each act is tried in a process of its own, forked before the sandbox (no role
 * can fork inside), which enters it and then acts. Built only with -Dattack=true.
 */
#include "server/attack.h"

#include "base/log.h"
#include "server/attack_act.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* Tries one act in a process of its own; its wait status. */
static int
try_apart(const struct target *target, size_t index, const struct sandbox_rights *rights)
{
    struct act act;
    int status;
    int reason = 0;
    pid_t pid = fork();
    if (pid == 0) {
        if (getenv(ATTACK_BARE_VARIABLE) == NULL) {
            (void)unsetenv(ATTACK_VARIABLE); /* or it would attack again */
            sandbox_limit_rights(target->role, rights);
            sandbox_limit_calls(target->role);
        }
        (void)attack_act(target, index, &act, &reason);
        _exit(reason);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : EX_OSERR << 8;
}

static bool
is_refusal(const struct act *act, int status)
{
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGSYS;
    int reason = WEXITSTATUS(status);
    return reason == EPERM || reason == EACCES || reason == ENOSYS ||
           (reason != 0 && reason == act->also_refused);
}

static void
report(const struct act *act, int status)
{
    if (WIFSIGNALED(status))
        log_error("%s: not refused, but ended by signal %d", act->name, WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        log_error("%s: not refused, but %s", act->name, strerror(WEXITSTATUS(status)));
    else
        log_error("%s: not refused", act->name);
}

void
attack_if_asked(enum ipc_role role, const struct sandbox_rights *rights)
{
    struct target target;
    struct act act;
    unsigned tried = 0;
    unsigned refused = 0;
    if (!attack_is_asked() || rights->any_path) /* what may run any program has no such list */
        return;
    if (!attack_target_make(&target, role)) {
        log_error("an attack needs a maildrop with a message in new, for all to read");
        exit(EX_CONFIG);
    }
    if (try_apart(&target, 0, rights) != 0) {
        log_error("in this sandbox nothing can be tried, not even what is allowed");
        exit(EX_SOFTWARE);
    }
    for (size_t i = 1; attack_act(&target, i, &act, NULL); i++) {
        if (!(act.roles & (1u << role)))
            continue;
        int status = try_apart(&target, i, rights);
        attack_target_tidy(&target);
        tried++;
        refused += is_refusal(&act, status);
        if (!is_refusal(&act, status))
            report(&act, status);
    }
    attack_target_finish(&target);
    const char *name = strchr(ipc_role_name(role), '-') + 1;
    if (refused == tried)
        (void)dprintf(STDOUT_FILENO, "%s: %u acts, all refused\n", name, tried);
    else
        (void)dprintf(STDOUT_FILENO, "%s: %u acts, %u refused\n", name, tried, refused);
    if (refused != tried && getenv(ATTACK_BARE_VARIABLE) == NULL)
        exit(EX_SOFTWARE);
}
