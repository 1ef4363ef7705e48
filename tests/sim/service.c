/* The server's end: does for libpop what front and store do, one small step at a time. */
#include "sim.h"

#include <stdlib.h>
#include <unistd.h>

void
pipe_write(struct sim *sim, struct pipe *pipe, struct pop_buffer *from)
{
    size_t room = sizeof pipe->data - pipe->len;
    size_t most = from->len < room ? from->len : room;
    if (most == 0 || pipe->closed)
        return;
    size_t len = sim_once_in(sim, 3) ? most : 1 + sim_below(sim, (uint32_t)most);
    for (size_t i = 0; i < len; i++) /* FNV-1a */
        sim->digest = (sim->digest ^ (unsigned char)from->data[i]) * 0x100000001b3u;
    memcpy(pipe->data + pipe->len, from->data, len);
    pipe->len += len;
    memmove(from->data, from->data + len, from->len - len);
    from->len -= len;
}

size_t
pipe_read(struct sim *sim, struct pipe *pipe, char *to, size_t room)
{
    size_t most = pipe->len < room ? pipe->len : room;
    if (most == 0)
        return 0;
    size_t len = sim_once_in(sim, 3) ? most : 1 + sim_below(sim, (uint32_t)most);
    memcpy(to, pipe->data, len);
    memmove(pipe->data, pipe->data + len, pipe->len - len);
    pipe->len -= len;
    return len;
}

void
service_open(struct connection *connection)
{
    struct service *service = &connection->service;
    *service = (struct service){.open = true, .message_fd = -1, .ahead_fd = -1};
    /* A small buffer finds more places where there is no room. */
    size_t cap = POP_REPLY_MAX + sim_below(connection->sim, 7 * POP_REPLY_MAX);
    service->out = (struct pop_buffer){service->out_data, 0, cap};
    connection->check_user = sim_once_in(connection->sim, 2);
    connection->config = (struct pop_server_config){
        .hostname = POP_VIEW("pop.test"),
        .implementation = POP_VIEW("sim"),
        .user_allowed = true,
        .check_user = connection->check_user,
    };
    pop_server_init(&service->server, &connection->config);
    pop_server_greet(&service->server, &service->out);
}

static void
close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static void
service_close(struct connection *connection)
{
    struct service *service = &connection->service;
    close_fd(&service->message_fd);
    close_fd(&service->ahead_fd);
    if (service->store != NULL) {
        connection->sim->ops->close(service->store);
        service->store = NULL;
        service->drop->busy = false;
        drop_stamp(connection->sim, service->drop);
        drop_check(connection->sim, service->drop);
    }
    connection->down.closed = true;
    service->open = false;
}

void
service_kill(struct connection *connection)
{
    /* What was on its way may be lost from any octet on. */
    struct pipe *down = &connection->down;
    down->len = sim_below(connection->sim, (uint32_t)down->len + 1);
    connection->service.killed = true;
    connection->sim->counted[SIM_CUT]++;
    service_close(connection);
}

/* ---- login ---- */

static struct drop *
find_drop(struct sim *sim, struct pop_view user)
{
    for (size_t i = 0; i < DROPS; i++)
        if (pop_view_equal(user, pop_view_of(sim->drops[i].user)))
            return &sim->drops[i];
    return NULL;
}

static struct mail *
find_mail(struct drop *drop, struct pop_view uid)
{
    for (uint32_t i = 0; i < drop->count; i++)
        if (pop_view_equal(uid, pop_view_of(drop->mails[i]->uid)))
            return drop->mails[i];
    return NULL;
}

static void
note_login(struct connection *connection, enum login login)
{
    uint32_t slot = (connection->logins_head + connection->logins_waiting++) % QUEUE_MAX;
    connection->sim->counted[SIM_LOGINS] += login == LOGIN_RIGHT;
    connection->sim->counted[SIM_BUSY] += login == LOGIN_BUSY;
    connection->logins[slot] = login;
}

/* The time that orders messages: digits before the first dot. */
static unsigned long
time_of(const struct mail *mail)
{
    char *end;
    unsigned long time = strtoul(mail->base, &end, 10);
    return *end == '.' && end != mail->base ? time : 0;
}

static bool
is_before(const struct sim *sim, const struct mail *a, const struct mail *b)
{
    if (sim->ops == &store_memory)
        return a->delivered_at <= b->delivered_at;
    if (time_of(a) != time_of(b))
        return time_of(a) < time_of(b);
    return strcmp(a->base, b->base) < 0;
}

static void *
array_of(const struct sim *sim, size_t count, size_t size)
{
    void *array = calloc(count + 1, size);
    SIM_CHECK(sim, array != NULL, "no memory");
    return array;
}

/*
 * The session's view: each unique-id belongs to a mail, each mail that lay
 * there all the while is in it, none that was gone before. What came or went
 * while store was looking may be in it or not.
 */
static void
make_view(
    struct connection *connection, struct drop *drop, const struct pop_maildrop *maildrop,
    uint64_t since)
{
    struct sim *sim = connection->sim;
    struct view *view = &connection->view;
    bool *seen = array_of(sim, drop->count, sizeof *seen);
    *view = (struct view){.count = maildrop->count};
    view->mails = array_of(sim, view->count, sizeof *view->mails);
    view->sizes = array_of(sim, view->count, sizeof *view->sizes);
    for (uint32_t i = 0; i < view->count; i++) {
        struct pop_view uid = pop_maildrop_uid(maildrop, i);
        struct mail *mail = find_mail(drop, uid);
        SIM_CHECK(
            sim, mail != NULL, "the unique-id '%.*s' is nobody's", (int)uid.len, uid.data);
        SIM_CHECK(sim, mail->removed_at >= since, "%s is listed but gone", mail->base);
        SIM_CHECK(
            sim, i == 0 || is_before(sim, view->mails[i - 1], mail), "%s is not in order",
            mail->base);
        view->mails[i] = mail;
        view->sizes[i] = maildrop->messages[i].size;
        view->octets += view->sizes[i];
        SIM_CHECK(
            sim, view->sizes[i] == mail->wire_len || view->sizes[i] == mail->claim,
            "%s has %zu octets, not %llu", mail->base, mail->wire_len,
            (unsigned long long)view->sizes[i]);
    }
    SIM_CHECK(sim, view->octets == maildrop->octets, "the sum of the sizes is wrong");
    for (uint32_t i = 0; i < view->count; i++)
        for (uint32_t k = 0; k < drop->count; k++)
            seen[k] = seen[k] || drop->mails[k] == view->mails[i];
    for (uint32_t k = 0; k < drop->count; k++) {
        const struct mail *mail = drop->mails[k];
        bool there = mail->alive && mail->delivered_at < since;
        SIM_CHECK(sim, !there || seen[k], "%s is not listed", mail->base);
    }
    free(seen);
}

static void
on_login(struct connection *connection, const struct pop_server_event *event)
{
    struct sim *sim = connection->sim;
    struct service *service = &connection->service;
    struct pop_server *server = &service->server;
    struct drop *drop = find_drop(sim, event->user);
    struct snapshot snapshot;
    struct err err;
    if (drop == NULL || !pop_view_equal(event->password, POP_VIEW("right"))) {
        note_login(connection, LOGIN_WRONG);
        pop_server_login_refused(server, POP_REFUSAL_AUTH, &service->out);
        return;
    }
    uint64_t since = ++sim->step;
    drop_watch(sim, drop);
    enum err_code code = sim->ops->open(&service->store, drop->path, &err);
    drop_watch(sim, NULL);
    SIM_CHECK(sim, code == ERR_OK || code == ERR_BUSY, "cannot open: %s", err.text);
    SIM_CHECK(
        sim, (code == ERR_BUSY) == drop->busy, "busy is %d although it should be %d",
        code == ERR_BUSY, drop->busy);
    if (code == ERR_BUSY) {
        service->store = NULL;
        note_login(connection, LOGIN_BUSY);
        pop_server_login_refused(server, POP_REFUSAL_IN_USE, &service->out);
        return;
    }
    if (snapshot_open(sim->ops->snapshot(service->store), &snapshot, &err) != ERR_OK)
        sim_fail(sim, "%s", err.text);
    service->drop = drop;
    drop->busy = true;
    make_view(connection, drop, &snapshot.maildrop, since);
    sim->step++;
    uint32_t count = snapshot.maildrop.count;
    service->marks = array_of(sim, pop_server_marks_size(count), 1);
    note_login(connection, LOGIN_RIGHT);
    pop_server_login_accepted(server, &snapshot.maildrop, service->marks, &service->out);
}

/* ---- messages ---- */

static enum err_code
open_message(struct connection *connection, uint32_t index, int *ret_fd)
{
    struct err err;
    struct service *service = &connection->service;
    struct sim *sim = connection->sim;
    sim->step++;
    drop_watch(sim, sim_once_in(sim, 4) ? service->drop : NULL);
    enum err_code code = sim->ops->message_open(service->store, index, ret_fd, &err);
    drop_watch(sim, NULL);
    sim->step++;
    if (code == ERR_OK)
        return code;
    const struct mail *mail = connection->view.mails[index];
    bool gone = code == ERR_NOT_FOUND && !mail->alive;
    bool lied = code == ERR_CHANGED && connection->view.sizes[index] != mail->wire_len;
    SIM_CHECK(sim, gone || lied, "%s cannot be opened: %s", mail->base, err.text);
    return code;
}

static void
on_fetch(struct connection *connection, uint32_t index)
{
    struct service *service = &connection->service;
    enum err_code code = ERR_OK;
    if (service->ahead_fd >= 0 && service->ahead_index == index) {
        service->message_fd = service->ahead_fd;
        service->ahead_fd = -1;
    } else {
        code = open_message(connection, index, &service->message_fd);
    }
    if (code != ERR_OK) {
        pop_server_message_refused(
            &service->server,
            code == ERR_CHANGED ? POP_REFUSAL_MESSAGE_CHANGED : POP_REFUSAL_MESSAGE_GONE,
            &service->out);
        return;
    }
    service->message_offset = 0;
    service->message_begin = service->out.len;
    service->message_flushed = false;
    pop_server_message_begin(&service->server, &service->out);
    if (sim_once_in(connection->sim, 3) && index + 1 < connection->view.count) {
        close_fd(&service->ahead_fd);
        service->ahead_index = index + 1;
        (void)open_message(connection, index + 1, &service->ahead_fd);
    }
}

static void
flush(struct connection *connection)
{
    struct service *service = &connection->service;
    size_t before = service->out.len;
    if (connection->visitor.open)
        pipe_write(connection->sim, &connection->down, &service->out);
    else
        service->out.len = 0; /* nobody reads it any more */
    service->message_flushed = service->message_flushed || service->out.len < before;
}

/* The file is not what LIST promised: -ERR if nothing is on its way, else the line is cut. */
static void
fail_message(struct connection *connection)
{
    struct service *service = &connection->service;
    const struct sim *sim = connection->sim;
    uint32_t index = service->server.index;
    const struct mail *mail = connection->view.mails[index];
    SIM_CHECK(
        sim, connection->view.sizes[index] != mail->wire_len, "%s cannot be sent", mail->base);
    close_fd(&service->message_fd);
    sim->ops->message_suspect(service->store, index);
    if (service->message_flushed) {
        service->cut = true;
        service_close(connection);
        return;
    }
    service->out.len = service->message_begin;
    pop_server_message_refused(&service->server, POP_REFUSAL_MESSAGE_CHANGED, &service->out);
}

static void
pump_message(struct connection *connection)
{
    char chunk[256];
    struct sim *sim = connection->sim;
    struct service *service = &connection->service;
    flush(connection);
    /* The end has room whenever it comes. */
    struct pop_buffer out = service->out;
    out.cap -= POP_MESSAGE_END_MAX;
    if (out.cap <= out.len)
        return;
    size_t want = 1 + sim_below(sim, sizeof chunk);
    ssize_t got = pread(service->message_fd, chunk, want, (off_t)service->message_offset);
    SIM_CHECK(sim, got >= 0, "cannot read a message: %m");
    struct pop_view in = {chunk, (size_t)got};
    enum pop_message_step step = pop_server_message_text(&service->server, &in, &out);
    service->out.len = out.len;
    service->message_offset += (size_t)got - in.len;
    if (step == POP_MESSAGE_BROKEN) {
        fail_message(connection);
    } else if (step == POP_MESSAGE_ENOUGH || got == 0) {
        if (pop_server_message_end(&service->server, &service->out))
            close_fd(&service->message_fd);
        else
            fail_message(connection);
    }
}

/* ---- QUIT ---- */

/* Only what the client asked for may go, and what it asked for goes. */
static void
on_commit(struct connection *connection)
{
    struct sim *sim = connection->sim;
    struct service *service = &connection->service;
    const struct visitor *visitor = &connection->visitor;
    const unsigned char *marks = pop_server_marks(&service->server);
    uint32_t left = 99;
    struct err err;
    for (uint32_t i = 0; i < connection->view.count; i++) {
        struct mail *mail = connection->view.mails[i];
        mail->doomed = marks[i / 8] >> i % 8 & 1;
        SIM_CHECK(
            sim, !mail->doomed || visitor->dele_sent[i], "%s is marked but nobody asked for it",
            mail->base);
    }
    sim->step++;
    drop_watch(sim, sim_once_in(sim, 2) ? service->drop : NULL);
    enum err_code code = sim->ops->commit(service->store, marks, &left, &err);
    drop_watch(sim, NULL);
    SIM_CHECK(sim, code == ERR_OK && left == 0, "%u are left: %s", left, err.text);
    for (uint32_t i = 0; i < connection->view.count; i++) {
        struct mail *mail = connection->view.mails[i];
        if (!mail->doomed)
            continue;
        sim->counted[SIM_REMOVALS]++;
        mail->doomed = false;
        mail->alive = false;
        if (mail->removed_at == UINT64_MAX)
            mail->removed_at = sim->step;
    }
    sim->step++;
    size_t marks_size = pop_server_marks_size(connection->view.count) / 2;
    service->removed = array_of(sim, marks_size, 1);
    memcpy(service->removed, marks, marks_size);
    drop_stamp(sim, service->drop);
    drop_check(sim, service->drop);
    pop_server_commit_done(&service->server, left, &service->out);
    service->closing = true;
}

/* ---- */

static void
run_commands(struct connection *connection)
{
    struct service *service = &connection->service;
    struct pop_server *server = &service->server;
    struct pop_view in = {service->in, service->in_len};
    struct pop_server_event event;
    bool more = true;
    while (more && !service->closing && service->message_fd < 0) {
        switch (pop_server_next(server, &in, &service->out, &event)) {
        case POP_SERVER_MORE:
        case POP_SERVER_ROOM:
            more = false;
            break;
        case POP_SERVER_CHECK_USER:
            pop_server_user_checked(
                server, find_drop(connection->sim, event.user) != NULL, &service->out);
            break;
        case POP_SERVER_LOGIN:
            on_login(connection, &event);
            break;
        case POP_SERVER_FETCH:
            on_fetch(connection, event.index);
            break;
        case POP_SERVER_COMMIT:
            on_commit(connection);
            break;
        case POP_SERVER_STLS: /* not offered */
        case POP_SERVER_SASL:
        case POP_SERVER_SASL_ENDED:
            abort();
        case POP_SERVER_CLOSE:
            service->closing = true;
            break;
        }
        more = more && !sim_once_in(connection->sim, 8); /* others want their turn */
    }
    memmove(service->in, in.data, in.len);
    service->in_len = in.len;
}

/* What comes after QUIT is discarded (R1939-21). */
static void
after_quit(struct connection *connection)
{
    struct service *service = &connection->service;
    struct pop_view in = {service->in, service->in_len};
    struct pop_server_event event;
    size_t before = service->out.len;
    enum pop_server_step step = pop_server_next(&service->server, &in, &service->out, &event);
    SIM_CHECK(
        connection->sim, step == POP_SERVER_CLOSE && service->out.len == before,
        "a command after QUIT was run");
    if (service->out.len == 0)
        service_close(connection);
}

void
service_step(struct connection *connection)
{
    struct service *service = &connection->service;
    if (!service->open)
        return;
    if (!connection->visitor.open && sim_once_in(connection->sim, 6)) {
        service_close(connection); /* writing failed */
        return;
    }
    flush(connection);
    if (service->closing) {
        after_quit(connection);
        return;
    }
    if (service->message_fd >= 0) {
        pump_message(connection);
        return;
    }
    size_t room = sizeof service->in - service->in_len;
    service->in_len +=
        pipe_read(connection->sim, &connection->up, service->in + service->in_len, room);
    bool ended = connection->up.closed && connection->up.len == 0;
    size_t before = service->in_len;
    run_commands(connection);
    /* Gone in the middle of a command, or without a word. */
    bool idle = service->in_len == before && service->out.len == 0 && service->message_fd < 0;
    if (ended && idle && !service->closing)
        service_close(connection);
}
