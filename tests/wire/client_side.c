/* Plays the client: sends what the transcript says, where it says so. */
#include "base/number.h"
#include "client_log.h"

#include <pop/base64.h>
#include <stdlib.h>

struct client_run {
    const struct wire_trace *wanted;
    struct client_log log;
    struct pop_client client;
    size_t fed;  /* octets of input so far */
    size_t next; /* entry of the transcript that may be to be sent */
    bool broken;
    bool challenged; /* what is sent next answers it */
    char storage[POP_SASL_LINE_MAX];
};

/* The octets of a transcript's base64; "=" is none, as on the line of AUTH. */
static struct pop_view
decode(struct pop_view text, char octets[POP_SASL_LINE_MAX])
{
    size_t len = 0;
    if (text.len > POP_SASL_LINE_MAX || !pop_base64_decode(text, octets, &len))
        len = 0;
    return (struct pop_view){octets, len};
}

/* "PLAIN", "PLAIN AGFubgBzZWNyZXQ=" */
static enum pop_send
send_auth(struct client_run *run, struct pop_view rest, struct pop_buffer *out)
{
    char octets[POP_SASL_LINE_MAX];
    const char *blank = memchr(rest.data, ' ', rest.len);
    struct pop_view mechanism = {rest.data, blank ? (size_t)(blank - rest.data) : rest.len};
    pop_view_skip(&rest, mechanism.len + (blank ? 1 : 0));
    struct pop_view initial = decode(rest, octets);
    struct pop_buffer storage = {.data = run->storage, .cap = sizeof run->storage};
    return pop_client_auth(&run->client, mechanism, blank ? &initial : NULL, storage, out);
}

/* "*" or base64 */
static enum pop_send
send_response(struct client_run *run, struct pop_view line, struct pop_buffer *out)
{
    char octets[POP_SASL_LINE_MAX];
    enum pop_send result = pop_view_equal(line, POP_VIEW("*"))
                               ? pop_client_cancel(&run->client, out)
                               : pop_client_respond(&run->client, decode(line, octets), out);
    run->challenged = result != POP_SEND_OK;
    return result;
}

/* Calls libpop for "RETR 1", "LIST", "TOP 1 5", "PASS secret" ... */
static enum pop_send
send_command(struct client_run *run, struct pop_view line, struct pop_buffer *out)
{
    struct pop_client *client = &run->client;
    const char *blank = memchr(line.data, ' ', line.len);
    struct pop_view verb = {line.data, blank ? (size_t)(blank - line.data) : line.len};
    struct pop_view rest = line;
    pop_view_skip(&rest, verb.len + (blank ? 1 : 0));
    unsigned command = POP_COMMAND_CAPA;
    while (command < POP_COMMAND_COUNT &&
           !pop_view_equal(verb, pop_view_of(client_verbs[command])))
        command++;
    if (command == POP_COMMAND_COUNT)
        return POP_SEND_BAD; /* not known here: a mistake in the transcript */
    if (command == POP_COMMAND_AUTH)
        return send_auth(run, rest, out);
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

static enum pop_send
send_line(struct client_run *run, struct pop_view line, struct pop_buffer *out)
{
    return run->challenged ? send_response(run, line, out) : send_command(run, line, out);
}

static void
send_entry(struct client_run *run, const struct wire_entry *entry)
{
    char octets[POP_SASL_LINE_MAX];
    struct pop_buffer out = {octets, 0, sizeof octets};
    static const char *const kinds[] = {
        [POP_SEND_OK] = "C:", [POP_SEND_FULL] = "C~", [POP_SEND_BAD] = "C!"};
    enum pop_send result;
    if (pop_view_equal(entry->text, POP_VIEW("handshake"))) {
        pop_client_tls_started(&run->client);
        trace_add(run->log.trace, "C!", entry->text);
        return;
    }
    if (entry->kind[1] == ':' && entry->text.len + 2 <= sizeof octets) {
        out.cap = entry->text.len + 1; /* too little: nothing must be written or remembered */
        result = send_line(run, entry->text, &out);
        out.cap = sizeof octets;
        if (result == POP_SEND_OK)
            trace_add(run->log.trace, "C~", POP_VIEW("room that was not there"));
    }
    result = send_line(run, entry->text, &out);
    struct pop_view sent = pop_buffer_view(&out);
    if (result != POP_SEND_OK && sent.len == 0)
        sent = entry->text;
    else if (sent.len >= 2 && memcmp(sent.data + sent.len - 2, "\r\n", 2) == 0)
        sent.len -= 2;
    trace_add(run->log.trace, kinds[result], sent);
    run->log.text_open = false;
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

/* After BROKEN nothing may come but that. */
static void
on_broken(struct client_run *run, const struct pop_client_event *event)
{
    struct pop_client_event again;
    struct pop_view more = POP_VIEW("+OK\r\n");
    trace_add(run->log.trace, "E:", POP_VIEW("broken: "));
    trace_put(run->log.trace, pop_view_of(event->problem));
    if (pop_client_next(&run->client, &more, &again) != POP_CLIENT_BROKEN)
        trace_add(run->log.trace, "E:", POP_VIEW("went on after that"));
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
            client_log_reply(&run->log, &event);
            break;
        case POP_CLIENT_ITEM:
            client_log_item(&run->log, &event);
            break;
        case POP_CLIENT_TEXT:
            client_log_text(&run->log, &event);
            break;
        case POP_CLIENT_END:
            client_log_end(&run->log, &event);
            break;
        case POP_CLIENT_CHALLENGE:
            client_log_challenge(&run->log, &event);
            run->challenged = true;
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
    run->log.trace = trace;
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
        trace_add(run->log.trace, "E:", POP_VIEW("awaits "));
        trace_put_number(run->log.trace, awaited);
    }
    free(run);
}

const struct wire_side client_side = {client_start, client_feed, client_finish};
