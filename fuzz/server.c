/*
 * The server's session against a client that sends anything: one answer for each line, the same
 * octets however the input is cut and however little room there is, and nothing but printable
 * ASCII in the answers (R1939-11, R1939-13). The first octet gives the cuts, the second the
 * configuration, the third the room.
 */
#include "fuzz.h"

#include <pop/server.h>

static const struct {
    const char *stored;
    bool readable;
} files[] = {
    {"Subject: a\n\n.x\nlast", true},
    {"", true},
    {"not to be had", false}, /* must not be deleted after that */
    {".\n..\n\n.\n", true},
};
enum { FILES = sizeof files / sizeof *files };

struct session {
    struct pop_server server;
    struct pop_server_config config;
    struct pop_message messages[FILES];
    struct pop_maildrop maildrop;
    unsigned char marks[2 * (FILES / 8 + 1)];
    struct pop_buffer out;
    struct fuzz_text said;
    bool refused; /* the message that is not to be had was asked for */
    bool closed;
};

static void
flush(struct session *session)
{
    fuzz_text_add(&session->said, pop_buffer_view(&session->out));
    session->out.len = 0;
}

static struct session *
session_new(unsigned flags, size_t room)
{
    struct session *session = calloc(1, sizeof *session);
    session->config = (struct pop_server_config){
        .hostname = {"pop.test", 8},
        .implementation = {"restante", 8},
        .user_allowed = !(flags & 2),
        .check_user = flags & 4,
    };
    for (size_t i = 0; i < FILES; i++) {
        struct pop_wire_size size = {0};
        pop_wire_size_add(&size, pop_view_of(files[i].stored));
        session->messages[i] = (struct pop_message){
            .size = pop_wire_size_end(&size), .uid_offset = (uint32_t)i, .uid_len = 1};
        session->maildrop.octets += session->messages[i].size;
    }
    session->maildrop.count = FILES;
    session->maildrop.messages = session->messages;
    session->maildrop.strings = POP_VIEW("abcd");
    session->out = (struct pop_buffer){malloc(POP_REPLY_MAX + room), 0, POP_REPLY_MAX + room};
    pop_server_init(&session->server, &session->config);
    if (flags & 1)
        pop_server_offer_apop(&session->server, POP_VIEW("<1@pop.test>"));
    pop_server_greet(&session->server, &session->out);
    flush(session);
    session->said.len = 0;
    return session;
}

static void
session_free(struct session *session)
{
    free(session->out.data);
    free(session->said.data);
    free(session);
}

static void
send_message(struct session *session, uint32_t index)
{
    CHECK(index < FILES);
    if (!files[index].readable) {
        session->refused = true;
        pop_server_message_refused(&session->server, POP_REFUSAL_SYS_TEMP, &session->out);
        return;
    }
    struct pop_view rest = pop_view_of(files[index].stored);
    pop_server_message_begin(&session->server, &session->out);
    flush(session);
    enum pop_message_step step = POP_MESSAGE_MORE;
    while (step == POP_MESSAGE_MORE && rest.len > 0) {
        step = pop_server_message_text(&session->server, &rest, &session->out);
        CHECK(step != POP_MESSAGE_BROKEN);
        flush(session);
    }
    CHECK(pop_server_message_end(&session->server, &session->out));
}

/* Gives the owner's answers; all of the input is used, or the session is closed. */
static void
give(struct session *session, struct pop_view in)
{
    while (!session->closed) {
        struct pop_server_event event;
        enum pop_server_step step =
            pop_server_next(&session->server, &in, &session->out, &event);
        flush(session);
        switch (step) {
        case POP_SERVER_MORE:
            CHECK(in.len == 0);
            return;
        case POP_SERVER_ROOM:
            break;
        case POP_SERVER_CHECK_USER:
            CHECK(session->config.check_user && event.user.len > 0);
            pop_server_user_checked(&session->server, event.user.data[0] != 'x', &session->out);
            break;
        case POP_SERVER_LOGIN:
            CHECK(event.user.len > 0 && event.password.len > 0);
            CHECK(session->server.state == POP_STATE_AUTHORIZATION);
            CHECK(
                event.apop ? session->server.timestamp.len > 0 : session->config.user_allowed);
            if (event.password.data[0] == 'x')
                pop_server_login_refused(&session->server, POP_REFUSAL_AUTH, &session->out);
            else
                pop_server_login_accepted(
                    &session->server, &session->maildrop, session->marks, &session->out);
            break;
        case POP_SERVER_FETCH:
            send_message(session, event.index);
            break;
        case POP_SERVER_COMMIT:
            CHECK(!session->refused || !(pop_server_marks(&session->server)[0] & 1u << 2));
            pop_server_commit_done(&session->server, 0, &session->out);
            break;
        case POP_SERVER_CLOSE:
            session->closed = true;
            break;
        }
        flush(session);
    }
}

/* One whole answer, and nothing else: a line, or lines up to the first "." on its own. */
static void
check_one_answer(struct pop_view said)
{
    CHECK(said.len >= 5 && memcmp(said.data + said.len - 2, "\r\n", 2) == 0);
    CHECK(memcmp(said.data, "+OK", 3) == 0 || memcmp(said.data, "-ERR ", 5) == 0);
    const char *line_end = memmem(said.data, said.len, "\r\n", 2);
    size_t first_line = (size_t)(line_end - said.data) + 2;
    CHECK(first_line <= POP_REPLY_MAX);
    if (first_line < said.len) {
        CHECK(said.data[0] == '+');
        const char *end = memmem(said.data, said.len, "\r\n.\r\n", 5);
        CHECK(end != NULL && end + 5 == said.data + said.len);
    }
    for (size_t i = 0; i < said.len; i++) {
        unsigned char c = (unsigned char)said.data[i];
        if (c == '\r')
            CHECK(said.data[i + 1] == '\n');
        else if (c == '\n')
            CHECK(i > 0 && said.data[i - 1] == '\r');
        else
            CHECK(c >= 0x20 && c <= 0x7e);
    }
}

/* Line by line, so that each answer is known to belong to its line. */
static struct session *
run_by_lines(struct pop_view in, unsigned flags)
{
    struct session *session = session_new(flags, 4096);
    while (in.len > 0) {
        const char *lf = memchr(in.data, '\n', in.len);
        struct pop_view line = {in.data, lf ? (size_t)(lf - in.data) + 1 : in.len};
        char *copy = fuzz_copy(line);
        size_t before = session->said.len;
        bool closed = session->closed;
        give(session, (struct pop_view){copy, line.len});
        struct pop_view said = fuzz_text_view(&session->said);
        pop_view_skip(&said, before);
        if (lf == NULL || closed)
            CHECK(said.len == 0);
        else
            check_one_answer(said);
        free(copy);
        pop_view_skip(&in, line.len);
    }
    return session;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pop_view in = fuzz_view(data, size);
    struct fuzz_cuts cuts = {fuzz_octet(&in)};
    unsigned flags = fuzz_octet(&in);
    struct session *cut = session_new(flags, fuzz_octet(&in));
    struct session *lines = run_by_lines(in, flags);
    while (in.len > 0 && !cut->closed) {
        struct pop_view piece = {in.data, fuzz_next_piece(&cuts, in.len)};
        char *copy = fuzz_copy(piece);
        give(cut, (struct pop_view){copy, piece.len});
        free(copy);
        pop_view_skip(&in, piece.len);
    }
    CHECK(pop_view_equal(fuzz_text_view(&cut->said), fuzz_text_view(&lines->said)));
    CHECK(cut->closed == lines->closed);
    CHECK(memcmp(cut->marks, lines->marks, sizeof cut->marks) == 0);
    session_free(cut);
    session_free(lines);
    return 0;
}
