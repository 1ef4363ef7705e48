/* The first step into the sandbox: what holds for the process as a whole, then the files. */
#include "server/sandbox.h"

#include "base/log.h"
#include "server/attack.h"

#include <linux/capability.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

static _Noreturn void
fail(const char *what)
{
    log_error("cannot %s: %m", what);
    exit(EX_OSERR);
}

/* Those of root went with the change of the user. What a service manager gave to an ordinary
 * user's server, such as the right to bind port 110, is left. */
static bool
limit_capabilities(uint64_t kept)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
        syscall(SYS_capget, &header, sets) != 0)
        return false;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        sets[i].permitted &= (uint32_t)(kept >> 32 * i);
        sets[i].effective = sets[i].permitted;
        sets[i].inheritable = 0;
    }
    return syscall(SYS_capset, &header, sets) == 0;
}

void
sandbox_limit_files(enum ipc_role role, const struct sandbox_folder *folders, size_t count)
{
    struct sandbox_rights rights = {.folders = folders, .folder_count = count};
    sandbox_limit_rights(role, &rights);
}

void
sandbox_limit_rights(enum ipc_role role, const struct sandbox_rights *rights)
{
    attack_if_asked(role, rights);
    tzset(); /* opens the time zone's file, which gmtime_r() would do when it is first used */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        !limit_capabilities(rights->capabilities))
        fail("give up privileges");
    if (!SANDBOX_COMPLETE)
        return;
    if (!sandbox_hide_memory())
        fail("hide the memory of the process");
    if (!rights->any_path && !sandbox_restrict_files(rights))
        fail("enter the sandbox (Landlock)");
}
