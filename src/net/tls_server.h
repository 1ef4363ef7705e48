/*
 * What a server needs to speak TLS: certificates that are chosen by the name
 * the client asks for, keys that are elsewhere, tickets.
 *
 * TLS 1.2 with forward secrecy and AEAD only, and TLS 1.3 (R8314-2, R8314-3);
 * no renegotiation, no compression, no early data.
 */
#ifndef NET_TLS_SERVER_H
#define NET_TLS_SERVER_H

#include "net/tls_remote_key.h"
#include "net/tls_stream.h"

/* Certificates of one configuration. */
#define TLS_CERTIFICATES_MAX 64u

/* A certificate file: the server's own and those that lead to a root. A long chain with large
 * RSA keys is 10 KiB. */
#define TLS_CERTIFICATE_FILE_MAX (256u << 10)

/* Encrypts and proves tickets; shared by all fronts, so that any of them can resume what
 * another began. */
struct tls_ticket_key {
    char name[16];
    unsigned char cipher[32]; /* AES-256-CBC */
    unsigned char mac[32];    /* HMAC-SHA-256 */
};

/* The first makes tickets, both open them. */
struct tls_ticket_keys {
    struct tls_ticket_key current;
    struct tls_ticket_key previous;
};

struct tls_server;

/* Empty: no handshake succeeds. `tickets` is borrowed and may change at any time. */
enum err_code tls_server_new(
    struct tls_server **ret_server, const struct tls_ticket_keys *tickets, struct err *err);

/*
 * Adds a certificate: the PEM text of the server's own and those above it. The
 * first one added serves clients that ask for no name or for one that none has
 * (R7817-5). `key` is its private key's number. ERR_INVALID says what is wrong.
 */
enum err_code
tls_server_add(struct tls_server *server, struct pop_view pem, uint32_t key, struct err *err);

/*
 * Asks clients for a certificate, which they may do without: one that somebody
 * in this PEM text vouches for says who they are, tls_stream_client(); another
 * one is as none. Before the first certificate is added. ERR_INVALID.
 */
enum err_code tls_server_trust(struct tls_server *server, struct pop_view pem, struct err *err);

/* A connection that has been accepted; the handshake comes next. The server may be freed before
 * the connection. ERR_NOMEM. */
enum err_code
tls_server_accept(struct tls_server *server, int fd, struct ssl_st **ret_tls, struct err *err);

void tls_server_free(struct tls_server *server); /* NULL is fine */

#endif
