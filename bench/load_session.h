/* What one session of the load generator says, and what it checks. No descriptor, no clock. */
#ifndef BENCH_LOAD_SESSION_H
#define BENCH_LOAD_SESSION_H

#include <pop/client.h>

enum load_mode {
    LOAD_LOGIN,   /* USER PASS STAT QUIT */
    LOAD_SESSION, /* USER PASS STAT UIDL LIST, every message, QUIT */
    LOAD_IDLE,    /* USER PASS STAT, and QUIT once it is released */
};

/* Messages of one maildrop whose sizes are remembered. */
#define LOAD_MESSAGES_MAX 1024u

/* Room for the commands of a window, 255 octets at most for USER and PASS. */
#define LOAD_OUT_MAX 1024u

#define LOAD_PROBLEM_MAX 160

/* The caller's storage. */
struct load_session {
    enum load_mode mode;
    const char *user;
    const char *password;
    unsigned position; /* in the mode's script: the next command */
    bool pipelining;   /* the server announced it, and it was asked for */
    bool released;     /* LOAD_IDLE: may go on to QUIT */
    bool listed;       /* LIST is complete: `sizes` holds */
    uint32_t count;    /* messages, by STAT */
    uint64_t total;    /* their octets, by STAT */
    uint32_t retrieved;
    uint32_t next_message;             /* of RETR, from 1 */
    uint32_t lines;                    /* of the listing that comes in */
    uint64_t sum;                      /* of the sizes in LIST */
    uint64_t received;                 /* octets of the message that comes in */
    uint64_t octets;                   /* of all complete messages, stuffing removed */
    uint64_t sizes[LOAD_MESSAGES_MAX]; /* by LIST; index = number - 1 */
    struct pop_client client;
    struct pop_buffer out; /* what to send; the caller takes it out */
    char out_data[LOAD_OUT_MAX];
    char problem[LOAD_PROBLEM_MAX];
};

enum load_step {
    LOAD_STEP_MORE,   /* *in is used up */
    LOAD_STEP_DONE,   /* QUIT was answered: the server closes now */
    LOAD_STEP_FAILED, /* session->problem says why: give up */
};

/* `pipelining`: ask with CAPA whether the server can, and use it if so; otherwise one command
 * at a time. `user` and `password` must hold for the session's life. */
void load_session_init(
    struct load_session *session, enum load_mode mode, const char *user, const char *password,
    bool pipelining);

/* Writes the commands whose time has come into session->out. */
void load_session_fill(struct load_session *session);

/* Reads *in. Every size is checked: STAT against LIST, LIST against what RETR brings. */
enum load_step load_session_next(struct load_session *session, struct pop_view *in);

/* LOAD_IDLE: logged in, and nothing more will happen until it is released. */
bool load_session_is_held(const struct load_session *session);

#endif
