/* What a role could try if it were taken over: acts of more than one system call. */
#include "server/attack_act.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int
result(long value)
{
    return value < 0 ? errno : 0;
}

/* A plain file of store's own, which it may make; the others are refused here. */
static int
make_own(const struct target *target)
{
    int fd = openat(AT_FDCWD, target->fresh, MAKING, 0600);
    return fd < 0 ? -1 : close(fd);
}

int
attack_move_out(const struct target *target)
{
    if (make_own(target) < 0)
        return errno;
    return result(renameat(AT_FDCWD, target->fresh, AT_FDCWD, target->elsewhere));
}

int
attack_move_to_another_user(const struct target *target)
{
    if (make_own(target) < 0)
        return errno;
    return result(renameat(AT_FDCWD, target->fresh, AT_FDCWD, target->moved));
}

int
attack_link_own(const struct target *target)
{
    if (make_own(target) < 0)
        return errno;
    return result(linkat(AT_FDCWD, target->fresh, AT_FDCWD, target->moved, 0));
}

int
attack_truncate_own(const struct target *target)
{
    if (make_own(target) < 0)
        return errno;
    return result(truncate(target->fresh, 0));
}

int
attack_truncate_own_by_opening(const struct target *target)
{
    if (make_own(target) < 0)
        return errno;
    return result(openat(AT_FDCWD, target->fresh, O_WRONLY | O_TRUNC | O_CLOEXEC));
}

int
attack_make_own_setuid(const struct target *target)
{
    if (make_own(target) < 0)
        return errno;
    return result(fchmodat(AT_FDCWD, target->fresh, 04755, 0));
}

int
attack_give_own_away(const struct target *target)
{
    if (make_own(target) < 0)
        return errno;
    return result(fchownat(AT_FDCWD, target->fresh, getuid(), getgid(), 0));
}

int
attack_date_own(const struct target *target)
{
    if (make_own(target) < 0)
        return errno;
    return result(utimensat(AT_FDCWD, target->fresh, NULL, 0));
}

int
attack_label_own(const struct target *target)
{
    if (make_own(target) < 0)
        return errno;
    return result(syscall(SYS_setxattr, target->fresh, "user.attack", "x", (size_t)1, 0));
}

/* By way of a descriptor that was there, as front is handed some. */
int
attack_leave_by_dots(const struct target *target)
{
    int fd = openat(target->folder, "../../../../../../../../etc/passwd", READING);
    return result(fd);
}

int
attack_share_memory(const struct target *target)
{
    int id = shmget(IPC_PRIVATE, target->page_size, 0600 | IPC_CREAT);
    if (id >= 0)
        (void)shmctl(id, IPC_RMID, NULL);
    return result(id);
}

static void *
thread(void *argument)
{
    return argument;
}

int
attack_start_thread(const struct target *target)
{
    pthread_t made;
    (void)target;
    return pthread_create(&made, NULL, thread, NULL);
}

int
attack_run_program(const struct target *target)
{
    char *const argv[] = {(char[]){"true"}, NULL};
    (void)target;
    return result(execve("/bin/true", argv, argv + 1));
}

int
attack_run_descriptor(const struct target *target)
{
    char *const argv[] = {(char[]){"true"}, NULL};
    return result(syscall(SYS_execveat, target->program, "", argv, argv + 1, AT_EMPTY_PATH));
}

int
attack_forge_credentials(const struct target *target)
{
    union {
        char space[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control = {{0}};
    char octet = 'x';
    struct iovec piece = {&octet, 1};
    struct msghdr message = {
        .msg_iov = &piece,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_CREDENTIALS;
    header->cmsg_len = CMSG_LEN(sizeof(struct ucred));
    struct ucred init = {.pid = 1, .uid = 0, .gid = 0};
    memcpy(CMSG_DATA(header), &init, sizeof init);
    return result(sendmsg(target->pair[0], &message, MSG_NOSIGNAL));
}

#ifdef __x86_64__
/* getpid() by the numbers of x32 and of 32-bit programs. */
int
attack_call_x32(const struct target *target)
{
    (void)target;
    return result(syscall(0x40000000 | SYS_getpid));
}

int
attack_call_32_bit(const struct target *target)
{
    long value = 20;
    (void)target;
    __asm__ volatile("int $0x80" : "+a"(value) : : "memory", "r8", "r9", "r10", "r11");
    return value == -ENOSYS ? ENOSYS : 0;
}
#endif
