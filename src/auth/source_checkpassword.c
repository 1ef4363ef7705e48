/*
 * checkpassword programs (cr.yp.to/checkpwd/interface.html): one is run for
 * each login. It reads name, password and time from descriptor 3, and if they
 * are right becomes the user and runs the program that it was given: ourselves
 * again, which tell on descriptor 4 who that is.
 */
#include "auth/source.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The descriptors of a program that was started. */
enum { ASK_FD = 3, REPLY_FD = 4, SELF_FD = 5, FIRST_FREE_FD = 10 };

/* Four texts, of which two are at most a name and a path. */
#define REPLY_MAX (PATH_LEN_MAX + 512u)

#define REPLY_ARGUMENT "--reply"

/* What the interface says of exit codes, and Dovecot's addition. */
enum { EXIT_WRONG = 1, EXIT_UNKNOWN = 3, EXIT_TEMPORARY = 111 };

struct source {
    const char *program;
    int self_fd; /* this program, for the other one to run */
};

static enum err_code
checkpassword_open(
    struct source **ret_source, const struct source_settings *settings, struct err *err)
{
    const char *program = settings->values[SOURCE_PROGRAM];
    if (program == NULL || access(program, X_OK) < 0)
        return err_set(
            err, ERR_INVALID, "program \"%s\" cannot be run: %s", program ? program : "",
            strerror(program ? errno : ENOENT));
    struct source *source = calloc(1, sizeof *source);
    if (source == NULL)
        return err_set(err, ERR_NOMEM, "opening a checkpassword program");
    source->program = program;
    CLEANUP(fd_closep) int low = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    source->self_fd = low >= 0 ? fcntl(low, F_DUPFD_CLOEXEC, FIRST_FREE_FD) : -1;
    if (source->self_fd < 0) {
        free(source);
        return err_set(err, ERR_SYSTEM, "cannot open this program");
    }
    *ret_source = source;
    return ERR_OK;
}

static void
checkpassword_close(struct source *source)
{
    if (source == NULL)
        return;
    (void)close(source->self_fd); /* it was only named */
    free(source);
}

/* ---- the other program's end ---- */

/* Dovecot's programs say what the user's ids are, if they do not take them on: EXTRA names the
 * variables. Here they need not be named. */
static void
print_id(const char *variable, unsigned long own)
{
    const char *told = getenv(variable);
    if (told != NULL)
        (void)dprintf(REPLY_FD, "%s%c", told, '\0');
    else
        (void)dprintf(REPLY_FD, "%lu%c", own, '\0');
}

static int
checkpassword_main(int argc, char **argv)
{
    const char *user = getenv("USER");
    const char *home = getenv("HOME");
    if (argc != 2 || strcmp(argv[1], REPLY_ARGUMENT) != 0)
        return EXIT_TEMPORARY;
    (void)dprintf(/* a reply that is not whole is none */
                  REPLY_FD, "%s%c%s%c", user ? user : "", '\0', home ? home : "", '\0');
    print_id("userdb_uid", getuid());
    print_id("userdb_gid", getgid());
    return EXIT_SUCCESS;
}

/* ---- our end ---- */

/* One run of the program. */
struct run {
    pid_t pid;
    int pid_fd;
    int reply_fd;
    char reply[REPLY_MAX];
    size_t reply_len;
};

/* Both ends above the numbers that the program gets its descriptors under. */
static bool
make_pipe(int ends[2])
{
    int low[2];
    if (pipe2(low, O_CLOEXEC) < 0)
        return false;
    for (size_t i = 0; i < 2; i++) {
        ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, FIRST_FREE_FD);
        (void)close(low[i]); /* it has another number now */
    }
    return ends[0] >= 0 && ends[1] >= 0;
}

/* "name NUL password NUL time NUL". It fits into a pipe that nobody reads from yet. */
static bool
write_question(int fd, const char *name, const struct secret *secret)
{
    char text[USER_NAME_MAX + PASSWORD_MAX + 32];
    int len = snprintf(
        text, sizeof text, "%s%c%s%c%lld%c", name, '\0', secret->data, '\0',
        (long long)time(NULL), '\0');
    bool ok = len > 0 && (size_t)len < sizeof text && write(fd, text, (size_t)len) == len;
    explicit_bzero(text, sizeof text);
    return ok;
}

/* In a group of its own, for killing all of it. */
static int
spawn(const struct source *source, int ask_fd, int reply_fd, char *host, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t piped;
    char self[32];
    char address[NETWORK_TEXT_MAX + 16];
    char program[PATH_LEN_MAX];
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", SELF_FD);
    (void)snprintf(address, sizeof address, "TCPREMOTEIP=%s", host);
    (void)snprintf(program, sizeof program, "%s", source->program);
    char *const argv[] = {program, self, (char[]){REPLY_ARGUMENT}, NULL};
    char *const environment[] = {
        (char[]){"PROTO=POP3"}, (char[]){"SERVICE=pop3"}, address,
        (char[]){"PATH=/usr/local/bin:/usr/bin:/bin"}, NULL};
    (void)sigemptyset(&piped);
    (void)sigaddset(&piped, SIGPIPE); /* ignored here, and not meant to be there */
    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    int result = posix_spawn_file_actions_adddup2(&actions, ask_fd, ASK_FD);
    if (result == 0)
        result = posix_spawn_file_actions_adddup2(&actions, reply_fd, REPLY_FD);
    if (result == 0)
        result = posix_spawn_file_actions_adddup2(&actions, source->self_fd, SELF_FD);
    (void)posix_spawnattr_setsigdefault(&attributes, &piped);
    (void)posix_spawnattr_setpgroup(&attributes, 0);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    if (result == 0)
        result =
            posix_spawn(ret_pid, source->program, &actions, &attributes, argv, environment);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    return result;
}

static void
read_reply(struct run *run)
{
    ssize_t n;
    while (run->reply_len < sizeof run->reply &&
           (n = read(
                run->reply_fd, run->reply + run->reply_len,
                sizeof run->reply - run->reply_len)) > 0)
        run->reply_len += (size_t)n;
}

/* Until it has ended; false: it did not in time and was killed, with all that it started. */
static bool
wait_for_end(struct run *run, int *ret_status)
{
    int64_t until_ms = clock_ms() + 1000 * SOURCE_SECONDS_MAX;
    struct pollfd ended = {.fd = run->pid_fd, .events = POLLIN};
    int ready;
    do {
        int64_t left_ms = until_ms - clock_ms();
        ready = left_ms > 0 ? poll(&ended, 1, (int)left_ms) : 0;
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0)
        (void)kill(-run->pid, SIGKILL);
    while (waitpid(run->pid, ret_status, 0) < 0 && errno == EINTR)
        continue;
    return ready > 0;
}

static enum err_code
start(
    const struct source *source, const struct secret *secret,
    const struct network_address *from, const char *name, struct run *run, struct err *err)
{
    CLEANUP(fd_closep) int ask = -1;
    CLEANUP(fd_closep) int replies = -1;
    int ends[2] = {-1, -1};
    char host[NETWORK_TEXT_MAX];
    network_address_text(from, host);
    bool ok = make_pipe(ends);
    CLEANUP(fd_closep) int ask_end = ends[1];
    ask = ends[0];
    ends[0] = ends[1] = -1;
    ok = ok && make_pipe(ends);
    run->reply_fd = ends[0];
    replies = ends[1];
    if (!ok || fcntl(run->reply_fd, F_SETFL, O_NONBLOCK) < 0 ||
        !write_question(ask_end, name, secret))
        return err_set(err, ERR_SYSTEM, "cannot make pipes");
    int result = spawn(source, ask, replies, host, &run->pid);
    if (result != 0) {
        errno = result;
        return err_set(err, ERR_SYSTEM, "cannot run \"%s\"", source->program);
    }
    run->pid_fd = (int)syscall(SYS_pidfd_open, run->pid, 0);
    if (run->pid_fd < 0) {
        (void)kill(-run->pid, SIGKILL);
        (void)waitpid(run->pid, NULL, 0);
        return err_set(err, ERR_SYSTEM, "cannot watch \"%s\"", source->program);
    }
    return ERR_OK;
}

static struct pop_view
take_text(struct pop_view *rest)
{
    const char *end = rest->len > 0 ? memchr(rest->data, '\0', rest->len) : NULL;
    struct pop_view text = {rest->data, end != NULL ? (size_t)(end - rest->data) : 0};
    pop_view_skip(rest, end != NULL ? text.len + 1 : rest->len);
    return text;
}

/* Name, home, uid, gid, each with its NUL. A program that stays who it is says nothing about
 * the user's ids. */
static enum err_code
take_reply(const struct run *run, struct auth_user *user, struct err *err)
{
    struct pop_view rest = {run->reply, run->reply_len};
    size_t nuls = 0;
    for (size_t i = 0; i < rest.len; i++)
        nuls += rest.data[i] == '\0';
    if (nuls != 4 || rest.data[rest.len - 1] != '\0')
        return err_set(err, ERR_PROTOCOL, "the program did not run what it was given to run");
    struct pop_view name = take_text(&rest);
    struct pop_view home = take_text(&rest);
    struct pop_view uid = take_text(&rest);
    struct pop_view gid = take_text(&rest);
    enum err_code code = name.len > 0 ? auth_user_set_name(user, name, err) : ERR_OK;
    if (code == ERR_OK)
        code = auth_user_set_home(user, home, err);
    if (code == ERR_OK)
        code = auth_user_set_ids(user, uid, gid, err);
    if (code == ERR_OK && user->uid == getuid()) {
        user->uid = AUTH_ID_NONE;
        user->gid = AUTH_ID_NONE;
    }
    return code;
}

static enum err_code
judge(
    const struct source *source, const struct run *run, int status, struct auth_user *user,
    struct err *err)
{
    if (WIFSIGNALED(status))
        return err_set(
            err, ERR_PROTOCOL, "\"%s\" was ended by signal %d", source->program,
            WTERMSIG(status));
    switch (WEXITSTATUS(status)) {
    case EXIT_SUCCESS:
        return take_reply(run, user, err);
    case EXIT_WRONG:
        return err_set(err, ERR_DENIED, "wrong");
    case EXIT_UNKNOWN:
        return err_set(err, ERR_NOT_FOUND, "unknown");
    default:
        return err_set(
            err, ERR_PROTOCOL, "\"%s\" ended with status %d", source->program,
            WEXITSTATUS(status));
    }
}

static enum err_code
checkpassword_verify(
    struct source *source, const struct secret *secret, const struct network_address *from,
    struct auth_user *user, struct err *err)
{
    struct run run = {.pid_fd = -1, .reply_fd = -1};
    int status = 0;
    enum err_code code = start(source, secret, from, user->name, &run, err);
    if (code == ERR_OK) {
        bool ended = wait_for_end(&run, &status);
        read_reply(&run);
        code = ended ? judge(source, &run, status, user, err)
                     : err_set(
                           err, ERR_PROTOCOL, "\"%s\" did not end in %d s: killed",
                           source->program, SOURCE_SECONDS_MAX);
    }
    fd_closep(&run.pid_fd);
    fd_closep(&run.reply_fd);
    return code;
}

const struct source_ops source_checkpassword = {
    .kind = SOURCE_CHECKPASSWORD,
    .open = checkpassword_open,
    .verify = checkpassword_verify,
    .other_main = checkpassword_main,
    .close = checkpassword_close,
};
