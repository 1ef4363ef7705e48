/* Where a host name leads, and the way there. */
#ifndef FETCH_CONNECT_H
#define FETCH_CONNECT_H

#include "fetch/account.h"

#include <netdb.h>

/*
 * Looks the host up. ERR_NOT_FOUND: there is none of this name. ERR_DENIED: one
 * of its addresses is not this machine; nothing was connected to. Plain text
 * goes to loopback only. *ret_addresses is for freeaddrinfo().
 */
enum err_code
connect_resolve(const struct pop_url *url, struct addrinfo **ret_addresses, struct err *err);

/* Begins a connection, non-blocking: writable when it is decided, then connect_result(). */
enum err_code connect_begin(const struct addrinfo *address, int *ret_fd, struct err *err);
enum err_code connect_result(int fd, const struct addrinfo *address, struct err *err);

#endif
