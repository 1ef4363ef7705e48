/*
 * Contexts of a TLS server: one for each certificate.
 *
 * A connection holds the context that it began with, the first one, and may be
 * in its handshake while the certificates are exchanged. So the first context
 * owns everything else: it goes when the last connection has gone.
 */
#include "net/tls_server.h"

#include "base/check.h"
#include "base/cleanup.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* BCP 195 (RFC 9325): forward secrecy and AEAD. TLS 1.3's suites are all fine. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"
#define GROUPS  "X25519:P-256:P-384" /* keys signs for these alone, tls_private_key.c */

/* A session may be resumed for as long as its ticket's key is known: two rotations. */
#define TICKET_SECONDS 7200

struct tls_server {
    const struct tls_ticket_keys *tickets;
    X509_STORE *clients;                /* who vouches for clients; NULL: they are not asked */
    STACK_OF(X509_NAME) * client_names; /* of these, to tell clients */
    size_t count;
    SSL_CTX *contexts[TLS_CERTIFICATES_MAX]; /* the first one owns this struct */
};

static void
server_free(struct tls_server *server)
{
    if (server == NULL)
        return;
    X509_STORE_free(server->clients);
    sk_X509_NAME_pop_free(server->client_names, X509_NAME_free);
    free(server);
}

static void
free_with_first(
    void *context, void *server_data, CRYPTO_EX_DATA *data, int index, long argument,
    void *pointer)
{
    struct tls_server *server = server_data;
    (void)context;
    (void)data;
    (void)index;
    (void)argument;
    (void)pointer;
    for (size_t i = 1; server != NULL && i < server->count; i++)
        SSL_CTX_free(server->contexts[i]);
    server_free(server);
}

/* OpenSSL's place for the struct in its first context; asked for once. */
static int
server_index(void)
{
    static int index = -1;
    if (index < 0)
        index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_with_first);
    return index;
}

/* ---- tickets ---- */

static bool
ticket_use(
    const struct tls_ticket_key *key, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
    const unsigned char *iv, int encrypt)
{
    char hash[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(
            OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->mac, sizeof key->mac),
        OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, hash, sizeof hash - 1),
        OSSL_PARAM_END,
    };
    return EVP_MAC_CTX_set_params(mac, params) == 1 &&
           EVP_CipherInit_ex2(cipher, EVP_aes_256_cbc(), key->cipher, iv, encrypt, NULL) == 1;
}

/* OpenSSL asks: 1 is done, 2 is done and the ticket wants to be made anew, 0 is "no ticket". */
static int
on_ticket(
    SSL *tls, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, int encrypt)
{
    const struct tls_ticket_keys *keys = SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls));
    const struct tls_ticket_key *key = &keys->current;
    if (encrypt) {
        memcpy(name, key->name, sizeof key->name);
        if (RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1)
            return -1;
        return ticket_use(key, cipher, mac, iv, 1) ? 1 : -1;
    }
    if (memcmp(name, key->name, sizeof key->name) == 0)
        return ticket_use(key, cipher, mac, iv, 0) ? 1 : -1;
    key = &keys->previous;
    if (memcmp(name, key->name, sizeof key->name) == 0)
        return ticket_use(key, cipher, mac, iv, 0) ? 2 : -1;
    return 0;
}

/* ---- names ---- */

/* Whether the certificate is for that name (R7817-3: a wildcard is a whole left-most label). */
static bool
serves(SSL_CTX *context, const char *name)
{
    unsigned flags = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
    return X509_check_host(SSL_CTX_get0_certificate(context), name, 0, flags, NULL) == 1;
}

/*
 * A session is for the name that it was made for, and a ticket under another one
 * is none (RFC 6066, section 3; RFC 8446, section 4.6.1): the name goes into the
 * session's context, in which alone OpenSSL resumes it. This comes before the
 * ticket is looked at; on_server_name comes behind it.
 */
static int
on_client_hello(SSL *tls, int *alert, void *argument)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    const unsigned char *names = (const unsigned char *)"";
    size_t len = 0;
    (void)argument;
    (void)SSL_client_hello_get0_ext(tls, TLSEXT_TYPE_server_name, &names, &len); /* or none */
    static_assert(sizeof digest <= SSL_MAX_SID_CTX_LENGTH, "it fits");
    if (SHA256(names, len, digest) != NULL &&
        SSL_set_session_id_context(tls, digest, sizeof digest) == 1)
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
}

/* SNI: the first certificate that has the name; else the first of all. */
static int
on_server_name(SSL *tls, int *alert, void *argument)
{
    const struct tls_server *server = argument;
    const char *name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    if (name == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    for (size_t i = 0; i < server->count; i++) {
        if (serves(server->contexts[i], name)) {
            (void)SSL_set_SSL_CTX(tls, server->contexts[i]);
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_NOACK;
}

/* ALPN: "pop3" if it is offered; a client that only offers something else is in the wrong place
 * (RFC 9325, section 3.8: cross-protocol attacks). */
static int
on_alpn(
    SSL *tls, const unsigned char **ret_name, unsigned char *ret_len,
    const unsigned char *offer, unsigned offer_len, void *argument)
{
    static const unsigned char wanted[] = {4, 'p', 'o', 'p', '3'};
    unsigned char *chosen;
    (void)tls;
    (void)argument;
    int result =
        SSL_select_next_proto(&chosen, ret_len, wanted, sizeof wanted, offer, offer_len);
    *ret_name = chosen;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ---- contexts ---- */

static bool
set_up(SSL_CTX *context, const struct tls_server *server)
{
    char groups[] = GROUPS; /* the macro takes no const */
    /* A client that ends its side without the closing alert gets its answers all the same
     * (R1939-22). Nothing hangs on how the stream ends: only a QUIT that came deletes. */
    (void)SSL_CTX_set_options(
        context, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION |
                     SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                     SSL_OP_PRIORITIZE_CHACHA);
    /* A quarter of the memory of an idle session; a partial write leaves no copy behind. */
    (void)SSL_CTX_set_mode(
        context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets do it */
    (void)SSL_CTX_set_timeout(context, TICKET_SECONDS);
    SSL_CTX_set_app_data(context, (void *)(uintptr_t)server->tickets);
    SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, CIPHERS) == 1 &&
           SSL_CTX_set1_groups_list(context, groups) == 1 &&
           SSL_CTX_set_num_tickets(context, 1) == 1 &&
           SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket) == 1;
}

/* ---- clients with a certificate ---- */

/* A client's mail program may send whatever certificate it finds: it is served all the same,
 * and tls_stream_client() asks how it was judged. */
static int
go_on_anyway(int good, X509_STORE_CTX *judged)
{
    (void)good;
    (void)judged;
    return 1;
}

static bool
ask_clients(SSL_CTX *context, const struct tls_server *server)
{
    if (server->clients == NULL)
        return true;
    STACK_OF(X509_NAME) *names = SSL_dup_CA_list(server->client_names);
    if (names == NULL)
        return false;
    SSL_CTX_set_client_CA_list(context, names); /* its own now */
    SSL_CTX_set1_cert_store(context, server->clients);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, go_on_anyway);
    return true;
}

enum err_code
tls_server_trust(struct tls_server *server, struct pop_view pem, struct err *err)
{
    CHECK(server->count == 0 && server->clients == NULL);
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
    bool ok = bio != NULL && store != NULL && names != NULL &&
              X509_STORE_set_purpose(store, X509_PURPOSE_SSL_CLIENT) == 1;
    for (X509 *one; ok && (one = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL;) {
        X509_NAME *name = X509_NAME_dup(X509_get_subject_name(one));
        ok = X509_STORE_add_cert(store, one) == 1 && name != NULL &&
             sk_X509_NAME_push(names, name) > 0;
        if (!ok)
            X509_NAME_free(name);
        X509_free(one);
    }
    BIO_free(bio);
    if (!ok || sk_X509_NAME_num(names) == 0) {
        X509_STORE_free(store);
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        ERR_clear_error();
        return err_set(err, ERR_INVALID, "no usable certificate of an authority in it");
    }
    ERR_clear_error(); /* the end of the file is one */
    server->clients = store;
    server->client_names = names;
    return ERR_OK;
}

/* ---- certificates ---- */

/* The server's own certificate and those above it, in the order of the file. */
static enum err_code
load_chain(SSL_CTX *context, struct pop_view pem, struct err *err)
{
    enum err_code code = ERR_OK;
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *own = bio != NULL ? PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL) : NULL;
    if (own == NULL || SSL_CTX_use_certificate(context, own) != 1)
        code = tls_error(err, "no usable certificate in it");
    X509_free(own);
    for (X509 *above; code == ERR_OK && (above = PEM_read_bio_X509(bio, NULL, NULL, NULL));) {
        if (SSL_CTX_add0_chain_cert(context, above) == 1)
            continue;
        X509_free(above);
        code = tls_error(err, "cannot use the certificates above it");
    }
    ERR_clear_error(); /* the end of the file is one */
    BIO_free(bio);
    return code == ERR_PROTOCOL ? ERR_INVALID : code;
}

static enum err_code
load_key(SSL_CTX *context, uint32_t number, struct err *err)
{
    EVP_PKEY *key;
    enum err_code code =
        tls_remote_key_new(SSL_CTX_get0_certificate(context), number, &key, err);
    if (code != ERR_OK)
        return code;
    if (SSL_CTX_use_PrivateKey(context, key) != 1)
        code = tls_error(err, "cannot use the key of the certificate");
    EVP_PKEY_free(key);
    return code;
}

enum err_code
tls_server_new(
    struct tls_server **ret_server, const struct tls_ticket_keys *tickets, struct err *err)
{
    struct tls_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return err_set(err, ERR_NOMEM, "setting up TLS");
    server->tickets = tickets;
    *ret_server = server;
    return ERR_OK;
}

enum err_code
tls_server_add(struct tls_server *server, struct pop_view pem, uint32_t key, struct err *err)
{
    CHECK(server->count < TLS_CERTIFICATES_MAX);
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL)
        return tls_error(err, "setting up TLS");
    enum err_code code = ERR_OK;
    if (!set_up(context, server) || !ask_clients(context, server))
        code = tls_error(err, "setting up TLS");
    if (code == ERR_OK)
        code = load_chain(context, pem, err);
    if (code == ERR_OK)
        code = load_key(context, key, err);
    if (code == ERR_OK && server->count == 0) { /* every connection begins with this one */
        SSL_CTX_set_client_hello_cb(context, on_client_hello, NULL);
        (void)SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
        (void)SSL_CTX_set_tlsext_servername_arg(context, server);
        if (SSL_CTX_set_ex_data(context, server_index(), server) != 1)
            code = tls_error(err, "setting up TLS");
    }
    if (code != ERR_OK) {
        SSL_CTX_free(context);
        return code;
    }
    server->contexts[server->count++] = context;
    return ERR_OK;
}

enum err_code
tls_server_accept(struct tls_server *server, int fd, struct ssl_st **ret_tls, struct err *err)
{
    if (server->count == 0)
        return err_set(err, ERR_INVALID, "there is no certificate");
    SSL *tls = SSL_new(server->contexts[0]);
    if (tls == NULL || SSL_set_fd(tls, fd) != 1) {
        SSL_free(tls);
        return tls_error(err, "beginning TLS");
    }
    SSL_set_accept_state(tls);
    *ret_tls = tls;
    return ERR_OK;
}

void
tls_server_free(struct tls_server *server)
{
    if (server == NULL)
        return;
    if (server->count == 0)
        server_free(server);
    else
        SSL_CTX_free(server->contexts[0]); /* the rest goes with it */
}
