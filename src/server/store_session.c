/*
 * Sessions in store, used and closed by the front they belong to. Any thread
 * may serve any message; one at a time serves a session.
 */
#include "base/log.h"
#include "server/store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void
store_answer(
    struct store_channel *front, uint32_t type, uint64_t id, const void *body, size_t size,
    const int *fds, size_t fd_count)
{
    struct ipc_header header = {.type = type, .session = id};
    enum ipc_result result = ipc_send_wait(front->fd, &header, body, size, fds, fd_count);
    /* A front that reads nothing for seconds holds up others: it is treated as lost. */
    if (result == IPC_AGAIN)
        (void)shutdown(front->fd, SHUT_RDWR);
}

void
store_session_close(struct store_role *role, struct store_session *session)
{
    store_session_remove(role, session);
    session->engine->close(session->store);
    session->store = NULL;
    session->state = IPC_STATE_NONE;
    store_maildrop_released(role, session->location);
}

static uint8_t
fetch_status(struct store_session *session, uint32_t index, int *ret_fd)
{
    struct err err;
    switch (session->engine->message_open(session->store, index, ret_fd, &err)) {
    case ERR_OK:
        return IPC_FETCH_OPEN;
    case ERR_NOT_FOUND:
        return IPC_FETCH_GONE;
    case ERR_CHANGED:
        log_warning("user %s: message %u: %s", session->user, index + 1, err.text);
        return IPC_FETCH_CHANGED;
    default:
        log_error("user %s: message %u: %s", session->user, index + 1, err.text);
        return err_is_permanent(&err) ? IPC_FETCH_PERM : IPC_FETCH_TEMP;
    }
}

static bool
on_fetch(struct store_session *session, const struct ipc_fetch *fetch)
{
    if (fetch->first >= session->count || fetch->count > session->count - fetch->first)
        return false;
    struct ipc_fetched fetched = {.first = fetch->first, .count = fetch->count};
    struct ipc_header header = {.type = IPC_FETCHED, .session = session->id};
    int fds[FETCH_BATCH_MAX];
    size_t fd_count = 0;
    for (uint32_t i = 0; i < fetch->count; i++) {
        fetched.status[i] = fetch_status(session, fetch->first + i, &fds[fd_count]);
        fd_count += fetched.status[i] == IPC_FETCH_OPEN;
    }
    enum ipc_result result =
        ipc_send_wait(session->front->fd, &header, &fetched, sizeof fetched, fds, fd_count);
    if (result == IPC_NO_FDS) { /* too many are under way: front says [SYS/TEMP] */
        for (uint32_t i = 0; i < fetch->count; i++)
            if (fetched.status[i] == IPC_FETCH_OPEN)
                fetched.status[i] = IPC_FETCH_TEMP;
        store_answer(
            session->front, IPC_FETCHED, session->id, &fetched, sizeof fetched, NULL, 0);
    } else if (result == IPC_AGAIN) {
        (void)shutdown(session->front->fd, SHUT_RDWR);
    }
    for (size_t i = 0; i < fd_count; i++)
        (void)close(fds[i]); /* front has its own */
    return true;
}

/* Pieces come in order and stay within the bitmap. */
static bool
on_marks(struct store_session *session, const struct ipc_marks *marks)
{
    uint32_t size = session->count / 8 + 1;
    if (marks->offset != session->marks_len || marks->len > size - session->marks_len)
        return false;
    if (session->marks == NULL)
        session->marks = calloc(1, size);
    if (session->marks == NULL)
        return true; /* COMMIT will find it incomplete */
    memcpy(session->marks + marks->offset, marks->bits, marks->len);
    session->marks_len += marks->len;
    return true;
}

static uint32_t
count_marks(const struct store_session *session)
{
    uint32_t marked = 0;
    for (uint32_t i = 0; i < session->marks_len; i++)
        marked += (uint32_t)__builtin_popcount(session->marks[i]);
    return marked;
}

static void
on_commit(struct store_session *session)
{
    struct err err;
    struct ipc_committed committed = {.left = 0};
    if (session->marks_len != session->count / 8 + 1) {
        committed.left = count_marks(session) + 1; /* no memory for all of the marks */
        log_error("user %s: no memory for the deletions", session->user);
    } else if (
        session->engine->commit(session->store, session->marks, &committed.left, &err) !=
        ERR_OK) {
        log_error(
            "user %s: %u messages not removed: %s", session->user, committed.left, err.text);
    }
    session->state = IPC_STATE_COMMITTED;
    store_answer(
        session->front, IPC_COMMITTED, session->id, &committed, sizeof committed, NULL, 0);
}

bool
store_message(struct store_role *role, struct store_channel *front, struct ipc_packet *packet)
{
    struct store_session *session = store_session_hold(role, front, packet->header.session);
    store_channel_next(role, front);
    enum ipc_state state = session != NULL ? session->state : IPC_STATE_NONE;
    bool allowed = ipc_message_allowed(packet->header.type, state);
    if (allowed) {
        const void *body = packet->body;
        switch ((enum ipc_type)packet->header.type) {
        case IPC_FETCH:
            allowed = on_fetch(session, body);
            break;
        case IPC_SUSPECT:
            allowed = ((const struct ipc_suspect *)body)->index < session->count;
            if (allowed)
                session->engine->message_suspect(
                    session->store, ((const struct ipc_suspect *)body)->index);
            break;
        case IPC_MARKS:
            allowed = on_marks(session, body);
            break;
        case IPC_COMMIT:
            on_commit(session);
            break;
        case IPC_CLOSE:
            store_session_close(role, session);
            break;
        default:
            allowed = false;
        }
    }
    if (session != NULL)
        store_session_release(role, session);
    return allowed;
}

void
store_front_lost(struct store_role *role, struct store_channel *front)
{
    struct store_session *session;
    while ((session = store_session_hold_any(role, front)) != NULL) {
        if (session->state != IPC_STATE_NONE)
            store_session_close(role, session);
        store_session_release(role, session);
    }
}
