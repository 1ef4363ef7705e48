/*
 * OPEN, by auth's word alone: the maildrop is locked and front gets its
 * snapshot; a login that finds it busy waits a little for the other's end.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/location.h"
#include "server/store.h"

#include <fcntl.h>
#include <pop/server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void
answer_refused(struct store_channel *front, uint64_t id, enum pop_refusal refusal)
{
    struct ipc_refused refused = {.refusal = refusal};
    store_answer(front, IPC_OPEN_REFUSED, id, &refused, sizeof refused, NULL, 0);
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
    store_answer(session->front, IPC_OPENED, session->id, &opened, size, &fd, fd >= 0 ? 1 : 0);
    return true;
}

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
        role->busy++;
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
    struct store_session *session = store_session_make(role, front, id, user, location);
    if (session == NULL) {
        engine->close(store);
        store_maildrop_released(role, location);
        answer_refused(front, id, POP_REFUSAL_SYS_TEMP);
        return;
    }
    session->engine = engine;
    session->store = store;
    session->count = message_count(block);
    if (!store_session_add(role, session) || !answer_opened(session, block)) {
        /* No memory, or front used a handle twice: it is the only one who loses by this. */
        store_session_close(role, session);
        answer_refused(front, id, POP_REFUSAL_SYS_TEMP);
    }
    store_session_release(role, session);
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
        store_done(role);
    }
}

void
store_maildrop_released(struct store_role *role, const char *location)
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
