/* Addresses of peers and listeners, as text and as what they mean. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include "base/network.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* "[" 45 octets of IPv6 "]:65535" and the NUL. */
#define ADDRESS_TEXT_MAX 56

/* "192.0.2.1:1110" or "[2001:db8::1]:1110". */
void address_text(const struct sockaddr_storage *address, char ret_text[ADDRESS_TEXT_MAX]);

/* 127.0.0.0/8, ::1, and the first in IPv6 clothes. */
bool address_is_loopback(const struct sockaddr_storage *address);

/* The address alone: of IPv4 also when it comes in IPv6 clothes; without octets if it is
 * neither. */
void address_octets(const struct sockaddr_storage *address, struct network_address *ret_octets);

/* The host part for counting: an IPv4 address whole, of an IPv6 address its /64, which is what
 * one customer gets. Writes up to 8 octets, returns how many. */
size_t address_prefix(const struct sockaddr_storage *address, unsigned char ret_prefix[8]);

#endif
