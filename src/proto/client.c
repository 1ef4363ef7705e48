/* The client's side of a session: a queue of awaited replies. Decides nothing. */
#include "proto/client_command.h"

#include "base/number.h"

/* How each command is written and what answers it. */
static const struct command_row {
    const char *verb;
    enum {
        ARGUMENT_NONE,
        ARGUMENT_TEXT,
        ARGUMENT_SASL, /* not sent here */
        ARGUMENT_NUMBER,
        ARGUMENT_NUMBER_LINES,
    } argument;
    bool multiline;
} commands[POP_COMMAND_COUNT] = {
    [POP_COMMAND_GREETING] = {"", ARGUMENT_NONE, false},
    [POP_COMMAND_CAPA] = {"CAPA", ARGUMENT_NONE, true},
    [POP_COMMAND_STLS] = {"STLS", ARGUMENT_NONE, false},
    [POP_COMMAND_USER] = {"USER", ARGUMENT_TEXT, false},
    [POP_COMMAND_PASS] = {"PASS", ARGUMENT_TEXT, false},
    [POP_COMMAND_APOP] = {"APOP", ARGUMENT_TEXT, false},
    [POP_COMMAND_AUTH] = {"AUTH", ARGUMENT_SASL, false},
    [POP_COMMAND_STAT] = {"STAT", ARGUMENT_NONE, false},
    [POP_COMMAND_LIST] = {"LIST", ARGUMENT_NONE, true},
    [POP_COMMAND_LIST_ONE] = {"LIST", ARGUMENT_NUMBER, false},
    [POP_COMMAND_UIDL] = {"UIDL", ARGUMENT_NONE, true},
    [POP_COMMAND_UIDL_ONE] = {"UIDL", ARGUMENT_NUMBER, false},
    [POP_COMMAND_RETR] = {"RETR", ARGUMENT_NUMBER, true},
    [POP_COMMAND_TOP] = {"TOP", ARGUMENT_NUMBER_LINES, true},
    [POP_COMMAND_DELE] = {"DELE", ARGUMENT_NUMBER, false},
    [POP_COMMAND_NOOP] = {"NOOP", ARGUMENT_NONE, false},
    [POP_COMMAND_RSET] = {"RSET", ARGUMENT_NONE, false},
    [POP_COMMAND_QUIT] = {"QUIT", ARGUMENT_NONE, false},
};

void
pop_client_init(struct pop_client *client)
{
    *client = (struct pop_client){
        .queue = {{.command = POP_COMMAND_GREETING}},
        .awaited = 1,
    };
    client->line =
        (struct pop_line){.data = client->line_data, .cap = sizeof client->line_data};
}

uint32_t
pop_client_awaited(const struct pop_client *client)
{
    return client->awaited;
}

bool
pop_client_is_held(const struct pop_client *client)
{
    return client->stls != POP_CLIENT_STLS_NONE || client->sasl != POP_CLIENT_SASL_NONE;
}

void
pop_client_remember(struct pop_client *client, enum pop_command command, uint32_t message)
{
    uint32_t slot = (client->head + client->awaited) % POP_CLIENT_QUEUE_MAX;
    client->queue[slot] = (struct pop_awaited){(uint8_t)command, message};
    client->awaited++;
}

/* Writes the whole line or nothing, and remembers what will be answered. */
static enum pop_send
send_line(
    struct pop_client *client, enum pop_command command, uint32_t message,
    struct pop_view argument, struct pop_buffer *out)
{
    struct pop_view verb = pop_view_of(commands[command].verb);
    size_t len = verb.len + (argument.len > 0 ? 1 + argument.len : 0) + 2;
    if (len > POP_COMMAND_MAX)
        return POP_SEND_BAD;
    for (size_t i = 0; i < argument.len; i++)
        if ((unsigned char)argument.data[i] < 0x20 || argument.data[i] == 0x7F)
            return POP_SEND_BAD;
    if (pop_client_is_held(client) || client->awaited == POP_CLIENT_QUEUE_MAX ||
        pop_buffer_room(out) < len)
        return POP_SEND_FULL;

    pop_buffer_put(out, verb);
    if (argument.len > 0)
        pop_buffer_put(out, POP_VIEW(" "));
    pop_buffer_put(out, argument);
    pop_buffer_put(out, POP_VIEW("\r\n"));

    pop_client_remember(client, command, message);
    if (command == POP_COMMAND_STLS)
        client->stls = POP_CLIENT_STLS_SENT;
    return POP_SEND_OK;
}

enum pop_send
pop_client_send(
    struct pop_client *client, enum pop_command command, struct pop_view argument,
    struct pop_buffer *out)
{
    assert(command > POP_COMMAND_GREETING && command < POP_COMMAND_COUNT);
    bool wants_text = commands[command].argument == ARGUMENT_TEXT;
    assert(wants_text || commands[command].argument == ARGUMENT_NONE);
    if (wants_text != (argument.len > 0))
        return POP_SEND_BAD;
    return send_line(client, command, 0, argument, out);
}

enum pop_send
pop_client_send_number(
    struct pop_client *client, enum pop_command command, uint32_t number, uint64_t lines,
    struct pop_buffer *out)
{
    assert(command < POP_COMMAND_COUNT && number > 0);
    assert(commands[command].argument >= ARGUMENT_NUMBER);

    char text[2 * NUMBER_DIGITS_MAX + 1];
    size_t len = format_u64(text, number);
    if (commands[command].argument == ARGUMENT_NUMBER_LINES) {
        text[len++] = ' ';
        len += format_u64(text + len, lines);
    }
    return send_line(client, command, number, (struct pop_view){text, len}, out);
}

enum pop_client_step
pop_client_break(struct pop_client *client, struct pop_client_event *event, const char *problem)
{
    client->broken = true;
    event->problem = problem;
    return POP_CLIENT_BROKEN;
}

static void
queue_pop(struct pop_client *client)
{
    client->head = (client->head + 1) % POP_CLIENT_QUEUE_MAX;
    client->awaited--;
}

/* The numbers that some first lines carry (R1939-9). */
static bool
parse_reply(struct pop_client_event *event)
{
    struct pop_view text = event->status.text;
    switch (event->command) {
    case POP_COMMAND_STAT:
    case POP_COMMAND_LIST_ONE:
        return pop_pair_parse(text, &event->number, &event->size);
    case POP_COMMAND_UIDL_ONE:
        return pop_uidl_parse(text, &event->number, &event->uid);
    default:
        return true;
    }
}

/* What one line without end within the bound means, in a status or a listing. */
static enum pop_client_step
too_long(struct pop_client *client, struct pop_client_event *event)
{
    return pop_client_break(client, event, "the server sends a line that is too long");
}

/* A first line has come: what it answers is the head of the queue. */
static enum pop_client_step
on_status(struct pop_client *client, struct pop_view line, struct pop_client_event *event)
{
    if (client->awaited == 0)
        return pop_client_break(client, event, "the server speaks without having been asked");
    enum pop_client_step step;
    bool auth = event->command == POP_COMMAND_AUTH;
    if (auth && pop_client_read_challenge(client, line, event, &step))
        return step;
    if (line.len > POP_CLIENT_LINE_MAX) /* only challenges may be that long */
        return too_long(client, event);
    if (!pop_status_parse(line, &event->status))
        return pop_client_break(client, event, "the answer is neither +OK nor -ERR");
    if (event->status.ok && !parse_reply(event))
        return pop_client_break(client, event, "the numbers in the answer cannot be read");

    if (event->command == POP_COMMAND_STLS)
        client->stls = event->status.ok ? POP_CLIENT_STLS_ACCEPTED : POP_CLIENT_STLS_NONE;
    if (auth)
        pop_client_end_sasl(client);
    event->multiline = event->status.ok && commands[event->command].multiline;
    if (event->multiline) {
        client->in_body = true;
        client->body = (struct pop_body){0};
    } else {
        queue_pop(client);
    }
    return POP_CLIENT_REPLY;
}

static enum pop_client_step
on_item(struct pop_client *client, struct pop_view line, struct pop_client_event *event)
{
    event->text = line;
    if (event->command == POP_COMMAND_LIST &&
        !pop_pair_parse(line, &event->number, &event->size))
        return pop_client_break(client, event, "a line of LIST cannot be read");
    if (event->command == POP_COMMAND_UIDL &&
        !pop_uidl_parse(line, &event->number, &event->uid))
        return pop_client_break(client, event, "a line of UIDL cannot be read");
    return POP_CLIENT_ITEM;
}

static enum pop_client_step
end_body(struct pop_client *client)
{
    client->in_body = false;
    queue_pop(client);
    return POP_CLIENT_END;
}

/* A line of a listing: short by nature, so it is gathered whole before it is looked at. */
static enum pop_client_step
on_list_line(struct pop_client *client, struct pop_view line, struct pop_client_event *event)
{
    if (pop_view_equal(line, POP_VIEW(".")))
        return end_body(client);
    if (line.len > 0 && line.data[0] == '.')
        pop_view_skip(&line, 1);
    return on_item(client, line, event);
}

static enum pop_client_step
next_of_message(struct pop_client *client, struct pop_view *in, struct pop_client_event *event)
{
    switch (pop_body_next(&client->body, in, &event->text)) {
    case POP_STEP_TEXT:
        return POP_CLIENT_TEXT;
    case POP_STEP_END:
        return end_body(client);
    case POP_STEP_MORE:
        break;
    }
    return POP_CLIENT_MORE;
}

enum pop_client_step
pop_client_next(
    struct pop_client *client, struct pop_view *in, struct pop_client_event *ret_event)
{
    *ret_event = (struct pop_client_event){0};
    if (client->broken)
        return pop_client_break(client, ret_event, "the session has ended");
    if (client->stls == POP_CLIENT_STLS_ACCEPTED && in->len > 0)
        return pop_client_break(
            client, ret_event,
            "plain text came behind the answer to STLS: somebody may have put it there");

    if ((client->sasl == POP_CLIENT_SASL_CHALLENGED ||
         client->sasl == POP_CLIENT_SASL_UNREADABLE) &&
        in->len > 0)
        return pop_client_break(
            client, ret_event, "the server does not wait for the answer to its challenge");

    struct pop_awaited head = client->queue[client->head];
    if (client->awaited > 0) {
        ret_event->command = head.command;
        ret_event->message = head.message;
    }
    bool message = head.command == POP_COMMAND_RETR || head.command == POP_COMMAND_TOP;
    if (client->in_body && message)
        return next_of_message(client, in, ret_event);

    struct pop_view line;
    switch (pop_line_next(&client->line, in, &line)) {
    case POP_LINE_DONE:
        return client->in_body ? on_list_line(client, line, ret_event)
                               : on_status(client, line, ret_event);
    case POP_LINE_LONG:
        return too_long(client, ret_event);
    case POP_LINE_MORE:
        break;
    }
    /* A line without end is not waited for: it has passed the bound already. */
    return client->line.overlong ? too_long(client, ret_event) : POP_CLIENT_MORE;
}

void
pop_client_tls_started(struct pop_client *client)
{
    assert(client->stls == POP_CLIENT_STLS_ACCEPTED && !client->broken);
    client->stls = POP_CLIENT_STLS_NONE;
}
