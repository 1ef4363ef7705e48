/* The octets of a connection, plain or inside TLS. */
#include "server/front.h"

#include <errno.h>
#include <unistd.h>

static bool
is_encrypted(const struct session *session)
{
    return session->tls != NULL && !session->handshaking;
}

/* ---- plain ---- */

static ssize_t
send_plain(struct session *session, const char *data, size_t len)
{
    size_t sent = 0;
    while (sent < len) {
        ssize_t n = send(session->source.fd, data + sent, len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            return -1;
        sent += (size_t)n;
    }
    return (ssize_t)sent;
}

static enum stream_result
receive_plain(struct session *session)
{
    ssize_t n;
    do
        n = read(session->source.fd, session->input, sizeof session->input);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN) {
        session->readable = false;
        return STREAM_EMPTY;
    }
    if (n <= 0)
        return n == 0 ? STREAM_ENDED : STREAM_BROKEN;
    session->input_len = (uint16_t)n;
    /* A short read has emptied the socket: the next octet, or the end, is a new event. */
    session->readable = (size_t)n == sizeof session->input || session->hung_up;
    return STREAM_OCTETS;
}

/* What follows the header may be a TLS handshake, which OpenSSL reads by itself: so the octets
 * are looked at, and only those of the header are taken. */
enum proxy_step
stream_proxy_header(struct session *session, struct sockaddr_storage *ret_client)
{
    enum proxy_step step = PROXY_MORE;
    while (step == PROXY_MORE) {
        ssize_t n;
        do
            n = recv(session->source.fd, session->input, sizeof session->input, MSG_PEEK);
        while (n < 0 && errno == EINTR);
        if (n < 0 && errno == EAGAIN) {
            session->readable = false;
            return PROXY_MORE;
        }
        if (n <= 0)
            return PROXY_BAD;
        struct pop_view in = {session->input, (size_t)n};
        step = proxy_header_next(session->header, &in, ret_client);
        size_t used = (size_t)n - in.len;
        if (recv(session->source.fd, session->input, used, 0) != (ssize_t)used)
            return PROXY_BAD; /* they were there just now */
    }
    return step;
}

/* ---- inside TLS ---- */

static ssize_t
send_encrypted(struct session *session, const char *data, size_t len)
{
    size_t sent = 0;
    while (sent < len) {
        size_t n = 0;
        switch (tls_stream_write(
            session->tls, (struct pop_view){data + sent, len - sent}, &n, NULL)) {
        case TLS_DONE:
            sent += n;
            break;
        case TLS_WANT_READ: /* what comes is an event in any case */
        case TLS_WANT_WRITE:
            return (ssize_t)sent;
        case TLS_CLOSED:
        case TLS_FAILED:
            return -1;
        }
    }
    return (ssize_t)sent;
}

static enum stream_result
receive_encrypted(struct session *session)
{
    size_t n = 0;
    switch (tls_stream_read(session->tls, session->input, sizeof session->input, &n, NULL)) {
    case TLS_DONE:
        session->input_len = (uint16_t)n;
        return STREAM_OCTETS;
    case TLS_WANT_WRITE:
        session_watch(session, EPOLLOUT);
        session->readable = false;
        return STREAM_EMPTY;
    case TLS_WANT_READ:
        session->readable = false;
        return STREAM_EMPTY;
    case TLS_CLOSED:
        return STREAM_ENDED;
    case TLS_FAILED:
        break;
    }
    return STREAM_BROKEN;
}

/* ---- either ---- */

ssize_t
stream_send(struct session *session, const char *data, size_t len)
{
    return is_encrypted(session) ? send_encrypted(session, data, len)
                                 : send_plain(session, data, len);
}

enum stream_result
stream_receive(struct session *session)
{
    return is_encrypted(session) ? receive_encrypted(session) : receive_plain(session);
}

bool
stream_has_input(const struct session *session)
{
    char octet;
    if (is_encrypted(session) && tls_stream_has_input(session->tls))
        return true;
    return recv(session->source.fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void
stream_close(struct session *session)
{
    if (is_encrypted(session))
        tls_stream_close(session->tls);
}
