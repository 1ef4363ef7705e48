/* The client's end: sends what it likes, and knows what each answer must be. */
#include "sim.h"

#include <ctype.h>
#include <stdlib.h>

/* Lines that get one -ERR in every state. Some are not text: their lengths count. */
static const struct pop_view wrong[] = {
    POP_VIEW(""),
    POP_VIEW(" "),
    POP_VIEW("FOO"),
    POP_VIEW("XQUIT"),
    POP_VIEW("QUITS"),
    POP_VIEW(" QUIT"),
    POP_VIEW("QUIT "),
    POP_VIEW("QUIT now"),
    POP_VIEW("QUIT\t"),
    POP_VIEW("QUIT\r\r"), /* also when a bare LF ends it */
    POP_VIEW("QU\0IT"),
    POP_VIEW("QUIT\0"),
    POP_VIEW("\0QUIT"),
    POP_VIEW("NOOP\xff"),
    POP_VIEW("NOOP x"),
    POP_VIEW("RETR"),
    POP_VIEW("RETR "),
    POP_VIEW("RETR 0"),
    POP_VIEW("RETR -1"),
    POP_VIEW("RETR +1"),
    POP_VIEW("RETR 1 "),
    POP_VIEW("RETR  1"),
    POP_VIEW("RETR 1 2"),
    POP_VIEW("RETR 1\0"),
    POP_VIEW("RETR 4294967297"),
    POP_VIEW("RETR 99999999999999999999999"),
    POP_VIEW("DELE"),
    POP_VIEW("DELE 0"),
    POP_VIEW("DELE 1x"),
    POP_VIEW("DELE 0x1"),
    POP_VIEW("DELE 1 2"),
    POP_VIEW("TOP 1"),
    POP_VIEW("TOP 1 "),
    POP_VIEW("TOP 1 -1"),
    POP_VIEW("TOP 1 1 1"),
    POP_VIEW("TOP 0 1"),
    POP_VIEW("LIST 0"),
    POP_VIEW("LIST "),
    POP_VIEW("LIST 1 1"),
    POP_VIEW("UIDL 0"),
    POP_VIEW("UIDL  1"),
    POP_VIEW("STAT 1"),
    POP_VIEW("RSET 1"),
    POP_VIEW("CAPA x"),
    POP_VIEW("USER"),
    POP_VIEW("USER "),
    POP_VIEW("USER a b"),
    POP_VIEW("PASS"),
};

void
visitor_open(struct connection *connection)
{
    struct visitor *visitor = &connection->visitor;
    *visitor = (struct visitor){.open = true};
    visitor->out = (struct pop_buffer){visitor->out_data, 0, sizeof visitor->out_data};
    visitor->left = 2 + sim_below(connection->sim, sim_once_in(connection->sim, 5) ? 400 : 60);
    visitor->marked = calloc(MAILS_MAX, sizeof *visitor->marked);
    visitor->unreadable = calloc(MAILS_MAX, sizeof *visitor->unreadable);
    visitor->dele_sent = calloc(MAILS_MAX, sizeof *visitor->dele_sent);
    pop_client_init(&visitor->client);
    visitor->queue[0] = (struct sent){.command = POP_COMMAND_GREETING};
    visitor->waiting = 1;
}

void
connection_finish(struct connection *connection)
{
    struct visitor *visitor = &connection->visitor;
    free(visitor->marked);
    free(visitor->unreadable);
    free(visitor->dele_sent);
    free(connection->service.marks);
    free(connection->service.removed);
    free(connection->view.mails);
    free(connection->view.sizes);
    *connection = (struct connection){.sim = connection->sim};
}

/* ---- sending ---- */

/* Verbs may be in any case, and a bare LF ends a command as well. */
static void
put_line(struct connection *connection, struct pop_buffer *line)
{
    struct sim *sim = connection->sim;
    bool lower = sim_once_in(sim, 5);
    for (size_t i = 0; lower && i < line->len && line->data[i] != ' '; i++)
        line->data[i] = (char)tolower((unsigned char)line->data[i]);
    if (sim_once_in(sim, 8)) {
        line->len -= 2;
        line->data[line->len++] = '\n';
    }
    pop_buffer_put(&connection->visitor.out, pop_buffer_view(line));
}

static void
remember(struct visitor *visitor, const struct sent *sent)
{
    visitor->queue[(visitor->head + visitor->waiting++) % QUEUE_MAX] = *sent;
}

static void
send_text(struct connection *connection, enum pop_command command, struct pop_view text)
{
    char data[POP_COMMAND_MAX];
    struct pop_buffer line = {data, 0, sizeof data};
    struct visitor *visitor = &connection->visitor;
    struct sent sent = {
        .command = command,
        .user_known = text.len == 5 && memcmp(text.data, "user", 4) == 0,
    };
    if (pop_client_send(&visitor->client, command, text, &line) != POP_SEND_OK)
        return; /* the queue is full */
    remember(visitor, &sent);
    put_line(connection, &line);
    if (command == POP_COMMAND_RSET && !visitor->quit_sent)
        memset(visitor->dele_sent, 0, MAILS_MAX * sizeof *visitor->dele_sent);
    visitor->quit_sent = visitor->quit_sent || command == POP_COMMAND_QUIT;
}

static void
send_plain(struct connection *connection, enum pop_command command)
{
    send_text(connection, command, (struct pop_view){0});
}

static void
send_number(struct connection *connection, enum pop_command command)
{
    char data[POP_COMMAND_MAX];
    struct pop_buffer line = {data, 0, sizeof data};
    struct sim *sim = connection->sim;
    struct visitor *visitor = &connection->visitor;
    uint32_t count = visitor->logged_in ? connection->view.count : 10;
    struct sent sent = {.command = command, .number = 1 + sim_below(sim, count + 2)};
    sent.lines = sim_once_in(sim, 8) ? UINT64_MAX - sim_below(sim, 2) : sim_below(sim, 12);
    if (pop_client_send_number(&visitor->client, command, sent.number, sent.lines, &line) !=
        POP_SEND_OK)
        return;
    remember(visitor, &sent);
    put_line(connection, &line);
    if (command == POP_COMMAND_DELE && !visitor->quit_sent)
        visitor->dele_sent[sent.number - 1] = true;
}

/* libpop's client cannot send these; it is told of a NOOP, which has one line of answer too. */
static void
send_wrong(struct connection *connection)
{
    char noop[POP_COMMAND_MAX];
    char data[512];
    struct pop_buffer unused = {noop, 0, sizeof noop};
    struct pop_buffer line = {data, 0, sizeof data};
    struct sim *sim = connection->sim;
    struct visitor *visitor = &connection->visitor;
    struct sent sent = {.kind = SENT_WRONG, .command = POP_COMMAND_NOOP};
    if (pop_client_send(&visitor->client, POP_COMMAND_NOOP, (struct pop_view){0}, &unused) !=
        POP_SEND_OK)
        return;
    remember(visitor, &sent);
    if (sim_once_in(sim, 6)) { /* too long, with what looks like a command in it */
        static const char tail[] = "QUIT";
        size_t len = POP_COMMAND_MAX - 1 + sim_below(sim, 200);
        memset(line.data, sim_once_in(sim, 2) ? 'x' : ' ', len);
        memcpy(line.data, "NOOP ", 5);
        memcpy(line.data + len - 4, tail, 4);
        line.len = len;
    } else {
        pop_buffer_put(&line, wrong[sim_below(sim, sizeof wrong / sizeof *wrong)]);
    }
    pop_buffer_put(&line, POP_VIEW("\r\n"));
    put_line(connection, &line);
}

static void
send_login(struct connection *connection)
{
    struct sim *sim = connection->sim;
    bool nobody = sim_once_in(sim, 30);
    const char *user = nobody ? "nobody" : sim->drops[sim_below(sim, DROPS)].user;
    send_text(connection, POP_COMMAND_USER, pop_view_of(user));
    if (sim_once_in(sim, 20))
        send_plain(connection, POP_COMMAND_CAPA); /* then PASS must be refused */
    if (sim_once_in(sim, 20))
        send_text(connection, POP_COMMAND_USER, pop_view_of(user));
    bool right = !sim_once_in(sim, 10);
    send_text(connection, POP_COMMAND_PASS, right ? POP_VIEW("right") : POP_VIEW("wrong"));
}

static void
send_something(struct connection *connection)
{
    static const enum pop_command plain[] = {
        POP_COMMAND_LIST, POP_COMMAND_UIDL, POP_COMMAND_STAT,
        POP_COMMAND_NOOP, POP_COMMAND_CAPA, POP_COMMAND_LIST,
    };
    static const enum pop_command numbered[] = {
        POP_COMMAND_RETR, POP_COMMAND_RETR,     POP_COMMAND_RETR,     POP_COMMAND_RETR,
        POP_COMMAND_TOP,  POP_COMMAND_TOP,      POP_COMMAND_DELE,     POP_COMMAND_DELE,
        POP_COMMAND_DELE, POP_COMMAND_LIST_ONE, POP_COMMAND_UIDL_ONE,
    };
    struct sim *sim = connection->sim;
    struct visitor *visitor = &connection->visitor;
    if (!visitor->logged_in && !sim_once_in(sim, 8))
        send_login(connection);
    else if (sim_once_in(sim, 10))
        send_wrong(connection);
    else if (sim_once_in(sim, 30))
        send_plain(connection, POP_COMMAND_RSET);
    else if (sim_once_in(sim, 100))
        send_login(connection);
    else if (sim_once_in(sim, 4))
        send_plain(connection, plain[sim_below(sim, sizeof plain / sizeof *plain)]);
    else
        send_number(connection, numbered[sim_below(sim, sizeof numbered / sizeof *numbered)]);
}

/* One command, or a whole batch without waiting for answers. */
static void
send_some(struct connection *connection)
{
    struct sim *sim = connection->sim;
    struct visitor *visitor = &connection->visitor;
    uint32_t batch = sim_once_in(sim, 6) ? 1 + sim_below(sim, 40) : 1;
    if (visitor->waiting > 0 && !sim_once_in(sim, 4))
        return;
    for (; batch > 0 && visitor->left > 0; batch--, visitor->left--) {
        if (pop_buffer_room(&visitor->out) < 600 || visitor->waiting + 4 > QUEUE_MAX)
            return;
        bool last = visitor->left == 1 && !visitor->quit_sent;
        if ((last && !sim_once_in(sim, 8)) || sim_once_in(sim, 300))
            send_plain(connection, POP_COMMAND_QUIT); /* more may follow: for nothing */
        else
            send_something(connection);
    }
}

/* ---- what must come back ---- */

enum expected {
    EXPECT_OK,
    EXPECT_ERR,
    EXPECT_ANY,
};

static enum expected
expect_if(bool good)
{
    return good ? EXPECT_OK : EXPECT_ERR;
}

static enum expected
expect_password(struct connection *connection, bool user_given)
{
    struct sim *sim = connection->sim;
    if (!user_given)
        return EXPECT_ERR;
    SIM_CHECK(sim, connection->logins_waiting > 0, "a password was answered but not looked at");
    enum login login = connection->logins[connection->logins_head];
    connection->logins_head = (connection->logins_head + 1) % QUEUE_MAX;
    connection->logins_waiting--;
    return expect_if(login == LOGIN_RIGHT);
}

static enum expected
expect_before_login(struct connection *connection, const struct sent *sent, bool user_given)
{
    switch (sent->command) {
    case POP_COMMAND_GREETING:
    case POP_COMMAND_CAPA:
    case POP_COMMAND_QUIT:
        return EXPECT_OK;
    case POP_COMMAND_USER:
        return expect_if(!user_given && (sent->user_known || !connection->check_user));
    case POP_COMMAND_PASS:
        return expect_password(connection, user_given);
    default:
        return EXPECT_ERR;
    }
}

/* Of a message that lies there as it was listed, everything; of one that does not, nothing or
 * the truth. */
static enum expected
expect_message(const struct connection *connection, uint32_t index)
{
    const struct mail *mail = connection->view.mails[index];
    bool lied = connection->view.sizes[index] != mail->wire_len;
    return mail->removed_at == UINT64_MAX && !lied ? EXPECT_OK : EXPECT_ANY;
}

static enum expected
expect_after_login(struct connection *connection, const struct sent *sent)
{
    const struct visitor *visitor = &connection->visitor;
    uint32_t index = sent->number - 1;
    bool there =
        sent->number > 0 && sent->number <= connection->view.count && !visitor->marked[index];
    switch (sent->command) {
    case POP_COMMAND_USER:
    case POP_COMMAND_PASS:
        return EXPECT_ERR;
    case POP_COMMAND_RETR:
    case POP_COMMAND_TOP:
        return there ? expect_message(connection, index) : EXPECT_ERR;
    case POP_COMMAND_DELE:
        return expect_if(there && !visitor->unreadable[index]);
    case POP_COMMAND_LIST_ONE:
    case POP_COMMAND_UIDL_ONE:
        return expect_if(there);
    default:
        return EXPECT_OK;
    }
}

static enum expected
expect(struct connection *connection, const struct sent *sent)
{
    struct visitor *visitor = &connection->visitor;
    bool user_given = visitor->user_given;
    visitor->user_given = false;
    if (sent->kind == SENT_WRONG)
        return EXPECT_ERR;
    if (visitor->logged_in)
        return expect_after_login(connection, sent);
    return expect_before_login(connection, sent, user_given);
}

static void
check_item(struct connection *connection, uint32_t index, const struct pop_client_event *event)
{
    struct sim *sim = connection->sim;
    const struct view *view = &connection->view;
    bool uids = event->command == POP_COMMAND_UIDL || event->command == POP_COMMAND_UIDL_ONE;
    SIM_CHECK(
        sim, index < view->count && event->number == (uint64_t)index + 1,
        "message %llu is listed instead of %u", (unsigned long long)event->number, index + 1);
    if (uids)
        SIM_CHECK(
            sim, pop_view_equal(event->uid, pop_view_of(view->mails[index]->uid)),
            "message %u has the unique-id '%.*s'", index + 1, (int)event->uid.len,
            event->uid.data);
    else
        SIM_CHECK(
            sim, event->size == view->sizes[index], "message %u has another size", index + 1);
}

static void
check_stat(struct connection *connection, const struct pop_client_event *event)
{
    const struct view *view = &connection->view;
    uint64_t count = view->count;
    uint64_t octets = view->octets;
    for (uint32_t i = 0; i < view->count; i++) {
        count -= connection->visitor.marked[i];
        octets -= connection->visitor.marked[i] ? view->sizes[i] : 0;
    }
    SIM_CHECK(
        connection->sim, event->number == count && event->size == octets, "STAT is wrong");
}

/* After +OK to QUIT exactly what is marked here is what was removed there. */
static void
check_quit(struct connection *connection)
{
    const unsigned char *removed = connection->service.removed;
    for (uint32_t i = 0; i < connection->view.count; i++) {
        bool is = removed != NULL && (removed[i / 8] >> i % 8 & 1);
        SIM_CHECK(
            connection->sim, is == connection->visitor.marked[i],
            "message %u: marked %d, removed %d", i + 1, connection->visitor.marked[i], is);
    }
}

static void
on_good(
    struct connection *connection, const struct sent *sent,
    const struct pop_client_event *event)
{
    struct visitor *visitor = &connection->visitor;
    switch (sent->command) {
    case POP_COMMAND_USER:
        visitor->user_given = true;
        break;
    case POP_COMMAND_PASS:
        visitor->logged_in = true;
        break;
    case POP_COMMAND_STAT:
        check_stat(connection, event);
        break;
    case POP_COMMAND_LIST_ONE:
    case POP_COMMAND_UIDL_ONE:
        check_item(connection, sent->number - 1, event);
        break;
    case POP_COMMAND_DELE:
        visitor->marked[sent->number - 1] = true;
        break;
    case POP_COMMAND_RSET:
        memset(visitor->marked, 0, MAILS_MAX * sizeof *visitor->marked);
        break;
    case POP_COMMAND_QUIT:
        check_quit(connection);
        break;
    default:
        break;
    }
}

static void
next_awaited(struct visitor *visitor)
{
    visitor->head = (visitor->head + 1) % QUEUE_MAX;
    visitor->waiting--;
}

static void
on_reply(struct connection *connection, const struct pop_client_event *event)
{
    struct sim *sim = connection->sim;
    struct visitor *visitor = &connection->visitor;
    struct sent sent = visitor->queue[visitor->head];
    SIM_CHECK(sim, visitor->waiting > 0, "an answer to nothing");
    SIM_CHECK(sim, !visitor->quit_answered, "an answer after that to QUIT");
    SIM_CHECK(sim, event->command == sent.command, "an answer to another command");
    enum expected wanted = expect(connection, &sent);
    SIM_CHECK(
        sim, wanted == EXPECT_ANY || event->status.ok == (wanted == EXPECT_OK),
        "command %d about message %u is answered with %s, '%.*s'", sent.command, sent.number,
        event->status.ok ? "+OK" : "-ERR", (int)event->status.text.len,
        event->status.text.data);
    if (event->status.ok)
        on_good(connection, &sent, event);
    else if (wanted == EXPECT_ANY)
        visitor->unreadable[sent.number - 1] = true;
    sim->counted[SIM_REFUSED] += wanted == EXPECT_ANY && !event->status.ok;
    visitor->quit_answered = sent.kind == SENT_COMMAND && sent.command == POP_COMMAND_QUIT;
    visitor->cursor = 0;
    visitor->body_len = 0;
    if (!event->multiline)
        next_awaited(visitor);
}

/* ---- listings and messages ---- */

static void
skip_marked(struct connection *connection)
{
    struct visitor *visitor = &connection->visitor;
    while (visitor->cursor < connection->view.count && visitor->marked[visitor->cursor])
        visitor->cursor++;
}

static void
on_item(struct connection *connection, const struct pop_client_event *event)
{
    if (event->command == POP_COMMAND_CAPA)
        return;
    skip_marked(connection);
    check_item(connection, connection->visitor.cursor++, event);
}

/* The octets of the header, its blank line and so many lines: every one ends with CRLF. */
static size_t
top_len(const struct mail *mail, uint64_t lines)
{
    bool body = false;
    size_t at = 0;
    while (at < mail->wire_len && !(body && lines == 0)) {
        const char *end = memmem(mail->wire + at, mail->wire_len - at, "\r\n", 2);
        size_t next = (size_t)(end - mail->wire) + 2;
        if (body)
            lines--;
        body = body || next == at + 2;
        at = next;
    }
    return at;
}

static void
on_text(struct connection *connection, const struct pop_client_event *event)
{
    struct visitor *visitor = &connection->visitor;
    const struct mail *mail = connection->view.mails[event->message - 1];
    SIM_CHECK(
        connection->sim,
        visitor->body_len + event->text.len <= mail->wire_len &&
            memcmp(mail->wire + visitor->body_len, event->text.data, event->text.len) == 0,
        "%s is altered after %zu octets", mail->base, visitor->body_len);
    visitor->body_len += event->text.len;
}

static void
on_end(struct connection *connection, const struct pop_client_event *event)
{
    struct sim *sim = connection->sim;
    struct visitor *visitor = &connection->visitor;
    const struct sent *sent = &visitor->queue[visitor->head];
    if (event->command == POP_COMMAND_LIST || event->command == POP_COMMAND_UIDL) {
        skip_marked(connection);
        SIM_CHECK(sim, visitor->cursor == connection->view.count, "a listing is not whole");
    } else if (event->command != POP_COMMAND_CAPA) {
        const struct mail *mail = connection->view.mails[sent->number - 1];
        bool all = event->command == POP_COMMAND_RETR;
        sim->counted[SIM_MESSAGES] += all;
        size_t wanted = all ? mail->wire_len : top_len(mail, sent->lines);
        SIM_CHECK(
            sim, visitor->body_len == wanted, "%s: %zu octets came instead of %zu", mail->base,
            visitor->body_len, wanted);
        SIM_CHECK(
            sim, !all || wanted == connection->view.sizes[sent->number - 1],
            "%s is not as long as LIST said", mail->base);
    }
    next_awaited(visitor);
}

static void
read_answers(struct connection *connection)
{
    struct visitor *visitor = &connection->visitor;
    struct pop_view in = {visitor->in, visitor->in_len};
    struct pop_client_event event;
    for (;;) {
        switch (pop_client_next(&visitor->client, &in, &event)) {
        case POP_CLIENT_MORE:
            visitor->in_len = 0;
            return;
        case POP_CLIENT_REPLY:
            on_reply(connection, &event);
            break;
        case POP_CLIENT_ITEM:
            on_item(connection, &event);
            break;
        case POP_CLIENT_TEXT:
            on_text(connection, &event);
            break;
        case POP_CLIENT_END:
            on_end(connection, &event);
            break;
        case POP_CLIENT_CHALLENGE:
            sim_fail(connection->sim, "a challenge, and nobody sent AUTH");
        case POP_CLIENT_BROKEN:
            sim_fail(connection->sim, "the server broke the protocol: %s", event.problem);
        }
    }
}

/* ---- */

void
visitor_leave(struct connection *connection)
{
    struct sim *sim = connection->sim;
    connection->up.len = sim_below(sim, (uint32_t)connection->up.len + 1);
    connection->up.closed = true;
    connection->down.len = 0;
    connection->visitor.open = false;
    sim->counted[SIM_CUT]++;
}

/* The server has closed: it must have had a reason, and have answered everything before. */
static void
check_close(struct connection *connection)
{
    const struct visitor *visitor = &connection->visitor;
    const struct service *service = &connection->service;
    bool answered = visitor->waiting == 0 && visitor->left == 0;
    SIM_CHECK(
        connection->sim,
        service->killed || service->cut || visitor->quit_answered ||
            (connection->up.closed && answered),
        "the server closed with %u commands unanswered", visitor->waiting);
}

void
visitor_step(struct connection *connection)
{
    struct sim *sim = connection->sim;
    struct visitor *visitor = &connection->visitor;
    if (!visitor->open)
        return;
    if (!connection->up.closed) {
        send_some(connection);
        pipe_write(sim, &connection->up, &visitor->out);
        /* No more to say, and no QUIT: every answer must come all the same (R1939-22). */
        if (visitor->left == 0 && visitor->out.len == 0 && !visitor->quit_sent)
            connection->up.closed = true;
    }
    visitor->in_len = pipe_read(sim, &connection->down, visitor->in, sizeof visitor->in);
    read_answers(connection);
    if (connection->down.closed && connection->down.len == 0) {
        check_close(connection);
        connection->up.closed = true;
        visitor->open = false;
    }
}
