/* "192.0.2.1:110" and "[2001:db8::1%eth0]:110": numbers only, no name is looked up. */
#ifndef CONF_ADDRESS_H
#define CONF_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* False: it is not of that form; the results are then untouched. */
bool
conf_address_parse(const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_len);

#endif
