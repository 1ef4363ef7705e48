/* The line reader, against a guard page and a slow model. */
#include "guard.h"
#include "words.h"

#include <pop/line.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { SAID_MAX = 256 };

/* What was read of an input, as text: "<line>" for a line, "!" for one that was too long. */
struct said {
    char text[SAID_MAX];
    size_t len;
};

static void
say(struct said *said, struct pop_view line)
{
    struct pop_buffer out = {said->text, said->len, sizeof said->text};
    pop_buffer_put(&out, POP_VIEW("<"));
    pop_buffer_put(&out, line);
    pop_buffer_put(&out, POP_VIEW(">"));
    said->len = out.len;
}

/* The model: whole lines of at most `cap` octets but the LF. */
static void
model(struct pop_view in, size_t cap, struct said *ret)
{
    *ret = (struct said){0};
    const char *lf;
    while (in.len > 0 && (lf = memchr(in.data, '\n', in.len)) != NULL) {
        struct pop_view line = {in.data, (size_t)(lf - in.data)};
        pop_view_skip(&in, line.len + 1);
        if (line.len > cap) {
            ret->text[ret->len++] = '!';
            continue;
        }
        if (line.len > 0 && line.data[line.len - 1] == '\r')
            line.len--;
        say(ret, line);
    }
}

static void
feed(struct guard *guard, struct pop_line *line, struct pop_view in, struct said *said)
{
    struct pop_view piece = guard_place(guard, in);
    struct pop_view whole;
    for (;;) {
        switch (pop_line_next(line, &piece, &whole)) {
        case POP_LINE_MORE:
            assert_int_equal(piece.len, 0);
            return;
        case POP_LINE_DONE:
            say(said, whole);
            break;
        case POP_LINE_LONG:
            said->text[said->len++] = '!';
            break;
        }
    }
}

/* One storage for what is read, one for the line; both end at their guard pages. */
struct guards {
    struct guard input;
    struct guard storage;
};

static void
check(struct guards *guards, struct pop_view in, size_t cap)
{
    struct said want;
    model(in, cap, &want);
    for (size_t cut = 0; cut <= in.len + 1; cut++) {
        struct pop_buffer storage = guard_room(&guards->storage, cap, 0);
        struct pop_line line = {.data = storage.data, .cap = cap};
        struct said got = {0};
        bool every = cut > in.len;
        if (!every) {
            feed(&guards->input, &line, (struct pop_view){in.data, cut}, &got);
            feed(&guards->input, &line, (struct pop_view){in.data + cut, in.len - cut}, &got);
        }
        for (size_t i = 0; every && i < in.len; i++)
            feed(&guards->input, &line, (struct pop_view){in.data + i, 1}, &got);
        if (got.len != want.len || memcmp(got.text, want.text, got.len) != 0)
            fail_msg(
                "'%.*s' cut at %zu, at most %zu: '%.*s', wanted '%.*s'", (int)in.len, in.data,
                cut, cap, (int)got.len, got.text, (int)want.len, want.text);
    }
}

static void
all_short_inputs_are_read_as_the_model_does(void **state)
{
    for (size_t cap = 1; cap <= 4; cap++) {
        struct word word = {0};
        while (word_next(&word, POP_VIEW("a\r\n"), 8))
            check(*state, (struct pop_view){word.data, word.len}, cap);
    }
}

static void
lf_and_crlf_end_a_line_and_a_lone_cr_or_nul_does_not(void **state)
{
    struct guards *guards = *state;
    struct pop_view in = POP_VIEW("a\nb\r\nc\rd\r\r\n\0e\0\n\n\r\n");
    check(guards, in, 16);
    struct said want;
    model(in, 16, &want);
    struct pop_view said = POP_VIEW("<a><b><c\rd\r><\0e\0><><>");
    assert_int_equal(want.len, said.len);
    assert_memory_equal(want.text, said.data, said.len);
}

static void
a_long_line_is_dropped_whole_and_the_next_is_read(void **state)
{
    struct guards *guards = *state;
    struct pop_view in = POP_VIEW("12345\r\n1234\r\n123456789\r\n12345\nlast\n");
    check(guards, in, 5);
    struct said want;
    model(in, 5, &want);
    struct pop_view said = POP_VIEW("!<1234>!<12345><last>");
    assert_int_equal(want.len, said.len);
    assert_memory_equal(want.text, said.data, said.len);
}

static int
set_up(void **state)
{
    static struct guards guards;
    guard_init(&guards.input, SAID_MAX);
    guard_init(&guards.storage, SAID_MAX);
    *state = &guards;
    return 0;
}

static int
tear_down(void **state)
{
    struct guards *guards = *state;
    guard_finish(&guards->input);
    guard_finish(&guards->storage);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_short_inputs_are_read_as_the_model_does),
        cmocka_unit_test(lf_and_crlf_end_a_line_and_a_lone_cr_or_nul_does_not),
        cmocka_unit_test(a_long_line_is_dropped_whole_and_the_next_is_read),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
