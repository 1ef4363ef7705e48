/*
 * What a role could try if it were taken over, in one table. Each act is tried
 * in a process of its own, forked before the sandbox (no role can fork inside),
 * which enters it and then acts. Built only with -Dattack=true.
 */
#include "server/attack.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/landlock.h>
#include <linux/perf_event.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* What there is to act on, made before the sandbox. */
struct target {
    enum ipc_role role;
    pid_t parent;
    pid_t victim; /* another process of the same user, which does nothing */
    int victim_fd;
    int tcp;
    int udp;
    int pair[2];
    int program; /* opened for execution */
    int memory;  /* a memfd */
    int folder;  /* the maildrops' root */
    void *page;
    size_t page_size;
    char users[PATH_LEN_MAX];
    char users_folder[PATH_LEN_MAX];
    char mail[PATH_LEN_MAX];      /* the maildrops' root */
    char maildrop[PATH_LEN_MAX];  /* one of them */
    char message[PATH_LEN_MAX];   /* in it */
    char fresh[PATH_LEN_MAX];     /* does not exist, in the root */
    char elsewhere[PATH_LEN_MAX]; /* does not exist, outside of the root */
    char moved[PATH_LEN_MAX];     /* does not exist, in the maildrop */
};

enum {
    F = 1u << IPC_FRONT,
    A = 1u << IPC_AUTH,
    S = 1u << IPC_STORE,
    K = 1u << IPC_KEYS,
    ALL = F | A | S | K,
};

struct act {
    const char *name;
    unsigned roles;   /* those that must not */
    int also_refused; /* an errno that is a refusal too */
    /* Either a function, which returns 0 or an errno, or one system call. */
    int (*run)(const struct target *target);
    long number;
    uintptr_t arguments[6];
};

/* The flags that auth opens with: so Landlock has the word, not seccomp. */
enum { READING = O_RDONLY | O_NONBLOCK | O_CLOEXEC };
enum { MAKING = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC };

/* ---- acts of more than one call ---- */

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

static int
move_out(const struct target *target)
{
    if (make_own(target) < 0)
        return errno;
    return result(renameat(AT_FDCWD, target->fresh, AT_FDCWD, target->elsewhere));
}

static int
move_to_another_user(const struct target *target)
{
    if (make_own(target) < 0)
        return errno;
    return result(renameat(AT_FDCWD, target->fresh, AT_FDCWD, target->moved));
}

static int
link_own(const struct target *target)
{
    if (make_own(target) < 0)
        return errno;
    return result(linkat(AT_FDCWD, target->fresh, AT_FDCWD, target->moved, 0));
}

static int
truncate_own(const struct target *target)
{
    if (make_own(target) < 0)
        return errno;
    return result(truncate(target->fresh, 0));
}

static int
truncate_own_by_opening(const struct target *target)
{
    if (make_own(target) < 0)
        return errno;
    return result(openat(AT_FDCWD, target->fresh, O_WRONLY | O_TRUNC | O_CLOEXEC));
}

static int
make_own_setuid(const struct target *target)
{
    if (make_own(target) < 0)
        return errno;
    return result(fchmodat(AT_FDCWD, target->fresh, 04755, 0));
}

static int
give_own_away(const struct target *target)
{
    if (make_own(target) < 0)
        return errno;
    return result(fchownat(AT_FDCWD, target->fresh, getuid(), getgid(), 0));
}

static int
date_own(const struct target *target)
{
    if (make_own(target) < 0)
        return errno;
    return result(utimensat(AT_FDCWD, target->fresh, NULL, 0));
}

static int
label_own(const struct target *target)
{
    if (make_own(target) < 0)
        return errno;
    return result(syscall(SYS_setxattr, target->fresh, "user.attack", "x", (size_t)1, 0));
}

/* By way of a descriptor that was there, as front is handed some. */
static int
leave_by_dots(const struct target *target)
{
    int fd = openat(target->folder, "../../../../../../../../etc/passwd", READING);
    return result(fd);
}

static int
share_memory(const struct target *target)
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

static int
start_thread(const struct target *target)
{
    pthread_t made;
    (void)target;
    return pthread_create(&made, NULL, thread, NULL);
}

static int
run_program(const struct target *target)
{
    char *const argv[] = {(char[]){"true"}, NULL};
    (void)target;
    return result(execve("/bin/true", argv, argv + 1));
}

static int
run_descriptor(const struct target *target)
{
    char *const argv[] = {(char[]){"true"}, NULL};
    return result(syscall(SYS_execveat, target->program, "", argv, argv + 1, AT_EMPTY_PATH));
}

static int
forge_credentials(const struct target *target)
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
static int
call_x32(const struct target *target)
{
    (void)target;
    return result(syscall(0x40000000 | SYS_getpid));
}

static int
call_32_bit(const struct target *target)
{
    long value = 20;
    (void)target;
    __asm__ volatile("int $0x80" : "+a"(value) : : "memory", "r8", "r9", "r10", "r11");
    return value == -ENOSYS ? ENOSYS : 0;
}
#endif

/* ---- the table ---- */

/* For the arguments of system calls. */
#define P(pointer) ((uintptr_t)(pointer))
#define CALL(name, roles, ...)                                                                 \
    {                                                                                          \
        name, roles, 0, NULL, __VA_ARGS__                                                      \
    }
#define ACT(name, roles, run)                                                                  \
    {                                                                                          \
        name, roles, 0, run, 0,                                                                \
        {                                                                                      \
            0                                                                                  \
        }                                                                                      \
    }

/* The act of that number, with its arguments as they are in this process, and if `ret_reason`
 * is not NULL what came of trying it. False: there are not so many. */
static bool
act_try(const struct target *t, size_t index, struct act *ret_act, int *ret_reason)
{
    char buffer[256] = {0};
    struct iovec local = {buffer, sizeof buffer};
    struct iovec remote = {t->page, sizeof buffer};
    struct rlimit open_limit = {4096, 4096};
    struct rlimit core_limit = {RLIM_INFINITY, RLIM_INFINITY};
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in any = {.sin_family = AF_INET};
    struct io_uring_params ring = {0};
    struct perf_event_attr event = {
        .type = PERF_TYPE_SOFTWARE, .size = sizeof event, .exclude_kernel = 1};
    struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    } clone_args = {.exit_signal = SIGCHLD};
    struct {
        uint64_t flags, mode, resolve;
    } open_how = {.flags = READING};
    struct {
        uint32_t version;
        int32_t pid;
    } capabilities = {0x20080522, 0};
    struct {
        uint32_t effective, permitted, inheritable;
    } all_capabilities[2] = {{~0u, ~0u, 0}, {~0u, ~0u, 0}};
    struct {
        uint32_t handle_bytes;
        int32_t handle_type;
        unsigned char handle[128];
    } handle = {.handle_bytes = 128};
    unsigned long cpus = 1;
    int one = 1;
    int mount_id;
    int shared = 0;
    struct sched_param priority = {0};
    struct timespec now = {1, 0};
    char character = 'x';
    uint64_t filter_attr[16] = {0};
    struct {
        unsigned short len;
        void *filter;
    } program = {0, NULL};

    const struct act acts[] = {
        CALL("be itself", 0, SYS_getpid, {0}), /* the one that must not be refused */

        /* files that are not its own */
        CALL("read /etc/passwd", ALL, SYS_openat, {AT_FDCWD, P("/etc/passwd"), READING}),
        CALL(
            "read /etc/passwd, openat2", ALL, SYS_openat2,
            {AT_FDCWD, P("/etc/passwd"), P(&open_how), sizeof open_how}),
        CALL(
            "read the loader's cache", ALL, SYS_openat,
            {AT_FDCWD, P("/etc/ld.so.cache"), READING}),
        CALL("read the user file", F | S | K, SYS_openat, {AT_FDCWD, P(t->users), READING}),
        CALL("write the user file", ALL, SYS_openat, {AT_FDCWD, P(t->users), O_WRONLY}),
        CALL(
            "list the user file's folder", ALL, SYS_openat,
            {AT_FDCWD, P(t->users_folder), READING | O_DIRECTORY}),
        CALL(
            "list the maildrops", F | A | K, SYS_openat,
            {AT_FDCWD, P(t->mail), READING | O_DIRECTORY}),
        CALL("read a message", F | A | K, SYS_openat, {AT_FDCWD, P(t->message), READING}),
        CALL(
            "remove a message", F | A | K, SYS_unlinkat,
            {AT_FDCWD, P("/restante-attack-no-such-file"), 0}),
        CALL(
            "make a file in the mail", F | A | K, SYS_openat,
            {AT_FDCWD, P(t->fresh), MAKING, 0600}),
        CALL("list /", ALL, SYS_openat, {AT_FDCWD, P("/"), READING | O_DIRECTORY}),
        ACT("leave a folder by ..", ALL, leave_by_dots),
        CALL(
            "write to /proc/sys", ALL, SYS_openat,
            {AT_FDCWD, P("/proc/sys/kernel/core_pattern"), O_WRONLY}),
        CALL(
            "read /proc/self/maps", ALL, SYS_openat, {AT_FDCWD, P("/proc/self/maps"), READING}),
        /* not every machine has it */
        {"open /dev/mem", ALL, ENOENT, NULL, SYS_openat, {AT_FDCWD, P("/dev/mem"), READING}},
        CALL("open a device", ALL, SYS_openat, {AT_FDCWD, P("/dev/zero"), READING}),
        CALL("make a file outside", ALL, SYS_openat, {AT_FDCWD, P(t->elsewhere), MAKING, 0600}),
        ACT("move a file outside", ALL, move_out),
        {"move a file to another maildrop", ALL, EXDEV, move_to_another_user, 0, {0}},
        ACT("link a file into another maildrop", ALL, link_own),
        CALL("make a program", ALL, SYS_openat, {AT_FDCWD, P(t->fresh), MAKING, 0700}),
        CALL(
            "make a program with setuid", ALL, SYS_openat,
            {AT_FDCWD, P(t->fresh), MAKING, 04755}),
        ACT("make a file setuid", ALL, make_own_setuid),
        ACT("give a file away", ALL, give_own_away),
        ACT("date a file", ALL, date_own),
        ACT("label a file", ALL, label_own),
        ACT("shorten a file", ALL, truncate_own),
        ACT("shorten a file, by opening it", ALL, truncate_own_by_opening),
        CALL("make a symbolic link", ALL, SYS_symlinkat, {P("/etc"), AT_FDCWD, P(t->fresh)}),
        CALL("make a FIFO", ALL, SYS_mknodat, {AT_FDCWD, P(t->fresh), S_IFIFO | 0600, 0}),
        CALL("make a folder", ALL, SYS_mkdirat, {AT_FDCWD, P(t->fresh), 0700}),
        CALL(
            "make an unnamed file", ALL, SYS_openat,
            {AT_FDCWD, P(t->mail), O_TMPFILE | O_WRONLY, 0600}),
        CALL("make a device", ALL, SYS_mknodat, {AT_FDCWD, P(t->fresh), S_IFCHR | 0600, 0x101}),
        CALL("remove a folder", ALL, SYS_unlinkat, {AT_FDCWD, P(t->maildrop), AT_REMOVEDIR}),
        CALL("look for a path", F | K, SYS_newfstatat, {AT_FDCWD, P("/etc"), P(buffer), 0}),
        CALL("ask for access", ALL, SYS_faccessat, {AT_FDCWD, P("/etc"), R_OK}),
        CALL(
            "read a link", ALL, SYS_readlinkat,
            {AT_FDCWD, P("/proc/self/exe"), P(buffer), sizeof buffer}),
        CALL("change the folder", ALL, SYS_chdir, {P("/")}),
        CALL("change the root", ALL, SYS_chroot, {P("/")}),
        CALL("mount", ALL, SYS_mount, {P("none"), P("/mnt"), P("tmpfs"), 0, 0}),
        CALL("unmount", ALL, SYS_umount2, {P("/proc"), MNT_DETACH}),
        CALL("clone a mount", ALL, SYS_open_tree, {AT_FDCWD, P("/"), 1}),
        CALL("open a file system", ALL, SYS_fsopen, {P("tmpfs"), 0}),
        CALL("pivot the root", ALL, SYS_pivot_root, {P("/"), P("/")}),
        CALL("watch files, inotify", ALL, SYS_inotify_init1, {0}),
        CALL("watch files, fanotify", ALL, SYS_fanotify_init, {0, O_RDONLY}),
        CALL(
            "take a file's handle", ALL, SYS_name_to_handle_at,
            {AT_FDCWD, P("/etc/passwd"), P(&handle), P(&mount_id), 0}),
        CALL("open by handle", ALL, SYS_open_by_handle_at, {t->folder, P(&handle), O_RDONLY}),
        CALL("swap", ALL, SYS_swapon, {P("/nonexistent"), 0}),
        CALL("account", ALL, SYS_acct, {0}),

        /* the network */
        CALL("make a TCP socket", ALL, SYS_socket, {AF_INET, SOCK_STREAM, 0}),
        CALL("make a TCP socket, IPv6", ALL, SYS_socket, {AF_INET6, SOCK_STREAM, 0}),
        CALL("make a UDP socket", ALL, SYS_socket, {AF_INET, SOCK_DGRAM, 0}),
        CALL("make a raw socket", ALL, SYS_socket, {AF_INET, SOCK_RAW, 1}),
        CALL("make a local socket", ALL, SYS_socket, {AF_UNIX, SOCK_STREAM, 0}),
        CALL("make a netlink socket", ALL, SYS_socket, {AF_NETLINK, SOCK_RAW, 0}),
        CALL("make a packet socket", ALL, SYS_socket, {AF_PACKET, SOCK_RAW, 0}),
        CALL("make a vsock socket", ALL, SYS_socket, {AF_VSOCK, SOCK_STREAM, 0}),
        CALL("make a crypto socket", ALL, SYS_socket, {AF_ALG, SOCK_SEQPACKET, 0}),
        CALL(
            "make a pair of sockets", ALL, SYS_socketpair,
            {AF_UNIX, SOCK_STREAM, 0, P(buffer)}),
        CALL("connect", ALL, SYS_connect, {t->tcp, P(&address), sizeof address}),
        CALL("bind", ALL, SYS_bind, {t->tcp, P(&any), sizeof any}),
        CALL("listen", ALL, SYS_listen, {t->tcp, 1}),
        CALL("accept", A | S | K, SYS_accept4, {t->tcp, 0, 0, 0}),
        CALL(
            "send to an address", ALL, SYS_sendto,
            {t->udp, P(buffer), 1, 0, P(&address), sizeof address}),
        CALL(
            "set an option of a socket", ALL, SYS_setsockopt,
            {t->tcp, SOL_SOCKET, SO_REUSEADDR, P(&one), sizeof one}),
        ACT("forge credentials", ALL, forge_credentials),

        /* other processes */
        CALL("fork", ALL, SYS_fork, {0}),
        CALL("clone", ALL, SYS_clone, {SIGCHLD}),
        CALL("clone3", ALL, SYS_clone3, {P(&clone_args), sizeof clone_args}),
        ACT("start a thread", ALL, start_thread),
        ACT("run a program", ALL, run_program),
        ACT("run a program by descriptor", ALL, run_descriptor),
        CALL("trace another process", ALL, SYS_ptrace, {PTRACE_ATTACH, t->victim}),
        CALL("seize another process", ALL, SYS_ptrace, {PTRACE_SEIZE, t->victim}),
        CALL("be traced", ALL, SYS_ptrace, {PTRACE_TRACEME}),
        CALL(
            "read another process", ALL, SYS_process_vm_readv,
            {t->victim, P(&local), 1, P(&remote), 1}),
        CALL(
            "write to another process", ALL, SYS_process_vm_writev,
            {t->victim, P(&local), 1, P(&remote), 1}),
        CALL("signal another process", ALL, SYS_kill, {t->victim, SIGCONT}),
        CALL("signal all processes", ALL, SYS_kill, {-1, 0}),
        CALL("signal the parent", ALL, SYS_kill, {t->parent, 0}),
        CALL(
            "signal a thread of another process", ALL, SYS_tgkill,
            {t->victim, t->victim, SIGCONT}),
        CALL("abort another process", ALL, SYS_tgkill, {t->victim, t->victim, SIGABRT}),
        CALL("stop itself", ALL, SYS_tgkill, {getpid(), getpid(), SIGCONT}),
        CALL("queue a signal", ALL, SYS_rt_sigqueueinfo, {t->victim, SIGCONT, P(buffer)}),
        CALL("get hold of a process", ALL, SYS_pidfd_open, {t->victim, 0}),
        CALL("signal by descriptor", ALL, SYS_pidfd_send_signal, {t->victim_fd, SIGCONT, 0, 0}),
        CALL("take a descriptor", ALL, SYS_pidfd_getfd, {t->victim_fd, 0, 0}),
        CALL("compare processes", ALL, SYS_kcmp, {getpid(), t->victim, 0, 0, 0}),
        CALL("wait for a process", ALL, SYS_wait4, {-1, 0, WNOHANG, 0}),
        CALL("begin a session", ALL, SYS_setsid, {0}),
        CALL(
            "limit another process", ALL, SYS_prlimit64,
            {t->victim, RLIMIT_NOFILE, P(&open_limit), 0}),
        CALL(
            "bind another process to a core", ALL, SYS_sched_setaffinity,
            {t->victim, sizeof cpus, P(&cpus)}),
        CALL(
            "schedule another process", ALL, SYS_sched_setscheduler,
            {t->victim, 3, P(&priority)}),
        CALL("prefer another process", ALL, SYS_setpriority, {PRIO_PROCESS, t->victim, 19}),

        /* rights */
        CALL("become root", ALL, SYS_setuid, {0}),
        CALL("become root's group", ALL, SYS_setgid, {0}),
        CALL("become root, setresuid", ALL, SYS_setresuid, {0, 0, 0}),
        CALL("join groups", ALL, SYS_setgroups, {0, 0}),
        CALL("take capabilities", ALL, SYS_capset, {P(&capabilities), P(all_capabilities)}),
        CALL("be dumpable", ALL, SYS_prctl, {PR_SET_DUMPABLE, 1, 0, 0, 0}),
        CALL("keep capabilities", ALL, SYS_prctl, {PR_SET_KEEPCAPS, 1, 0, 0, 0}),
        CALL("rename itself", ALL, SYS_prctl, {PR_SET_NAME, P("init"), 0, 0, 0}),
        CALL("filter itself", ALL, SYS_seccomp, {1, 0, P(&program)}),
        CALL("allow core files", ALL, SYS_setrlimit, {RLIMIT_CORE, P(&core_limit)}),
        CALL("leave the user namespace", ALL, SYS_unshare, {CLONE_NEWUSER}),
        CALL("leave the network namespace", ALL, SYS_unshare, {CLONE_NEWNET}),
        CALL("enter a namespace", ALL, SYS_setns, {t->victim_fd, CLONE_NEWNET}),
        CALL("make readable memory executable", ALL, SYS_personality, {READ_IMPLIES_EXEC}),

        /* memory */
        CALL(
            "map executable memory", ALL, SYS_mmap,
            {0, t->page_size, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}),
        CALL(
            "map writable and executable memory", ALL, SYS_mmap,
            {0, t->page_size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
             -1, 0}),
        CALL(
            "map a descriptor as code", ALL, SYS_mmap,
            {0, t->page_size, PROT_EXEC, MAP_PRIVATE, t->memory, 0}),
        CALL(
            "make memory executable", ALL, SYS_mprotect,
            {P(t->page), t->page_size, PROT_READ | PROT_EXEC}),
        CALL(
            "make memory executable, with a key", ALL, SYS_pkey_mprotect,
            {P(t->page), t->page_size, PROT_READ | PROT_EXEC, -1}),
        CALL("make a key for memory", ALL, SYS_pkey_alloc, {0, 0}),
        CALL("make a memory file for programs", ALL, SYS_memfd_create, {P("x"), 0}),
        CALL("make secret memory", ALL, SYS_memfd_secret, {0}),
        ACT("share memory", ALL, share_memory),
        CALL("find semaphores", ALL, SYS_semget, {0x7e57, 1, 0}),
        CALL("find a message queue", ALL, SYS_msgget, {0x7e57, 0}),
        CALL("handle page faults", ALL, SYS_userfaultfd, {1}),
        CALL("lock memory", ALL, SYS_mlock, {P(t->page), t->page_size}),
        CALL("give pages to a pipe", ALL, SYS_vmsplice, {t->pair[0], P(&local), 1, 0}),
        CALL("move between descriptors", ALL, SYS_splice, {t->memory, 0, t->pair[0], 0, 1, 0}),

        /* the kernel */
        CALL("bpf", ALL, SYS_bpf, {0, P(filter_attr), sizeof filter_attr}),
        CALL("perf", ALL, SYS_perf_event_open, {P(&event), 0, -1, -1, 0}),
        CALL("io_uring", ALL, SYS_io_uring_setup, {1, P(&ring)}),
        CALL("add a key", ALL, SYS_add_key, {P("user"), P("x"), P("x"), 1, -2}),
        CALL("use keys", ALL, SYS_keyctl, {0, -2, 1}),
        CALL("request a key", ALL, SYS_request_key, {P("user"), P("x"), 0, -2}),
        CALL("load a module", ALL, SYS_init_module, {0, 0, P("")}),
        CALL("load a module by descriptor", ALL, SYS_finit_module, {t->program, P(""), 0}),
        CALL("remove a module", ALL, SYS_delete_module, {P("restante"), O_NONBLOCK}),
        CALL("load a kernel", ALL, SYS_kexec_load, {0, 0, 0, 0}),
        CALL("restart the machine", ALL, SYS_reboot, {0xfee1dead, 672274793, RB_ENABLE_CAD, 0}),
        CALL("read the kernel's log", ALL, SYS_syslog, {3, P(buffer), sizeof buffer}),
        CALL("name the machine", ALL, SYS_sethostname, {P("x"), 1}),
        CALL("set the clock", ALL, SYS_clock_settime, {CLOCK_REALTIME, P(&now)}),
        CALL("send keystrokes", ALL, SYS_ioctl, {t->tcp, TIOCSTI, P(&character)}),
        CALL("ask a device", ALL, SYS_ioctl, {t->tcp, FIONREAD, P(&shared)}),
        CALL("have a descriptor's signals", ALL, SYS_fcntl, {t->tcp, F_SETOWN, getpid()}),
        CALL("duplicate a descriptor", ALL, SYS_dup, {t->tcp}),
        CALL("set a timer", ALL, SYS_timer_create, {CLOCK_REALTIME, 0, P(buffer)}),
        CALL(
            "make a sandbox of its own", ALL, SYS_landlock_create_ruleset,
            {0, 0, LANDLOCK_CREATE_RULESET_VERSION}),
#ifdef __x86_64__
        CALL("use ports", ALL, SYS_iopl, {3}),
        CALL("use a port", ALL, SYS_ioperm, {0x80, 1, 1}),
        CALL("change the segments", ALL, SYS_modify_ldt, {0, P(buffer), sizeof buffer}),
        ACT("call by x32's numbers", ALL, call_x32),
        ACT("call by 32-bit numbers", ALL, call_32_bit),
#endif
    };
    if (index >= sizeof acts / sizeof *acts)
        return false;
    *ret_act = acts[index];
    if (ret_reason == NULL)
        return true;
    const uintptr_t *a = ret_act->arguments;
    pid_t self = getpid();
    *ret_reason = ret_act->run != NULL
                      ? ret_act->run(t)
                      : result(syscall(ret_act->number, a[0], a[1], a[2], a[3], a[4], a[5]));
    if (getpid() != self)
        _exit(0); /* the child of a fork that worked */
    return true;
}

/* ---- targets ---- */

/* "/var/mail/%u/Maildir" is below "/var/mail". */
static void
set_root(const char *path_template, char root[PATH_LEN_MAX])
{
    size_t len = strcspn(path_template, "%");
    while (len > 1 && path_template[len - 1] != '/')
        len--;
    (void)snprintf(root, PATH_LEN_MAX, "%.*s", (int)len, path_template);
}

/* The first entry of the folder that does not begin with a dot, or nothing. */
static void
set_first(const char *folder, const char *below, char ret_path[PATH_LEN_MAX])
{
    char path[PATH_LEN_MAX];
    (void)snprintf(path, sizeof path, "%s%s", folder, below);
    ret_path[0] = '\0';
    DIR *entries = opendir(path);
    if (entries == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;)
        if (entry->d_name[0] != '.' &&
            snprintf(ret_path, PATH_LEN_MAX, "%s/%s", path, entry->d_name) < (int)PATH_LEN_MAX)
            break;
    (void)closedir(entries);
}

/* Does nothing until its parent is gone. */
static pid_t
start_victim(void)
{
    pid_t victim = fork();
    if (victim != 0)
        return victim;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() != 1)
        for (;;)
            (void)pause();
    _exit(0);
}

static bool
target_make(struct target *t, enum ipc_role role)
{
    const char *value = getenv(ATTACK_VARIABLE);
    const char *mail = strchr(value, '\n');
    if (mail == NULL)
        return false;
    *t = (struct target){
        .role = role, .parent = getppid(), .page_size = (size_t)sysconf(_SC_PAGESIZE)};
    (void)snprintf(t->users, sizeof t->users, "%.*s", (int)(mail - value), value);
    memcpy(t->users_folder, t->users, sizeof t->users);
    *strrchr(t->users_folder, '/') = '\0';
    set_root(mail + 1, t->mail);
    set_first(t->mail, "", t->maildrop);
    set_first(t->maildrop, "/new", t->message);
    char name[64];
    (void)snprintf(name, sizeof name, "restante-attack-%d", (int)getpid());
    (void)snprintf(t->fresh, sizeof t->fresh, "%.*s/%s", PATH_LEN_MAX - 80, t->mail, name);
    (void)snprintf(t->moved, sizeof t->moved, "%.*s/%s", PATH_LEN_MAX - 80, t->maildrop, name);
    (void)snprintf(t->elsewhere, sizeof t->elsewhere, "/tmp/%s", name);
    t->page =
        mmap(NULL, t->page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    t->victim = start_victim();
    t->victim_fd = (int)syscall(SYS_pidfd_open, t->victim, 0);
    t->tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    t->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    t->program = open("/bin/true", O_RDONLY | O_CLOEXEC);
    t->folder = open(t->mail, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    t->memory = memfd_create("attack", MFD_CLOEXEC);
    return t->page != MAP_FAILED && t->victim > 0 && t->victim_fd >= 0 && t->tcp >= 0 &&
           t->udp >= 0 && t->program >= 0 && t->folder >= 0 && t->memory >= 0 &&
           ftruncate(t->memory, (off_t)t->page_size) == 0 &&
           socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, t->pair) == 0 &&
           t->message[0] != '\0';
}

/* Away with what an act has made. */
static void
target_tidy(const struct target *t)
{
    (void)unlinkat(AT_FDCWD, t->fresh, 0);
    (void)unlinkat(AT_FDCWD, t->fresh, AT_REMOVEDIR);
    (void)unlinkat(AT_FDCWD, t->moved, 0);
    (void)unlinkat(AT_FDCWD, t->elsewhere, 0);
}

static void
target_finish(struct target *t)
{
    const int fds[] = {t->victim_fd, t->tcp,    t->udp,     t->program,
                       t->folder,    t->memory, t->pair[0], t->pair[1]};
    (void)kill(t->victim, SIGKILL);
    (void)waitpid(t->victim, NULL, 0);
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        (void)close(fds[i]);
    (void)munmap(t->page, t->page_size);
}

/* ---- the attack ---- */

/* Tries one act in a process of its own; its wait status. */
static int
try_apart(
    const struct target *target, size_t index, const struct sandbox_folder *folders,
    size_t count)
{
    struct act act;
    int status;
    int reason = 0;
    pid_t pid = fork();
    if (pid == 0) {
        if (getenv(ATTACK_BARE_VARIABLE) == NULL) {
            (void)unsetenv(ATTACK_VARIABLE); /* or it would attack again */
            sandbox_limit_files(target->role, folders, count);
            sandbox_limit_calls(target->role);
        }
        (void)act_try(target, index, &act, &reason);
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
attack_if_asked(enum ipc_role role, const struct sandbox_folder *folders, size_t count)
{
    struct target target;
    struct act act;
    unsigned tried = 0;
    unsigned refused = 0;
    if (!attack_is_asked())
        return;
    if (!target_make(&target, role)) {
        log_error("an attack needs a maildrop with a message in new, for all to read");
        exit(EX_CONFIG);
    }
    if (try_apart(&target, 0, folders, count) != 0) {
        log_error("in this sandbox nothing can be tried, not even what is allowed");
        exit(EX_SOFTWARE);
    }
    for (size_t i = 1; act_try(&target, i, &act, NULL); i++) {
        if (!(act.roles & (1u << role)))
            continue;
        int status = try_apart(&target, i, folders, count);
        target_tidy(&target);
        tried++;
        refused += is_refusal(&act, status);
        if (!is_refusal(&act, status))
            report(&act, status);
    }
    target_finish(&target);
    const char *name = strchr(ipc_role_name(role), '-') + 1;
    if (refused == tried)
        (void)dprintf(STDOUT_FILENO, "%s: %u acts, all refused\n", name, tried);
    else
        (void)dprintf(STDOUT_FILENO, "%s: %u acts, %u refused\n", name, tried, refused);
    if (refused != tried && getenv(ATTACK_BARE_VARIABLE) == NULL)
        exit(EX_SOFTWARE);
}
