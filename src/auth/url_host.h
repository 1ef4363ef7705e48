/* Where the URL of a directory or database leads. */
#ifndef AUTH_URL_HOST_H
#define AUTH_URL_HOST_H

#include <stdbool.h>

/*
 * True: to this machine and nowhere else (a socket, localhost, 127.0.0.0/8,
 * ::1, or no host at all). Names are not looked up. Of several hosts all must
 * be here; what cannot be read is elsewhere.
 */
bool url_is_local(const char *url);

#endif
