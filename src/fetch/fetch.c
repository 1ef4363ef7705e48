/* One run: everything that can be refused is refused before the first connection, and before
 * the password is asked for. */
#include "fetch/fetch.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "fetch/account_lock.h"
#include "fetch/connect.h"
#include "fetch/password.h"
#include "fetch/task.h"

#include <limits.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

struct run {
    struct fetch_settings *settings;
    struct report report;
    struct loop loop;
    struct loop_source signals; /* a signalfd: SIGINT and SIGTERM */
    struct addrinfo *addresses;
    struct tls_client *tls; /* NULL: plain text */
    struct journal *journal;
    struct delivery *delivery;
    int lock_fd; /* of the account in the Maildir */
    struct task task;
};

/* Signals become something the loop and the prompt can wait for. */
static enum err_code
catch_signals(int *ret_fd, struct err *err)
{
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    sigset_t blocked = signals;
    (void)sigaddset(
        &blocked, SIGPIPE); /* OpenSSL writes to closed connections: it is an error */
    if (sigprocmask(SIG_BLOCK, &blocked, NULL) != 0)
        return err_set(err, ERR_SYSTEM, "cannot block signals");
    int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "cannot watch for signals");
    *ret_fd = fd;
    return ERR_OK;
}

static void
on_signal(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct run *run = LOOP_OWNER(source, struct run, signals);
    struct signalfd_siginfo info;
    (void)!read(source->fd, &info, sizeof info); /* which one does not matter */
    task_stop(&run->task, "interrupted; what is complete is kept");
}

/* The host: known, and how to speak with it. */
static bool
prepare_host(struct run *run)
{
    struct err err;
    struct account *account = &run->settings->account;
    if (connect_resolve(&account->url, &run->addresses, &err) != ERR_OK) {
        report_fail(&run->report, EX_UNAVAILABLE, "%s", err.text);
        return false;
    }
    account->tls = connect_protection(account->tls, run->addresses);
    if (account->tls == ACCOUNT_TLS_OFF && !connect_stays_here(run->addresses))
        report_warn(
            &run->report, EX_OK,
            "%s: without TLS everybody on the way can read the password and the mail, and "
            "change both",
            account->label);
    return true;
}

/* Whom to believe. */
static bool
prepare_tls(struct run *run)
{
    struct err err;
    const struct account *account = &run->settings->account;
    if (account->tls == ACCOUNT_TLS_OFF ||
        tls_client_new(&run->tls, account->ca, account->pins, account->pin_count, &err) ==
            ERR_OK)
        return true;
    report_fail(
        &run->report, err.code == ERR_NOMEM ? EX_TEMPFAIL : EX_CONFIG, "%s: %s%s",
        account->label, account->ca != NULL ? "--ca: " : "", err.text);
    return false;
}

/* The Maildir, its real path, by which the journal knows it, and the account's lock in it. */
static enum err_code
prepare_maildir(struct run *run, struct err *err)
{
    struct account *account = &run->settings->account;
    enum err_code code = delivery_new(&run->delivery, account->maildir, err);
    if (code != ERR_OK)
        return code;
    CLEANUP(free_p) char *path = realpath(account->maildir, NULL);
    if (path == NULL)
        return err_set(err, ERR_SYSTEM, "cannot find the path of '%s'", account->maildir);
    if (strlen(path) >= sizeof account->maildir)
        return err_set(err, ERR_LIMIT, "the path of the Maildir is too long");
    memcpy(account->maildir, path, strlen(path) + 1);
    char storage[ACCOUNT_IDENTITY_MAX];
    return account_lock(path, account_identity(account, storage), &run->lock_fd, err);
}

/* The journal, and the account's lock. */
static enum err_code
prepare_journal(struct run *run, struct err *err)
{
    const struct account *account = &run->settings->account;
    char default_path[PATH_LEN_MAX];
    char destination[PATH_LEN_MAX + 8];
    char storage[ACCOUNT_IDENTITY_MAX];
    const char *path = run->settings->state;
    enum err_code code = ERR_OK;
    if (path == NULL)
        code = journal_default_path(default_path, err);
    if (code == ERR_OK)
        code = journal_open(&run->journal, path != NULL ? path : default_path, err);

    (void)snprintf(destination, sizeof destination, "maildir:%s", account->maildir);
    int64_t *id = &run->task.account_id;
    if (code == ERR_OK)
        code = journal_account(
            run->journal, account_identity(account, storage), destination, id, err);
    if (code == ERR_OK)
        code = journal_lock(run->journal, *id, err);
    if (code == ERR_OK)
        code = delivery_start(run->delivery, run->journal, *id, err);
    return code;
}

/* The password or the token. */
static enum err_code
get_secret(struct run *run, struct err *err)
{
    struct account *account = &run->settings->account;
    const char *token_command = run->settings->token_command;
    if (token_command != NULL)
        return token_get(&account->token, token_command, run->signals.fd, err);
    enum err_code code = password_get(
        &account->password, run->settings->password_command, account->label, run->signals.fd,
        err);
    return code == ERR_OK ? account_check_password(account, err) : code;
}

static bool
prepare_secret(struct run *run)
{
    struct err err;
    enum err_code code = get_secret(run, &err);
    if (code == ERR_OK)
        return true;
    report_fail(
        &run->report, code == ERR_CLOSED ? EX_TEMPFAIL : EX_CONFIG, "%s: %s",
        run->settings->account.label, err.text);
    return false;
}

static bool
prepare(struct run *run)
{
    if (!prepare_host(run) || !prepare_tls(run))
        return false;
    struct err err;
    /* Before the committer's thread starts, which must not take them. */
    enum err_code code = catch_signals(&run->signals.fd, &err);
    if (code == ERR_OK)
        code = prepare_maildir(run, &err);
    if (code == ERR_OK)
        code = prepare_journal(run, &err);
    if (code == ERR_OK)
        code = loop_init(&run->loop, &err);
    if (code == ERR_OK)
        code = loop_add(&run->loop, &run->signals, EPOLLIN, &err);
    if (code != ERR_OK) {
        report_fail_err(&run->report, &err);
        return false;
    }
    return prepare_secret(run);
}

static void
turn(struct run *run)
{
    struct task *task = &run->task;
    task->loop = &run->loop;
    task->account = &run->settings->account;
    task->report = &run->report;
    task->journal = run->journal;
    task->delivery = run->delivery;
    task->addresses = run->addresses;
    task->tls_client = run->tls;
    task->show_progress = run->settings->show_progress;
    task_start(task);
    while (task->state != TASK_DONE)
        loop_turn(&run->loop, task_tick(task, clock_ms()));
}

static void
finish(struct run *run)
{
    task_finish(&run->task);
    tls_client_free(run->tls);
    delivery_free(run->delivery);
    journal_close(run->journal);
    fd_closep(&run->lock_fd);
    if (run->addresses != NULL)
        freeaddrinfo(run->addresses);
    if (run->loop.epoll_fd >= 0)
        loop_finish(&run->loop);
    fd_closep(&run->signals.fd);
}

/* Returns the exit code. */
static int
print(const struct run *run)
{
    bool ok = run->settings->json ? report_print_json(&run->report, stdout)
                                  : report_print(&run->report, stdout);
    report_print_problems(&run->report, stderr);
    return ok || run->report.exit_code != EX_OK ? run->report.exit_code : EX_IOERR;
}

int
fetch_run(struct fetch_settings *settings)
{
    int64_t started_ms = clock_ms();
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL)
        return EX_TEMPFAIL;
    run->settings = settings;
    run->report.label = settings->account.label;
    run->loop.epoll_fd = -1;
    run->lock_fd = -1;
    run->signals = (struct loop_source){.fd = -1, .ready = on_signal};
    run->task.socket.fd = -1;
    run->task.stream.fd = -1;
    run->task.delivered.fd = -1;

    (void)umask(077); /* mail, and what the journal knows of it, is for its owner */
    if (prepare(run))
        turn(run);
    run->report.seconds_ms = clock_ms() - started_ms;
    finish(run);
    secret_finish(&settings->account.password);
    token_finish(&settings->account.token);
    int exit_code = print(run);
    free(run);
    return exit_code;
}
