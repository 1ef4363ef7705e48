/* Listening sockets; the parent makes them, front accepts on them. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "base/err.h"

#include <sys/socket.h>

/* A non-blocking listening TCP socket, CLOEXEC, the caller's. TCP_NODELAY and a bound of
 * what is kept unsent are set on it and pass to every connection that is accepted. ERR_SYSTEM
 * names the address. */
enum err_code listener_open(
    const struct sockaddr_storage *address, socklen_t address_len, int *ret_fd,
    struct err *err);

#endif
