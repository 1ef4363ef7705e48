/* The body decoder: what a model of whole lines gives, however the input is cut. The first
 * octet says how. */
#include "fuzz.h"

#include <pop/body.h>

struct decoded {
    struct fuzz_text text;
    bool ended;
    size_t used;
};

static struct decoded
decode(struct pop_view in, uint32_t seed)
{
    struct fuzz_cuts cuts = {seed};
    struct decoded decoded = {0};
    struct pop_body body = {0};
    while (decoded.used < in.len && !decoded.ended) {
        struct pop_view rest = {in.data + decoded.used, in.len - decoded.used};
        rest.len = fuzz_next_piece(&cuts, rest.len);
        char *copy = fuzz_copy(rest);
        struct pop_view piece = {copy, rest.len};
        struct pop_view text;
        enum pop_step step;
        while ((step = pop_body_next(&body, &piece, &text)) == POP_STEP_TEXT)
            fuzz_text_add(&decoded.text, text);
        decoded.ended = step == POP_STEP_END;
        CHECK(decoded.ended || piece.len == 0);
        decoded.used += rest.len - piece.len;
        free(copy);
    }
    return decoded;
}

/* Line by line, each seen whole. */
static struct decoded
model(struct pop_view in)
{
    struct decoded decoded = {0};
    struct pop_view rest = in;
    while (rest.len > 0 && !decoded.ended) {
        const char *end = memmem(rest.data, rest.len, "\r\n", 2);
        struct pop_view line = {rest.data, end ? (size_t)(end - rest.data) : rest.len};
        pop_view_skip(&rest, line.len + (end ? 2 : 0));
        decoded.ended = end != NULL && pop_view_equal(line, POP_VIEW("."));
        if (end == NULL && pop_view_equal(line, POP_VIEW(".\r")))
            line.len = 0; /* it may still be the end */
        if (line.len > 0 && line.data[0] == '.')
            pop_view_skip(&line, 1);
        fuzz_text_add(&decoded.text, line);
        if (end != NULL && !decoded.ended)
            fuzz_text_add(&decoded.text, POP_VIEW("\r\n"));
    }
    decoded.used = in.len - rest.len;
    return decoded;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pop_view in = fuzz_view(data, size);
    uint32_t seed = fuzz_octet(&in) + 1;
    struct decoded whole = decode(in, 0);
    struct decoded cut = decode(in, seed);
    CHECK(pop_view_equal(fuzz_text_view(&whole.text), fuzz_text_view(&cut.text)));
    CHECK(whole.ended == cut.ended && whole.used == cut.used);
    struct decoded want = model(in);
    CHECK(pop_view_equal(fuzz_text_view(&whole.text), fuzz_text_view(&want.text)));
    CHECK(whole.ended == want.ended && whole.used == want.used);
    free(want.text.data);
    free(whole.text.data);
    free(cut.text.data);
    return 0;
}
