/* What a server's lines mean; each line lies against a guard page. */
#include "guard.h"

#include <pop/limits.h>
#include <pop/reply.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define IN(literal)                                                                            \
    {                                                                                          \
        literal, sizeof(literal) - 1                                                           \
    }
#define NONE                                                                                   \
    {                                                                                          \
        NULL, 0                                                                                \
    }

static const struct {
    struct pop_view line;
    int status; /* 1: +OK, 0: -ERR, -1: neither */
    struct pop_view code;
    struct pop_view text;
} statuses[] = {
    {IN("+OK"), 1, NONE, NONE},
    {IN("-ERR"), 0, NONE, NONE},
    {IN("+OK "), 1, NONE, NONE},
    {IN("+OK 2 320"), 1, NONE, IN("2 320")},
    {IN("+OK  two blanks"), 1, NONE, IN(" two blanks")},
    {IN("-ERR [IN-USE] busy"), 0, IN("IN-USE"), IN("busy")},
    {IN("-ERR [SYS/TEMP]busy"), 0, IN("SYS/TEMP"), IN("busy")},
    {IN("-ERR [AUTH]"), 0, IN("AUTH"), NONE},
    {IN("+OK [X] [Y] z"), 1, IN("X"), IN("[Y] z")},
    {IN("-ERR []"), 0, NONE, NONE},
    {IN("-ERR [AUTH"), 0, NONE, IN("[AUTH")},
    {IN("-ERR text [AUTH] text"), 0, NONE, IN("text [AUTH] text")},
    {IN("-ERR text\0[AUTH]"), 0, NONE, IN("text\0[AUTH]")},
    {IN(""), -1, NONE, NONE},
    {IN("+"), -1, NONE, NONE},
    {IN("+ ok"), -1, NONE, NONE},
    {IN("+O"), -1, NONE, NONE},
    {IN("-ER"), -1, NONE, NONE},
    {IN("+OKAY"), -1, NONE, NONE},
    {IN("+OK\tx"), -1, NONE, NONE},
    {IN("-ERR\0"), -1, NONE, NONE},
    {IN("+ok"), -1, NONE, NONE},
    {IN(" +OK"), -1, NONE, NONE},
    {IN("OK"), -1, NONE, NONE},
};

static void
status_lines_are_read(void **state)
{
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct pop_status status = {.code = {"untouched", 9}};
        bool read = pop_status_parse(guard_place(*state, statuses[i].line), &status);
        bool right = read == (statuses[i].status >= 0);
        if (read)
            right = right && status.ok == (statuses[i].status == 1) &&
                    pop_view_equal(status.code, statuses[i].code) &&
                    pop_view_equal(status.text, statuses[i].text);
        else
            right = right && pop_view_equal(status.code, POP_VIEW("untouched"));
        if (!right)
            fail_msg("'%.*s'", (int)statuses[i].line.len, statuses[i].line.data);
    }
}

static void
brackets_that_close_too_late_are_text(void **state)
{
    for (size_t len = POP_CODE_MAX - 1; len <= POP_CODE_MAX + 1; len++) {
        char line[POP_CODE_MAX + 16] = "-ERR [";
        memset(line + 6, 'X', len);
        line[6 + len] = ']';
        struct pop_status status;
        struct pop_view placed = guard_place(*state, (struct pop_view){line, 6 + len + 1});
        assert_true(pop_status_parse(placed, &status));
        assert_int_equal(status.code.len, len <= POP_CODE_MAX ? len : 0);
        assert_int_equal(status.text.len, len <= POP_CODE_MAX ? 0 : len + 2);
    }
}

static void
codes_are_compared_by_level_and_without_case(void **state)
{
    static const struct {
        struct pop_view code;
        const char *name;
        bool is;
    } codes[] = {
        {IN("SYS/TEMP"), "SYS", true},
        {IN("SYS/TEMP"), "SYS/TEMP", true},
        {IN("sys/Temp/more"), "SYS/TEMP", true},
        {IN("SYS"), "SYS", true},
        {IN("SYS"), "SYS/TEMP", false},
        {IN("SYSTEM"), "SYS", false},
        {IN("SYS/TEMPORARY"), "SYS/TEMP", false},
        {IN(""), "SYS", false},
        {IN("X/SYS"), "SYS", false},
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (pop_code_is(guard_place(*state, codes[i].code), codes[i].name) != codes[i].is)
            fail_msg("'%s' and '%s'", codes[i].code.data, codes[i].name);
}

static void
pairs_are_two_numbers_whatever_follows(void **state)
{
    static const struct {
        struct pop_view text;
        bool good;
        uint64_t first;
        uint64_t second;
    } pairs[] = {
        {IN("2 320"), true, 2, 320},
        {IN("0 0"), true, 0, 0},
        {IN("2  320 and (more)"), true, 2, 320},
        {IN("007 1"), true, 7, 1},
        {IN("18446744073709551615 1"), true, UINT64_MAX, 1},
        {IN("18446744073709551616 1"), false, 0, 0},
        {IN("1 99999999999999999999"), false, 0, 0},
        {IN(""), false, 0, 0},
        {IN("2"), false, 0, 0},
        {IN("2 "), false, 0, 0},
        {IN(" 2 3"), true, 2, 3}, /* R1939-10 */
        {IN("2 3octets"), false, 0, 0},
        {IN("2 -3"), false, 0, 0},
        {IN("+2 3"), false, 0, 0},
        {IN("2\t3"), false, 0, 0},
        {IN("2 3\0"), false, 0, 0},
        {IN("0x2 3"), false, 0, 0},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        uint64_t first = 77;
        uint64_t second = 77;
        bool good = pop_pair_parse(guard_place(*state, pairs[i].text), &first, &second);
        uint64_t want_first = pairs[i].good ? pairs[i].first : 77;
        uint64_t want_second = pairs[i].good ? pairs[i].second : 77;
        if (good != pairs[i].good || first != want_first || second != want_second)
            fail_msg("'%s'", pairs[i].text.data);
    }
}

static void
unique_ids_are_taken_octet_by_octet(void **state)
{
    static const struct {
        struct pop_view text;
        uint64_t number; /* 0: refused */
        struct pop_view uid;
    } lines[] = {
        {IN("3 a"), 3, IN("a")},
        {IN("3   !~[x]  "), 3, IN("!~[x]")},
        {IN("4294967296 \xc3\xbc"), 4294967296, IN("\xc3\xbc")},
        {IN("3 a  b "), 3, IN("a  b")},
        {IN("3"), 0, NONE},
        {IN("3 "), 0, NONE},
        {IN("3    "), 0, NONE},
        {IN("x a"), 0, NONE},
        {IN(" 3 a"), 3, IN("a")}, /* R1939-10 */
        {IN("3 a\tb"), 0, NONE},
        {IN("3 a\0"), 0, NONE},
        {IN("3 a\x7f"), 0, NONE},
        {IN("3 a\r"), 0, NONE},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        uint64_t number = 0;
        struct pop_view uid = NONE;
        bool good = pop_uidl_parse(guard_place(*state, lines[i].text), &number, &uid);
        if (good != (lines[i].number > 0) || number != lines[i].number ||
            !pop_view_equal(uid, lines[i].uid))
            fail_msg("'%s'", lines[i].text.data);
    }
}

static void
a_unique_id_longer_than_the_bound_is_refused(void **state)
{
    char line[POP_CLIENT_UID_MAX + 8] = "1 ";
    memset(line + 2, 'u', sizeof line - 2);
    uint64_t number;
    struct pop_view uid;
    struct pop_view text = {line, 2 + POP_CLIENT_UID_MAX};
    assert_true(pop_uidl_parse(guard_place(*state, text), &number, &uid));
    assert_int_equal(uid.len, POP_CLIENT_UID_MAX);
    text.len++;
    assert_false(pop_uidl_parse(guard_place(*state, text), &number, &uid));
}

/* R1939-36: only what is a msg-id of printable ASCII may be hashed. */
static void
only_a_safe_timestamp_is_found(void **state)
{
    static const struct {
        struct pop_view greeting;
        struct pop_view timestamp;
    } greetings[] = {
        {IN("+OK POP3 <1896.697170952@dbc.example> ready"), IN("<1896.697170952@dbc.example>")},
        {IN("+OK <a@b>"), IN("<a@b>")},
        {IN("<a@b>"), IN("<a@b>")},
        {IN("+OK ready"), NONE},
        {IN(""), NONE},
        {IN("+OK <a@b"), NONE},
        {IN("+OK a@b>"), NONE},
        {IN("+OK > <a@b>"), IN("<a@b>")},
        {IN("+OK <>"), NONE},
        {IN("+OK <@>"), NONE},
        {IN("+OK <ab>"), NONE},
        {IN("+OK <@b>"), NONE},
        {IN("+OK <a@>"), NONE},
        {IN("+OK <a@b@c>"), NONE},
        {IN("+OK <a@b c>"), NONE},
        {IN("+OK <<a@b>"), NONE},
        {IN("+OK <a\0@b>"), NONE},
        {IN("+OK <a@b\x7f>"), NONE},
        {IN("+OK <a@b\x80>"), NONE},
        {IN("+OK <a@\xffz>"), NONE},
        {IN("+OK <a@b\t>"), NONE},
    };
    for (size_t i = 0; i < sizeof greetings / sizeof *greetings; i++) {
        struct pop_view found =
            pop_greeting_timestamp(guard_place(*state, greetings[i].greeting));
        if (!pop_view_equal(found, greetings[i].timestamp))
            fail_msg("'%s'", greetings[i].greeting.data);
    }
}

static void
capabilities_are_known_by_their_first_word(void **state)
{
    static const struct pop_view lines[] = {
        IN("TOP"),
        IN("uidl"),
        IN("USER extra"),
        IN("SASL PLAIN STLS"),
        IN("PIPELININGX"),
        IN("RESP-CODE"),
        IN("AUTH-RESP-CODE"),
        IN("LOGIN-DELAY 900 USER"),
        IN(" STLS"),
        IN(""),
        IN("IMPLEMENTATION STLS"),
    };
    struct pop_capabilities got = {0};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        pop_capabilities_add(&got, guard_place(*state, lines[i]));
    struct pop_capabilities want = {
        .top = true,
        .uidl = true,
        .user = true,
        .auth_resp_code = true,
        .sasl = true,
        .login_delay = true,
        .login_delay_seconds = 900,
    };
    assert_memory_equal(&got, &want, sizeof got);

    static const struct pop_view others[] = {
        IN("Pipelining"), IN("RESP-CODES"), IN("STLS"), IN("LOGIN-DELAY -1")};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        pop_capabilities_add(&got, guard_place(*state, others[i]));
    want.pipelining = want.resp_codes = want.stls = true;
    assert_memory_equal(&got, &want, sizeof got);
}

static int
set_up(void **state)
{
    static struct guard guard;
    guard_init(&guard, 4096);
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
        cmocka_unit_test(status_lines_are_read),
        cmocka_unit_test(brackets_that_close_too_late_are_text),
        cmocka_unit_test(codes_are_compared_by_level_and_without_case),
        cmocka_unit_test(pairs_are_two_numbers_whatever_follows),
        cmocka_unit_test(unique_ids_are_taken_octet_by_octet),
        cmocka_unit_test(a_unique_id_longer_than_the_bound_is_refused),
        cmocka_unit_test(only_a_safe_timestamp_is_found),
        cmocka_unit_test(capabilities_are_known_by_their_first_word),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
