/* A connection's life and its octets: accept, read, run, write, end. */
#include "server/front.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- handles ---- */

static bool
slots_grow(struct front *front)
{
    uint32_t count = front->slot_count == 0 ? 64 : front->slot_count * 2;
    struct slot *slots = realloc(front->slots, count * sizeof *slots);
    if (slots == NULL)
        return false;
    for (uint32_t i = front->slot_count; i < count; i++)
        slots[i] = (struct slot){.next_free = i + 1};
    front->slots = slots;
    front->first_free = front->slot_count;
    front->slot_count = count;
    return true;
}

static bool
slot_take(struct front *front, struct session *session)
{
    if (front->first_free == front->slot_count && !slots_grow(front))
        return false;
    uint32_t index = front->first_free;
    struct slot *slot = &front->slots[index];
    front->first_free = slot->next_free;
    slot->session = session;
    session->id = ((uint64_t)++slot->generation << 32) | index;
    front->session_count++;
    return true;
}

static void
slot_release(struct front *front, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    front->slots[index].session = NULL;
    front->slots[index].next_free = front->first_free;
    front->first_free = index;
    front->session_count--;
}

struct session *
session_find(struct front *front, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    if (index >= front->slot_count)
        return NULL;
    struct session *session = front->slots[index].session;
    return session != NULL && session->id == id ? session : NULL;
}

/* ---- sessions that gave way: a queue, so that each gets its turn ---- */

static void
runnable_add(struct session *session)
{
    struct front *front = session->front;
    if (session->runnable)
        return;
    session->runnable = true;
    session->next_runnable = NULL;
    if (front->last_runnable == NULL)
        front->runnable = session;
    else
        front->last_runnable->next_runnable = session;
    front->last_runnable = session;
}

static void
runnable_remove(struct session *session)
{
    struct front *front = session->front;
    if (!session->runnable)
        return;
    session->runnable = false;
    struct session *before = NULL;
    struct session **place = &front->runnable;
    while (*place != session) {
        before = *place;
        place = &before->next_runnable;
    }
    *place = session->next_runnable;
    if (front->last_runnable == session)
        front->last_runnable = before;
}

void
session_run_waiting(struct front *front)
{
    struct session *last = front->last_runnable;
    bool more = last != NULL;
    while (more && front->runnable != NULL) {
        struct session *session = front->runnable;
        more = session != last;
        runnable_remove(session);
        session_run(session);
    }
}

/* ---- the end ---- */

static void
log_end(const struct session *session, const char *reason)
{
    char peer[ADDRESS_TEXT_MAX];
    address_text(&session->peer, peer);
    if (session->maildrop.messages == NULL) {
        if (reason != NULL)
            log_info("%s: %s", peer, reason);
        return;
    }
    char tls[TLS_NAME_MAX] = "plain text";
    if (session->tls != NULL)
        tls_stream_name(session->tls, tls);
    log_info(
        "user %s from %s (%s): %u messages sent (%llu octets), %u deleted; %s", session->user,
        peer, tls, session->retrieved, (unsigned long long)session->sent,
        session->committed ? session->pop.marked - session->commit_left : 0,
        reason != NULL ? reason : "the client has gone");
}

static void
close_connection(struct session *session)
{
    struct front *front = session->front;
    if (session->source.fd < 0)
        return;
    loop_remove(&front->loop, &session->source);
    (void)close(session->source.fd); /* what could not be sent is lost with the line */
    session->source.fd = -1;
    tally_add(&front->tally, &session->peer, -1);
}

/* The maildrop is given back; the lock goes with it. */
static void
close_maildrop(struct session *session)
{
    struct link *store = session->store;
    session->store = NULL;
    if (store != NULL)
        link_send(store, IPC_CLOSE, session->id, NULL, 0);
}

void
session_end(struct session *session, const char *reason)
{
    struct front *front = session->front;
    if (session->source.fd >= 0)
        log_end(session, reason);
    close_connection(session);
    close_maildrop(session);
    session_sasl_ended(session);
    timer_stop(&session->deadline);
    timer_stop(&session->delay);
    runnable_remove(session);
    if (session->auth_owes)
        return; /* the answer must be heard, to give back the maildrop it may open */

    window_finish(session);
    if (session->message_fd >= 0)
        (void)close(session->message_fd); /* read only, nothing to lose */
    if (session->block_mapped && session->block != NULL)
        (void)munmap(session->block, session->block_size);
    else
        free(session->block);
    free(session->marks);
    free(session->blocked);
    free(session->header);
    free(session->timestamp);
    session_finish_sasl(session);
    tls_stream_free(session->tls);
    slot_release(front, session->id);
    explicit_bzero(session->input, sizeof session->input);
    free(session);
}

void
session_done(struct session *session)
{
    char reason[64] = "done";
    if (session->pop.over_limit != NULL)
        (void)snprintf(reason, sizeof reason, "closed (limit: %s)", session->pop.over_limit);
    session_end(session, reason);
}

/* ---- output ---- */

void
session_watch(struct session *session, uint32_t more_events)
{
    struct err err;
    uint32_t events = EPOLLIN | EPOLLRDHUP | EPOLLET | more_events;
    CHECK(loop_modify(&session->front->loop, &session->source, events, &err) == ERR_OK);
}

/* Not idle: a command was given, or an answer goes on its way (R1939-14). */
static void
note_progress(struct session *session)
{
    session->moved = 0;
    if (session->maildrop.messages != NULL) /* before, login-seconds is what counts */
        timer_start(&session->front->idle_timers, &session->deadline, clock_ms());
}

/* Of what is held back, so many octets must be taken: who takes one now and then would keep a
 * session and its maildrop's lock for ever. */
static ssize_t
send_some(struct session *session, const char *data, size_t len)
{
    ssize_t sent = stream_send(session, data, len);
    if (sent <= 0)
        return sent;
    session->moved += (size_t)sent;
    if (session->moved >= session->front->settings.reader_octets)
        note_progress(session);
    return sent;
}

/* Keeps what the socket did not take, until it is writable. */
static bool
block_output(struct session *session, const char *data, size_t len)
{
    session->blocked = malloc(len);
    if (session->blocked == NULL)
        return false;
    memcpy(session->blocked, data, len);
    session->blocked_len = len;
    session->blocked_sent = 0;
    session_watch(session, EPOLLOUT);
    return true;
}

/* True: nothing is held back any more. */
static bool
unblock_output(struct session *session)
{
    if (session->blocked == NULL)
        return true;
    ssize_t sent = send_some(
        session, session->blocked + session->blocked_sent,
        session->blocked_len - session->blocked_sent);
    if (sent < 0) {
        session_end(session, "the connection broke");
        return false;
    }
    session->blocked_sent += (size_t)sent;
    if (session->blocked_sent < session->blocked_len)
        return false;
    free(session->blocked);
    session->blocked = NULL;
    session_watch(session, 0);
    return true;
}

bool
session_flush(struct session *session, struct pop_buffer *out)
{
    if (out->len == 0)
        return true;
    session->flushes++;
    ssize_t sent = send_some(session, out->data, out->len);
    size_t len = out->len;
    out->len = 0;
    if (sent < 0) {
        session_end(session, "the connection broke");
        return false;
    }
    if ((size_t)sent < len) {
        if (!block_output(session, out->data + sent, len - (size_t)sent))
            session_end(session, "no memory");
        return false;
    }
    if (++session->turns >= FRONT_FLUSHES_MAX) {
        runnable_add(session);
        return false;
    }
    return true;
}

/* ---- input ---- */

/* There is no command. Once every answer has gone out, the client has the turn, and its time.
 */
static void
await_command(struct session *session, struct pop_buffer *out)
{
    if (session_flush(session, out) && session->moved > 0)
        note_progress(session);
}

/* All input is used up: reads more. False: nothing there now, or the session has ended. */
static bool
session_read(struct session *session, struct pop_buffer *out)
{
    session->input_start = 0;
    session->input_len = 0;
    if (!session->readable) {
        await_command(session, out);
        return false;
    }
    switch (stream_receive(session)) {
    case STREAM_OCTETS:
        return true;
    case STREAM_EMPTY:
        await_command(session, out);
        return false;
    case STREAM_ENDED: /* every answer to what came before goes out first (R1939-22) */
        if (session_flush(session, out))
            session_end(session, "the client has gone without QUIT");
        return false;
    case STREAM_BROKEN:
        break;
    }
    session_end(session, "the connection broke");
    return false;
}

/* Drains what the client sent behind QUIT, so that closing does not reset the connection while
 * the last answer is on its way. */
static void
session_linger(struct session *session)
{
    char waste[4096];
    ssize_t n;
    for (int i = 0; i < FRONT_FLUSHES_MAX; i++) {
        n = read(session->source.fd, waste, sizeof waste);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            session_done(session);
            return;
        }
        if (n < 0)
            return;
    }
    runnable_add(session);
}

/* QUIT was answered. */
static void
session_close(struct session *session, struct pop_buffer *out)
{
    if (!session_flush(session, out))
        return; /* comes here again when it is sent */
    stream_close(session);
    if (session->input_len == session->input_start && !stream_has_input(session)) {
        session_done(session);
        return;
    }
    close_maildrop(session);
    session->lingering = true;
    (void)shutdown(session->source.fd, SHUT_WR); /* fails only if the client is gone */
    timer_start(&session->front->linger_timers, &session->delay, clock_ms());
    session_linger(session);
}

/* ---- running ---- */

/* One step of libpop and what it asks for. False: wait, or the session has ended. */
static bool
session_step(struct session *session, struct pop_buffer *out)
{
    struct pop_server_event event;
    struct pop_view in = {
        session->input + session->input_start,
        (size_t)(session->input_len - session->input_start)};
    uint64_t commands = session->pop.commands;
    enum pop_server_step step = pop_server_next(&session->pop, &in, out, &event);
    session->input_start = (uint16_t)(session->input_len - in.len);
    if (session->pop.commands != commands)
        note_progress(session); /* whole commands only: single octets keep no session alive */
    switch (step) {
    case POP_SERVER_MORE:
        return session_read(session, out);
    case POP_SERVER_ROOM:
        return session_flush(session, out);
    case POP_SERVER_CHECK_USER:
        session_check_user(session, &event);
        return true;
    case POP_SERVER_LOGIN:
        session_login(session, &event);
        return true;
    case POP_SERVER_SASL:
        session_sasl(session, &event, out);
        return true;
    case POP_SERVER_SASL_ENDED:
        session_sasl_ended(session);
        return true;
    case POP_SERVER_FETCH:
        message_fetch(session, event.index);
        return true;
    case POP_SERVER_COMMIT:
        session_commit(session);
        return true;
    case POP_SERVER_STLS:
        return session_begin_tls(session);
    case POP_SERVER_CLOSE:
        session_close(session, out);
        return false;
    }
    return false;
}

void
session_run(struct session *session)
{
    struct pop_buffer out = {.data = session->front->output, .cap = FRONT_OUTPUT_MAX};
    session->turns = 0;
    if (session->source.fd < 0)
        return;
    if (session->header != NULL) {
        admit_client(session);
        return;
    }
    if (session->lingering) {
        session_linger(session);
        return;
    }
    if (!unblock_output(session))
        return;
    for (;;) {
        if (session->message_fd >= 0) {
            if (message_pump(session, &out) != MESSAGE_DONE)
                return;
        } else if (session->handshaking) {
            if (!session_flush(session, &out) || !session_handshake(session, &out))
                return;
        } else if (session->answered) {
            session_answer(session, &out);
        } else if (session->wait != SESSION_WAITS_CLIENT) {
            (void)session_flush(session, &out);
            return;
        } else if (!session_step(session, &out)) {
            return;
        }
    }
}

static void
session_ready(struct loop_source *source, uint32_t events)
{
    struct session *session = LOOP_OWNER(source, struct session, source);
    if (session->lingering && (events & (EPOLLERR | EPOLLHUP))) {
        session_done(session); /* it has gone; nothing was to come any more */
        return;
    }
    if (events & (EPOLLERR | EPOLLHUP)) {
        session_end(session, "the connection broke");
        return;
    }
    if (events & (EPOLLIN | EPOLLRDHUP))
        session->readable = true;
    if (events & EPOLLRDHUP)
        session->hung_up = true;
    session_run(session);
}

/* ---- the beginning ---- */

void
session_welcome(struct session *session)
{
    struct pop_buffer out = {.data = session->front->output, .cap = FRONT_OUTPUT_MAX};
    pop_server_init(&session->pop, admit_config(session));
    if (session->greets_late) {
        if (session_begin_tls(session))
            session_run(session);
        return;
    }
    if (session_greet(session, &out) && session_flush(session, &out) && session->readable)
        session_run(session); /* what came behind a proxy's header */
}

void
session_accept(struct front_listener *listener, int fd, const struct sockaddr_storage *peer)
{
    struct err err;
    struct front *front = listener->front;
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL || !slot_take(front, session)) {
        log_error("no memory for a connection");
        free(session);
        (void)close(fd); /* nothing was promised yet */
        return;
    }
    session->front = front;
    session->peer = *peer;
    session->source = (struct loop_source){.fd = fd, .ready = session_ready};
    session->message_fd = -1;
    session->mechanism = MECHANISM_COUNT;
    session->greets_late = listener->tls;

    tally_add(&front->tally, peer, +1);
    if (loop_add(&front->loop, &session->source, EPOLLIN | EPOLLRDHUP | EPOLLET, &err) !=
        ERR_OK) {
        session_end(session, err.text);
        return;
    }
    if (!admit_connection(session, listener))
        return;
    front_taken(front);
    timer_start(&front->login_timers, &session->deadline, clock_ms());
    if (session->header == NULL)
        session_welcome(session);
}
