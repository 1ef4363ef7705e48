/* Moving octets through OpenSSL without waiting. */
#include "net/tls_stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>

enum err_code
tls_error(struct err *err, const char *doing)
{
    unsigned long first = ERR_get_error();
    const char *reason = first != 0 ? ERR_reason_error_string(first) : NULL;
    bool memory = ERR_GET_REASON(first) == ERR_R_MALLOC_FAILURE;
    ERR_clear_error();
    return err_set(
        err, memory ? ERR_NOMEM : ERR_PROTOCOL, "%s: %s", doing,
        reason != NULL ? reason : "the connection was closed");
}

static enum tls_result
result_of(struct ssl_st *tls, int returned, const char *doing, struct err *err)
{
    switch (SSL_get_error(tls, returned)) {
    case SSL_ERROR_WANT_READ:
        return TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    case SSL_ERROR_SYSCALL:
        if (errno != 0 && ERR_peek_error() == 0) {
            (void)err_set(err, ERR_SYSTEM, "%s", doing);
            return TLS_FAILED;
        }
        break;
    default:
        break;
    }
    (void)tls_error(err, doing);
    return TLS_FAILED;
}

/* OpenSSL looks at the queue of errors to tell what happened: nothing old may lie there. */
static void
prepare(void)
{
    ERR_clear_error();
    errno = 0;
}

enum tls_result
tls_stream_handshake(struct ssl_st *tls, struct err *err)
{
    prepare();
    int returned = SSL_do_handshake(tls);
    if (returned == 1)
        return TLS_DONE;
    enum tls_result result = result_of(tls, returned, "TLS handshake", err);
    if (result != TLS_CLOSED)
        return result;
    (void)err_set(err, ERR_CLOSED, "TLS handshake: the connection was closed");
    return TLS_FAILED;
}

enum tls_result
tls_stream_read(struct ssl_st *tls, char *data, size_t cap, size_t *ret_len, struct err *err)
{
    prepare();
    int returned = SSL_read_ex(tls, data, cap, ret_len);
    return returned == 1 ? TLS_DONE : result_of(tls, returned, "reading over TLS", err);
}

enum tls_result
tls_stream_write(struct ssl_st *tls, struct pop_view data, size_t *ret_len, struct err *err)
{
    prepare();
    int returned = SSL_write_ex(tls, data.data, data.len, ret_len);
    return returned == 1 ? TLS_DONE : result_of(tls, returned, "writing over TLS", err);
}

uint64_t
tls_stream_received(const struct ssl_st *tls)
{
    return BIO_number_read(SSL_get_rbio(tls));
}

bool
tls_stream_has_input(const struct ssl_st *tls)
{
    return SSL_pending(tls) > 0;
}

bool
tls_stream_binding(struct ssl_st *tls, char ret_binding[TLS_BINDING_LEN])
{
    static const char label[] = "EXPORTER-Channel-Binding";
    return SSL_version(tls) >= TLS1_3_VERSION &&
           SSL_export_keying_material(
               tls, (unsigned char *)ret_binding, TLS_BINDING_LEN, label, sizeof label - 1,
               (const unsigned char *)"", 0, 1) == 1;
}

void
tls_stream_close(struct ssl_st *tls)
{
    prepare();
    /* Within a handshake there is nothing to close, and OpenSSL would complain. */
    if (SSL_is_init_finished(tls))
        (void)SSL_shutdown(tls); /* the peer need not answer (R8314-4) */
    ERR_clear_error();
}

void
tls_stream_free(struct ssl_st *tls)
{
    SSL_free(tls);
}

void
tls_stream_name(const struct ssl_st *tls, char ret_name[TLS_NAME_MAX])
{
    const char *resumed = SSL_session_reused(tls) ? ", resumed" : "";
    (void)snprintf(
        ret_name, TLS_NAME_MAX, "%s %s%s", SSL_get_version(tls), SSL_get_cipher_name(tls),
        resumed);
}
