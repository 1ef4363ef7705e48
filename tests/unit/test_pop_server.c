/* The server's session through its events: states, marks, listings in pieces, messages of a
 * wrong size, the end. What the lines say is tested in tests/wire. */
#include "guard.h"

#include <pop/server.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { OUT_MAX = 1 << 16, LISTING_MAX = 1 << 22, UID_LEN = 7 };

static const struct pop_server_config plain = {
    .hostname = {"pop.test", 8}, .implementation = {"restante", 8}, .user_allowed = true};

/* A session and its maildrop of messages of 10, 11, 12 ... octets. The marks end at a guard
 * page. */
struct drop {
    struct pop_server server;
    struct pop_server_event event;
    struct pop_maildrop maildrop;
    struct pop_message *messages;
    char *uids;
    struct guard guard;
    unsigned char *marks;
    struct pop_buffer out;
    char octets[OUT_MAX];
};

static enum pop_server_step
give(struct drop *drop, struct pop_view in)
{
    enum pop_server_step step = pop_server_next(&drop->server, &in, &drop->out, &drop->event);
    assert_true(in.len == 0 || step != POP_SERVER_MORE);
    return step;
}

/* What was written since the last time must start with this and be one line or more. */
static void
check_said(struct drop *drop, const char *start)
{
    size_t len = strlen(start);
    if (drop->out.len < len || memcmp(drop->out.data, start, len) != 0)
        fail_msg("said '%.*s', wanted '%s'", (int)drop->out.len, drop->out.data, start);
    assert_true(len == 0 || memcmp(drop->out.data + drop->out.len - 2, "\r\n", 2) == 0);
    drop->out.len = 0;
}

/* A command that the session answers by itself. */
static void
check_answer(struct drop *drop, const char *line, const char *start)
{
    char command[POP_COMMAND_MAX];
    int len = snprintf(command, sizeof command, "%s\r\n", line);
    enum pop_server_step step = give(drop, (struct pop_view){command, (size_t)len});
    if (step != POP_SERVER_MORE)
        fail_msg("'%s' gives step %d", line, (int)step);
    check_said(drop, start);
}

static void
make_maildrop(struct drop *drop, uint32_t count)
{
    drop->messages = calloc(count + 1, sizeof *drop->messages);
    drop->uids = malloc((size_t)count * UID_LEN + UID_LEN + 1);
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(drop->uids + (size_t)i * UID_LEN, UID_LEN + 1, "u%06u", i % 1000000);
        drop->messages[i] =
            (struct pop_message){.size = i + 10, .uid_offset = i * UID_LEN, .uid_len = UID_LEN};
        drop->maildrop.octets += i + 10;
    }
    drop->maildrop.count = count;
    drop->maildrop.messages = drop->messages;
    drop->maildrop.strings = (struct pop_view){drop->uids, (size_t)count * UID_LEN};
}

static struct drop *
drop_new(uint32_t count)
{
    struct drop *drop = calloc(1, sizeof *drop);
    drop->out = (struct pop_buffer){drop->octets, 0, sizeof drop->octets};
    make_maildrop(drop, count);
    size_t marks_size = pop_server_marks_size(count);
    guard_init(&drop->guard, marks_size);
    drop->marks = (unsigned char *)guard_room(&drop->guard, marks_size, 0).data;
    pop_server_init(&drop->server, &plain);
    pop_server_greet(&drop->server, &drop->out);
    check_said(drop, "+OK pop.test");
    return drop;
}

static struct drop *
drop_new_logged_in(uint32_t count)
{
    struct drop *drop = drop_new(count);
    check_answer(drop, "USER ann", "+OK");
    assert_int_equal(give(drop, POP_VIEW("PASS secret\r\n")), POP_SERVER_LOGIN);
    pop_server_login_accepted(&drop->server, &drop->maildrop, drop->marks, &drop->out);
    check_said(drop, "+OK");
    return drop;
}

static void
drop_free(struct drop *drop)
{
    guard_finish(&drop->guard);
    free(drop->messages);
    free(drop->uids);
    free(drop);
}

/* ---- states ---- */

/* Each command after login and before it: how the answer starts, or the step for the owner. */
static const struct {
    const char *line;
    const char *before;
    const char *after;
    enum pop_server_step step_before;
    enum pop_server_step step_after;
} commands[] = {
    {"CAPA", "+OK", "+OK", POP_SERVER_MORE, POP_SERVER_MORE},
    {"USER ann", "+OK", "-ERR", POP_SERVER_MORE, POP_SERVER_MORE},
    {"PASS x", "-ERR", "-ERR", POP_SERVER_MORE, POP_SERVER_MORE},
    {"APOP ann x", "-ERR", "-ERR", POP_SERVER_MORE, POP_SERVER_MORE},
    {"STAT", "-ERR", "+OK 2 21\r\n", POP_SERVER_MORE, POP_SERVER_MORE},
    {"LIST", "-ERR", "+OK", POP_SERVER_MORE, POP_SERVER_MORE},
    {"LIST 2", "-ERR", "+OK 2 11\r\n", POP_SERVER_MORE, POP_SERVER_MORE},
    {"UIDL", "-ERR", "+OK", POP_SERVER_MORE, POP_SERVER_MORE},
    {"UIDL 2", "-ERR", "+OK 2 u000001\r\n", POP_SERVER_MORE, POP_SERVER_MORE},
    {"RETR 1", "-ERR", "", POP_SERVER_MORE, POP_SERVER_FETCH},
    {"TOP 1 1", "-ERR", "", POP_SERVER_MORE, POP_SERVER_FETCH},
    {"DELE 1", "-ERR", "+OK", POP_SERVER_MORE, POP_SERVER_MORE},
    {"NOOP", "-ERR", "+OK\r\n", POP_SERVER_MORE, POP_SERVER_MORE},
    {"RSET", "-ERR", "+OK", POP_SERVER_MORE, POP_SERVER_MORE},
    {"QUIT", "+OK", "+OK", POP_SERVER_CLOSE, POP_SERVER_CLOSE},
    {"STLS", "-ERR", "-ERR", POP_SERVER_MORE, POP_SERVER_MORE},
    {"", "-ERR", "-ERR", POP_SERVER_MORE, POP_SERVER_MORE},
};

static void
each_command_works_in_its_states_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        for (int logged_in = 0; logged_in < 2; logged_in++) {
            struct drop *drop = logged_in ? drop_new_logged_in(2) : drop_new(2);
            char line[POP_COMMAND_MAX];
            int len = snprintf(line, sizeof line, "%s\r\n", commands[i].line);
            enum pop_server_step want =
                logged_in ? commands[i].step_after : commands[i].step_before;
            if (give(drop, (struct pop_view){line, (size_t)len}) != want)
                fail_msg("%s, logged in: %d", commands[i].line, logged_in);
            check_said(drop, logged_in ? commands[i].after : commands[i].before);
            drop_free(drop);
        }
    }
}

static void
what_follows_quit_is_discarded(void **state)
{
    (void)state;
    struct drop *drop = drop_new_logged_in(2);
    assert_int_equal(give(drop, POP_VIEW("QUIT\r\nDELE 1\r\nSTAT\r\n")), POP_SERVER_CLOSE);
    assert_int_equal(give(drop, POP_VIEW("STAT\r\n")), POP_SERVER_CLOSE);
    check_said(drop, "+OK goodbye\r\n");
    assert_int_equal(drop->server.state, POP_STATE_CLOSED);
    assert_int_equal(drop->marks[0], 0);
    drop_free(drop);
}

static void
commands_behind_an_event_wait_for_its_answer(void **state)
{
    (void)state;
    struct drop *drop = drop_new(2);
    struct pop_view in = POP_VIEW("USER ann\r\nPASS secret\r\nSTAT\r\n");
    assert_int_equal(
        pop_server_next(&drop->server, &in, &drop->out, &drop->event), POP_SERVER_LOGIN);
    assert_true(pop_view_equal(in, POP_VIEW("STAT\r\n")));
    assert_true(pop_view_equal(drop->event.user, POP_VIEW("ann")));
    assert_true(pop_view_equal(drop->event.password, POP_VIEW("secret")));
    drop->out.len = 0;
    pop_server_login_accepted(&drop->server, &drop->maildrop, drop->marks, &drop->out);
    assert_int_equal(
        pop_server_next(&drop->server, &in, &drop->out, &drop->event), POP_SERVER_MORE);
    check_said(drop, "+OK logged in, 2 messages (21 octets)\r\n+OK 2 21\r\n");
    drop_free(drop);
}

static void
nothing_is_read_without_room_for_an_answer(void **state)
{
    (void)state;
    struct drop *drop = drop_new_logged_in(2);
    struct pop_view in = POP_VIEW("DELE 1\r\n");
    drop->out.cap = POP_REPLY_MAX - 1;
    assert_int_equal(
        pop_server_next(&drop->server, &in, &drop->out, &drop->event), POP_SERVER_ROOM);
    assert_int_equal(in.len, 8);
    assert_int_equal(drop->out.len, 0);
    assert_int_equal(drop->marks[0], 0);
    drop->out.cap = POP_REPLY_MAX;
    assert_int_equal(
        pop_server_next(&drop->server, &in, &drop->out, &drop->event), POP_SERVER_ROOM);
    assert_int_equal(in.len, 0);
    assert_int_equal(drop->marks[0], 1);
    drop_free(drop);
}

/* ---- login ---- */

static void
login_wipes_the_password(void **state)
{
    (void)state;
    for (int accepted = 0; accepted < 2; accepted++) {
        for (int apop = 0; apop < 2; apop++) {
            struct drop *drop = drop_new(1);
            drop->server.timestamp = POP_VIEW("<1@h>");
            if (!apop)
                check_answer(drop, "USER ann", "+OK");
            struct pop_view start = apop ? POP_VIEW("APOP ann hunt") : POP_VIEW("PASS hunt");
            assert_int_equal(give(drop, start), POP_SERVER_MORE);
            assert_int_equal(give(drop, POP_VIEW("er22\r\n")), POP_SERVER_LOGIN);
            assert_true(pop_view_equal(drop->event.password, POP_VIEW("hunter22")));
            assert_int_equal(drop->event.apop, apop);
            drop->event = (struct pop_server_event){0};
            assert_non_null(memmem(&drop->server, sizeof drop->server, "hunter22", 8));
            if (accepted)
                pop_server_login_accepted(
                    &drop->server, &drop->maildrop, drop->marks, &drop->out);
            else
                pop_server_login_refused(&drop->server, POP_REFUSAL_AUTH, &drop->out);
            assert_null(memmem(drop, sizeof *drop, "hunter22", 8));
            drop_free(drop);
        }
    }
}

static void
a_password_keeps_its_blanks(void **state)
{
    (void)state;
    struct drop *drop = drop_new(1);
    check_answer(drop, "USER ann", "+OK");
    assert_int_equal(give(drop, POP_VIEW("PASS  a  b \r\n")), POP_SERVER_LOGIN);
    assert_true(pop_view_equal(drop->event.password, POP_VIEW(" a  b ")));
    drop_free(drop);
}

/* R1939-27, R1939-28: whatever comes between USER and PASS makes USER void. */
static void
pass_comes_right_after_an_accepted_user(void **state)
{
    (void)state;
    static const char *const between[] = {"NOOP", "CAPA", "USER", "USER ann",
                                          "PASS", "x",    "\x01", "STAT"};
    for (size_t i = 0; i < sizeof between / sizeof *between; i++) {
        struct drop *drop = drop_new(1);
        check_answer(drop, "USER ann", "+OK");
        check_answer(drop, between[i], strcmp(between[i], "CAPA") == 0 ? "+OK" : "-ERR");
        check_answer(drop, "PASS x", "-ERR");
        drop_free(drop);
    }
    struct drop *drop = drop_new(1);
    check_answer(drop, "USER ann", "+OK");
    assert_int_equal(give(drop, POP_VIEW("PASS x\r\n")), POP_SERVER_LOGIN);
    pop_server_login_refused(&drop->server, POP_REFUSAL_AUTH, &drop->out);
    check_said(drop, "-ERR [AUTH]");
    check_answer(drop, "PASS x", "-ERR");
    check_answer(drop, "USER ann", "+OK");
    drop_free(drop);
}

static void
a_user_is_asked_for_only_where_that_is_wanted(void **state)
{
    (void)state;
    struct pop_server_config config = plain;
    config.check_user = true;
    struct drop *drop = drop_new(1);
    drop->server.config = &config;
    for (int known = 0; known < 2; known++) {
        assert_int_equal(give(drop, POP_VIEW("USER ann\r\n")), POP_SERVER_CHECK_USER);
        assert_true(pop_view_equal(drop->event.user, POP_VIEW("ann")));
        pop_server_user_checked(&drop->server, known, &drop->out);
        check_said(drop, known ? "+OK" : "-ERR");
        if (!known)
            check_answer(drop, "PASS x", "-ERR");
    }
    assert_int_equal(give(drop, POP_VIEW("PASS x\r\n")), POP_SERVER_LOGIN);
    drop_free(drop);
}

static void
every_refusal_has_its_code_and_fits_a_line(void **state)
{
    (void)state;
    static const char *const starts[POP_REFUSAL_COUNT] = {
        [POP_REFUSAL_AUTH] = "-ERR [AUTH] ",
        [POP_REFUSAL_IN_USE] = "-ERR [IN-USE] ",
        [POP_REFUSAL_SYS_TEMP] = "-ERR [SYS/TEMP] ",
        [POP_REFUSAL_SYS_PERM] = "-ERR [SYS/PERM] ",
        [POP_REFUSAL_CONNECTIONS] = "-ERR [SYS/TEMP] ",
        [POP_REFUSAL_PER_ADDRESS] = "-ERR [SYS/TEMP] ",
        [POP_REFUSAL_USER_SESSIONS] = "-ERR [IN-USE] ",
        [POP_REFUSAL_FAILURES] = "-ERR [SYS/TEMP] too many refused logins",
        [POP_REFUSAL_LOGIN_DELAY] = "-ERR [LOGIN-DELAY] too soon",
        [POP_REFUSAL_DISABLED] = "-ERR [SYS/PERM] POP3 is switched off",
        [POP_REFUSAL_SASL] = "-ERR this",
        [POP_REFUSAL_MESSAGE_GONE] = "-ERR this",
        [POP_REFUSAL_MESSAGE_CHANGED] = "-ERR this",
    };
    for (int refusal = 0; refusal < POP_REFUSAL_COUNT; refusal++) {
        struct drop *drop = drop_new(0);
        pop_server_init(&drop->server, &plain);
        pop_server_greet_refused(&drop->server, (enum pop_refusal)refusal, &drop->out);
        assert_true(drop->out.len <= POP_REPLY_MAX);
        check_said(drop, starts[refusal]);
        assert_int_equal(give(drop, POP_VIEW("CAPA\r\n")), POP_SERVER_CLOSE);
        check_said(drop, "");
        drop_free(drop);
    }
}

/* ---- marks ---- */

static const uint32_t counts[] = {0, 1, 7, 8, 9, 16, 17, 100000};

static void
marks_hold_one_bit_for_each_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        uint32_t count = counts[i];
        struct drop *drop = drop_new_logged_in(count);
        char line[64];
        for (uint32_t number = count; number > 0; number--) {
            (void)snprintf(line, sizeof line, "DELE %u", number);
            check_answer(drop, line, "+OK");
        }
        (void)snprintf(line, sizeof line, "DELE %u", count + 1);
        check_answer(drop, line, "-ERR");
        check_answer(drop, "STAT", "+OK 0 0\r\n");
        const unsigned char *marks = pop_server_marks(&drop->server);
        for (uint32_t bit = 0; bit < pop_server_marks_size(count) * 8; bit++)
            assert_int_equal((marks[bit / 8] >> bit % 8) & 1, bit < count);

        check_answer(drop, "RSET", "+OK");
        (void)snprintf(
            line, sizeof line, "+OK %u %llu\r\n", count,
            (unsigned long long)drop->maildrop.octets);
        check_answer(drop, "STAT", line);
        for (size_t at = 0; at < pop_server_marks_size(count); at++)
            assert_int_equal(marks[at], 0);
        assert_int_equal(give(drop, POP_VIEW("QUIT\r\n")), POP_SERVER_CLOSE);
        drop_free(drop);
    }
}

static void
marked_messages_are_not_counted_listed_or_named(void **state)
{
    (void)state;
    struct drop *drop = drop_new_logged_in(9);
    check_answer(drop, "DELE 1", "+OK");
    check_answer(drop, "DELE 8", "+OK");
    check_answer(drop, "DELE 9", "+OK");
    check_answer(drop, "STAT", "+OK 6 81\r\n");
    check_answer(
        drop, "LIST",
        "+OK 6 messages (81 octets)\r\n2 11\r\n3 12\r\n4 13\r\n5 14\r\n6 15\r\n7 16\r\n.\r\n");
    static const char *const named[] = {"LIST 8", "UIDL 8", "RETR 8", "TOP 8 0", "DELE 8"};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        check_answer(drop, named[i], "-ERR message 8 is deleted\r\n");
    drop_free(drop);
}

static void
a_refused_message_cannot_be_deleted_not_even_after_rset(void **state)
{
    (void)state;
    for (size_t i = 1; i < sizeof counts / sizeof *counts; i++) {
        struct drop *drop = drop_new_logged_in(counts[i]);
        char line[64];
        (void)snprintf(line, sizeof line, "RETR %u\r\n", counts[i]);
        assert_int_equal(give(drop, pop_view_of(line)), POP_SERVER_FETCH);
        assert_int_equal(drop->event.index, counts[i] - 1);
        assert_true(drop->event.lines == POP_LINES_ALL);
        pop_server_message_refused(&drop->server, POP_REFUSAL_SYS_TEMP, &drop->out);
        check_said(drop, "-ERR [SYS/TEMP]");
        (void)snprintf(line, sizeof line, "DELE %u", counts[i]);
        check_answer(drop, line, "-ERR");
        check_answer(drop, "RSET", "+OK");
        check_answer(drop, line, "-ERR");
        if (counts[i] > 1)
            check_answer(drop, "DELE 1", "+OK");
        for (uint32_t bit = 0; bit < counts[i]; bit++)
            assert_int_equal(
                (pop_server_marks(&drop->server)[bit / 8] >> bit % 8) & 1,
                counts[i] > 1 && bit == 0);
        drop_free(drop);
    }
}

/* ---- listings ---- */

/* The answer to LIST or UIDL through a buffer of `cap` octets, of which `kept` are always left
 * in it, as by a socket that takes less than it is given. */
static size_t
list_in_pieces(struct drop *drop, struct pop_view command, size_t cap, size_t kept, char *all)
{
    struct pop_buffer out = {drop->octets, 0, cap};
    size_t len = 0;
    enum pop_server_step step;
    do {
        step = pop_server_next(&drop->server, &command, &out, &drop->event);
        assert_true(out.len <= out.cap);
        size_t sent = out.len > kept ? out.len - kept : 0;
        assert_true(sent > 0 || step == POP_SERVER_MORE);
        memcpy(all + len, out.data, sent);
        len += sent;
        memmove(out.data, out.data + sent, out.len - sent);
        out.len -= sent;
    } while (step == POP_SERVER_ROOM);
    assert_int_equal(step, POP_SERVER_MORE);
    memcpy(all + len, out.data, out.len);
    return len + out.len;
}

/* The model: every line of the listing, put together at once. */
static size_t
list_at_once(const struct drop *drop, bool uids, uint32_t skip, char *all)
{
    uint64_t octets = drop->maildrop.octets - (skip > 0 ? drop->messages[skip - 1].size : 0);
    size_t len = (size_t)snprintf(
        all, LISTING_MAX, "+OK %u messages (%llu octets)\r\n",
        drop->maildrop.count - (skip > 0), (unsigned long long)octets);
    for (uint32_t i = 0; i < drop->maildrop.count; i++) {
        if (i + 1 == skip)
            continue;
        if (uids)
            len += (size_t)snprintf(all + len, LISTING_MAX - len, "%u u%06u\r\n", i + 1, i);
        else
            len += (size_t)snprintf(all + len, LISTING_MAX - len, "%u %u\r\n", i + 1, i + 10);
    }
    memcpy(all + len, ".\r\n", 3);
    return len + 3;
}

static void
a_listing_in_pieces_is_the_listing_at_once(void **state)
{
    (void)state;
    char *want = malloc(LISTING_MAX);
    char *got = malloc(LISTING_MAX);
    for (int uids = 0; uids < 2; uids++) {
        struct pop_view command = uids ? POP_VIEW("UIDL\r\n") : POP_VIEW("LIST\r\n");
        struct drop *drop = drop_new_logged_in(300);
        check_answer(drop, "DELE 150", "+OK");
        size_t len = list_at_once(drop, uids, 150, want);
        for (size_t cap = POP_REPLY_MAX; cap < POP_REPLY_MAX + 200; cap++) {
            size_t kept = cap - POP_REPLY_MAX; /* all that may stay without a standstill */
            assert_int_equal(list_in_pieces(drop, command, cap, kept, got), len);
            assert_memory_equal(got, want, len);
        }
        drop_free(drop);

        drop = drop_new_logged_in(100000);
        len = list_at_once(drop, uids, 0, want);
        assert_int_equal(list_in_pieces(drop, command, 4096, 100, got), len);
        assert_memory_equal(got, want, len);
        drop_free(drop);
    }
    free(want);
    free(got);
}

static void
the_longest_listing_lines_fit(void **state)
{
    (void)state;
    struct drop *drop = drop_new(1);
    char uid[POP_UID_MAX];
    memset(uid, '~', sizeof uid);
    drop->messages[0] =
        (struct pop_message){.size = UINT64_MAX, .uid_offset = 0, .uid_len = POP_UID_MAX};
    drop->maildrop.octets = UINT64_MAX;
    drop->maildrop.strings = (struct pop_view){uid, sizeof uid};
    check_answer(drop, "USER ann", "+OK");
    assert_int_equal(give(drop, POP_VIEW("PASS secret\r\n")), POP_SERVER_LOGIN);
    pop_server_login_accepted(&drop->server, &drop->maildrop, drop->marks, &drop->out);
    check_said(drop, "+OK");
    check_answer(
        drop, "LIST",
        "+OK 1 message (18446744073709551615 octets)\r\n1 18446744073709551615\r\n.\r\n");
    check_answer(drop, "UIDL", "+OK 1 message (18446744073709551615 octets)\r\n1 ~~~~");
    check_answer(drop, "UIDL 1", "+OK 1 ~~~~");
    drop_free(drop);
}

/* ---- messages ---- */

/* Files that are not what LIST promised, 10 octets for message 1, and some that are. */
static const struct {
    const char *command;
    const char *stored;
    bool right;
} stored[] = {
    {"RETR 1", "A: b\n\n\n", true}, /* 6 + 2 + 2 */
    {"RETR 1", "A: b\n.\r", true},  /* 6 + 1 + 1, and CRLF completes it */
    {"RETR 1", "", false},
    {"RETR 1", "A: b\n\n", false},
    {"RETR 1", "A: b\n\nx", false}, /* the CRLF that completes it is one too many */
    {"RETR 1", "12345678", true},
    {"RETR 1", "1234567", false},
    {"RETR 1", "123456789", false},
    {"RETR 1", "1234567\n", false},
    {"RETR 1", "12345678\n", true},
    {"RETR 1", "12345678\nx", false},
    {"RETR 1", ".......\r\n", false},
    {"RETR 1", "........\r\n", true},
    {"TOP 1 0", "A: b\n\n\n", true},
    {"TOP 1 0", "A: b\n\nand much more\n", true}, /* not read to its end */
    {"TOP 1 1", "A: b\n\n\nand more\n", true},
    {"TOP 1 1", "A: b\n\nxyz\nand more\n", false},
    {"TOP 1 9", "A: b\n\n\n", true},
    {"TOP 1 9", "A: b\n\n", false},
    {"TOP 1 9", "A: b\n\n\n\n", false},
    {"TOP 1 0", "no header", false},
    {"TOP 1 0", "A: b\nC: d\nE: f\n\n", false},
};

/* Feeds `chunk` octets at a time; false: refused at some point, and nothing was finished. */
static bool
send_stored(struct drop *drop, struct pop_view rest, size_t chunk)
{
    while (rest.len > 0) {
        struct pop_view in = {rest.data, rest.len < chunk ? rest.len : chunk};
        pop_view_skip(&rest, in.len);
        enum pop_message_step step = pop_server_message_text(&drop->server, &in, &drop->out);
        if (step == POP_MESSAGE_ENOUGH)
            break;
        if (step == POP_MESSAGE_BROKEN) {
            assert_false(pop_server_message_end(&drop->server, &drop->out));
            return false;
        }
        assert_int_equal(in.len, 0);
    }
    size_t before = drop->out.len;
    bool finished = pop_server_message_end(&drop->server, &drop->out);
    assert_true(finished ? drop->out.len >= before + 3 : drop->out.len == before);
    return finished;
}

static void
only_what_list_promised_gets_a_final_dot(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * sizeof stored / sizeof *stored; i++) {
        const char *file = stored[i / 2].stored;
        bool right = stored[i / 2].right;
        struct drop *drop = drop_new_logged_in(2);
        char line[64];
        (void)snprintf(line, sizeof line, "%s\r\n", stored[i / 2].command);
        assert_int_equal(give(drop, pop_view_of(line)), POP_SERVER_FETCH);
        pop_server_message_begin(&drop->server, &drop->out);
        assert_memory_equal(drop->out.data, "+OK", 3);
        if (send_stored(drop, pop_view_of(file), i % 2 ? 1 : 1000) != right)
            fail_msg("%s of '%s'", stored[i / 2].command, file);
        if (right) {
            assert_memory_equal(drop->out.data + drop->out.len - 5, "\r\n.\r\n", 5);
        } else {
            assert_null(memmem(drop->out.data, drop->out.len, "\r\n.\r\n", 5));
            drop->out.len = 0; /* nothing was sent yet: taken back */
            pop_server_message_refused(&drop->server, POP_REFUSAL_MESSAGE_CHANGED, &drop->out);
            check_said(drop, "-ERR this message was changed");
        }
        drop->out.len = 0;
        check_answer(drop, "DELE 1", right ? "+OK" : "-ERR");
        check_answer(drop, "DELE 2", "+OK");
        drop_free(drop);
    }
}

static void
a_longer_message_is_noticed_while_it_is_sent(void **state)
{
    (void)state;
    static const char *const wanted[] = {"RETR 1\r\n", "TOP 1 5\r\n"};
    for (size_t i = 0; i < 2; i++) {
        struct drop *drop = drop_new_logged_in(1);
        assert_int_equal(give(drop, pop_view_of(wanted[i])), POP_SERVER_FETCH);
        pop_server_message_begin(&drop->server, &drop->out);
        for (int octet = 1; octet <= 11; octet++) {
            struct pop_view in = POP_VIEW("x");
            assert_int_equal(
                pop_server_message_text(&drop->server, &in, &drop->out),
                octet <= 10 ? POP_MESSAGE_MORE : POP_MESSAGE_BROKEN);
        }
        drop_free(drop);
    }
}

static void
a_message_that_was_wrong_can_be_begun_again(void **state)
{
    (void)state;
    struct drop *drop = drop_new_logged_in(1);
    assert_int_equal(give(drop, POP_VIEW("RETR 1\r\n")), POP_SERVER_FETCH);
    for (int right = 0; right < 2; right++) {
        drop->out.len = 0;
        pop_server_message_begin(&drop->server, &drop->out);
        struct pop_view file = right ? POP_VIEW(".2345678") : POP_VIEW("short");
        assert_int_equal(send_stored(drop, file, 3), right);
    }
    check_said(drop, "+OK 10 octets\r\n..2345678\r\n.\r\n");
    check_answer(drop, "DELE 1", "+OK");
    drop_free(drop);
}

static void
top_asks_for_its_lines(void **state)
{
    (void)state;
    static const struct {
        const char *command;
        uint64_t lines;
    } tops[] = {
        {"TOP 1 0\r\n", 0},
        {"TOP 1 007\r\n", 7},
        {"TOP 1 18446744073709551614\r\n", POP_LINES_ALL - 1},
        {"TOP 1 18446744073709551615\r\n", POP_LINES_ALL - 1},
        {"TOP 1 99999999999999999999999\r\n", POP_LINES_ALL - 1},
    };
    for (size_t i = 0; i < sizeof tops / sizeof *tops; i++) {
        struct drop *drop = drop_new_logged_in(1);
        assert_int_equal(give(drop, pop_view_of(tops[i].command)), POP_SERVER_FETCH);
        assert_true(drop->event.lines == tops[i].lines);
        drop_free(drop);
    }
    struct drop *drop = drop_new_logged_in(1);
    static const char *const refused[] = {"TOP",     "TOP 1",    "TOP 1 ",   "TOP 1 -1",
                                          "TOP 1 x", "TOP 1 1 ", "TOP  1 1", "TOP 2 1"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        check_answer(drop, refused[i], "-ERR");
    drop_free(drop);
}

/* ---- the end ---- */

static void
quit_answers_what_the_commit_did(void **state)
{
    (void)state;
    static const struct {
        uint32_t left;
        const char *answer;
    } ends[] = {
        {0, "+OK 2 messages deleted, goodbye\r\n"},
        {1, "-ERR some deleted messages not removed: 1\r\n"},
        {2, "-ERR some deleted messages not removed: 2\r\n"},
    };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct drop *drop = drop_new_logged_in(9);
        check_answer(drop, "DELE 1", "+OK");
        check_answer(drop, "DELE 9", "+OK");
        assert_int_equal(give(drop, POP_VIEW("QUIT\r\nNOOP\r\n")), POP_SERVER_COMMIT);
        check_said(drop, ""); /* first the deed, then the answer */
        assert_int_equal(pop_server_marks(&drop->server)[0], 1);
        assert_int_equal(pop_server_marks(&drop->server)[1], 1);
        pop_server_commit_done(&drop->server, ends[i].left, &drop->out);
        check_said(drop, ends[i].answer);
        assert_int_equal(give(drop, POP_VIEW("NOOP\r\n")), POP_SERVER_CLOSE);
        drop_free(drop);
    }
}

static void
quit_without_marks_removes_nothing(void **state)
{
    (void)state;
    struct drop *drop = drop_new_logged_in(9);
    check_answer(drop, "DELE 1", "+OK");
    check_answer(drop, "RSET", "+OK");
    assert_int_equal(give(drop, POP_VIEW("QUIT\r\n")), POP_SERVER_CLOSE);
    check_said(drop, "+OK goodbye\r\n");
    drop_free(drop);

    drop = drop_new(9);
    assert_int_equal(give(drop, POP_VIEW("QUIT\r\n")), POP_SERVER_CLOSE);
    check_said(drop, "+OK goodbye\r\n");
    drop_free(drop);

    drop = drop_new_logged_in(9);
    check_answer(drop, "DELE 1", "+OK");
    assert_int_equal(give(drop, POP_VIEW("QUIT")), POP_SERVER_MORE); /* not received yet */
    check_said(drop, "");
    drop_free(drop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_command_works_in_its_states_only),
        cmocka_unit_test(what_follows_quit_is_discarded),
        cmocka_unit_test(commands_behind_an_event_wait_for_its_answer),
        cmocka_unit_test(nothing_is_read_without_room_for_an_answer),
        cmocka_unit_test(login_wipes_the_password),
        cmocka_unit_test(a_password_keeps_its_blanks),
        cmocka_unit_test(pass_comes_right_after_an_accepted_user),
        cmocka_unit_test(a_user_is_asked_for_only_where_that_is_wanted),
        cmocka_unit_test(every_refusal_has_its_code_and_fits_a_line),
        cmocka_unit_test(marks_hold_one_bit_for_each_message),
        cmocka_unit_test(marked_messages_are_not_counted_listed_or_named),
        cmocka_unit_test(a_refused_message_cannot_be_deleted_not_even_after_rset),
        cmocka_unit_test(a_listing_in_pieces_is_the_listing_at_once),
        cmocka_unit_test(the_longest_listing_lines_fit),
        cmocka_unit_test(only_what_list_promised_gets_a_final_dot),
        cmocka_unit_test(a_longer_message_is_noticed_while_it_is_sent),
        cmocka_unit_test(a_message_that_was_wrong_can_be_begun_again),
        cmocka_unit_test(top_asks_for_its_lines),
        cmocka_unit_test(quit_answers_what_the_commit_did),
        cmocka_unit_test(quit_without_marks_removes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
