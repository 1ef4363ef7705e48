/*
 * The client's side of a POP3 session (RFC 1939, RFC 2449): commands are
 * written into a buffer and remembered in a queue of awaited replies; the
 * octets that come back are matched to them in order. So pipelining is the
 * normal case, and "one at a time" is a queue of one.
 *
 * A fresh session awaits the greeting. Nothing here decides what to send.
 */
#ifndef POP_CLIENT_H
#define POP_CLIENT_H

#include <pop/body.h>
#include <pop/limits.h>
#include <pop/line.h>
#include <pop/reply.h>

enum pop_command {
    POP_COMMAND_GREETING, /* not sent: awaited from the start */
    POP_COMMAND_CAPA,
    POP_COMMAND_STLS,
    POP_COMMAND_USER,
    POP_COMMAND_PASS,
    POP_COMMAND_APOP, /* argument "name digest" */
    POP_COMMAND_AUTH, /* by pop_client_auth() */
    POP_COMMAND_STAT,
    POP_COMMAND_LIST,     /* all */
    POP_COMMAND_LIST_ONE, /* one message */
    POP_COMMAND_UIDL,
    POP_COMMAND_UIDL_ONE,
    POP_COMMAND_RETR,
    POP_COMMAND_TOP,
    POP_COMMAND_DELE,
    POP_COMMAND_NOOP,
    POP_COMMAND_RSET,
    POP_COMMAND_QUIT,
    POP_COMMAND_COUNT,
};

enum pop_send {
    POP_SEND_OK,
    POP_SEND_FULL, /* the queue or *out is full, or STLS or AUTH is under way: later */
    POP_SEND_BAD,  /* the argument has a control character or the line would pass 255 octets:
                      nothing was written (R2449-7) */
};

enum pop_client_step {
    POP_CLIENT_MORE,      /* *in is used up */
    POP_CLIENT_REPLY,     /* a first line; with `multiline` items or text follow, then END */
    POP_CLIENT_ITEM,      /* one line of LIST, UIDL or CAPA */
    POP_CLIENT_TEXT,      /* a piece of the message of RETR or TOP, maybe empty */
    POP_CLIENT_END,       /* the multi-line answer is complete */
    POP_CLIENT_CHALLENGE, /* AUTH: pop_client_respond() or pop_client_cancel() comes next; with
                             event.problem only the latter (R5034-6) */
    POP_CLIENT_BROKEN,    /* the server broke the protocol (event.problem says how): give up */
};

struct pop_client_event {
    enum pop_command command; /* that this answers */
    uint32_t message;         /* the number it was sent with, or 0 */
    bool multiline;           /* REPLY */
    struct pop_status status; /* REPLY; borrows from the session until the next call */
    uint64_t number;          /* STAT: count; LIST, UIDL: message number */
    uint64_t size;            /* STAT, LIST: octets */
    struct pop_view uid;      /* UIDL */
    struct pop_view text; /* TEXT: message octets; CAPA item: the line; CHALLENGE: decoded */
    const char *problem;  /* BROKEN, CHALLENGE: a constant */
};

struct pop_awaited {
    uint8_t command;
    uint32_t message;
};

/* Where the change to TLS is (RFC 2595, section 4). */
enum pop_client_stls {
    POP_CLIENT_STLS_NONE,
    POP_CLIENT_STLS_SENT,     /* its answer is awaited */
    POP_CLIENT_STLS_ACCEPTED, /* +OK has come: the handshake is the owner's */
};

/* Where an exchange of AUTH is (RFC 5034, section 4). */
enum pop_client_sasl {
    POP_CLIENT_SASL_NONE,
    POP_CLIENT_SASL_SENT,       /* the server's turn */
    POP_CLIENT_SASL_CHALLENGED, /* the owner's turn */
    POP_CLIENT_SASL_UNREADABLE, /* the owner's turn, but only to cancel */
    POP_CLIENT_SASL_CANCELLED,  /* the answer to that is awaited */
};

/* The caller's storage; its fields are libpop's. */
struct pop_client {
    struct pop_awaited queue[POP_CLIENT_QUEUE_MAX]; /* a ring */
    uint32_t head;
    uint32_t awaited; /* how many */
    bool in_body;
    bool broken;
    enum pop_client_stls stls;
    enum pop_client_sasl sasl;
    struct pop_body body;
    struct pop_line line; /* in line_data, or in the storage that AUTH was given */
    char line_data[POP_CLIENT_LINE_MAX];
};

void pop_client_init(struct pop_client *client);

/* Replies still awaited. */
uint32_t pop_client_awaited(const struct pop_client *client);

/*
 * A command with an argument or none (empty view). Secrets: the line is in *out only.
 *
 * After STLS nothing is written, POP_SEND_FULL, before -ERR has come or
 * pop_client_tls_started() was called (R2595-3); after AUTH, before its answer has come.
 */
enum pop_send pop_client_send(
    struct pop_client *client, enum pop_command command, struct pop_view argument,
    struct pop_buffer *out);

/* A command about one message; `lines` is for TOP only. */
enum pop_send pop_client_send_number(
    struct pop_client *client, enum pop_command command, uint32_t number, uint64_t lines,
    struct pop_buffer *out);

/*
 * Reads from *in until there is something to tell. Views in *ret_event hold
 * until the next call or until the octets behind *in are overwritten.
 * After BROKEN it returns BROKEN for ever.
 */
enum pop_client_step pop_client_next(
    struct pop_client *client, struct pop_view *in, struct pop_client_event *ret_event);

/*
 * After +OK to STLS the owner calls pop_client_next() once more: octets that came
 * behind that line are BROKEN, for nobody knows who sent them, and with MORE the
 * handshake may begin. This says that it is done: from here on all octets go
 * through TLS. What CAPA told before is the owner's to forget (R2595-5).
 */
void pop_client_tls_started(struct pop_client *client);

/* True: a first message of so many octets can go along with AUTH, on one line of 255 octets
 * (R5034-9). Otherwise it is the response to the first challenge, an empty one. */
bool pop_client_auth_fits(struct pop_view mechanism, size_t initial_len);

/*
 * AUTH, with the client's first message (octets; NULL: none). POP_SEND_FULL while anything is
 * awaited: an exchange has the connection to itself.
 *
 * `storage` takes lines longer than those of commands, POP_SASL_LINE_MAX octets of them for
 * challenges as long as the RFC allows; it has to be there until AUTH was answered, and
 * what CHALLENGE and that REPLY tell lies in it. It may hold secrets: the caller's to wipe.
 */
enum pop_send pop_client_auth(
    struct pop_client *client, struct pop_view mechanism, const struct pop_view *initial,
    struct pop_buffer storage, struct pop_buffer *out);

/* Answers a challenge, octets or none. POP_SEND_BAD: it passes POP_SASL_LINE_MAX, or the
 * challenge could not be read. */
enum pop_send
pop_client_respond(struct pop_client *client, struct pop_view response, struct pop_buffer *out);

/* Answers a challenge by giving up; -ERR is awaited then, and nothing else (R5034-4). */
enum pop_send pop_client_cancel(struct pop_client *client, struct pop_buffer *out);

#endif
