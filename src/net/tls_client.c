/*
 * Contexts of a TLS client, and its judgement of certificates.
 *
 * The judgement is made in one place, within the handshake: a connection whose
 * handshake is done is one whose server is the right one.
 */
#include "net/tls_client.h"

#include "base/check.h"
#include "base/cleanup.h"
#include "base/number.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>

/* BCP 195 (RFC 9325): forward secrecy and AEAD; finite-field groups for old servers that have
 * nothing better. TLS 1.3's suites are all fine. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:!aNULL"

/* Keys of 112 bits of strength and no SHA-1 (RFC 9325, section 4.2), whatever openssl.cnf says.
 */
#define SECURITY_LEVEL 2

#define PIN_PREFIX "sha256//"
#define PIN_BASE64 44 /* octets of base64 that 32 become */

/* A name in a certificate; longer ones are cut. */
#define NAME_SHOWN_MAX 96

/* A certificate for a whole hosting company has hundreds of names. */
#define NAMES_SHOWN_MAX 6

struct tls_client {
    SSL_CTX *context;
    size_t pin_count;
    struct tls_pin pins[TLS_PINS_MAX];
};

/* ---- pins ---- */

static bool
parse_hex(struct pop_view text, struct tls_pin *pin)
{
    bool colons = text.len > 2 && text.data[2] == ':';
    size_t step = colons ? 3 : 2;
    if (text.len != TLS_PIN_SIZE * step - (colons ? 1 : 0))
        return false;
    for (size_t i = 0; i < TLS_PIN_SIZE; i++) {
        const char *at = text.data + i * step;
        int high = hex_value(at[0]);
        int low = hex_value(at[1]);
        if (high < 0 || low < 0 || (colons && i + 1 < TLS_PIN_SIZE && at[2] != ':'))
            return false;
        pin->digest[i] = (unsigned char)(high * 16 + low);
    }
    return true;
}

/* One way to write it only: what is read must be what would be written. */
static bool
parse_base64(struct pop_view text, struct tls_pin *pin)
{
    unsigned char octets[PIN_BASE64 / 4 * 3];
    char again[TLS_PIN_TEXT_MAX];
    if (text.len != PIN_BASE64 ||
        EVP_DecodeBlock(octets, (const unsigned char *)text.data, PIN_BASE64) < 0)
        return false;
    memcpy(pin->digest, octets, sizeof pin->digest);
    tls_pin_text(pin, again);
    return memcmp(again + strlen(PIN_PREFIX), text.data, PIN_BASE64) == 0;
}

bool
tls_pin_parse(struct pop_view text, struct tls_pin *ret_pin)
{
    struct tls_pin pin;
    struct pop_view prefix = POP_VIEW(PIN_PREFIX);
    bool base64 = text.len > prefix.len && memcmp(text.data, prefix.data, prefix.len) == 0;
    if (base64)
        pop_view_skip(&text, prefix.len);
    if (base64 ? !parse_base64(text, &pin) : !parse_hex(text, &pin))
        return false;
    *ret_pin = pin;
    return true;
}

void
tls_pin_text(const struct tls_pin *pin, char ret_text[TLS_PIN_TEXT_MAX])
{
    static_assert(TLS_PIN_TEXT_MAX == sizeof PIN_PREFIX + PIN_BASE64, "it fits");
    memcpy(ret_text, PIN_PREFIX, strlen(PIN_PREFIX));
    unsigned char *base64 = (unsigned char *)ret_text + strlen(PIN_PREFIX);
    (void)EVP_EncodeBlock(base64, pin->digest, TLS_PIN_SIZE);
}

static bool
pin_of(X509 *certificate, struct tls_pin *ret_pin)
{
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    bool ok =
        len > 0 && EVP_Digest(der, (size_t)len, ret_pin->digest, NULL, EVP_sha256(), NULL);
    OPENSSL_free(der);
    return ok;
}

static bool
has_pin(const struct tls_client *client, const struct tls_pin *pin)
{
    for (size_t i = 0; i < client->pin_count; i++)
        if (memcmp(client->pins[i].digest, pin->digest, TLS_PIN_SIZE) == 0)
            return true;
    return false;
}

/* ---- what is wrong, in words ---- */

/* Adds to a text; what a certificate says is made harmless for a terminal. */
static void
put(char *text, size_t cap, struct pop_view piece)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < piece.len && len + 1 < cap; i++) {
        unsigned char c = (unsigned char)piece.data[i];
        text[len++] = c >= 0x20 && c < 0x7F ? (char)c : '?';
    }
    text[len] = '\0';
}

static void
say(struct tls_verdict *verdict, const char *text)
{
    put(verdict->problem, sizeof verdict->problem, pop_view_of(text));
}

static void
say_name(struct tls_verdict *verdict, struct pop_view name)
{
    bool cut = name.len > NAME_SHOWN_MAX;
    name.len = cut ? NAME_SHOWN_MAX : name.len;
    say(verdict, "'");
    put(verdict->problem, sizeof verdict->problem, name);
    say(verdict, cut ? "...'" : "'");
}

static void
say_subject(struct tls_verdict *verdict, const X509_NAME *name)
{
    char *octets = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL)
        return;
    (void)X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253);
    long len = BIO_get_mem_data(bio, &octets);
    say_name(verdict, (struct pop_view){octets, len > 0 ? (size_t)len : 0});
    BIO_free(bio);
}

static void
say_tm(struct tls_verdict *verdict, const struct tm *tm)
{
    char text[40];
    if (strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", tm) > 0)
        say(verdict, text);
}

static void
say_time(struct tls_verdict *verdict, const ASN1_TIME *time)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(time, &tm) == 1)
        say_tm(verdict, &tm);
}

static void
say_clock(struct tls_verdict *verdict)
{
    struct tm tm;
    time_t now = time(NULL);
    say(verdict, ", and the clock here says ");
    if (gmtime_r(&now, &tm) != NULL)
        say_tm(verdict, &tm);
}

/* One of the names that a certificate is for, if it is of a kind that we compare. */
static bool
say_alternative(struct tls_verdict *verdict, const GENERAL_NAME *name, bool first)
{
    int type;
    char text[INET6_ADDRSTRLEN];
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    if (type != GEN_DNS && type != GEN_IPADD)
        return false;
    const unsigned char *octets = ASN1_STRING_get0_data(value);
    size_t len = (size_t)ASN1_STRING_length(value);
    struct pop_view shown = {(const char *)octets, len};
    if (type == GEN_IPADD) {
        int family = len == 4 ? AF_INET : AF_INET6;
        if ((len != 4 && len != 16) || inet_ntop(family, octets, text, sizeof text) == NULL)
            return false;
        shown = pop_view_of(text);
    }
    say(verdict, first ? "" : ", ");
    say_name(verdict, shown);
    return true;
}

static void
say_names(struct tls_verdict *verdict, X509 *certificate)
{
    int shown = 0;
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int count = names != NULL ? sk_GENERAL_NAME_num(names) : 0;
    for (int i = 0; i < count && shown < NAMES_SHOWN_MAX; i++)
        shown += say_alternative(verdict, sk_GENERAL_NAME_value(names, i), shown == 0);
    if (shown == 0)
        say(verdict, "no host");
    else if (shown == NAMES_SHOWN_MAX && count > shown)
        say(verdict, " and others");
    GENERAL_NAMES_free(names);
}

/* "it", or the one of the chain that is meant. */
static void
say_which(struct tls_verdict *verdict, X509 *certificate, int depth)
{
    if (depth == 0 || certificate == NULL) {
        say(verdict, "it");
        return;
    }
    say(verdict, "the certificate above it, ");
    say_subject(verdict, X509_get_subject_name(certificate));
    say(verdict, ",");
}

static void
explain(struct tls_verdict *verdict, X509_STORE_CTX *store)
{
    int error = X509_STORE_CTX_get_error(store);
    int depth = X509_STORE_CTX_get_error_depth(store);
    X509 *at = X509_STORE_CTX_get_current_cert(store);
    at = at != NULL ? at : X509_STORE_CTX_get0_cert(store);
    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        say_which(verdict, at, depth);
        say(verdict, " expired on ");
        say_time(verdict, X509_get0_notAfter(at));
        say_clock(verdict);
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        say_which(verdict, at, depth);
        say(verdict, " is not valid before ");
        say_time(verdict, X509_get0_notBefore(at));
        say_clock(verdict);
        break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        say(verdict, "it is self-signed, so that nobody vouches for it");
        break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        say(verdict, "its root, ");
        say_subject(verdict, X509_get_subject_name(at));
        say(verdict, ", is not among the trusted ones");
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        say(verdict, "its issuer, ");
        say_subject(verdict, X509_get_issuer_name(at));
        say(verdict, ", is not known here");
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        say(verdict, "it is for ");
        say_names(verdict, at);
        say(verdict, ", not for ");
        say_name(verdict, pop_view_of(verdict->host));
        break;
    case X509_V_ERR_INVALID_PURPOSE:
        say_which(verdict, at, depth);
        say(verdict, depth == 0 ? " is not meant for servers" : " must not be used for that");
        break;
    case X509_V_ERR_CERT_REVOKED:
        say_which(verdict, at, depth);
        say(verdict, " was revoked by its issuer");
        break;
    default:
        say(verdict, X509_verify_cert_error_string(error));
        break;
    }
}

/* ---- the judgement ---- */

/* OpenSSL asks instead of judging by itself: 1 is right, 0 ends the handshake. */
static int
on_certificate(X509_STORE_CTX *store, void *argument)
{
    const struct tls_client *client = argument;
    SSL *tls = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_verdict *verdict = SSL_get_app_data(tls);
    struct tls_pin pin;
    verdict->refused = true;
    if (!pin_of(X509_STORE_CTX_get0_cert(store), &pin)) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_OUT_OF_MEM);
        explain(verdict, store);
        return 0;
    }
    tls_pin_text(&pin, verdict->pin);
    verdict->pinned = client->pin_count > 0;
    if (verdict->pinned) {
        verdict->refused = !has_pin(client, &pin);
        X509_STORE_CTX_set_error(
            store, verdict->refused ? X509_V_ERR_APPLICATION_VERIFICATION : X509_V_OK);
    } else {
        verdict->refused = X509_verify_cert(store) != 1;
        if (verdict->refused)
            explain(verdict, store);
    }
    return verdict->refused ? 0 : 1;
}

/* ---- contexts ---- */

static bool
set_up(struct tls_client *client)
{
    SSL_CTX *context = client->context;
    /* Every answer of POP3 has its own end: a stream that is cut is seen there, and one that
     * ends behind the last answer without the closing alert harms nobody. */
    (void)SSL_CTX_set_options(
        context,
        SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_mode(
        context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(context, on_certificate, client);
    SSL_CTX_set_security_level(context, SECURITY_LEVEL);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(context, 0) == 1 &&
           SSL_CTX_set_cipher_list(context, CIPHERS) == 1;
}

/* "1a2b3c4d.0": what OpenSSL looks for in a folder. */
static bool
is_hash_name(const char *name)
{
    return strlen(name) >= 10 && strspn(name, "0123456789abcdef") == 8 && name[8] == '.' &&
           (isdigit((unsigned char)name[9]) || name[9] == 'r');
}

/* A folder that was not prepared would be one without any certificate, in silence. */
static enum err_code
check_folder(const char *path, struct err *err)
{
    DIR *folder = opendir(path);
    bool found = false;
    if (folder == NULL)
        return err_set(err, ERR_SYSTEM, "cannot read '%s'", path);
    for (const struct dirent *entry; !found && (entry = readdir(folder)) != NULL;)
        found = is_hash_name(entry->d_name);
    (void)closedir(folder);
    return found ? ERR_OK
                 : err_set(
                       err, ERR_INVALID,
                       "the folder '%s' has no certificates by hash: prepare it with 'openssl "
                       "rehash %s'",
                       path, path);
}

/* Revocation lists that are there are meant to be used. */
static void
use_revocations(X509_STORE *store)
{
    const STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++)
        if (X509_OBJECT_get_type(sk_X509_OBJECT_value(objects, i)) == X509_LU_CRL)
            (void)X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
}

static enum err_code
load_trusted(SSL_CTX *context, const char *path, struct err *err)
{
    struct stat info;
    if (stat(path, &info) != 0 || access(path, R_OK) != 0)
        return err_set(err, ERR_SYSTEM, "cannot read '%s'", path);
    if (S_ISDIR(info.st_mode)) {
        enum err_code code = check_folder(path, err);
        if (code != ERR_OK)
            return code;
        if (SSL_CTX_load_verify_dir(context, path) != 1)
            return tls_error(err, "cannot use the certificates");
    } else if (SSL_CTX_load_verify_file(context, path) != 1) {
        ERR_clear_error(); /* it speaks of objects and lookups */
        return err_set(err, ERR_INVALID, "there are no certificates in PEM in '%s'", path);
    }
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    /* One's own server may be named there itself, or the issuer next to it. */
    (void)X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    use_revocations(store);
    return ERR_OK;
}

enum err_code
tls_client_new(
    struct tls_client **ret_client, const char *ca, const struct tls_pin *pins,
    size_t pin_count, struct err *err)
{
    CHECK(pin_count <= TLS_PINS_MAX);
    enum err_code code = ERR_OK;
    struct tls_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return err_set(err, ERR_NOMEM, "setting up TLS");
    client->pin_count = pin_count;
    if (pin_count > 0)
        memcpy(client->pins, pins, pin_count * sizeof *pins);
    client->context = SSL_CTX_new(TLS_client_method());
    if (client->context == NULL || !set_up(client))
        code = tls_error(err, "setting up TLS");
    else if (ca != NULL)
        code = load_trusted(client->context, ca, err);
    else if (SSL_CTX_set_default_verify_paths(client->context) != 1)
        code = tls_error(err, "cannot use the system's certificates");
    if (code != ERR_OK) {
        tls_client_free(client);
        return code;
    }
    *ret_client = client;
    return ERR_OK;
}

void
tls_client_free(struct tls_client *client)
{
    if (client == NULL)
        return;
    SSL_CTX_free(client->context);
    free(client);
}

/* ---- connections ---- */

/* "pop.example.org." is the same host, but no certificate and no SNI has the dot. */
static bool
make_name(const char *host, char ret_name[256])
{
    size_t len = strlen(host);
    if (len > 0 && host[len - 1] == '.')
        len--;
    /* OpenSSL would take ".example.org" for every host below it. */
    if (len == 0 || len > 255 || host[0] == '.')
        return false;
    memcpy(ret_name, host, len);
    ret_name[len] = '\0';
    return true;
}

/* Whom the certificate must be for (R7817), and whom we ask for (R7817-4; not for addresses).
 */
static bool
set_identity(SSL *tls, char *name)
{
    unsigned char address[16];
    bool literal =
        inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
    X509_VERIFY_PARAM *wanted = SSL_get0_param(tls);
    X509_VERIFY_PARAM_set_hostflags(
        wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (literal)
        return X509_VERIFY_PARAM_set1_ip_asc(wanted, name) == 1;
    return X509_VERIFY_PARAM_set1_host(wanted, name, 0) == 1 &&
           SSL_set_tlsext_host_name(tls, name) == 1;
}

enum err_code
tls_client_connect(
    const struct tls_client *client, int fd, const char *host, struct tls_verdict *verdict,
    struct ssl_st **ret_tls, struct err *err)
{
    static const unsigned char protocol[] = {4, 'p', 'o', 'p', '3'};
    char name[256];
    *verdict = (struct tls_verdict){.host = host};
    if (!make_name(host, name))
        return err_set(err, ERR_INVALID, "no certificate can be for the host '%s'", host);
    SSL *tls = SSL_new(client->context);
    if (tls == NULL || SSL_set_app_data(tls, verdict) != 1 || SSL_set_fd(tls, fd) != 1 ||
        SSL_set_alpn_protos(tls, protocol, sizeof protocol) != 0 || !set_identity(tls, name)) {
        SSL_free(tls);
        return tls_error(err, "beginning TLS");
    }
    SSL_set_connect_state(tls);
    *ret_tls = tls;
    return ERR_OK;
}
