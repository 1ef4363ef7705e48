/* Addresses as text and as what they mean. */
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

void
address_text(const struct sockaddr_storage *address, char ret_text[ADDRESS_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;
        (void)inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        (void)snprintf(ret_text, ADDRESS_TEXT_MAX, "%s:%u", host, ntohs(in->sin_port));
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)address;
        (void)inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        (void)snprintf(ret_text, ADDRESS_TEXT_MAX, "[%s]:%u", host, ntohs(in6->sin6_port));
    } else {
        (void)snprintf(ret_text, ADDRESS_TEXT_MAX, "unknown address");
    }
}

/* The IPv4 address inside, if there is one. */
static const unsigned char *
ipv4_octets(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET)
        return (const unsigned char *)&((const struct sockaddr_in *)(const void *)address)
            ->sin_addr;
    const struct sockaddr_in6 *in6 = (const void *)address;
    if (address->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        return in6->sin6_addr.s6_addr + 12;
    return NULL;
}

bool
address_is_loopback(const struct sockaddr_storage *address)
{
    const unsigned char *ipv4 = ipv4_octets(address);
    if (ipv4 != NULL)
        return ipv4[0] == 127;
    const struct sockaddr_in6 *in6 = (const void *)address;
    return address->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

void
address_octets(const struct sockaddr_storage *address, struct network_address *ret_octets)
{
    const unsigned char *ipv4 = ipv4_octets(address);
    const struct sockaddr_in6 *in6 = (const void *)address;
    *ret_octets = (struct network_address){0};
    if (ipv4 != NULL) {
        ret_octets->len = 4;
        memcpy(ret_octets->octets, ipv4, 4);
    } else if (address->ss_family == AF_INET6) {
        ret_octets->len = 16;
        memcpy(ret_octets->octets, in6->sin6_addr.s6_addr, 16);
    }
}

size_t
address_prefix(const struct sockaddr_storage *address, unsigned char ret_prefix[8])
{
    const unsigned char *ipv4 = ipv4_octets(address);
    if (ipv4 != NULL) {
        memcpy(ret_prefix, ipv4, 4);
        return 4;
    }
    if (address->ss_family != AF_INET6)
        return 0;
    memcpy(
        ret_prefix, ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr, 8);
    return 8;
}
