/*
 * The server's side of a POP3 session (RFC 1939, RFC 2449): octets in, events
 * and octets out. No descriptor, clock, allocation or log: the owner of the
 * connection moves octets and does what the events ask for.
 *
 * The way of a session:
 *
 *   pop_server_init(), pop_server_greet()
 *   loop:
 *     pop_server_next()  ->  MORE        read more from the client
 *                            ROOM        send what is in *out first
 *                            CHECK_USER  answer with pop_server_user_checked()
 *                            LOGIN       answer with pop_server_login_accepted() or _refused()
 *                            SASL        answer with pop_server_challenge() or as LOGIN
 *                            SASL_ENDED  the exchange was given up; the client has its answer
 *                            FETCH       answer with pop_server_message_begin() or _refused()
 *                            COMMIT      answer with pop_server_commit_done()
 *                            STLS        send what is in *out, do the handshake, then
 *                                        pop_server_tls_started(); if it fails, close
 *                            CLOSE       send what is in *out, then close
 *
 * Between an event that wants an answer and that answer, pop_server_next()
 * must not be called. Commands are run one by one in order, however they were
 * cut or bundled (R2449-17); input that is not taken yet stays with the owner.
 */
#ifndef POP_SERVER_H
#define POP_SERVER_H

#include <pop/base64.h>
#include <pop/body.h>
#include <pop/limits.h>
#include <pop/line.h>
#include <pop/maildrop.h>

enum pop_state {
    POP_STATE_GREETING,
    POP_STATE_AUTHORIZATION,
    POP_STATE_TRANSACTION,
    POP_STATE_UPDATE,
    POP_STATE_CLOSED,
    POP_STATE_COUNT,
};

/* Why a login or a message is refused: each has its response code and its text (RFC 2449,
 * section 8; RFC 3206). */
enum pop_refusal {
    POP_REFUSAL_AUTH,            /* [AUTH] the credentials are wrong (R3206-1) */
    POP_REFUSAL_IN_USE,          /* [IN-USE] another session has the maildrop (R2449-11) */
    POP_REFUSAL_SYS_TEMP,        /* [SYS/TEMP] may pass by itself (R3206-2) */
    POP_REFUSAL_SYS_PERM,        /* [SYS/PERM] needs a person (R3206-2) */
    POP_REFUSAL_CONNECTIONS,     /* [SYS/TEMP] as a greeting: the server is full */
    POP_REFUSAL_PER_ADDRESS,     /* [SYS/TEMP] as a greeting: this address has its share */
    POP_REFUSAL_USER_SESSIONS,   /* [IN-USE] this user has too many sessions waiting */
    POP_REFUSAL_FAILURES,        /* [SYS/TEMP] too many refused logins from this address */
    POP_REFUSAL_LOGIN_DELAY,     /* [LOGIN-DELAY] too soon after the last login (R2449-13) */
    POP_REFUSAL_DISABLED,        /* [SYS/PERM] POP3 is switched off for this user */
    POP_REFUSAL_SASL,            /* the exchange breaks the mechanism's rules */
    POP_REFUSAL_MESSAGE_GONE,    /* the message was removed by another program (R1939-52) */
    POP_REFUSAL_MESSAGE_CHANGED, /* it is no longer what LIST promised */
    POP_REFUSAL_COUNT,
};

/* Fixed for the life of a session; borrowed. */
struct pop_server_config {
    struct pop_view hostname;       /* for the greeting; printable ASCII, at most 255 octets */
    struct pop_view implementation; /* for CAPA IMPLEMENTATION (R2449-20) */
    struct pop_view mechanisms;     /* SASL: names with single blanks between; empty: no AUTH */
    bool user_allowed;              /* USER and PASS work, and are announced (R2449-8) */
    bool check_user;                /* ask at USER whether the name exists (CHECK_USER) */
    bool stls; /* STLS works, and is announced until login: a certificate is there and TLS is
                  not active yet (R2595-1, R2595-10, R8314-8) */
    /* Beyond these one last -ERR, which names the limit, and CLOSE; 0: none. A mistake is a
     * command that the client should not have sent so: unknown, at the wrong time, with a wrong
     * argument, too long, or a refused login. A message that is gone is none. */
    uint32_t mistakes_per_session;
    uint32_t commands_before_login;
    uint32_t login_delay; /* announced, in seconds; the owner sees to it (R2449-13); 0: none */
};

enum pop_server_step {
    POP_SERVER_MORE,
    POP_SERVER_ROOM,
    POP_SERVER_CHECK_USER,
    POP_SERVER_LOGIN,
    POP_SERVER_SASL,
    POP_SERVER_SASL_ENDED,
    POP_SERVER_FETCH,
    POP_SERVER_COMMIT,
    POP_SERVER_STLS,
    POP_SERVER_CLOSE,
};

struct pop_server_event {
    struct pop_view user;      /* CHECK_USER, LOGIN: valid until the answer is given */
    struct pop_view password;  /* LOGIN: the same; for APOP the digest */
    bool apop;                 /* LOGIN */
    struct pop_view mechanism; /* SASL: its name as the configuration writes it, at the start of
                                  an exchange; then empty */
    struct pop_view response;  /* SASL: decoded, until the answer is given */
    bool has_response;         /* SASL: the start of an exchange may be without one */
    uint32_t index;            /* FETCH: of the message, from 0 */
    uint64_t lines;            /* FETCH: body lines wanted (TOP), or POP_LINES_ALL */
};

/* What the owner awaits; for its assertions. */
enum pop_server_pending {
    POP_PENDING_NONE,
    POP_PENDING_LISTING, /* LIST or UIDL still has lines to give */
    POP_PENDING_USER,
    POP_PENDING_LOGIN,
    POP_PENDING_FETCH,
    POP_PENDING_MESSAGE, /* a message is being sent */
    POP_PENDING_COMMIT,
    POP_PENDING_TLS,
    POP_PENDING_SASL,
};

/* The caller's storage; its fields are libpop's. */
struct pop_server {
    const struct pop_server_config *config;
    struct pop_view timestamp;
    enum pop_state state;
    enum pop_server_pending pending;
    struct pop_maildrop maildrop;
    unsigned char *marks; /* two bitmaps: marked as deleted, and not to be deleted */
    uint32_t marked;      /* how many are marked */
    uint64_t marked_octets;
    uint32_t cursor;   /* of a listing, from 0 */
    bool listing_uids; /* UIDL rather than LIST */
    uint32_t index;    /* of the message being sent */
    uint64_t lines;
    uint64_t commands;      /* read so far, whatever became of them */
    uint32_t mistakes;      /* of these */
    const char *over_limit; /* what ended the session, for the log; else NULL */
    struct pop_encoder encoder;
    bool in_sasl;    /* the next line is a response */
    bool user_given; /* USER was accepted and PASS may follow (R1939-28) */
    uint8_t user_len;
    char user[POP_COMMAND_MAX];
    struct pop_line line;
    char line_data[POP_COMMAND_MAX];
};

/* `config` must outlive the session. */
void pop_server_init(struct pop_server *server, const struct pop_server_config *config);

/*
 * APOP is taken, and its digest judged by the owner: the greeting has this
 * msg-id, which no other greeting ever had (R1939-32). Before the greeting;
 * borrowed until login, or until TLS has started, which ends it.
 */
void pop_server_offer_apop(struct pop_server *server, struct pop_view timestamp);

/* The greeting (R1939-1). *out needs POP_REPLY_MAX of room. */
void pop_server_greet(struct pop_server *server, struct pop_buffer *out);

/* Instead of the greeting: says why and closes. */
void pop_server_greet_refused(
    struct pop_server *server, enum pop_refusal refusal, struct pop_buffer *out);

/*
 * Runs commands from *in until something is needed (see the top). Returns ROOM
 * when *out has less than POP_REPLY_MAX free. *ret_event is filled for
 * CHECK_USER, LOGIN and FETCH only.
 */
enum pop_server_step pop_server_next(
    struct pop_server *server, struct pop_view *in, struct pop_buffer *out,
    struct pop_server_event *ret_event);

/*
 * TLS is active from here on; `config` takes the place of the old one. What was
 * said before is forgotten (R2595-6). Not answered: the handshake was it.
 */
void pop_server_tls_started(struct pop_server *server, const struct pop_server_config *config);

/* The answers. Each needs POP_REPLY_MAX of room in *out, which is there if nothing was added
 * since the event. */
void pop_server_user_checked(struct pop_server *server, bool known, struct pop_buffer *out);

/*
 * The mechanism has something to ask. Responses may be longer than any command
 * (R5034-10): lines of them are gathered in `storage`, the same one throughout
 * an exchange; the caller's until the exchange has ended, and to be wiped by
 * it. *out needs POP_CHALLENGE_ROOM(challenge.len).
 */
#define POP_CHALLENGE_ROOM(octets) (POP_BASE64_LEN(octets) + 4)
void pop_server_challenge(
    struct pop_server *server, struct pop_view challenge, struct pop_buffer storage,
    struct pop_buffer *out);

/* Octets of zeroed storage that pop_server_login_accepted() wants for `count` messages. */
size_t pop_server_marks_size(uint32_t count);

/* `maildrop` is copied, what it borrows and `marks` must outlive the session. */
void pop_server_login_accepted(
    struct pop_server *server, const struct pop_maildrop *maildrop, unsigned char *marks,
    struct pop_buffer *out);
void pop_server_login_refused(
    struct pop_server *server, enum pop_refusal refusal, struct pop_buffer *out);

/* The message can be read: writes the first line of the answer. Then feed its octets. */
void pop_server_message_begin(struct pop_server *server, struct pop_buffer *out);

enum pop_message_step {
    POP_MESSAGE_MORE,   /* *in is used up or *out is full */
    POP_MESSAGE_ENOUGH, /* TOP needs no more: call pop_server_message_end() */
    POP_MESSAGE_BROKEN, /* longer than LIST promised: drop the connection */
};
enum pop_message_step
pop_server_message_text(struct pop_server *server, struct pop_view *in, struct pop_buffer *out);

/*
 * The end of the file. True: the final dot was written. False: the octets are
 * not those that LIST promised, nothing was written; drop the connection, or,
 * if nothing since _begin() has been sent, take it back and call _refused().
 * Needs POP_MESSAGE_END_MAX of room.
 */
bool pop_server_message_end(struct pop_server *server, struct pop_buffer *out);
#define POP_MESSAGE_END_MAX (POP_ENCODER_END_MAX + 3)

/* -ERR to RETR or TOP; the message cannot be deleted in this session from here on. */
void pop_server_message_refused(
    struct pop_server *server, enum pop_refusal refusal, struct pop_buffer *out);

/* For COMMIT: one bit per message, least significant first: the messages to remove. */
const unsigned char *pop_server_marks(const struct pop_server *server);

/* `left` of the marked messages could not be removed (R1939-19). */
void pop_server_commit_done(struct pop_server *server, uint32_t left, struct pop_buffer *out);

#endif
