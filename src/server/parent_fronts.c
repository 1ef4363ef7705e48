/*
 * The fronts. Shared ones: a fixed number, each started again when it dies.
 * Those of isolation = "connection": some wait, each for one connection, and
 * who has taken one is replaced at once.
 */
#include "base/clock.h"
#include "base/log.h"
#include "server/parent.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* How often the log says that there is no room for more fronts, while that lasts. */
enum { FULL_LOG_MS = 60 * 1000 };

static bool
are_single(const struct parent *parent)
{
    return parent->conf.isolation == CONF_ISOLATION_CONNECTION;
}

/* Shared: one a core. Single: twice that, so that a burst finds some while others start. */
static uint32_t
wanted(const struct conf *conf)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t each = conf->isolation == CONF_ISOLATION_CONNECTION ? 2 : 1;
    uint32_t count = conf->fronts > 0 ? conf->fronts : each * (cores > 0 ? (uint32_t)cores : 1);
    return count < PARENT_FRONTS_MAX ? count : PARENT_FRONTS_MAX;
}

/* Fewer than there can be fronts, so that there is always one that refuses, or makes room. */
static void
limit_connections(struct parent *parent)
{
    uint32_t *connections = &parent->conf.limits.connections;
    uint32_t most = SINGLE_FRONTS_MAX - parent->front_count;
    if (*connections > 0 && *connections <= most)
        return;
    *connections = most;
    log_info(
        "%u connections at most, as each has a process (limit: connections, with isolation = "
        "\"connection\")",
        most);
}

void
fronts_count(struct parent *parent)
{
    uint32_t count = wanted(&parent->conf);
    uint32_t most = are_single(parent) ? count : parent->tally_size.shared / 2;
    parent->front_count = count < most ? count : most;
    if (are_single(parent))
        limit_connections(parent);
}

enum err_code
fronts_prepare(struct parent *parent, struct err *err)
{
    uint32_t shared = 4 * wanted(&parent->conf);
    shared = shared < 2 * PARENT_FRONTS_MAX ? shared : 2 * PARENT_FRONTS_MAX;
    parent->tally_size = (struct tally_size){.shared = shared, .single = SINGLE_FRONTS_MAX};
    parent->front_max = shared + SINGLE_FRONTS_MAX;
    parent->fronts = calloc(parent->front_max, sizeof *parent->fronts);
    if (parent->fronts == NULL)
        return err_set(err, ERR_NOMEM, "starting");
    for (uint32_t i = 0; i < parent->front_max; i++)
        parent->fronts[i] = (struct child){.role = IPC_FRONT, .row = i, .control = -1};
    fronts_count(parent);
    if (tally_make(parent->tally_size, &parent->tally_fd, err) != ERR_OK)
        return err->code;
    return tally_map(&parent->tally, parent->tally_fd, parent->tally_size, 0, err);
}

static enum err_code
start_front(struct parent *parent, struct child *front, struct err *err)
{
    front->number = ++parent->next_number;
    front->draining = false;
    front->single = are_single(parent);
    front->taken = false;
    if (front->row >= parent->front_end)
        parent->front_end = front->row + 1;
    tally_clear(&parent->tally, front->row);
    if (role_spawn(parent, front, err) != ERR_OK ||
        role_connect(front, &parent->auth, err) != ERR_OK ||
        (parent->store.pid > 0 && role_connect(front, &parent->store, err) != ERR_OK) ||
        owners_connect(parent, front, err) != ERR_OK ||
        (parent->conf.tls_count > 0 && role_connect(front, &parent->keys, err) != ERR_OK))
        return err->code;
    front_tell(parent, front);
    return ERR_OK;
}

static uint32_t
shared_running(const struct parent *parent)
{
    uint32_t running = 0;
    for (uint32_t i = 0; i < parent->tally_size.shared; i++)
        running += !parent->fronts[i].draining &&
                   (parent->fronts[i].pid > 0 || parent->fronts[i].restart_ms > 0);
    return running;
}

static enum err_code
start_shared(struct parent *parent, struct err *err)
{
    uint32_t running = shared_running(parent);
    for (uint32_t i = 0; i < parent->tally_size.shared; i++) {
        struct child *front = &parent->fronts[i];
        bool again = front->restart_ms > 0;
        if ((!again && running >= parent->front_count) || !role_is_due(front))
            continue;
        if (start_front(parent, front, err) != ERR_OK)
            return err->code;
        running += !again;
    }
    return ERR_OK;
}

/* Those that wait for a connection, or will when they have started. */
static uint32_t
spares(const struct parent *parent)
{
    uint32_t count = 0;
    for (uint32_t i = parent->tally_size.shared; i < parent->front_end; i++) {
        const struct child *front = &parent->fronts[i];
        count += front->pid > 0 && !front->taken && !front->draining;
    }
    return count;
}

static void
note_full(struct parent_singles *singles)
{
    int64_t now = clock_ms();
    if (singles->full_ms != 0 && now - singles->full_ms < FULL_LOG_MS)
        return;
    singles->full_ms = now;
    log_warning(
        "%u connections have a front each, which is the most (isolation = \"connection\"); "
        "further ones wait until one of those ends",
        SINGLE_FRONTS_MAX);
}

static enum err_code
start_spares(struct parent *parent, struct err *err)
{
    struct parent_singles *singles = &parent->singles;
    if (singles->start_ms > clock_ms())
        return ERR_OK;
    singles->start_ms = 0;
    uint32_t missing = parent->front_count;
    uint32_t there = spares(parent);
    missing = there < missing ? missing - there : 0;
    for (uint32_t i = parent->tally_size.shared; missing > 0 && i < parent->front_max; i++) {
        struct child *front = &parent->fronts[i];
        if (front->pid != 0)
            continue;
        if (start_front(parent, front, err) != ERR_OK)
            return err->code;
        missing--;
    }
    if (missing > 0)
        note_full(singles);
    return ERR_OK;
}

enum err_code
fronts_start(struct parent *parent, struct err *err)
{
    return are_single(parent) ? start_spares(parent, err) : start_shared(parent, err);
}

bool
fronts_are_ready(const struct parent *parent)
{
    uint32_t ready = 0;
    for (uint32_t i = 0; i < parent->front_end; i++)
        ready += parent->fronts[i].ready && !parent->fronts[i].draining;
    return ready >= parent->front_count;
}

void
fronts_retire(struct parent *parent)
{
    for (uint32_t i = 0; i < parent->front_end; i++) {
        struct child *front = &parent->fronts[i];
        front->restart_ms = 0; /* what is needed is started anew */
        if (front->pid == 0)
            continue;
        if (front->draining && !front->single) /* two reloads ago: its row is needed */
            (void)kill(front->pid, SIGKILL);
        front->draining = true;
        role_tell(front, IPC_DRAIN, NULL, 0, NULL, 0);
    }
}

void
front_taken(struct parent *parent, struct child *front, const struct ipc_taken *taken)
{
    uint32_t claimed = taken->claimed;
    front->taken = true;
    if (claimed < parent->front_max && parent->fronts[claimed].control >= 0)
        role_tell(&parent->fronts[claimed], IPC_GIVE_WAY, NULL, 0, NULL, 0);
}

/* One that crashes while it serves costs its connection alone: to start the next one later
 * would let a client that can do this keep all others out. */
void
front_single_ended(struct parent *parent, struct child *front, bool crashed)
{
    struct parent_singles *singles = &parent->singles;
    bool served = front->taken || front->draining;
    front->draining = false;
    front->taken = false;
    while (parent->front_end > 0 && parent->fronts[parent->front_end - 1].pid == 0 &&
           parent->fronts[parent->front_end - 1].restart_ms == 0)
        parent->front_end--;
    if (!crashed || served)
        return;
    int64_t now = clock_ms();
    bool soon = singles->crash_ms != 0 && now - singles->crash_ms < PARENT_BACKOFF_MAX_MS;
    singles->backoff_ms = soon ? singles->backoff_ms * 2 : PARENT_BACKOFF_MIN_MS;
    if (singles->backoff_ms > PARENT_BACKOFF_MAX_MS)
        singles->backoff_ms = PARENT_BACKOFF_MAX_MS;
    singles->crash_ms = now;
    singles->start_ms = now + singles->backoff_ms;
}

int64_t
fronts_wait_ms(const struct parent *parent)
{
    if (!are_single(parent) || parent->singles.start_ms == 0)
        return -1;
    int64_t left = parent->singles.start_ms - clock_ms();
    return left > 0 ? left : 0;
}
