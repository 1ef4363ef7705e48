/*
 * The header that a proxy sends before anything else on a connection, to tell
 * whose connection it is (HAProxy's PROXY protocol, versions 1 and 2). Octets
 * in, an address out; no descriptor.
 *
 * Strict: what does not match the specification to the letter is no header,
 * and as soon as that is certain it is said.
 */
#ifndef NET_PROXY_HEADER_H
#define NET_PROXY_HEADER_H

#include <pop/view.h>
#include <stdint.h>
#include <sys/socket.h>

/* Version 1: a line has at most 107 octets with CRLF (section 2.1). Version 2 needs less to be
 * kept; what else it brings is skipped. */
#define PROXY_LINE_MAX 107

enum proxy_step {
    PROXY_MORE,    /* *in is used up */
    PROXY_LOCAL,   /* the proxy itself, such as a check that we live: the real address holds */
    PROXY_UNKNOWN, /* somebody else, but it cannot say who: the real address is all there is */
    PROXY_CLIENT,  /* *ret_client is who it is for */
    PROXY_BAD,     /* this is no header: the connection must be closed */
};

struct proxy_header {
    uint32_t len;                       /* octets that came */
    uint32_t size;                      /* version 2: of the whole header; 0: not known yet */
    unsigned char data[PROXY_LINE_MAX]; /* the first of them */
};                                      /* zeroed = nothing has come yet */

/*
 * Moves *in past what belongs to the header and no further. Input may be cut at
 * any place. After anything but PROXY_MORE not to be called again.
 */
enum proxy_step proxy_header_next(
    struct proxy_header *header, struct pop_view *in, struct sockaddr_storage *ret_client);

#endif
