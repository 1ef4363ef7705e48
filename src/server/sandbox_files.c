/* Landlock: a process that has restricted itself reaches no path but what it named before. */
#include "server/sandbox.h"

#include <errno.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Debian 12 has the header of version 2; these numbers are part of the kernel's interface. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP
#define LANDLOCK_ACCESS_NET_BIND_TCP    (1ULL << 0)
#define LANDLOCK_ACCESS_NET_CONNECT_TCP (1ULL << 1)
#endif
#ifndef LANDLOCK_SCOPE_SIGNAL
#define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define LANDLOCK_SCOPE_SIGNAL               (1ULL << 1)
#endif

/* struct landlock_ruleset_attr as of version 6. An older kernel takes it as long as what it
 * does not know is zero. */
struct ruleset {
    uint64_t handled_files;
    uint64_t handled_net;
    uint64_t scoped;
};

/* Everything that a version can forbid. */
static struct ruleset
ruleset_of(int version)
{
    struct ruleset all = {.handled_files = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1};
    if (version >= 2)
        all.handled_files |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        all.handled_files |= LANDLOCK_ACCESS_FS_TRUNCATE;
    if (version >= 4)
        all.handled_net = LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP;
    if (version >= 5)
        all.handled_files |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
    if (version >= 6)
        all.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL;
    return all;
}

/*
 * Maildrops: the lock, the index (written beside and renamed within its folder)
 * and the messages are plain files. Nothing is executed, shortened, or moved to
 * another folder; no folder, link, socket, FIFO or device is made.
 */
static const uint64_t access_rights[] = {
    [SANDBOX_READ] = LANDLOCK_ACCESS_FS_READ_FILE,
    [SANDBOX_LIST] = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
    [SANDBOX_MAILDROPS] = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
                          LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
                          LANDLOCK_ACCESS_FS_REMOVE_FILE,
};

int
sandbox_landlock_version(void)
{
    long version =
        syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return version > 0 ? (int)version : 0;
}

static bool
add_folders(int ruleset_fd, const struct sandbox_folder *folders, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct landlock_path_beneath_attr beneath = {
            .allowed_access = access_rights[folders[i].access],
            .parent_fd = folders[i].fd,
        };
        if (syscall(
                SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
            return false;
    }
    return true;
}

bool
sandbox_restrict_files(const struct sandbox_rights *rights)
{
    int version = sandbox_landlock_version();
    if (version == 0)
        return true; /* the parent has said so */
    struct ruleset all = ruleset_of(version);
    if (rights->connects)
        all.handled_net &= ~LANDLOCK_ACCESS_NET_CONNECT_TCP;
    int ruleset_fd = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    if (ruleset_fd < 0)
        return false;
    bool ok = add_folders(ruleset_fd, rights->folders, rights->folder_count) &&
              syscall(SYS_landlock_restrict_self, ruleset_fd, 0) == 0;
    int reason = errno;
    (void)close(ruleset_fd); /* it was only the description */
    errno = reason;
    return ok;
}
