/*
 * The server's side of a session: one table of commands, one place that
 * changes the state. Each handler gives exactly one answer or asks the owner
 * for something whose result gives it.
 */
#include "proto/server_command.h"
#include "proto/server_replies.h"

#define BIT(state)       (1u << (state))
#define IN_AUTHORIZATION BIT(POP_STATE_AUTHORIZATION)
#define IN_TRANSACTION   BIT(POP_STATE_TRANSACTION)

void
pop_session_enter(struct pop_server *server, enum pop_state next)
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

enum pop_server_step
pop_on_capa(struct pop_server *server, struct command *command)
{
    pop_reply_capa(command->out, server->config, server->state != POP_STATE_AUTHORIZATION);
    return STEP_ANSWERED;
}

/* ---- reading commands ---- */

static const struct verb {
    const char *name;
    unsigned states;
    enum arguments arguments;
    handler *run;
} verbs[] = {
    {"APOP", IN_AUTHORIZATION, ARGS_WORDS, pop_on_apop},
    {"AUTH", IN_AUTHORIZATION, ARGS_OPTIONAL_WORDS, pop_on_auth},
    {"CAPA", IN_AUTHORIZATION | IN_TRANSACTION, ARGS_NONE, pop_on_capa},
    {"DELE", IN_TRANSACTION, ARGS_MESSAGE, pop_on_dele},
    {"LIST", IN_TRANSACTION, ARGS_OPTIONAL_MESSAGE, pop_on_list},
    {"NOOP", IN_TRANSACTION, ARGS_NONE, pop_on_noop},
    {"PASS", IN_AUTHORIZATION, ARGS_REST, pop_on_pass},
    {"QUIT", IN_AUTHORIZATION | IN_TRANSACTION, ARGS_NONE, pop_on_quit},
    {"RETR", IN_TRANSACTION, ARGS_MESSAGE, pop_on_retr},
    {"RSET", IN_TRANSACTION, ARGS_NONE, pop_on_rset},
    {"STAT", IN_TRANSACTION, ARGS_NONE, pop_on_stat},
    {"STLS", IN_AUTHORIZATION, ARGS_NONE, pop_on_stls},
    {"TOP", IN_TRANSACTION, ARGS_MESSAGE_LINES, pop_on_top},
    {"UIDL", IN_TRANSACTION, ARGS_OPTIONAL_MESSAGE, pop_on_uidl},
    {"USER", IN_AUTHORIZATION, ARGS_WORD, pop_on_user},
};

static const struct verb *
verb_find(struct pop_view name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (pop_view_same_word(name, pop_view_of(verbs[i].name)))
            return &verbs[i];
    return NULL;
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

/* The last answer: it says which limit, and nothing is run after it. */
static void
end_over_limit(
    struct pop_server *server, struct pop_buffer *out, struct pop_view code,
    struct pop_view text, const char *limit)
{
    pop_buffer_put(out, POP_VIEW("-ERR "));
    pop_buffer_put(out, code);
    pop_buffer_put(out, text);
    pop_buffer_put(out, POP_VIEW(" (limit: "));
    pop_buffer_put(out, pop_view_of(limit));
    pop_buffer_put(out, POP_VIEW(")\r\n"));
    server->over_limit = limit;
    pop_session_enter(server, POP_STATE_CLOSED);
}

bool
pop_mistake_allowed(struct pop_server *server, struct pop_buffer *out, struct pop_view code)
{
    uint32_t max = server->config->mistakes_per_session;
    if (max == 0 || server->mistakes < max) {
        server->mistakes += max > 0;
        return true;
    }
    end_over_limit(server, out, code, POP_VIEW("too many mistakes"), "mistakes-per-session");
    return false;
}

void
pop_mistake(struct pop_server *server, struct pop_buffer *out, struct pop_view text)
{
    if (pop_mistake_allowed(server, out, POP_VIEW("")))
        pop_reply_err(out, text);
}

/* A command was read. False: one too many, and answered. */
static bool
command_allowed(struct pop_server *server, struct pop_buffer *out)
{
    uint32_t max = server->config->commands_before_login;
    server->commands++;
    if (max == 0 || server->state != POP_STATE_AUTHORIZATION || server->commands <= max)
        return true;
    end_over_limit(
        server, out, POP_VIEW(""), POP_VIEW("too many commands and no login"),
        "commands-before-login");
    return false;
}

static enum pop_server_step
run_command(struct pop_server *server, struct pop_view line, struct command *command)
{
    bool user_given = server->user_given;
    if (!command_allowed(server, command->out))
        return STEP_ANSWERED;
    server->user_given = false; /* PASS comes right after USER or not at all (R1939-28) */

    if (!is_printable(line)) {
        pop_mistake(server, command->out, POP_VIEW("a command is printable ASCII only"));
        return STEP_ANSWERED;
    }
    bool more;
    const struct verb *verb = verb_find(pop_take_word(&line, &more));
    if (verb == NULL) {
        pop_mistake(server, command->out, POP_VIEW("unknown command"));
        return STEP_ANSWERED;
    }
    if (!(verb->states & BIT(server->state))) {
        pop_mistake(
            server, command->out,
            server->state == POP_STATE_AUTHORIZATION
                ? POP_VIEW("log in first, with USER and PASS")
                : POP_VIEW("you are logged in already"));
        return STEP_ANSWERED;
    }
    if (verb->run == pop_on_user && user_given) { /* R1939-27 */
        pop_mistake(server, command->out, POP_VIEW("PASS was expected; start again with USER"));
        return STEP_ANSWERED;
    }
    if (verb->run == pop_on_pass && !user_given) {
        pop_mistake(server, command->out, POP_VIEW("USER comes first"));
        return STEP_ANSWERED;
    }
    if (!pop_take_arguments(server, command, verb->arguments, line, more))
        return STEP_ANSWERED;
    return verb->run(server, command);
}

/* ---- the session ---- */

void
pop_read_commands(struct pop_server *server)
{
    /* 255 octets with CRLF: the line reader's bound is without the LF. */
    server->line = (struct pop_line){.data = server->line_data, .cap = POP_COMMAND_MAX - 1};
}

void
pop_server_init(struct pop_server *server, const struct pop_server_config *config)
{
    *server = (struct pop_server){.config = config};
    pop_read_commands(server);
}

void
pop_server_offer_apop(struct pop_server *server, struct pop_view timestamp)
{
    assert(server->state == POP_STATE_GREETING && timestamp.len < POP_REPLY_MAX / 2);
    server->timestamp = timestamp;
}

void
pop_server_greet(struct pop_server *server, struct pop_buffer *out)
{
    const struct pop_server_config *config = server->config;
    pop_buffer_put(out, POP_VIEW("+OK "));
    pop_buffer_put(out, config->hostname);
    pop_buffer_put(out, POP_VIEW(" POP3 server ready"));
    if (server->timestamp.len > 0) {
        pop_buffer_put(out, POP_VIEW(" "));
        pop_buffer_put(out, server->timestamp);
    }
    pop_buffer_put(out, POP_VIEW("\r\n"));
    pop_session_enter(server, POP_STATE_AUTHORIZATION);
}

void
pop_server_greet_refused(
    struct pop_server *server, enum pop_refusal refusal, struct pop_buffer *out)
{
    pop_reply_refusal(out, refusal);
    pop_session_enter(server, POP_STATE_CLOSED);
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
            if (!pop_continue_listing(server, out))
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
            if (server->in_sasl)
                step = pop_sasl_fail(server, &command, POP_VIEW("the response is too long"));
            else if (command_allowed(server, out))
                pop_mistake(server, out, POP_VIEW("line too long, 255 octets at most"));
            break;
        case POP_LINE_DONE:
            *ret_event = (struct pop_server_event){0};
            step = server->in_sasl ? pop_sasl_response(server, line, &command)
                                   : run_command(server, line, &command);
            break;
        }
        if (step == POP_SERVER_STLS && in->len > 0) {
            /* Somebody has put something between STLS and the handshake: it must not be run
             * inside TLS, and what else was put there is not known (R2595-4). */
            server->pending = POP_PENDING_NONE;
            pop_session_enter(server, POP_STATE_CLOSED);
            return POP_SERVER_CLOSE;
        }
        if (step == POP_SERVER_STLS)
            pop_reply_ok(out, POP_VIEW("begin TLS now"));
        if (step != STEP_ANSWERED)
            return step;
    }
}
