/* CRLF becomes LF, nothing else changes. */
#include "fetch/line_ends.h"

/* Decides about the held CR, now that *in has an octet. Needs one octet of room. */
static void
settle_cr(struct line_ends *ends, const struct pop_view *in, struct pop_buffer *out)
{
    if (in->data[0] != '\n')
        pop_buffer_put(out, POP_VIEW("\r"));
    ends->cr_held = false;
}

void
line_ends_next(struct line_ends *ends, struct pop_view *in, struct pop_buffer *out)
{
    while (in->len > 0 && pop_buffer_room(out) > 0) {
        if (ends->cr_held) {
            settle_cr(ends, in, out);
            continue;
        }
        struct pop_view run = *in;
        if (run.len > pop_buffer_room(out))
            run.len = pop_buffer_room(out);
        const char *cr = memchr(run.data, '\r', run.len);
        if (cr != NULL)
            run.len = (size_t)(cr - run.data);
        pop_buffer_put(out, run);
        pop_view_skip(in, run.len + (cr != NULL ? 1 : 0));
        ends->cr_held = cr != NULL;
    }
}

void
line_ends_finish(struct line_ends *ends, struct pop_buffer *out)
{
    if (ends->cr_held)
        pop_buffer_put(out, POP_VIEW("\r"));
    ends->cr_held = false;
}
