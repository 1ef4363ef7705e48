/* Signed tokens. No claim is looked at before the signature has been found good. */
#include "auth/oauth_jwt.h"

#include "auth/base64url.h"
#include "base/cleanup.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

static const struct algorithm {
    const char *name;
    enum oauth_key_kind kind;
    const char *digest; /* NULL: the signature has its own */
    bool pss;
    size_t coordinate; /* ES*: octets of r and of s */
} algorithms[] = {
    {"RS256", OAUTH_KEY_RSA, "SHA256", false, 0},
    {"RS384", OAUTH_KEY_RSA, "SHA384", false, 0},
    {"RS512", OAUTH_KEY_RSA, "SHA512", false, 0},
    {"PS256", OAUTH_KEY_RSA, "SHA256", true, 0},
    {"PS384", OAUTH_KEY_RSA, "SHA384", true, 0},
    {"PS512", OAUTH_KEY_RSA, "SHA512", true, 0},
    {"ES256", OAUTH_KEY_P256, "SHA256", false, 32},
    {"ES384", OAUTH_KEY_P384, "SHA384", false, 48},
    {"ES512", OAUTH_KEY_P521, "SHA512", false, 66},
    {"EdDSA", OAUTH_KEY_ED25519, NULL, false, 0},
};

/* The parts of a token; views of it and of what was decoded into `storage`. */
struct parts {
    struct pop_view signed_text; /* header and payload as they stand in it */
    struct pop_view header;
    struct pop_view payload;
    struct pop_view signature;
};

/* ---- taking apart ---- */

/* Decodes the text up to the next dot, or all of it for the last part. */
static bool
take_part(
    struct pop_view *rest, bool last, struct pop_buffer *storage, struct pop_view *ret_octets)
{
    size_t len = 0;
    const char *dot = memchr(rest->data, '.', rest->len);
    if (last != (dot == NULL))
        return false;
    struct pop_view text = {rest->data, last ? rest->len : (size_t)(dot - rest->data)};
    char *to = storage->data + storage->len;
    if (!base64url_decode(text, to, &len))
        return false;
    storage->len += len;
    pop_view_skip(rest, last ? text.len : text.len + 1);
    *ret_octets = (struct pop_view){to, len};
    return len > 0;
}

static bool
take_apart(struct pop_view token, struct pop_buffer *storage, struct parts *ret_parts)
{
    struct pop_view rest = token;
    if (!take_part(&rest, false, storage, &ret_parts->header) ||
        !take_part(&rest, false, storage, &ret_parts->payload))
        return false;
    ret_parts->signed_text = (struct pop_view){token.data, token.len - rest.len - 1};
    return take_part(&rest, true, storage, &ret_parts->signature);
}

/* ---- the header ---- */

static const struct algorithm *
algorithm_of(const cJSON *header)
{
    struct pop_view name;
    if (!json_text(header, "alg", &name))
        return NULL;
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
        if (pop_view_equal(name, pop_view_of(algorithms[i].name)))
            return &algorithms[i];
    return NULL;
}

/* RFC 9068, section 2.1, or the plain word that most issuers write; a logout token, a proof of
 * a key or a client's assertion is signed by the same keys, and is none. */
static bool
is_access_token(const cJSON *header)
{
    static const char *const types[] = {"JWT", "at+jwt", "application/at+jwt"};
    struct pop_view type;
    if (json_member(header, "typ") == NULL)
        return true;
    if (!json_text(header, "typ", &type))
        return false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (pop_view_same_word(type, pop_view_of(types[i])))
            return true;
    return false;
}

static enum err_code
check_header(const cJSON *header, struct err *err)
{
    if (json_member(header, "crit") != NULL)
        return err_set(err, ERR_DENIED, "the token's header has \"crit\"");
    if (json_member(header, "kid") != NULL && !cJSON_IsString(json_member(header, "kid")))
        return err_set(err, ERR_DENIED, "the token's \"kid\" is no text");
    if (!is_access_token(header))
        return err_set(err, ERR_DENIED, "the token is no access token (\"typ\")");
    if (algorithm_of(header) == NULL)
        return err_set(err, ERR_DENIED, "the token's \"alg\" is not taken here");
    return ERR_OK;
}

/* ---- the signature ---- */

/* RFC 7518, section 3.4: r and s, each of full length. OpenSSL wants DER; *ret_der is malloc'ed
 * by it. 0: it is no such signature. */
static int
der_of(struct pop_view raw, size_t coordinate, unsigned char **ret_der)
{
    int len = 0;
    if (raw.len != 2 * coordinate)
        return 0;
    const unsigned char *octets = (const unsigned char *)raw.data;
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(octets, (int)coordinate, NULL);
    BIGNUM *s = BN_bin2bn(octets + coordinate, (int)coordinate, NULL);
    if (signature != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(signature, r, s) == 1) {
        r = NULL; /* the signature's from here */
        s = NULL;
        len = i2d_ECDSA_SIG(signature, ret_der);
    }
    BN_free(s);
    BN_free(r);
    ECDSA_SIG_free(signature);
    return len > 0 ? len : 0;
}

static bool
set_padding(EVP_PKEY_CTX *context, const struct algorithm *algorithm)
{
    if (algorithm->kind != OAUTH_KEY_RSA)
        return true;
    if (!algorithm->pss)
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool
verify(
    const struct algorithm *algorithm, EVP_PKEY *key, struct pop_view text,
    struct pop_view signature)
{
    EVP_PKEY_CTX *context = NULL; /* the other one's */
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool good = digest != NULL &&
                EVP_DigestVerifyInit_ex(
                    digest, &context, algorithm->digest, NULL, NULL, key, NULL) == 1 &&
                set_padding(context, algorithm) &&
                EVP_DigestVerify(
                    digest, (const unsigned char *)signature.data, signature.len,
                    (const unsigned char *)text.data, text.len) == 1;
    EVP_MD_CTX_free(digest);
    return good;
}

static bool
is_signed_by(
    const struct oauth_key *key, const struct algorithm *algorithm, const struct parts *parts)
{
    unsigned char *der = NULL;
    struct pop_view signature = parts->signature;
    if (algorithm->coordinate > 0) {
        int len = der_of(parts->signature, algorithm->coordinate, &der);
        signature = (struct pop_view){(const char *)der, (size_t)len};
    }
    bool good = signature.len > 0 && verify(algorithm, key->key, parts->signed_text, signature);
    OPENSSL_free(der);
    return good;
}

/* The token may only choose among what the key's owner has said of it. */
static bool
may_sign(
    const struct oauth_key *key, const struct algorithm *algorithm, const struct pop_view *kid)
{
    if (kid != NULL && (key->kid == NULL || !pop_view_equal(pop_view_of(key->kid), *kid)))
        return false;
    return key->kind == algorithm->kind &&
           (key->algorithm == NULL || strcmp(key->algorithm, algorithm->name) == 0);
}

static enum err_code
check_signature(
    const cJSON *header, const struct parts *parts, const struct oauth_jwks *keys,
    struct err *err)
{
    const struct algorithm *algorithm = algorithm_of(header);
    struct pop_view kid;
    bool chosen = json_text(header, "kid", &kid);
    bool tried = false;
    bool good = false;
    for (size_t i = 0; !good && i < oauth_jwks_count(keys); i++) {
        const struct oauth_key *key = oauth_jwks_key(keys, i);
        if (!may_sign(key, algorithm, chosen ? &kid : NULL))
            continue;
        tried = true;
        good = is_signed_by(key, algorithm, parts);
    }
    ERR_clear_error(); /* what did not fit stays in OpenSSL's queue */
    if (good)
        return ERR_OK;
    return err_set(
        err, ERR_DENIED,
        tried ? "the token's signature is wrong" : "no key is there for the token");
}

/* ---- the whole ---- */

/* With room for what the parts decode to. */
static enum err_code
check_token(
    struct pop_view token, struct pop_buffer *storage, const struct oauth_jwks *keys,
    const struct oauth_rules *rules, int64_t now, struct auth_user *user, struct err *err)
{
    struct parts parts;
    if (!take_apart(token, storage, &parts))
        return err_set(err, ERR_DENIED, "the token is no signed one (RFC 7515)");
    CLEANUP(json_freep) cJSON *header = json_object(parts.header);
    if (header == NULL)
        return err_set(err, ERR_DENIED, "the token's header is no clear JSON object");
    if (check_header(header, err) != ERR_OK ||
        check_signature(header, &parts, keys, err) != ERR_OK)
        return err->code;
    CLEANUP(json_freep) cJSON *claims = json_object(parts.payload);
    if (claims == NULL)
        return err_set(err, ERR_DENIED, "the token's claims are no clear JSON object");
    return oauth_claims_check(claims, rules, now, user, err);
}

enum err_code
oauth_jwt_check(
    struct pop_view token, const struct oauth_jwks *keys, const struct oauth_rules *rules,
    int64_t now, struct auth_user *user, struct err *err)
{
    if (token.len == 0 || token.len > TOKEN_MAX)
        return err_set(err, ERR_DENIED, "the token is empty or longer than %u", TOKEN_MAX);
    struct pop_buffer storage = {.cap = token.len}; /* decoded it is shorter */
    storage.data = malloc(storage.cap);
    if (storage.data == NULL)
        return err_set(err, ERR_NOMEM, "checking a token");
    enum err_code code = check_token(token, &storage, keys, rules, now, user, err);
    explicit_bzero(storage.data, storage.cap);
    free(storage.data);
    return code;
}
