/* Whom a client believes: names, addresses, wildcards, issuers, pins; and what it says if not.
 */
#include "net/tls_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* The authority that all tests trust, in a file as --ca takes it. */
static struct {
    EVP_PKEY *key;
    X509 *certificate;
    char path[32];
} authority;

static void
extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* Not signed yet. */
static X509 *
new_certificate(EVP_PKEY *key, const char *subject, const char *issuer)
{
    X509 *made = X509_new();
    assert_int_equal(X509_set_version(made, 2), 1);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(made), 7);
    (void)X509_gmtime_adj(X509_getm_notBefore(made), -60);
    (void)X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    (void)X509_NAME_add_entry_by_txt(
        X509_get_subject_name(made), "CN", MBSTRING_ASC, (const unsigned char *)subject, -1, -1,
        0);
    (void)X509_NAME_add_entry_by_txt(
        X509_get_issuer_name(made), "CN", MBSTRING_ASC, (const unsigned char *)issuer, -1, -1,
        0);
    assert_int_equal(X509_set_pubkey(made, key), 1);
    return made;
}

static int
start(void **state)
{
    (void)state;
    authority.key = EVP_EC_gen("P-256");
    authority.certificate = new_certificate(authority.key, "Root", "Root");
    extend(
        authority.certificate, authority.certificate, NID_basic_constraints,
        "critical,CA:TRUE");
    assert_true(X509_sign(authority.certificate, authority.key, EVP_sha256()) > 0);
    (void)snprintf(authority.path, sizeof authority.path, "/tmp/restante-ca-XXXXXX");
    FILE *out = fdopen(mkstemp(authority.path), "w");
    assert_non_null(out);
    assert_int_equal(PEM_write_X509(out, authority.certificate), 1);
    assert_int_equal(fclose(out), 0);
    return 0;
}

static int
finish(void **state)
{
    (void)state;
    (void)unlink(authority.path);
    X509_free(authority.certificate);
    EVP_PKEY_free(authority.key);
    return 0;
}

/* ---- a server at the other end of a socket pair ---- */

struct server {
    EVP_PKEY *key;
    X509 *certificate; /* to be changed before server_start() */
    SSL_CTX *context;
};

/* A certificate for these names ("DNS:a,IP:192.0.2.1"); NULL: without any. */
static struct server
new_server(const char *names)
{
    struct server server = {.key = EVP_EC_gen("P-256")};
    server.certificate = new_certificate(server.key, "pop.example.org", "Root");
    if (names != NULL)
        extend(server.certificate, authority.certificate, NID_subject_alt_name, names);
    return server;
}

static void
server_start(struct server *server, EVP_PKEY *signer)
{
    assert_true(X509_sign(server->certificate, signer, EVP_sha256()) > 0);
    server->context = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(server->context, server->certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server->context, server->key), 1);
}

static void
server_free(struct server *server)
{
    SSL_CTX_free(server->context);
    X509_free(server->certificate);
    EVP_PKEY_free(server->key);
}

struct pair {
    int fds[2];
    SSL *server;
    SSL *client;
    struct tls_client *context;
    struct tls_verdict verdict;
    struct err err;
};

static void
pair_open(
    struct pair *pair, const struct server *server, const char *host, const struct tls_pin *pin)
{
    *pair = (struct pair){.fds = {-1, -1}};
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair->fds), 0);
    pair->server = SSL_new(server->context);
    assert_int_equal(SSL_set_fd(pair->server, pair->fds[0]), 1);
    SSL_set_accept_state(pair->server);
    enum err_code code =
        tls_client_new(&pair->context, authority.path, pin, pin != NULL ? 1 : 0, &pair->err);
    if (code != ERR_OK)
        fail_msg("%s", pair->err.text);
    assert_int_equal(
        tls_client_connect(
            pair->context, pair->fds[1], host, &pair->verdict, &pair->client, &pair->err),
        ERR_OK);
}

/* True: both sides are through. */
static bool
pair_shake(struct pair *pair)
{
    enum tls_result ours = TLS_WANT_READ;
    enum tls_result theirs = TLS_WANT_READ;
    struct err err;
    for (int i = 0; i < 20 && (ours != TLS_DONE || theirs != TLS_DONE); i++) {
        if (ours == TLS_WANT_READ)
            ours = tls_stream_handshake(pair->client, &pair->err);
        if (theirs == TLS_WANT_READ)
            theirs = tls_stream_handshake(pair->server, &err);
    }
    assert_int_equal(pair->verdict.refused, ours != TLS_DONE && pair->verdict.pin[0] != '\0');
    return ours == TLS_DONE && theirs == TLS_DONE;
}

static void
pair_close(struct pair *pair)
{
    tls_stream_free(pair->server);
    tls_stream_free(pair->client);
    tls_client_free(pair->context);
    (void)close(pair->fds[0]);
    (void)close(pair->fds[1]);
}

/* Empty: the server is believed; else why not. */
static void
judge(const struct server *server, const char *host, char ret_problem[TLS_PROBLEM_MAX])
{
    struct pair pair;
    pair_open(&pair, server, host, NULL);
    bool through = pair_shake(&pair);
    assert_int_equal(through, !pair.verdict.refused);
    assert_int_equal(pair.verdict.problem[0] != '\0', pair.verdict.refused);
    memcpy(ret_problem, pair.verdict.problem, TLS_PROBLEM_MAX);
    pair_close(&pair);
}

/* ---- the tests ---- */

/* R7817-1, R7817-2, R7817-3 */
static void
certificate_is_for_the_name_that_was_given(void **state)
{
    static const struct {
        const char *names;
        const char *host;
        const char *problem; /* NULL: it is for it */
    } rows[] = {
        {"DNS:pop.example.org", "pop.example.org", NULL},
        {"DNS:pop.example.org", "pop.example.org.", NULL},
        {"DNS:POP.Example.ORG", "pop.example.org", NULL},
        {"DNS:a.example,DNS:pop.example.org", "pop.example.org", NULL},
        {"DNS:pop.example.org", "example.org",
         "it is for 'pop.example.org', not for 'example.org'"},
        {"DNS:a.example,IP:192.0.2.7", "b.example",
         "it is for 'a.example', '192.0.2.7', not for 'b.example'"},
        {"DNS:example.org", "pop.example.org", "not for"},
        {"DNS:pop.example.org.evil.example", "pop.example.org", "not for"},
        /* The subject is pop.example.org, and has no say. */
        {NULL, "pop.example.org", "it is for no host, not for 'pop.example.org'"},
        {"email:ann@pop.example.org", "pop.example.org", "no host"},
        {"IP:192.0.2.1", "pop.example.org", "it is for '192.0.2.1', not"},
        /* Wildcards. */
        {"DNS:*.example.org", "pop.example.org", NULL},
        {"DNS:*.example.org", "xn--bcher-kva.example.org", NULL},
        {"DNS:*.example.org", "example.org", "not for"},
        {"DNS:*.example.org", "a.pop.example.org", "not for"},
        {"DNS:p*.example.org", "pop.example.org", "not for"},
        {"DNS:*p.example.org", "pop.example.org", "not for"},
        {"DNS:pop.*.org", "pop.example.org", "not for"},
        {"DNS:*.*.org", "pop.example.org", "not for"},
        {"DNS:*.org", "example.org", "not for"},
        {"DNS:*", "localhost", "not for"},
        /* Addresses match addresses only. */
        {"IP:192.0.2.1", "192.0.2.1", NULL},
        {"IP:2001:db8::1", "2001:db8::1", NULL},
        {"IP:2001:db8::1", "2001:db8:0:0::1", NULL},
        {"IP:192.0.2.1", "192.0.2.2", "it is for '192.0.2.1', not for '192.0.2.2'"},
        {"IP:2001:db8::1", "2001:db8::2", "it is for '2001:db8::1', not"},
        {"DNS:192.0.2.1", "192.0.2.1", "not for"},
        {"DNS:*.0.2.1", "192.0.2.1", "not for"},
        {"DNS:a\x1b[2J.example", "pop.example.org", "'a?[2J.example'"},
        {"DNS:a,DNS:b,DNS:c,DNS:d,DNS:e,DNS:f,DNS:g", "h", "'e', 'f' and others, not"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char problem[TLS_PROBLEM_MAX];
        struct server server = new_server(rows[i].names);
        server_start(&server, authority.key);
        judge(&server, rows[i].host, problem);
        bool wanted = rows[i].problem == NULL ? problem[0] == '\0'
                                              : strstr(problem, rows[i].problem) != NULL;
        if (!wanted)
            fail_msg("%s for %s: '%s'", rows[i].names, rows[i].host, problem);
        server_free(&server);
    }
}

static void
host_that_no_certificate_can_have_is_refused(void **state)
{
    static const char *const hosts[] = {"", ".", ".example.org"};
    (void)state;
    struct tls_client *client;
    struct tls_verdict verdict;
    struct err err;
    assert_int_equal(tls_client_new(&client, authority.path, NULL, 0, &err), ERR_OK);
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        SSL *tls;
        assert_int_equal(
            tls_client_connect(client, 0, hosts[i], &verdict, &tls, &err), ERR_INVALID);
    }
    tls_client_free(client);
}

/* R8314-9 */
static void
certificate_with_a_fault_is_refused_and_the_fault_is_told(void **state)
{
    enum fault { EXPIRED, EARLY, SELF_SIGNED, STRANGER, CLIENT_ONLY, FORGED, FAULTS };
    static const char *const problems[FAULTS] = {
        [EXPIRED] = "it expired on 2",
        [EARLY] = "it is not valid before 2",
        [SELF_SIGNED] = "self-signed",
        [STRANGER] = "its issuer, 'CN=Str\\1Bnger', is not known here",
        [CLIENT_ONLY] = "not meant for servers",
        [FORGED] = "signature failure",
    };
    (void)state;
    for (enum fault fault = 0; fault < FAULTS; fault++) {
        char problem[TLS_PROBLEM_MAX];
        struct server server = new_server("DNS:pop.example.org");
        X509 *certificate = server.certificate;
        EVP_PKEY *signer = authority.key;
        if (fault == EXPIRED)
            (void)X509_gmtime_adj(X509_getm_notAfter(certificate), -1);
        if (fault == EARLY)
            (void)X509_gmtime_adj(X509_getm_notBefore(certificate), 600);
        if (fault == CLIENT_ONLY)
            extend(certificate, authority.certificate, NID_ext_key_usage, "clientAuth");
        if (fault == SELF_SIGNED || fault == FORGED)
            signer = server.key;
        if (fault == SELF_SIGNED)
            (void)X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
        if (fault == STRANGER) {
            X509_NAME *name = X509_NAME_new();
            (void)X509_NAME_add_entry_by_txt(
                name, "CN", MBSTRING_ASC, (const unsigned char *)"Str\x1bnger", -1, -1, 0);
            (void)X509_set_issuer_name(certificate, name);
            X509_NAME_free(name);
        }
        server_start(&server, signer);
        judge(&server, "pop.example.org", problem);
        if (strstr(problem, problems[fault]) == NULL)
            fail_msg("fault %d: '%s'", (int)fault, problem);
        server_free(&server);
    }
}

/* The pin of a key, made in another way than by the code under test. */
static struct tls_pin
pin_of_key(EVP_PKEY *key)
{
    struct tls_pin pin;
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    assert_int_equal(EVP_Digest(der, (size_t)len, pin.digest, NULL, EVP_sha256(), NULL), 1);
    OPENSSL_free(der);
    return pin;
}

/* R8314-12 */
static void
pin_that_matches_replaces_chain_name_and_dates(void **state)
{
    (void)state;
    struct server server = new_server("DNS:other.example");
    struct pair pair;
    (void)X509_gmtime_adj(X509_getm_notAfter(server.certificate), -1);
    server_start(&server, server.key);
    struct tls_pin pin = pin_of_key(server.key);
    pair_open(&pair, &server, "pop.example.org", &pin);
    assert_true(pair_shake(&pair));
    assert_true(pair.verdict.pinned);
    pair_close(&pair);
    server_free(&server);
}

static void
pin_that_differs_refuses_a_certificate_that_is_right(void **state)
{
    (void)state;
    struct server server = new_server("DNS:pop.example.org");
    struct pair pair;
    char text[TLS_PIN_TEXT_MAX];
    server_start(&server, authority.key);
    struct tls_pin pin = pin_of_key(server.key);
    tls_pin_text(&pin, text);
    pin.digest[TLS_PIN_SIZE - 1] ^= 1;
    pair_open(&pair, &server, "pop.example.org", &pin);
    assert_false(pair_shake(&pair));
    assert_true(pair.verdict.refused && pair.verdict.pinned);
    assert_string_equal(pair.verdict.pin, text);
    pair_close(&pair);
    server_free(&server);
}

#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"
#define COLONS                                                                                 \
    "00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:13:14:15:16:17:18:19:1A:1b:1c:"  \
    "1D:1e:1f"
#define BASE64 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static void
pin_has_three_forms_and_no_other(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {HEX, true},
        {COLONS, true},
        {"sha256//" BASE64, true},
        {"", false},
        {":", false},
        {HEX "0", false},
        {HEX "20", false},
        {"g" HEX, false},
        {"g00102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F", false},
        {"-00102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F", false},
        {COLONS ":", false},
        {BASE64, false},
        {"SHA256//" BASE64, false},
        {"sha256//", false},
        {"sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=", false}, /* bits to spare */
        {"sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", false},
        {"sha256// AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh", false},
        {"sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdH===", false},
        {"sha1//AAECAwQFBgcICQoLDA0ODxAREhM=", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tls_pin pin;
        memset(&pin, 0x55, sizeof pin);
        if (tls_pin_parse(pop_view_of(rows[i].text), &pin) != rows[i].good)
            fail_msg("'%s'", rows[i].text);
        for (size_t j = 0; j < sizeof pin.digest; j++)
            assert_int_equal(pin.digest[j], rows[i].good ? j : 0x55);
        if (rows[i].good) {
            char text[TLS_PIN_TEXT_MAX];
            tls_pin_text(&pin, text);
            assert_string_equal(text, "sha256//" BASE64);
        }
    }
}

/* R8314-2, RFC 8996 */
static void
nothing_below_tls_1_2_is_spoken(void **state)
{
    (void)state;
    struct server server = new_server("DNS:pop.example.org");
    struct pair pair;
    server_start(&server, authority.key);
    SSL_CTX_set_security_level(server.context, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(server.context, TLS1_VERSION), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(server.context, TLS1_1_VERSION), 1);
    pair_open(&pair, &server, "pop.example.org", NULL);
    assert_false(pair_shake(&pair));
    assert_int_equal(pair.verdict.pin[0], '\0');
    pair_close(&pair);
    server_free(&server);
}

static int
keep_hello(SSL *tls, int *alert, void *argument)
{
    struct hello {
        bool name;
        bool alpn;
    } *hello = argument;
    const unsigned char *octets;
    size_t len;
    (void)alert;
    hello->name = SSL_client_hello_get0_ext(tls, TLSEXT_TYPE_server_name, &octets, &len) == 1;
    hello->alpn =
        SSL_client_hello_get0_ext(
            tls, TLSEXT_TYPE_application_layer_protocol_negotiation, &octets, &len) == 1 &&
        len == 7 && memcmp(octets, "\0\5\4pop3", 7) == 0;
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* R7817-4 */
static void
name_is_asked_for_but_no_address(void **state)
{
    static const char *const hosts[] = {"pop.example.org", "pop.example.org.", "192.0.2.1"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct server server = new_server("DNS:pop.example.org,IP:192.0.2.1");
        struct pair pair;
        bool seen[2] = {false, false};
        server_start(&server, authority.key);
        SSL_CTX_set_client_hello_cb(server.context, keep_hello, seen);
        pair_open(&pair, &server, hosts[i], NULL);
        assert_true(pair_shake(&pair));
        assert_int_equal(seen[0], i < 2);
        assert_true(seen[1]);
        const char *asked = SSL_get_servername(pair.server, TLSEXT_NAMETYPE_host_name);
        if (i < 2)
            assert_string_equal(asked, "pop.example.org");
        pair_close(&pair);
        server_free(&server);
    }
}

static void
renegotiation_is_refused(void **state)
{
    (void)state;
    struct server server = new_server("DNS:pop.example.org");
    struct pair pair;
    char octets[16];
    size_t len = 0;
    server_start(&server, authority.key);
    assert_int_equal(SSL_CTX_set_max_proto_version(server.context, TLS1_2_VERSION), 1);
    pair_open(&pair, &server, "pop.example.org", NULL);
    assert_true(pair_shake(&pair));
    assert_int_equal(SSL_renegotiate(pair.server), 1);
    (void)SSL_do_handshake(pair.server); /* asks for it */
    enum tls_result result =
        tls_stream_read(pair.client, octets, sizeof octets, &len, &pair.err);
    assert_int_equal(result, TLS_WANT_READ); /* and is told that there is none */
    assert_true(SSL_is_init_finished(pair.client));
    assert_int_equal(SSL_num_renegotiations(pair.client), 0);
    (void)SSL_do_handshake(pair.server);
    assert_int_equal(SSL_num_renegotiations(pair.client), 0);
    pair_close(&pair);
    server_free(&server);
}

static void
trusted_certificates_that_cannot_be_used_are_refused(void **state)
{
    static const struct {
        const char *path;
        enum err_code code;
        const char *problem;
    } rows[] = {
        {"/nonexistent/ca.pem", ERR_SYSTEM, "cannot read '/nonexistent/ca.pem'"},
        {"/dev/null", ERR_INVALID, "no certificates"},
        {"/proc", ERR_INVALID, "openssl rehash"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tls_client *client;
        struct err err;
        assert_int_equal(tls_client_new(&client, rows[i].path, NULL, 0, &err), rows[i].code);
        assert_non_null(strstr(err.text, rows[i].problem));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificate_is_for_the_name_that_was_given),
        cmocka_unit_test(host_that_no_certificate_can_have_is_refused),
        cmocka_unit_test(certificate_with_a_fault_is_refused_and_the_fault_is_told),
        cmocka_unit_test(pin_that_matches_replaces_chain_name_and_dates),
        cmocka_unit_test(pin_that_differs_refuses_a_certificate_that_is_right),
        cmocka_unit_test(pin_has_three_forms_and_no_other),
        cmocka_unit_test(nothing_below_tls_1_2_is_spoken),
        cmocka_unit_test(name_is_asked_for_but_no_address),
        cmocka_unit_test(renegotiation_is_refused),
        cmocka_unit_test(trusted_certificates_that_cannot_be_used_are_refused),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
