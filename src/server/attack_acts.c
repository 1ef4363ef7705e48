/*
 * What a role could try if it were taken over, in one table. It is made anew
 * for each act: arguments point to what lies beside it.
 */
#include "server/attack_act.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <linux/landlock.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    F = 1u << IPC_FRONT,
    A = 1u << IPC_AUTH,
    S = 1u << IPC_STORE,
    K = 1u << IPC_KEYS,
    N = 1u << IPC_SOURCE, /* a helper that asks over the network */
    ALL = F | A | S | K,
    EACH = ALL | N,
};

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

bool
attack_act(const struct target *t, size_t index, struct act *ret_act, int *ret_reason)
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
            "read /etc/passwd, openat2", EACH, SYS_openat2,
            {AT_FDCWD, P("/etc/passwd"), P(&open_how), sizeof open_how}),
        CALL(
            "read the loader's cache", ALL, SYS_openat,
            {AT_FDCWD, P("/etc/ld.so.cache"), READING}),
        CALL("read the user file", F | S | K, SYS_openat, {AT_FDCWD, P(t->users), READING}),
        CALL("write the user file", EACH, SYS_openat, {AT_FDCWD, P(t->users), O_WRONLY}),
        CALL(
            "list the user file's folder", EACH, SYS_openat,
            {AT_FDCWD, P(t->users_folder), READING | O_DIRECTORY}),
        CALL(
            "list the maildrops", F | A | K | N, SYS_openat,
            {AT_FDCWD, P(t->mail), READING | O_DIRECTORY}),
        CALL("read a message", F | A | K | N, SYS_openat, {AT_FDCWD, P(t->message), READING}),
        CALL(
            "remove a message", F | A | K | N, SYS_unlinkat,
            {AT_FDCWD, P("/restante-attack-no-such-file"), 0}),
        CALL(
            "make a file in the mail", F | A | K | N, SYS_openat,
            {AT_FDCWD, P(t->fresh), MAKING, 0600}),
        CALL("list /", EACH, SYS_openat, {AT_FDCWD, P("/"), READING | O_DIRECTORY}),
        ACT("leave a folder by ..", ALL, attack_leave_by_dots),
        CALL(
            "write to /proc/sys", EACH, SYS_openat,
            {AT_FDCWD, P("/proc/sys/kernel/core_pattern"), O_WRONLY}),
        CALL(
            "read /proc/self/maps", EACH, SYS_openat,
            {AT_FDCWD, P("/proc/self/maps"), READING}),
        /* not every machine has it */
        {"open /dev/mem", ALL, ENOENT, NULL, SYS_openat, {AT_FDCWD, P("/dev/mem"), READING}},
        CALL("open a device", EACH, SYS_openat, {AT_FDCWD, P("/dev/zero"), READING}),
        CALL(
            "make a file outside", EACH, SYS_openat, {AT_FDCWD, P(t->elsewhere), MAKING, 0600}),
        ACT("move a file outside", EACH, attack_move_out),
        {"move a file to another maildrop", ALL, EXDEV, attack_move_to_another_user, 0, {0}},
        ACT("link a file into another maildrop", EACH, attack_link_own),
        CALL("make a program", EACH, SYS_openat, {AT_FDCWD, P(t->fresh), MAKING, 0700}),
        CALL(
            "make a program with setuid", EACH, SYS_openat,
            {AT_FDCWD, P(t->fresh), MAKING, 04755}),
        ACT("make a file setuid", EACH, attack_make_own_setuid),
        ACT("give a file away", EACH, attack_give_own_away),
        ACT("date a file", EACH, attack_date_own),
        ACT("label a file", EACH, attack_label_own),
        ACT("shorten a file", EACH, attack_truncate_own),
        ACT("shorten a file, by opening it", EACH, attack_truncate_own_by_opening),
        CALL("make a symbolic link", EACH, SYS_symlinkat, {P("/etc"), AT_FDCWD, P(t->fresh)}),
        CALL("make a FIFO", EACH, SYS_mknodat, {AT_FDCWD, P(t->fresh), S_IFIFO | 0600, 0}),
        CALL("make a folder", EACH, SYS_mkdirat, {AT_FDCWD, P(t->fresh), 0700}),
        CALL(
            "make an unnamed file", EACH, SYS_openat,
            {AT_FDCWD, P(t->mail), O_TMPFILE | O_WRONLY, 0600}),
        CALL(
            "make a device", EACH, SYS_mknodat, {AT_FDCWD, P(t->fresh), S_IFCHR | 0600, 0x101}),
        CALL("remove a folder", EACH, SYS_unlinkat, {AT_FDCWD, P(t->maildrop), AT_REMOVEDIR}),
        CALL("look for a path", F | K, SYS_newfstatat, {AT_FDCWD, P("/etc"), P(buffer), 0}),
        CALL("ask for access", ALL, SYS_faccessat, {AT_FDCWD, P("/etc"), R_OK}),
        CALL(
            "read a link", ALL, SYS_readlinkat,
            {AT_FDCWD, P("/proc/self/exe"), P(buffer), sizeof buffer}),
        CALL("change the folder", EACH, SYS_chdir, {P("/")}),
        CALL("change the root", EACH, SYS_chroot, {P("/")}),
        CALL("mount", EACH, SYS_mount, {P("none"), P("/mnt"), P("tmpfs"), 0, 0}),
        CALL("unmount", EACH, SYS_umount2, {P("/proc"), MNT_DETACH}),
        CALL("clone a mount", EACH, SYS_open_tree, {AT_FDCWD, P("/"), 1}),
        CALL("open a file system", EACH, SYS_fsopen, {P("tmpfs"), 0}),
        CALL("pivot the root", EACH, SYS_pivot_root, {P("/"), P("/")}),
        CALL("watch files, inotify", EACH, SYS_inotify_init1, {0}),
        CALL("watch files, fanotify", EACH, SYS_fanotify_init, {0, O_RDONLY}),
        CALL(
            "take a file's handle", EACH, SYS_name_to_handle_at,
            {AT_FDCWD, P("/etc/passwd"), P(&handle), P(&mount_id), 0}),
        CALL("open by handle", EACH, SYS_open_by_handle_at, {t->folder, P(&handle), O_RDONLY}),
        CALL("swap", EACH, SYS_swapon, {P("/nonexistent"), 0}),
        CALL("account", EACH, SYS_acct, {0}),

        /* the network */
        CALL("make a TCP socket", ALL, SYS_socket, {AF_INET, SOCK_STREAM, 0}),
        CALL("make a TCP socket, IPv6", ALL, SYS_socket, {AF_INET6, SOCK_STREAM, 0}),
        CALL("make a UDP socket", ALL, SYS_socket, {AF_INET, SOCK_DGRAM, 0}),
        CALL("make a raw socket", EACH, SYS_socket, {AF_INET, SOCK_RAW, 1}),
        CALL("make a local socket", ALL, SYS_socket, {AF_UNIX, SOCK_STREAM, 0}),
        CALL("make a netlink socket", ALL, SYS_socket, {AF_NETLINK, SOCK_RAW, 0}),
        CALL("make a packet socket", EACH, SYS_socket, {AF_PACKET, SOCK_RAW, 0}),
        CALL("make a vsock socket", EACH, SYS_socket, {AF_VSOCK, SOCK_STREAM, 0}),
        CALL("make a crypto socket", EACH, SYS_socket, {AF_ALG, SOCK_SEQPACKET, 0}),
        CALL(
            "make a pair of sockets", ALL, SYS_socketpair,
            {AF_UNIX, SOCK_STREAM, 0, P(buffer)}),
        CALL("connect", ALL, SYS_connect, {t->tcp, P(&address), sizeof address}),
        CALL("bind", EACH, SYS_bind, {t->tcp, P(&any), sizeof any}),
        CALL("listen", EACH, SYS_listen, {t->tcp, 1}),
        CALL("accept", A | S | K, SYS_accept4, {t->tcp, 0, 0, 0}),
        CALL(
            "send to an address", ALL, SYS_sendto,
            {t->udp, P(buffer), 1, 0, P(&address), sizeof address}),
        CALL(
            "set an option of a socket", ALL, SYS_setsockopt,
            {t->tcp, SOL_SOCKET, SO_REUSEADDR, P(&one), sizeof one}),
        ACT("forge credentials", EACH, attack_forge_credentials),

        /* other processes */
        CALL("fork", EACH, SYS_fork, {0}),
        CALL("clone", EACH, SYS_clone, {SIGCHLD}),
        CALL("clone3", EACH, SYS_clone3, {P(&clone_args), sizeof clone_args}),
        ACT("start a thread", ALL, attack_start_thread),
        ACT("run a program", EACH, attack_run_program),
        ACT("run a program by descriptor", EACH, attack_run_descriptor),
        CALL("trace another process", EACH, SYS_ptrace, {PTRACE_ATTACH, t->victim}),
        CALL("seize another process", EACH, SYS_ptrace, {PTRACE_SEIZE, t->victim}),
        CALL("be traced", EACH, SYS_ptrace, {PTRACE_TRACEME}),
        CALL(
            "read another process", EACH, SYS_process_vm_readv,
            {t->victim, P(&local), 1, P(&remote), 1}),
        CALL(
            "write to another process", EACH, SYS_process_vm_writev,
            {t->victim, P(&local), 1, P(&remote), 1}),
        CALL("signal another process", EACH, SYS_kill, {t->victim, SIGCONT}),
        CALL("signal all processes", EACH, SYS_kill, {-1, 0}),
        CALL("signal the parent", EACH, SYS_kill, {t->parent, 0}),
        CALL(
            "signal a thread of another process", EACH, SYS_tgkill,
            {t->victim, t->victim, SIGCONT}),
        CALL("abort another process", EACH, SYS_tgkill, {t->victim, t->victim, SIGABRT}),
        CALL("stop itself", EACH, SYS_tgkill, {getpid(), getpid(), SIGCONT}),
        CALL("queue a signal", EACH, SYS_rt_sigqueueinfo, {t->victim, SIGCONT, P(buffer)}),
        CALL("get hold of a process", EACH, SYS_pidfd_open, {t->victim, 0}),
        CALL(
            "signal by descriptor", EACH, SYS_pidfd_send_signal, {t->victim_fd, SIGCONT, 0, 0}),
        CALL("take a descriptor", EACH, SYS_pidfd_getfd, {t->victim_fd, 0, 0}),
        CALL("compare processes", EACH, SYS_kcmp, {getpid(), t->victim, 0, 0, 0}),
        CALL("wait for a process", EACH, SYS_wait4, {-1, 0, WNOHANG, 0}),
        CALL("begin a session", EACH, SYS_setsid, {0}),
        CALL(
            "limit another process", EACH, SYS_prlimit64,
            {t->victim, RLIMIT_NOFILE, P(&open_limit), 0}),
        CALL(
            "bind another process to a core", EACH, SYS_sched_setaffinity,
            {t->victim, sizeof cpus, P(&cpus)}),
        CALL(
            "schedule another process", EACH, SYS_sched_setscheduler,
            {t->victim, 3, P(&priority)}),
        CALL("prefer another process", EACH, SYS_setpriority, {PRIO_PROCESS, t->victim, 19}),

        /* rights */
        CALL("become root", EACH, SYS_setuid, {0}),
        CALL("become root's group", EACH, SYS_setgid, {0}),
        CALL("become root, setresuid", EACH, SYS_setresuid, {0, 0, 0}),
        CALL("join groups", EACH, SYS_setgroups, {0, 0}),
        CALL("take capabilities", EACH, SYS_capset, {P(&capabilities), P(all_capabilities)}),
        CALL("be dumpable", EACH, SYS_prctl, {PR_SET_DUMPABLE, 1, 0, 0, 0}),
        CALL("keep capabilities", EACH, SYS_prctl, {PR_SET_KEEPCAPS, 1, 0, 0, 0}),
        CALL("rename itself", EACH, SYS_prctl, {PR_SET_NAME, P("init"), 0, 0, 0}),
        CALL("filter itself", EACH, SYS_seccomp, {1, 0, P(&program)}),
        CALL("allow core files", EACH, SYS_setrlimit, {RLIMIT_CORE, P(&core_limit)}),
        CALL("leave the user namespace", EACH, SYS_unshare, {CLONE_NEWUSER}),
        CALL("leave the network namespace", EACH, SYS_unshare, {CLONE_NEWNET}),
        CALL("enter a namespace", EACH, SYS_setns, {t->victim_fd, CLONE_NEWNET}),
        CALL("make readable memory executable", EACH, SYS_personality, {READ_IMPLIES_EXEC}),

        /* memory */
        CALL(
            "map executable memory", EACH, SYS_mmap,
            {0, t->page_size, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}),
        CALL(
            "map writable and executable memory", EACH, SYS_mmap,
            {0, t->page_size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
             -1, 0}),
        CALL(
            "map a descriptor as code", EACH, SYS_mmap,
            {0, t->page_size, PROT_EXEC, MAP_PRIVATE, t->memory, 0}),
        CALL(
            "make memory executable", EACH, SYS_mprotect,
            {P(t->page), t->page_size, PROT_READ | PROT_EXEC}),
        CALL(
            "make memory executable, with a key", EACH, SYS_pkey_mprotect,
            {P(t->page), t->page_size, PROT_READ | PROT_EXEC, -1}),
        CALL("make a key for memory", EACH, SYS_pkey_alloc, {0, 0}),
        CALL("make a memory file for programs", EACH, SYS_memfd_create, {P("x"), 0}),
        CALL("make secret memory", EACH, SYS_memfd_secret, {0}),
        ACT("share memory", EACH, attack_share_memory),
        CALL("find semaphores", EACH, SYS_semget, {0x7e57, 1, 0}),
        CALL("find a message queue", EACH, SYS_msgget, {0x7e57, 0}),
        CALL("handle page faults", EACH, SYS_userfaultfd, {1}),
        CALL("lock memory", EACH, SYS_mlock, {P(t->page), t->page_size}),
        CALL("give pages to a pipe", EACH, SYS_vmsplice, {t->pair[0], P(&local), 1, 0}),
        CALL("move between descriptors", EACH, SYS_splice, {t->memory, 0, t->pair[0], 0, 1, 0}),

        /* the kernel */
        CALL("bpf", EACH, SYS_bpf, {0, P(filter_attr), sizeof filter_attr}),
        CALL("perf", EACH, SYS_perf_event_open, {P(&event), 0, -1, -1, 0}),
        CALL("io_uring", EACH, SYS_io_uring_setup, {1, P(&ring)}),
        CALL("add a key", EACH, SYS_add_key, {P("user"), P("x"), P("x"), 1, -2}),
        CALL("use keys", EACH, SYS_keyctl, {0, -2, 1}),
        CALL("request a key", EACH, SYS_request_key, {P("user"), P("x"), 0, -2}),
        CALL("load a module", EACH, SYS_init_module, {0, 0, P("")}),
        CALL("load a module by descriptor", EACH, SYS_finit_module, {t->program, P(""), 0}),
        CALL("remove a module", EACH, SYS_delete_module, {P("restante"), O_NONBLOCK}),
        CALL("load a kernel", EACH, SYS_kexec_load, {0, 0, 0, 0}),
        CALL(
            "restart the machine", EACH, SYS_reboot, {0xfee1dead, 672274793, RB_ENABLE_CAD, 0}),
        CALL("read the kernel's log", EACH, SYS_syslog, {3, P(buffer), sizeof buffer}),
        CALL("name the machine", EACH, SYS_sethostname, {P("x"), 1}),
        CALL("set the clock", EACH, SYS_clock_settime, {CLOCK_REALTIME, P(&now)}),
        CALL("send keystrokes", EACH, SYS_ioctl, {t->tcp, TIOCSTI, P(&character)}),
        CALL("ask a device", ALL, SYS_ioctl, {t->tcp, FIONREAD, P(&shared)}),
        CALL("have a descriptor's signals", EACH, SYS_fcntl, {t->tcp, F_SETOWN, getpid()}),
        CALL("duplicate a descriptor", EACH, SYS_dup, {t->tcp}),
        CALL("set a timer", EACH, SYS_timer_create, {CLOCK_REALTIME, 0, P(buffer)}),
        CALL(
            "make a sandbox of its own", EACH, SYS_landlock_create_ruleset,
            {0, 0, LANDLOCK_CREATE_RULESET_VERSION}),
#ifdef __x86_64__
        CALL("use ports", EACH, SYS_iopl, {3}),
        CALL("use a port", EACH, SYS_ioperm, {0x80, 1, 1}),
        CALL("change the segments", EACH, SYS_modify_ldt, {0, P(buffer), sizeof buffer}),
        ACT("call by x32's numbers", EACH, attack_call_x32),
        ACT("call by 32-bit numbers", EACH, attack_call_32_bit),
#endif
    };
    if (index >= sizeof acts / sizeof *acts)
        return false;
    *ret_act = acts[index];
    if (ret_reason == NULL)
        return true;
    const uintptr_t *a = ret_act->arguments;
    pid_t self = getpid();
    *ret_reason =
        ret_act->run != NULL
            ? ret_act->run(t)
            : (syscall(ret_act->number, a[0], a[1], a[2], a[3], a[4], a[5]) < 0 ? errno : 0);
    if (getpid() != self)
        _exit(0); /* the child of a fork that worked */
    return true;
}
