/*
 * seccomp: the system calls that each role may make, and nothing else. What is
 * not in the table kills the process at once (SIGSYS, which the parent logs): a
 * role that asks for something else is not itself any more, and a call that was
 * forgotten here shows in the first test.
 */
#include "base/check.h"
#include "base/log.h"
#include "server/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

/* Who may make a call. */
enum {
    F = 1u << IPC_FRONT,
    A = 1u << IPC_AUTH,
    S = 1u << IPC_STORE,
    K = 1u << IPC_KEYS,
    N = 1u << IPC_SOURCE, /* those of auth's helpers that ask over the network */
    ALL = F | A | S | K | N,
};

/* Arguments, counted from 0. Those of type int leave the upper half of a register open. */
#define IS(argument, value)                                                                    \
    {                                                                                          \
        argument, SCMP_CMP_MASKED_EQ, 0xFFFFFFFFu, value                                       \
    }
#define HAS_NONE(argument, bits)                                                               \
    {                                                                                          \
        argument, SCMP_CMP_MASKED_EQ, bits, 0                                                  \
    }
#define HAS(argument, bits, of_bits)                                                           \
    {                                                                                          \
        argument, SCMP_CMP_MASKED_EQ, of_bits, bits                                            \
    }
#define IS_NULL(argument)                                                                      \
    {                                                                                          \
        argument, SCMP_CMP_EQ, 0, 0                                                            \
    }

struct call {
    int number;
    unsigned roles;
    unsigned argument_count;
    struct scmp_arg_cmp arguments[2]; /* all must hold; another row may allow more */
};

/* A file that is made anew; __O_TMPFILE is O_TMPFILE without O_DIRECTORY. */
#define MAKES (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))

static const struct call calls[] = {
    /* Memory, never executable. */
    {SCMP_SYS(brk), ALL, 0, {{0}}},
    {SCMP_SYS(mmap), ALL, 1, {HAS_NONE(2, PROT_EXEC)}},
    {SCMP_SYS(mprotect), ALL, 1, {HAS_NONE(2, PROT_EXEC)}},
    {SCMP_SYS(mremap), ALL, 0, {{0}}},
    {SCMP_SYS(munmap), ALL, 0, {{0}}},
    {SCMP_SYS(madvise), ALL, 0, {{0}}},

    /* The process itself: time, chance, its own number, and its end. */
    {SCMP_SYS(clock_gettime), ALL, 0, {{0}}}, /* where there is no vDSO */
    {SCMP_SYS(gettimeofday), ALL, 0, {{0}}},
    {SCMP_SYS(time), ALL, 0, {{0}}},
    {SCMP_SYS(getrandom), ALL, 0, {{0}}},
    {SCMP_SYS(getpid), ALL, 0, {{0}}},
    {SCMP_SYS(gettid), ALL, 0, {{0}}},
    {SCMP_SYS(sysinfo), ALL, 0, {{0}}}, /* qsort() asks how much memory there is */
    {SCMP_SYS(futex), ALL, 0, {{0}}},
    {SCMP_SYS(restart_syscall), ALL, 0, {{0}}}, /* after SIGSTOP and SIGCONT */
    {SCMP_SYS(exit_group), ALL, 0, {{0}}},
    {SCMP_SYS(rt_sigaction), ALL, 0, {{0}}}, /* abort() */
    {SCMP_SYS(rt_sigprocmask), ALL, 0, {{0}}},
    {SCMP_SYS(rt_sigreturn), ALL, 0, {{0}}},
    {SCMP_SYS(writev), ALL, 1, {IS(0, STDERR_FILENO)}}, /* glibc's last words */
    /* tgkill: abort() too; see allow_abort() */

    /* Threads were started before: what they do on their first steps and for their heaps. */
    {SCMP_SYS(set_robust_list), A | S, 0, {{0}}},
    {SCMP_SYS(rseq), A | S, 0, {{0}}},
    {SCMP_SYS(sched_getaffinity), A | S, 1, {IS(0, 0)}},

    /* Descriptors that are there. Without an address nothing can be sent to a stranger. */
    {SCMP_SYS(read), ALL, 0, {{0}}},
    {SCMP_SYS(write), ALL, 0, {{0}}},
    {SCMP_SYS(close), ALL, 0, {{0}}},
    {SCMP_SYS(recvmsg), ALL, 0, {{0}}},
    {SCMP_SYS(sendmsg), ALL, 0, {{0}}},
    {SCMP_SYS(poll), ALL, 0, {{0}}},
    {SCMP_SYS(ppoll), ALL, 0, {{0}}}, /* poll() where a newer machine has only this */
    {SCMP_SYS(epoll_ctl), ALL, 0, {{0}}},
    {SCMP_SYS(epoll_wait), ALL, 0, {{0}}},
    {SCMP_SYS(epoll_pwait), ALL, 0, {{0}}},
    {SCMP_SYS(shutdown), F | A | S, 0, {{0}}},
    {SCMP_SYS(pread64), F | S | K, 0, {{0}}}, /* messages, certificates, keys */

    /* Front: clients come, the snapshot is sealed. */
    {SCMP_SYS(accept4), F, 0, {{0}}},
    {SCMP_SYS(recvfrom), F | S, 1, {IS_NULL(4)}},
    {SCMP_SYS(sendto), F, 1, {IS_NULL(4)}},
    {SCMP_SYS(fcntl), F, 1, {IS(1, F_GET_SEALS)}},

    /* Auth: its user files. Landlock says where; stat() it does not cover. */
    {SCMP_SYS(openat), A, 1, {IS(2, O_RDONLY | O_NONBLOCK | O_CLOEXEC)}},
    {SCMP_SYS(newfstatat), A | S, 0, {{0}}},
    {SCMP_SYS(fstat), A | S, 0, {{0}}},

    /* Store: maildrops. What it makes is for itself alone, and cannot be executed. */
    {SCMP_SYS(openat), S, 1, {HAS_NONE(2, MAKES)}},
    {SCMP_SYS(openat), S, 2, {HAS(2, O_CREAT, MAKES), IS(3, 0600)}},
    {SCMP_SYS(getdents64), S, 0, {{0}}},
    {SCMP_SYS(lseek), S, 0, {{0}}},
    {SCMP_SYS(unlinkat), S, 1, {IS(2, 0)}}, /* no folders */
    {SCMP_SYS(renameat), S, 0, {{0}}},
    {SCMP_SYS(renameat2), S, 1, {IS(4, 0)}},
    {SCMP_SYS(fsync), S, 0, {{0}}},
    {SCMP_SYS(flock), S, 0, {{0}}},
    {SCMP_SYS(fcntl), S, 1, {IS(1, F_OFD_SETLK)}},
    {SCMP_SYS(fcntl), S, 1, {IS(1, F_ADD_SEALS)}},
    /* A helper: its libraries look things up in files, ask servers, start threads of their own
     * (to resolve names). Landlock says which files, and that nothing is listened on. */
    {SCMP_SYS(openat), N, 1, {HAS_NONE(2, O_WRONLY | O_RDWR | MAKES)}},
    {SCMP_SYS(newfstatat), N, 0, {{0}}},
    {SCMP_SYS(fstat), N, 0, {{0}}},
    {SCMP_SYS(statx), N, 0, {{0}}},
    {SCMP_SYS(statfs), N, 0, {{0}}},
    {SCMP_SYS(fstatfs), N, 0, {{0}}},
    {SCMP_SYS(access), N, 0, {{0}}},
    {SCMP_SYS(faccessat), N, 0, {{0}}},
    {SCMP_SYS(faccessat2), N, 0, {{0}}},
    {SCMP_SYS(readlink), N, 0, {{0}}},
    {SCMP_SYS(readlinkat), N, 0, {{0}}},
    {SCMP_SYS(getcwd), N, 0, {{0}}},
    {SCMP_SYS(getdents64), N, 0, {{0}}},
    {SCMP_SYS(lseek), N, 0, {{0}}},
    {SCMP_SYS(pread64), N, 0, {{0}}},
    {SCMP_SYS(readv), N, 0, {{0}}},
    {SCMP_SYS(writev), N, 0, {{0}}},
    {SCMP_SYS(fcntl), N, 1, {IS(1, F_GETFD)}},
    {SCMP_SYS(fcntl), N, 1, {IS(1, F_SETFD)}},
    {SCMP_SYS(fcntl), N, 1, {IS(1, F_GETFL)}},
    {SCMP_SYS(fcntl), N, 1, {IS(1, F_SETFL)}},
    {SCMP_SYS(fcntl), N, 1, {IS(1, F_DUPFD_CLOEXEC)}},
    {SCMP_SYS(fcntl), N, 1, {IS(1, F_GETLK)}}, /* SQLite's */
    {SCMP_SYS(fcntl), N, 1, {IS(1, F_SETLK)}},
    {SCMP_SYS(ioctl), N, 1, {IS(1, FIONREAD)}},
    {SCMP_SYS(ioctl), N, 1, {IS(1, FIONBIO)}},
    {SCMP_SYS(select), N, 0, {{0}}},
    {SCMP_SYS(pselect6), N, 0, {{0}}},
    {SCMP_SYS(epoll_create1), N, 0, {{0}}},
    {SCMP_SYS(eventfd2), N, 0, {{0}}},
    {SCMP_SYS(pipe2), N, 0, {{0}}},
    {SCMP_SYS(socketpair), N, 0, {{0}}},
    {SCMP_SYS(socket), N, 1, {IS(0, AF_UNIX)}},
    {SCMP_SYS(socket), N, 1, {IS(0, AF_INET)}},
    {SCMP_SYS(socket), N, 1, {IS(0, AF_INET6)}},
    {SCMP_SYS(socket), N, 2, {IS(0, AF_NETLINK), IS(2, NETLINK_ROUTE)}}, /* its addresses */
    {SCMP_SYS(bind), N, 0, {{0}}},
    {SCMP_SYS(connect), N, 0, {{0}}},
    {SCMP_SYS(shutdown), N, 0, {{0}}},
    {SCMP_SYS(getsockname), N, 0, {{0}}},
    {SCMP_SYS(getpeername), N, 0, {{0}}},
    {SCMP_SYS(getsockopt), N, 0, {{0}}},
    {SCMP_SYS(setsockopt), N, 0, {{0}}},
    {SCMP_SYS(sendto), N, 0, {{0}}},
    {SCMP_SYS(recvfrom), N, 0, {{0}}},
    {SCMP_SYS(sendmmsg), N, 0, {{0}}},
    {SCMP_SYS(recvmmsg), N, 0, {{0}}},
    {SCMP_SYS(getuid), N, 0, {{0}}},
    {SCMP_SYS(geteuid), N, 0, {{0}}},
    {SCMP_SYS(getgid), N, 0, {{0}}},
    {SCMP_SYS(getegid), N, 0, {{0}}},
    {SCMP_SYS(getppid), N, 0, {{0}}},
    {SCMP_SYS(uname), N, 0, {{0}}},
    {SCMP_SYS(clock_getres), N, 0, {{0}}},
    {SCMP_SYS(clock_nanosleep), N, 0, {{0}}},
    {SCMP_SYS(nanosleep), N, 0, {{0}}},
    {SCMP_SYS(alarm), N, 0, {{0}}},
    {SCMP_SYS(set_robust_list), N, 0, {{0}}},
    {SCMP_SYS(rseq), N, 0, {{0}}},
    {SCMP_SYS(sched_getaffinity), N, 0, {{0}}},
    {SCMP_SYS(sched_yield), N, 0, {{0}}},
    {SCMP_SYS(sigaltstack), N, 0, {{0}}},
    {SCMP_SYS(exit), N, 0, {{0}}},
    {SCMP_SYS(clone), N, 1, {HAS(0, CLONE_THREAD, CLONE_THREAD)}},

    {SCMP_SYS(memfd_create), S, 1, {IS(1, MFD_CLOEXEC | MFD_ALLOW_SEALING)}},
};

/* What other people's code never needs here, and what has opened systems before. */
static const int denied[] = {
    SCMP_SYS(acct),
    SCMP_SYS(add_key),
    SCMP_SYS(adjtimex),
    SCMP_SYS(bpf),
    SCMP_SYS(chroot),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(clock_settime),
    SCMP_SYS(delete_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount),
    SCMP_SYS(fsopen),
    SCMP_SYS(init_module),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(ioperm),
    SCMP_SYS(iopl),
    SCMP_SYS(kcmp),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(kexec_load),
    SCMP_SYS(keyctl),
    SCMP_SYS(mount),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(move_mount),
    SCMP_SYS(name_to_handle_at),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(open_tree),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(pivot_root),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(ptrace),
    SCMP_SYS(quotactl),
    SCMP_SYS(reboot),
    SCMP_SYS(request_key),
    SCMP_SYS(setdomainname),
    SCMP_SYS(sethostname),
    SCMP_SYS(setns),
    SCMP_SYS(settimeofday),
    SCMP_SYS(swapoff),
    SCMP_SYS(swapon),
    SCMP_SYS(syslog),
    SCMP_SYS(umount2),
    SCMP_SYS(unshare),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(vhangup),
};

/* abort(), and no other signal to nobody else. */
static int
allow_abort(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp arguments[] = {IS(0, (scmp_datum_t)getpid()), IS(2, SIGABRT)};
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 2, arguments);
}

static int
allow_listed(scmp_filter_ctx filter, unsigned role)
{
    int result = allow_abort(filter);
    for (size_t i = 0; i < sizeof calls / sizeof *calls && result == 0; i++)
        if (calls[i].roles & (1u << role))
            result = seccomp_rule_add_array(
                filter, SCMP_ACT_ALLOW, calls[i].number, calls[i].argument_count,
                calls[i].arguments);
    /* No arguments can be looked at in it: the C library goes back to clone(). */
    if (result == 0 && role == IPC_SOURCE)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return result;
}

static int
deny_listed(scmp_filter_ctx filter, unsigned role)
{
    int result = 0;
    (void)role;
    for (size_t i = 0; i < sizeof denied / sizeof *denied && result == 0; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), denied[i], 0);
    return result;
}

typedef int add_rules(scmp_filter_ctx filter, unsigned role);

static int
load(scmp_filter_ctx filter, add_rules *add, enum ipc_role role)
{
    static const struct {
        enum scmp_filter_attr attribute;
        uint32_t value;
    } settings[] = {
        /* Of another architecture's numbers, by which calls can be smuggled past a filter. */
        {SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS},
        {SCMP_FLTATR_CTL_TSYNC, 1},    /* all threads */
        {SCMP_FLTATR_CTL_OPTIMIZE, 2}, /* a binary tree */
    };
    int result = 0;
    for (size_t i = 0; i < sizeof settings / sizeof *settings && result == 0; i++)
        result = seccomp_attr_set(filter, settings[i].attribute, settings[i].value);
    if (result == 0)
        result = add(filter, role);
    return result == 0 ? seccomp_load(filter) : result;
}

static void
enter(uint32_t otherwise, add_rules *add, enum ipc_role role)
{
    if (!SANDBOX_COMPLETE)
        return;
    scmp_filter_ctx filter = seccomp_init(otherwise);
    int result = filter != NULL ? load(filter, add, role) : -ENOMEM;
    if (result != 0) {
        log_error("cannot enter the sandbox (seccomp): %s", strerror(-result));
        exit(EX_OSERR);
    }
    seccomp_release(filter);
}

/* The libraries of a helper try this and that, and do without what they are refused. */
void
sandbox_limit_calls(enum ipc_role role)
{
    enter(
        role == IPC_SOURCE ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_KILL_PROCESS, allow_listed, role);
}

void
sandbox_deny_calls(void)
{
    enter(SCMP_ACT_ALLOW, deny_listed, IPC_SOURCE);
}
