/* Decoding multi-line bodies: dot-stuffing undone, the end found. */
#include <pop/body.h>
#include <stdlib.h>

/* Hands out the first `len` octets of *in, then drops them and `skip` more. */
static enum pop_step
body_emit(struct pop_view *in, size_t len, size_t skip, struct pop_view *ret_text)
{
    assert(len + skip <= in->len);
    *ret_text = (struct pop_view){in->data, len};
    pop_view_skip(in, len + skip);
    return POP_STEP_TEXT;
}

/* Inside a line only a CR matters: the position of the next one, or of the end. */
static size_t
find_cr(const struct pop_view *in, size_t from)
{
    const char *cr = memchr(in->data + from, '\r', in->len - from);
    return cr == NULL ? in->len : (size_t)(cr - in->data);
}

enum pop_step
pop_body_next(struct pop_body *body, struct pop_view *in, struct pop_view *ret_text)
{
    assert(body->state != POP_BODY_END);
    for (size_t i = 0; i < in->len; i++) {
        char c = in->data[i];
        switch (body->state) {
        case POP_BODY_LINE_START:
            if (c == '.') {
                body->state = POP_BODY_DOT;
                return body_emit(in, i, 1, ret_text);
            }
            body->state = c == '\r' ? POP_BODY_CR : POP_BODY_TEXT;
            break;
        case POP_BODY_TEXT:
            i = find_cr(in, i);
            if (i < in->len)
                body->state = POP_BODY_CR;
            break;
        case POP_BODY_CR:
            if (c != '\r')
                body->state = c == '\n' ? POP_BODY_LINE_START : POP_BODY_TEXT;
            break;
        case POP_BODY_DOT:
            assert(i == 0); /* the dot always ends a piece */
            if (c == '\r') {
                body->state = POP_BODY_DOT_CR;
                return body_emit(in, 0, 1, ret_text);
            }
            body->state = POP_BODY_TEXT; /* it was stuffing */
            break;
        case POP_BODY_DOT_CR:
            assert(i == 0);
            if (c == '\n') {
                body->state = POP_BODY_END;
                (void)body_emit(in, 0, 1, ret_text);
                return POP_STEP_END;
            }
            /* ".\rX": the CR was text, but its octet may be gone with the last read. */
            body->state = POP_BODY_CR;
            *ret_text = POP_VIEW("\r");
            return POP_STEP_TEXT;
        case POP_BODY_END:
            abort();
        }
    }
    if (in->len > 0)
        return body_emit(in, in->len, 0, ret_text);
    return POP_STEP_MORE;
}
