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
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

/* Who may make a call. */
enum {
    F = 1u << IPC_FRONT,
    A = 1u << IPC_AUTH,
    S = 1u << IPC_STORE,
    K = 1u << IPC_KEYS,
    ALL = F | A | S | K,
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
    {SCMP_SYS(memfd_create), S, 1, {IS(1, MFD_CLOEXEC | MFD_ALLOW_SEALING)}},
};

/* abort(), and no other signal to nobody else. */
static int
allow_abort(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp arguments[] = {IS(0, (scmp_datum_t)getpid()), IS(2, SIGABRT)};
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 2, arguments);
}

static int
allow(scmp_filter_ctx filter, enum ipc_role role)
{
    int result = allow_abort(filter);
    for (size_t i = 0; i < sizeof calls / sizeof *calls && result == 0; i++)
        if (calls[i].roles & (1u << role))
            result = seccomp_rule_add_array(
                filter, SCMP_ACT_ALLOW, calls[i].number, calls[i].argument_count,
                calls[i].arguments);
    return result;
}

static int
load(scmp_filter_ctx filter, enum ipc_role role)
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
        result = allow(filter, role);
    return result == 0 ? seccomp_load(filter) : result;
}

void
sandbox_limit_calls(enum ipc_role role)
{
    if (!SANDBOX_COMPLETE)
        return;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int result = filter != NULL ? load(filter, role) : -ENOMEM;
    if (result != 0) {
        log_error("cannot enter the sandbox (seccomp): %s", strerror(-result));
        exit(EX_OSERR);
    }
    seccomp_release(filter);
}
