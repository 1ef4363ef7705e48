/*
 * A simulation of many POP3 sessions: libpop's server and client, connected by
 * pipes that cut octets anywhere, on a real store engine, while other programs
 * deliver, rename and remove mail. Everything random comes from one seed, time
 * included, so a seed gives the same run each time.
 *
 * Files: mail.c (what lies in the maildrops, and the programs that change it),
 * service.c (the server's end of a connection), visitor.c (the client's end and
 * what it must be told), sim.c (who acts next).
 *
 * The first thing that is not as it must be ends the program with the seed.
 */
#ifndef SIM_H
#define SIM_H

#include "base/limits.h"
#include "store/memory.h"
#include "store/store.h"

#include <pop/pop.h>
#include <stdint.h>

/* ---- the run ---- */

enum { DROPS = 6, CONNECTIONS = 5, MAILS_MAX = 4096 };

/* What a run must have seen to be worth something. */
enum sim_counter {
    SIM_LOGINS,
    SIM_BUSY,
    SIM_MESSAGES, /* that came whole */
    SIM_REFUSED,  /* removed or lied about */
    SIM_REMOVALS,
    SIM_CUT, /* by either side */
    SIM_COUNTERS,
};

struct sim {
    uint64_t seed;
    uint64_t random;
    uint64_t step;
    const struct store_ops *ops;
    uint64_t digest;                /* of all octets that were sent, in order */
    uint32_t counted[SIM_COUNTERS]; /* what happened */
    int64_t now_ns;                 /* the coarse clock of the file system and of the store */
    struct drop *drops;
    struct connection *connections;
};

/* A number below `bound`. */
uint32_t sim_below(struct sim *sim, uint32_t bound);

/* True once in `times`. */
static inline bool
sim_once_in(struct sim *sim, uint32_t times)
{
    return sim_below(sim, times) == 0;
}

_Noreturn void
sim_fail(const struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define SIM_CHECK(sim, condition, ...)                                                         \
    do {                                                                                       \
        if (!(condition))                                                                      \
            sim_fail(sim, __VA_ARGS__);                                                        \
    } while (0)

/* ---- mail.c ---- */

struct mail {
    char base[FILE_NAME_MAX_LEN + 1]; /* of its file, without flags */
    char uid[POP_UID_MAX + 1];
    char *stored;
    size_t stored_len;
    char *wire; /* as RETR must give it, without stuffing */
    size_t wire_len;
    uint64_t claim; /* the size that its name claims, which may be a lie; else wire_len */
    char name[FILE_NAME_MAX_LEN + 8]; /* of its file now: "new/..." or "cur/..." */
    bool alive;
    bool doomed;           /* a session is removing it just now */
    uint64_t removed_at;   /* the step; UINT64_MAX: never */
    uint64_t delivered_at; /* the step */
};

struct drop {
    char path[64];
    char user[8];
    struct mail *mails[MAILS_MAX];
    uint32_t count;
    bool busy;          /* a session has it */
    int64_t stamped[2]; /* the times of new and cur */
};

void drop_make(struct sim *sim, struct drop *drop, uint32_t number);
void drop_free(struct sim *sim, struct drop *drop);

/* Somebody else does something to the maildrop. */
void drop_disturb(struct sim *sim, struct drop *drop);

/* After store may have changed the folders: their times become those of the simulated clock. */
void drop_stamp(struct sim *sim, struct drop *drop);

/* Exactly the mails that are alive lie there, each octet of them. */
void drop_check(struct sim *sim, struct drop *drop);

/* While store lists the folders of this maildrop it is disturbed; NULL: of none. */
void drop_watch(struct sim *sim, struct drop *drop);

/* ---- connections ---- */

enum { PIPE_MAX = 4096, QUEUE_MAX = POP_CLIENT_QUEUE_MAX };

struct pipe {
    char data[PIPE_MAX];
    size_t len;
    bool closed; /* by whoever writes into it: nothing follows */
};

/* Moves a random number of octets, as far as there is room. */
void pipe_write(struct sim *sim, struct pipe *pipe, struct pop_buffer *from);
size_t pipe_read(struct sim *sim, struct pipe *pipe, char *to, size_t room);

/* A session's maildrop as it was at login. */
struct view {
    struct mail **mails;
    uint64_t *sizes;
    uint32_t count;
    uint64_t octets;
};

enum login {
    LOGIN_WRONG,
    LOGIN_BUSY,
    LOGIN_RIGHT,
};

/* The server's end. */
struct service {
    bool open;
    struct pop_server server;
    struct store *store;
    struct drop *drop;
    unsigned char *marks;
    struct pop_buffer out;
    char out_data[8 * POP_REPLY_MAX];
    char in[512];
    size_t in_len;
    bool closing;           /* after what is in `out` */
    bool killed;            /* it died, or its line broke */
    bool cut;               /* it closed in the middle of a message, on purpose */
    unsigned char *removed; /* the marks at QUIT; NULL: nothing was removed */
    int message_fd;
    size_t message_offset;
    size_t message_begin;
    bool message_flushed; /* some of the answer is on its way */
    int ahead_fd;         /* a message that was opened before it was asked for */
    uint32_t ahead_index;
};

struct sent {
    enum {
        SENT_COMMAND, /* as libpop's client writes it */
        SENT_WRONG,   /* a line that no server can take */
    } kind;
    enum pop_command command;
    uint32_t number;
    uint64_t lines;
    bool user_known;
};

/* The client's end. */
struct visitor {
    bool open;
    struct pop_client client;
    struct sent queue[QUEUE_MAX]; /* a ring, beside the client's own */
    uint32_t head;
    uint32_t waiting;
    struct pop_buffer out;
    char out_data[2048];
    char in[512];
    size_t in_len;
    uint32_t left; /* commands that it still wants to send */
    bool quit_sent;
    /* what has been answered so far */
    bool logged_in;
    bool user_given;
    bool quit_answered;
    bool *marked;
    bool *unreadable;
    uint32_t cursor; /* of a listing: the next message */
    size_t body_len; /* octets of the message that is coming */
    /* what has been sent so far: deletion needs it */
    bool *dele_sent;
};

struct connection {
    struct sim *sim;
    struct service service;
    struct visitor visitor;
    struct pipe up;   /* to the server */
    struct pipe down; /* to the client */
    bool check_user;
    struct pop_server_config config;
    enum login logins[QUEUE_MAX]; /* a ring: what the server said to each password */
    uint32_t logins_head;
    uint32_t logins_waiting;
    struct view view; /* after login */
};

/* ---- service.c ---- */

void service_open(struct connection *connection);
void service_step(struct connection *connection);

/* The process dies, or the line breaks: no word to anybody. */
void service_kill(struct connection *connection);

/* ---- visitor.c ---- */

void visitor_open(struct connection *connection);
void visitor_step(struct connection *connection);
void visitor_leave(struct connection *connection);

/* Everything that belongs to both ends. */
void connection_finish(struct connection *connection);

#endif
