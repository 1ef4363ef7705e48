/* Numbers from outside, errors, the log's escaping, secrets. */
#include "base/err.h"
#include "base/log.h"
#include "base/number.h"
#include "base/secret.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- numbers ---- */

static void
a_number_is_the_whole_field_in_digits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool fits32;
        bool fits64;
        uint64_t value;
    } cases[] = {
        {"0", true, true, 0},
        {"00000000000000000000000000007", true, true, 7},
        {"4294967295", true, true, UINT32_MAX},
        {"4294967296", false, true, 4294967296},
        {"18446744073709551615", false, true, UINT64_MAX},
        {"18446744073709551616", false, false, 0},
        {"18446744073709551620", false, false, 0},
        {"99999999999999999999", false, false, 0},
        {"100000000000000000000000000000", false, false, 0},
        {"", false, false, 0},
        {"-1", false, false, 0},
        {"+1", false, false, 0},
        {" 1", false, false, 0},
        {"1 ", false, false, 0},
        {"1\n", false, false, 0},
        {"0x1", false, false, 0},
        {"1e3", false, false, 0},
        {"1.0", false, false, 0},
        {"1/", false, false, 0}, /* the octets beside the digits */
        {"1:", false, false, 0},
        {"\xb1", false, false, 0}, /* '1' with its high bit */
        {"\xd9\xa1", false, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pop_view field = pop_view_of(cases[i].text);
        uint32_t value32 = 99;
        uint64_t value64 = 99;
        if (parse_u32(field, &value32) != cases[i].fits32 ||
            parse_u64(field, &value64) != cases[i].fits64)
            fail_msg("'%s'", cases[i].text);
        assert_int_equal(value32, cases[i].fits32 ? (uint32_t)cases[i].value : 99);
        assert_int_equal(value64, cases[i].fits64 ? cases[i].value : 99);
    }
    uint64_t value;
    assert_false(parse_u64((struct pop_view){"1\0", 2}, &value));
    assert_false(parse_u64((struct pop_view){NULL, 0}, &value));
}

static void
a_hexadecimal_digit_has_a_value_and_nothing_else_has(void **state)
{
    static const char digits[] = "0123456789abcdef";
    (void)state;
    for (int c = 0; c < 256; c++) {
        char lower = (char)(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
        const char *at = memchr(digits, lower, sizeof digits - 1);
        assert_int_equal(hex_value((char)c), at != NULL ? (int)(at - digits) : -1);
    }
}

static void
a_number_that_was_written_is_read_back(void **state)
{
    (void)state;
    for (uint64_t power = 1; power != 0; power = power > UINT64_MAX / 10 ? 0 : power * 10)
        for (uint64_t value = power - 1; value <= power + 1; value++) {
            char digits[NUMBER_DIGITS_MAX + 1];
            char wanted[32];
            uint64_t back = 0;
            digits[NUMBER_DIGITS_MAX] = '#';
            size_t len = format_u64(digits, value);
            (void)snprintf(wanted, sizeof wanted, "%llu", (unsigned long long)value);
            assert_int_equal(len, strlen(wanted));
            assert_memory_equal(digits, wanted, len);
            assert_true(parse_u64((struct pop_view){digits, len}, &back));
            assert_int_equal(back, value);
        }
    char digits[NUMBER_DIGITS_MAX];
    assert_int_equal(format_u64(digits, UINT64_MAX), NUMBER_DIGITS_MAX);
    assert_memory_equal(digits, "18446744073709551615", NUMBER_DIGITS_MAX);
}

/* ---- errors ---- */

static void
an_error_keeps_its_reason_and_errno(void **state)
{
    (void)state;
    struct err err;
    errno = ENOENT;
    assert_int_equal(err_set(&err, ERR_SYSTEM, "file '%s'", "x"), ERR_SYSTEM);
    assert_int_equal(err.code, ERR_SYSTEM);
    assert_int_equal(err.number, ENOENT);
    assert_string_equal(err.text, "file 'x': No such file or directory");
    assert_int_equal(errno, ENOENT);
    assert_int_equal(err_set(&err, ERR_INVALID, "%d", 7), ERR_INVALID);
    assert_int_equal(err.number, 0);
    assert_string_equal(err.text, "7");
    assert_int_equal(err_prefix(&err, "line %d", 3), ERR_INVALID);
    assert_string_equal(err.text, "line 3: 7");
    assert_int_equal(err_set(NULL, ERR_BUSY, "nobody asks"), ERR_BUSY);
    assert_int_equal(errno, ENOENT);
}

/* Every length of a text and of a prefix around the bound: cut, never beyond it. */
static void
long_errors_are_cut_at_their_bound(void **state)
{
    (void)state;
    struct {
        struct err err;
        char after[16];
    } box;
    for (int text = ERR_TEXT_MAX - 40; text <= ERR_TEXT_MAX + 40; text++)
        for (int prefix = 0; prefix <= ERR_TEXT_MAX + 8; prefix += prefix < 240 ? 60 : 1) {
            memset(&box, '#', sizeof box);
            errno = EIO;
            (void)err_set(&box.err, ERR_SYSTEM, "%0*d", text, 0);
            size_t len = strlen(box.err.text);
            assert_in_range(len, 0, ERR_TEXT_MAX - 1);
            (void)err_prefix(&box.err, "%0*d", prefix, 0);
            assert_in_range(strlen(box.err.text), len, ERR_TEXT_MAX - 1);
            assert_memory_equal(box.after, "################", sizeof box.after);
        }
}

static void
only_faults_that_stay_are_permanent(void **state)
{
    (void)state;
    static const struct {
        enum err_code code;
        int number;
        bool permanent;
    } cases[] = {
        {ERR_SYSTEM, EACCES, true},  {ERR_SYSTEM, EPERM, true},   {ERR_SYSTEM, ENOENT, true},
        {ERR_SYSTEM, ENOTDIR, true}, {ERR_SYSTEM, EROFS, true},   {ERR_SYSTEM, EIO, false},
        {ERR_SYSTEM, ENOSPC, false}, {ERR_SYSTEM, EDQUOT, false}, {ERR_SYSTEM, EMFILE, false},
        {ERR_SYSTEM, EAGAIN, false}, {ERR_SYSTEM, 0, false},      {ERR_NOMEM, ENOENT, false},
        {ERR_BUSY, EACCES, false},   {ERR_LIMIT, EPERM, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {.code = cases[i].code, .number = cases[i].number};
        assert_int_equal(err_is_permanent(&err), cases[i].permanent);
    }
}

/* ---- the log ---- */

/* What log_line() writes to standard error; the caller's to free. */
static char *
logged(enum log_level level, const char *text)
{
    int file = memfd_create("log", MFD_CLOEXEC);
    int was = dup(STDERR_FILENO);
    char *line = calloc(1, 4096);
    assert_non_null(line);
    assert_true(file >= 0 && was >= 0);
    assert_int_equal(dup2(file, STDERR_FILENO), STDERR_FILENO);
    log_line(level, "%s", text);
    assert_int_equal(dup2(was, STDERR_FILENO), STDERR_FILENO);
    ssize_t len = pread(file, line, 4095, 0);
    (void)close(file);
    (void)close(was);
    assert_true(len > 0);
    assert_int_equal(strlen(line), len);
    return line;
}

static void
nothing_from_outside_forges_a_line_or_steers_a_terminal(void **state)
{
    (void)state;
    for (int octet = 1; octet < 256; octet++) {
        char text[] = {'<', (char)octet, '>', '\0'};
        char wanted[128];
        bool prints = octet >= 0x20 && octet < 0x7F;
        (void)snprintf(
            wanted, sizeof wanted, prints ? "tester[%d]: <%c>\n" : "tester[%d]: <\\x%02x>\n",
            (int)getpid(), octet);
        char *line = logged(LOG_LEVEL_INFO, text);
        assert_string_equal(line, wanted);
        free(line);
    }
}

static void
a_line_has_its_level_its_end_and_its_bound(void **state)
{
    (void)state;
    char start[64];
    (void)snprintf(start, sizeof start, "tester[%d]: warning: ", (int)getpid());
    for (int len = 900; len < 1300; len++) {
        char text[1301];
        for (int octet = 'x'; octet != '\n'; octet = octet == 'x' ? 0xFF : '\n') {
            memset(text, octet, (size_t)len);
            text[len] = '\0';
            char *line = logged(LOG_LEVEL_WARNING, text);
            size_t size = strlen(line);
            assert_memory_equal(line, start, strlen(start));
            assert_in_range(size, 900, LOG_LINE_MAX + 128);
            assert_ptr_equal(strchr(line, '\n'), line + size - 1);
            free(line);
        }
    }
    char *line = logged(LOG_LEVEL_ERROR, "");
    assert_non_null(strstr(line, "]: error: \n"));
    free(line);
}

/* "Longest line; more is cut with '...'." */
static void
a_line_that_was_cut_says_so(void **state)
{
    (void)state;
    static const int lens[] = {LOG_LINE_MAX, LOG_LINE_MAX + 1, 4 * LOG_LINE_MAX};
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        char text[4 * LOG_LINE_MAX + 1];
        memset(text, 'x', (size_t)lens[i]);
        text[lens[i]] = '\0';
        char *line = logged(LOG_LEVEL_INFO, text);
        size_t len = strlen(line);
        assert_string_equal(line + len - 4, "...\n");
        free(line);
    }
}

/* ---- secrets ---- */

static void
a_secret_is_taken_whole_or_not_at_all(void **state)
{
    (void)state;
    static const struct secret zero;
    char octets[PASSWORD_MAX + 1];
    struct secret secret;
    memset(octets, 'x', sizeof octets);
    for (size_t len = 0; len <= PASSWORD_MAX; len++) {
        memset(&secret, '#', sizeof secret);
        assert_true(secret_set(&secret, (struct pop_view){octets, len}));
        assert_int_equal(secret.len, len);
        assert_int_equal(strlen(secret.data), len); /* for crypt(3) */
    }
    secret_finish(&secret);
    assert_memory_equal(&secret, &zero, sizeof zero);

    memset(&secret, '#', sizeof secret);
    assert_false(secret_set(&secret, (struct pop_view){octets, PASSWORD_MAX + 1}));
    assert_memory_equal(&secret, &zero, sizeof zero);
    memset(&secret, '#', sizeof secret);
    assert_false(secret_set(&secret, (struct pop_view){"ab\0c", 4}));
    assert_memory_equal(&secret, &zero, sizeof zero);
}

static void
secrets_differ_if_one_bit_does(void **state)
{
    (void)state;
    char a[40];
    char b[40];
    memset(a, 'x', sizeof a);
    memcpy(b, a, sizeof b);
    for (size_t len = 0; len <= sizeof a; len++) {
        assert_true(secret_equal((struct pop_view){a, len}, (struct pop_view){b, len}));
        for (size_t bit = 0; bit < 8 * len; bit++) {
            b[bit / 8] ^= (char)(1u << bit % 8);
            assert_false(secret_equal((struct pop_view){a, len}, (struct pop_view){b, len}));
            b[bit / 8] ^= (char)(1u << bit % 8);
        }
        if (len > 0)
            assert_false(
                secret_equal((struct pop_view){a, len}, (struct pop_view){b, len - 1}));
    }
}

int
main(void)
{
    log_open("tester");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_the_whole_field_in_digits),
        cmocka_unit_test(a_hexadecimal_digit_has_a_value_and_nothing_else_has),
        cmocka_unit_test(a_number_that_was_written_is_read_back),
        cmocka_unit_test(an_error_keeps_its_reason_and_errno),
        cmocka_unit_test(long_errors_are_cut_at_their_bound),
        cmocka_unit_test(only_faults_that_stay_are_permanent),
        cmocka_unit_test(nothing_from_outside_forges_a_line_or_steers_a_terminal),
        cmocka_unit_test(a_line_has_its_level_its_end_and_its_bound),
        cmocka_unit_test(a_line_that_was_cut_says_so),
        cmocka_unit_test(a_secret_is_taken_whole_or_not_at_all),
        cmocka_unit_test(secrets_differ_if_one_bit_does),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
