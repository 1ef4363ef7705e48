/* Store's start: the control channel, the channels and the threads that serve them. */
#include "server/store.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/location.h"
#include "server/role.h"
#include "server/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void
channel_watch(struct store_role *role, struct store_channel *channel, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = channel};
    CHECK(epoll_ctl(role->epoll_fd, operation, channel->fd, &event) == 0);
}

void
store_channel_hold(struct store_role *role, struct store_channel *channel)
{
    (void)pthread_mutex_lock(&role->lock);
    channel->users++;
    (void)pthread_mutex_unlock(&role->lock);
}

void
store_channel_release(struct store_role *role, struct store_channel *channel)
{
    (void)pthread_mutex_lock(&role->lock);
    bool last = --channel->users == 0;
    struct store_channel **place = &role->channels;
    while (last && *place != channel)
        place = &(*place)->next;
    if (last)
        *place = channel->next;
    (void)pthread_mutex_unlock(&role->lock);
    if (!last)
        return;
    (void)close(channel->fd); /* nothing to lose: it was shut before */
    free(channel);
}

void
store_channel_next(struct store_role *role, struct store_channel *channel)
{
    store_channel_hold(role, channel); /* for the thread that will get it */
    channel_watch(role, channel, EPOLL_CTL_MOD);
}

static void
on_channel(struct store_role *role, const struct ipc_channel_info *info, int fd)
{
    struct store_channel *channel = calloc(1, sizeof *channel);
    CHECK(channel != NULL);
    *channel = (struct store_channel){
        .fd = fd,
        .peer = info->role,
        .number = info->number,
        .users = 1, /* the thread that gets its first message */
    };
    (void)pthread_mutex_lock(&role->lock);
    channel->next = role->channels;
    role->channels = channel;
    if (channel->peer == IPC_FRONT && channel->number > role->newest_front)
        role->newest_front = channel->number;
    (void)pthread_cond_broadcast(&role->front_added);
    (void)pthread_mutex_unlock(&role->lock);
    channel_watch(role, channel, EPOLL_CTL_ADD);
}

bool
store_channel_closed(struct store_role *role, struct store_channel *channel)
{
    (void)pthread_mutex_lock(&role->lock);
    bool closed = channel->closed;
    (void)pthread_mutex_unlock(&role->lock);
    return closed;
}

void
store_begin(struct store_role *role)
{
    (void)pthread_mutex_lock(&role->lock);
    role->busy++;
    (void)pthread_mutex_unlock(&role->lock);
}

static bool
has_ended(const struct store_role *role)
{
    return role->settings.owned && role->auth_gone && role->busy == 0;
}

void
store_done(struct store_role *role)
{
    (void)pthread_mutex_lock(&role->lock);
    role->busy--;
    role->idle_ms = clock_ms();
    bool ended = has_ended(role);
    (void)pthread_mutex_unlock(&role->lock);
    if (ended)
        exit(EXIT_SUCCESS);
}

static void
auth_lost(struct store_role *role)
{
    (void)pthread_mutex_lock(&role->lock);
    role->auth_gone = true;
    bool ended = has_ended(role);
    (void)pthread_mutex_unlock(&role->lock);
    if (ended)
        exit(EXIT_SUCCESS);
}

/*
 * The store of one owner tells when it has had nothing to do for a while. The
 * parent then has auth let go of it. What auth had sent before is read first,
 * and done. Returns how long to wait until then, or -1.
 */
static int
tell_idle(struct store_role *role)
{
    int64_t limit_ms = 1000ll * role->settings.idle_seconds;
    if (!role->settings.owned || limit_ms == 0)
        return -1;
    (void)pthread_mutex_lock(&role->lock);
    bool waits = role->busy == 0 && !role->idle_told;
    int64_t left_ms = waits ? role->idle_ms + limit_ms - clock_ms() : -1;
    bool now = waits && left_ms <= 0;
    role->idle_told = role->idle_told || now;
    (void)pthread_mutex_unlock(&role->lock);
    struct ipc_header header = {.type = IPC_IDLE};
    if (now)
        (void)ipc_send(ROLE_CONTROL_FD, &header, NULL, 0, NULL, 0); /* a lost parent shows */
    return now ? -1 : (int)left_ms;
}

/* Two threads may find it bad at once. One that waits for its next message is told by this. */
static void
channel_close(struct store_role *role, struct store_channel *channel)
{
    (void)pthread_mutex_lock(&role->lock);
    bool done = channel->closed;
    channel->closed = true;
    (void)pthread_mutex_unlock(&role->lock);
    if (done)
        return;
    store_front_lost(role, channel);
    (void)shutdown(channel->fd, SHUT_RDWR);
    if (channel->peer == IPC_AUTH)
        auth_lost(role);
}

static void
serve(struct store_role *role, struct store_channel *channel)
{
    struct ipc_packet packet;
    enum ipc_result result = ipc_receive(channel->fd, channel->peer, IPC_STORE, &packet);
    switch (result) {
    case IPC_OK:
        if (channel->peer == IPC_AUTH) {
            store_begin(role); /* before another thread can see that auth has let go */
            store_channel_next(role, channel);
            store_open(role, &packet.header, (const void *)packet.body);
            store_done(role);
        } else if (!store_message(role, channel, &packet)) {
            log_error(
                "front %u sent %s where it must not: its channel is closed", channel->number,
                ipc_type_name(packet.header.type));
            channel_close(role, channel);
        }
        ipc_packet_finish(&packet);
        break;
    case IPC_AGAIN:
        store_channel_next(role, channel);
        break;
    case IPC_BAD:
    case IPC_NO_FDS:
        CHECK(channel->peer == IPC_FRONT);
        log_error("front %u sent a malformed message: its channel is closed", channel->number);
        channel_close(role, channel);
        break;
    case IPC_CLOSED:
        channel_close(role, channel);
        break;
    }
}

static void *
serving_thread(void *argument)
{
    struct store_role *role = argument;
    for (;;) {
        struct epoll_event event;
        int wait = store_expire_waiting(role);
        int idle = tell_idle(role);
        if (idle >= 0 && (wait < 0 || idle < wait))
            wait = idle;
        int count = epoll_wait(role->epoll_fd, &event, 1, wait);
        CHECK(count >= 0 || errno == EINTR);
        if (count <= 0)
            continue;
        struct store_channel *channel = event.data.ptr;
        if (!store_channel_closed(role, channel))
            serve(role, channel);
        store_channel_release(role, channel);
    }
    return NULL;
}

static void
on_settings(struct store_role *role, const struct ipc_store_settings *settings)
{
    char engine[USER_NAME_MAX + 1];
    memcpy(engine, settings->engine.data, settings->engine.len);
    engine[settings->engine.len] = '\0';
    CHECK(settings->location.len < sizeof role->location);
    role->settings = *settings;
    role->engine = store_engine(engine);
    memcpy(role->location, settings->location.data, settings->location.len);
    role->location[settings->location.len] = '\0';
    CHECK(role->engine != NULL); /* the configuration was checked */
}

/* The folder that all maildrops are in stays within reach. */
static void
limit_files(const struct store_role *role)
{
    char root[PATH_LEN_MAX];
    char wanted[PATH_LEN_MAX];
    location_root(role->location, root);
    if (role->settings.root.len > 0) {
        CHECK(role->settings.root.len < sizeof root);
        memcpy(root, role->settings.root.data, role->settings.root.len);
        root[role->settings.root.len] = '\0';
    }
    memcpy(wanted, root, sizeof wanted);
    struct sandbox_folder folder = {sandbox_folder_open(root), SANDBOX_MAILDROPS};
    if (folder.fd >= 0 && strcmp(root, wanted) != 0)
        log_warning(
            "there is no folder '%s' yet: until the next start or reload the sandbox gives "
            "store all of '%s'",
            wanted, root);
    if (folder.fd < 0)
        log_error("cannot open '%s': %m", wanted);
    sandbox_limit_files(IPC_STORE, &folder, folder.fd >= 0);
    if (folder.fd >= 0)
        (void)close(folder.fd); /* it was only named */
}

/* Threads come between the two steps of the sandbox; see sandbox.h. The lock keeps them from
 * their first message until the second is done. */
static void
on_start(struct store_role *role)
{
    limit_files(role);
    role->idle_ms = clock_ms();
    (void)pthread_mutex_lock(&role->lock);
    for (int i = 0; i < STORE_THREADS; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, serving_thread, role) == 0);
        (void)pthread_detach(thread);
    }
    sandbox_limit_calls(IPC_STORE);
    (void)pthread_mutex_unlock(&role->lock);
    role_ready();
}

static void
on_control(struct store_role *role, struct ipc_packet *packet)
{
    const void *body = packet->body;
    switch ((enum ipc_type)packet->header.type) {
    case IPC_STORE_SETTINGS:
        on_settings(role, body);
        break;
    case IPC_CHANNEL:
        on_channel(role, body, ipc_packet_take_fd(packet, 0));
        break;
    case IPC_START:
        on_start(role);
        break;
    default:
        BUG("a message that the table gives to another role");
    }
}

int
main(void)
{
    static struct store_role role = {
        /* large */
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .front_added = PTHREAD_COND_INITIALIZER,
    };
    role_start(IPC_STORE);
    role.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    CHECK(role.epoll_fd >= 0);
    /* The control channel waits by itself in this thread; all else is the other threads'. */
    for (;;) {
        char octet;
        ssize_t peeked = recv(ROLE_CONTROL_FD, &octet, 1, MSG_PEEK);
        if (peeked == 0 || (peeked < 0 && errno != EINTR))
            exit(EXIT_SUCCESS); /* stopped; removals under way are whole or not at all */
        struct ipc_packet packet;
        if (!role_receive(IPC_STORE, &packet))
            continue;
        on_control(&role, &packet);
        ipc_packet_finish(&packet);
    }
}
