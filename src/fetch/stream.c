/* The octets of one connection. */
#include "fetch/stream.h"

#include "base/cleanup.h"

#include <errno.h>
#include <sys/socket.h>

static bool
is_gone(int number)
{
    return number == EPIPE || number == ECONNRESET;
}

static enum stream_result
lost(struct err *err)
{
    (void)err_set(err, ERR_SYSTEM, "the connection was lost");
    return STREAM_LOST;
}

static enum stream_result
read_plain(struct stream *stream, char *data, size_t cap, size_t *ret_len, struct err *err)
{
    ssize_t len = recv(stream->fd, data, cap, 0);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return STREAM_WAIT;
    if (len < 0 && !is_gone(errno))
        return lost(err);
    stream->ended = len <= 0;
    *ret_len = len > 0 ? (size_t)len : 0;
    return STREAM_DONE;
}

/* Record by record, as many as there are and fit: what stayed behind in a record that was read
 * in part would make no socket readable. */
static enum stream_result
read_tls(struct stream *stream, char *data, size_t cap, size_t *ret_len, struct err *err)
{
    size_t len = 0;
    stream->wants_write = false;
    while (cap - len >= TLS_RECORD_MAX) {
        size_t more = 0;
        enum tls_result result =
            tls_stream_read(stream->tls, data + len, cap - len, &more, err);
        if (result == TLS_DONE) {
            len += more;
            continue;
        }
        stream->wants_write = result == TLS_WANT_WRITE;
        stream->ended =
            result == TLS_CLOSED ||
            (result == TLS_FAILED && err->code == ERR_SYSTEM && is_gone(err->number));
        if (result == TLS_FAILED && !stream->ended)
            return STREAM_LOST;
        break;
    }
    *ret_len = len;
    return len > 0 || stream->ended ? STREAM_DONE : STREAM_WAIT;
}

enum stream_result
stream_read(struct stream *stream, char *data, size_t cap, size_t *ret_len, struct err *err)
{
    return stream->tls != NULL ? read_tls(stream, data, cap, ret_len, err)
                               : read_plain(stream, data, cap, ret_len, err);
}

static enum stream_result
write_plain(struct stream *stream, struct pop_view data, size_t *ret_len, struct err *err)
{
    ssize_t len = send(stream->fd, data.data, data.len, MSG_NOSIGNAL);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return STREAM_WAIT;
    if (len < 0 && !is_gone(errno))
        return lost(err);
    *ret_len = len > 0 ? (size_t)len : data.len;
    return STREAM_DONE;
}

static enum stream_result
write_tls(struct stream *stream, struct pop_view data, size_t *ret_len, struct err *err)
{
    switch (tls_stream_write(stream->tls, data, ret_len, err)) {
    case TLS_DONE:
        return STREAM_DONE;
    case TLS_WANT_READ:
    case TLS_WANT_WRITE:
        return STREAM_WAIT;
    case TLS_CLOSED:
        break;
    case TLS_FAILED:
        if (err->code != ERR_SYSTEM || !is_gone(err->number))
            return STREAM_LOST;
        break;
    }
    *ret_len = data.len;
    return STREAM_DONE;
}

enum stream_result
stream_write(struct stream *stream, struct pop_view data, size_t *ret_len, struct err *err)
{
    return stream->tls != NULL ? write_tls(stream, data, ret_len, err)
                               : write_plain(stream, data, ret_len, err);
}

void
stream_close(struct stream *stream)
{
    if (stream->tls != NULL)
        tls_stream_close(stream->tls);
    tls_stream_free(stream->tls);
    stream->tls = NULL;
    fd_closep(&stream->fd);
}
