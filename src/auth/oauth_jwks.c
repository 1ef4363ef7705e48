/* Key sets: from JSON to OpenSSL's keys. */
#include "auth/oauth_jwks.h"

#include "auth/base64url.h"
#include "auth/json.h"
#include "base/check.h"
#include "base/cleanup.h"
#include "base/limits.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

/* RFC 7518, section 3.3: 2048 at least. Beyond 8192 a check takes milliseconds, and nobody has
 * such keys. The usual exponent has 3 octets. */
#define RSA_BITS_MIN   2048
#define RSA_OCTETS_MAX 1024u
#define RSA_E_MAX      8u

/* Octets of a coordinate of P-521. */
#define COORDINATE_MAX 66u

struct oauth_jwks {
    size_t count;
    struct oauth_key keys[JWKS_KEYS_MAX];
};

/* ---- the parts of a key ---- */

/* A member in base64url of at most `max` octets. */
static bool
octets_of(const cJSON *json, const char *name, unsigned char *to, size_t max, size_t *ret_len)
{
    struct pop_view text;
    return json_text(json, name, &text) && BASE64URL_OCTETS(text.len) <= max &&
           base64url_decode(text, to, ret_len) && *ret_len > 0;
}

static EVP_PKEY *
key_from(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (params == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    return key;
}

static EVP_PKEY *
rsa_key(const cJSON *json)
{
    unsigned char octets[RSA_OCTETS_MAX];
    unsigned char exponent[RSA_E_MAX];
    size_t len = 0;
    size_t exponent_len = 0;
    if (!octets_of(json, "n", octets, RSA_OCTETS_MAX, &len) ||
        !octets_of(json, "e", exponent, RSA_E_MAX, &exponent_len))
        return NULL;
    BIGNUM *n = BN_bin2bn(octets, (int)len, NULL);
    BIGNUM *e = BN_bin2bn(exponent, (int)exponent_len, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    /* With the exponent 1 every text would be its own signature. */
    if (n != NULL && e != NULL && build != NULL && BN_is_odd(n) && BN_is_odd(e) &&
        !BN_is_one(e) && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        key = key_from("RSA", build);
    OSSL_PARAM_BLD_free(build);
    BN_free(e);
    BN_free(n);
    return key;
}

/* OpenSSL takes no point that is off its curve. */
static EVP_PKEY *
ec_key(const cJSON *json, const char *group, size_t coordinate)
{
    unsigned char x[COORDINATE_MAX];
    unsigned char y[COORDINATE_MAX];
    unsigned char point[1 + 2 * COORDINATE_MAX] = {POINT_CONVERSION_UNCOMPRESSED};
    size_t x_len = 0;
    size_t y_len = 0;
    if (!octets_of(json, "x", x, coordinate, &x_len) ||
        !octets_of(json, "y", y, coordinate, &y_len) || x_len != coordinate ||
        y_len != coordinate)
        return NULL;
    memcpy(point + 1, x, coordinate);
    memcpy(point + 1 + coordinate, y, coordinate);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (build != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(
            build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * coordinate) == 1)
        key = key_from("EC", build);
    OSSL_PARAM_BLD_free(build);
    return key;
}

static EVP_PKEY *
ed25519_key(const cJSON *json)
{
    unsigned char x[32];
    size_t len = 0;
    if (!octets_of(json, "x", x, 32, &len) || len != 32)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, len);
}

/* ---- a key ---- */

static const struct shape {
    const char *kty;
    const char *curve; /* NULL: it has none */
    enum oauth_key_kind kind;
    const char *group; /* EC: OpenSSL's name */
    size_t coordinate;
} shapes[] = {
    {"RSA", NULL, OAUTH_KEY_RSA, NULL, 0},
    {"EC", "P-256", OAUTH_KEY_P256, "P-256", 32},
    {"EC", "P-384", OAUTH_KEY_P384, "P-384", 48},
    {"EC", "P-521", OAUTH_KEY_P521, "P-521", 66},
    {"OKP", "Ed25519", OAUTH_KEY_ED25519, NULL, 0},
};

static bool
is(const cJSON *json, const char *name, const char *wanted)
{
    struct pop_view text;
    return json_text(json, name, &text) && pop_view_equal(text, pop_view_of(wanted));
}

static const struct shape *
shape_of(const cJSON *json)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (is(json, "kty", shapes[i].kty) &&
            (shapes[i].curve == NULL || is(json, "crv", shapes[i].curve)))
            return &shapes[i];
    return NULL;
}

/* RFC 7517, sections 4.2 and 4.3: what does not say is for everything. */
static bool
is_for_signatures(const cJSON *json)
{
    const cJSON *operations = json_member(json, "key_ops");
    const cJSON *operation;
    if (json_member(json, "use") != NULL && !is(json, "use", "sig"))
        return false;
    if (operations == NULL)
        return true;
    cJSON_ArrayForEach(operation, operations)
    {
        if (cJSON_IsString(operation) && strcmp(operation->valuestring, "verify") == 0)
            return true;
    }
    return false;
}

static EVP_PKEY *
make_key(const cJSON *json, const struct shape *shape)
{
    switch (shape->kind) {
    case OAUTH_KEY_RSA:
        return rsa_key(json);
    case OAUTH_KEY_P256:
    case OAUTH_KEY_P384:
    case OAUTH_KEY_P521:
        return ec_key(json, shape->group, shape->coordinate);
    case OAUTH_KEY_ED25519:
        return ed25519_key(json);
    }
    BUG("every kind is above");
}

static bool
is_text_or_absent(const cJSON *json, const char *name)
{
    const cJSON *member = json_member(json, name);
    return member == NULL || cJSON_IsString(member);
}

/* A copy of a text; *ret_copy stays NULL if it is absent. False: no memory. */
static bool
copy_member(const cJSON *json, const char *name, char **ret_copy)
{
    const cJSON *member = json_member(json, name);
    if (member == NULL)
        return true;
    *ret_copy = strdup(member->valuestring);
    return *ret_copy != NULL;
}

static void
key_finish(struct oauth_key *key)
{
    free(key->kid);
    free(key->algorithm);
    EVP_PKEY_free(key->key);
}

/* RFC 7517, section 5: what is not understood or broken is as if it were not there. */
static enum err_code
add_key(struct oauth_jwks *keys, const cJSON *json, struct err *err)
{
    const struct shape *shape =
        cJSON_IsObject(json) && json_is_clear(json) ? shape_of(json) : NULL;
    if (shape == NULL || !is_for_signatures(json) || !is_text_or_absent(json, "kid") ||
        !is_text_or_absent(json, "alg"))
        return ERR_OK;
    struct oauth_key key = {.kind = shape->kind, .key = make_key(json, shape)};
    if (key.key == NULL ||
        (key.kind == OAUTH_KEY_RSA && EVP_PKEY_get_bits(key.key) < RSA_BITS_MIN)) {
        key_finish(&key);
        return ERR_OK;
    }
    if (!copy_member(json, "kid", &key.kid) || !copy_member(json, "alg", &key.algorithm)) {
        key_finish(&key);
        return err_set(err, ERR_NOMEM, "reading keys");
    }
    keys->keys[keys->count++] = key;
    return ERR_OK;
}

/* ---- the set ---- */

static void
jwks_freep(struct oauth_jwks **keys)
{
    oauth_jwks_free(*keys);
}

enum err_code
oauth_jwks_parse(struct pop_view text, struct oauth_jwks **ret_keys, struct err *err)
{
    CLEANUP(json_freep) cJSON *json = json_object(text);
    CLEANUP(jwks_freep) struct oauth_jwks *keys = calloc(1, sizeof *keys);
    const cJSON *array = json_member(json, "keys");
    const cJSON *element;
    size_t count = 0;
    if (keys == NULL)
        return err_set(err, ERR_NOMEM, "reading keys");
    if (!cJSON_IsArray(array))
        return err_set(err, ERR_INVALID, "there is no set of keys in it (RFC 7517)");
    cJSON_ArrayForEach(element, array)
    {
        if (++count > JWKS_KEYS_MAX)
            return err_set(
                err, ERR_INVALID, "there are more than %u keys in it", JWKS_KEYS_MAX);
        if (add_key(keys, element, err) != ERR_OK)
            return err->code;
    }
    if (keys->count == 0)
        return err_set(err, ERR_INVALID, "there is no key in it that can be used here");
    *ret_keys = keys;
    keys = NULL; /* the caller's from here */
    return ERR_OK;
}

void
oauth_jwks_free(struct oauth_jwks *keys)
{
    if (keys == NULL)
        return;
    for (size_t i = 0; i < keys->count; i++)
        key_finish(&keys->keys[i]);
    free(keys);
}

size_t
oauth_jwks_count(const struct oauth_jwks *keys)
{
    return keys->count;
}

const struct oauth_key *
oauth_jwks_key(const struct oauth_jwks *keys, size_t index)
{
    CHECK(index < keys->count);
    return &keys->keys[index];
}
