/* The PROXY protocol: one line of text, or a block of octets that no line begins with. */
#include "net/proxy_header.h"

#include "base/number.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static const unsigned char signature[12] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D,
                                            0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};
static const char line_start[] = "PROXY ";

/* Version 2: the signature, version and command, family and transport, the length of the rest.
 */
enum { FIXED_SIZE = 16, COMMAND_AT = 12, FAMILY_AT = 13, SIZE_AT = 14 };
/* Source, destination, their ports. */
enum { IPV4_SIZE = 12, IPV6_SIZE = 36, UNIX_SIZE = 216 };

static void
set_ipv4(struct sockaddr_storage *ret, const void *octets, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    memcpy(&in.sin_addr, octets, sizeof in.sin_addr);
    *ret = (struct sockaddr_storage){0};
    memcpy(ret, &in, sizeof in);
}

static void
set_ipv6(struct sockaddr_storage *ret, const void *octets, uint16_t port)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memcpy(&in6.sin6_addr, octets, sizeof in6.sin6_addr);
    *ret = (struct sockaddr_storage){0};
    memcpy(ret, &in6, sizeof in6);
}

/* ---- version 1 ---- */

/* The octets up to the next blank, which must be there unless it is the last field. */
static bool
take_field(struct pop_view *rest, bool last, struct pop_view *ret_field)
{
    const char *blank = memchr(rest->data, ' ', rest->len);
    if ((blank == NULL) != last)
        return false;
    *ret_field = (struct pop_view){rest->data, last ? rest->len : (size_t)(blank - rest->data)};
    pop_view_skip(rest, ret_field->len + (last ? 0 : 1));
    return true;
}

/* The specification's IPv6 has no IPv4 in it. */
static bool
take_address(struct pop_view *rest, int family, unsigned char ret_octets[16])
{
    struct pop_view field;
    char text[INET6_ADDRSTRLEN];
    if (!take_field(rest, false, &field) || field.len >= sizeof text ||
        memchr(field.data, '\0', field.len) != NULL ||
        (family == AF_INET6 && memchr(field.data, '.', field.len) != NULL))
        return false;
    memcpy(text, field.data, field.len);
    text[field.len] = '\0';
    return inet_pton(family, text, ret_octets) == 1;
}

static bool
take_port(struct pop_view *rest, bool last, uint16_t *ret_port)
{
    struct pop_view field;
    uint32_t port;
    if (!take_field(rest, last, &field) || !parse_u32(field, &port) || port > UINT16_MAX ||
        (field.len > 1 && field.data[0] == '0'))
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

/* Without "PROXY " and CRLF. */
static enum proxy_step
read_line(struct pop_view rest, struct sockaddr_storage *ret_client)
{
    struct pop_view protocol = rest;
    const char *blank = memchr(rest.data, ' ', rest.len);
    if (blank != NULL)
        protocol.len = (size_t)(blank - rest.data);
    if (pop_view_equal(protocol, POP_VIEW("UNKNOWN")))
        return PROXY_UNKNOWN; /* whatever follows is to be ignored */
    int family = pop_view_equal(protocol, POP_VIEW("TCP4"))   ? AF_INET
                 : pop_view_equal(protocol, POP_VIEW("TCP6")) ? AF_INET6
                                                              : AF_UNSPEC;
    unsigned char source[16];
    unsigned char destination[16];
    uint16_t port;
    uint16_t other;
    if (family == AF_UNSPEC || blank == NULL)
        return PROXY_BAD;
    pop_view_skip(&rest, protocol.len + 1);
    if (!take_address(&rest, family, source) || !take_address(&rest, family, destination) ||
        !take_port(&rest, false, &port) || !take_port(&rest, true, &other))
        return PROXY_BAD;
    if (family == AF_INET)
        set_ipv4(ret_client, source, port);
    else
        set_ipv6(ret_client, source, port);
    return PROXY_CLIENT;
}

/* Another octet of a line. Only CRLF ends it, and neither of the two stands alone. */
static enum proxy_step
line_octet(struct proxy_header *header, unsigned char c, struct sockaddr_storage *ret_client)
{
    const size_t start = sizeof line_start - 1;
    bool after_cr = header->len > 0 && header->data[header->len - 1] == '\r';
    if (header->len == PROXY_LINE_MAX || (c == '\n') != after_cr ||
        (header->len < start && c != (unsigned char)line_start[header->len]))
        return PROXY_BAD;
    header->data[header->len++] = c;
    if (c != '\n')
        return PROXY_MORE;
    struct pop_view rest = {(const char *)header->data + start, header->len - start - 2};
    return read_line(rest, ret_client);
}

/* ---- version 2 ---- */

static uint16_t
get_u16(const unsigned char *octets)
{
    return (uint16_t)(octets[0] << 8 | octets[1]);
}

/* The fixed part is there. False: no receiver may take it (section 2.2). */
static bool
fixed_is_valid(const struct proxy_header *header)
{
    unsigned command = header->data[COMMAND_AT];
    unsigned family = header->data[FAMILY_AT] >> 4;
    unsigned transport = header->data[FAMILY_AT] & 15;
    unsigned rest = get_u16(header->data + SIZE_AT);
    static const unsigned least[] = {0, IPV4_SIZE, IPV6_SIZE, UNIX_SIZE};
    if (command == 0x20)
        return true; /* LOCAL: the family is ignored */
    return command == 0x21 && family <= 3 && transport <= 2 &&
           (transport == 0 || rest >= least[family]);
}

static enum proxy_step
read_block(const struct proxy_header *header, struct sockaddr_storage *ret_client)
{
    const unsigned char *addresses = header->data + FIXED_SIZE;
    if (header->data[COMMAND_AT] == 0x20)
        return PROXY_LOCAL;
    switch (header->data[FAMILY_AT]) {
    case 0x11:
        set_ipv4(ret_client, addresses, get_u16(addresses + 8));
        return PROXY_CLIENT;
    case 0x21:
        set_ipv6(ret_client, addresses, get_u16(addresses + 32));
        return PROXY_CLIENT;
    default: /* mail does not come over UDP, and other sockets have no address */
        return PROXY_UNKNOWN;
    }
}

static enum proxy_step
block_octet(struct proxy_header *header, unsigned char c, struct sockaddr_storage *ret_client)
{
    if (header->len < sizeof signature && c != signature[header->len])
        return PROXY_BAD;
    if (header->len < sizeof header->data)
        header->data[header->len] = c;
    header->len++;
    if (header->len < FIXED_SIZE)
        return PROXY_MORE;
    if (header->len == FIXED_SIZE) {
        if (!fixed_is_valid(header))
            return PROXY_BAD;
        header->size = FIXED_SIZE + get_u16(header->data + SIZE_AT);
    }
    return header->len == header->size ? read_block(header, ret_client) : PROXY_MORE;
}

enum proxy_step
proxy_header_next(
    struct proxy_header *header, struct pop_view *in, struct sockaddr_storage *ret_client)
{
    enum proxy_step step = PROXY_MORE;
    while (step == PROXY_MORE && in->len > 0) {
        unsigned char c = (unsigned char)in->data[0];
        bool block = header->len > 0 ? header->data[0] == signature[0] : c == signature[0];
        pop_view_skip(in, 1);
        step = block ? block_octet(header, c, ret_client) : line_octet(header, c, ret_client);
    }
    return step;
}
