/* Gathers one line from input that arrives cut at any place, in the caller's storage. */
#ifndef POP_LINE_H
#define POP_LINE_H

#include <pop/view.h>

enum pop_line_result {
    POP_LINE_MORE, /* *in is used up without a line end */
    POP_LINE_DONE, /* *ret_line is one line, without its line end */
    POP_LINE_LONG, /* a line longer than the bound has passed; it was dropped whole */
};

/* Zeroed with `data` and `cap` set = ready. */
struct pop_line {
    char *data;
    size_t len;
    size_t cap;    /* the longest line that is taken: all octets but the LF */
    bool overlong; /* dropping until the next line end */
};

/*
 * Takes octets from *in up to the next line end. CRLF ends a line, and so does
 * a bare LF; a bare CR is part of the line (R1939-13). NUL and any other octet
 * are kept as they are.
 *
 * *ret_line borrows from *in or from the storage, until the next call.
 */
enum pop_line_result
pop_line_next(struct pop_line *line, struct pop_view *in, struct pop_view *ret_line);

#endif
