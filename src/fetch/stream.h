/* The octets of one connection, plain or over TLS, without waiting. */
#ifndef FETCH_STREAM_H
#define FETCH_STREAM_H

#include "net/tls_stream.h"

/* {.fd = -1} is closed. */
struct stream {
    int fd;             /* non-blocking */
    struct ssl_st *tls; /* NULL: plain text; its handshake is done before anything else */
    bool wants_write;   /* the socket has to be writable before TLS can go on reading */
    bool ended;         /* the server has closed its side */
};

enum stream_result {
    STREAM_DONE, /* at least one octet */
    STREAM_WAIT, /* when the socket is ready: again */
    STREAM_LOST, /* *err says how */
};

/* STREAM_DONE may come without octets if `ended` is set, and may set it with octets. */
enum stream_result
stream_read(struct stream *stream, char *data, size_t cap, size_t *ret_len, struct err *err);

/* To a server that has closed, octets go nowhere: what it said before may still be read. */
enum stream_result
stream_write(struct stream *stream, struct pop_view data, size_t *ret_len, struct err *err);

/* With the closing alert (R8314-4). Closed is fine. */
void stream_close(struct stream *stream);

#endif
