/* Where a host name leads, and the way there. */
#ifndef FETCH_CONNECT_H
#define FETCH_CONNECT_H

#include "fetch/account.h"

#include <netdb.h>

/*
 * Looks the host up. ERR_NOT_FOUND: there is none of this name.
 * *ret_addresses is for freeaddrinfo().
 */
enum err_code
connect_resolve(const struct pop_url *url, struct addrinfo **ret_addresses, struct err *err);

/* True: all addresses are this machine's, whichever of them will answer. */
bool connect_stays_here(const struct addrinfo *addresses);

/* What AUTO means for a host with these addresses; what was asked for stays as it is. */
enum account_tls connect_protection(enum account_tls asked, const struct addrinfo *addresses);

/* Begins a connection, non-blocking: writable when it is decided, then connect_result(). */
enum err_code connect_begin(const struct addrinfo *address, int *ret_fd, struct err *err);
enum err_code connect_result(int fd, const struct addrinfo *address, struct err *err);

#endif
