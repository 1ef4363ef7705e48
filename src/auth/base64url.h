/* Base64 as tokens have it (RFC 7515, section 2): the alphabet of URLs, without pads. */
#ifndef AUTH_BASE64URL_H
#define AUTH_BASE64URL_H

#include <pop/view.h>

/* Octets that a text of that length is. */
#define BASE64URL_OCTETS(len) ((len)*3 / 4)

/* Strict: no pads, no other octets, no left-over bits. `to` has room for
 * BASE64URL_OCTETS(text.len). False: it is none. */
bool base64url_decode(struct pop_view text, void *to, size_t *ret_len);

#endif
