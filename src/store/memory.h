/*
 * The in-memory engine, for tests: maildrops that live as long as the process,
 * by location. It keeps the whole contract of store.h, except that nothing it
 * removes is removed from a disk.
 *
 * The first use of a location that is a folder loads the folder's regular
 * files in the order of their names, one message a file; the name is the
 * unique-id, if it can be one. The folder itself is never changed.
 */
#ifndef STORE_MEMORY_H
#define STORE_MEMORY_H

#include "store/store.h"

/* Adds a message to the maildrop, which is made if it is not there. `uid` is 1 to 70 octets of
 * 0x21 to 0x7E and new in this maildrop. Both are copied. */
enum err_code
memory_add(const char *location, const char *uid, struct pop_view octets, struct err *err);

/* Removes a message behind the back of a session. ERR_NOT_FOUND: there is none. */
enum err_code memory_remove(const char *location, const char *uid, struct err *err);

/* Forgets all maildrops. No session may be open. */
void memory_reset(void);

#endif
