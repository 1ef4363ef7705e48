/* Unique-ids made from names (R1939-47, R1939-49). */
#ifndef STORE_UID_H
#define STORE_UID_H

#include <pop/limits.h>
#include <pop/view.h>

/* True if `name` can be a unique-id as it is: 1 to 70 octets of 0x21 to 0x7E. */
bool uid_fits(struct pop_view name);

/* "h" and 160 bits of SHA-256 in hexadecimal: too many for two names to meet. */
#define UID_HASH_LEN 41
static_assert(UID_HASH_LEN <= POP_UID_MAX, "a hash is a valid unique-id");

/* The unique-id of a name that does not fit, or that another message has already. False: the
 * digest could not be computed (no memory). */
bool uid_hash(struct pop_view name, char ret_uid[UID_HASH_LEN]);

#endif
