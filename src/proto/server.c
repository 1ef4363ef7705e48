/*
 * The server's side of a session: one table of commands, one place that
 * changes the state. Each handler gives exactly one answer or asks the owner
 * for something whose result gives it.
 */
#include "base/number.h"
#include "proto/server_replies.h"

#include <strings.h>

#define BIT(state)       (1u << (state))
#define IN_AUTHORIZATION BIT(POP_STATE_AUTHORIZATION)
#define IN_TRANSACTION   BIT(POP_STATE_TRANSACTION)

/* What a verb takes after it (RFC 1939, sections 5 to 7). */
enum arguments {
    ARGS_NONE,
    ARGS_MESSAGE,          /* n */
    ARGS_OPTIONAL_MESSAGE, /* [n] */
    ARGS_MESSAGE_LINES,    /* n k */
    ARGS_WORD,             /* one word */
    ARGS_WORDS,            /* two words */
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

static void
session_enter(struct pop_server *server, enum pop_state next)
{
    static const unsigned edges[POP_STATE_COUNT] = {
        [POP_STATE_GREETING] = BIT(POP_STATE_AUTHORIZATION) | BIT(POP_STATE_CLOSED),
        [POP_STATE_AUTHORIZATION] = BIT(POP_STATE_TRANSACTION) | BIT(POP_STATE_CLOSED),
        [POP_STATE_TRANSACTION] = BIT(POP_STATE_UPDATE) | BIT(POP_STATE_CLOSED),
        [POP_STATE_UPDATE] = BIT(POP_STATE_CLOSED),
    };
    assert(edges[server->state] & BIT(next));
    (void)edges;
    server->state = next;
}

/* ---- marks ---- */

static bool
bit_get(const unsigned char *bits, uint32_t index)
{
    return (bits[index / 8] >> (index % 8)) & 1u;
}

static void
bit_set(unsigned char *bits, uint32_t index)
{
    bits[index / 8] |= (unsigned char)(1u << (index % 8));
}

static size_t
bitmap_size(uint32_t count)
{
    return (size_t)count / 8 + 1;
}

size_t
pop_server_marks_size(uint32_t count)
{
    return 2 * bitmap_size(count);
}

const unsigned char *
pop_server_marks(const struct pop_server *server)
{
    return server->marks;
}

static bool
is_marked(const struct pop_server *server, uint32_t index)
{
    return bit_get(server->marks, index);
}

/* The second bitmap: messages that could not be read and so must not be deleted. */
static unsigned char *
unreadable(const struct pop_server *server)
{
    return server->marks + bitmap_size(server->maildrop.count);
}

static void
put_visible_maildrop(const struct pop_server *server, struct pop_buffer *out)
{
    put_maildrop(
        out, server->maildrop.count - server->marked,
        server->maildrop.octets - server->marked_octets);
}

/* ---- AUTHORIZATION ---- */

static enum pop_server_step
on_user(struct pop_server *server, struct command *command)
{
    if (!server->config->user_allowed) {
        reply_err(command->out, POP_VIEW("USER is not available here"));
        return STEP_ANSWERED;
    }
    memcpy(server->user, command->word.data, command->word.len);
    server->user_len = (uint8_t)command->word.len;
    if (server->config->check_user) {
        command->event->user = (struct pop_view){server->user, server->user_len};
        server->pending = POP_PENDING_USER;
        return POP_SERVER_CHECK_USER;
    }
    pop_server_user_checked(server, true, command->out);
    return STEP_ANSWERED;
}

void
pop_server_user_checked(struct pop_server *server, bool known, struct pop_buffer *out)
{
    server->pending = POP_PENDING_NONE;
    server->user_given = known;
    if (known)
        reply_ok(out, POP_VIEW("now the password, with PASS"));
    else
        reply_err(out, POP_VIEW("no mailbox of that name here"));
}

static enum pop_server_step
on_pass(struct pop_server *server, struct command *command)
{
    command->event->user = (struct pop_view){server->user, server->user_len};
    command->event->password = command->word;
    server->pending = POP_PENDING_LOGIN;
    return POP_SERVER_LOGIN;
}

static enum pop_server_step
on_apop(struct pop_server *server, struct command *command)
{
    if (server->config->timestamp.len == 0) {
        reply_err(command->out, POP_VIEW("APOP is not available here"));
        return STEP_ANSWERED;
    }
    command->event->user = command->word;
    command->event->password = command->second;
    command->event->apop = true;
    server->pending = POP_PENDING_LOGIN;
    return POP_SERVER_LOGIN;
}

/* The password may lie in the line that PASS came in. */
static void
login_answered(struct pop_server *server)
{
    server->pending = POP_PENDING_NONE;
    explicit_bzero(server->line_data, sizeof server->line_data);
}

void
pop_server_login_accepted(
    struct pop_server *server, const struct pop_maildrop *maildrop, unsigned char *marks,
    struct pop_buffer *out)
{
    assert(server->pending == POP_PENDING_LOGIN);
    login_answered(server);
    server->maildrop = *maildrop;
    server->marks = marks;
    session_enter(server, POP_STATE_TRANSACTION);
    pop_buffer_put(out, POP_VIEW("+OK logged in, "));
    put_visible_maildrop(server, out);
    pop_buffer_put(out, POP_VIEW("\r\n"));
}

void
pop_server_login_refused(
    struct pop_server *server, enum pop_refusal refusal, struct pop_buffer *out)
{
    assert(server->pending == POP_PENDING_LOGIN);
    login_answered(server);
    reply_refusal(out, refusal);
}

/* ---- both states ---- */

static enum pop_server_step
on_capa(struct pop_server *server, struct command *command)
{
    reply_capa(command->out, server->config);
    return STEP_ANSWERED;
}

static enum pop_server_step
on_quit(struct pop_server *server, struct command *command)
{
    if (server->state == POP_STATE_AUTHORIZATION) { /* no UPDATE (R1939-16) */
        reply_ok(command->out, POP_VIEW("goodbye"));
        session_enter(server, POP_STATE_CLOSED);
        return POP_SERVER_CLOSE;
    }
    session_enter(server, POP_STATE_UPDATE);
    server->pending = POP_PENDING_COMMIT;
    if (server->marked > 0)
        return POP_SERVER_COMMIT;
    pop_server_commit_done(server, 0, command->out);
    return POP_SERVER_CLOSE;
}

void
pop_server_commit_done(struct pop_server *server, uint32_t left, struct pop_buffer *out)
{
    assert(server->pending == POP_PENDING_COMMIT);
    server->pending = POP_PENDING_NONE;
    if (left > 0) { /* R1939-19 */
        pop_buffer_put(out, POP_VIEW("-ERR some deleted messages not removed: "));
        put_number(out, left);
    } else {
        pop_buffer_put(out, POP_VIEW("+OK "));
        if (server->marked > 0) {
            put_count(out, server->marked, POP_VIEW("message"));
            pop_buffer_put(out, POP_VIEW(" deleted, "));
        }
        pop_buffer_put(out, POP_VIEW("goodbye"));
    }
    pop_buffer_put(out, POP_VIEW("\r\n"));
    session_enter(server, POP_STATE_CLOSED);
}

/* ---- TRANSACTION ---- */

static enum pop_server_step
on_stat(struct pop_server *server, struct command *command)
{
    pop_buffer_put(command->out, POP_VIEW("+OK "));
    put_number(command->out, server->maildrop.count - server->marked);
    pop_buffer_put(command->out, POP_VIEW(" "));
    put_number(command->out, server->maildrop.octets - server->marked_octets);
    pop_buffer_put(command->out, POP_VIEW("\r\n")); /* nothing after the size (R1939-37) */
    return STEP_ANSWERED;
}

/* "n size" or "n unique-id" and the line end. */
static void
put_scan_line(
    const struct pop_server *server, uint32_t index, bool uids, struct pop_buffer *out)
{
    put_number(out, (uint64_t)index + 1);
    pop_buffer_put(out, POP_VIEW(" "));
    if (uids)
        pop_buffer_put(out, pop_maildrop_uid(&server->maildrop, index));
    else
        put_number(out, server->maildrop.messages[index].size);
    pop_buffer_put(out, POP_VIEW("\r\n"));
}

static enum pop_server_step
list(struct pop_server *server, struct command *command, bool uids)
{
    if (command->has_message) {
        pop_buffer_put(command->out, POP_VIEW("+OK "));
        put_scan_line(server, command->index, uids, command->out);
        return STEP_ANSWERED;
    }
    pop_buffer_put(command->out, POP_VIEW("+OK "));
    put_visible_maildrop(server, command->out);
    pop_buffer_put(command->out, POP_VIEW("\r\n"));
    server->cursor = 0;
    server->listing_uids = uids;
    server->pending = POP_PENDING_LISTING;
    return STEP_ANSWERED;
}

/* A listing of 100,000 messages must not sit in memory for a client that does not read: goes
 * on while there is room. False: no room, come again. */
static bool
continue_listing(struct pop_server *server, struct pop_buffer *out)
{
    static const size_t line_max = NUMBER_DIGITS_MAX + 1 + POP_UID_MAX + 2;
    for (; server->cursor < server->maildrop.count; server->cursor++) {
        if (pop_buffer_room(out) < line_max)
            return false;
        if (!is_marked(server, server->cursor))
            put_scan_line(server, server->cursor, server->listing_uids, out);
    }
    if (pop_buffer_room(out) < 3)
        return false;
    pop_buffer_put(out, POP_VIEW(".\r\n"));
    server->pending = POP_PENDING_NONE;
    return true;
}

static enum pop_server_step
on_list(struct pop_server *server, struct command *command)
{
    return list(server, command, false);
}

static enum pop_server_step
on_uidl(struct pop_server *server, struct command *command)
{
    return list(server, command, true);
}

static enum pop_server_step
fetch(struct pop_server *server, struct command *command, uint64_t lines)
{
    server->index = command->index;
    server->lines = lines;
    server->pending = POP_PENDING_FETCH;
    command->event->index = command->index;
    command->event->lines = lines;
    return POP_SERVER_FETCH;
}

static enum pop_server_step
on_retr(struct pop_server *server, struct command *command)
{
    return fetch(server, command, POP_LINES_ALL);
}

static enum pop_server_step
on_top(struct pop_server *server, struct command *command)
{
    return fetch(server, command, command->lines);
}

void
pop_server_message_begin(struct pop_server *server, struct pop_buffer *out)
{
    assert(server->pending == POP_PENDING_FETCH);
    server->pending = POP_PENDING_MESSAGE;
    pop_encoder_init(&server->encoder, server->lines);
    pop_buffer_put(out, POP_VIEW("+OK "));
    if (server->lines == POP_LINES_ALL) {
        put_count(out, server->maildrop.messages[server->index].size, POP_VIEW("octet"));
    } else {
        pop_buffer_put(out, POP_VIEW("top of message "));
        put_number(out, (uint64_t)server->index + 1);
    }
    pop_buffer_put(out, POP_VIEW("\r\n"));
}

enum pop_message_step
pop_server_message_text(struct pop_server *server, struct pop_view *in, struct pop_buffer *out)
{
    assert(server->pending == POP_PENDING_MESSAGE);
    bool enough = pop_encoder_next(&server->encoder, in, out);
    if (server->encoder.octets > server->maildrop.messages[server->index].size)
        return POP_MESSAGE_BROKEN;
    return enough ? POP_MESSAGE_ENOUGH : POP_MESSAGE_MORE;
}

bool
pop_server_message_end(struct pop_server *server, struct pop_buffer *out)
{
    assert(server->pending == POP_PENDING_MESSAGE);
    size_t start = out->len;
    uint64_t size = server->maildrop.messages[server->index].size;
    bool partial = server->encoder.state == POP_ENCODER_STOPPED;
    if (!partial)
        pop_encoder_end(&server->encoder, out);
    if (partial ? server->encoder.octets > size : server->encoder.octets != size) {
        out->len = start;
        server->pending = POP_PENDING_FETCH;
        return false;
    }
    pop_buffer_put(out, POP_VIEW(".\r\n"));
    server->pending = POP_PENDING_NONE;
    return true;
}

void
pop_server_message_refused(
    struct pop_server *server, enum pop_refusal refusal, struct pop_buffer *out)
{
    assert(server->pending == POP_PENDING_FETCH || server->pending == POP_PENDING_MESSAGE);
    server->pending = POP_PENDING_NONE;
    bit_set(unreadable(server), server->index);
    reply_refusal(out, refusal);
}

static enum pop_server_step
on_dele(struct pop_server *server, struct command *command)
{
    if (bit_get(unreadable(server), command->index)) {
        reply_err(command->out, POP_VIEW("this message could not be read, it is kept"));
        return STEP_ANSWERED;
    }
    bit_set(server->marks, command->index);
    server->marked++;
    server->marked_octets += server->maildrop.messages[command->index].size;
    pop_buffer_put(command->out, POP_VIEW("+OK message "));
    put_number(command->out, (uint64_t)command->index + 1);
    pop_buffer_put(command->out, POP_VIEW(" deleted\r\n"));
    return STEP_ANSWERED;
}

static enum pop_server_step
on_noop(struct pop_server *server, struct command *command)
{
    (void)server;
    reply_ok(command->out, (struct pop_view){0});
    return STEP_ANSWERED;
}

static enum pop_server_step
on_rset(struct pop_server *server, struct command *command)
{
    memset(server->marks, 0, bitmap_size(server->maildrop.count));
    server->marked = 0;
    server->marked_octets = 0;
    pop_buffer_put(command->out, POP_VIEW("+OK "));
    put_visible_maildrop(server, command->out);
    pop_buffer_put(command->out, POP_VIEW("\r\n"));
    return STEP_ANSWERED;
}

/* ---- reading commands ---- */

static const struct verb {
    const char *name;
    unsigned states;
    enum arguments arguments;
    handler *run;
} verbs[] = {
    {"APOP", IN_AUTHORIZATION, ARGS_WORDS, on_apop},
    {"CAPA", IN_AUTHORIZATION | IN_TRANSACTION, ARGS_NONE, on_capa},
    {"DELE", IN_TRANSACTION, ARGS_MESSAGE, on_dele},
    {"LIST", IN_TRANSACTION, ARGS_OPTIONAL_MESSAGE, on_list},
    {"NOOP", IN_TRANSACTION, ARGS_NONE, on_noop},
    {"PASS", IN_AUTHORIZATION, ARGS_REST, on_pass},
    {"QUIT", IN_AUTHORIZATION | IN_TRANSACTION, ARGS_NONE, on_quit},
    {"RETR", IN_TRANSACTION, ARGS_MESSAGE, on_retr},
    {"RSET", IN_TRANSACTION, ARGS_NONE, on_rset},
    {"STAT", IN_TRANSACTION, ARGS_NONE, on_stat},
    {"TOP", IN_TRANSACTION, ARGS_MESSAGE_LINES, on_top},
    {"UIDL", IN_TRANSACTION, ARGS_OPTIONAL_MESSAGE, on_uidl},
    {"USER", IN_AUTHORIZATION, ARGS_WORD, on_user},
};

static const struct verb *
verb_find(struct pop_view name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (name.len == strlen(verbs[i].name) &&
            strncasecmp(name.data, verbs[i].name, name.len) == 0)
            return &verbs[i];
    return NULL;
}

/* Takes the octets up to the next blank, and the blank. *ret_more: something follows it, or
 * would have to. Single blanks only: two in a row give an empty word (R1939-4). */
static struct pop_view
take_word(struct pop_view *rest, bool *ret_more)
{
    const char *blank = rest->len > 0 ? memchr(rest->data, ' ', rest->len) : NULL;
    struct pop_view word = {rest->data, blank ? (size_t)(blank - rest->data) : rest->len};
    pop_view_skip(rest, word.len + (blank ? 1 : 0));
    *ret_more = blank != NULL;
    return word;
}

/* A message number that may be used, or the reason why not (R1939-40). */
static bool
take_message(struct pop_server *server, struct command *command, struct pop_view word)
{
    uint32_t count = server->maildrop.count;
    for (size_t i = 0; i < word.len; i++) {
        if ((unsigned)(unsigned char)word.data[i] - '0' > 9) {
            reply_err(command->out, POP_VIEW("a message number is digits only"));
            return false;
        }
    }
    if (word.len == 0) {
        reply_err(command->out, POP_VIEW("a message number is missing, or a blank too many"));
        return false;
    }
    uint32_t number;
    if (!parse_u32(word, &number) || number == 0 || number > count) {
        pop_buffer_put(command->out, POP_VIEW("-ERR no such message, "));
        if (count == 0)
            pop_buffer_put(command->out, POP_VIEW("the maildrop is empty"));
        else
            pop_buffer_put(command->out, POP_VIEW("only "));
        if (count > 0)
            put_number(command->out, count);
        if (count > 0)
            pop_buffer_put(command->out, POP_VIEW(" here"));
        pop_buffer_put(command->out, POP_VIEW("\r\n"));
        return false;
    }
    command->index = number - 1;
    command->has_message = true;
    if (is_marked(server, command->index)) {
        pop_buffer_put(command->out, POP_VIEW("-ERR message "));
        put_number(command->out, number);
        pop_buffer_put(command->out, POP_VIEW(" is deleted\r\n"));
        return false;
    }
    return true;
}

/* TOP's second argument; a number that is too large for us is simply "all" (R1939-45). */
static bool
take_lines(struct command *command, struct pop_view word)
{
    for (size_t i = 0; i < word.len; i++)
        if ((unsigned)(unsigned char)word.data[i] - '0' > 9)
            return false;
    if (word.len == 0)
        return false;
    if (!parse_u64(word, &command->lines) || command->lines == POP_LINES_ALL)
        command->lines = POP_LINES_ALL - 1;
    return true;
}

static bool
refuse(struct command *command, struct pop_view text)
{
    reply_err(command->out, text);
    return false;
}

/* Reads what follows the verb. False: it was answered. `more`: a blank followed the verb. */
static bool
take_arguments(
    struct pop_server *server, struct command *command, enum arguments arguments,
    struct pop_view rest, bool more)
{
    if (!more && (arguments == ARGS_NONE || arguments == ARGS_OPTIONAL_MESSAGE))
        return true;
    if (arguments == ARGS_NONE)
        return refuse(command, POP_VIEW("this command takes no argument"));
    if (!more)
        return refuse(command, POP_VIEW("an argument is missing"));
    if (arguments == ARGS_REST) { /* a password may have blanks anywhere (R1939-29) */
        command->word = rest;
        return rest.len > 0 || refuse(command, POP_VIEW("the password is missing"));
    }

    bool two = arguments == ARGS_MESSAGE_LINES || arguments == ARGS_WORDS;
    command->word = take_word(&rest, &more);
    if (two && !more)
        return refuse(command, POP_VIEW("the second argument is missing"));
    if (two)
        command->second = take_word(&rest, &more);
    if (more)
        return refuse(command, POP_VIEW("too many arguments, or a blank too many"));

    if (arguments == ARGS_WORD || arguments == ARGS_WORDS) {
        bool empty = command->word.len == 0 || (two && command->second.len == 0);
        return !empty || refuse(command, POP_VIEW("an argument is missing"));
    }
    if (two && !take_lines(command, command->second))
        return refuse(command, POP_VIEW("the number of lines is digits only"));
    return take_message(server, command, command->word);
}

/* NUL, control and 8-bit octets make a command invalid; they never cut it (R1939-12). */
static bool
is_printable(struct pop_view line)
{
    for (size_t i = 0; i < line.len; i++)
        if ((unsigned char)line.data[i] < 0x20 || (unsigned char)line.data[i] > 0x7E)
            return false;
    return true;
}

static enum pop_server_step
run_command(struct pop_server *server, struct pop_view line, struct command *command)
{
    bool user_given = server->user_given;
    server->user_given = false; /* PASS comes right after USER or not at all (R1939-28) */

    if (!is_printable(line)) {
        reply_err(command->out, POP_VIEW("a command is printable ASCII only"));
        return STEP_ANSWERED;
    }
    bool more;
    const struct verb *verb = verb_find(take_word(&line, &more));
    if (verb == NULL) {
        reply_err(command->out, POP_VIEW("unknown command"));
        return STEP_ANSWERED;
    }
    if (!(verb->states & BIT(server->state))) {
        reply_err(
            command->out, server->state == POP_STATE_AUTHORIZATION
                              ? POP_VIEW("log in first, with USER and PASS")
                              : POP_VIEW("you are logged in already"));
        return STEP_ANSWERED;
    }
    if (verb->run == on_user && user_given) { /* R1939-27 */
        reply_err(command->out, POP_VIEW("PASS was expected; start again with USER"));
        return STEP_ANSWERED;
    }
    if (verb->run == on_pass && !user_given) {
        reply_err(command->out, POP_VIEW("USER comes first"));
        return STEP_ANSWERED;
    }
    if (!take_arguments(server, command, verb->arguments, line, more))
        return STEP_ANSWERED;
    return verb->run(server, command);
}

/* ---- the session ---- */

void
pop_server_init(struct pop_server *server, const struct pop_server_config *config)
{
    *server = (struct pop_server){.config = config};
    /* 255 octets with CRLF: the line reader's bound is without the LF. */
    server->line = (struct pop_line){.data = server->line_data, .cap = POP_COMMAND_MAX - 1};
}

void
pop_server_greet(struct pop_server *server, struct pop_buffer *out)
{
    const struct pop_server_config *config = server->config;
    pop_buffer_put(out, POP_VIEW("+OK "));
    pop_buffer_put(out, config->hostname);
    pop_buffer_put(out, POP_VIEW(" POP3 server ready"));
    if (config->timestamp.len > 0) {
        pop_buffer_put(out, POP_VIEW(" "));
        pop_buffer_put(out, config->timestamp);
    }
    pop_buffer_put(out, POP_VIEW("\r\n"));
    session_enter(server, POP_STATE_AUTHORIZATION);
}

void
pop_server_greet_refused(
    struct pop_server *server, enum pop_refusal refusal, struct pop_buffer *out)
{
    reply_refusal(out, refusal);
    session_enter(server, POP_STATE_CLOSED);
}

enum pop_server_step
pop_server_next(
    struct pop_server *server, struct pop_view *in, struct pop_buffer *out,
    struct pop_server_event *ret_event)
{
    assert(server->pending <= POP_PENDING_LISTING);
    for (;;) {
        if (server->state == POP_STATE_CLOSED)
            return POP_SERVER_CLOSE; /* input after QUIT is discarded (R1939-21) */
        if (pop_buffer_room(out) < POP_REPLY_MAX)
            return POP_SERVER_ROOM;
        if (server->pending == POP_PENDING_LISTING) {
            if (!continue_listing(server, out))
                return POP_SERVER_ROOM;
            continue;
        }

        struct pop_view line;
        struct command command = {.out = out, .event = ret_event};
        enum pop_server_step step = STEP_ANSWERED;
        switch (pop_line_next(&server->line, in, &line)) {
        case POP_LINE_MORE:
            return POP_SERVER_MORE;
        case POP_LINE_LONG: /* one answer, and the tail is never run (R2449-6) */
            server->user_given = false;
            reply_err(out, POP_VIEW("line too long, 255 octets at most"));
            break;
        case POP_LINE_DONE:
            *ret_event = (struct pop_server_event){0};
            step = run_command(server, line, &command);
            break;
        }
        if (step != STEP_ANSWERED)
            return step;
    }
}
