/* The helper's start: options, the channel to auth, the questions that come by it. */
#include "server/source.h"

#include "base/check.h"
#include "base/log.h"
#include "server/role.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sysexits.h>
#include <unistd.h>

static void
on_option(struct source_role *role, const struct ipc_source_option *option)
{
    char **value = &role->values[option->option];
    free(*value);
    *value = strndup(option->value.data, option->value.len);
    CHECK(*value != NULL);
    role->settings.values[option->option] = *value;
}

static bool
verifies(const struct source_role *role)
{
    return source_ops->verify != NULL &&
           (source_ops->verifies == NULL || source_ops->verifies(role->sources[0]));
}

/* Auth asks nothing of a helper before it has heard this, so only then it is ready: else the
 * server would be, and its first logins were refused. */
static void
greet(const struct source_role *role)
{
    struct ipc_header header = {.type = IPC_SOURCE_MODE};
    if (role->auth_fd < 0 || role->started == 0)
        return;
    struct ipc_source_mode mode = {.verifies = verifies(role)};
    (void)ipc_send_wait(role->auth_fd, &header, &mode, sizeof mode, NULL, 0);
    role_ready();
}

/* Mistakes in the settings are found now, and the process ends with them: the parent says which
 * it was, and tries again later, as a file may be there by then. */
static void
open_sources(struct source_role *role)
{
    struct err err;
    for (size_t i = 0; i < SOURCE_THREADS; i++) {
        if (source_ops->open(&role->sources[i], &role->settings, &err) == ERR_OK)
            continue;
        log_error("auth \"%s\": %s", source_kind_row(source_ops->kind)->name, err.text);
        exit(EX_CONFIG);
    }
}

static void
on_start(struct source_role *role)
{
    sandbox_source_files(source_ops, &role->settings);
    open_sources(role);
    source_start_threads(role);
    sandbox_source_calls(source_ops);
    role->started = SOURCE_THREADS;
    greet(role);
}

/* The threads answer by this descriptor: a helper whose auth is gone ends, and is started again
 * for the next one. */
static void
on_channel(struct source_role *role, int fd)
{
    if (role->auth_fd >= 0)
        _exit(EXIT_SUCCESS); /* it has just not heard of its auth's end yet */
    role->auth_fd = fd;
    greet(role);
}

static void
hear_parent(struct source_role *role)
{
    struct ipc_packet packet;
    while (role_receive(IPC_SOURCE, &packet)) {
        switch ((enum ipc_type)packet.header.type) {
        case IPC_SOURCE_OPTION:
            on_option(role, (const void *)packet.body);
            break;
        case IPC_CHANNEL:
            on_channel(role, ipc_packet_take_fd(&packet, 0));
            break;
        case IPC_START:
            on_start(role);
            break;
        default:
            BUG("a message that the table gives to another role");
        }
        ipc_packet_finish(&packet);
    }
}

static void
hear_auth(struct source_role *role)
{
    struct ipc_packet packet;
    switch (ipc_receive(role->auth_fd, IPC_AUTH, IPC_SOURCE, &packet)) {
    case IPC_OK:
        source_ask(role, packet.header.session, (const void *)packet.body);
        explicit_bzero(packet.body, packet.body_size);
        ipc_packet_finish(&packet);
        break;
    case IPC_AGAIN:
        break;
    case IPC_CLOSED:
        _exit(EXIT_SUCCESS); /* threads may be within libraries that must not be torn down */
    case IPC_BAD:
    case IPC_NO_FDS:
        BUG("auth sends what the table says");
    }
}

int
main(int argc, char **argv)
{
    if (argc > 1 && source_ops->other_main != NULL)
        return source_ops->other_main(argc, argv);

    static struct source_role role = {
        /* large */
        .auth_fd = -1,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .more = PTHREAD_COND_INITIALIZER,
        .queue = {.max = SOURCE_QUESTIONS_MAX},
    };
    char name[64];
    role_start(IPC_SOURCE);
    (void)snprintf(name, sizeof name, "restanted-%s", source_kind_row(source_ops->kind)->name);
    log_open(name);
    CHECK(getrandom(&role.seed, sizeof role.seed, 0) == (ssize_t)sizeof role.seed);
    for (;;) {
        struct pollfd polls[] = {
            {.fd = ROLE_CONTROL_FD, .events = POLLIN},
            /* Questions that come before the threads are there stay in the socket. */
            {.fd = role.started > 0 ? role.auth_fd : -1, .events = POLLIN},
        };
        if (poll(polls, 2, -1) < 0)
            CHECK(errno == EINTR);
        if (polls[0].revents != 0)
            hear_parent(&role);
        if (polls[1].revents != 0)
            hear_auth(&role);
    }
}
