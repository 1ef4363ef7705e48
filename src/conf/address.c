/* Socket addresses as text. inet_pton, not getaddrinfo: "127.1" and "0x7f000001" are slips. */
#include "conf/address.h"

#include "base/number.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

/* The longest IPv6 address with a scope, and its NUL. */
#define HOST_MAX (INET6_ADDRSTRLEN + IF_NAMESIZE + 1)

static bool
parse_ipv4(const char *host, uint16_t port, struct sockaddr_storage *ret, socklen_t *ret_len)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
        return false;
    *ret = (struct sockaddr_storage){0};
    memcpy(ret, &address, sizeof address);
    *ret_len = sizeof address;
    return true;
}

static bool
parse_ipv6(char *host, uint16_t port, struct sockaddr_storage *ret, socklen_t *ret_len)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    char *scope = strchr(host, '%');
    if (scope != NULL) {
        *scope++ = '\0';
        address.sin6_scope_id = if_nametoindex(scope);
        if (address.sin6_scope_id == 0)
            return false;
    }
    if (inet_pton(AF_INET6, host, &address.sin6_addr) != 1)
        return false;
    *ret = (struct sockaddr_storage){0};
    memcpy(ret, &address, sizeof address);
    *ret_len = sizeof address;
    return true;
}

bool
conf_address_parse(const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_len)
{
    bool bracketed = text[0] == '[';
    const char *host = bracketed ? text + 1 : text;
    const char *host_end = bracketed ? strchr(text, ']') : strchr(text, ':');
    if (host_end == NULL || host_end[bracketed] != ':')
        return false;

    uint32_t port;
    if (!parse_u32(pop_view_of(host_end + bracketed + 1), &port) || port < 1 || port > 65535)
        return false;

    char buffer[HOST_MAX];
    size_t len = (size_t)(host_end - host);
    if (len >= sizeof buffer)
        return false;
    memcpy(buffer, host, len);
    buffer[len] = '\0';
    return bracketed ? parse_ipv6(buffer, (uint16_t)port, ret_address, ret_len)
                     : parse_ipv4(buffer, (uint16_t)port, ret_address, ret_len);
}
