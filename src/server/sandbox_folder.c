/* Opening the folders that stay within reach. Not for front, which opens nothing. */
#include "server/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cuts off the last part of an absolute path; false: "/" has none. */
static bool
cut_last(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash == NULL || strcmp(path, "/") == 0)
        return false;
    slash[slash == path] = '\0';
    return true;
}

int
sandbox_folder_open(char *path)
{
    for (;;) {
        int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0 || (errno != ENOENT && errno != ENOTDIR && errno != EACCES) ||
            !cut_last(path))
            return fd;
    }
}

size_t
sandbox_folders_of(const char *file, int ret_fds[2])
{
    char named[PATH_LEN_MAX + 1];
    char real[PATH_MAX];
    size_t count = 0;
    if (realpath(file, real) == NULL)
        real[0] = '\0';
    (void)snprintf(named, sizeof named, "%s", file);
    char *const paths[] = {named, real};
    for (size_t i = 0; i < 2; i++) {
        if (!cut_last(paths[i]) || (i == 1 && strcmp(named, real) == 0))
            continue;
        int fd = open(paths[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
            ret_fds[count++] = fd;
    }
    return count;
}
