/* What is left of a helper's rights: of those that run other people's code less is taken than
 * of those that speak with one server. */
#include "server/sandbox.h"
#include "server/source.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CAPABILITY(number) (1ULL << (number))

/* PAM modules read what root alone may read and write to the audit log; a checkpassword program
 * becomes the user. If the helper is not root, it has none of these to keep. */
static const uint64_t code_capabilities = CAPABILITY(CAP_DAC_READ_SEARCH) |
                                          CAPABILITY(CAP_SETUID) | CAPABILITY(CAP_SETGID) |
                                          CAPABILITY(CAP_AUDIT_WRITE);

static bool
runs_code(const struct source_ops *ops)
{
    return ops->kind == SOURCE_PAM || ops->kind == SOURCE_CHECKPASSWORD;
}

/* Names of servers, authorities and time zones: what libraries look up there is for everybody
 * to read. */
static const char *const folders_of_all[] = {"/etc", "/usr", "/lib", "/lib64", "/run/systemd"};

/* Files of the configuration; a database too. */
static const enum source_option file_options[] = {SOURCE_CA, SOURCE_PASSWORD_FILE, SOURCE_JWKS};

enum {
    ALL = sizeof folders_of_all / sizeof *folders_of_all,
    FILES = sizeof file_options / sizeof *file_options,
    FOLDERS_MAX = ALL + 2 * (FILES + 1),
};

static size_t
add_file(struct sandbox_folder *folders, size_t count, const char *path)
{
    int fds[2];
    size_t found = path != NULL ? sandbox_folders_of(path, fds) : 0;
    for (size_t i = 0; i < found; i++)
        folders[count++] = (struct sandbox_folder){fds[i], SANDBOX_READ};
    return count;
}

static size_t
open_folders(const struct source_settings *settings, struct sandbox_folder *folders)
{
    static const char database[] = "sqlite:";
    const char *url = settings->values[SOURCE_URL];
    size_t count = 0;
    for (size_t i = 0; i < ALL; i++) {
        int fd = open(folders_of_all[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
            folders[count++] = (struct sandbox_folder){fd, SANDBOX_LIST};
    }
    for (size_t i = 0; i < FILES; i++)
        count = add_file(folders, count, settings->values[file_options[i]]);
    if (url != NULL && strncmp(url, database, sizeof database - 1) == 0)
        count = add_file(folders, count, url + sizeof database - 1);
    return count;
}

/* The C library loads its parts that look up names when they are first used: after this no code
 * can be loaded any more. Its own patience with name servers (5 seconds, twice, for each) is
 * longer than ours with a source. */
static void
load_resolver(void)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    (void)setenv("RES_OPTIONS", "timeout:2 attempts:2", 0);
    if (getaddrinfo("localhost", "110", &hints, &found) == 0)
        freeaddrinfo(found);
}

void
sandbox_source_files(const struct source_ops *ops, const struct source_settings *settings)
{
    struct sandbox_folder folders[FOLDERS_MAX];
    struct sandbox_rights rights = {.folders = folders, .connects = true};
    if (runs_code(ops)) {
        rights.any_path = true;
        rights.capabilities = code_capabilities;
    } else {
        load_resolver();
        rights.folder_count = open_folders(settings, folders);
    }
    sandbox_limit_rights(IPC_SOURCE, &rights);
    for (size_t i = 0; i < rights.folder_count; i++)
        (void)close(folders[i].fd); /* they were only named */
}

void
sandbox_source_calls(const struct source_ops *ops)
{
    if (runs_code(ops))
        sandbox_deny_calls();
    else
        sandbox_limit_calls(IPC_SOURCE);
}
