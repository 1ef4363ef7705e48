/*
 * Multi-line bodies, both ways (RFC 1939, section 3).
 *
 * Decoding turns wire octets into message text: dot-stuffing undone, the end
 * found. Encoding turns a stored file into wire octets: line ends made CRLF,
 * lines that start with a dot stuffed, a last line completed.
 */
#ifndef POP_BODY_H
#define POP_BODY_H

#include <pop/view.h>
#include <stdint.h>

enum pop_body_state {
    POP_BODY_LINE_START,
    POP_BODY_TEXT,
    POP_BODY_CR,
    POP_BODY_DOT,    /* a leading dot was withheld */
    POP_BODY_DOT_CR, /* and a CR after it */
    POP_BODY_END,
};

struct pop_body {
    enum pop_body_state state; /* zeroed = ready for a new message */
};

enum pop_step {
    POP_STEP_MORE, /* *in is used up: read more octets, call again */
    POP_STEP_TEXT, /* *ret_text is a piece of the message, maybe empty: call again */
    POP_STEP_END,  /* the terminating line was read; *in is what follows it */
};

/*
 * Decodes the body of a multi-line response (RFC 1939, section 3): removes
 * dot-stuffing and finds the end, for input that arrives cut at any place.
 *
 * Moves *in past what was read. *ret_text borrows from *in (or from a
 * constant) and holds until the octets behind *in are overwritten.
 * Must not be called again after POP_STEP_END.
 *
 * Only CRLF ends a line; a lone CR or LF is message text. Accepting more
 * lets the two ends disagree about where a message stops.
 */
enum pop_step
pop_body_next(struct pop_body *body, struct pop_view *in, struct pop_view *ret_text);

/* For pop_encoder.lines_left: the whole message (RETR). */
#define POP_LINES_ALL UINT64_MAX

enum pop_encoder_state {
    POP_ENCODER_LINE_START,
    POP_ENCODER_TEXT,
    POP_ENCODER_CR,       /* a CR was read that may belong to a CRLF; not yet written */
    POP_ENCODER_START_CR, /* the same, as first octet of a line */
    POP_ENCODER_STOPPED,  /* TOP has what it asked for */
};

/*
 * Encodes one message. `octets` counts the wire octets of the message as LIST
 * counts them: CRLF for every line end, stuffing left out.
 */
struct pop_encoder {
    enum pop_encoder_state state;
    bool in_body;        /* the blank line after the header has passed */
    uint64_t lines_left; /* body lines still wanted */
    uint64_t octets;
};

/* Ready for a message; `lines` body lines of it after the header (TOP), or POP_LINES_ALL. */
void pop_encoder_init(struct pop_encoder *encoder, uint64_t lines);

/*
 * Encodes from *in into *out until *in is used up, *out is full, or the lines
 * asked for are there. Moves *in past what was read. Only a few octets of room
 * may be left unused in *out.
 *
 * Returns true when the message needs no more input (TOP): the rest of *in is
 * then of no interest.
 *
 * LF and CRLF both end a stored line; a lone CR is text, passes as it is and
 * starts no line (R5322-1, R5322-2, R5322-3).
 */
bool pop_encoder_next(struct pop_encoder *encoder, struct pop_view *in, struct pop_buffer *out);

/*
 * The end of the file: completes a last line that has no line end (R5322-1).
 * Needs POP_ENCODER_END_MAX octets of room. Does not write the final dot.
 */
void pop_encoder_end(struct pop_encoder *encoder, struct pop_buffer *out);
#define POP_ENCODER_END_MAX 3

/* The same count without output: the wire size of the octets fed in so far. Used to size a
 * stored message; feed all of it, then pop_wire_size_end(). */
struct pop_wire_size {
    uint64_t octets;
    char last; /* the last octet seen; 0 before the first */
    bool any;  /* at least one octet was seen */
};
void pop_wire_size_add(struct pop_wire_size *size, struct pop_view stored);
uint64_t pop_wire_size_end(const struct pop_wire_size *size);

#endif
