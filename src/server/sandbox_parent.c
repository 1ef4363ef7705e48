/* What the parent gives up too. */
#include "base/log.h"
#include "server/sandbox.h"

#include <sys/prctl.h>
#include <sys/resource.h>

bool
sandbox_hide_memory(void)
{
    struct rlimit none = {0, 0};
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && setrlimit(RLIMIT_CORE, &none) == 0;
}

void
sandbox_limit_parent(void)
{
    /* setresuid() is no new privilege: the parent runs no program that has more than it has. */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        (SANDBOX_COMPLETE && !sandbox_hide_memory()))
        log_warning("cannot limit the rights of this process: %m");
}

const char *
sandbox_gap(void)
{
    if (!SANDBOX_COMPLETE)
        return "built with a sanitizer, which needs more than the sandbox gives: there is none";
    if (sandbox_landlock_version() == 0)
        return "this kernel has no Landlock: only users and system calls, not paths, limit "
               "what "
               "auth and store can open";
    return NULL;
}
