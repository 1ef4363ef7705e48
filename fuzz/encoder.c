/*
 * The encoder: what it makes of a stored file decodes to the file's CRLF form, the octets it
 * counts are those of pop_wire_size, and TOP is the start of RETR. The first three octets give
 * the cuts, the room and the lines of TOP.
 */
#include "fuzz.h"

#include <pop/body.h>

struct encoded {
    struct fuzz_text wire;
    uint64_t octets;
    bool stopped;
};

static struct encoded
encode(struct pop_view in, uint64_t lines, uint32_t seed, size_t room)
{
    struct fuzz_cuts cuts = {seed};
    struct encoded encoded = {0};
    struct pop_encoder encoder;
    char *storage = malloc(room);
    pop_encoder_init(&encoder, lines);
    while (in.len > 0 && !encoded.stopped) {
        struct pop_view piece = {in.data, fuzz_next_piece(&cuts, in.len)};
        char *copy = fuzz_copy(piece);
        pop_view_skip(&in, piece.len);
        piece.data = copy;
        while (piece.len > 0 && !encoded.stopped) {
            struct pop_buffer out = {storage, 0, room};
            size_t before = piece.len;
            encoded.stopped = pop_encoder_next(&encoder, &piece, &out);
            CHECK(piece.len < before || out.len > 0);
            fuzz_text_add(&encoded.wire, pop_buffer_view(&out));
        }
        free(copy);
    }
    struct pop_buffer out = {storage, 0, POP_ENCODER_END_MAX};
    pop_encoder_end(&encoder, &out);
    fuzz_text_add(&encoded.wire, pop_buffer_view(&out));
    encoded.octets = encoder.octets;
    free(storage);
    return encoded;
}

/* Octet by octet: every LF becomes CRLF, unless a CR is before it; a last line is completed. */
static struct fuzz_text
crlf_form(struct pop_view in)
{
    struct fuzz_text text = {0};
    for (size_t i = 0; i < in.len; i++) {
        if (in.data[i] == '\n' && (i == 0 || in.data[i - 1] != '\r'))
            fuzz_text_add(&text, POP_VIEW("\r"));
        fuzz_text_add(&text, (struct pop_view){in.data + i, 1});
    }
    if (in.len > 0 && in.data[in.len - 1] != '\n')
        fuzz_text_add(&text, POP_VIEW("\r\n"));
    return text;
}

static void
check_round_trip(const struct encoded *encoded, struct pop_view in)
{
    struct fuzz_text want = crlf_form(in);
    struct fuzz_text wire = {0};
    struct fuzz_text got = {0};
    struct pop_body body = {0};
    fuzz_text_add(&wire, fuzz_text_view(&encoded->wire));
    fuzz_text_add(&wire, POP_VIEW(".\r\n"));
    struct pop_view rest = fuzz_text_view(&wire);
    struct pop_view text;
    enum pop_step step;
    while ((step = pop_body_next(&body, &rest, &text)) == POP_STEP_TEXT)
        fuzz_text_add(&got, text);
    CHECK(step == POP_STEP_END && rest.len == 0);
    CHECK(pop_view_equal(fuzz_text_view(&got), fuzz_text_view(&want)));
    CHECK(encoded->octets == want.len);
    free(want.data);
    free(wire.data);
    free(got.data);
}

static void
check_wire_size(struct pop_view in, uint32_t seed, uint64_t octets)
{
    struct fuzz_cuts cuts = {seed};
    struct pop_wire_size size = {0};
    while (in.len > 0) {
        struct pop_view piece = {in.data, fuzz_next_piece(&cuts, in.len)};
        char *copy = fuzz_copy(piece);
        pop_view_skip(&in, piece.len);
        pop_wire_size_add(&size, (struct pop_view){copy, piece.len});
        free(copy);
    }
    CHECK(pop_wire_size_end(&size) == octets);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pop_view in = fuzz_view(data, size);
    uint32_t seed = fuzz_octet(&in);
    size_t room = 4 + fuzz_octet(&in);
    unsigned lines = fuzz_octet(&in);
    struct encoded all = encode(in, POP_LINES_ALL, seed, room);
    check_round_trip(&all, in);
    check_wire_size(in, seed, all.octets);
    CHECK(!all.stopped);

    struct encoded top = encode(in, lines, seed, room);
    CHECK(top.wire.len <= all.wire.len && top.octets <= all.octets);
    CHECK(top.stopped || top.wire.len == all.wire.len);
    CHECK(top.wire.len == 0 || memcmp(top.wire.data, all.wire.data, top.wire.len) == 0);
    CHECK(top.wire.len == 0 || memcmp(top.wire.data + top.wire.len - 2, "\r\n", 2) == 0);
    free(all.wire.data);
    free(top.wire.data);
    return 0;
}
