/*
 * The parts of the server's session: server.c (the table of commands and the
 * session's life), server_arguments.c (reading what follows a verb),
 * server_login.c (AUTHORIZATION), server_sasl.c (AUTH), server_mail.c
 * (TRANSACTION and UPDATE).
 */
#ifndef PROTO_SERVER_COMMAND_H
#define PROTO_SERVER_COMMAND_H

#include <pop/server.h>

/* What a verb takes after it (RFC 1939, sections 5 to 7). */
enum arguments {
    ARGS_NONE,
    ARGS_MESSAGE,          /* n */
    ARGS_OPTIONAL_MESSAGE, /* [n] */
    ARGS_MESSAGE_LINES,    /* n k */
    ARGS_WORD,             /* one word */
    ARGS_WORDS,            /* two words */
    ARGS_OPTIONAL_WORDS,   /* none, one or two words */
    ARGS_REST,             /* the rest of the line, blanks and all */
};

/* A command as it was read. */
struct command {
    struct pop_view word;
    struct pop_view second;
    bool has_message;
    uint32_t index;
    uint64_t lines;
    struct pop_buffer *out;
    struct pop_server_event *event;
};

typedef enum pop_server_step handler(struct pop_server *server, struct command *command);

/* Every step but this one goes to the owner. */
#define STEP_ANSWERED ((enum pop_server_step) - 1)

/* The one place that changes the state; only along the edges that the RFC knows. */
void pop_session_enter(struct pop_server *server, enum pop_state next);

/* Counts a mistake of the client. False: one too many; it was answered with the last -ERR,
 * whose response code may be `code`, and the session is over. */
bool
pop_mistake_allowed(struct pop_server *server, struct pop_buffer *out, struct pop_view code);

/* -ERR to a mistake, which counts. */
void pop_mistake(struct pop_server *server, struct pop_buffer *out, struct pop_view text);

/* Lines are commands from here on. */
void pop_read_commands(struct pop_server *server);

/* Reads what follows the verb. False: it was answered. `more`: a blank followed the verb. */
bool pop_take_arguments(
    struct pop_server *server, struct command *command, enum arguments arguments,
    struct pop_view rest, bool more);

/* Takes the octets up to the next blank, and the blank. *ret_more: something follows it, or
 * would have to. Single blanks only: two in a row give an empty word (R1939-4). */
struct pop_view pop_take_word(struct pop_view *rest, bool *ret_more);

/* "18 messages (67042 octets)" of those that are not marked. */
void pop_put_visible(const struct pop_server *server, struct pop_buffer *out);

/* A line that answers a challenge. */
enum pop_server_step
pop_sasl_response(struct pop_server *server, struct pop_view line, struct command *command);

/* The exchange is over because of a bad response. Lines are commands again. */
enum pop_server_step
pop_sasl_fail(struct pop_server *server, struct command *command, struct pop_view text);

bool pop_is_marked(const struct pop_server *server, uint32_t index);

/* Gives LIST or UIDL, whichever runs, while there is room. False: no room, come again. */
bool pop_continue_listing(struct pop_server *server, struct pop_buffer *out);

/* One for each verb. */
handler pop_on_apop, pop_on_auth, pop_on_capa, pop_on_dele, pop_on_list, pop_on_noop,
    pop_on_pass, pop_on_quit, pop_on_retr, pop_on_rset, pop_on_stat, pop_on_stls, pop_on_top,
    pop_on_uidl, pop_on_user;

#endif
