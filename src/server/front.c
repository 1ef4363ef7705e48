/* Front's start: the control channel, listeners and timers. */
#include "server/front.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/role.h"
#include "server/sandbox.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* Connections taken from one listener before the sessions get their turn. */
enum { ACCEPTS_PER_TURN = 64 };

static void
listeners_close(struct front *front)
{
    for (size_t i = 0; i < front->listener_count; i++) {
        if (front->open)
            loop_remove(&front->loop, &front->listeners[i].source);
        (void)close(front->listeners[i].source.fd); /* the parent has its own */
    }
    front->listener_count = 0;
}

/* The parent is told before an octet of the client is read: it never listens to a front that a
 * client may have taken over. */
void
front_taken(struct front *front)
{
    struct ipc_header header = {.type = IPC_TAKEN};
    struct ipc_taken taken = {.claimed = front->claimed};
    if (!front->settings.single || front->draining)
        return;
    /* A lost parent shows as EOF. */
    (void)ipc_send(ROLE_CONTROL_FD, &header, &taken, sizeof taken, NULL, 0);
    listeners_close(front);
    front->draining = true;
}

/* A session begins. False: it is the last one of this front. One that was turned away, of whose
 * client nothing was read, is not. */
static bool
accepted(struct front_listener *listener, int fd, const struct sockaddr_storage *peer)
{
    struct front *front = listener->front;
    session_accept(listener, fd, peer);
    if (front->session_count > 0 || front->claimed != TALLY_NONE)
        front_taken(front); /* also while its refusal is still on the way */
    return !front->draining;
}

static void
listener_ready(struct loop_source *source, uint32_t events)
{
    struct front_listener *listener = LOOP_OWNER(source, struct front_listener, source);
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof peer;
        int fd = accept4(
            source->fd, (struct sockaddr *)(void *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0 && accepted(listener, fd, &peer))
            continue;
        if (fd >= 0)
            return;
        /* Another front was faster, or the client has gone again. A full descriptor table is
         * the operator's to mend; the connection stays in the backlog. */
        if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
            log_error("cannot accept a connection: %m");
        return;
    }
}

static void
on_listener(struct front *front, const struct ipc_listener *info, int fd)
{
    CHECK(front->listener_count < FRONT_LISTENERS_MAX);
    struct front_listener *listener = &front->listeners[front->listener_count++];
    *listener = (struct front_listener){
        .source = {.fd = fd, .ready = listener_ready},
        .front = front,
        .tls = info->tls != 0,
        .proxy_count = info->proxy_count,
    };
    memcpy(listener->proxies, info->proxies, sizeof listener->proxies);
}

static void
on_channel(struct front *front, const struct ipc_channel_info *info, int fd)
{
    CHECK(info->role == IPC_AUTH || info->role == IPC_STORE || info->role == IPC_KEYS);
    if (info->role == IPC_KEYS) {
        front_keys(front, fd);
        return;
    }
    if (info->role == IPC_STORE && info->number > 0)
        link_add_owner(front, info->number, fd);
    else
        link_open(info->role == IPC_AUTH ? &front->auth : &front->store, fd);
}

/* With the durations that are set: 0, never, until the settings are there. */
static void
init_timers(struct front *front)
{
    const struct ipc_front_settings *settings = &front->settings;
    timer_queue_init(&front->login_timers, 1000ll * settings->login_seconds);
    timer_queue_init(&front->idle_timers, 1000ll * settings->idle_seconds);
    timer_queue_init(&front->linger_timers, FRONT_LINGER_MS);
}

static void
set_config(struct front *front)
{
    const struct ipc_front_settings *settings = &front->settings;
    memcpy(front->hostname, settings->hostname.data, settings->hostname.len);
    for (unsigned i = 0; i < FRONT_OFFERS; i++) {
        bool plain = i == FRONT_PLAIN || i == FRONT_PLAIN_REFUSED;
        struct front_offer *offer = &front->offers[i];
        offer->config = (struct pop_server_config){
            .hostname = {front->hostname, settings->hostname.len},
            .implementation = POP_VIEW("restante"),
            .mechanisms = offer->config.mechanisms, /* auth may have told already */
            .user_allowed = i != FRONT_PLAIN_REFUSED,
            .check_user = settings->check_user != 0,
            .mistakes_per_session = settings->mistakes_per_session,
            .commands_before_login = settings->commands_before_login,
            .login_delay = settings->login_delay_seconds,
            .stls = plain && front->tls != NULL, /* only if it can work (R8314-8) */
        };
    }
    init_timers(front);
}

/* The parent has told everything. */
static void
on_start(struct front *front)
{
    struct err err;
    CHECK(!front->started && front->tally_fd >= 0);
    set_config(front);
    const struct ipc_front_settings *settings = &front->settings;
    struct tally_size size = {
        .shared = settings->tally_rows - settings->tally_small,
        .single = settings->tally_small,
    };
    if (tally_map(&front->tally, front->tally_fd, size, settings->tally_row, &err) != ERR_OK) {
        log_error("%s", err.text);
        exit(EXIT_FAILURE);
    }
    front->started = true;
    front_open(front);
}

void
front_open(struct front *front)
{
    struct err err;
    if (!front->started || !front->offering || front->open)
        return;
    for (size_t i = 0; i < front->listener_count; i++) {
        uint32_t events = EPOLLIN | EPOLLEXCLUSIVE; /* one front wakes for one connection */
        CHECK(loop_add(&front->loop, &front->listeners[i].source, events, &err) == ERR_OK);
    }
    front->open = true;
    role_ready();
}

static void
on_control(struct front *front, struct ipc_packet *packet)
{
    const void *body = packet->body;
    switch ((enum ipc_type)packet->header.type) {
    case IPC_FRONT_SETTINGS:
        front->settings = *(const struct ipc_front_settings *)body;
        break;
    case IPC_LISTENER:
        on_listener(front, body, ipc_packet_take_fd(packet, 0));
        break;
    case IPC_CLIENT_CA:
        front_client_ca(front, ipc_packet_take_fd(packet, 0));
        break;
    case IPC_CERTIFICATE:
        front_certificate(front, body, packet->fds[0]);
        break;
    case IPC_TICKETS:
        front_tickets(front, body);
        break;
    case IPC_TALLY:
        front->tally_fd = ipc_packet_take_fd(packet, 0);
        break;
    case IPC_CHANNEL:
        on_channel(front, body, ipc_packet_take_fd(packet, 0));
        break;
    case IPC_START:
        on_start(front);
        break;
    case IPC_GIVE_WAY:
        admit_give_way(front);
        break;
    case IPC_DRAIN:
        listeners_close(front);
        front->draining = true;
        break;
    default:
        BUG("a message that the table gives to another role");
    }
}

static void
control_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    front_hear_parent(LOOP_OWNER(source, struct front, control));
}

void
front_hear_parent(struct front *front)
{
    struct ipc_packet packet;
    while (role_receive(IPC_FRONT, &packet)) {
        on_control(front, &packet);
        ipc_packet_finish(&packet);
    }
}

/* ---- timers and turns ---- */

static void
run_timers(struct front *front, int64_t now)
{
    struct timer *timer;
    while ((timer = timer_next_due(&front->login_timers, now)) != NULL)
        session_end(
            LOOP_OWNER(timer, struct session, deadline),
            "no login in time (limit: login-seconds)");
    while ((timer = timer_next_due(&front->idle_timers, now)) != NULL) { /* R1939-15 */
        struct session *session = LOOP_OWNER(timer, struct session, deadline);
        session_end(
            session, session->blocked != NULL ? "reads too slowly (limit: reader-octets)"
                                              : "idle for too long (limit: idle-seconds)");
    }
    while ((timer = timer_next_due(&front->linger_timers, now)) != NULL)
        session_done(LOOP_OWNER(timer, struct session, delay));
    for (size_t i = 0; i < front->delay_count; i++) {
        while ((timer = timer_next_due(&front->delay_timers[i], now)) != NULL) {
            struct session *session = LOOP_OWNER(timer, struct session, delay);
            session->answered = true;
            session_run(session);
        }
    }
}

static int64_t
wait_time(const struct front *front, int64_t now)
{
    int64_t wait = front->runnable != NULL ? 0 : -1;
    wait = timer_wait_ms(&front->login_timers, now, wait);
    wait = timer_wait_ms(&front->idle_timers, now, wait);
    wait = timer_wait_ms(&front->linger_timers, now, wait);
    for (size_t i = 0; i < front->delay_count; i++)
        wait = timer_wait_ms(&front->delay_timers[i], now, wait);
    return wait;
}

/* Descriptors for messages read ahead: a quarter of what the process may have. */
static uint32_t
descriptors_max(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return FETCH_BATCH_MAX;
    rlim_t quarter = limit.rlim_cur / 4;
    return quarter > 65536 ? 65536 : (uint32_t)quarter;
}

int
main(void)
{
    static struct front front; /* too large for the stack */
    struct err err;
    role_start(IPC_FRONT);

    front.tally_fd = -1;
    front.keys_fd = -1;
    front.claimed = TALLY_NONE;
    front.client_ca_fd = -1;
    front.control = (struct loop_source){.fd = ROLE_CONTROL_FD, .ready = control_ready};
    front.auth = (struct link){.source = {.fd = -1}, .front = &front, .peer = IPC_AUTH};
    front.store = (struct link){.source = {.fd = -1}, .front = &front, .peer = IPC_STORE};
    front.descriptors_max = descriptors_max();
    init_timers(&front);
    front.output = malloc(FRONT_OUTPUT_MAX);
    front.chunk = malloc(FRONT_READ_MAX);
    if (front.output == NULL || front.chunk == NULL || loop_init(&front.loop, &err) != ERR_OK ||
        loop_add(&front.loop, &front.control, EPOLLIN, &err) != ERR_OK) {
        log_error("no memory to start");
        return EXIT_FAILURE;
    }
    /* Even its settings are read inside: front never needs a path. */
    sandbox_limit_files(IPC_FRONT, NULL, 0);
    sandbox_limit_calls(IPC_FRONT);
    while (!front.draining || front.session_count > 0) {
        loop_turn(&front.loop, wait_time(&front, clock_ms()));
        session_run_waiting(&front);
        if (front.open)
            run_timers(&front, clock_ms());
    }
    return EXIT_SUCCESS;
}
