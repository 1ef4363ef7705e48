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
drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 &&
           syscall(SYS_capset, &header, none) == 0;
}

void
sandbox_limit_files(enum ipc_role role, const struct sandbox_folder *folders, size_t count)
{
    attack_if_asked(role, folders, count);
    tzset(); /* opens the time zone's file, which gmtime_r() would do when it is first used */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !drop_capabilities())
        fail("give up privileges");
    if (!SANDBOX_COMPLETE)
        return;
    if (!sandbox_hide_memory())
        fail("hide the memory of the process");
    if (!sandbox_restrict_files(folders, count))
        fail("enter the sandbox (Landlock)");
}
