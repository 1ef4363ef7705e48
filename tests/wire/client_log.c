/* Writes down what a client is told, in the forms of client_log.h. */
#include "client_log.h"

const char *const client_verbs[POP_COMMAND_COUNT] = {
    [POP_COMMAND_GREETING] = "GREETING", [POP_COMMAND_CAPA] = "CAPA",
    [POP_COMMAND_STLS] = "STLS",         [POP_COMMAND_USER] = "USER",
    [POP_COMMAND_PASS] = "PASS",         [POP_COMMAND_APOP] = "APOP",
    [POP_COMMAND_AUTH] = "AUTH",         [POP_COMMAND_STAT] = "STAT",
    [POP_COMMAND_LIST] = "LIST",         [POP_COMMAND_LIST_ONE] = "LIST",
    [POP_COMMAND_UIDL] = "UIDL",         [POP_COMMAND_UIDL_ONE] = "UIDL",
    [POP_COMMAND_RETR] = "RETR",         [POP_COMMAND_TOP] = "TOP",
    [POP_COMMAND_DELE] = "DELE",         [POP_COMMAND_NOOP] = "NOOP",
    [POP_COMMAND_RSET] = "RSET",         [POP_COMMAND_QUIT] = "QUIT",
};

/* "RETR 1 text": what it answers, and what it is. */
static void
add_event(struct client_log *log, const struct pop_client_event *event, const char *what)
{
    trace_add(log->trace, "E:", pop_view_of(client_verbs[event->command]));
    if (event->message > 0) {
        trace_put(log->trace, POP_VIEW(" "));
        trace_put_number(log->trace, event->message);
    }
    trace_put(log->trace, pop_view_of(what));
    log->text_open = false;
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

void
client_log_reply(struct client_log *log, const struct pop_client_event *event)
{
    const struct pop_status *status = &event->status;
    add_event(log, event, !status->ok ? " err" : event->multiline ? " ok+" : " ok");
    if (event->command == POP_COMMAND_CAPA)
        log->capabilities = (struct pop_capabilities){0};
    bool numbers = event->command == POP_COMMAND_STAT ||
                   event->command == POP_COMMAND_LIST_ONE ||
                   event->command == POP_COMMAND_UIDL_ONE;
    if (status->code.len > 0)
        put_code(log->trace, status->code);
    if (status->ok && numbers) {
        put_pair(log->trace, event);
    } else if (status->text.len > 0) {
        trace_put(log->trace, POP_VIEW(" "));
        trace_put(log->trace, status->text);
    }
    struct pop_view timestamp = pop_greeting_timestamp(status->text);
    if (event->command == POP_COMMAND_GREETING && timestamp.len > 0) {
        trace_add(log->trace, "E:", POP_VIEW("timestamp "));
        trace_put(log->trace, timestamp);
    }
}

void
client_log_item(struct client_log *log, const struct pop_client_event *event)
{
    add_event(log, event, " item");
    if (event->command != POP_COMMAND_CAPA) {
        put_pair(log->trace, event);
        return;
    }
    trace_put(log->trace, POP_VIEW(" "));
    trace_put(log->trace, event->text);
    pop_capabilities_add(&log->capabilities, event->text);
}

void
client_log_text(struct client_log *log, const struct pop_client_event *event)
{
    if (event->text.len == 0)
        return;
    if (!log->text_open)
        add_event(log, event, " text ");
    trace_put(log->trace, event->text);
    log->text_open = true;
}

void
client_log_challenge(struct client_log *log, const struct pop_client_event *event)
{
    add_event(log, event, event->problem != NULL ? " challenge: " : " challenge ");
    trace_put(log->trace, event->problem != NULL ? pop_view_of(event->problem) : event->text);
}

void
client_log_end(struct client_log *log, const struct pop_client_event *event)
{
    const struct pop_capabilities *known = &log->capabilities;
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
        {known->sasl, " SASL"},
        {known->login_delay, " LOGIN-DELAY "},
    };
    if (event->command != POP_COMMAND_CAPA) {
        add_event(log, event, " end");
        return;
    }
    add_event(log, event, " end:");
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (flags[i].there)
            trace_put(log->trace, pop_view_of(flags[i].name));
    if (known->login_delay)
        trace_put_number(log->trace, known->login_delay_seconds);
}
