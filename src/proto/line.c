/* One line from input cut at any place. Never looks back past what it was given. */
#include <pop/line.h>

/* The line without the CR of its CRLF. */
static struct pop_view
without_cr(struct pop_view line)
{
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    return line;
}

/* Keeps a piece of a line that has no end yet, or starts dropping the line. */
static void
line_keep(struct pop_line *line, struct pop_view piece)
{
    if (line->overlong || piece.len > line->cap - line->len) {
        line->overlong = true;
        line->len = 0;
        return;
    }
    memcpy(line->data + line->len, piece.data, piece.len);
    line->len += piece.len;
}

enum pop_line_result
pop_line_next(struct pop_line *line, struct pop_view *in, struct pop_view *ret_line)
{
    if (in->len == 0)
        return POP_LINE_MORE;

    const char *end = memchr(in->data, '\n', in->len);
    if (end == NULL) {
        line_keep(line, *in);
        pop_view_skip(in, in->len);
        return POP_LINE_MORE;
    }

    struct pop_view piece = {in->data, (size_t)(end - in->data)};
    pop_view_skip(in, piece.len + 1);
    if (line->len == 0 && !line->overlong) {
        /* The whole line is in the input: no copy. */
        if (piece.len > line->cap)
            return POP_LINE_LONG;
        *ret_line = without_cr(piece);
        return POP_LINE_DONE;
    }

    line_keep(line, piece);
    bool overlong = line->overlong;
    *ret_line = without_cr((struct pop_view){line->data, line->len});
    line->overlong = false;
    line->len = 0;
    return overlong ? POP_LINE_LONG : POP_LINE_DONE;
}
