/* From the wire to the disk: CRLF becomes LF, nothing else changes (R5322-5). */
#ifndef FETCH_LINE_ENDS_H
#define FETCH_LINE_ENDS_H

#include <pop/view.h>

/* Zeroed = ready for a message. */
struct line_ends {
    bool cr_held; /* the last octet was a CR; what comes next says whether it stays */
};

/*
 * Moves octets from *in to *out until *in is used up or *out is full. A lone
 * CR, a lone LF, NUL and everything else pass as they are. A CR at the end of a
 * piece is held until the next one.
 */
void line_ends_next(struct line_ends *ends, struct pop_view *in, struct pop_buffer *out);

/* The end of the message: a held CR is text. Needs one octet of room. */
void line_ends_finish(struct line_ends *ends, struct pop_buffer *out);

#endif
