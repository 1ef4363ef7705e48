/* See faults.h. */
#include "faults.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDERS_MAX = 4 };

static struct {
    bool armed;
    struct fault_plan plan;
    unsigned n;
    unsigned calls;
    bool hit;
    unsigned opens;
    unsigned lists;
    unsigned reads;
    unsigned durable;
    struct {
        ino_t inode;
        unsigned unlinked; /* not synced yet */
    } folders[FOLDERS_MAX];
    char trace[8192];
    size_t trace_len;
} faults;

void
faults_arm(const struct fault_plan *plan, unsigned n)
{
    memset(&faults, 0, sizeof faults);
    faults.plan = *plan;
    faults.n = n;
    faults.armed = true;
}

bool
faults_disarm(void)
{
    faults.armed = false;
    return faults.hit;
}

const char *
faults_trace(void)
{
    return faults.trace;
}

unsigned
faults_count_open(void)
{
    return faults.opens;
}

unsigned
faults_count_list(void)
{
    return faults.lists;
}

unsigned
faults_count_read(void)
{
    return faults.reads;
}

unsigned
faults_durable_unlinks(void)
{
    return faults.durable;
}

/* The next call: does it fail? */
static bool
fails(void)
{
    if (!faults.armed || faults.plan.short_calls)
        return false;
    unsigned call = faults.calls++;
    bool failing = call == faults.n || (faults.plan.lasting && call > faults.n);
    faults.hit |= failing;
    if (failing)
        errno = faults.plan.number;
    return failing;
}

static size_t
shortened(size_t size)
{
    return faults.armed && faults.plan.short_calls && size > 1 ? size / 2 : size;
}

__attribute__((format(printf, 1, 2))) static void
trace(const char *format, ...)
{
    if (!faults.armed)
        return;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(
        faults.trace + faults.trace_len, sizeof faults.trace - faults.trace_len, format, args);
    va_end(args);
    faults.trace_len += len > 0 ? (size_t)len : 0;
}

struct label {
    char text[256];
};

/* The last part of the name of what is open at `fd`. */
static struct label
label_of(int fd)
{
    struct label label = {""};
    char link[64];
    char path[4096];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len > 0) {
        path[len] = '\0';
        (void)snprintf(label.text, sizeof label.text, "%.255s", strrchr(path, '/') + 1);
    }
    return label;
}

int __real_fstat64(int fd, struct stat *status);

static unsigned *
unlinked_in(int fd)
{
    struct stat status;
    if (__real_fstat64(fd, &status) < 0)
        return NULL;
    for (size_t i = 0; i < FOLDERS_MAX; i++) {
        if (faults.folders[i].inode == 0)
            faults.folders[i].inode = status.st_ino;
        if (faults.folders[i].inode == status.st_ino)
            return &faults.folders[i].unlinked;
    }
    return NULL;
}

/* ---- the calls ---- */

#define WRAP(result, name, ...)                                                                \
    result __real_##name(__VA_ARGS__);                                                         \
    result __wrap_##name(__VA_ARGS__);                                                         \
    result __wrap_##name(__VA_ARGS__)

WRAP(void *, malloc, size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

WRAP(void *, calloc, size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

WRAP(void *, reallocarray, void *data, size_t count, size_t size)
{
    return fails() ? NULL : __real_reallocarray(data, count, size);
}

WRAP(
    void *, mmap64, void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    return fails() ? MAP_FAILED : __real_mmap64(address, size, protection, flags, fd, offset);
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_openat64(int folder_fd, const char *path, int flags, ...);
int __wrap_openat64(int folder_fd, const char *path, int flags, ...);

int
__wrap_open64(const char *path, int flags, ...)
{
    faults.opens++;
    return fails() ? -1 : __real_open64(path, flags);
}

int
__wrap_openat64(int folder_fd, const char *path, int flags, ...)
{
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        va_list args;
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
    }
    faults.opens++;
    return fails() ? -1 : __real_openat64(folder_fd, path, flags, mode);
}

WRAP(ssize_t, getdents64, int fd, void *buffer, size_t size)
{
    faults.lists++;
    return fails() ? -1 : __real_getdents64(fd, buffer, size);
}

WRAP(ssize_t, read, int fd, void *data, size_t size)
{
    faults.reads++;
    return fails() ? -1 : __real_read(fd, data, shortened(size));
}

WRAP(ssize_t, pread64, int fd, void *data, size_t size, off_t offset)
{
    faults.reads++;
    return fails() ? -1 : __real_pread64(fd, data, shortened(size), offset);
}

WRAP(ssize_t, write, int fd, const void *data, size_t size)
{
    return fails() ? -1 : __real_write(fd, data, shortened(size));
}

WRAP(ssize_t, pwrite64, int fd, const void *data, size_t size, off_t offset)
{
    return fails() ? -1 : __real_pwrite64(fd, data, shortened(size), offset);
}

WRAP(off_t, lseek64, int fd, off_t offset, int whence)
{
    return fails() ? -1 : __real_lseek64(fd, offset, whence);
}

WRAP(int, fstat64, int fd, struct stat *status)
{
    return fails() ? -1 : __real_fstat64(fd, status);
}

WRAP(int, fstatat64, int folder_fd, const char *name, struct stat *status, int flags)
{
    return fails() ? -1 : __real_fstatat64(folder_fd, name, status, flags);
}

int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);

/* The code under test passes a pointer (locks) or an int (seals): a register either way. */
int
__wrap_fcntl64(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    void *argument = va_arg(args, void *);
    va_end(args);
    return fails() ? -1 : __real_fcntl64(fd, command, argument);
}

WRAP(int, memfd_create, const char *name, unsigned flags)
{
    return fails() ? -1 : __real_memfd_create(name, flags);
}

WRAP(int, mkdirat, int folder_fd, const char *name, mode_t mode)
{
    if (fails())
        return -1;
    int result = __real_mkdirat(folder_fd, name, mode);
    if (result == 0)
        trace("mkdir %s\n", name);
    return result;
}

WRAP(int, unlinkat, int folder_fd, const char *name, int flags)
{
    if (fails())
        return -1;
    int result = __real_unlinkat(folder_fd, name, flags);
    if (result != 0 || !faults.armed)
        return result;
    trace("unlink %s/%s\n", label_of(folder_fd).text, name);
    unsigned *unlinked = unlinked_in(folder_fd);
    if (unlinked != NULL)
        ++*unlinked;
    return 0;
}

WRAP(int, renameat, int from_fd, const char *from, int to_fd, const char *to)
{
    if (fails())
        return -1;
    int result = __real_renameat(from_fd, from, to_fd, to);
    if (result == 0)
        trace("rename %s %s\n", from, to);
    return result;
}

WRAP(int, renameat2, int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    if (fails())
        return -1;
    int result = __real_renameat2(from_fd, from, to_fd, to, flags);
    if (result == 0)
        trace("rename %s/%s %s/%s\n", label_of(from_fd).text, from, label_of(to_fd).text, to);
    return result;
}

WRAP(int, linkat, int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    if (fails())
        return -1;
    int result = __real_linkat(from_fd, from, to_fd, to, flags);
    if (result == 0)
        trace("link %s/%s %s/%s\n", label_of(from_fd).text, from, label_of(to_fd).text, to);
    return result;
}

WRAP(int, fsync, int fd)
{
    if (fails())
        return -1;
    if (!faults.armed)
        return __real_fsync(fd);
    /* Noted, not done: what counts here is that it is asked for, and thousands take long. */
    trace("sync %s\n", label_of(fd).text);
    unsigned *unlinked = unlinked_in(fd);
    if (unlinked != NULL) {
        faults.durable += *unlinked;
        *unlinked = 0;
    }
    return 0;
}

WRAP(ssize_t, getrandom, void *data, size_t size, unsigned flags)
{
    return fails() ? -1 : __real_getrandom(data, size, flags);
}

/* The descriptor is closed all the same, as the kernel does it. */
WRAP(int, close, int fd)
{
    bool failing = fails();
    int number = errno;
    int result = __real_close(fd);
    if (!failing)
        return result;
    errno = number;
    return -1;
}
