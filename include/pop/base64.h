/* Base64 as SASL has it on the wire (RFC 4648, section 4; RFC 5034, section 4). */
#ifndef POP_BASE64_H
#define POP_BASE64_H

#include <pop/view.h>

/*
 * Decodes strictly: every octet of the alphabet, pads at the end only and as
 * many as there must be, no left-over bits (R5034-5, R5034-6). `to` has room
 * for text.len / 4 * 3 octets and may be text.data itself. False: it is no
 * base64; what is in `to` is then of no use.
 */
bool pop_base64_decode(struct pop_view text, char *to, size_t *ret_len);

/* How long the text of so many octets is. */
#define POP_BASE64_LEN(octets) (((octets) + 2) / 3 * 4)

/* Appends; the caller has made sure of the room. */
void pop_base64_put(struct pop_buffer *out, struct pop_view octets);

#endif
