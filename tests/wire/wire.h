/*
 * Transcripts of POP3 sessions, for the server's and for the client's side of libpop.
 *
 *   # comment
 *   == server: title             a new transcript, about the server's side (or: == client:)
 *   C: DELE 1                    the client's line, CRLF is added
 *   C- QUIT                      the client's octets, nothing is added
 *   S: +OK ...                   the server's line; "..." at its end: anything
 *   512 times C: NOOP            the line is there so many times
 *
 * Escapes: \n \r \0 \\ \. \xNN, and \{N*text} for N times the text.
 *
 * For the server, C is what it is fed with and S what has to come, all of it and
 * nothing else. Besides lines that may be:
 *
 *   S- +OK 19 octets\r\n...      octets without a line end, before "S! drop"
 *   S! close                     the connection is closed by the server
 *   S! drop                      the answer is not finished, the connection cut
 *   S! drop at once              the same, before the end of the file
 *   S! remove 1 3                the store is asked to remove these messages
 *
 * What its owner and the store say stands above that (server_setup.c has the rows):
 *
 *   login: yes                   starts logged in, as ann; the answers to that are not shown
 *   refuse: in-use               a right login is refused; several lines: one after the other
 *   message: Subject: a\n\n.x\n  a stored file; the rows below are about the one above them
 *   promised: 30                 LIST says so, whatever the file is
 *   refused: gone                the store does not open it
 *   uid: abc                     else a, b, c ...
 *
 * For the client, S is what it is fed with, C what it is asked to send, there,
 * and E what it has to tell:
 *
 *   C! PASS \0                   it refuses to send that
 *   C~ NOOP                      its queue is full
 *   C! handshake                 its owner says that TLS has begun
 *   C: AUTH PLAIN c2VjcmV0       the library is given the octets, as for the two below
 *   C: c2VjcmV0                  a response, where a challenge was told
 *   C: *                         there: it gives up
 *   E: UIDL item 1 abc           client_log.h has the forms
 */
#ifndef TESTS_WIRE_H
#define TESTS_WIRE_H

#include <pop/pop.h>

enum {
    WIRE_MESSAGES_MAX = 32,
    WIRE_LOGINS_MAX = 16,
    WIRE_ENTRIES_MAX = 4096,
    WIRE_TEXT_MAX = 1 << 18,
};

/* Something that happened or has to happen; `kind` is "S:", "E:" and so on. */
struct wire_entry {
    char kind[3];
    struct pop_view text;
    bool open;     /* any text that starts so will do */
    unsigned line; /* of the transcript */
    size_t at;     /* what is sent: after so many octets of input */
};

/* Entries with the octets behind them. What a transcript wants and what a run gives. */
struct wire_trace {
    struct wire_entry entries[WIRE_ENTRIES_MAX];
    size_t count;
    char octets[WIRE_TEXT_MAX];
    size_t len;
};

void trace_add(struct wire_trace *trace, const char *kind, struct pop_view text);
/* Adds to the text of the last entry; nothing else may have been put since. */
void trace_put(struct wire_trace *trace, struct pop_view text);
void trace_put_number(struct wire_trace *trace, uint64_t number);
/* Output of a server, cut into lines. */
void trace_output(struct wire_trace *trace, struct pop_view octets);
/* The index of the first entry that is not as wanted, or -1. */
long trace_compare(const struct wire_trace *wanted, const struct wire_trace *got);

struct wire_message {
    struct pop_view stored;
    struct pop_view uid;
    bool has_promise;
    uint64_t promised;
    bool refused;
    enum pop_refusal refusal;
};

/* What the owner of a server's session and the store say. */
struct wire_setup {
    struct pop_server_config config;
    struct pop_view timestamp; /* APOP is offered with it; empty: not */
    bool login;
    bool hold; /* the owner can take back an answer that turns out to be wrong */
    struct pop_view password;
    struct pop_view digest;
    bool turned_away;
    enum pop_refusal greeting;
    enum pop_refusal logins[WIRE_LOGINS_MAX];
    size_t login_count;
    uint32_t left;
    struct wire_message messages[WIRE_MESSAGES_MAX];
    uint32_t count;
};

struct wire_transcript {
    char title[128];
    bool client; /* about the client's side */
    struct wire_setup setup;
    struct wire_trace wanted;
    char input[WIRE_TEXT_MAX];
    size_t input_len;
    char text[WIRE_TEXT_MAX]; /* of the setup */
    size_t text_len;
};

/* One row of the setup. False: no such row, or a value that it does not take. */
bool setup_row(struct wire_setup *setup, struct pop_view name, struct pop_view value);

struct wire_reader;
struct wire_reader *reader_open(const char *path);
void reader_close(struct wire_reader *reader);
/* Positive: there is one more; zero: the end; negative: a mistake, which was said. */
int reader_next(struct wire_reader *reader, struct wire_transcript *transcript);

/* One side of libpop being played with. `small`: buffers as small as the contract allows. */
struct wire_side {
    void *(*start)(
        const struct wire_transcript *transcript, struct wire_trace *trace, bool small);
    void (*feed)(void *run, struct pop_view piece);
    void (*finish)(void *run);
};
extern const struct wire_side server_side;
extern const struct wire_side client_side;

#endif
