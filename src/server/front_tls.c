/* TLS in front: certificates that the parent hands over, signatures that keys makes. */
#include "server/front.h"

#include "base/check.h"
#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static_assert(sizeof(struct tls_ticket_keys) == IPC_TICKETS_SIZE, "the message holds them");
static_assert(TLS_SIGN_INPUT_MAX == IPC_SIGN_INPUT_MAX, "a request fits");
static_assert(TLS_SIGN_OUTPUT_MAX == IPC_SIGN_OUTPUT_MAX, "and so does its answer");

/* ---- keys ---- */

static void
lose_keys(struct front *front)
{
    fd_closep(&front->keys_fd); /* handshakes fail until the parent sends a new one */
}

void
front_keys(struct front *front, int fd)
{
    lose_keys(front);
    front->keys_fd = fd;
}

/* Waits for the one answer that is under way. */
static bool
hear_signature(struct front *front, struct ipc_packet *packet)
{
    for (;;) {
        struct pollfd readable = {.fd = front->keys_fd, .events = POLLIN};
        int ready = poll(&readable, 1, IPC_PATIENCE_MS);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return false;
        switch (ipc_receive(front->keys_fd, IPC_KEYS, IPC_FRONT, packet)) {
        case IPC_OK:
            return true;
        case IPC_AGAIN:
            continue;
        case IPC_CLOSED:
            return false;
        case IPC_BAD:
        case IPC_NO_FDS:
            BUG("keys sends what the table says");
        }
    }
}

/* OpenSSL asks for a signature in the middle of a handshake. All sessions of this front wait:
 * 0.1 ms for an EC key, 1 ms for RSA. */
static size_t
sign(
    void *context, const struct tls_sign_request *request,
    char ret_signature[TLS_SIGN_OUTPUT_MAX])
{
    struct front *front = context;
    struct ipc_header header = {.type = IPC_SIGN};
    struct ipc_sign body = {
        .key = request->key,
        .signature = (uint32_t)request->signature,
        .pss = request->pss,
        .len = (uint32_t)request->input.len,
    };
    struct ipc_packet packet;
    if (front->keys_fd < 0)
        return 0;
    memcpy(body.input, request->input.data, request->input.len);
    if (ipc_send_wait(front->keys_fd, &header, &body, sizeof body, NULL, 0) != IPC_OK ||
        !hear_signature(front, &packet)) {
        log_error("restanted-keys does not answer");
        lose_keys(front); /* a late answer would be taken for the next one */
        return 0;
    }
    const struct ipc_signed *made = (const void *)packet.body;
    memcpy(ret_signature, made->signature, made->len);
    return made->len;
}

/* ---- certificates ---- */

static enum err_code
read_pem(int fd, char *pem, size_t *ret_len, struct err *err)
{
    for (size_t len = 0; len < TLS_CERTIFICATE_FILE_MAX;) {
        ssize_t n = pread(fd, pem + len, TLS_CERTIFICATE_FILE_MAX - len, (off_t)len);
        if (n < 0 && errno != EINTR)
            return err_set(err, ERR_SYSTEM, "cannot read a certificate");
        if (n == 0) {
            *ret_len = len;
            return ERR_OK;
        }
        len += n > 0 ? (size_t)n : 0;
    }
    return err_set(err, ERR_LIMIT, "the file of a certificate is too large");
}

static enum err_code
add_certificate(
    struct front *front, const struct ipc_certificate *info, int fd, struct err *err)
{
    CLEANUP(free_p) char *pem = malloc(TLS_CERTIFICATE_FILE_MAX);
    size_t len = 0;
    if (pem == NULL)
        return err_set(err, ERR_NOMEM, "reading a certificate");
    enum err_code code = read_pem(fd, pem, &len, err);
    if (code != ERR_OK)
        return code;
    return tls_server_add(front->tls_next, (struct pop_view){pem, len}, info->key, err);
}

static enum err_code
begin_set(struct front *front, struct err *err)
{
    static bool started; /* OpenSSL has our provider */
    enum err_code code = ERR_OK;
    if (!started)
        code = tls_remote_key_start(sign, front, err);
    started = code == ERR_OK;
    tls_server_free(front->tls_next); /* of a set that had a fault */
    front->tls_next = NULL;
    return code != ERR_OK ? code : tls_server_new(&front->tls_next, &front->tickets, err);
}

void
front_client_ca(struct front *front, int fd)
{
    fd_closep(&front->client_ca_fd);
    front->client_ca_fd = fd;
}

/* A fault in it costs only those who would log in by certificate. */
static void
trust_clients(struct front *front)
{
    struct err err;
    CLEANUP(free_p) char *pem = malloc(TLS_CERTIFICATE_FILE_MAX);
    size_t len = 0;
    if (front->client_ca_fd < 0)
        return;
    enum err_code code = pem == NULL ? err_set(&err, ERR_NOMEM, "reading it")
                                     : read_pem(front->client_ca_fd, pem, &len, &err);
    if (code == ERR_OK)
        code = tls_server_trust(front->tls_next, (struct pop_view){pem, len}, &err);
    if (code != ERR_OK)
        log_error("client-ca is not used: %s", err.text);
    fd_closep(&front->client_ca_fd);
}

void
front_certificate(struct front *front, const struct ipc_certificate *info, int fd)
{
    struct err err;
    enum err_code code = info->index == 0 ? begin_set(front, &err) : ERR_OK;
    if (info->index == 0 && code == ERR_OK)
        trust_clients(front);
    if (code == ERR_OK && front->tls_next != NULL)
        code = add_certificate(front, info, fd, &err);
    if (code != ERR_OK) {
        log_error("certificate %u is not used: %s", info->index + 1, err.text);
        tls_server_free(front->tls_next);
        front->tls_next = NULL; /* the old set stays */
    }
    if (info->index + 1 < info->count || front->tls_next == NULL)
        return;
    tls_server_free(front->tls); /* connections that began with it keep it */
    front->tls = front->tls_next;
    front->tls_next = NULL;
}

void
front_tickets(struct front *front, const struct ipc_tickets *tickets)
{
    memcpy(&front->tickets, tickets->octets, sizeof front->tickets);
}

/* ---- handshakes ---- */

bool
session_begin_tls(struct session *session)
{
    struct err err;
    struct front *front = session->front;
    if (front->tls == NULL) {
        session_end(session, "there is no certificate");
        return false;
    }
    if (tls_server_accept(front->tls, session->source.fd, &session->tls, &err) != ERR_OK) {
        session_end(session, err.text);
        return false;
    }
    session->handshaking = true;
    return true;
}

bool
session_handshake(struct session *session, struct pop_buffer *out)
{
    struct err err;
    switch (tls_stream_handshake(session->tls, &err)) {
    case TLS_DONE:
        break;
    case TLS_WANT_READ:
        return false; /* what comes is an event */
    case TLS_WANT_WRITE:
        session_watch(session, EPOLLOUT);
        return false;
    case TLS_CLOSED:
    case TLS_FAILED:
        session_end(session, err.text);
        return false;
    }
    session->handshaking = false;
    session->readable = true; /* a command may have come with the end of the handshake */
    const struct pop_server_config *config = session_tls_config(session);
    if (session->greets_late) {
        pop_server_init(&session->pop, config);
        return session_greet(session, out);
    } else {
        pop_server_tls_started(&session->pop, config);
    }
    return true;
}
