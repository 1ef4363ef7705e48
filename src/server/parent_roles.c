/* The role processes: started, connected with each other, started again. */
#include "base/check.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/attack.h"
#include "server/parent.h"
#include "server/role.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* ---- starting a process ---- */

/* Beside restanted itself, where a build leaves them; else where an installation does. */
static int
program_open(const struct parent *parent, const char *name)
{
    const char *const folders[] = {parent->program_folder, RESTANTE_LIBEXECDIR};
    int fd = -1;
    for (size_t i = 0; i < 2 && fd < 0; i++) {
        char path[PATH_LEN_MAX + 64];
        (void)snprintf(path, sizeof path, "%s/%s", folders[i], name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    return fd;
}

/* Nothing of the terminal or pipe that restanted may have been started with; standard error
 * stays for the log. In an attack standard output tells how it went. */
static bool
leave_streams(void)
{
    int null = open("/dev/null", O_RDWR | O_NOCTTY);
    bool ok = null >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
              (attack_is_asked() || dup2(null, STDOUT_FILENO) >= 0);
    if (null > STDERR_FILENO)
        (void)close(null); /* it has two other numbers */
    return ok;
}

/* In the child: gives up every right it does not need, then becomes the program. The program is
 * executed by its descriptor, so that its user needs no access to the folders above it. */
static _Noreturn void
become(const struct role_user *user, int program, int control, const char *program_name)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s", program_name);
    char *const argv[] = {name, NULL};
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);

    bool ok = leave_streams() && role_user_become(user) &&
              prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    /* Above every number in use, so that neither of the two is overwritten. */
    int high = fcntl(program, F_DUPFD_CLOEXEC, ROLE_CONTROL_FD + 2);
    ok = ok && high >= 0 &&
         (control == ROLE_CONTROL_FD ? fcntl(control, F_SETFD, 0) == 0
                                     : dup2(control, ROLE_CONTROL_FD) == ROLE_CONTROL_FD);
    ok = ok && close_range(ROLE_CONTROL_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0;
    if (ok)
        (void)fexecve(high, argv, environ);
    log_error("cannot start %s: %m", name);
    _exit(EXIT_FAILURE);
}

const char *
role_program(const struct child *child)
{
    static char name[64]; /* read before the next one is asked for */
    if (child->role != IPC_SOURCE)
        return ipc_role_name(child->role);
    (void)snprintf(name, sizeof name, "restanted-%s", source_kind_row(child->source)->name);
    return name;
}

static const struct role_user *
user_of(const struct parent *parent, const struct child *child)
{
    if (child->owner)
        return &child->as;
    return child->role == IPC_SOURCE ? &parent->source_users[child->number]
                                     : &parent->users[child->role];
}

enum err_code
role_spawn(struct parent *parent, struct child *child, struct err *err)
{
    int pair[2];
    const char *name = role_program(child);
    CLEANUP(fd_closep) int program = program_open(parent, name);
    if (program < 0)
        return err_set(
            err, ERR_SYSTEM, "cannot find %s beside restanted or in %s", name,
            RESTANTE_LIBEXECDIR);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_set(err, ERR_SYSTEM, "cannot make a control channel");
    pid_t pid = fork();
    if (pid == 0)
        become(user_of(parent, child), program, pair[1], name);
    (void)close(pair[1]); /* the child's */
    if (pid < 0) {
        (void)close(pair[0]); /* nobody is at the other end */
        return err_set(err, ERR_SYSTEM, "cannot start %s", name);
    }
    child->pid = pid;
    child->control = pair[0];
    child->ready = false;
    child->restart_ms = 0;
    child->started_ms = clock_ms();
    return ERR_OK;
}

/* ---- what a process is told ---- */

void
role_tell(
    struct child *child, uint32_t type, const void *body, size_t size, const int *fds,
    size_t fd_count)
{
    struct ipc_header header = {.type = type};
    /* Who owns that process may have stopped it: it must not stop the parent. */
    if (child->owner) {
        if (ipc_send(child->control, &header, body, size, fds, fd_count) == IPC_AGAIN)
            (void)kill(child->pid, SIGKILL);
        return;
    }
    (void)ipc_send_wait(child->control, &header, body, size, fds, fd_count);
}

static void
tell(struct child *child, uint32_t type, const void *body, size_t size, int fd)
{
    role_tell(child, type, body, size, &fd, fd >= 0 ? 1 : 0);
}

static void
text_set(struct ipc_text *text, const char *value)
{
    text->len = (uint16_t)strnlen(value, sizeof text->data);
    memcpy(text->data, value, text->len);
}

static void
path_set(struct ipc_path *path, const char *value)
{
    path->len = (uint16_t)strnlen(value, sizeof path->data);
    memcpy(path->data, value, path->len);
}

void
front_tell(struct parent *parent, struct child *child)
{
    const struct conf *conf = &parent->conf;
    struct ipc_front_settings settings = {
        .number = child->number,
        .tally_row = child->row,
        .tally_rows = parent->front_max,
        .tally_small = parent->tally_size.single,
        .single = child->single,
        .plaintext = (uint32_t)conf->plaintext_login, /* same order in both enums */
        .check_user = conf->unknown_user == CONF_UNKNOWN_USER_AT_USER,
        .tls = conf->tls_count > 0,
        .apop = conf->apop == CONF_YES,
        .connections = conf->limits.connections,
        .per_address = conf->limits.per_address,
        .login_seconds = conf->limits.login_seconds,
        .idle_seconds = conf->limits.idle_seconds,
        .reader_octets = conf->limits.reader_octets,
        .mistakes_per_session = conf->limits.mistakes_per_session,
        .commands_before_login = conf->limits.commands_before_login,
        .login_delay_seconds = conf->limits.login_delay_seconds,
    };
    text_set(&settings.hostname, conf->hostname);
    tell(child, IPC_FRONT_SETTINGS, &settings, sizeof settings, -1);
    tell(child, IPC_TALLY, NULL, 0, parent->tally_fd);
    for (size_t i = 0; i < conf->listener_count; i++) {
        const struct conf_networks *proxies = &conf->listeners[i].proxies;
        struct ipc_listener listener = {
            .tls = conf->listeners[i].transport == CONF_TRANSPORT_TLS,
            .proxy_count = (uint32_t)proxies->count};
        memcpy(listener.proxies, proxies->networks, sizeof listener.proxies);
        tell(child, IPC_LISTENER, &listener, sizeof listener, parent->listeners[i]);
    }
    tls_tell(parent, child);
    tell(child, IPC_START, NULL, 0, -1);
}

static void
tell_auth(struct parent *parent)
{
    const struct conf *conf = &parent->conf;
    struct ipc_auth_settings settings = {
        .source_count = (uint32_t)conf->auth_count,
        .mechanisms = conf->mechanisms,
        .apop = conf->apop == CONF_YES,
        .certificates = conf->client_ca != NULL,
        .failure_delay_ms = conf->limits.failure_delay_ms,
        .failure_delay_max_ms = conf->limits.failure_delay_max_ms,
        .failures_per_address = conf->limits.failures_per_address,
        .failure_window_seconds = conf->limits.failure_window_seconds,
        .password_memory_seconds = conf->limits.password_memory_seconds,
        .login_delay_seconds = conf->limits.login_delay_seconds,
        .owners = owners_mode(conf),
        .owner_processes = conf->limits.owner_processes,
    };
    tell(&parent->auth, IPC_AUTH_SETTINGS, &settings, sizeof settings, -1);
    for (size_t i = 0; i < conf->auth_count; i++) {
        struct ipc_auth_source source = {.kind = conf->auths[i].source};
        if (source.kind == SOURCE_PASSWD_FILE)
            path_set(&source.file, conf->auths[i].values[SOURCE_FILE]);
        tell(&parent->auth, IPC_AUTH_SOURCE, &source, sizeof source, -1);
    }
    tell(&parent->auth, IPC_START, NULL, 0, -1);
}

void
store_tell(struct parent *parent, struct child *store, const struct ipc_path *root)
{
    const struct conf *conf = &parent->conf;
    struct ipc_store_settings settings = {
        .sessions_per_user = conf->limits.sessions_per_user,
        .owned = store->owner,
        .idle_seconds = conf->limits.owner_idle_seconds,
    };
    text_set(&settings.engine, conf->store.engine);
    path_set(&settings.location, conf->store.path);
    if (root != NULL)
        settings.root = *root;
    tell(store, IPC_STORE_SETTINGS, &settings, sizeof settings, -1);
    tell(store, IPC_START, NULL, 0, -1);
}

enum err_code
role_connect(struct child *a, struct child *b, struct err *err)
{
    return role_connect_for(a, b, 0, err);
}

enum err_code
role_connect_for(struct child *a, struct child *b, uint32_t request, struct err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_set(err, ERR_SYSTEM, "cannot make a channel");
    struct ipc_channel_info to_a = {.role = b->role, .number = b->number, .request = request};
    struct ipc_channel_info to_b = {.role = a->role, .number = a->number};
    tell(a, IPC_CHANNEL, &to_a, sizeof to_a, pair[0]);
    tell(b, IPC_CHANNEL, &to_b, sizeof to_b, pair[1]);
    (void)close(pair[0]); /* the roles have their own */
    (void)close(pair[1]);
    return ERR_OK;
}

/* ---- keeping them running ---- */

bool
role_is_due(const struct child *child)
{
    return child->pid == 0 && (child->restart_ms == 0 || child->restart_ms <= clock_ms());
}

static bool
wants_store(const struct parent *parent)
{
    return !owners_wanted(&parent->conf);
}

static bool
wants_keys(const struct parent *parent)
{
    return parent->conf.tls_count > 0;
}

enum err_code
roles_connect_fronts(struct parent *parent, struct child *fresh, struct err *err)
{
    for (uint32_t i = 0; i < parent->front_end; i++) {
        struct child *front = &parent->fronts[i];
        bool concerned = !front->draining || fresh->role == IPC_KEYS;
        if (front->pid > 0 && concerned && role_connect(front, fresh, err) != ERR_OK)
            return err->code;
    }
    return ERR_OK;
}

static enum err_code
start_keys(struct parent *parent, const struct conf *conf, struct err *err)
{
    if (role_spawn(parent, &parent->keys, err) != ERR_OK ||
        roles_connect_fronts(parent, &parent->keys, err) != ERR_OK)
        return err->code;
    tell(&parent->keys, IPC_START, NULL, 0, -1);
    enum err_code code = tls_load(parent, conf, err);
    for (uint32_t i = 0; code == ERR_OK && i < parent->front_end; i++)
        if (parent->fronts[i].pid > 0)
            tls_tell(parent, &parent->fronts[i]);
    return code;
}

/* It has nothing to do any more. */
static void
stop_child(struct child *child)
{
    if (child->pid == 0)
        return;
    child->draining = true;
    if (child->control >= 0)
        (void)close(child->control); /* this is what tells it to end */
    child->control = -1;
}

enum err_code
roles_prepare(struct parent *parent, const struct conf *conf, struct err *err)
{
    if (conf->tls_count == 0) {
        stop_child(&parent->keys);
        tls_finish(&parent->tls);
        return ERR_OK;
    }
    if (parent->keys.pid > 0)
        return tls_load(parent, conf, err);
    enum err_code code = start_keys(parent, conf, err);
    if (code != ERR_OK)
        stop_child(&parent->keys);
    return code;
}

static enum err_code
start_store_and_auth(struct parent *parent, struct err *err)
{
    bool new_store = wants_store(parent) && role_is_due(&parent->store);
    bool new_auth = role_is_due(&parent->auth);
    if (new_store && (role_spawn(parent, &parent->store, err) != ERR_OK ||
                      roles_connect_fronts(parent, &parent->store, err) != ERR_OK))
        return err->code;
    if (new_auth && (role_spawn(parent, &parent->auth, err) != ERR_OK ||
                     roles_connect_fronts(parent, &parent->auth, err) != ERR_OK))
        return err->code;
    bool both =
        parent->store.pid > 0 && parent->auth.pid > 0; /* or one waits for its restart */
    if (both && (new_store || new_auth) &&
        role_connect(&parent->auth, &parent->store, err) != ERR_OK)
        return err->code;
    if (new_store)
        store_tell(parent, &parent->store, NULL);
    if (new_auth)
        tell_auth(parent);
    return sources_start(parent, new_auth, err);
}

/* Fronts come last: they are given channels to all others. */
static bool
fronts_can_start(const struct parent *parent)
{
    return (parent->store.pid > 0 || !wants_store(parent)) && parent->auth.pid > 0 &&
           (parent->keys.pid > 0 || !wants_keys(parent));
}

enum err_code
roles_start(struct parent *parent, struct err *err)
{
    if (start_store_and_auth(parent, err) != ERR_OK)
        return err->code;
    if (wants_keys(parent) && role_is_due(&parent->keys) &&
        start_keys(parent, &parent->conf, err) != ERR_OK)
        return err->code;
    return fronts_can_start(parent) ? fronts_start(parent, err) : ERR_OK;
}

enum err_code
roles_check(struct parent *parent, struct err *err)
{
    if (sources_check(parent, err) != ERR_OK)
        return err->code;
    if (!wants_keys(parent))
        return ERR_OK;
    parent->keys = (struct child){.role = IPC_KEYS, .control = -1};
    if (role_user_resolve(
            "user-keys", &parent->conf.user_keys, &parent->users[IPC_KEYS], err) != ERR_OK ||
        role_spawn(parent, &parent->keys, err) != ERR_OK)
        return err->code;
    enum err_code code = tls_load(parent, &parent->conf, err);
    (void)close(parent->keys.control); /* this ends it */
    (void)waitpid(parent->keys.pid, NULL, 0);
    tls_finish(&parent->tls);
    return code;
}

struct child *
role_child(struct parent *parent, uint32_t index)
{
    struct child *singles[] = {&parent->auth, &parent->store, &parent->keys};
    enum { SINGLES = sizeof singles / sizeof *singles };
    if (index < SINGLES)
        return singles[index];
    index -= SINGLES;
    if (index < PARENT_RETIRED_MAX)
        return &parent->retired[index];
    index -= PARENT_RETIRED_MAX;
    if (index < CONF_SECTIONS_MAX)
        return &parent->sources[index];
    index -= CONF_SECTIONS_MAX;
    if (index < parent->owner_end)
        return &parent->owners[index];
    index -= parent->owner_end;
    return index < parent->front_end ? &parent->fronts[index] : NULL;
}

static struct child *
child_find(struct parent *parent, pid_t pid)
{
    struct child *child;
    for (uint32_t i = 0; (child = role_child(parent, i)) != NULL; i++)
        if (child->pid == pid)
            return child;
    return NULL;
}

static void
log_ended(const struct child *child, int status)
{
    const char *name = role_program(child);
    if (WIFSIGNALED(status))
        log_error("%s[%d] was ended by signal %d", name, (int)child->pid, WTERMSIG(status));
    else
        log_error("%s[%d] ended with status %d", name, (int)child->pid, WEXITSTATUS(status));
}

/* The last front that used them has ended. */
static void
stop_retired(struct parent *parent)
{
    for (uint32_t i = 0; i < parent->front_end; i++)
        if (parent->fronts[i].draining)
            return;
    for (size_t i = 0; i < PARENT_RETIRED_MAX; i++)
        stop_child(&parent->retired[i]);
}

/* Makes room for its successor. */
static void
retire(struct parent *parent, struct child *child)
{
    child->restart_ms = 0; /* what is needed is started anew */
    if (child->pid == 0)
        return;
    for (size_t i = 0; i < PARENT_RETIRED_MAX; i++) {
        if (parent->retired[i].pid != 0)
            continue;
        parent->retired[i] = *child;
        parent->retired[i].draining = true;
        parent->retired[i].ready = true; /* whatever it says now is of no interest */
        *child = (struct child){.role = child->role, .number = child->number, .control = -1};
        return;
    }
    /* Many reloads in a row: it is started anew with the settings of this one. */
    (void)kill(child->pid, SIGKILL);
}

static void
give_up(struct parent *parent, int status)
{
    parent->status = status;
    roles_stop(parent);
}

/* It may have taken a connection and died within one turn of the parent. */
static void
hear_last_words(struct parent *parent, struct child *child)
{
    struct ipc_packet packet;
    while (child->single && !child->taken && child->control >= 0 &&
           ipc_receive(child->control, child->role, IPC_PARENT, &packet) == IPC_OK) {
        if (packet.header.type == IPC_TAKEN)
            front_taken(parent, child, (const void *)packet.body);
        ipc_packet_finish(&packet);
    }
}

bool
roles_ended(struct parent *parent, pid_t pid, int status)
{
    struct child *child = child_find(parent, pid);
    if (child == NULL)
        return false;
    hear_last_words(parent, child);
    if (child->role == IPC_FRONT)
        tally_clear(&parent->tally, child->row);
    bool asked = parent->stopping || child->draining;
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    /* A helper goes when its auth is gone, a front of one connection when that is, the store of
     * one owner when it is idle. */
    bool alone = child->role == IPC_SOURCE || child->single || child->owner;
    bool expected = (asked && (killed || status == 0)) || (alone && status == 0);
    if (!expected)
        log_ended(child, status);
    if (!expected && attack_is_asked())
        give_up(parent, EX_SOFTWARE);
    else if (
        !expected && child->role == IPC_SOURCE && !parent->was_ready && WIFEXITED(status) &&
        WEXITSTATUS(status) == EX_CONFIG)
        give_up(parent, EX_CONFIG);
    if (child->control >= 0)
        (void)close(child->control); /* nobody is at the other end */
    child->control = -1;
    child->pid = 0;
    child->ready = false;
    if (child == &parent->auth)
        owners_retire(parent);
    if (child->owner)
        owner_ended(parent, child);
    if (child->owner)
        return true;
    if (child->single && !parent->stopping) {
        front_single_ended(parent, child, !expected);
        stop_retired(parent);
        return true;
    }
    if (child->draining || parent->stopping) {
        child->draining = false;
        child->restart_ms = 0;
        stop_retired(parent);
        return true;
    }
    int64_t now = clock_ms();
    bool soon = now - child->started_ms < PARENT_BACKOFF_MAX_MS;
    child->backoff_ms =
        soon && child->backoff_ms > 0 ? child->backoff_ms * 2 : PARENT_BACKOFF_MIN_MS;
    if (child->backoff_ms > PARENT_BACKOFF_MAX_MS)
        child->backoff_ms = PARENT_BACKOFF_MAX_MS;
    child->restart_ms = now + child->backoff_ms;
    return true;
}

static int64_t
sooner(const struct child *child, int64_t now, int64_t wait)
{
    if (child->pid != 0 || child->restart_ms == 0)
        return wait;
    int64_t left = child->restart_ms > now ? child->restart_ms - now : 0;
    return wait < 0 || left < wait ? left : wait;
}

int64_t
roles_restart_wait(struct parent *parent)
{
    int64_t now = clock_ms();
    bool ready =
        fronts_can_start(parent); /* else they wait for another's start, not for time */
    int64_t wait = ready ? fronts_wait_ms(parent) : -1;
    struct child *child;
    for (uint32_t i = 0; (child = role_child(parent, i)) != NULL; i++)
        if (ready || child->role != IPC_FRONT)
            wait = sooner(child, now, wait);
    return wait;
}

bool
roles_listen(struct parent *parent, struct child *child)
{
    struct ipc_packet packet;
    if (ipc_receive(child->control, child->role, IPC_PARENT, &packet) == IPC_OK) {
        if (packet.header.type == IPC_BANNED)
            ban_add(parent, (const void *)packet.body);
        else if (packet.header.type == IPC_TAKEN)
            front_taken(parent, child, (const void *)packet.body);
        else if (packet.header.type == IPC_NEED_STORE)
            owner_need(parent, child, (const void *)packet.body);
        else if (packet.header.type == IPC_IDLE)
            owner_idle(parent, child);
        else
            child->ready = true;
        ipc_packet_finish(&packet);
    }
    bool all = parent->auth.ready && sources_are_ready(parent) &&
               (parent->store.ready || !wants_store(parent)) &&
               (parent->keys.ready || !wants_keys(parent));
    return all && fronts_are_ready(parent);
}

enum err_code
roles_reload(struct parent *parent, struct err *err)
{
    retire(parent, &parent->auth);
    retire(parent, &parent->store);
    for (size_t i = 0; i < CONF_SECTIONS_MAX; i++)
        retire(parent, &parent->sources[i]);
    fronts_retire(parent);
    owners_retire(parent);
    stop_retired(parent);
    return roles_start(parent, err);
}

void
roles_stop(struct parent *parent)
{
    parent->stopping = true;
    struct child *child;
    for (uint32_t i = 0; (child = role_child(parent, i)) != NULL; i++) {
        if (child->control >= 0)
            (void)close(child->control); /* this is what tells it to end */
        child->control = -1;
        child->restart_ms = 0;
    }
}

void
roles_kill(struct parent *parent)
{
    struct child *child;
    for (uint32_t i = 0; (child = role_child(parent, i)) != NULL; i++)
        if (child->pid > 0)
            (void)kill(child->pid, SIGKILL);
}

bool
roles_running(struct parent *parent)
{
    struct child *child;
    for (uint32_t i = 0; (child = role_child(parent, i)) != NULL; i++)
        if (child->pid > 0)
            return true;
    return false;
}
