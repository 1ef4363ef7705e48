/* Being the parent and the neighbours of a role. */
#include "hostile.h"

#include "server/role.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT_MS = 20000 };

/* Descriptors and memory that a role may have above what it started with: channels come and go,
 * and the allocator keeps some. A leak for each of a million messages is far beyond. */
enum { SPARE_DESCRIPTORS = 16, SPARE_KIB = 64 * 1024 };

static unsigned descriptors_at_start;
static unsigned long kib_at_start;

noreturn void
fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("not ok - ", stdout);
    (void)vprintf(format, args);
    (void)putchar('\n');
    va_end(args);
    exit(EXIT_FAILURE);
}

uint32_t
chance(uint32_t below)
{
    static uint64_t state = 0x1939;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % below;
}

static void
pair_open(int pair[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        fail("cannot make a channel");
}

void
role_begin(struct role *role, enum ipc_role which)
{
    int pair[2];
    char path[4096];
    const char *build = getenv("RESTANTE_BUILD");
    (void)snprintf(path, sizeof path, "%s/%s", build ? build : ".", ipc_role_name(which));
    pair_open(pair);
    *role = (struct role){.control = pair[0], .neighbour = -1, .front = -1};
    role->pid = fork();
    if (role->pid == 0) {
        (void)dup2(pair[1], ROLE_CONTROL_FD);
        (void)fcntl(ROLE_CONTROL_FD, F_SETFD, 0);
        (void)execl(path, ipc_role_name(which), (char *)NULL);
        _exit(127);
    }
    (void)close(pair[1]); /* the role's */
}

void
tell(
    struct role *role, uint32_t type, const void *body, size_t size, const int *fds,
    size_t fd_count)
{
    struct ipc_header header = {.type = type};
    if (ipc_send_wait(role->control, &header, body, size, fds, fd_count) != IPC_OK)
        fail("the role does not listen to its parent");
}

int
connect_as(struct role *role, enum ipc_role peer, uint32_t number)
{
    int pair[2];
    struct ipc_channel_info info = {.role = peer, .number = number};
    pair_open(pair);
    tell(role, IPC_CHANNEL, &info, sizeof info, &pair[1], 1);
    (void)close(pair[1]); /* the role's */
    return pair[0];
}

bool
hear(int fd, enum ipc_role from, enum ipc_role to, struct ipc_packet *packet)
{
    switch (ipc_receive(fd, from, to, packet)) {
    case IPC_OK:
        return true;
    case IPC_BAD:
    case IPC_NO_FDS:
        fail("%s sends what it must not", ipc_role_name(from));
    default:
        return false;
    }
}

bool
hear_soon(int fd, enum ipc_role from, enum ipc_role to, struct ipc_packet *packet)
{
    for (;;) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        if (poll(&readable, 1, WAIT_MS) == 0)
            fail("%s does not answer", ipc_role_name(from));
        if (hear(fd, from, to, packet))
            return true;
        if (readable.revents & (POLLHUP | POLLERR))
            return false;
    }
}

static unsigned
count_descriptors(pid_t pid)
{
    char path[64];
    unsigned count = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    while (folder != NULL && readdir(folder) != NULL)
        count++;
    if (folder != NULL)
        (void)closedir(folder);
    return count;
}

static unsigned long
count_kib(pid_t pid)
{
    char line[256];
    unsigned long kib = 0;
    (void)snprintf(line, sizeof line, "/proc/%d/status", (int)pid);
    FILE *status = fopen(line, "re");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "VmRSS: %lu kB", &kib) == 1)
            break;
    if (status != NULL)
        (void)fclose(status);
    return kib;
}

void
role_started(struct role *role)
{
    struct ipc_packet packet;
    tell(role, IPC_START, NULL, 0, NULL, 0);
    for (;;) {
        struct pollfd readable = {.fd = role->control, .events = POLLIN};
        if (poll(&readable, 1, WAIT_MS) == 0)
            fail("the role does not start");
        ssize_t size = recv(role->control, &packet.header, sizeof packet.header, MSG_DONTWAIT);
        if (size == 0)
            fail("the role has ended at its start");
        if (size > 0 && packet.header.type == IPC_READY)
            break;
    }
    descriptors_at_start = count_descriptors(role->pid);
    kib_at_start = count_kib(role->pid);
}

void
front_again(struct role *role)
{
    if (role->front >= 0)
        (void)close(role->front);
    role->front = connect_as(role, IPC_FRONT, ++role->front_number);
}

/* ---- sending ---- */

/* What an attacker may send beyond what the table allows. */
static void
spoil(struct ipc_header *header, char *body, size_t *size, int fds[3], size_t *fd_count)
{
    switch (chance(5)) {
    case 0:
        header->type = chance(2) ? chance(IPC_TYPE_COUNT) : chance(UINT32_MAX);
        break;
    case 1:
        *size = chance((uint32_t)*size + 1);
        break;
    case 2:
        *size += chance((uint32_t)(IPC_BODY_MAX - *size) + 1);
        break;
    case 3:
        for (uint32_t i = 0; i < 4 && *size > 0; i++)
            body[chance((uint32_t)*size)] = (char)chance(256);
        break;
    default:
        for (*fd_count = 0; *fd_count < 3; (*fd_count)++)
            fds[*fd_count] = STDOUT_FILENO;
    }
}

bool
send_from_front(
    struct role *role, uint32_t type, uint64_t session, const void *body, size_t size)
{
    static char octets[IPC_BODY_MAX];
    struct ipc_header header = {.type = type, .number = chance(3), .session = session};
    int fds[3];
    size_t fd_count = 0;
    memcpy(octets, body, size);
    if (chance(400) == 0)
        spoil(&header, octets, &size, fds, &fd_count);
    role->sent++;
    enum ipc_result result = ipc_send_wait(role->front, &header, octets, size, fds, fd_count);
    if (result == IPC_AGAIN)
        fail("the role does not read");
    if (result == IPC_OK)
        return true;
    role->closed++;
    return false;
}

/* ---- the end ---- */

void
role_check(struct role *role)
{
    int status;
    if (waitpid(role->pid, &status, WNOHANG) != 0)
        fail("the role has ended, status %x", (unsigned)status);
    unsigned descriptors = count_descriptors(role->pid);
    unsigned long kib = count_kib(role->pid);
    if (descriptors > descriptors_at_start + SPARE_DESCRIPTORS)
        fail("%u descriptors, %u at the start", descriptors, descriptors_at_start);
    if (kib > kib_at_start + SPARE_KIB)
        fail("%lu KiB, %lu at the start", kib, kib_at_start);
}

void
role_let_go(struct role *role)
{
    char octet;
    role_check(role);
    (void)close(role->neighbour);
    (void)close(role->front);
    role->neighbour = role->front = -1;
    struct pollfd ended = {.fd = role->control, .events = POLLIN};
    if (poll(&ended, 1, WAIT_MS) <= 0 || recv(role->control, &octet, 1, MSG_DONTWAIT) != 0)
        fail("the role has work to do that nobody gave to it");
    int status = 0;
    (void)close(role->control);
    if (waitpid(role->pid, &status, 0) < 0 || status != 0)
        fail("the role ends with status %x", (unsigned)status);
}

void
role_end(struct role *role)
{
    int status = 0;
    role_check(role);
    (void)close(role->control); /* this is how a parent ends it */
    if (waitpid(role->pid, &status, 0) < 0 || status != 0)
        fail("the role ends with status %x", (unsigned)status);
    if (role->front >= 0)
        (void)close(role->front);
    if (role->neighbour >= 0)
        (void)close(role->neighbour);
}
