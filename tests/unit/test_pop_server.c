/* The server's session through its events: states, logins, marks, the end. What the lines say
 * is tested in tests/wire. */
#include "drop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

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
            if (drop_give(drop, (struct pop_view){line, (size_t)len}) != want)
                fail_msg("%s, logged in: %d", commands[i].line, logged_in);
            drop_check_said(drop, logged_in ? commands[i].after : commands[i].before);
            drop_free(drop);
        }
    }
}

static void
what_follows_quit_is_discarded(void **state)
{
    (void)state;
    struct drop *drop = drop_new_logged_in(2);
    assert_int_equal(drop_give(drop, POP_VIEW("QUIT\r\nDELE 1\r\nSTAT\r\n")), POP_SERVER_CLOSE);
    assert_int_equal(drop_give(drop, POP_VIEW("STAT\r\n")), POP_SERVER_CLOSE);
    drop_check_said(drop, "+OK goodbye\r\n");
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
    drop_check_said(drop, "+OK logged in, 2 messages (21 octets)\r\n+OK 2 21\r\n");
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
                drop_check_answer(drop, "USER ann", "+OK");
            struct pop_view start = apop ? POP_VIEW("APOP ann hunt") : POP_VIEW("PASS hunt");
            assert_int_equal(drop_give(drop, start), POP_SERVER_MORE);
            assert_int_equal(drop_give(drop, POP_VIEW("er22\r\n")), POP_SERVER_LOGIN);
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
    drop_check_answer(drop, "USER ann", "+OK");
    assert_int_equal(drop_give(drop, POP_VIEW("PASS  a  b \r\n")), POP_SERVER_LOGIN);
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
        drop_check_answer(drop, "USER ann", "+OK");
        drop_check_answer(drop, between[i], strcmp(between[i], "CAPA") == 0 ? "+OK" : "-ERR");
        drop_check_answer(drop, "PASS x", "-ERR");
        drop_free(drop);
    }
    struct drop *drop = drop_new(1);
    drop_check_answer(drop, "USER ann", "+OK");
    assert_int_equal(drop_give(drop, POP_VIEW("PASS x\r\n")), POP_SERVER_LOGIN);
    pop_server_login_refused(&drop->server, POP_REFUSAL_AUTH, &drop->out);
    drop_check_said(drop, "-ERR [AUTH]");
    drop_check_answer(drop, "PASS x", "-ERR");
    drop_check_answer(drop, "USER ann", "+OK");
    drop_free(drop);
}

static void
a_user_is_asked_for_only_where_that_is_wanted(void **state)
{
    (void)state;
    struct pop_server_config config = drop_config;
    config.check_user = true;
    struct drop *drop = drop_new(1);
    drop->server.config = &config;
    for (int known = 0; known < 2; known++) {
        assert_int_equal(drop_give(drop, POP_VIEW("USER ann\r\n")), POP_SERVER_CHECK_USER);
        assert_true(pop_view_equal(drop->event.user, POP_VIEW("ann")));
        pop_server_user_checked(&drop->server, known, &drop->out);
        drop_check_said(drop, known ? "+OK" : "-ERR");
        if (!known)
            drop_check_answer(drop, "PASS x", "-ERR");
    }
    assert_int_equal(drop_give(drop, POP_VIEW("PASS x\r\n")), POP_SERVER_LOGIN);
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
        pop_server_init(&drop->server, &drop_config);
        pop_server_greet_refused(&drop->server, (enum pop_refusal)refusal, &drop->out);
        assert_true(drop->out.len <= POP_REPLY_MAX);
        drop_check_said(drop, starts[refusal]);
        assert_int_equal(drop_give(drop, POP_VIEW("CAPA\r\n")), POP_SERVER_CLOSE);
        drop_check_said(drop, "");
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
            drop_check_answer(drop, line, "+OK");
        }
        (void)snprintf(line, sizeof line, "DELE %u", count + 1);
        drop_check_answer(drop, line, "-ERR");
        drop_check_answer(drop, "STAT", "+OK 0 0\r\n");
        const unsigned char *marks = pop_server_marks(&drop->server);
        for (uint32_t bit = 0; bit < pop_server_marks_size(count) * 8; bit++)
            assert_int_equal((marks[bit / 8] >> bit % 8) & 1, bit < count);

        drop_check_answer(drop, "RSET", "+OK");
        (void)snprintf(
            line, sizeof line, "+OK %u %llu\r\n", count,
            (unsigned long long)drop->maildrop.octets);
        drop_check_answer(drop, "STAT", line);
        for (size_t at = 0; at < pop_server_marks_size(count); at++)
            assert_int_equal(marks[at], 0);
        assert_int_equal(drop_give(drop, POP_VIEW("QUIT\r\n")), POP_SERVER_CLOSE);
        drop_free(drop);
    }
}

static void
marked_messages_are_not_counted_listed_or_named(void **state)
{
    (void)state;
    struct drop *drop = drop_new_logged_in(9);
    drop_check_answer(drop, "DELE 1", "+OK");
    drop_check_answer(drop, "DELE 8", "+OK");
    drop_check_answer(drop, "DELE 9", "+OK");
    drop_check_answer(drop, "STAT", "+OK 6 81\r\n");
    drop_check_answer(
        drop, "LIST",
        "+OK 6 messages (81 octets)\r\n2 11\r\n3 12\r\n4 13\r\n5 14\r\n6 15\r\n7 16\r\n.\r\n");
    static const char *const named[] = {"LIST 8", "UIDL 8", "RETR 8", "TOP 8 0", "DELE 8"};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        drop_check_answer(drop, named[i], "-ERR message 8 is deleted\r\n");
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
        assert_int_equal(drop_give(drop, pop_view_of(line)), POP_SERVER_FETCH);
        assert_int_equal(drop->event.index, counts[i] - 1);
        assert_true(drop->event.lines == POP_LINES_ALL);
        pop_server_message_refused(&drop->server, POP_REFUSAL_SYS_TEMP, &drop->out);
        drop_check_said(drop, "-ERR [SYS/TEMP]");
        (void)snprintf(line, sizeof line, "DELE %u", counts[i]);
        drop_check_answer(drop, line, "-ERR");
        drop_check_answer(drop, "RSET", "+OK");
        drop_check_answer(drop, line, "-ERR");
        if (counts[i] > 1)
            drop_check_answer(drop, "DELE 1", "+OK");
        for (uint32_t bit = 0; bit < counts[i]; bit++)
            assert_int_equal(
                (pop_server_marks(&drop->server)[bit / 8] >> bit % 8) & 1,
                counts[i] > 1 && bit == 0);
        drop_free(drop);
    }
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
        drop_check_answer(drop, "DELE 1", "+OK");
        drop_check_answer(drop, "DELE 9", "+OK");
        assert_int_equal(drop_give(drop, POP_VIEW("QUIT\r\nNOOP\r\n")), POP_SERVER_COMMIT);
        drop_check_said(drop, ""); /* first the deed, then the answer */
        assert_int_equal(pop_server_marks(&drop->server)[0], 1);
        assert_int_equal(pop_server_marks(&drop->server)[1], 1);
        pop_server_commit_done(&drop->server, ends[i].left, &drop->out);
        drop_check_said(drop, ends[i].answer);
        assert_int_equal(drop_give(drop, POP_VIEW("NOOP\r\n")), POP_SERVER_CLOSE);
        drop_free(drop);
    }
}

static void
quit_without_marks_removes_nothing(void **state)
{
    (void)state;
    struct drop *drop = drop_new_logged_in(9);
    drop_check_answer(drop, "DELE 1", "+OK");
    drop_check_answer(drop, "RSET", "+OK");
    assert_int_equal(drop_give(drop, POP_VIEW("QUIT\r\n")), POP_SERVER_CLOSE);
    drop_check_said(drop, "+OK goodbye\r\n");
    drop_free(drop);

    drop = drop_new(9);
    assert_int_equal(drop_give(drop, POP_VIEW("QUIT\r\n")), POP_SERVER_CLOSE);
    drop_check_said(drop, "+OK goodbye\r\n");
    drop_free(drop);

    drop = drop_new_logged_in(9);
    drop_check_answer(drop, "DELE 1", "+OK");
    assert_int_equal(drop_give(drop, POP_VIEW("QUIT")), POP_SERVER_MORE); /* not received yet */
    drop_check_said(drop, "");
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
        cmocka_unit_test(quit_answers_what_the_commit_did),
        cmocka_unit_test(quit_without_marks_removes_nothing),
    };
    return cmocka_run_group_tests_name("pop server", tests, NULL, NULL);
}
