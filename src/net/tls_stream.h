/*
 * One TLS connection over a non-blocking socket, either side (OpenSSL). Knows
 * nothing of who is at the other end; see tls_server.h and tls_client.h.
 *
 * The stream owns neither the socket nor the event loop: every call does what
 * it can without waiting and says what to wait for.
 */
#ifndef NET_TLS_STREAM_H
#define NET_TLS_STREAM_H

#include "base/err.h"

#include <pop/view.h>
#include <stdint.h>

struct ssl_st; /* OpenSSL's SSL */

enum tls_result {
    TLS_DONE,       /* the handshake is complete; octets were read or written */
    TLS_WANT_READ,  /* when the socket is readable: the same call again */
    TLS_WANT_WRITE, /* when the socket is writable: the same call again */
    TLS_CLOSED,     /* the peer has ended its side; it may still be written to */
    TLS_FAILED,     /* broken */
};

/* The most that one record carries: a read with room for it leaves nothing behind. */
#define TLS_RECORD_MAX 16384u

/* Kind, version, length: what is read of a record first, and judged before anything else. */
#define TLS_RECORD_HEADER_SIZE 5u

/* What is left on the queue of OpenSSL's errors as one text: ERR_PROTOCOL, or ERR_NOMEM. */
enum err_code tls_error(struct err *err, const char *doing);

/* Never TLS_CLOSED: a peer that ends here has failed, with ERR_CLOSED. */
enum tls_result tls_stream_handshake(struct ssl_st *tls, struct err *err);

/* At least one octet, at most `cap`. After the handshake. */
enum tls_result
tls_stream_read(struct ssl_st *tls, char *data, size_t cap, size_t *ret_len, struct err *err);

/* Part of it may be taken; what is offered again after TLS_WANT_* may lie elsewhere but must
 * begin with the same octets. */
enum tls_result
tls_stream_write(struct ssl_st *tls, struct pop_view data, size_t *ret_len, struct err *err);

/* Octets that came from the peer so far, as they were on the way. */
uint64_t tls_stream_received(const struct ssl_st *tls);

/* Octets that were decrypted already: readable without the socket being so. */
bool tls_stream_has_input(const struct ssl_st *tls);

/* What binds a login to this connection: tls-exporter (RFC 9266). False: TLS 1.2, which has
 * none that is safe (R5802-8). */
#define TLS_BINDING_LEN 32
bool tls_stream_binding(struct ssl_st *tls, char ret_binding[TLS_BINDING_LEN]);

/*
 * Who the client's certificate says it is: the one e-mail address of its
 * subjectAltName, or the one common name of its subject; at most 255 octets
 * without control characters. False: it has none that was vouched for (see
 * tls_server_trust()), or none with such a name. Also of a resumed session.
 */
#define TLS_CLIENT_MAX 256
bool tls_stream_client(const struct ssl_st *tls, char ret_name[TLS_CLIENT_MAX]);

/* Sends the closing alert if it fits into the socket; the answer is not waited for. */
void tls_stream_close(struct ssl_st *tls);

void tls_stream_free(struct ssl_st *tls); /* NULL is fine */

/* For the log: "TLSv1.3 TLS_AES_256_GCM_SHA384" (R8314-5). */
#define TLS_NAME_MAX 96
void tls_stream_name(const struct ssl_st *tls, char ret_name[TLS_NAME_MAX]);

#endif
