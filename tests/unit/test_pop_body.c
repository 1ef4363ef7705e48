/* Decoding of multi-line bodies, against a guard page and a slow model. */
#include "guard.h"
#include "words.h"

#include <pop/body.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TEXT_MAX = 4096 };

/* What a decoder says of a whole input. */
struct decoded {
    char text[TEXT_MAX];
    size_t len;
    bool ended;
    size_t used; /* octets up to and with the terminating line; all of them without one */
};

static void
decoded_add(struct decoded *decoded, const char *data, size_t len)
{
    assert_true(len <= sizeof decoded->text - decoded->len);
    if (len > 0)
        memcpy(decoded->text + decoded->len, data, len);
    decoded->len += len;
}

/* The model: line by line, each seen whole. */
static void
model(struct pop_view in, struct decoded *ret)
{
    *ret = (struct decoded){0};
    struct pop_view rest = in;
    while (rest.len > 0 && !ret->ended) {
        const char *end = memmem(rest.data, rest.len, "\r\n", 2);
        struct pop_view line = {rest.data, end ? (size_t)(end - rest.data) : rest.len};
        pop_view_skip(&rest, line.len + (end ? 2 : 0));
        if (end != NULL && pop_view_equal(line, POP_VIEW("."))) {
            ret->ended = true;
            break;
        }
        if (end == NULL && pop_view_equal(line, POP_VIEW(".\r")))
            line.len = 0; /* it may still be the end */
        size_t stuffed = line.len > 0 && line.data[0] == '.';
        decoded_add(ret, line.data + stuffed, line.len - stuffed);
        decoded_add(ret, "\r\n", end ? 2 : 0);
    }
    ret->used = in.len - rest.len;
}

/* Feeds in[0..first), in[first..second) and the rest; each overwrites the one before. */
static void
decode(
    struct guard *guard, struct pop_view in, size_t first, size_t second, struct decoded *ret)
{
    size_t cuts[] = {0, first, second, in.len};
    struct pop_body body = {0};
    *ret = (struct decoded){0};
    for (size_t i = 0; i < 3 && !ret->ended; i++) {
        struct pop_view piece =
            guard_place(guard, (struct pop_view){in.data + cuts[i], cuts[i + 1] - cuts[i]});
        struct pop_view text;
        enum pop_step step;
        while ((step = pop_body_next(&body, &piece, &text)) == POP_STEP_TEXT)
            decoded_add(ret, text.data, text.len);
        ret->ended = step == POP_STEP_END;
        if (!ret->ended)
            assert_int_equal(piece.len, 0);
        ret->used = cuts[i + 1] - piece.len;
    }
}

static void
decode_octet_by_octet(struct guard *guard, struct pop_view in, struct decoded *ret)
{
    struct pop_body body = {0};
    *ret = (struct decoded){0};
    for (size_t i = 0; i < in.len && !ret->ended; i++) {
        struct pop_view piece = guard_place(guard, (struct pop_view){in.data + i, 1});
        struct pop_view text;
        enum pop_step step;
        while ((step = pop_body_next(&body, &piece, &text)) == POP_STEP_TEXT)
            decoded_add(ret, text.data, text.len);
        ret->ended = step == POP_STEP_END;
        assert_int_equal(piece.len, 0);
        ret->used = i + 1;
    }
}

static bool
same(const struct decoded *a, const struct decoded *b)
{
    return a->len == b->len && memcmp(a->text, b->text, a->len) == 0 && a->ended == b->ended &&
           a->used == b->used;
}

/* The input in one, two and three pieces at all places, and octet by octet. */
static bool
always(struct guard *guard, struct pop_view in, const struct decoded *want)
{
    struct decoded got;
    decode_octet_by_octet(guard, in, &got);
    if (!same(&got, want))
        return false;
    for (size_t first = 0; first <= in.len; first++) {
        for (size_t second = first; second <= in.len; second++) {
            decode(guard, in, first, second, &got);
            if (!same(&got, want))
                return false;
        }
    }
    return true;
}

static const struct {
    const char *what;
    struct pop_view in;
    struct pop_view text;
    size_t left; /* octets that follow the end */
} bodies[] = {
#define IN(literal)                                                                            \
    {                                                                                          \
        literal, sizeof(literal) - 1                                                           \
    }
    {"the end at once", IN(".\r\n"), IN(""), 0},
    {"what follows the end stays", IN("a\r\n.\r\n+OK\r\n.\r\n"), IN("a\r\n"), 8},
    {"two dots are one", IN("..\r\n.\r\n"), IN(".\r\n"), 0},
    {"three dots are two", IN("...\r\n.\r\n"), IN("..\r\n"), 0},
    {"a dot and text", IN(".a\r\n.\r\n"), IN("a\r\n"), 0},
    {"a dot, a CR and text", IN(".\rX\r\n.\r\n"), IN("\rX\r\n"), 0},
    {"a dot and two CR", IN(".\r\r\n.\r\n"), IN("\r\r\n"), 0},
    {"a dot and a CR, twice", IN(".\r.\r\n.\r\n"), IN("\r.\r\n"), 0},
    {"a dot and a bare LF", IN(".\n\r\n.\r\n"), IN("\n\r\n"), 0},
    {"bare LF are text", IN("a\n.\n.\r\n.\r\n"), IN("a\n.\n.\r\n"), 0},
    {"lone CR are text", IN("a\r.\rb\r\r\n.\r\n"), IN("a\r.\rb\r\r\n"), 0},
    {"dots inside a line", IN("a.\r\n.b.\r\n.\r\n"), IN("a.\r\nb.\r\n"), 0},
    {"empty lines", IN("\r\n\r\n.\r\n"), IN("\r\n\r\n"), 0},
    {"NUL and 8-bit", IN("\0\xff.\0\r\n..\0\r\n.\r\n"), IN("\0\xff.\0\r\n.\0\r\n"), 0},
#undef IN
};

static void
every_body_is_decoded_the_same_however_cut(void **state)
{
    struct guard *guard = *state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct decoded want = {.ended = true, .used = bodies[i].in.len - bodies[i].left};
        decoded_add(&want, bodies[i].text.data, bodies[i].text.len);
        if (!always(guard, bodies[i].in, &want))
            fail_msg("%s", bodies[i].what);
    }
}

static void
dot_alone_after_cut_ends_body(void **state)
{
    struct guard *guard = *state;
    static const char octets[] = {'.', '\r', '\n'};
    struct pop_body body = {0};
    struct pop_view text;
    for (size_t i = 0; i < sizeof octets; i++) {
        struct pop_view piece = guard_place(guard, (struct pop_view){&octets[i], 1});
        enum pop_step step = pop_body_next(&body, &piece, &text);
        assert_int_equal(step, i < 2 ? POP_STEP_TEXT : POP_STEP_END);
        assert_true(i == 2 || text.len == 0);
    }
}

static void
all_short_inputs_are_decoded_as_the_model_does(void **state)
{
    struct guard *guard = *state;
    struct word word = {0};
    struct decoded want;
    while (word_next(&word, POP_VIEW(".\r\na"), 7)) {
        model((struct pop_view){word.data, word.len}, &want);
        if (!always(guard, (struct pop_view){word.data, word.len}, &want))
            fail_msg("'%.*s' of %zu octets", (int)word.len, word.data, word.len);
    }
}

static void
long_inputs_are_decoded_as_the_model_does(void **state)
{
    struct guard *guard = *state;
    uint64_t seed = 1939;
    for (int round = 0; round < 3000; round++) {
        char in[TEXT_MAX];
        size_t len = random_below(&seed, sizeof in - 2);
        memset(in, 'a', len);
        for (uint32_t odd = random_below(&seed, 400); odd > 0 && len > 0; odd--)
            memcpy(in + random_below(&seed, (uint32_t)len), &"\r\n..\r\0"[odd % 6], 2);
        struct decoded want;
        struct decoded got;
        model((struct pop_view){in, len}, &want);
        size_t second = random_below(&seed, (uint32_t)len + 1);
        size_t first = random_below(&seed, (uint32_t)second + 1);
        decode(guard, (struct pop_view){in, len}, first, second, &got);
        if (!same(&got, &want))
            fail_msg("round %d, cut at %zu and %zu", round, first, second);
    }
}

static int
set_up(void **state)
{
    static struct guard guard;
    guard_init(&guard, TEXT_MAX);
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
        cmocka_unit_test(every_body_is_decoded_the_same_however_cut),
        cmocka_unit_test(dot_alone_after_cut_ends_body),
        cmocka_unit_test(all_short_inputs_are_decoded_as_the_model_does),
        cmocka_unit_test(long_inputs_are_decoded_as_the_model_does),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
