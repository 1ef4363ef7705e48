/*
 * Store: the process that has the mailboxes. It acts for sessions that auth
 * had opened, hands out read-only descriptors, and removes what QUIT asked
 * for. It never sees the network. There is one for all maildrops, or with
 * owner = "user" one for each owner, which ends when it is idle.
 *
 * Files: store.c (start, control channel, threads), store_open.c (OPEN),
 * store_session.c (messages about sessions), store_table.c (where they are).
 */
#ifndef SERVER_STORE_H
#define SERVER_STORE_H

#include "ipc/channel.h"
#include "store/store.h"

#include <pthread.h>

/* Threads that serve: a slow disk holds up this many sessions before it holds up all. */
#define STORE_THREADS 4

/* Buckets of the table of sessions; 20,000 sessions make chains of five. */
#define STORE_BUCKETS 4096u

/* A channel to a front or to auth. Each session, waiting login and thread that works for it
 * keeps it, and so does waiting for its next message, which only ends when it is closed. */
struct store_channel {
    struct store_channel *next;
    int fd;
    enum ipc_role peer;
    uint32_t number; /* of the front */
    bool closed;     /* nothing more is read or sent */
    unsigned users;  /* under the role's lock */
};

struct store_session {
    struct store_session *next; /* in its bucket */
    struct store_channel *front;
    uint64_t id;
    pthread_mutex_t lock; /* one thread at a time works for a session */
    unsigned users;       /* threads that hold it, under the role's lock */
    bool gone;            /* out of the table; the last user frees it */
    enum ipc_state state;
    const struct store_ops *engine; /* of `store` */
    struct store *store;
    unsigned char *marks; /* while MARKS come in */
    uint32_t marks_len;
    uint32_t count; /* messages */
    char user[USER_NAME_MAX + 1];
    char location[PATH_LEN_MAX];
};

/* A login that found its maildrop locked by a session which may just be ending. */
struct store_waiting {
    struct store_waiting *next;
    struct store_channel *front;
    uint64_t id;
    int64_t due_ms;
    char user[USER_NAME_MAX + 1];
    char location[PATH_LEN_MAX];
};

struct store_role {
    int epoll_fd;
    /* fixed from START on */
    struct ipc_store_settings settings;
    const struct store_ops *engine;
    char location[PATH_LEN_MAX]; /* the template */
    pthread_mutex_t lock;        /* of everything below, never held over a file or a socket */
    pthread_cond_t front_added;
    uint32_t newest_front;
    struct store_channel *channels;
    struct store_session *buckets[STORE_BUCKETS];
    struct store_waiting *waiting;
    unsigned busy;   /* sessions, and logins that are being opened or wait */
    int64_t idle_ms; /* since when there are none */
    bool idle_told;
    bool auth_gone;    /* whoever asks it to open has let go of it */
    uint64_t releases; /* of any maildrop: a login that found its own busy looks again */
};

/*
 * The channel may give its next message to another thread. A message is taken
 * by one thread, which lets go of the channel only once it holds the session:
 * so a session's messages are served in the order in which front sent them.
 */
void store_channel_next(struct store_role *role, struct store_channel *channel);

/* Keeps the channel alive, and lets go of it. */
void store_channel_hold(struct store_role *role, struct store_channel *channel);
void store_channel_release(struct store_role *role, struct store_channel *channel);
bool store_channel_closed(struct store_role *role, struct store_channel *channel);

/* There is something to do, and one thing less. The store of one owner ends with the last, if
 * auth has let go of it. */
void store_begin(struct store_role *role);
void store_done(struct store_role *role);

/* ---- store_open.c ---- */

/* A message from auth: OPEN. */
void store_open(
    struct store_role *role, const struct ipc_header *header, const struct ipc_open *open);

/* Logins that have waited long enough are refused. Returns how long to wait for the next, or
 * -1. */
int store_expire_waiting(struct store_role *role);

/* A login that waits for this maildrop gets its chance. */
void store_maildrop_released(struct store_role *role, const char *location);

/* ---- store_session.c ---- */

/* A message from front; lets go of the channel. False: it must not send this; it counts as
 * taken over. */
bool
store_message(struct store_role *role, struct store_channel *front, struct ipc_packet *packet);

/* Ends all sessions of a front that is gone: locks go, marks go, nothing is deleted. */
void store_front_lost(struct store_role *role, struct store_channel *front);

/* The session, held by the caller, is over: its lock goes. */
void store_session_close(struct store_role *role, struct store_session *session);

/* Sends to front; one that does not read is shut. */
void store_answer(
    struct store_channel *front, uint32_t type, uint64_t id, const void *body, size_t size,
    const int *fds, size_t fd_count);

/* ---- store_table.c ---- */

/* A session, held by the caller and not in the table yet. NULL: no memory. */
struct store_session *store_session_make(
    struct store_role *role, struct store_channel *front, uint64_t id, const char *user,
    const char *location);

/* Adds a session that the caller holds. False: front used this handle already, or is gone. */
bool store_session_add(struct store_role *role, struct store_session *session);

/* Takes it out; it stays until nobody holds it. */
void store_session_remove(struct store_role *role, struct store_session *session);

/* Finds and holds a session; NULL: there is none. */
struct store_session *
store_session_hold(struct store_role *role, struct store_channel *front, uint64_t id);

/* Any session of this front that is still in the table, held; or NULL. */
struct store_session *
store_session_hold_any(struct store_role *role, struct store_channel *front);

/* Lets go of it; the last one frees it if it was removed. */
void store_session_release(struct store_role *role, struct store_session *session);

#endif
