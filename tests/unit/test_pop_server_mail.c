/* What the server's session says of mail: listings in pieces, messages of a wrong size. */
#include "drop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

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
        drop_check_answer(drop, "DELE 150", "+OK");
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
    drop_check_answer(drop, "USER ann", "+OK");
    assert_int_equal(drop_give(drop, POP_VIEW("PASS secret\r\n")), POP_SERVER_LOGIN);
    pop_server_login_accepted(&drop->server, &drop->maildrop, drop->marks, &drop->out);
    drop_check_said(drop, "+OK");
    drop_check_answer(
        drop, "LIST",
        "+OK 1 message (18446744073709551615 octets)\r\n1 18446744073709551615\r\n.\r\n");
    drop_check_answer(drop, "UIDL", "+OK 1 message (18446744073709551615 octets)\r\n1 ~~~~");
    drop_check_answer(drop, "UIDL 1", "+OK 1 ~~~~");
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
        assert_int_equal(drop_give(drop, pop_view_of(line)), POP_SERVER_FETCH);
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
            drop_check_said(drop, "-ERR this message was changed");
        }
        drop->out.len = 0;
        drop_check_answer(drop, "DELE 1", right ? "+OK" : "-ERR");
        drop_check_answer(drop, "DELE 2", "+OK");
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
        assert_int_equal(drop_give(drop, pop_view_of(wanted[i])), POP_SERVER_FETCH);
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
    assert_int_equal(drop_give(drop, POP_VIEW("RETR 1\r\n")), POP_SERVER_FETCH);
    for (int right = 0; right < 2; right++) {
        drop->out.len = 0;
        pop_server_message_begin(&drop->server, &drop->out);
        struct pop_view file = right ? POP_VIEW(".2345678") : POP_VIEW("short");
        assert_int_equal(send_stored(drop, file, 3), right);
    }
    drop_check_said(drop, "+OK 10 octets\r\n..2345678\r\n.\r\n");
    drop_check_answer(drop, "DELE 1", "+OK");
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
        assert_int_equal(drop_give(drop, pop_view_of(tops[i].command)), POP_SERVER_FETCH);
        assert_true(drop->event.lines == tops[i].lines);
        drop_free(drop);
    }
    struct drop *drop = drop_new_logged_in(1);
    static const char *const refused[] = {"TOP",     "TOP 1",    "TOP 1 ",   "TOP 1 -1",
                                          "TOP 1 x", "TOP 1 1 ", "TOP  1 1", "TOP 2 1"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        drop_check_answer(drop, refused[i], "-ERR");
    drop_free(drop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listing_in_pieces_is_the_listing_at_once),
        cmocka_unit_test(the_longest_listing_lines_fit),
        cmocka_unit_test(only_what_list_promised_gets_a_final_dot),
        cmocka_unit_test(a_longer_message_is_noticed_while_it_is_sent),
        cmocka_unit_test(a_message_that_was_wrong_can_be_begun_again),
        cmocka_unit_test(top_asks_for_its_lines),
    };
    return cmocka_run_group_tests_name("pop server mail", tests, NULL, NULL);
}
