/* Encoding a stored message for the wire: CRLF, dot-stuffing, the lines TOP asks for. */
#include <pop/body.h>

void
pop_encoder_init(struct pop_encoder *encoder, uint64_t lines)
{
    *encoder = (struct pop_encoder){.lines_left = lines};
}

/* Message octets, counted. */
static void
put_text(struct pop_encoder *encoder, struct pop_buffer *out, struct pop_view text)
{
    pop_buffer_put(out, text);
    encoder->octets += text.len;
}

/* A line has ended: writes CRLF and sees whether TOP has enough. `blank`: nothing was on it. */
static void
end_line(struct pop_encoder *encoder, struct pop_buffer *out, bool blank)
{
    put_text(encoder, out, POP_VIEW("\r\n"));
    encoder->state = POP_ENCODER_LINE_START;
    if (!encoder->in_body)
        encoder->in_body = blank;
    else if (encoder->lines_left != POP_LINES_ALL)
        encoder->lines_left--;
    if (encoder->in_body && encoder->lines_left == 0)
        encoder->state = POP_ENCODER_STOPPED;
}

/* The run of text at the start of *in that can be copied as it is: up to a line end, to a CR
 * as its last octet (it may belong to a CRLF that is cut), or to the room in *out. */
static void
copy_text(struct pop_encoder *encoder, struct pop_view *in, struct pop_buffer *out)
{
    struct pop_view text = *in;
    if (text.len > pop_buffer_room(out))
        text.len = pop_buffer_room(out);

    const char *lf = memchr(text.data, '\n', text.len);
    if (lf != NULL)
        text.len = (size_t)(lf - text.data);
    bool cr = text.len > 0 && text.data[text.len - 1] == '\r';
    if (cr)
        text.len--;

    put_text(encoder, out, text);
    pop_view_skip(in, text.len + (cr ? 1 : 0));
    if (cr)
        encoder->state = POP_ENCODER_CR;
}

/* One step: an octet that matters, or a run of text. Needs four octets of room. */
static void
encode_step(struct pop_encoder *encoder, struct pop_view *in, struct pop_buffer *out)
{
    char c = in->data[0];
    bool at_start = encoder->state == POP_ENCODER_LINE_START;
    if (encoder->state == POP_ENCODER_CR || encoder->state == POP_ENCODER_START_CR) {
        if (c == '\n') {
            pop_view_skip(in, 1);
            end_line(encoder, out, encoder->state == POP_ENCODER_START_CR);
            return;
        }
        put_text(encoder, out, POP_VIEW("\r")); /* a lone CR: text (R5322-2) */
        encoder->state = POP_ENCODER_TEXT;
    }
    if (c == '\n') {
        pop_view_skip(in, 1);
        end_line(encoder, out, at_start);
    } else if (at_start && c == '\r') {
        pop_view_skip(in, 1);
        encoder->state = POP_ENCODER_START_CR;
    } else {
        if (at_start && c == '.')
            pop_buffer_put(out, POP_VIEW(".")); /* stuffing is not counted (R1939-39) */
        encoder->state = POP_ENCODER_TEXT;
        copy_text(encoder, in, out);
    }
}

bool
pop_encoder_next(struct pop_encoder *encoder, struct pop_view *in, struct pop_buffer *out)
{
    while (in->len > 0 && encoder->state != POP_ENCODER_STOPPED && pop_buffer_room(out) >= 4)
        encode_step(encoder, in, out);
    return encoder->state == POP_ENCODER_STOPPED;
}

void
pop_encoder_end(struct pop_encoder *encoder, struct pop_buffer *out)
{
    if (encoder->state == POP_ENCODER_CR || encoder->state == POP_ENCODER_START_CR) {
        put_text(encoder, out, POP_VIEW("\r"));
        encoder->state = POP_ENCODER_TEXT;
    }
    if (encoder->state == POP_ENCODER_TEXT)
        end_line(encoder, out, false);
}

void
pop_wire_size_add(struct pop_wire_size *size, struct pop_view stored)
{
    if (stored.len == 0)
        return;
    const char *from = stored.data;
    const char *end = stored.data + stored.len;
    uint64_t added = 0; /* a CR for each LF that has none */
    for (const char *lf; from < end && (lf = memchr(from, '\n', (size_t)(end - from)));
         from = lf + 1) {
        char before = lf > stored.data ? lf[-1] : size->last;
        added += before != '\r';
    }
    size->octets += stored.len + added;
    size->last = end[-1];
    size->any = true;
}

uint64_t
pop_wire_size_end(const struct pop_wire_size *size)
{
    return size->octets + (size->any && size->last != '\n' ? 2 : 0);
}
