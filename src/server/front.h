/*
 * Front: the process that faces the network. Accepts connections, speaks POP3
 * (libpop), reads message descriptors it was handed. It never opens a path,
 * never connects, never sees a password file or a mailbox.
 *
 * Files: front.c (start, control channel, listeners, timers), front_link.c
 * (channels to auth and store), front_login.c, front_sasl.c and
 * front_message.c (what the events of a session need), front_session.c (a
 * connection's life),
 * front_stream.c (its octets, plain or inside TLS), front_tls.c (certificates,
 * handshakes, the channel to keys), front_admit.c (who may connect: limits and
 * proxies).
 */
#ifndef SERVER_FRONT_H
#define SERVER_FRONT_H

#include "base/mechanism.h"
#include "base/snapshot.h"
#include "ipc/channel.h"
#include "net/loop.h"
#include "net/proxy_header.h"
#include "net/timer.h"
#include "net/tls_server.h"
#include "server/tally.h"

#include <pop/server.h>

/* Listeners of one configuration. */
#define FRONT_LISTENERS_MAX 32

/* Octets read from a client at once: fifty commands. What does not fit waits in the kernel. */
#define FRONT_INPUT_MAX 512

/* One output buffer for all sessions; what a socket does not take is kept per session. Twice
 * the size of a file read, so that an encoded read always fits. */
#define FRONT_OUTPUT_MAX (128u << 10)

/* Read from a message file at once: 64 KiB is where larger reads stop paying (measured:
 * 16 KiB costs 40 % more CPU per octet, 256 KiB nothing less). */
#define FRONT_READ_MAX (64u << 10)

/* Buffers that one session may send before the others get their turn. */
#define FRONT_FLUSHES_MAX 4

/* After QUIT with unread input: how long it is drained, so that the close does not destroy the
 * last answer on its way. */
#define FRONT_LINGER_MS 2000

/* Different delays of refused logins at a time. Those of one configuration are a first one,
 * doubled up to a maximum: 17 at most. Old and new ones meet after a reload. */
#define FRONT_DELAYS_MAX 40

/* Connections that are looked at to find one that gives way to a new one: the longest without a
 * login come first, so more than a few are needed only if all of those wait for auth. */
#define FRONT_GIVE_WAY_LOOKS 32

/* A message that is being asked from the store, or another channel. */
struct link_pending {
    struct link_pending *next;
    struct ipc_header header;
    size_t body_size;
    char body[];
};

/* A channel to auth or store. Sending never waits: what does not fit is queued. */
struct link {
    struct loop_source
        source; /* fd -1: the other end is gone until the parent sends a new one */
    struct front *front;
    enum ipc_role peer;
    uint32_t number;   /* of a store for one owner of maildrops; else 0 */
    struct link *next; /* of those */
    struct link_pending *first;
    struct link_pending *last;
};

struct front_listener {
    struct loop_source source;
    struct front *front;
    bool tls;             /* before the greeting */
    uint32_t proxy_count; /* 0: for clients */
    struct network proxies[PROXY_NETWORKS_MAX];
};

struct session;

/* A handle is its slot and how often the slot was used before: never the same twice. */
struct slot {
    struct session *session; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

/* What a connection is offered, by how it came. */
enum front_transport {
    FRONT_PLAIN,         /* plaintext logins are allowed to this peer */
    FRONT_PLAIN_REFUSED, /* and here not */
    FRONT_TLS,           /* with channel binding: TLS 1.3 */
    FRONT_TLS_UNBOUND,
    FRONT_TLS_CERTIFIED, /* and the client has a certificate of a trusted authority */
    FRONT_TLS_UNBOUND_CERTIFIED,
    FRONT_OFFERS,
};

struct front_offer {
    struct pop_server_config config;
    char mechanisms[MECHANISM_NAMES_MAX];
};

struct front {
    struct loop loop;
    struct loop_source control;
    struct link auth;
    struct link store;
    struct link *owners; /* stores of single owners */
    struct front_listener listeners[FRONT_LISTENERS_MAX];
    size_t listener_count;
    struct ipc_front_settings settings;
    char hostname[USER_NAME_MAX];
    struct front_offer offers[FRONT_OFFERS];
    struct tls_server *tls;      /* NULL: no certificates */
    struct tls_server *tls_next; /* a set that is not complete yet */
    struct tls_ticket_keys tickets;
    int client_ca_fd; /* of the set that comes next; -1: none */
    int keys_fd;      /* channel to keys; -1: gone until the parent sends a new one */
    int tally_fd;
    struct tally tally;
    struct timer_queue login_timers;
    struct timer_queue idle_timers;
    struct timer_queue delay_timers[FRONT_DELAYS_MAX]; /* one for each delay there has been */
    size_t delay_count;
    struct timer_queue linger_timers;
    struct slot *slots;
    uint32_t slot_count;
    uint32_t first_free;
    uint32_t session_count;
    uint32_t descriptors;     /* message descriptors held, all sessions */
    uint32_t descriptors_max; /* beyond this nothing is read ahead */
    struct session *runnable; /* sessions that gave way to others: a queue */
    struct session *last_runnable;
    bool started;  /* START has come */
    bool offering; /* auth has said what can be offered */
    bool binds;    /* ... and a mechanism with -PLUS is among it */
    bool open;     /* connections are accepted */
    bool draining;
    uint32_t claimed; /* single: the row that gives way to its connection, or TALLY_NONE */
    char *output;     /* FRONT_OUTPUT_MAX */
    char *chunk;      /* FRONT_READ_MAX */
};

/* What a session waits for; the answer is kept until its output has room. */
enum session_wait {
    SESSION_WAITS_CLIENT,
    SESSION_WAITS_USER_CHECK,
    SESSION_WAITS_LOGIN,
    SESSION_WAITS_MESSAGE,
    SESSION_WAITS_COMMIT,
};

/* Messages handed over and not yet used: a run of indexes, filled at its end. */
struct window {
    uint32_t first;
    uint32_t count;   /* that have come */
    uint32_t asked;   /* that have come or are on their way */
    uint32_t ignored; /* answers still to come to what was asked before a jump */
    uint32_t batch;   /* how many to ask for next; grows while the client goes in order */
    uint8_t status[FETCH_BATCH_MAX]; /* by index % FETCH_BATCH_MAX */
    int fds[FETCH_BATCH_MAX];
};

struct session {
    struct loop_source source; /* the connection; fd -1: gone, only an answer is awaited */
    struct front *front;
    struct session *next_runnable;
    bool runnable;
    uint64_t id;
    struct pop_server pop;
    struct sockaddr_storage peer; /* the client; behind a proxy as the proxy says */
    bool proxied;                 /* somebody else is behind the connection's real peer */
    struct proxy_header *header;  /* of a proxy, is still to come; else NULL */
    struct timer deadline;        /* login or idle */
    uint64_t moved;               /* octets sent since that began, while more is held back */
    struct timer delay;           /* a refusal that is held back, or the end of lingering */
    enum session_wait wait;
    bool answered;            /* what it waits for is there */
    uint32_t delay_ms;        /* before the answer is given */
    bool accepted;            /* SESSION_WAITS_LOGIN, _USER_CHECK: the answer */
    bool lingering;           /* output is shut, input is drained */
    bool auth_owes;           /* auth or store will answer a login */
    bool in_sasl;             /* auth keeps an exchange for it */
    enum mechanism mechanism; /* of the exchange that begins with the next response */
    char *challenge;          /* that has come, with its length; freed when it is sent */
    size_t challenge_len;
    char *timestamp;    /* of the greeting, for APOP; else NULL */
    char *sasl_line;    /* POP_SASL_LINE_MAX, for responses; while there is an exchange */
    uint32_t opening;   /* the number of the store that auth has asked */
    struct link *store; /* while it has opened the maildrop; else NULL */
    enum pop_refusal refusal;
    uint32_t commit_left;
    bool readable;      /* edge-triggered: until a read says EAGAIN */
    bool hung_up;       /* the client has sent all it will */
    struct ssl_st *tls; /* NULL: plain */
    bool handshaking;   /* what is sent and received is still plain, or the handshake's */
    bool greets_late;   /* TLS comes before the greeting */
    bool committed;
    unsigned turns; /* flushes since it was last waited for */
    uint16_t input_start;
    uint16_t input_len;
    char input[FRONT_INPUT_MAX];
    char *blocked; /* output that the socket did not take */
    size_t blocked_len;
    size_t blocked_sent;
    /* the maildrop */
    char user[POP_COMMAND_MAX + 1];
    void *block; /* of the snapshot */
    size_t block_size;
    bool block_mapped;
    struct pop_maildrop maildrop; /* in the block */
    unsigned char *marks;
    struct window window;
    /* the message being sent */
    int message_fd; /* -1: none */
    uint64_t message_offset;
    size_t message_begin;   /* in the output, for taking it back */
    uint64_t message_flush; /* value of `flushes` when it began */
    uint64_t flushes;
    /* for the log */
    uint32_t retrieved;
    uint64_t sent;
};

/* ---- front_link.c ---- */

/* Sends or queues. With no channel there the message is dropped: the sessions that wait on it
 * were ended when the channel broke. */
void link_send(
    struct link *link, uint32_t type, uint64_t session, const void *body, size_t body_size);
void link_open(struct link *link, int fd);

/* A store for one owner of maildrops; the link is freed when it is gone. */
void link_add_owner(struct front *front, uint32_t number, int fd);

static inline bool
link_is_open(const struct link *link)
{
    return link->source.fd >= 0;
}

/* ---- front_session.c ---- */

void
session_accept(struct front_listener *listener, int fd, const struct sockaddr_storage *peer);

/* Who the client is and whether it may stay is known: the greeting, or TLS, comes next. */
void session_welcome(struct session *session);

/* The session of a handle, or NULL. */
struct session *session_find(struct front *front, uint64_t id);

/* Goes on as far as it can without waiting. May end and free the session. */
void session_run(struct session *session);

/* Runs those that gave way, each once. */
void session_run_waiting(struct front *front);

/* Closes the connection and lets go of everything; nothing is deleted by this (R1939-17). */
void session_end(struct session *session, const char *reason);

/* The same when the connection has come to its end in order, or to a limit of libpop's. */
void session_done(struct session *session);

/* Which events of the connection are of interest besides the input. */
void session_watch(struct session *session, uint32_t more_events);

/* Sends *out. False: the connection does not take more now, or has failed and is ended. */
bool session_flush(struct session *session, struct pop_buffer *out);

/* ---- front_stream.c ---- */

/* Sends as much as the socket takes. Negative: the connection has failed. */
ssize_t stream_send(struct session *session, const char *data, size_t len);

enum stream_result {
    STREAM_OCTETS,
    STREAM_EMPTY, /* nothing there now */
    STREAM_ENDED, /* the client has sent all it will */
    STREAM_BROKEN,
};

/* Fills the session's input. Keeps `readable` true as long as there may be more. */
enum stream_result stream_receive(struct session *session);

/* Takes the proxy's header and not an octet of what follows it. PROXY_MORE: it has to wait;
 * PROXY_BAD also for a connection that ends before. */
enum proxy_step
stream_proxy_header(struct session *session, struct sockaddr_storage *ret_client);

/* Something that the client sent was not read yet. */
bool stream_has_input(const struct session *session);

/* The end in good order: the closing alert, inside TLS (R8314-4). */
void stream_close(struct session *session);

/* ---- front_admit.c ---- */

/* A new connection, counted already. False: it was turned away, with the reason, and has ended.
 */
bool admit_connection(struct session *session, const struct front_listener *listener);

/* Goes on with the proxy's header; at its end the client is known and welcome. */
void admit_client(struct session *session);

/* A front for one connection: that one makes room for another, if it has not begun to log in.
 */
void admit_give_way(struct front *front);

/* What this client is offered, outside TLS. */
const struct pop_server_config *admit_config(const struct session *session);

/* ---- front_tls.c ---- */

/* A certificate of a set; the last one puts the set in force for new connections. */
void front_certificate(struct front *front, const struct ipc_certificate *info, int fd);
void front_client_ca(struct front *front, int fd);
void front_tickets(struct front *front, const struct ipc_tickets *tickets);
void front_keys(struct front *front, int fd);

/* The handshake is next. False: the session has ended. */
bool session_begin_tls(struct session *session);

/* Goes on with it; at its end greets, or tells libpop. False: wait, or the session has ended.
 */
bool session_handshake(struct session *session, struct pop_buffer *out);

/* ---- front_login.c: asking and hearing auth and store ---- */

/* A login may begin. False: auth is being restarted, or this connection has to make room for
 * another one. */
bool session_may_ask(struct session *session);

void session_check_user(struct session *session, const struct pop_server_event *event);
void session_login(struct session *session, const struct pop_server_event *event);

/* The greeting, with a timestamp where APOP is taken. False: no memory; the session has ended.
 */
bool session_greet(struct session *session, struct pop_buffer *out);

/* AUTH and the responses of its exchange; the end of one that the client gave up. */
void session_sasl(
    struct session *session, const struct pop_server_event *event, struct pop_buffer *out);
void session_sasl_ended(struct session *session);
void session_challenged(struct session *session, const struct ipc_sasl *challenge);
void session_finish_sasl(struct session *session);

/* Which of the offers this connection gets, now that it is inside TLS. */
const struct pop_server_config *session_tls_config(struct session *session);

/* What auth said that can be offered. */
void front_offer(struct front *front, uint32_t mechanisms);

/* ---- front.c ---- */

/* Begins to accept as soon as everything is there that a client is told. */
void front_open(struct front *front);

/* Reads what the parent has sent, now. Links may break and sessions end by that. */
void front_hear_parent(struct front *front);

/* A connection stays. A front for one accepts no other from here on, and the parent replaces it
 * at once. */
void front_taken(struct front *front);

void session_commit(struct session *session);
void session_checked(struct session *session, const struct ipc_checked *checked);
void session_login_refused(struct session *session, const struct ipc_refused *refused);
void session_opened(struct session *session, struct ipc_packet *packet);

void session_wait_for(struct session *session, enum session_wait wait);

/* Sends the challenge that has come. */
void session_challenge(struct session *session, struct pop_buffer *out);

/* Gives libpop the answer that has come. */
void session_answer(struct session *session, struct pop_buffer *out);

/* ---- front_message.c ---- */

/* RETR or TOP: takes the descriptor from the window, or asks for it and waits. */
void message_fetch(struct session *session, uint32_t index);

/* FETCHED has come. */
void message_fetched(struct session *session, struct ipc_packet *packet);

/* Begins to send the message whose fetch was answered, or refuses it. */
void message_begin(struct session *session, struct pop_buffer *out);

enum message_pump {
    MESSAGE_DONE,    /* on to the next command */
    MESSAGE_BLOCKED, /* the socket is full */
    MESSAGE_ENDED,   /* the session is gone */
};
enum message_pump message_pump(struct session *session, struct pop_buffer *out);

/* Closes what the window holds. */
void window_finish(struct session *session);

#endif
