/* Networks of addresses, "10.0.0.0/8": numbers only, no name is looked up. */
#ifndef BASE_NETWORK_H
#define BASE_NETWORK_H

#include <pop/view.h>

/* 45 octets of IPv6, "/128", and the NUL, rounded up. */
#define NETWORK_TEXT_MAX 52

/* Octets of an address in the order of the wire: 4, 16, or none if it is not known. */
struct network_address {
    unsigned char len;
    unsigned char octets[16];
};

struct network {
    struct network_address address;
    unsigned char bits; /* that count; the others are zero */
};

/* "192.0.2.0/24", "2001:db8::/32", or an address alone, which is a network of one. NULL, or
 * what is wrong; *ret_network is then untouched. */
const char *network_parse(struct pop_view text, struct network *ret_network);

/* Also of one that came from elsewhere: the lengths are possible. */
bool network_is_valid(const struct network *network);

bool network_contains(const struct network *network, const struct network_address *address);

/* The network of so many bits that the address is in; fewer than the address has. */
struct network network_of(const struct network_address *address, unsigned bits);

/* "192.0.2.0/24"; with all bits the address alone, "192.0.2.1". "unknown": it has none. */
void network_text(const struct network *network, char ret_text[NETWORK_TEXT_MAX]);

/* The same of an address alone. */
void
network_address_text(const struct network_address *address, char ret_text[NETWORK_TEXT_MAX]);

#endif
