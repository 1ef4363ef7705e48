/* Auth's start: the control channel, channels to fronts and store, sources. */
#include "server/auth.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/role.h"
#include "server/sandbox.h"

#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

static void
report(const char *text)
{
    log_error("%s", text);
}

struct auth_channel *
auth_channel_find(struct auth_role *role, enum ipc_role peer, uint32_t number)
{
    struct auth_channel *channel = role->channels;
    while (channel != NULL && (channel->peer != peer || channel->number != number))
        channel = channel->next;
    return channel;
}

static void
channel_close(struct auth_channel *channel)
{
    struct auth_channel **place = &channel->role->channels;
    if (channel->peer == IPC_FRONT)
        auth_sasl_forget(channel);
    while (*place != channel)
        place = &(*place)->next;
    *place = channel->next;
    loop_remove(&channel->role->loop, &channel->source);
    (void)close(channel->source.fd); /* nothing to lose */
    if (channel->peer == IPC_SOURCE)
        auth_source_lost(channel->role, channel->number);
    if (channel->peer == IPC_STORE && channel->number > 0)
        auth_owner_lost(channel->role, channel->number);
    free(channel);
}

void
auth_forget_store(struct auth_role *role, uint32_t number)
{
    struct auth_channel *channel = auth_channel_find(role, IPC_STORE, number);
    if (channel != NULL)
        channel_close(channel);
}

void
auth_answer(
    struct auth_role *role, uint32_t front, uint32_t type, uint64_t session, const void *body,
    size_t size)
{
    struct auth_channel *channel = auth_channel_find(role, IPC_FRONT, front);
    struct ipc_header header = {.type = type, .session = session};
    if (channel == NULL)
        return;
    /* A front that reads nothing for seconds holds up all others: its channel is shut, and the
     * next turn of the loop sees that it is. */
    if (ipc_send_wait(channel->source.fd, &header, body, size, NULL, 0) == IPC_AGAIN)
        (void)shutdown(channel->source.fd, SHUT_RDWR);
}

static void
done_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    auth_verified(LOOP_OWNER(source, struct auth_role, done));
}

static void
on_check(struct auth_channel *front, uint64_t session, const struct ipc_check *check)
{
    struct auth_role *role = front->role;
    struct auth_try try = {.front = front->number, .session = session, .from = check->from};
    struct pop_view name = {check->user.data, check->user.len};
    /* Who is banned hears that every name is right, and is refused at PASS. */
    struct ipc_checked checked = {.known = true};
    if (penalty_ban_left(role->penalty, &try.from, clock_ms()) > 0) {
        auth_answer(role, front->number, IPC_CHECKED, session, &checked, sizeof checked);
        return;
    }
    struct auth_seek *seek = auth_seek_new(role, AUTH_GOAL_NAME, &try, name);
    if (seek != NULL)
        auth_seek_go(role, seek);
}

/* False: front must not send this now. */
static bool
on_front(struct auth_channel *front, const struct ipc_packet *packet)
{
    const void *body = packet->body;
    uint64_t session = packet->header.session;
    switch ((enum ipc_type)packet->header.type) {
    case IPC_LOGIN:
        auth_login(front, session, body);
        break;
    case IPC_APOP:
        if (!auth_apop(front, session, body))
            return false;
        break;
    case IPC_CHECK:
        on_check(front, session, body);
        break;
    default:
        if (!auth_sasl_message(front, packet))
            return false;
    }
    auth_offer(front->role, NULL); /* a lookup may have read the users anew */
    return true;
}

static void
channel_lost(struct auth_channel *channel, const char *what)
{
    CHECK(channel->peer != IPC_STORE || channel->number > 0); /* that of an owner ends alone */
    log_error(
        "%s %u sent %s: its channel is closed", ipc_role_name(channel->peer), channel->number,
        what);
    channel_close(channel);
}

static void
channel_ready(struct loop_source *source, uint32_t events)
{
    struct auth_channel *channel = LOOP_OWNER(source, struct auth_channel, source);
    struct ipc_packet packet;
    (void)events;
    enum ipc_result result = ipc_receive(source->fd, channel->peer, IPC_AUTH, &packet);
    switch (result) {
    case IPC_OK: { /* store has nothing to tell auth: no message of it is valid here */
        bool allowed = channel->peer == IPC_FRONT ? on_front(channel, &packet)
                                                  : auth_source_message(channel, &packet);
        explicit_bzero(packet.body, packet.body_size);
        ipc_packet_finish(&packet);
        if (!allowed)
            channel_lost(channel, "what it must not");
        break;
    }
    case IPC_AGAIN:
        break;
    case IPC_BAD:
    case IPC_NO_FDS:
        channel_lost(channel, "a malformed message");
        break;
    case IPC_CLOSED:
        channel_close(channel);
        break;
    }
}

/* ---- what the parent says ---- */

static void
on_channel(struct auth_role *role, const struct ipc_channel_info *info, int fd)
{
    struct err err;
    struct auth_channel *old =
        info->role != IPC_FRONT ? auth_channel_find(role, info->role, info->number) : NULL;
    if (old != NULL)
        channel_close(old);
    struct auth_channel *channel = calloc(1, sizeof *channel);
    CHECK(channel != NULL);
    *channel = (struct auth_channel){
        .source = {.fd = fd, .ready = channel_ready},
        .next = role->channels,
        .role = role,
        .peer = info->role,
        .number = info->number,
    };
    role->channels = channel;
    CHECK(loop_add(&role->loop, &channel->source, EPOLLIN, &err) == ERR_OK);
    if (role->started && channel->peer == IPC_FRONT)
        auth_offer(role, channel);
    if (info->request > 0 && !auth_owner_found(role, info->request, info->number))
        channel_close(channel);
}

static void
on_source(struct auth_role *role, const struct ipc_auth_source *message)
{
    CHECK(!role->started && role->source_count < CONF_SECTIONS_MAX);
    struct auth_source *source = &role->sources[role->source_count++];
    source->kind = message->kind;
    if (source->kind != SOURCE_PASSWD_FILE)
        return;
    source->path = strndup(message->file.data, message->file.len);
    CHECK(source->path != NULL);
}

/*
 * A user file is exchanged by a rename, so that what stays within reach is its
 * folder: Landlock knows folders and files that are there, not names. Hashing
 * threads come between the two steps; see sandbox.h.
 */
static void
enter_sandbox(struct auth_role *role)
{
    struct sandbox_folder folders[2 * CONF_SECTIONS_MAX];
    size_t count = 0;
    struct err err;
    for (size_t i = 0; i < role->source_count; i++) {
        int fds[2];
        const char *path = role->sources[i].path;
        size_t found = path != NULL ? sandbox_folders_of(path, fds) : 0;
        for (size_t j = 0; j < found; j++)
            folders[count++] = (struct sandbox_folder){fds[j], SANDBOX_READ};
    }
    sandbox_limit_files(IPC_AUTH, folders, count);
    for (size_t i = 0; i < count; i++)
        (void)close(folders[i].fd); /* they were only named */
    if (verifier_new(&role->verifier, &err) != ERR_OK) {
        log_error("%s", err.text);
        exit(EXIT_FAILURE);
    }
    sandbox_limit_calls(IPC_AUTH);
    role->done = (struct loop_source){.fd = verifier_fd(role->verifier), .ready = done_ready};
    CHECK(loop_add(&role->loop, &role->done, EPOLLIN, &err) == ERR_OK);
}

/* A file that cannot be read now leaves the source out: its users cannot log in, and the log
 * says why. */
static void
open_source(struct auth_source *source)
{
    struct err err;
    if (source->path == NULL)
        return;
    if (passwd_file_open(&source->file, source->path, report, &err) != ERR_OK)
        log_error("%s", err.text);
    free(source->path);
    source->path = NULL;
}

static void
on_start(struct auth_role *role)
{
    CHECK(!role->started);
    enter_sandbox(role);
    for (size_t i = 0; i < role->source_count; i++)
        open_source(&role->sources[i]);
    role->started = true;
    auth_offer(role, NULL);
    role_ready();
}

static void
on_settings(struct auth_role *role, const struct ipc_auth_settings *settings)
{
    struct penalty_rules rules = {
        .delay_ms = settings->failure_delay_ms,
        .delay_max_ms = settings->failure_delay_max_ms,
        .failures_max = settings->failures_per_address,
        .window_ms = 1000 * settings->failure_window_seconds,
    };
    penalty_set_rules(role->penalty, &rules);
    auth_memory_set_seconds(role->memory, settings->password_memory_seconds);
    role->mechanisms = settings->mechanisms;
    role->login_delay_seconds = settings->login_delay_seconds;
    role->apop = settings->apop != 0;
    role->certificates = settings->certificates != 0;
    role->owners = (enum ipc_owners)settings->owners;
    role->owner_processes = settings->owner_processes;
    role->failure_delay_ms = settings->failure_delay_ms;
    role->failure_window_seconds = settings->failure_window_seconds;
}

static void
on_control(struct auth_role *role, struct ipc_packet *packet)
{
    const void *body = packet->body;
    switch ((enum ipc_type)packet->header.type) {
    case IPC_AUTH_SETTINGS:
        on_settings(role, body);
        break;
    case IPC_AUTH_SOURCE:
        on_source(role, body);
        break;
    case IPC_CHANNEL:
        on_channel(role, body, ipc_packet_take_fd(packet, 0));
        break;
    case IPC_START:
        on_start(role);
        break;
    case IPC_NO_STORE:
        auth_owner_refused(role, body);
        break;
    case IPC_FORGET_STORE:
        auth_forget_store(role, ((const struct ipc_store_number *)body)->number);
        break;
    default:
        BUG("a message that the table gives to another role");
    }
}

static void
control_ready(struct loop_source *source, uint32_t events)
{
    struct auth_role *role = LOOP_OWNER(source, struct auth_role, control);
    struct ipc_packet packet;
    (void)events;
    while (role_receive(IPC_AUTH, &packet)) {
        on_control(role, &packet);
        ipc_packet_finish(&packet);
    }
}

static enum err_code
make_penalty(struct auth_role *role, struct err *err)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        return err_set(err, ERR_SYSTEM, "cannot get random octets");
    return penalty_new(&role->penalty, seed, err);
}

int
main(void)
{
    static struct auth_role role;
    struct err err;
    role_start(IPC_AUTH);
    role.control = (struct loop_source){.fd = ROLE_CONTROL_FD, .ready = control_ready};
    if (loop_init(&role.loop, &err) != ERR_OK ||
        exchange_library_new(&role.sasl, &err) != ERR_OK ||
        auth_memory_new(&role.memory, &err) != ERR_OK || make_penalty(&role, &err) != ERR_OK) {
        log_error("%s", err.text);
        return EXIT_FAILURE;
    }
    CHECK(loop_add(&role.loop, &role.control, EPOLLIN, &err) == ERR_OK);
    for (;;)
        loop_turn(&role.loop, auth_owner_expire(&role));
}
