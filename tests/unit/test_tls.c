/* TLS with keys that are elsewhere: every kind of key, both protocol versions, names, tickets.
 */
#include "net/tls_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KEYS_MAX = 8 };

/* What would be in another process. */
static struct {
    EVP_PKEY *keys[KEYS_MAX];
    unsigned signatures;
    bool refuse;
} elsewhere;

static const EVP_MD *
hash_of(enum tls_signature signature)
{
    switch (signature) {
    case TLS_SIGNATURE_SHA256:
        return EVP_sha256();
    case TLS_SIGNATURE_SHA384:
        return EVP_sha384();
    case TLS_SIGNATURE_SHA512:
        return EVP_sha512();
    default:
        return NULL;
    }
}

static size_t
sign(void *context, const struct tls_sign_request *request, char made[TLS_SIGN_OUTPUT_MAX])
{
    size_t len = TLS_SIGN_OUTPUT_MAX;
    EVP_PKEY_CTX *padding = NULL;
    assert_ptr_equal(context, &elsewhere);
    if (elsewhere.refuse)
        return 0;
    elsewhere.signatures++;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    assert_int_equal(
        EVP_DigestSignInit(
            md, &padding, hash_of(request->signature), NULL, elsewhere.keys[request->key]),
        1);
    if (request->pss) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    assert_int_equal(
        EVP_DigestSign(
            md, (unsigned char *)made, &len, (const unsigned char *)request->input.data,
            request->input.len),
        1);
    EVP_MD_CTX_free(md);
    return len;
}

static EVP_PKEY *
make_key(const char *kind)
{
    if (strcmp(kind, "RSA") == 0)
        return EVP_RSA_gen(2048);
    if (strcmp(kind, "ED25519") == 0)
        return EVP_PKEY_Q_keygen(NULL, "provider=default", "ED25519");
    return EVP_EC_gen(kind);
}

/* A self-signed certificate for that name, as PEM. */
static size_t
make_certificate(EVP_PKEY *key, const char *name, char pem[8192])
{
    char names[256];
    X509 *made = X509_new();
    (void)snprintf(names, sizeof names, "DNS:%s", name);
    assert_int_equal(X509_set_version(made, 2), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(made), -60);
    (void)X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    assert_int_equal(X509_set_pubkey(made, key), 1);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    assert_int_equal(X509_add_ext(made, extension, -1), 1);
    X509_EXTENSION_free(extension);
    bool pure = EVP_PKEY_is_a(key, "ED25519");
    assert_true(X509_sign(made, key, pure ? NULL : EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, made), 1);
    int len = BIO_read(bio, pem, 8192);
    BIO_free(bio);
    X509_free(made);
    return (size_t)len;
}

static void
add(struct tls_server *server, const char *kind, const char *name, uint32_t number)
{
    char pem[8192];
    struct err err = {0};
    elsewhere.keys[number] = make_key(kind);
    assert_non_null(elsewhere.keys[number]);
    struct pop_view text = {pem, make_certificate(elsewhere.keys[number], name, pem)};
    if (tls_server_add(server, text, number, &err) != ERR_OK)
        fail_msg("%s: %s", kind, err.text);
}

/* ---- a client at the other end of a socket pair ---- */

struct pair {
    int fds[2];
    SSL *server;
    SSL *client;
    SSL_CTX *context;
    struct err err;
};

static void
pair_open(struct pair *pair, struct tls_server *server, int version, const char *name)
{
    struct err err;
    *pair = (struct pair){.fds = {-1, -1}};
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair->fds), 0);
    assert_int_equal(tls_server_accept(server, pair->fds[0], &pair->server, &err), ERR_OK);
    pair->context = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_set_max_proto_version(pair->context, version), 1);
    pair->client = SSL_new(pair->context);
    assert_int_equal(SSL_set_fd(pair->client, pair->fds[1]), 1);
    if (name != NULL)
        assert_int_equal(SSL_set_tlsext_host_name(pair->client, (void *)(uintptr_t)name), 1);
    SSL_set_connect_state(pair->client);
}

/* True: both sides are through. */
static bool
pair_shake(struct pair *pair)
{
    enum tls_result ours = TLS_WANT_READ;
    enum tls_result theirs = TLS_WANT_READ;
    struct err err = {0};
    for (int i = 0; i < 20 && (ours != TLS_DONE || theirs != TLS_DONE); i++) {
        if (theirs == TLS_WANT_READ)
            theirs = tls_stream_handshake(pair->client, &err);
        if (ours == TLS_WANT_READ)
            ours = tls_stream_handshake(pair->server, &pair->err);
    }
    return ours == TLS_DONE && theirs == TLS_DONE;
}

static void
pair_close(struct pair *pair)
{
    tls_stream_free(pair->server);
    tls_stream_free(pair->client);
    SSL_CTX_free(pair->context);
    (void)close(pair->fds[0]);
    (void)close(pair->fds[1]);
}

static void
check_octets_pass(struct pair *pair)
{
    char got[16];
    size_t len = 0;
    struct err err;
    assert_int_equal(tls_stream_write(pair->server, POP_VIEW("+OK"), &len, &err), TLS_DONE);
    assert_int_equal(len, 3);
    assert_int_equal(tls_stream_read(pair->client, got, sizeof got, &len, &err), TLS_DONE);
    assert_int_equal(len, 3);
    assert_memory_equal(got, "+OK", 3);
    assert_int_equal(tls_stream_read(pair->server, got, sizeof got, &len, &err), TLS_WANT_READ);
    tls_stream_close(pair->client);
    assert_int_equal(tls_stream_read(pair->server, got, sizeof got, &len, &err), TLS_CLOSED);
}

static struct tls_ticket_keys tickets = {.current = {.name = "first"}};

static struct tls_server *
new_server(void)
{
    struct tls_server *server;
    struct err err;
    assert_int_equal(tls_server_new(&server, &tickets, &err), ERR_OK);
    return server;
}

static void
end_server(struct tls_server *server)
{
    tls_server_free(server);
    for (size_t i = 0; i < KEYS_MAX; i++)
        EVP_PKEY_free(elsewhere.keys[i]);
    memset(&elsewhere, 0, sizeof elsewhere);
}

/* ---- the tests ---- */

static void
every_kind_of_key_signs_elsewhere(void **state)
{
    static const char *const kinds[] = {"RSA", "P-256", "P-384", "ED25519"};
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct tls_server *server = new_server();
        add(server, kinds[i], "pop.example.org", 1);
        for (size_t j = 0; j < sizeof versions / sizeof *versions; j++) {
            struct pair pair;
            elsewhere.signatures = 0;
            pair_open(&pair, server, versions[j], "pop.example.org");
            if (!pair_shake(&pair))
                fail_msg("%s, version %d: %s", kinds[i], (int)j, pair.err.text);
            assert_int_equal(SSL_version(pair.client), versions[j]);
            assert_int_equal(elsewhere.signatures, 1);
            check_octets_pass(&pair);
            pair_close(&pair);
        }
        end_server(server);
    }
}

static void
refused_signature_fails_the_handshake(void **state)
{
    (void)state;
    struct tls_server *server = new_server();
    struct pair pair;
    add(server, "P-256", "pop.example.org", 0);
    elsewhere.refuse = true;
    pair_open(&pair, server, TLS1_3_VERSION, NULL);
    assert_false(pair_shake(&pair));
    pair_close(&pair);
    end_server(server);
}

static void
key_of_another_certificate_fails_the_handshake(void **state)
{
    (void)state;
    struct tls_server *server = new_server();
    struct pair pair;
    add(server, "P-256", "pop.example.org", 0);
    EVP_PKEY_free(elsewhere.keys[0]);
    elsewhere.keys[0] = make_key("P-256");
    pair_open(&pair, server, TLS1_3_VERSION, NULL);
    assert_false(pair_shake(&pair));
    pair_close(&pair);
    end_server(server);
}

static void
name_selects_the_certificate(void **state)
{
    static const struct {
        const char *asked;
        const char *got;
    } rows[] = {
        {"pop.example.org", "pop.example.org"},
        {"a.example.net", "*.example.net"},
        {"a.b.example.net", "pop.example.org"},
        {"other.example", "pop.example.org"},
        {NULL, "pop.example.org"},
        {"POP3.example.com", "pop3.example.com"},
    };
    (void)state;
    struct tls_server *server = new_server();
    add(server, "P-256", "pop.example.org", 0);
    add(server, "RSA", "*.example.net", 1);
    add(server, "P-256", "pop3.example.com", 2);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pair pair;
        pair_open(&pair, server, TLS1_3_VERSION, rows[i].asked);
        assert_true(pair_shake(&pair));
        X509 *got = SSL_get1_peer_certificate(pair.client);
        const char *name = rows[i].got[0] == '*' ? "x.example.net" : rows[i].got;
        assert_int_equal(X509_check_host(got, name, 0, 0, NULL), 1);
        X509_free(got);
        pair_close(&pair);
    }
    end_server(server);
}

static void
nothing_below_tls_1_2_is_spoken(void **state)
{
    static const int versions[] = {TLS1_VERSION, TLS1_1_VERSION};
    (void)state;
    struct tls_server *server = new_server();
    add(server, "P-256", "pop.example.org", 0);
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        struct pair pair;
        pair_open(&pair, server, versions[i], NULL);
        SSL_set_security_level(pair.client, 0); /* the client would */
        assert_false(pair_shake(&pair));
        pair_close(&pair);
    }
    end_server(server);
}

static void
alpn_is_pop3_or_nothing(void **state)
{
    static const unsigned char right[] = "\4http\4pop3";
    static const unsigned char wrong[] = "\4http";
    (void)state;
    struct tls_server *server = new_server();
    struct pair pair;
    const unsigned char *chosen;
    unsigned len;
    add(server, "P-256", "pop.example.org", 0);
    pair_open(&pair, server, TLS1_3_VERSION, NULL);
    assert_int_equal(SSL_set_alpn_protos(pair.client, right, sizeof right - 1), 0);
    assert_true(pair_shake(&pair));
    SSL_get0_alpn_selected(pair.client, &chosen, &len);
    assert_int_equal(len, 4);
    assert_memory_equal(chosen, "pop3", 4);
    pair_close(&pair);
    pair_open(&pair, server, TLS1_3_VERSION, NULL);
    assert_int_equal(SSL_set_alpn_protos(pair.client, wrong, sizeof wrong - 1), 0);
    assert_false(pair_shake(&pair));
    pair_close(&pair);
    end_server(server);
}

/* The ticket that a session of this version left. */
static SSL_SESSION *
ticket_of(struct tls_server *server, int version)
{
    struct pair pair;
    char octet;
    size_t len;
    struct err err;
    pair_open(&pair, server, version, NULL);
    assert_true(pair_shake(&pair));
    (void)tls_stream_read(pair.client, &octet, 1, &len, &err); /* TLS 1.3 sends it afterwards */
    SSL_SESSION *session = SSL_get1_session(pair.client);
    tls_stream_close(pair.client); /* what breaks off is not resumed */
    pair_close(&pair);
    return session;
}

static bool
is_resumed(struct tls_server *server, int version, SSL_SESSION *session)
{
    struct pair pair;
    pair_open(&pair, server, version, NULL);
    SSL_SESSION *copy = SSL_SESSION_dup(session); /* a renewed ticket goes into it */
    assert_int_equal(SSL_set_session(pair.client, copy), 1);
    SSL_SESSION_free(copy);
    assert_true(pair_shake(&pair));
    bool resumed = SSL_session_reused(pair.client);
    assert_int_equal(SSL_session_reused(pair.server), resumed);
    tls_stream_close(pair.client);
    pair_close(&pair);
    return resumed;
}

static void
rotate(void)
{
    tickets.previous = tickets.current;
    tickets.current.name[0]++;
    tickets.current.cipher[0]++;
    tickets.current.mac[0]++;
}

static void
ticket_lives_for_two_rotations_of_its_key(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    (void)state;
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        struct tls_server *server = new_server();
        struct tls_server *other = new_server();
        add(server, "P-256", "pop.example.org", 0);
        add(other, "P-256", "pop.example.org", 1);
        SSL_SESSION *session = ticket_of(server, versions[i]);
        assert_true(is_resumed(server, versions[i], session));
        assert_true(is_resumed(other, versions[i], session)); /* another front */
        rotate();
        assert_true(is_resumed(server, versions[i], session));
        rotate();
        assert_false(is_resumed(server, versions[i], session));
        SSL_SESSION_free(session);
        tls_server_free(other);
        end_server(server);
    }
}

static void
connection_outlives_its_server(void **state)
{
    (void)state;
    struct tls_server *server = new_server();
    struct pair pair;
    add(server, "P-256", "pop.example.org", 0);
    add(server, "P-256", "pop.example.net", 1);
    pair_open(&pair, server, TLS1_3_VERSION, "pop.example.net");
    tls_server_free(server); /* the certificates are exchanged in the middle of a handshake */
    assert_true(pair_shake(&pair));
    check_octets_pass(&pair);
    pair_close(&pair);
    end_server(NULL);
}

static void
broken_certificate_is_refused(void **state)
{
    (void)state;
    struct tls_server *server = new_server();
    struct err err;
    assert_int_equal(tls_server_add(server, POP_VIEW(""), 0, &err), ERR_INVALID);
    assert_int_equal(tls_server_add(server, POP_VIEW("no PEM at all\n"), 0, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "no usable certificate"));
    SSL *tls;
    assert_int_equal(tls_server_accept(server, 0, &tls, &err), ERR_INVALID);
    end_server(server);
}

static void
garbage_and_cut_handshakes_fail(void **state)
{
    (void)state;
    struct tls_server *server = new_server();
    struct pair pair;
    add(server, "P-256", "pop.example.org", 0);
    pair_open(&pair, server, TLS1_3_VERSION, NULL);
    assert_int_equal(write(pair.fds[1], "USER ann\r\n", 10), 10);
    assert_int_equal(tls_stream_handshake(pair.server, &pair.err), TLS_FAILED);
    assert_int_equal(pair.err.code, ERR_PROTOCOL);
    pair_close(&pair);

    pair_open(&pair, server, TLS1_3_VERSION, NULL);
    assert_int_equal(tls_stream_handshake(pair.client, &pair.err), TLS_WANT_READ);
    assert_int_equal(shutdown(pair.fds[1], SHUT_WR), 0);
    enum tls_result result = tls_stream_handshake(pair.server, &pair.err);
    if (result == TLS_WANT_READ)
        result = tls_stream_handshake(pair.server, &pair.err);
    assert_int_equal(result, TLS_FAILED);
    pair_close(&pair);
    end_server(server);
}

static int
start(void **state)
{
    struct err err;
    (void)state;
    return tls_remote_key_start(sign, &elsewhere, &err) == ERR_OK ? 0 : -1;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_key_signs_elsewhere),
        cmocka_unit_test(refused_signature_fails_the_handshake),
        cmocka_unit_test(key_of_another_certificate_fails_the_handshake),
        cmocka_unit_test(name_selects_the_certificate),
        cmocka_unit_test(nothing_below_tls_1_2_is_spoken),
        cmocka_unit_test(alpn_is_pop3_or_nothing),
        cmocka_unit_test(ticket_lives_for_two_rotations_of_its_key),
        cmocka_unit_test(connection_outlives_its_server),
        cmocka_unit_test(broken_certificate_is_refused),
        cmocka_unit_test(garbage_and_cut_handshakes_fail),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
