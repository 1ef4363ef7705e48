/* pop: and pops: URLs (RFC 2384): what they say, checked and decoded. */
#ifndef FETCH_URL_H
#define FETCH_URL_H

#include "base/err.h"
#include "base/limits.h"

#include <stdint.h>

/* RFC 1035: a host name has at most 253 octets; an address literal is shorter. */
#define URL_HOST_MAX 253

/* RFC 4422: a SASL mechanism has at most 20 octets. */
#define URL_MECHANISM_MAX 20

#define URL_PORT_POP  110
#define URL_PORT_POPS 995 /* TLS first (RFC 8314) */

enum url_auth {
    URL_AUTH_ANY, /* no AUTH part, or ";AUTH=*": the client's choice (R2384-2) */
    URL_AUTH_APOP,
    URL_AUTH_SASL, /* the one named in `mechanism` */
};

struct pop_url {
    bool implicit_tls; /* pops: */
    enum url_auth auth;
    uint16_t port;
    bool port_given; /* else it is the scheme's */
    char mechanism[URL_MECHANISM_MAX + 1];
    char user[USER_NAME_MAX + 1]; /* decoded; no control characters */
    char host[URL_HOST_MAX + 1];  /* lower case; an IPv6 address without its brackets */
};

/*
 * Reads "pop[s]://user[;AUTH=mechanism]@host[:port]". ERR_INVALID says what is
 * wrong, without repeating anything that may be a password.
 */
enum err_code url_parse(const char *text, struct pop_url *ret_url, struct err *err);

#endif
