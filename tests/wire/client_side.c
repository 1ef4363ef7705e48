/*
 * Plays the client: sends what the transcript says, where it says so, and
 * writes down what libpop tells. The forms of that:
 *
 *   E: GREETING ok ready                  then, if there is one: E: timestamp <1.2@pop.test>
 *   E: DELE 1 err [SYS/TEMP] try later    the code as libpop understands it: upper case, as
 * deep as the list below goes, "?" behind what is unknown E: RETR 1 ok+ 120 octets "+": lines
 * follow E: RETR 1 text Subject: a\r\n         all the pieces in one E: STAT ok 2 320 LIST and
 * UIDL of one message alike: what was read E: LIST item 1 120 E: CAPA item TOP E: CAPA end: TOP
 * UIDL                 what the session knows from it E: RETR 1 end E: broken: the answer is
 * neither +OK nor -ERR E: awaits 2                           at the end of the input, if it is
 * not 0
 */
#include "base/number.h"
#include "wire.h"

#include <stdlib.h>

static const char *const verbs[POP_COMMAND_COUNT] = {
    [POP_COMMAND_GREETING] = "GREETING", [POP_COMMAND_CAPA] = "CAPA",
    [POP_COMMAND_USER] = "USER",         [POP_COMMAND_PASS] = "PASS",
    [POP_COMMAND_APOP] = "APOP",         [POP_COMMAND_STAT] = "STAT",
    [POP_COMMAND_LIST] = "LIST",         [POP_COMMAND_LIST_ONE] = "LIST",
    [POP_COMMAND_UIDL] = "UIDL",         [POP_COMMAND_UIDL_ONE] = "UIDL",
    [POP_COMMAND_RETR] = "RETR",         [POP_COMMAND_TOP] = "TOP",
    [POP_COMMAND_DELE] = "DELE",         [POP_COMMAND_NOOP] = "NOOP",
    [POP_COMMAND_RSET] = "RSET",         [POP_COMMAND_QUIT] = "QUIT",
};

struct client_run {
    const struct wire_trace *wanted;
    struct wire_trace *trace;
    struct pop_client client;
    struct pop_capabilities capabilities;
    size_t fed;  /* octets of input so far */
    size_t next; /* entry of the transcript that may be to be sent */
    bool text_open;
    bool broken;
};

/* ---- sending ---- */

/* Calls libpop for "RETR 1", "LIST", "TOP 1 5", "PASS secret" ... */
static enum pop_send
send_command(struct pop_client *client, struct pop_view line, struct pop_buffer *out)
{
    const char *blank = memchr(line.data, ' ', line.len);
    struct pop_view verb = {line.data, blank ? (size_t)(blank - line.data) : line.len};
    struct pop_view rest = line;
    pop_view_skip(&rest, verb.len + (blank ? 1 : 0));
    unsigned command = POP_COMMAND_CAPA;
    while (command < POP_COMMAND_COUNT && !pop_view_equal(verb, pop_view_of(verbs[command])))
        command++;
    if (command == POP_COMMAND_COUNT)
        return POP_SEND_BAD; /* not known here: a mistake in the transcript */
    if (command == POP_COMMAND_USER || command == POP_COMMAND_PASS ||
        command == POP_COMMAND_APOP || rest.len == 0)
        return pop_client_send(client, command, rest, out);

    if (command == POP_COMMAND_LIST || command == POP_COMMAND_UIDL)
        command++; /* of one message */
    uint64_t lines = 0;
    uint32_t number = 0;
    blank = memchr(rest.data, ' ', rest.len);
    struct pop_view first = {rest.data, blank ? (size_t)(blank - rest.data) : rest.len};
    pop_view_skip(&rest, first.len + (blank ? 1 : 0));
    if (!parse_u32(first, &number) || (rest.len > 0 && !parse_u64(rest, &lines)))
        return POP_SEND_BAD;
    return pop_client_send_number(client, command, number, lines, out);
}

static void
send_entry(struct client_run *run, const struct wire_entry *entry)
{
    char octets[POP_COMMAND_MAX];
    struct pop_buffer out = {octets, 0, sizeof octets};
    static const char *const kinds[] = {
        [POP_SEND_OK] = "C:", [POP_SEND_FULL] = "C~", [POP_SEND_BAD] = "C!"};
    enum pop_send result;
    if (entry->kind[1] == ':' && entry->text.len + 2 <= sizeof octets) {
        out.cap = entry->text.len + 1; /* too little: nothing must be written or remembered */
        result = send_command(&run->client, entry->text, &out);
        out.cap = sizeof octets;
        if (result == POP_SEND_OK)
            trace_add(run->trace, "C~", POP_VIEW("room that was not there"));
    }
    result = send_command(&run->client, entry->text, &out);
    struct pop_view sent = pop_buffer_view(&out);
    if (result != POP_SEND_OK && sent.len == 0)
        sent = entry->text;
    else if (sent.len >= 2 && memcmp(sent.data + sent.len - 2, "\r\n", 2) == 0)
        sent.len -= 2;
    trace_add(run->trace, kinds[result], sent);
    run->text_open = false;
}

/* Sends what is due. Returns how many octets may be fed before the next. */
static size_t
send_due(struct client_run *run)
{
    for (; run->next < run->wanted->count; run->next++) {
        const struct wire_entry *entry = &run->wanted->entries[run->next];
        if (entry->kind[0] != 'C')
            continue;
        if (entry->at > run->fed)
            return entry->at - run->fed;
        send_entry(run, entry);
    }
    return SIZE_MAX;
}

/* ---- what comes ---- */

/* "RETR 1 text": what it answers, and what it is. */
static void
add_event(struct client_run *run, const struct pop_client_event *event, const char *what)
{
    trace_add(run->trace, "E:", pop_view_of(verbs[event->command]));
    if (event->message > 0) {
        trace_put(run->trace, POP_VIEW(" "));
        trace_put_number(run->trace, event->message);
    }
    trace_put(run->trace, pop_view_of(what));
    run->text_open = false;
}

static void
put_code(struct wire_trace *trace, struct pop_view code)
{
    static const char *const known[] = {"AUTH",     "IN-USE",   "LOGIN-DELAY",
                                        "SYS/TEMP", "SYS/PERM", "SYS"};
    size_t i = 0;
    while (i < sizeof known / sizeof known[0] && !pop_code_is(code, known[i]))
        i++;
    bool found = i < sizeof known / sizeof known[0];
    trace_put(trace, POP_VIEW(" ["));
    trace_put(trace, found ? pop_view_of(known[i]) : code);
    trace_put(trace, found ? POP_VIEW("]") : POP_VIEW("?]"));
}

static void
put_pair(struct wire_trace *trace, const struct pop_client_event *event)
{
    trace_put(trace, POP_VIEW(" "));
    trace_put_number(trace, event->number);
    trace_put(trace, POP_VIEW(" "));
    if (event->uid.len > 0)
        trace_put(trace, event->uid);
    else
        trace_put_number(trace, event->size);
}

static void
on_reply(struct client_run *run, const struct pop_client_event *event)
{
    const struct pop_status *status = &event->status;
    add_event(run, event, !status->ok ? " err" : event->multiline ? " ok+" : " ok");
    bool numbers = event->command == POP_COMMAND_STAT ||
                   event->command == POP_COMMAND_LIST_ONE ||
                   event->command == POP_COMMAND_UIDL_ONE;
    if (status->code.len > 0)
        put_code(run->trace, status->code);
    if (status->ok && numbers) {
        put_pair(run->trace, event);
    } else if (status->text.len > 0) {
        trace_put(run->trace, POP_VIEW(" "));
        trace_put(run->trace, status->text);
    }
    struct pop_view timestamp = pop_greeting_timestamp(status->text);
    if (event->command == POP_COMMAND_GREETING && timestamp.len > 0) {
        trace_add(run->trace, "E:", POP_VIEW("timestamp "));
        trace_put(run->trace, timestamp);
    }
}

static void
on_item(struct client_run *run, const struct pop_client_event *event)
{
    add_event(run, event, " item");
    if (event->command != POP_COMMAND_CAPA) {
        put_pair(run->trace, event);
        return;
    }
    trace_put(run->trace, POP_VIEW(" "));
    trace_put(run->trace, event->text);
    pop_capabilities_add(&run->capabilities, event->text);
}

static void
on_text(struct client_run *run, const struct pop_client_event *event)
{
    if (event->text.len == 0)
        return;
    if (!run->text_open)
        add_event(run, event, " text ");
    trace_put(run->trace, event->text);
    run->text_open = true;
}

static void
on_end(struct client_run *run, const struct pop_client_event *event)
{
    const struct pop_capabilities *known = &run->capabilities;
    const struct {
        bool there;
        const char *name;
    } flags[] = {
        {known->top, " TOP"},
        {known->uidl, " UIDL"},
        {known->user, " USER"},
        {known->pipelining, " PIPELINING"},
        {known->resp_codes, " RESP-CODES"},
        {known->auth_resp_code, " AUTH-RESP-CODE"},
        {known->stls, " STLS"},
        {known->login_delay, " LOGIN-DELAY "},
    };
    if (event->command != POP_COMMAND_CAPA) {
        add_event(run, event, " end");
        return;
    }
    add_event(run, event, " end:");
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (flags[i].there)
            trace_put(run->trace, pop_view_of(flags[i].name));
    if (known->login_delay)
        trace_put_number(run->trace, known->login_delay_seconds);
}

/* After BROKEN nothing may come but that. */
static void
on_broken(struct client_run *run, const struct pop_client_event *event)
{
    struct pop_client_event again;
    struct pop_view more = POP_VIEW("+OK\r\n");
    trace_add(run->trace, "E:", POP_VIEW("broken: "));
    trace_put(run->trace, pop_view_of(event->problem));
    if (pop_client_next(&run->client, &more, &again) != POP_CLIENT_BROKEN)
        trace_add(run->trace, "E:", POP_VIEW("went on after that"));
    run->broken = true;
}

static void
read_events(struct client_run *run, struct pop_view in)
{
    struct pop_client_event event;
    while (!run->broken) {
        switch (pop_client_next(&run->client, &in, &event)) {
        case POP_CLIENT_MORE:
            return;
        case POP_CLIENT_REPLY:
            on_reply(run, &event);
            break;
        case POP_CLIENT_ITEM:
            on_item(run, &event);
            break;
        case POP_CLIENT_TEXT:
            on_text(run, &event);
            break;
        case POP_CLIENT_END:
            on_end(run, &event);
            break;
        case POP_CLIENT_BROKEN:
            on_broken(run, &event);
            break;
        }
    }
}

static void *
client_start(const struct wire_transcript *transcript, struct wire_trace *trace, bool small)
{
    (void)small; /* sending is tried with too little room each time */
    struct client_run *run = calloc(1, sizeof *run);
    if (run == NULL)
        abort();
    run->wanted = &transcript->wanted;
    run->trace = trace;
    pop_client_init(&run->client);
    return run;
}

static void
client_feed(void *data, struct pop_view in)
{
    struct client_run *run = data;
    while (in.len > 0) {
        size_t due = send_due(run);
        struct pop_view piece = {in.data, due < in.len ? due : in.len};
        pop_view_skip(&in, piece.len);
        run->fed += piece.len;
        read_events(run, piece);
    }
}

static void
client_finish(void *data)
{
    struct client_run *run = data;
    (void)send_due(run);
    uint32_t awaited = pop_client_awaited(&run->client);
    if (awaited > 0 && !run->broken) {
        trace_add(run->trace, "E:", POP_VIEW("awaits "));
        trace_put_number(run->trace, awaited);
    }
    free(run);
}

const struct wire_side client_side = {client_start, client_feed, client_finish};
