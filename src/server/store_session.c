/*
 * Sessions in store: opened by auth's word alone, used and closed by the front
 * they belong to. Any thread may serve any message; one at a time serves a
 * session.
 */
#include "base/check.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/location.h"
#include "server/store.h"

#include <fcntl.h>
#include <pop/server.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the table ---- */

static struct store_session **
bucket_of(struct store_role *role, uint64_t id)
{
    return &role->buckets[(id ^ (id >> 29)) % STORE_BUCKETS];
}

/* Finds and holds a session; release with session_release(). */
static struct store_session *
session_hold(struct store_role *role, struct store_channel *front, uint64_t id)
{
    (void)pthread_mutex_lock(&role->lock);
    struct store_session *session = *bucket_of(role, id);
    while (session != NULL && (session->id != id || session->front != front))
        session = session->next;
    if (session != NULL)
        session->users++;
    (void)pthread_mutex_unlock(&role->lock);
    if (session != NULL)
        (void)pthread_mutex_lock(&session->lock);
    return session;
}

static void
session_free(struct store_role *role, struct store_session *session)
{
    store_channel_release(role, session->front);
    (void)pthread_mutex_destroy(&session->lock);
    free(session->marks);
    free(session);
}

static void
session_release(struct store_role *role, struct store_session *session)
{
    (void)pthread_mutex_unlock(&session->lock);
    (void)pthread_mutex_lock(&role->lock);
    bool last = --session->users == 0 && session->gone;
    (void)pthread_mutex_unlock(&role->lock);
    if (last)
        session_free(role, session);
}

/* Adds a session that the caller holds. False: front used this handle already, or is gone. */
static bool
table_add(struct store_role *role, struct store_session *session)
{
    (void)pthread_mutex_lock(&role->lock);
    struct store_session **bucket = bucket_of(role, session->id);
    bool taken = false;
    for (struct store_session *other = *bucket; other != NULL; other = other->next)
        taken |= other->id == session->id && other->front == session->front;
    bool usable = !taken && !session->front->closed;
    if (usable) {
        session->next = *bucket;
        *bucket = session;
    }
    (void)pthread_mutex_unlock(&role->lock);
    return usable;
}

static void
table_remove(struct store_role *role, struct store_session *session)
{
    (void)pthread_mutex_lock(&role->lock);
    struct store_session **place = bucket_of(role, session->id);
    while (*place != NULL && *place != session)
        place = &(*place)->next;
    if (*place == session)
        *place = session->next;
    session->gone = true;
    (void)pthread_mutex_unlock(&role->lock);
}

/* ---- answers ---- */

static void
answer(
    struct store_channel *front, uint32_t type, uint64_t id, const void *body, size_t size,
    const int *fds, size_t fd_count)
{
    struct ipc_header header = {.type = type, .session = id};
    enum ipc_result result = ipc_send_wait(front->fd, &header, body, size, fds, fd_count);
    /* A front that reads nothing for seconds holds up others: it is treated as lost. */
    if (result == IPC_AGAIN)
        (void)shutdown(front->fd, SHUT_RDWR);
}

static void
answer_refused(struct store_channel *front, uint64_t id, enum pop_refusal refusal)
{
    struct ipc_refused refused = {.refusal = refusal};
    answer(front, IPC_OPEN_REFUSED, id, &refused, sizeof refused, NULL, 0);
}

/* A copy that nobody can change or shorten any more. */
static int
sealed_copy(struct pop_view block)
{
    CLEANUP(fd_closep) int fd = memfd_create("snapshot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -1;
    for (size_t written = 0; written < block.len;) {
        ssize_t n = write(fd, block.data + written, block.len - written);
        if (n < 0)
            return -1;
        written += (size_t)n;
    }
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        return -1;
    int result = fd;
    fd = -1;
    return result;
}

/* Hands over the snapshot: by value when small, else as a sealed memfd. False: no memory. */
static bool
answer_opened(struct store_session *session, struct pop_view block)
{
    struct ipc_opened opened;
    memset(&opened, 0, offsetof(struct ipc_opened, snapshot)); /* what is in the gaps, too */
    opened.user.len = (uint16_t)strlen(session->user);
    memcpy(opened.user.data, session->user, opened.user.len);
    opened.size = block.len;
    size_t size = offsetof(struct ipc_opened, snapshot);
    CLEANUP(fd_closep) int fd = -1;
    if (block.len <= sizeof opened.snapshot) {
        memcpy(opened.snapshot, block.data, block.len);
        size += block.len;
    } else {
        fd = sealed_copy(block);
        if (fd < 0)
            return false;
    }
    answer(session->front, IPC_OPENED, session->id, &opened, size, &fd, fd >= 0 ? 1 : 0);
    return true;
}

/* ---- OPEN ---- */

static enum pop_refusal
refusal_of(const struct err *err)
{
    if (err->code == ERR_BUSY)
        return POP_REFUSAL_IN_USE;
    bool permanent = err->code == ERR_INVALID || err_is_permanent(err);
    return permanent ? POP_REFUSAL_SYS_PERM : POP_REFUSAL_SYS_TEMP;
}

/* As many sessions and waiting logins of one maildrop as a user may have. */
static bool
is_crowded(struct store_role *role, const char *location)
{
    uint32_t count = 1; /* the session that has the lock */
    (void)pthread_mutex_lock(&role->lock);
    uint32_t limit = role->settings.sessions_per_user;
    for (struct store_waiting *waiting = role->waiting; waiting; waiting = waiting->next)
        count += strcmp(waiting->location, location) == 0;
    (void)pthread_mutex_unlock(&role->lock);
    return limit > 0 && count >= limit;
}

static uint64_t
count_releases(struct store_role *role)
{
    (void)pthread_mutex_lock(&role->lock);
    uint64_t releases = role->releases;
    (void)pthread_mutex_unlock(&role->lock);
    return releases;
}

enum wait {
    WAIT_BEGUN, /* or answered: too many wait already */
    WAIT_AGAIN, /* a maildrop was released meanwhile: try once more */
    WAIT_FAILED,
};

/* The maildrop was busy, with so many releases before: waits for the other session's end. */
static enum wait
wait_for_lock(
    struct store_role *role, struct store_channel *front, uint64_t id, const char *user,
    const char *location, uint64_t releases)
{
    if (is_crowded(role, location)) {
        answer_refused(front, id, POP_REFUSAL_USER_SESSIONS);
        return WAIT_BEGUN;
    }
    struct store_waiting *waiting = calloc(1, sizeof *waiting);
    if (waiting == NULL)
        return WAIT_FAILED;
    waiting->front = front;
    waiting->id = id;
    waiting->due_ms = clock_ms() + LOCK_WAIT_MS;
    (void)snprintf(waiting->user, sizeof waiting->user, "%s", user);
    (void)snprintf(waiting->location, sizeof waiting->location, "%s", location);
    (void)pthread_mutex_lock(&role->lock);
    bool missed = role->releases != releases; /* nobody would wake it */
    if (!missed) {
        front->users++;
        waiting->next = role->waiting;
        role->waiting = waiting;
    }
    (void)pthread_mutex_unlock(&role->lock);
    if (missed)
        free(waiting);
    return missed ? WAIT_AGAIN : WAIT_BEGUN;
}

static uint32_t
message_count(struct pop_view block)
{
    struct snapshot_header header;
    memcpy(&header, block.data, sizeof header);
    return header.count;
}

/* Held by the caller. */
static struct store_session *
session_make(
    struct store_role *role, struct store_channel *front, uint64_t id, const char *user,
    const char *location)
{
    struct store_session *session = calloc(1, sizeof *session);
    if (session == NULL)
        return NULL;
    (void)pthread_mutex_init(&session->lock, NULL);
    (void)pthread_mutex_lock(&session->lock);
    session->users = 1;
    store_channel_hold(role, front);
    session->front = front;
    session->id = id;
    session->state = IPC_STATE_OPEN;
    (void)snprintf(session->user, sizeof session->user, "%s", user);
    (void)snprintf(session->location, sizeof session->location, "%s", location);
    return session;
}

static void maildrop_released(struct store_role *role, const char *location);

/* The session is over. */
static void
session_close(struct store_role *role, struct store_session *session)
{
    table_remove(role, session);
    session->engine->close(session->store);
    session->store = NULL;
    session->state = IPC_STATE_NONE;
    maildrop_released(role, session->location);
}

/* Opens the maildrop and answers front. With `patient`, a busy one is waited for. */
static void
open_maildrop(
    struct store_role *role, struct store_channel *front, uint64_t id, const char *user,
    const char *location, bool patient)
{
    struct err err;
    struct store *store = NULL;
    const struct store_ops *engine = role->engine;
    enum err_code code;
    enum wait wait = WAIT_AGAIN;
    do {
        uint64_t releases = count_releases(role);
        code = engine->open(&store, location, &err);
        if (code != ERR_BUSY || !patient)
            break;
        wait = wait_for_lock(role, front, id, user, location, releases);
        if (wait == WAIT_BEGUN)
            return;
    } while (wait == WAIT_AGAIN);
    if (code != ERR_OK) {
        if (code != ERR_BUSY)
            log_error("user %s: %s", user, err.text);
        answer_refused(front, id, refusal_of(&err));
        return;
    }

    struct pop_view block = engine->snapshot(store);
    struct store_session *session = session_make(role, front, id, user, location);
    if (session == NULL) {
        engine->close(store);
        maildrop_released(role, location);
        answer_refused(front, id, POP_REFUSAL_SYS_TEMP);
        return;
    }
    session->engine = engine;
    session->store = store;
    session->count = message_count(block);
    if (!table_add(role, session) || !answer_opened(session, block)) {
        /* No memory, or front used a handle twice: it is the only one who loses by this. */
        session_close(role, session);
        answer_refused(front, id, POP_REFUSAL_SYS_TEMP);
    }
    session_release(role, session);
}

/*
 * The channel of a front, held. Its number may come from auth before the channel
 * itself comes from the parent, by another way: that is waited for, as numbers
 * only grow.
 */
static struct store_channel *
channel_find(struct store_role *role, uint32_t number)
{
    (void)pthread_mutex_lock(&role->lock);
    while (number > role->newest_front)
        (void)pthread_cond_wait(&role->front_added, &role->lock);
    struct store_channel *channel = role->channels;
    while (channel != NULL &&
           (channel->peer != IPC_FRONT || channel->number != number || channel->closed))
        channel = channel->next;
    if (channel != NULL)
        channel->users++;
    (void)pthread_mutex_unlock(&role->lock);
    return channel;
}

static void
open_for_user(
    struct store_role *role, struct store_channel *front, uint64_t id,
    const struct ipc_open *open)
{
    struct pop_view user = {open->user.data, open->user.len};
    struct pop_view home = {open->home.data, open->home.len};
    char name[USER_NAME_MAX + 1];
    memcpy(name, user.data, user.len);
    name[user.len] = '\0';

    char location[PATH_LEN_MAX];
    struct err err;
    if (location_expand(role->location, user, home, location, &err) != ERR_OK) {
        log_error("user %s: %s", name, err.text);
        answer_refused(front, id, POP_REFUSAL_SYS_PERM);
        return;
    }
    open_maildrop(role, front, id, name, location, true);
}

void
store_open(
    struct store_role *role, const struct ipc_header *header, const struct ipc_open *open)
{
    struct store_channel *front = channel_find(role, header->number);
    if (front == NULL)
        return; /* it ended while the password was checked */
    open_for_user(role, front, header->session, open);
    store_channel_release(role, front);
}

/* Takes the waiting logins that `match` picks out of the list. */
static struct store_waiting *
waiting_take(struct store_role *role, const char *location, int64_t now_ms)
{
    struct store_waiting *taken = NULL;
    (void)pthread_mutex_lock(&role->lock);
    struct store_waiting **place = &role->waiting;
    while (*place != NULL) {
        struct store_waiting *waiting = *place;
        bool match = location != NULL ? strcmp(waiting->location, location) == 0
                                      : waiting->due_ms <= now_ms;
        if (!match) {
            place = &waiting->next;
            continue;
        }
        *place = waiting->next;
        waiting->next = taken;
        taken = waiting;
    }
    (void)pthread_mutex_unlock(&role->lock);
    return taken;
}

/* Tries them again; those that still find it busy wait on, or are refused for good. */
static void
waiting_retry(struct store_role *role, struct store_waiting *taken, bool patient)
{
    while (taken != NULL) {
        struct store_waiting *waiting = taken;
        taken = waiting->next;
        if (!store_channel_closed(role, waiting->front))
            open_maildrop(
                role, waiting->front, waiting->id, waiting->user, waiting->location, patient);
        store_channel_release(role, waiting->front);
        free(waiting);
    }
}

/* A login that waits for the maildrop gets its chance. */
static void
maildrop_released(struct store_role *role, const char *location)
{
    (void)pthread_mutex_lock(&role->lock);
    role->releases++;
    (void)pthread_mutex_unlock(&role->lock);
    waiting_retry(role, waiting_take(role, location, 0), true);
}

int
store_expire_waiting(struct store_role *role)
{
    int64_t now = clock_ms();
    waiting_retry(role, waiting_take(role, NULL, now), false);
    int64_t next = -1;
    (void)pthread_mutex_lock(&role->lock);
    for (struct store_waiting *waiting = role->waiting; waiting; waiting = waiting->next)
        if (next < 0 || waiting->due_ms - now < next)
            next = waiting->due_ms > now ? waiting->due_ms - now : 0;
    (void)pthread_mutex_unlock(&role->lock);
    return (int)next;
}

/* ---- what front asks ---- */

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
        answer(session->front, IPC_FETCHED, session->id, &fetched, sizeof fetched, NULL, 0);
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
    answer(session->front, IPC_COMMITTED, session->id, &committed, sizeof committed, NULL, 0);
}

bool
store_message(struct store_role *role, struct store_channel *front, struct ipc_packet *packet)
{
    struct store_session *session = session_hold(role, front, packet->header.session);
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
            session_close(role, session);
            break;
        default:
            allowed = false;
        }
    }
    if (session != NULL)
        session_release(role, session);
    return allowed;
}

/* Any session of this front that is still in the table, held; or NULL. */
static struct store_session *
hold_any(struct store_role *role, struct store_channel *front)
{
    struct store_session *found = NULL;
    (void)pthread_mutex_lock(&role->lock);
    for (size_t i = 0; i < STORE_BUCKETS && found == NULL; i++)
        for (found = role->buckets[i]; found != NULL && found->front != front;)
            found = found->next;
    if (found != NULL)
        found->users++;
    (void)pthread_mutex_unlock(&role->lock);
    if (found != NULL)
        (void)pthread_mutex_lock(&found->lock);
    return found;
}

void
store_front_lost(struct store_role *role, struct store_channel *front)
{
    struct store_session *session;
    while ((session = hold_any(role, front)) != NULL) {
        if (session->state != IPC_STATE_NONE)
            session_close(role, session);
        session_release(role, session);
    }
}
