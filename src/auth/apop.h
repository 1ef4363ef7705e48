/* APOP (RFC 1939, section 7): MD5 over the greeting's timestamp and a secret that is stored
 * readable. */
#ifndef AUTH_APOP_H
#define AUTH_APOP_H

#include "base/err.h"

#include <pop/view.h>

/* Octets of a digest: lower-case hexadecimal digits (R1939-33). */
#define APOP_DIGEST_LEN 32u

/* ERR_OK: the digest is the user's. ERR_DENIED: it is not, or the password is stored in another
 * way: that takes the same time. `stored` as for password_verify(). */
enum err_code
apop_verify(struct pop_view stored, struct pop_view timestamp, struct pop_view digest);

#endif
