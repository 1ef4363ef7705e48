/* Encoding of stored messages: every file, cut and room of output, against a slow model. */
#include "guard.h"
#include "words.h"

#include <pop/body.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* For a stored file of n octets: at most 3 n on the wire, and what the end adds. */
enum { FILE_MAX = (1 << 20) + 16, WIRE_MAX = 2 * FILE_MAX };

/* The next line of a stored file, without its LF or CRLF; false: there is none. */
static bool
take_line(struct pop_view *rest, struct pop_view *ret_line, bool *ret_ended)
{
    if (rest->len == 0)
        return false;
    const char *lf = memchr(rest->data, '\n', rest->len);
    *ret_ended = lf != NULL;
    *ret_line = (struct pop_view){rest->data, lf ? (size_t)(lf - rest->data) : rest->len};
    pop_view_skip(rest, ret_line->len + (lf ? 1 : 0));
    if (lf != NULL && ret_line->len > 0 && ret_line->data[ret_line->len - 1] == '\r')
        ret_line->len--;
    return true;
}

/* What a model or an encoder made of a file. */
struct wire {
    struct pop_buffer out;
    uint64_t octets; /* without stuffing */
    bool stopped;    /* TOP had all it asked for before the end of the file */
};

/* The model of RETR and TOP: whole lines. */
static void
model(struct pop_view stored, uint64_t lines, struct wire *wire)
{
    struct pop_view line;
    bool ended;
    bool in_body = false;
    uint64_t wanted = lines;
    wire->out.len = 0;
    wire->octets = 0;
    wire->stopped = false;
    while (!wire->stopped && take_line(&stored, &line, &ended)) {
        if (line.len > 0 && line.data[0] == '.')
            pop_buffer_put(&wire->out, POP_VIEW("."));
        pop_buffer_put(&wire->out, line);
        pop_buffer_put(&wire->out, POP_VIEW("\r\n"));
        wire->octets += line.len + 2;
        if (in_body)
            wanted--;
        in_body = in_body || (line.len == 0 && ended);
        wire->stopped = in_body && wanted == 0 && lines != POP_LINES_ALL && ended;
    }
}

/* Storage of the tests, made once: its pages are many. */
struct stage {
    struct guard input;
    struct guard output;
    struct wire want;
    struct wire got;
};

/* Output of `room` octets at a time. Each time it is empty the encoder has to get on. */
static void
encode_piece(struct stage *stage, struct pop_encoder *encoder, struct pop_view in, size_t room)
{
    struct pop_view piece = guard_place(&stage->input, in);
    do {
        struct pop_buffer out = guard_room(&stage->output, room, '?');
        size_t before = piece.len;
        stage->got.stopped = pop_encoder_next(encoder, &piece, &out);
        assert_true(before == 0 || stage->got.stopped || piece.len < before || out.len > 0);
        if (piece.len > 0 && !stage->got.stopped)
            assert_true(pop_buffer_room(&out) < 4);
        pop_buffer_put(&stage->got.out, pop_buffer_view(&out));
    } while (piece.len > 0 && !stage->got.stopped);
}

static void
encode(struct stage *stage, struct pop_view stored, uint64_t lines, size_t cut, size_t room)
{
    struct pop_encoder encoder;
    pop_encoder_init(&encoder, lines);
    stage->got.out.len = 0;
    stage->got.stopped = false;
    encode_piece(stage, &encoder, (struct pop_view){stored.data, cut}, room);
    if (!stage->got.stopped)
        encode_piece(
            stage, &encoder, (struct pop_view){stored.data + cut, stored.len - cut}, room);
    struct pop_buffer out = guard_room(&stage->output, POP_ENCODER_END_MAX, '?');
    pop_encoder_end(&encoder, &out);
    pop_buffer_put(&stage->got.out, pop_buffer_view(&out));
    stage->got.octets = encoder.octets;
}

static void
check_encoded(
    struct stage *stage, struct pop_view stored, uint64_t lines, size_t cut, size_t room)
{
    encode(stage, stored, lines, cut, room);
    const struct wire *want = &stage->want;
    const struct wire *got = &stage->got;
    if (!pop_view_equal(pop_buffer_view(&got->out), pop_buffer_view(&want->out)) ||
        got->octets != want->octets || got->stopped != want->stopped)
        fail_msg(
            "%zu octets '%.20s' cut at %zu, room %zu, lines %llu: '%.*s' (%zu), wanted '%.*s' "
            "(%zu)",
            stored.len, stored.data, cut, room, (unsigned long long)lines,
            (int)(got->out.len > 60 ? 60 : got->out.len), got->out.data, got->out.len,
            (int)(want->out.len > 60 ? 60 : want->out.len), want->out.data, want->out.len);
}

static void
all_short_files_are_encoded_as_the_model_does(void **state)
{
    struct stage *stage = *state;
    struct word word = {0};
    while (word_next(&word, POP_VIEW(".\r\na"), 6)) {
        struct pop_view stored = {word.data, word.len};
        model(stored, POP_LINES_ALL, &stage->want);
        for (size_t cut = 0; cut <= stored.len; cut++)
            for (size_t room = 4; room <= 8; room++)
                check_encoded(stage, stored, POP_LINES_ALL, cut, room);
    }
}

static void
top_of_all_short_files_has_the_lines_asked_for(void **state)
{
    struct stage *stage = *state;
    struct word word = {0};
    while (word_next(&word, POP_VIEW(".\r\na"), 6)) {
        struct pop_view stored = {word.data, word.len};
        for (uint64_t lines = 0; lines <= 8; lines++) {
            uint64_t asked = lines == 8 ? POP_LINES_ALL - 1 : lines;
            model(stored, asked, &stage->want);
            for (size_t cut = 0; cut <= stored.len; cut++)
                check_encoded(stage, stored, asked, cut, 4 + cut % 3);
        }
    }
}

#define IN(literal)                                                                            \
    {                                                                                          \
        literal, sizeof(literal) - 1                                                           \
    }
static const struct {
    struct pop_view stored;
    struct pop_view wire;
    uint64_t octets;
} files[] = {
    {IN(""), IN(""), 0},
    {IN("\n"), IN("\r\n"), 2},
    {IN("A: b\n\n.x\n"), IN("A: b\r\n\r\n..x\r\n"), 12},
    {IN("A: b\r\n\r\n.x\r\n"), IN("A: b\r\n\r\n..x\r\n"), 12},
    {IN("no line end"), IN("no line end\r\n"), 13},
    {IN("."), IN("..\r\n"), 3},
    {IN("a\r"), IN("a\r\r\n"), 4},
    {IN("a\r\n\r"), IN("a\r\n\r\r\n"), 6},
    {IN("\r"), IN("\r\r\n"), 3},
    {IN("a\r.b\r\r\n"), IN("a\r.b\r\r\n"), 7},
    {IN("\r.\n"), IN("\r.\r\n"), 4},
    {IN("\0\xff\n.\0"), IN("\0\xff\r\n..\0\r\n"), 8},
};
#undef IN

static void
these_files_go_out_as_written_here(void **state)
{
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        stage->want.out.len = 0;
        pop_buffer_put(&stage->want.out, files[i].wire);
        stage->want.octets = files[i].octets;
        stage->want.stopped = false;
        for (size_t cut = 0; cut <= files[i].stored.len; cut++)
            check_encoded(stage, files[i].stored, POP_LINES_ALL, cut, 4 + cut);
    }
}

/* A file of about `len` octets with runs of text and many odd places. */
static size_t
random_file(uint64_t *seed, char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        data[i] = random_below(seed, 8) > 0 ? 'a' : "\n\n\r.\0\xff\r\n"[random_below(seed, 8)];
    return len;
}

/* Decodes stage->got and compares with the CRLF form of the file. */
static void
check_decodes_to_crlf_form(struct stage *stage, struct pop_view stored)
{
    struct pop_buffer *sent = &stage->got.out;
    struct pop_buffer *crlf = &stage->want.out;
    struct pop_view line;
    bool ended;
    pop_buffer_put(sent, POP_VIEW(".\r\n"));
    crlf->len = 0;
    while (take_line(&stored, &line, &ended)) {
        pop_buffer_put(crlf, line);
        pop_buffer_put(crlf, POP_VIEW("\r\n"));
    }
    struct pop_body body = {0};
    struct pop_view in = pop_buffer_view(sent);
    struct pop_view rest = pop_buffer_view(crlf);
    struct pop_view text;
    enum pop_step step;
    while ((step = pop_body_next(&body, &in, &text)) == POP_STEP_TEXT) {
        assert_true(text.len <= rest.len);
        assert_true(pop_view_equal(text, (struct pop_view){rest.data, text.len}));
        pop_view_skip(&rest, text.len);
    }
    assert_int_equal(step, POP_STEP_END);
    assert_int_equal(rest.len, 0);
    assert_int_equal(in.len, 0);
    assert_int_equal(crlf->len, stage->got.octets);
}

static void
what_is_encoded_is_decoded_to_the_crlf_form(void **state)
{
    struct stage *stage = *state;
    uint64_t seed = 5322;
    char *data = malloc(FILE_MAX);
    for (int round = 0; round < 4000; round++) {
        struct pop_view stored = {data, random_file(&seed, data, random_below(&seed, 600))};
        size_t cut = random_below(&seed, (uint32_t)stored.len + 1);
        encode(stage, stored, POP_LINES_ALL, cut, 4 + random_below(&seed, 100));
        check_decodes_to_crlf_form(stage, stored);
    }
    free(data);
}

static void
a_line_of_a_megabyte_passes_unchanged(void **state)
{
    struct stage *stage = *state;
    char *data = malloc(FILE_MAX);
    memset(data, 'x', FILE_MAX);
    memcpy(data, ".\r\0\r", 4);
    struct pop_view stored = {data, FILE_MAX};
    model(stored, POP_LINES_ALL, &stage->want);
    check_encoded(stage, stored, POP_LINES_ALL, 12345, 4096);
    check_encoded(stage, stored, POP_LINES_ALL, FILE_MAX / 2, FILE_MAX);
    assert_true(stage->got.octets == FILE_MAX + 2);
    check_decodes_to_crlf_form(stage, stored);
    free(data);
}

static uint64_t
wire_size(struct stage *stage, struct pop_view stored, size_t first, size_t second)
{
    struct pop_wire_size size = {0};
    size_t cuts[] = {0, first, second, stored.len};
    for (size_t i = 0; i < 3; i++)
        pop_wire_size_add(
            &size, guard_place(
                       &stage->input,
                       (struct pop_view){stored.data + cuts[i], cuts[i + 1] - cuts[i]}));
    return pop_wire_size_end(&size);
}

static void
wire_size_counts_what_is_sent_however_cut(void **state)
{
    struct stage *stage = *state;
    struct word word = {0};
    while (word_next(&word, POP_VIEW(".\r\na"), 6)) {
        struct pop_view stored = {word.data, word.len};
        model(stored, POP_LINES_ALL, &stage->want);
        for (size_t first = 0; first <= stored.len; first++)
            for (size_t second = first; second <= stored.len; second++)
                assert_int_equal(wire_size(stage, stored, first, second), stage->want.octets);
    }
}

static void
wire_init(struct wire *wire)
{
    wire->out = (struct pop_buffer){malloc(WIRE_MAX), 0, WIRE_MAX};
}

static int
set_up(void **state)
{
    static struct stage stage;
    guard_init(&stage.input, FILE_MAX);
    guard_init(&stage.output, WIRE_MAX);
    wire_init(&stage.want);
    wire_init(&stage.got);
    *state = &stage;
    return 0;
}

static int
tear_down(void **state)
{
    struct stage *stage = *state;
    guard_finish(&stage->input);
    guard_finish(&stage->output);
    free(stage->want.out.data);
    free(stage->got.out.data);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_short_files_are_encoded_as_the_model_does),
        cmocka_unit_test(top_of_all_short_files_has_the_lines_asked_for),
        cmocka_unit_test(these_files_go_out_as_written_here),
        cmocka_unit_test(what_is_encoded_is_decoded_to_the_crlf_form),
        cmocka_unit_test(a_line_of_a_megabyte_passes_unchanged),
        cmocka_unit_test(wire_size_counts_what_is_sent_however_cut),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
