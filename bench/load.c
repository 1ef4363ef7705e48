/* Connections, their users, and the time they take. What they say is load_session.c's. */
#include "load.h"

#include "base/check.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

/* Sessions that are being opened at a time: the listen queue is not what is measured. */
#define OPENING_MAX 16u

/* A run with as many failed sessions has nothing more to tell. */
#define ERRORS_MAX 20u

/* Without any octet for so long, the server hangs. */
#define SILENCE_MAX_NS 20000000000ll

#define USER_MAX 64

/* As much as a socket has at a time; larger reads are not filled. */
#define BUFFER_SIZE (256u << 10)

struct connection {
    struct loop_source source; /* fd -1: not connected */
    struct load *load;
    struct load_session session;
    char user[USER_MAX];
    uint32_t user_index;
    uint32_t events; /* that the loop watches for */
    int64_t begin_ns;
    bool done; /* QUIT was answered, the server has to close */
    bool held; /* LOAD_IDLE */
};

static int64_t
clock_ns(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static _Noreturn void
give_up(const char *what)
{
    (void)fprintf(stderr, "popload: %s: %s\n", what, strerror(errno));
    exit(EX_OSERR);
}

/* ---- users ---- */

/* The one whose last session is the longest ago, so that all have their turn. */
static uint32_t
user_take(struct load *load)
{
    CHECK(load->free_users > 0);
    load->free_users--;
    uint32_t user = load->user_ring[load->user_next];
    load->user_next = (load->user_next + 1) % load->users;
    return user;
}

static void
user_give_back(struct load *load, uint32_t user)
{
    load->user_ring[(load->user_next + load->free_users) % load->users] = user;
    load->free_users++;
}

/* ---- one connection ---- */

static bool
may_start(const struct load *load)
{
    int64_t limit_ns = load->milliseconds * 1000000ll;
    bool in_time = limit_ns == 0 || clock_ns() - load->begin_ns < limit_ns;
    return load->started < load->sessions_wanted && load->errors < ERRORS_MAX && in_time;
}

static int
connect_to(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        give_up("cannot make a socket");
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* only slower without */
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
        give_up("cannot connect");
    return fd;
}

static void connection_ready(struct loop_source *source, uint32_t events);

static void
connection_open(struct connection *connection)
{
    struct load *load = connection->load;
    connection->user_index = user_take(load);
    (void)snprintf(
        connection->user, sizeof connection->user, "%s%" PRIu32, load->user,
        connection->user_index);
    load_session_init(
        &connection->session, load->mode, connection->user, load->password, load->pipelining);
    connection->done = connection->held = false;
    connection->begin_ns = clock_ns();

    struct err err;
    connection->events = EPOLLIN; /* the server speaks first */
    connection->source = (struct loop_source){connect_to(load->port), connection_ready};
    if (loop_add(&load->loop, &connection->source, connection->events, &err) != ERR_OK)
        give_up("cannot watch a connection");
    load->open++;
    load->started++;
}

/* The session is over, well or not: the next one takes its place. */
static void
connection_close(struct connection *connection)
{
    struct load *load = connection->load;
    loop_remove(&load->loop, &connection->source);
    (void)close(connection->source.fd); /* all of it was read */
    connection->source.fd = -1;
    load->open--;
    load->held -= connection->held;
    user_give_back(load, connection->user_index);
    if (load->mode != LOAD_IDLE && may_start(load))
        connection_open(connection);
}

static void
connection_failed(struct connection *connection, const char *problem)
{
    if (connection->load->errors++ == 0)
        (void)fprintf(stderr, "popload: %s: %s\n", connection->user, problem);
    connection_close(connection);
}

static void
connection_finished(struct connection *connection)
{
    struct load *load = connection->load;
    int64_t took_us = (clock_ns() - connection->begin_ns) / 1000;
    load->latencies_us[load->sessions++] =
        took_us < UINT32_MAX ? (uint32_t)took_us : UINT32_MAX;
    load->messages += connection->session.retrieved;
    load->octets += connection->session.octets;
    connection_close(connection);
}

/* Sends what the session has to say, and waits for room if there is none. False: errno. */
static bool
connection_send(struct connection *connection)
{
    struct pop_buffer *out = &connection->session.out;
    load_session_fill(&connection->session);
    if (out->len > 0) {
        ssize_t sent = send(connection->source.fd, out->data, out->len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return false;
        size_t taken = sent > 0 ? (size_t)sent : 0;
        memmove(out->data, out->data + taken, out->len - taken);
        out->len -= taken;
    }
    uint32_t events = EPOLLIN | (out->len > 0 ? EPOLLOUT : 0);
    struct err err;
    if (events != connection->events &&
        loop_modify(&connection->load->loop, &connection->source, events, &err) != ERR_OK)
        give_up("cannot watch a connection");
    connection->events = events;
    return true;
}

/* False: the connection is closed, and may be the next session's already. */
static bool
connection_receive(struct connection *connection)
{
    struct load *load = connection->load;
    struct load_session *session = &connection->session;
    ssize_t got = recv(connection->source.fd, load->buffer, BUFFER_SIZE, 0);
    if (got < 0 && errno == EAGAIN)
        return true;
    if (got <= 0) {
        if (got == 0 && connection->done)
            connection_finished(connection);
        else
            connection_failed(
                connection, got < 0 ? strerror(errno) : "the server closed the connection");
        return false;
    }
    load->last_octet_ns = clock_ns();
    struct pop_view in = {load->buffer, (size_t)got};
    enum load_step step = load_session_next(session, &in);
    if (step == LOAD_STEP_FAILED) {
        connection_failed(connection, session->problem);
        return false;
    }
    connection->done |= step == LOAD_STEP_DONE;
    return true;
}

static void
connection_ready(struct loop_source *source, uint32_t events)
{
    struct connection *connection = LOOP_OWNER(source, struct connection, source);
    if ((events & ~(uint32_t)EPOLLOUT) != 0 && !connection_receive(connection))
        return;
    if (!connection_send(connection)) {
        connection_failed(connection, strerror(errno));
        return;
    }
    if (!connection->held && load_session_is_held(&connection->session)) {
        connection->held = true;
        connection->load->held++;
    }
}

/* ---- the whole run ---- */

void
load_init(struct load *load)
{
    CHECK(load->connection_count <= load->users);
    struct err err;
    load->connections = calloc(load->connection_count, sizeof *load->connections);
    load->user_ring = calloc(load->users, sizeof *load->user_ring);
    load->latencies_us = calloc(LOAD_SESSIONS_MAX, sizeof *load->latencies_us);
    load->buffer = malloc(BUFFER_SIZE);
    if (load->connections == NULL || load->user_ring == NULL || load->latencies_us == NULL ||
        load->buffer == NULL || loop_init(&load->loop, &err) != ERR_OK)
        give_up("cannot start");
    for (uint32_t i = 0; i < load->connection_count; i++) {
        load->connections[i].load = load;
        load->connections[i].source.fd = -1;
    }
    for (uint32_t i = 0; i < load->users; i++)
        user_give_back(load, i);
    load->begin_ns = load->last_octet_ns = clock_ns();
}

void
load_finish(struct load *load)
{
    loop_finish(&load->loop);
    free(load->buffer);
    free(load->latencies_us);
    free(load->user_ring);
    free(load->connections);
}

static void
turn(struct load *load)
{
    loop_turn(&load->loop, 1000);
    if (clock_ns() - load->last_octet_ns > SILENCE_MAX_NS) {
        (void)fprintf(stderr, "popload: the server is silent\n");
        exit(EX_UNAVAILABLE);
    }
}

static void
take_time(struct load *load)
{
    load->seconds = (double)(clock_ns() - load->begin_ns) / 1e9;
}

void
load_run(struct load *load)
{
    for (uint32_t i = 0; i < load->connection_count && may_start(load); i++)
        connection_open(&load->connections[i]);
    while (load->open > 0)
        turn(load);
    take_time(load);
}

/* Opens a few more of the idle sessions. False: all are logged in, or have failed. */
static bool
open_more(struct load *load)
{
    while (load->started < load->connection_count && load->errors < ERRORS_MAX &&
           load->open - load->held < OPENING_MAX)
        connection_open(&load->connections[load->started]);
    return load->open > load->held;
}

void
load_hold(struct load *load)
{
    while (open_more(load))
        turn(load);
    take_time(load);
}

static void
on_input(struct loop_source *source, uint32_t events)
{
    struct load *load = LOOP_OWNER(source, struct load, input);
    char octets[64];
    (void)events;
    if (read(source->fd, octets, sizeof octets) <= 0)
        load->released = true;
}

void
load_release(struct load *load)
{
    struct err err;
    load->input = (struct loop_source){STDIN_FILENO, on_input};
    if (loop_add(&load->loop, &load->input, EPOLLIN, &err) != ERR_OK)
        give_up("cannot wait for the end of standard input");
    while (!load->released)
        loop_turn(&load->loop, -1);
    loop_remove(&load->loop, &load->input);

    load->last_octet_ns = clock_ns();
    for (uint32_t i = 0; i < load->connection_count; i++) {
        struct connection *connection = &load->connections[i];
        connection->session.released = true;
        if (connection->source.fd >= 0 && !connection_send(connection))
            connection_failed(connection, strerror(errno));
    }
    while (load->open > 0)
        turn(load);
}
