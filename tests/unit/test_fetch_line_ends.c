/* CRLF becomes LF, nothing else changes (R5322-5), however the octets are cut. */
#include "fetch/line_ends.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* Converts `in` in pieces of `in_step` octets into pieces of `out_step`; compares. */
static void
check_cut(struct pop_view in, struct pop_view expected, size_t in_step, size_t out_step)
{
    struct line_ends ends = {0};
    char converted[256];
    size_t len = 0;
    while (in.len > 0) {
        struct pop_view piece = {in.data, in.len < in_step ? in.len : in_step};
        pop_view_skip(&in, piece.len);
        while (piece.len > 0) {
            struct pop_buffer out = {converted + len, 0, out_step};
            line_ends_next(&ends, &piece, &out);
            assert_true(out.len <= out_step);
            len += out.len;
        }
    }
    struct pop_buffer out = {converted + len, 0, 1};
    line_ends_finish(&ends, &out);
    len += out.len;
    assert_int_equal(len, expected.len);
    assert_memory_equal(converted, expected.data, len);
}

/* At every place, in and out. */
static void
check(struct pop_view in, struct pop_view expected)
{
    for (size_t in_step = 1; in_step <= in.len; in_step++)
        for (size_t out_step = 1; out_step <= in.len; out_step++)
            check_cut(in, expected, in_step, out_step);
}

static void
crlf_becomes_lf(void **state)
{
    (void)state;
    check(POP_VIEW("a\r\nb\r\n\r\n"), POP_VIEW("a\nb\n\n"));
}

static void
lone_cr_and_lone_lf_stay(void **state)
{
    (void)state;
    check(POP_VIEW("a\rb\nc\n\rd"), POP_VIEW("a\rb\nc\n\rd"));
}

static void
of_several_cr_only_the_last_belongs_to_the_line_end(void **state)
{
    (void)state;
    check(POP_VIEW("a\r\r\r\nb\r\r\n"), POP_VIEW("a\r\r\nb\r\n"));
}

static void
cr_at_the_end_of_the_message_stays(void **state)
{
    (void)state;
    check(POP_VIEW("a\r"), POP_VIEW("a\r"));
    check(POP_VIEW("\r\r"), POP_VIEW("\r\r"));
}

static void
nul_and_8_bit_stay(void **state)
{
    (void)state;
    check(POP_VIEW("\0\xff\r\0\r\n\x80\0"), POP_VIEW("\0\xff\r\0\n\x80\0"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crlf_becomes_lf),
        cmocka_unit_test(lone_cr_and_lone_lf_stay),
        cmocka_unit_test(of_several_cr_only_the_last_belongs_to_the_line_end),
        cmocka_unit_test(cr_at_the_end_of_the_message_stays),
        cmocka_unit_test(nul_and_8_bit_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
