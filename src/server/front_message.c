/* Sending messages: the window of descriptors read ahead, and a file's way to the wire. */
#include "server/front.h"

#include "base/check.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- the window ---- */

static size_t
window_slot(uint32_t index)
{
    return index % FETCH_BATCH_MAX;
}

/* Forgets the first message of the window; its descriptor was used or is closed. */
static void
window_drop_first(struct session *session)
{
    struct window *window = &session->window;
    size_t slot = window_slot(window->first);
    if (window->status[slot] == IPC_FETCH_OPEN) {
        (void)close(window->fds[slot]); /* read only, nothing to lose */
        session->front->descriptors--;
    }
    window->first++;
    window->count--;
    window->asked--;
}

void
window_finish(struct session *session)
{
    while (session->window.count > 0)
        window_drop_first(session);
}

/* Asks for the messages behind those that are asked for already. */
static void
window_ask(struct session *session)
{
    struct window *window = &session->window;
    struct front *front = session->front;
    uint32_t next = window->first + window->asked;
    uint32_t want = front->descriptors < front->descriptors_max ? window->batch : 1;
    uint32_t room = FETCH_BATCH_MAX - window->asked;
    uint32_t left = session->maildrop.count - next;
    if (want > room)
        want = room;
    if (want > left)
        want = left;
    if (want == 0)
        return;
    struct ipc_fetch fetch = {.first = next, .count = want};
    window->asked += want;
    if (window->batch < FETCH_BATCH_MAX)
        window->batch *= 2;
    link_send(session->store, IPC_FETCH, session->id, &fetch, sizeof fetch);
}

/* Moves the window so that it starts at `index`: forward within it, or anew somewhere else. */
static void
window_seek(struct session *session, uint32_t index)
{
    struct window *window = &session->window;
    if (index >= window->first && index - window->first < window->asked) {
        while (window->first < index && window->count > 0)
            window_drop_first(session);
        if (window->first == index)
            return;
    }
    bool in_order = index == window->first + window->asked;
    uint32_t under_way = window->asked - window->count;
    window_finish(session);
    /* Answers come in the order of the questions: those are not for the new window. */
    window->ignored += under_way;
    window->first = index;
    window->count = 0;
    window->asked = 0;
    if (!in_order || window->batch == 0)
        window->batch = 1;
}

void
message_fetch(struct session *session, uint32_t index)
{
    struct window *window = &session->window;
    session->wait = SESSION_WAITS_MESSAGE;
    session->answered = false;
    window_seek(session, index);
    if (window->asked == 0)
        window_ask(session);
    session->answered = window->count > 0;
}

void
message_fetched(struct session *session, struct ipc_packet *packet)
{
    const struct ipc_fetched *fetched = (const void *)packet->body;
    struct window *window = &session->window;
    size_t next_fd = 0;
    for (uint32_t i = 0; i < fetched->count; i++) {
        bool has_fd = fetched->status[i] == IPC_FETCH_OPEN;
        CHECK(!has_fd || next_fd < packet->fd_count);
        if (window->ignored > 0) {
            window->ignored--;
            next_fd += has_fd;
            continue; /* closed with the packet */
        }
        CHECK(
            window->count < window->asked &&
            fetched->first + i == window->first + window->count);
        size_t slot = window_slot(fetched->first + i);
        window->status[slot] = fetched->status[i];
        window->fds[slot] = has_fd ? ipc_packet_take_fd(packet, next_fd++) : -1;
        session->front->descriptors += has_fd;
        window->count++;
    }
    if (session->wait == SESSION_WAITS_MESSAGE && !session->answered && window->count > 0) {
        session->answered = true;
        session_run(session);
    }
}

/* ---- one message ---- */

static enum pop_refusal
refusal_of(uint8_t status)
{
    switch ((enum ipc_fetch_status)status) {
    case IPC_FETCH_GONE:
        return POP_REFUSAL_MESSAGE_GONE;
    case IPC_FETCH_CHANGED:
        return POP_REFUSAL_MESSAGE_CHANGED;
    case IPC_FETCH_PERM:
        return POP_REFUSAL_SYS_PERM;
    default:
        return POP_REFUSAL_SYS_TEMP;
    }
}

void
message_begin(struct session *session, struct pop_buffer *out)
{
    struct window *window = &session->window;
    size_t slot = window_slot(window->first);
    uint8_t status = window->status[slot];
    if (status == IPC_FETCH_OPEN) {
        session->message_fd = window->fds[slot];
        window->status[slot] = IPC_FETCH_GONE; /* the descriptor is the message's now */
        session->front->descriptors--;
    }
    window_drop_first(session);
    /* Half of what was read ahead is used: ask for more while this one is sent. */
    if (window->batch > 1 && window->asked <= window->batch / 2)
        window_ask(session);

    if (status != IPC_FETCH_OPEN) {
        pop_server_message_refused(&session->pop, refusal_of(status), out);
        return;
    }
    session->message_offset = 0;
    session->message_begin = out->len;
    session->message_flush = session->flushes;
    pop_server_message_begin(&session->pop, out);
}

static void
message_close(struct session *session)
{
    (void)close(session->message_fd); /* read only, nothing to lose */
    session->message_fd = -1;
}

/*
 * The file is not what LIST promised, or cannot be read. If not one octet of
 * the answer is on its way it becomes an -ERR; else only cutting the
 * connection keeps half a message from looking whole.
 */
static enum message_pump
message_fail(struct session *session, enum pop_refusal refusal, struct pop_buffer *out)
{
    struct ipc_suspect suspect = {.index = session->pop.index};
    message_close(session);
    link_send(session->store, IPC_SUSPECT, session->id, &suspect, sizeof suspect);
    if (session->flushes == session->message_flush) {
        out->len = session->message_begin;
        pop_server_message_refused(&session->pop, refusal, out);
        return MESSAGE_DONE;
    }
    session_end(session, "a message is not what its size promised; the line was cut");
    return MESSAGE_ENDED;
}

static enum message_pump
message_end(struct session *session, struct pop_buffer *out)
{
    if (!pop_server_message_end(&session->pop, out))
        return message_fail(session, POP_REFUSAL_MESSAGE_CHANGED, out);
    session->retrieved++;
    session->sent += session->pop.encoder.octets;
    message_close(session);
    return MESSAGE_DONE;
}

enum message_pump
message_pump(struct session *session, struct pop_buffer *out)
{
    struct front *front = session->front;
    for (;;) {
        /* An encoded octet takes at most two; so a whole read fits, or it waits for room. */
        size_t room = pop_buffer_room(out) / 2;
        if (room < POP_REPLY_MAX) {
            if (!session_flush(session, out))
                return MESSAGE_BLOCKED;
            continue;
        }
        size_t want = room < FRONT_READ_MAX ? room : FRONT_READ_MAX;
        ssize_t got =
            pread(session->message_fd, front->chunk, want, (off_t)session->message_offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            log_error(
                "user %s: cannot read message %u: %m", session->user, session->pop.index + 1);
            return message_fail(session, POP_REFUSAL_SYS_TEMP, out);
        }
        struct pop_view in = {front->chunk, (size_t)got};
        enum pop_message_step step = pop_server_message_text(&session->pop, &in, out);
        session->message_offset += (size_t)got - in.len;
        if (step == POP_MESSAGE_BROKEN)
            return message_fail(session, POP_REFUSAL_MESSAGE_CHANGED, out);
        /* A short read is the end of a file; if it grew meanwhile its size is wrong anyway. */
        if (step == POP_MESSAGE_ENOUGH || ((size_t)got < want && in.len == 0))
            return message_end(session, out);
    }
}
