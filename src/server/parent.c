/* The parent's life: listeners, signals, waiting for its roles. */
#include "server/parent.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/address.h"
#include "net/listener.h"
#include "server/attack.h"
#include "server/location.h"
#include "server/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

static void
tell_systemd(const char *state)
{
#ifdef HAVE_SYSTEMD
    (void)sd_notify(0, state); /* not started by systemd: nothing to tell */
#else
    (void)state;
#endif
}

/* Descriptors in flight are counted per user, and each session may hold several. */
static void
raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* the old limit works too, for fewer */
    }
}

static void
listeners_close(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)close(fds[i]); /* nothing was accepted on them here */
    free(fds);
}

/* Listening sockets for `conf`; those that `old` has already are taken over. */
static enum err_code
listeners_open(
    const struct conf *conf, const struct conf *old, const int *old_fds, int **ret_fds,
    struct err *err)
{
    int *fds = calloc(conf->listener_count, sizeof *fds);
    if (fds == NULL)
        return err_set(err, ERR_NOMEM, "opening listeners");
    for (size_t i = 0; i < conf->listener_count; i++) {
        const struct conf_address *address = &conf->listeners[i].address;
        fds[i] = -1;
        for (size_t j = 0; old != NULL && j < old->listener_count; j++)
            if (old->listeners[j].address.len == address->len &&
                memcmp(&old->listeners[j].address.socket, &address->socket, address->len) == 0)
                fds[i] = dup(old_fds[j]);
        if (fds[i] < 0 &&
            listener_open(&address->socket, address->len, &fds[i], err) != ERR_OK) {
            listeners_close(fds, i);
            return err->code;
        }
    }
    *ret_fds = fds;
    return ERR_OK;
}

static enum err_code
resolve_users(const struct conf *conf, struct role_user users[IPC_ROLE_COUNT], struct err *err)
{
    if (role_user_resolve("user-front", &conf->user_front, &users[IPC_FRONT], err) != ERR_OK ||
        role_user_resolve("user-auth", &conf->user_auth, &users[IPC_AUTH], err) != ERR_OK)
        return err->code;
    if (role_user_resolve("user-keys", &conf->user_keys, &users[IPC_KEYS], err) != ERR_OK)
        return err->code;
    return role_user_resolve("user-store", &conf->user_store, &users[IPC_STORE], err);
}

static enum err_code
set_up(struct parent *parent, struct err *err)
{
    raise_descriptor_limit();
    parent->auth = (struct child){.role = IPC_AUTH, .control = -1};
    parent->store = (struct child){.role = IPC_STORE, .control = -1};
    parent->keys = (struct child){.role = IPC_KEYS, .control = -1};
    for (size_t i = 0; i < PARENT_RETIRED_MAX; i++)
        parent->retired[i] = (struct child){.control = -1};
    for (uint32_t i = 0; i < CONF_SECTIONS_MAX; i++)
        parent->sources[i] = (struct child){.role = IPC_SOURCE, .number = i, .control = -1};
    if (owners_check(&parent->conf, parent->conf_path, err) != ERR_OK ||
        resolve_users(&parent->conf, parent->users, err) != ERR_OK ||
        sources_resolve(&parent->conf, &parent->users[IPC_AUTH], parent->source_users, err) !=
            ERR_OK ||
        listeners_open(&parent->conf, NULL, NULL, &parent->listeners, err) != ERR_OK)
        return err->code;
    enum err_code code = owners_prepare(parent, err);
    return code == ERR_OK ? fronts_prepare(parent, err) : code;
}

static enum err_code
watch_signals(struct parent *parent, struct err *err)
{
    sigset_t set;
    (void)sigemptyset(&set);
    const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        (void)sigaddset(&set, signals[i]);
    (void)signal(SIGPIPE, SIG_IGN);
    parent->signal_fd = -1;
    if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
        parent->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (parent->signal_fd < 0)
        return err_set(err, ERR_SYSTEM, "cannot watch signals");
    return ERR_OK;
}

/* Reads the configuration again. Any mistake in it leaves everything as it was. */
static void
reload(struct parent *parent)
{
    struct err err;
    struct conf fresh;
    struct role_user users[IPC_ROLE_COUNT];
    struct role_user source_users[CONF_SECTIONS_MAX];
    int *listeners = NULL;
    memcpy(users, parent->users, sizeof users);
    if (conf_load(parent->conf_path, &fresh, &err) != ERR_OK) {
        log_error("not reloaded: %s", err.text);
        return;
    }
    if (owners_check(&fresh, parent->conf_path, &err) != ERR_OK ||
        resolve_users(&fresh, users, &err) != ERR_OK ||
        sources_resolve(&fresh, &users[IPC_AUTH], source_users, &err) != ERR_OK ||
        listeners_open(&fresh, &parent->conf, parent->listeners, &listeners, &err) != ERR_OK) {
        log_error("not reloaded: %s", err.text);
        conf_finish(&fresh);
        return;
    }
    if (roles_prepare(parent, &fresh, &err) != ERR_OK) {
        log_error("not reloaded: %s", err.text);
        listeners_close(listeners, fresh.listener_count);
        conf_finish(&fresh);
        return;
    }
    /* Those still wanted were duplicated. */
    listeners_close(parent->listeners, parent->conf.listener_count);
    conf_finish(&parent->conf);
    parent->conf = fresh;
    parent->listeners = listeners;
    memcpy(parent->users, users, sizeof users);
    memcpy(parent->source_users, source_users, sizeof source_users);
    fronts_count(parent);
    parent->announced = false;
    if (roles_reload(parent, &err) != ERR_OK)
        log_error("%s", err.text);
}

static void
on_signals(struct parent *parent)
{
    struct signalfd_siginfo info;
    while (read(parent->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP && !parent->stopping)
            reload(parent);
        if ((info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) && !parent->stopping) {
            log_info("stopping");
            tell_systemd("STOPPING=1");
            roles_stop(parent);
        }
    }
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        if (!ban_ended(parent, pid, status))
            (void)roles_ended(parent, pid, status);
}

static void
announce(struct parent *parent)
{
    parent->announced = true;
    parent->was_ready = true;
    for (size_t i = 0; i < parent->conf.listener_count; i++)
        log_info("listening on %s", parent->conf.listeners[i].address.text);
    log_info("ready");
    tell_systemd("READY=1");
}

#ifdef RESTANTE_ATTACK
/* Tells the roles what to try to get at. One front is enough. */
static void
prepare_attack(struct parent *parent)
{
    char value[2 * PATH_LEN_MAX + 2];
    char root[PATH_LEN_MAX];
    if (!attack_is_asked())
        return;
    location_root(parent->conf.store.path, root);
    (void)snprintf(
        value, sizeof value, "%s\n%s", parent->conf.auths[0].values[SOURCE_FILE], root);
    if (setenv(ATTACK_VARIABLE, value, 1) < 0)
        log_error("no memory for the attack");
    parent->front_count = 1;
}
#endif

/* After its READY auth has something to say, a front that waits for its one connection, and a
 * store that may become idle. */
static bool
may_speak(const struct child *child)
{
    return !child->ready || child->role == IPC_AUTH || (child->single && !child->taken) ||
           (child->owner && !child->draining);
}

/* Waits for signals and for what the roles say. */
static void
turn(struct parent *parent, struct pollfd *polls, int64_t timeout_ms)
{
    nfds_t count = 0;
    static struct child *children[PARENT_CHILDREN_MAX];
    polls[count++] = (struct pollfd){.fd = parent->signal_fd, .events = POLLIN};
    struct child *child;
    for (uint32_t i = 0; (child = role_child(parent, i)) != NULL; i++) {
        if (child->control < 0 || !may_speak(child))
            continue;
        children[count - 1] = child;
        polls[count++] = (struct pollfd){.fd = child->control, .events = POLLIN};
    }
    if (poll(polls, count, (int)timeout_ms) < 0)
        return;
    for (nfds_t i = 1; i < count; i++)
        if ((polls[i].revents & POLLIN) && roles_listen(parent, children[i - 1]) &&
            !parent->announced) {
            if (attack_is_asked()) /* they are only ready if all was refused */
                roles_stop(parent);
            else
                announce(parent);
        }
    if (polls[0].revents & POLLIN)
        on_signals(parent);
}

/* The earlier of two waits, of which -1 is for ever. */
static int64_t
sooner(int64_t a, int64_t b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

int
parent_run(struct parent *parent)
{
    struct err err;
    static struct pollfd polls[PARENT_CHILDREN_MAX + 1];
    for (size_t i = 0; i < parent->conf.warning_count; i++)
        log_warning("%s", parent->conf.warnings[i]);
    sandbox_limit_parent();
    if (sandbox_gap() != NULL)
        log_warning("%s", sandbox_gap());
    enum err_code code = set_up(parent, &err);
#ifdef RESTANTE_ATTACK
    prepare_attack(parent);
#endif
    if (code != ERR_OK || watch_signals(parent, &err) != ERR_OK ||
        roles_start(parent, &err) != ERR_OK) {
        log_error("%s", err.text);
        roles_kill(parent);
        return err.code == ERR_INVALID ? EX_CONFIG : EX_OSERR;
    }
    int64_t kill_ms = 0;
    while (!parent->stopping || roles_running(parent)) {
        int64_t wait = sooner(roles_restart_wait(parent), tls_wait_ms(parent));
        wait = sooner(wait, ban_wait_ms(parent));
        wait = sooner(wait, owners_wait_ms(parent));
        if (parent->stopping) {
            int64_t now = clock_ms();
            kill_ms = kill_ms == 0 ? now + PARENT_STOP_MS : kill_ms;
            wait = kill_ms > now ? kill_ms - now : -1;
            if (wait < 0)
                roles_kill(parent);
        }
        turn(parent, polls, wait);
        if (!parent->stopping && roles_start(parent, &err) != ERR_OK)
            log_error("%s", err.text);
        if (!parent->stopping)
            tls_look(parent);
        if (!parent->stopping)
            owners_look(parent);
        ban_look(parent);
    }
    ban_finish(parent);
    tls_finish(&parent->tls);
    log_info("stopped");
    return parent->status;
}
