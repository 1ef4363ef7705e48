/* Signs with OpenSSL, along a way of its own: nothing here is the code under test's. */
#include "token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

enum { OCTETS_MAX = 1024 };

EVP_PKEY *
token_key(const char *kind)
{
    EVP_PKEY *key = strcmp(kind, "RSA") == 0       ? EVP_RSA_gen(2048)
                    : strcmp(kind, "RSA1024") == 0 ? EVP_RSA_gen(1024)
                    : strcmp(kind, "Ed25519") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                                                   : EVP_EC_gen(kind);
    assert_non_null(key);
    return key;
}

char *
token_base64url(struct pop_view octets)
{
    char *text = malloc(octets.len / 3 * 4 + 5);
    assert_non_null(text);
    int len = EVP_EncodeBlock(
        (unsigned char *)text, (const unsigned char *)octets.data, (int)octets.len);
    for (int i = 0; i < len; i++)
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    while (len > 0 && text[len - 1] == '=')
        len--;
    text[len] = '\0';
    return text;
}

/* A number of the key in base64url, of `len` octets or as many as it needs. */
static char *
number_of(EVP_PKEY *key, const char *name, int len)
{
    BIGNUM *number = NULL;
    unsigned char octets[OCTETS_MAX];
    assert_int_equal(EVP_PKEY_get_bn_param(key, name, &number), 1);
    if (len == 0)
        len = BN_num_bytes(number);
    assert_int_equal(BN_bn2binpad(number, octets, len), len);
    BN_free(number);
    return token_base64url((struct pop_view){(const char *)octets, (size_t)len});
}

static char *
format_jwk(const char *more, const char *kind, const char *names[2], char *values[2])
{
    char *text = NULL;
    assert_true(
        asprintf(
            &text, "{%s\"kty\":%s,\"%s\":\"%s\"%s%s%s%s%s}", more, kind, names[0], values[0],
            values[1] ? ",\"" : "", values[1] ? names[1] : "", values[1] ? "\":\"" : "",
            values[1] ? values[1] : "", values[1] ? "\"" : "") > 0);
    free(values[0]);
    free(values[1]);
    return text;
}

static char *
ec_jwk(EVP_PKEY *key, const char *more)
{
    static const struct {
        int bits;
        int len;
        const char *kind;
    } curves[] = {
        {256, 32, "\"EC\",\"crv\":\"P-256\""},
        {384, 48, "\"EC\",\"crv\":\"P-384\""},
        {521, 66, "\"EC\",\"crv\":\"P-521\""},
    };
    size_t i = 0;
    while (curves[i].bits != EVP_PKEY_get_bits(key))
        i++;
    char *values[2] = {
        number_of(key, OSSL_PKEY_PARAM_EC_PUB_X, curves[i].len),
        number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y, curves[i].len),
    };
    return format_jwk(more, curves[i].kind, (const char *[2]){"x", "y"}, values);
}

char *
token_jwk(EVP_PKEY *key, const char *more)
{
    if (EVP_PKEY_is_a(key, "EC"))
        return ec_jwk(key, more);
    char *values[2] = {NULL, NULL};
    if (EVP_PKEY_is_a(key, "RSA")) {
        values[0] = number_of(key, OSSL_PKEY_PARAM_RSA_N, 0);
        values[1] = number_of(key, OSSL_PKEY_PARAM_RSA_E, 0);
        return format_jwk(more, "\"RSA\"", (const char *[2]){"n", "e"}, values);
    }
    unsigned char octets[32];
    size_t len = sizeof octets;
    assert_int_equal(EVP_PKEY_get_raw_public_key(key, octets, &len), 1);
    values[0] = token_base64url((struct pop_view){(const char *)octets, len});
    return format_jwk(more, "\"OKP\",\"crv\":\"Ed25519\"", (const char *[2]){"x", ""}, values);
}

/* ---- signatures ---- */

static size_t
sign_digest(EVP_PKEY *key, const char *algorithm, struct pop_view text, unsigned char *to)
{
    static const struct {
        const char *end;
        const char *digest;
    } digests[] = {{"256", "SHA256"}, {"384", "SHA384"}, {"512", "SHA512"}, {"DSA", NULL}};
    size_t i = 0;
    size_t len = OCTETS_MAX;
    while (strcmp(algorithm + strlen(algorithm) - 3, digests[i].end) != 0)
        i++;
    EVP_PKEY_CTX *padding = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(
        EVP_DigestSignInit_ex(context, &padding, digests[i].digest, NULL, NULL, key, NULL), 1);
    if (algorithm[0] == 'P') {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    assert_int_equal(
        EVP_DigestSign(context, to, &len, (const unsigned char *)text.data, text.len), 1);
    EVP_MD_CTX_free(context);
    return len;
}

/* From DER to r and s, one behind the other. */
static size_t
raw_of(EVP_PKEY *key, unsigned char *octets, size_t len)
{
    const unsigned char *der = octets;
    int half = (EVP_PKEY_get_bits(key) + 7) / 8;
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)len);
    assert_non_null(signature);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(signature), octets, half), half);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(signature), octets + half, half), half);
    ECDSA_SIG_free(signature);
    return (size_t)half * 2;
}

static size_t
sign_shared(EVP_PKEY *key, struct pop_view text, unsigned char *to)
{
    char *pem = NULL;
    unsigned len = 0;
    BIO *memory = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(memory, key), 1);
    long pem_len = BIO_get_mem_data(memory, &pem);
    assert_non_null(HMAC(
        EVP_sha256(), pem, (int)pem_len, (const unsigned char *)text.data, text.len, to, &len));
    BIO_free(memory);
    return len;
}

static size_t
sign(EVP_PKEY *key, const char *algorithm, struct pop_view text, unsigned char *to)
{
    if (strcmp(algorithm, "none") == 0)
        return 0;
    if (strcmp(algorithm, "HS256") == 0)
        return sign_shared(key, text, to);
    size_t len = sign_digest(key, algorithm, text, to);
    return strncmp(algorithm, "ES", 2) == 0 ? raw_of(key, to, len) : len;
}

char *
token_sign(EVP_PKEY *key, const char *algorithm, const char *header, struct pop_view payload)
{
    unsigned char octets[OCTETS_MAX];
    char *first = token_base64url(pop_view_of(header));
    char *second = token_base64url(payload);
    char *text = NULL;
    char *token = NULL;
    assert_true(asprintf(&text, "%s.%s", first, second) > 0);
    size_t len = sign(key, algorithm, pop_view_of(text), octets);
    char *third = token_base64url((struct pop_view){(const char *)octets, len});
    assert_true(asprintf(&token, "%s.%s", text, third) > 0);
    free(first);
    free(second);
    free(third);
    free(text);
    return token;
}
