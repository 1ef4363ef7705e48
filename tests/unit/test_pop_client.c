/* The client's session: replies matched in order, however cut, and what breaks it. */
#include "guard.h"

#include <pop/client.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { STORY_MAX = 4096, SENT_MAX = 16384 };

/* What a session tells, one line an event; pieces of a message are joined. */
struct story {
    char text[STORY_MAX];
    size_t len;
    bool in_text;
};

__attribute__((format(printf, 2, 3))) static void
tell(struct story *story, const char *format, ...)
{
    va_list args;
    if (story->in_text) {
        story->text[story->len++] = '\n';
        story->in_text = false;
    }
    va_start(args, format);
    int len = vsnprintf(story->text + story->len, STORY_MAX - story->len, format, args);
    va_end(args);
    assert_in_range(len, 1, STORY_MAX - story->len - 1);
    story->len += (size_t)len;
}

static void
tell_text(struct story *story, struct pop_view text)
{
    if (!story->in_text)
        tell(story, "text ");
    story->in_text = true;
    struct pop_buffer out = {story->text, story->len, STORY_MAX - 1};
    pop_buffer_put(&out, text);
    story->len = out.len;
}

static const char *const names[POP_COMMAND_COUNT] = {
    [POP_COMMAND_GREETING] = "greeting", [POP_COMMAND_CAPA] = "capa",
    [POP_COMMAND_USER] = "user",         [POP_COMMAND_PASS] = "pass",
    [POP_COMMAND_APOP] = "apop",         [POP_COMMAND_STAT] = "stat",
    [POP_COMMAND_LIST] = "list",         [POP_COMMAND_LIST_ONE] = "list-one",
    [POP_COMMAND_UIDL] = "uidl",         [POP_COMMAND_UIDL_ONE] = "uidl-one",
    [POP_COMMAND_RETR] = "retr",         [POP_COMMAND_TOP] = "top",
    [POP_COMMAND_DELE] = "dele",         [POP_COMMAND_NOOP] = "noop",
    [POP_COMMAND_RSET] = "rset",         [POP_COMMAND_QUIT] = "quit",
};

#define SHOW(view) (int)(view).len, (view).len > 0 ? (view).data : ""

static void
tell_event(struct story *story, enum pop_client_step step, const struct pop_client_event *event)
{
    unsigned long long number = event->number;
    unsigned long long size = event->size;
    switch (step) {
    case POP_CLIENT_REPLY:
        tell(
            story, "%s %u %s%s [%.*s] (%.*s) %llu %llu <%.*s>\n", names[event->command],
            event->message, event->status.ok ? "ok" : "err", event->multiline ? "+" : "",
            SHOW(event->status.code), SHOW(event->status.text), number, size, SHOW(event->uid));
        break;
    case POP_CLIENT_ITEM:
        tell(
            story, "item of %s (%.*s) %llu %llu <%.*s>\n", names[event->command],
            SHOW(event->text), number, size, SHOW(event->uid));
        break;
    case POP_CLIENT_TEXT:
        tell_text(story, event->text);
        break;
    case POP_CLIENT_END:
        tell(story, "end of %s %u\n", names[event->command], event->message);
        break;
    case POP_CLIENT_CHALLENGE:
        fail_msg("a challenge without AUTH");
        break;
    case POP_CLIENT_BROKEN:
        tell(story, "broken: %s\n", event->problem);
        break;
    case POP_CLIENT_MORE:
        break;
    }
}

/* Reads a piece to its end, or to the break. */
static bool
read_piece(
    struct guard *guard, struct pop_client *client, struct pop_view in, struct story *story)
{
    struct pop_view piece = guard_place(guard, in);
    struct pop_client_event event;
    enum pop_client_step step;
    while ((step = pop_client_next(client, &piece, &event)) != POP_CLIENT_MORE) {
        tell_event(story, step, &event);
        if (step == POP_CLIENT_BROKEN)
            return false;
    }
    assert_int_equal(piece.len, 0);
    return true;
}

static void
read_cut(
    struct guard *guard, struct pop_client client, struct pop_view in, size_t cut,
    struct story *story)
{
    client.line.data = client.line_data; /* a copy of the caller's session */
    *story = (struct story){0};
    bool alive = true;
    if (cut > in.len)
        for (size_t i = 0; alive && i < in.len; i++)
            alive = read_piece(guard, &client, (struct pop_view){in.data + i, 1}, story);
    else if (read_piece(guard, &client, (struct pop_view){in.data, cut}, story))
        (void)read_piece(guard, &client, (struct pop_view){in.data + cut, in.len - cut}, story);
    story->text[story->len] = '\0';
}

/* The same story for the input cut at every place, and octet by octet. */
static void
check_story(
    struct guard *guard, const struct pop_client *client, struct pop_view in, const char *want)
{
    for (size_t cut = 0; cut <= in.len + 1; cut++) {
        struct story story;
        read_cut(guard, *client, in, cut, &story);
        if (strcmp(story.text, want) != 0)
            fail_msg("cut at %zu:\n%s\nwanted:\n%s", cut, story.text, want);
    }
}

static void
expect(struct pop_client *client, enum pop_command command, struct pop_view argument)
{
    char sent[POP_COMMAND_MAX];
    struct pop_buffer out = {sent, 0, sizeof sent};
    assert_int_equal(pop_client_send(client, command, argument, &out), POP_SEND_OK);
}

static void
expect_number(struct pop_client *client, enum pop_command command, uint32_t number)
{
    char sent[POP_COMMAND_MAX];
    struct pop_buffer out = {sent, 0, sizeof sent};
    assert_int_equal(pop_client_send_number(client, command, number, 5, &out), POP_SEND_OK);
}

/* A session past its greeting. */
static void
start(struct pop_client *client)
{
    struct pop_view in = POP_VIEW("+OK\r\n");
    struct pop_client_event event;
    pop_client_init(client);
    assert_int_equal(pop_client_next(client, &in, &event), POP_CLIENT_REPLY);
    assert_int_equal(pop_client_awaited(client), 0);
}

static void
the_greeting_is_awaited_from_the_start(void **state)
{
    struct pop_client client;
    pop_client_init(&client);
    assert_int_equal(pop_client_awaited(&client), 1);
    check_story(
        *state, &client, POP_VIEW("+OK <1@b> hi\r\n"), "greeting 0 ok [] (<1@b> hi) 0 0 <>\n");
    check_story(
        *state, &client, POP_VIEW("-ERR [SYS/TEMP] full\r\n"),
        "greeting 0 err [SYS/TEMP] (full) 0 0 <>\n");
}

static void
replies_are_matched_in_order_however_cut(void **state)
{
    struct pop_client client;
    pop_client_init(&client);
    expect(&client, POP_COMMAND_CAPA, (struct pop_view){0});
    expect(&client, POP_COMMAND_USER, POP_VIEW("ann"));
    expect(&client, POP_COMMAND_PASS, POP_VIEW("se cret"));
    expect(&client, POP_COMMAND_STAT, (struct pop_view){0});
    expect(&client, POP_COMMAND_LIST, (struct pop_view){0});
    expect(&client, POP_COMMAND_UIDL, (struct pop_view){0});
    expect_number(&client, POP_COMMAND_LIST_ONE, 2);
    expect_number(&client, POP_COMMAND_UIDL_ONE, 2);
    expect_number(&client, POP_COMMAND_RETR, 1);
    expect_number(&client, POP_COMMAND_RETR, 2);
    expect_number(&client, POP_COMMAND_TOP, 2);
    expect_number(&client, POP_COMMAND_DELE, 1);
    expect(&client, POP_COMMAND_QUIT, (struct pop_view){0});
    assert_int_equal(pop_client_awaited(&client), 14);
    check_story(
        *state, &client,
        POP_VIEW("+OK hello\r\n"
                 "+OK\r\nTOP\r\n..dot\r\n\r\n.\r\n"
                 "+OK\r\n-ERR [IN-USE] busy\r\n"
                 "+OK 2 320 more\r\n"
                 "+OK\r\n1 120 x\r\n2 200\r\n.\r\n"
                 "+OK\n1 a!\n2 b \n.\n"
                 "+OK 2 200\r\n+OK 2 b\r\n"
                 "+OK 120 octets\r\nA: b\r\n\r\n..x\n.\r\r\n.\r\n"
                 "-ERR gone\r\n"
                 "+OK\r\n.\r\n"
                 "+OK gone\r\n+OK\r\n"),
        "greeting 0 ok [] (hello) 0 0 <>\n"
        "capa 0 ok+ [] () 0 0 <>\n"
        "item of capa (TOP) 0 0 <>\n"
        "item of capa (.dot) 0 0 <>\n"
        "item of capa () 0 0 <>\n"
        "end of capa 0\n"
        "user 0 ok [] () 0 0 <>\n"
        "pass 0 err [IN-USE] (busy) 0 0 <>\n"
        "stat 0 ok [] (2 320 more) 2 320 <>\n"
        "list 0 ok+ [] () 0 0 <>\n"
        "item of list (1 120 x) 1 120 <>\n"
        "item of list (2 200) 2 200 <>\n"
        "end of list 0\n"
        "uidl 0 ok+ [] () 0 0 <>\n"
        "item of uidl (1 a!) 1 0 <a!>\n"
        "item of uidl (2 b ) 2 0 <b>\n"
        "end of uidl 0\n"
        "list-one 2 ok [] (2 200) 2 200 <>\n"
        "uidl-one 2 ok [] (2 b) 2 0 <b>\n"
        "retr 1 ok+ [] (120 octets) 0 0 <>\n"
        "text A: b\r\n\r\n.x\n.\r\r\n\n"
        "end of retr 1\n"
        "retr 2 err [] (gone) 0 0 <>\n"
        "top 2 ok+ [] () 0 0 <>\n"
        "text \n"
        "end of top 2\n"
        "dele 1 ok [] (gone) 0 0 <>\n"
        "quit 0 ok [] () 0 0 <>\n");
}

#define UNASKED "broken: the server speaks without having been asked\n"
#define NEITHER "broken: the answer is neither +OK nor -ERR\n"
#define NUMBERS "broken: the numbers in the answer cannot be read\n"

static void
a_broken_protocol_is_told_however_cut(void **state)
{
    static const struct {
        int command; /* -1: none was sent */
        const char *in;
        const char *story;
    } breaks[] = {
        {-1, "+OK\r\n", UNASKED},
        {-1, "\r\n", UNASKED},
        {POP_COMMAND_NOOP, "+OK\r\n+OK\r\n", "noop 0 ok [] () 0 0 <>\n" UNASKED},
        {POP_COMMAND_NOOP, "OK\r\n", NEITHER},
        {POP_COMMAND_NOOP, "\r\n+OK\r\n", NEITHER},
        {POP_COMMAND_NOOP, "+OKAY\r\n", NEITHER},
        {POP_COMMAND_NOOP, "+ \r\n", NEITHER},
        {POP_COMMAND_STAT, "+OK\r\n", NUMBERS},
        {POP_COMMAND_STAT, "+OK two 3\r\n", NUMBERS},
        {POP_COMMAND_STAT, "+OK 1 18446744073709551616\r\n", NUMBERS},
        {POP_COMMAND_STAT, "-ERR x\r\n", "stat 0 err [] (x) 0 0 <>\n"},
        {POP_COMMAND_LIST, "+OK\r\n1\r\n",
         "list 0 ok+ [] () 0 0 <>\nbroken: a line of LIST cannot be read\n"},
        {POP_COMMAND_LIST, "+OK\r\n\r\n",
         "list 0 ok+ [] () 0 0 <>\nbroken: a line of LIST cannot be read\n"},
        {POP_COMMAND_LIST, "+OK\r\n..\r\n",
         "list 0 ok+ [] () 0 0 <>\nbroken: a line of LIST cannot be read\n"},
        {POP_COMMAND_UIDL, "+OK\r\n1 a\r\n2\r\n",
         "uidl 0 ok+ [] () 0 0 <>\nitem of uidl (1 a) 1 0 <a>\n"
         "broken: a line of UIDL cannot be read\n"},
    };
    for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {
        struct pop_client client;
        start(&client);
        if (breaks[i].command >= 0)
            expect(&client, (enum pop_command)breaks[i].command, (struct pop_view){0});
        check_story(*state, &client, pop_view_of(breaks[i].in), breaks[i].story);
    }
}

static void
after_a_break_it_stays_broken_and_reads_nothing(void **state)
{
    (void)state;
    struct pop_client client;
    struct pop_client_event event;
    struct pop_view in = POP_VIEW("what?\r\n+OK\r\n");
    pop_client_init(&client);
    assert_int_equal(pop_client_next(&client, &in, &event), POP_CLIENT_BROKEN);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pop_client_next(&client, &in, &event), POP_CLIENT_BROKEN);
        assert_non_null(event.problem);
        assert_true(pop_view_equal(in, POP_VIEW("+OK\r\n")));
    }
}

static void
a_line_without_end_breaks_at_its_bound(void **state)
{
    char line[POP_CLIENT_LINE_MAX + 2];
    memset(line, 'x', sizeof line);
    memcpy(line, "+OK ", 4);
    for (size_t len = POP_CLIENT_LINE_MAX - 1; len <= POP_CLIENT_LINE_MAX + 1; len++) {
        for (int ended = 0; ended < 2; ended++) {
            struct pop_client client;
            struct story story;
            pop_client_init(&client);
            bool broken = len > POP_CLIENT_LINE_MAX;
            line[len] = '\n';
            struct pop_view in = {line, len + (size_t)ended};
            for (size_t cut = 0; cut <= in.len + 1; cut += cut + 1 < len - 2 ? 97 : 1) {
                read_cut(*state, client, in, cut, &story);
                const char *want = broken  ? "broken: the server sends a line that is too long"
                                   : ended ? "greeting 0 ok"
                                           : "";
                if (strncmp(story.text, want, strlen(want)) != 0 ||
                    (want[0] == '\0' && story.len > 0))
                    fail_msg("%zu octets, cut at %zu: %s", len, cut, story.text);
            }
            line[len] = 'x';
        }
    }
}

/* A body may have lines of any length, a listing may not. */
static void
a_message_line_has_no_bound_and_a_listing_line_has(void **state)
{
    (void)state;
    static const enum pop_command commands[] = {POP_COMMAND_RETR, POP_COMMAND_UIDL};
    for (size_t i = 0; i < 2; i++) {
        struct pop_client client;
        struct pop_client_event event;
        start(&client);
        if (commands[i] == POP_COMMAND_RETR)
            expect_number(&client, POP_COMMAND_RETR, 1);
        else
            expect(&client, commands[i], (struct pop_view){0});
        struct pop_view in = POP_VIEW("+OK\r\n");
        assert_int_equal(pop_client_next(&client, &in, &event), POP_CLIENT_REPLY);
        enum pop_client_step step = POP_CLIENT_MORE;
        for (int octets = 0; octets <= POP_CLIENT_LINE_MAX; octets++) {
            in = POP_VIEW("7");
            while (in.len > 0)
                step = pop_client_next(&client, &in, &event);
        }
        assert_int_equal(step, i == 0 ? POP_CLIENT_TEXT : POP_CLIENT_BROKEN);
    }
}

static void
a_full_queue_refuses_and_wraps_around(void **state)
{
    (void)state;
    static char sent[SENT_MAX];
    struct pop_buffer out = {sent, 0, sizeof sent};
    struct pop_client client;
    struct pop_client_event event;
    uint32_t next = 1;
    pop_client_init(&client);
    while (pop_client_send_number(&client, POP_COMMAND_DELE, next, 0, &out) == POP_SEND_OK)
        next++;
    assert_int_equal(next, POP_CLIENT_QUEUE_MAX); /* the greeting has the first place */
    assert_int_equal(pop_client_awaited(&client), POP_CLIENT_QUEUE_MAX);
    size_t len = out.len;
    assert_int_equal(
        pop_client_send(&client, POP_COMMAND_QUIT, (struct pop_view){0}, &out), POP_SEND_FULL);
    assert_int_equal(out.len, len);

    for (uint32_t answered = 0; answered < 3 * POP_CLIENT_QUEUE_MAX; answered++) {
        struct pop_view in = POP_VIEW("+OK\r\n");
        assert_int_equal(pop_client_next(&client, &in, &event), POP_CLIENT_REPLY);
        assert_int_equal(event.message, answered);
        out.len = 0;
        assert_int_equal(
            pop_client_send_number(&client, POP_COMMAND_DELE, next++, 0, &out), POP_SEND_OK);
        assert_int_equal(
            pop_client_send_number(&client, POP_COMMAND_DELE, next, 0, &out), POP_SEND_FULL);
    }
}

/* R2449-7; the buffer ends at a guard page. */
static void
a_command_of_255_octets_is_sent_and_a_longer_one_is_not(void **state)
{
    static const struct {
        enum pop_command command;
        size_t overhead; /* verb, blank, CRLF */
    } commands[] = {{POP_COMMAND_USER, 7}, {POP_COMMAND_PASS, 7}, {POP_COMMAND_APOP, 7}};
    char argument[POP_COMMAND_MAX];
    memset(argument, 'a', sizeof argument);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct pop_client client;
        pop_client_init(&client);
        struct pop_buffer out = guard_room(*state, POP_COMMAND_MAX, '?');
        struct pop_view text = {argument, POP_COMMAND_MAX - commands[i].overhead + 1};
        assert_int_equal(
            pop_client_send(&client, commands[i].command, text, &out), POP_SEND_BAD);
        assert_int_equal(out.len, 0);
        assert_int_equal(out.data[0], '?');
        assert_int_equal(pop_client_awaited(&client), 1);
        text.len--;
        assert_int_equal(
            pop_client_send(&client, commands[i].command, text, &out), POP_SEND_OK);
        assert_int_equal(out.len, POP_COMMAND_MAX);
        assert_memory_equal(out.data + POP_COMMAND_MAX - 2, "\r\n", 2);
    }
}

static void
an_argument_that_could_be_another_command_is_not_sent(void **state)
{
    struct pop_client client;
    pop_client_init(&client);
    for (unsigned octet = 0; octet < 256; octet++) {
        char argument[3] = {'a', (char)octet, 'b'};
        struct pop_buffer out = guard_room(*state, POP_COMMAND_MAX, '?');
        enum pop_send want = octet < 0x20 || octet == 0x7f ? POP_SEND_BAD : POP_SEND_OK;
        struct pop_view text = {argument, sizeof argument};
        assert_int_equal(pop_client_send(&client, POP_COMMAND_PASS, text, &out), want);
        assert_int_equal(out.len, want == POP_SEND_OK ? 10 : 0);
    }
    struct pop_buffer out = guard_room(*state, POP_COMMAND_MAX, '?');
    struct pop_view none = {0};
    assert_int_equal(pop_client_send(&client, POP_COMMAND_USER, none, &out), POP_SEND_BAD);
    assert_int_equal(
        pop_client_send(&client, POP_COMMAND_STAT, POP_VIEW("1"), &out), POP_SEND_BAD);
    assert_int_equal(out.len, 0);
}

static void
commands_are_written_whole_or_not_at_all(void **state)
{
    static const struct {
        enum pop_command command;
        const char *argument; /* NULL: a number */
        const char *line;
    } lines[] = {
        {POP_COMMAND_CAPA, "", "CAPA\r\n"},
        {POP_COMMAND_USER, "ann b", "USER ann b\r\n"},
        {POP_COMMAND_PASS, " secret ", "PASS  secret \r\n"},
        {POP_COMMAND_APOP, "ann d1", "APOP ann d1\r\n"},
        {POP_COMMAND_STAT, "", "STAT\r\n"},
        {POP_COMMAND_LIST, "", "LIST\r\n"},
        {POP_COMMAND_LIST_ONE, NULL, "LIST 4294967295\r\n"},
        {POP_COMMAND_UIDL, "", "UIDL\r\n"},
        {POP_COMMAND_UIDL_ONE, NULL, "UIDL 4294967295\r\n"},
        {POP_COMMAND_RETR, NULL, "RETR 4294967295\r\n"},
        {POP_COMMAND_TOP, NULL, "TOP 4294967295 18446744073709551615\r\n"},
        {POP_COMMAND_DELE, NULL, "DELE 4294967295\r\n"},
        {POP_COMMAND_NOOP, "", "NOOP\r\n"},
        {POP_COMMAND_RSET, "", "RSET\r\n"},
        {POP_COMMAND_QUIT, "", "QUIT\r\n"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        size_t whole = strlen(lines[i].line);
        for (size_t room = 0; room <= whole; room++) {
            struct pop_client client;
            start(&client);
            struct pop_buffer out = guard_room(*state, room, '?');
            enum pop_send sent =
                lines[i].argument == NULL
                    ? pop_client_send_number(
                          &client, lines[i].command, UINT32_MAX, UINT64_MAX, &out)
                    : pop_client_send(
                          &client, lines[i].command, pop_view_of(lines[i].argument), &out);
            assert_int_equal(sent, room == whole ? POP_SEND_OK : POP_SEND_FULL);
            assert_int_equal(out.len, room == whole ? whole : 0);
            assert_int_equal(pop_client_awaited(&client), room == whole);
            assert_memory_equal(out.data, lines[i].line, out.len);
        }
    }
}

static void
the_session_keeps_no_secret(void **state)
{
    struct pop_client client;
    start(&client);
    struct pop_buffer out = guard_room(*state, POP_COMMAND_MAX, '?');
    assert_int_equal(
        pop_client_send(&client, POP_COMMAND_PASS, POP_VIEW("hunter22"), &out), POP_SEND_OK);
    assert_true(pop_view_equal(pop_buffer_view(&out), POP_VIEW("PASS hunter22\r\n")));
    assert_null(memmem(&client, sizeof client, "hunter22", 8));
}

static int
set_up(void **state)
{
    static struct guard guard;
    guard_init(&guard, STORY_MAX);
    *state = &guard;
    return 0;
}

static int
tear_down(void **state)
{
    guard_finish(*state);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_greeting_is_awaited_from_the_start),
        cmocka_unit_test(replies_are_matched_in_order_however_cut),
        cmocka_unit_test(a_broken_protocol_is_told_however_cut),
        cmocka_unit_test(after_a_break_it_stays_broken_and_reads_nothing),
        cmocka_unit_test(a_line_without_end_breaks_at_its_bound),
        cmocka_unit_test(a_message_line_has_no_bound_and_a_listing_line_has),
        cmocka_unit_test(a_full_queue_refuses_and_wraps_around),
        cmocka_unit_test(a_command_of_255_octets_is_sent_and_a_longer_one_is_not),
        cmocka_unit_test(an_argument_that_could_be_another_command_is_not_sent),
        cmocka_unit_test(commands_are_written_whole_or_not_at_all),
        cmocka_unit_test(the_session_keeps_no_secret),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
