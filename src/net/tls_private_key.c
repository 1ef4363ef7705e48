/* Private keys: loading, judging, signing. */
#include "net/tls_private_key.h"

#include "base/cleanup.h"
#include "net/tls_server.h"
#include "net/tls_stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

/* BCP 195 (RFC 9325, section 4.5). */
#define RSA_BITS_MIN 2048

#define NAME_MAX_LEN 256

struct tls_private_key {
    EVP_PKEY *key;
    ASN1_TIME *expires;
    char name[NAME_MAX_LEN];
};

/* ---- loading ---- */

struct octets {
    char *data;
    size_t len;
};

static void
octets_finish(struct octets *octets)
{
    if (octets->data != NULL)
        explicit_bzero(octets->data, octets->len);
    free(octets->data);
}

static enum err_code
read_file(int fd, size_t most, struct octets *octets, struct err *err)
{
    octets->data = malloc(most);
    if (octets->data == NULL)
        return err_set(err, ERR_NOMEM, "reading a PEM file");
    while (octets->len < most) {
        ssize_t len =
            pread(fd, octets->data + octets->len, most - octets->len, (off_t)octets->len);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return err_set(err, ERR_SYSTEM, "cannot read a PEM file");
        if (len == 0)
            return ERR_OK;
        octets->len += (size_t)len;
    }
    return err_set(err, ERR_INVALID, "the file is too large for a PEM file");
}

/* Nobody is there to be asked. */
static int
no_passphrase(char *text, int cap, int writing, void *context)
{
    (void)text;
    (void)cap;
    (void)writing;
    *(bool *)context = true;
    return -1;
}

static enum err_code
load_certificate(int fd, X509 **ret_certificate, struct err *err)
{
    CLEANUP(octets_finish) struct octets octets = {0};
    enum err_code code = read_file(fd, TLS_CERTIFICATE_FILE_MAX, &octets, err);
    if (code != ERR_OK)
        return code;
    BIO *bio = BIO_new_mem_buf(octets.data, (int)octets.len);
    *ret_certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return *ret_certificate != NULL
               ? ERR_OK
               : err_set(err, ERR_INVALID, "no certificate in PEM form is in the file");
}

static enum err_code
load_key(int fd, EVP_PKEY **ret_key, struct err *err)
{
    CLEANUP(octets_finish) struct octets octets = {0};
    enum err_code code = read_file(fd, TLS_KEY_FILE_MAX, &octets, err);
    if (code != ERR_OK)
        return code;
    bool encrypted = false;
    BIO *bio = BIO_new_mem_buf(octets.data, (int)octets.len);
    *ret_key =
        bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &encrypted) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    if (encrypted)
        return err_set(
            err, ERR_INVALID,
            "the key is encrypted, and nobody is there to be asked: store it without a "
            "passphrase, readable by root alone");
    return *ret_key != NULL
               ? ERR_OK
               : err_set(err, ERR_INVALID, "no private key in PEM form is in the file");
}

static enum err_code
judge(X509 *certificate, EVP_PKEY *key, struct err *err)
{
    if (!EVP_PKEY_is_a(key, "RSA") && !EVP_PKEY_is_a(key, "EC") &&
        !EVP_PKEY_is_a(key, "ED25519"))
        return err_set(err, ERR_INVALID, "the key is neither RSA, EC nor Ed25519");
    if (EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) < RSA_BITS_MIN)
        return err_set(
            err, ERR_INVALID, "the RSA key has %d bits, %d are needed", EVP_PKEY_get_bits(key),
            RSA_BITS_MIN);
    if (X509_check_private_key(certificate, key) != 1) {
        ERR_clear_error();
        return err_set(err, ERR_INVALID, "certificate and key do not belong together");
    }
    return ERR_OK;
}

static void
take_name(struct tls_private_key *key, X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    (void)snprintf(key->name, sizeof key->name, "(no name)");
    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS)
            continue;
        (void)snprintf(
            key->name, sizeof key->name, "%.*s", ASN1_STRING_length(name->d.dNSName),
            (const char *)ASN1_STRING_get0_data(name->d.dNSName));
        break;
    }
    GENERAL_NAMES_free(names);
}

enum err_code
tls_private_key_load(
    struct tls_private_key **ret_key, int certificate_fd, int key_fd, struct err *err)
{
    struct tls_private_key *key = calloc(1, sizeof *key);
    X509 *certificate = NULL;
    if (key == NULL)
        return err_set(err, ERR_NOMEM, "loading a private key");
    enum err_code code = load_certificate(certificate_fd, &certificate, err);
    if (code == ERR_OK)
        code = load_key(key_fd, &key->key, err);
    if (code == ERR_OK)
        code = judge(certificate, key->key, err);
    if (code == ERR_OK) {
        take_name(key, certificate);
        key->expires = ASN1_STRING_dup(X509_get0_notAfter(certificate));
        if (key->expires == NULL)
            code = err_set(err, ERR_NOMEM, "loading a private key");
    }
    X509_free(certificate);
    if (code != ERR_OK) {
        tls_private_key_free(key);
        return code;
    }
    *ret_key = key;
    return ERR_OK;
}

void
tls_private_key_free(struct tls_private_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->key);
    ASN1_STRING_free(key->expires);
    free(key);
}

const char *
tls_private_key_name(const struct tls_private_key *key)
{
    return key->name;
}

int
tls_private_key_days(const struct tls_private_key *key)
{
    int days = 0;
    int seconds = 0;
    if (ASN1_TIME_diff(&days, &seconds, NULL, key->expires) != 1)
        return 0;
    return seconds < 0 ? days - 1 : days;
}

/* ---- signing ---- */

/* RFC 8446, section 4.4.3: 64 blanks, the label, a zero, the hash. */
static bool
is_certificate_verify(struct pop_view input)
{
    static const char label[] = "TLS 1.3, server CertificateVerify"; /* its NUL is the zero */
    enum { BLANKS = 64, START = BLANKS + sizeof label };
    if (input.len != START + 32 && input.len != START + 48)
        return false;
    for (size_t i = 0; i < BLANKS; i++)
        if (input.data[i] != ' ')
            return false;
    return memcmp(input.data + BLANKS, label, sizeof label) == 0;
}

/* RFC 8422, section 5.4: both randoms, a named curve, a point on it. */
static bool
is_key_exchange(struct pop_view input)
{
    static const struct {
        unsigned char curve;
        unsigned char point_len;
    } rows[] = {{0x1D, 32}, {0x17, 65}, {0x18, 97}};
    enum { RANDOMS = 64 };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char head[] = {3, 0, (char)rows[i].curve, (char)rows[i].point_len};
        if (input.len == RANDOMS + sizeof head + rows[i].point_len &&
            memcmp(input.data + RANDOMS, head, sizeof head) == 0)
            return true;
    }
    return false;
}

bool
tls_sign_input_is_handshake(struct pop_view input)
{
    return is_certificate_verify(input) || is_key_exchange(input);
}

static bool
set_up(EVP_MD_CTX *md, EVP_PKEY *key, const struct tls_sign_request *request)
{
    static const char *const hashes[TLS_SIGNATURE_COUNT] = {
        [TLS_SIGNATURE_SHA256] = "SHA256",
        [TLS_SIGNATURE_SHA384] = "SHA384",
        [TLS_SIGNATURE_SHA512] = "SHA512",
        [TLS_SIGNATURE_PURE] = NULL,
    };
    EVP_PKEY_CTX *context;
    if (md == NULL || request->signature >= TLS_SIGNATURE_COUNT ||
        EVP_DigestSignInit_ex(
            md, &context, hashes[request->signature], NULL, NULL, key, NULL) != 1)
        return false;
    return !request->pss ||
           (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1);
}

size_t
tls_private_key_sign(
    const struct tls_private_key *key, const struct tls_sign_request *request,
    char ret_signature[TLS_SIGN_OUTPUT_MAX])
{
    if (!tls_sign_input_is_handshake(request->input))
        return 0;
    size_t len = TLS_SIGN_OUTPUT_MAX;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool made = set_up(md, key->key, request) &&
                EVP_DigestSign(
                    md, (unsigned char *)ret_signature, &len,
                    (const unsigned char *)request->input.data, request->input.len) == 1;
    EVP_MD_CTX_free(md);
    ERR_clear_error();
    return made ? len : 0;
}
