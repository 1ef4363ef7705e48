/* Networks of addresses. */
#include "base/network.h"

#include "base/number.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static unsigned
bits_of(const struct network_address *address)
{
    return 8u * address->len;
}

static bool
parse_address(struct pop_view text, struct network_address *ret_address)
{
    char host[INET6_ADDRSTRLEN];
    if (text.len >= sizeof host || memchr(text.data, '\0', text.len) != NULL)
        return false;
    memcpy(host, text.data, text.len);
    host[text.len] = '\0';
    struct network_address address = {.len = memchr(host, ':', text.len) != NULL ? 16 : 4};
    if (inet_pton(address.len == 16 ? AF_INET6 : AF_INET, host, address.octets) != 1)
        return false;
    *ret_address = address;
    return true;
}

struct network
network_of(const struct network_address *address, unsigned bits)
{
    struct network network = {.address = *address, .bits = (unsigned char)bits};
    for (unsigned i = 0; i < address->len; i++) {
        unsigned kept = bits > 8 * i ? bits - 8 * i : 0;
        if (kept < 8)
            network.address.octets[i] &= (unsigned char)(0xFF00u >> kept);
    }
    return network;
}

const char *
network_parse(struct pop_view text, struct network *ret_network)
{
    struct network_address address;
    struct pop_view host = text;
    const char *slash = memchr(text.data, '/', text.len);
    if (slash != NULL)
        host.len = (size_t)(slash - text.data);
    if (host.len == 0 || !parse_address(host, &address))
        return "an address is needed, like 192.0.2.0/24 or 2001:db8::/32";
    uint32_t bits = bits_of(&address);
    if (slash != NULL) {
        struct pop_view rest = {slash + 1, text.len - host.len - 1};
        if (!parse_u32(rest, &bits) || bits > bits_of(&address))
            return address.len == 4 ? "what follows the / is 0 to 32"
                                    : "what follows the / is 0 to 128";
    }
    struct network network = network_of(&address, bits);
    if (memcmp(network.address.octets, address.octets, sizeof address.octets) != 0)
        return "the address has bits behind those that the / leaves";
    *ret_network = network;
    return NULL;
}

bool
network_is_valid(const struct network *network)
{
    return (network->address.len == 4 || network->address.len == 16) &&
           network->bits <= bits_of(&network->address);
}

bool
network_contains(const struct network *network, const struct network_address *address)
{
    if (network->address.len != address->len)
        return false;
    struct network masked = network_of(address, network->bits);
    return memcmp(masked.address.octets, network->address.octets, address->len) == 0;
}

void
network_text(const struct network *network, char ret_text[NETWORK_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN] = "unknown";
    const struct network_address *address = &network->address;
    if (address->len > 0)
        (void)inet_ntop(
            address->len == 4 ? AF_INET : AF_INET6, address->octets, host, sizeof host);
    if (network->bits < bits_of(address))
        (void)snprintf(ret_text, NETWORK_TEXT_MAX, "%s/%u", host, network->bits);
    else
        (void)snprintf(ret_text, NETWORK_TEXT_MAX, "%s", host);
}

void
network_address_text(const struct network_address *address, char ret_text[NETWORK_TEXT_MAX])
{
    struct network host = {.address = *address, .bits = (unsigned char)(8 * address->len)};
    network_text(&host, ret_text);
}
