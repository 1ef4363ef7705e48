/* The owner of a server's session, as small as it can be. The transcript is its store. */
#include "wire.h"

#include <stdlib.h>

/* The least room that all of libpop's answers find, and a little. */
enum { SMALL_ROOM = POP_REPLY_MAX + 16 };

struct server_run {
    const struct wire_setup *setup;
    struct wire_trace *trace;
    bool small;
    bool closed;
    size_t logins;
    struct pop_server server;
    struct pop_maildrop maildrop;
    struct pop_message messages[WIRE_MESSAGES_MAX];
    char uids[WIRE_MESSAGES_MAX * POP_UID_MAX];
    unsigned char *marks;
    struct pop_buffer out;
    char *octets;
    char sasl_line[64]; /* short, so that a transcript can be too long for it */
};

static void
make_maildrop(struct server_run *run)
{
    uint32_t uids_len = 0;
    for (uint32_t i = 0; i < run->setup->count; i++) {
        const struct wire_message *message = &run->setup->messages[i];
        struct pop_wire_size size = {0};
        size_t piece = run->small ? 1 : message->stored.len;
        for (struct pop_view rest = message->stored; rest.len > 0; pop_view_skip(&rest, piece))
            pop_wire_size_add(&size, (struct pop_view){rest.data, piece});
        memcpy(run->uids + uids_len, message->uid.data, message->uid.len);
        run->messages[i] = (struct pop_message){
            .size = message->has_promise ? message->promised : pop_wire_size_end(&size),
            .uid_offset = uids_len,
            .uid_len = (uint8_t)message->uid.len,
        };
        uids_len += (uint32_t)message->uid.len;
        run->maildrop.octets += run->messages[i].size;
    }
    run->maildrop.count = run->setup->count;
    run->maildrop.messages = run->messages;
    run->maildrop.strings = (struct pop_view){run->uids, uids_len};
}

static void
flush(struct server_run *run)
{
    trace_output(run->trace, pop_buffer_view(&run->out));
    run->out.len = 0;
}

static void
end_session(struct server_run *run, const char *how)
{
    flush(run);
    trace_add(run->trace, "S!", pop_view_of(how));
    run->closed = true;
}

/* How many octets are on the wire before a drop depends on the buffers: so the whole answer
 * is one entry, from `first` on. It must not look complete. */
static void
drop(struct server_run *run, size_t first, const char *how)
{
    struct wire_trace *trace = run->trace;
    flush(run);
    struct wire_entry *entry = &trace->entries[first];
    memcpy(entry->kind, "S-", 2);
    entry->text.len = (size_t)(trace->octets + trace->len - entry->text.data);
    trace->count = first + 1;
    size_t len = entry->text.len;
    bool dot = len >= 5 && memcmp(entry->text.data + len - 5, "\r\n.\r\n", 5) == 0;
    end_session(run, dot ? "drop after a final dot" : how);
}

/* Gives the file to libpop, in small pieces if the buffers are small. */
static enum pop_message_step
send_text(struct server_run *run, struct pop_view rest)
{
    enum pop_message_step step = POP_MESSAGE_MORE;
    while (rest.len > 0 && step == POP_MESSAGE_MORE) {
        struct pop_view in = {rest.data, run->small ? 1 : rest.len};
        size_t before = in.len;
        step = pop_server_message_text(&run->server, &in, &run->out);
        pop_view_skip(&rest, before - in.len);
        if (in.len > 0 && step == POP_MESSAGE_MORE && !run->setup->hold)
            flush(run);
    }
    return step;
}

static void
send_message(struct server_run *run, uint32_t index)
{
    const struct wire_message *message = &run->setup->messages[index];
    if (message->refused) {
        pop_server_message_refused(&run->server, message->refusal, &run->out);
        return;
    }
    if (!run->setup->hold)
        flush(run);
    size_t first = run->trace->count;
    size_t start = run->out.len;
    pop_server_message_begin(&run->server, &run->out);
    bool whole = send_text(run, message->stored) != POP_MESSAGE_BROKEN;
    if (pop_buffer_room(&run->out) < POP_MESSAGE_END_MAX)
        flush(run);
    if (whole && pop_server_message_end(&run->server, &run->out))
        return;
    if (!run->setup->hold) {
        drop(run, first, whole ? "drop" : "drop at once");
        return;
    }
    run->out.len = start;
    pop_server_message_refused(&run->server, POP_REFUSAL_MESSAGE_CHANGED, &run->out);
}

static void
answer_login(struct server_run *run, const struct pop_server_event *event)
{
    const struct wire_setup *setup = run->setup;
    struct pop_view proof = event->apop ? setup->digest : setup->password;
    if (!pop_view_equal(event->user, POP_VIEW("ann")) ||
        !pop_view_equal(event->password, proof))
        pop_server_login_refused(&run->server, POP_REFUSAL_AUTH, &run->out);
    else if (run->logins < setup->login_count)
        pop_server_login_refused(&run->server, setup->logins[run->logins++], &run->out);
    else
        pop_server_login_accepted(&run->server, &run->maildrop, run->marks, &run->out);
}

/* A mechanism of two messages: what the client says first comes back as the challenge, and the
 * password of the setup must follow. An exchange without a first message asks for it. */
static void
answer_sasl(struct server_run *run, const struct pop_server_event *event)
{
    struct pop_buffer storage = {.data = run->sasl_line, .cap = sizeof run->sasl_line};
    char said[sizeof run->sasl_line];
    struct pop_view response = {said, event->response.len};
    memcpy(said, event->response.data, event->response.len);
    if (pop_buffer_room(&run->out) < POP_CHALLENGE_ROOM(response.len))
        flush(run);
    if (event->mechanism.len > 0 && !event->has_response) {
        pop_server_challenge(&run->server, POP_VIEW(""), storage, &run->out);
    } else if (pop_view_equal(response, run->setup->password)) {
        pop_server_login_accepted(&run->server, &run->maildrop, run->marks, &run->out);
    } else if (pop_view_equal(response, POP_VIEW("wrong"))) {
        pop_server_login_refused(&run->server, POP_REFUSAL_AUTH, &run->out);
    } else if (pop_view_equal(response, POP_VIEW("malformed"))) {
        pop_server_login_refused(&run->server, POP_REFUSAL_SASL, &run->out);
    } else {
        pop_server_challenge(&run->server, response, storage, &run->out);
    }
}

static void
answer_commit(struct server_run *run)
{
    const unsigned char *marks = pop_server_marks(&run->server);
    flush(run);
    trace_add(run->trace, "S!", POP_VIEW("remove"));
    for (uint32_t i = 0; i < run->setup->count; i++) {
        if ((marks[i / 8] >> (i % 8)) & 1) {
            trace_put(run->trace, POP_VIEW(" "));
            trace_put_number(run->trace, i + 1);
        }
    }
    pop_server_commit_done(&run->server, run->setup->left, &run->out);
}

static void
server_feed(void *data, struct pop_view in)
{
    struct server_run *run = data;
    struct pop_server_event event;
    while (!run->closed) {
        switch (pop_server_next(&run->server, &in, &run->out, &event)) {
        case POP_SERVER_MORE:
            flush(run);
            return;
        case POP_SERVER_ROOM:
            flush(run);
            break;
        case POP_SERVER_CHECK_USER:
            pop_server_user_checked(
                &run->server, pop_view_equal(event.user, POP_VIEW("ann")), &run->out);
            break;
        case POP_SERVER_LOGIN:
            answer_login(run, &event);
            break;
        case POP_SERVER_FETCH:
            send_message(run, event.index);
            break;
        case POP_SERVER_COMMIT:
            answer_commit(run);
            break;
        case POP_SERVER_SASL:
            answer_sasl(run, &event);
            break;
        case POP_SERVER_SASL_ENDED:
            flush(run);
            trace_add(run->trace, "S!", POP_VIEW("sasl ended"));
            break;
        case POP_SERVER_STLS: /* what is inside TLS is not for a transcript */
            end_session(run, "handshake");
            break;
        case POP_SERVER_CLOSE:
            end_session(run, "close");
            break;
        }
    }
}

static void *
server_start(const struct wire_transcript *transcript, struct wire_trace *trace, bool small)
{
    const struct wire_setup *setup = &transcript->setup;
    struct server_run *run = calloc(1, sizeof *run);
    size_t cap = small && !setup->hold ? SMALL_ROOM : WIRE_TEXT_MAX;
    if (run == NULL || (run->octets = malloc(cap)) == NULL ||
        (run->marks = calloc(1, pop_server_marks_size(setup->count))) == NULL)
        abort();
    run->setup = setup;
    run->trace = trace;
    run->small = small;
    run->out = (struct pop_buffer){run->octets, 0, cap};
    make_maildrop(run);
    pop_server_init(&run->server, &setup->config);
    pop_server_offer_apop(&run->server, setup->timestamp);
    if (setup->turned_away)
        pop_server_greet_refused(&run->server, setup->greeting, &run->out);
    else
        pop_server_greet(&run->server, &run->out);
    server_feed(run, setup->login ? POP_VIEW("USER ann\r\nPASS secret\r\n") : POP_VIEW(""));
    if (setup->login)
        trace->count = 0;
    return run;
}

static void
server_finish(void *data)
{
    struct server_run *run = data;
    free(run->marks);
    free(run->octets);
    free(run);
}

const struct wire_side server_side = {server_start, server_feed, server_finish};
