/*
 * The provider: a key management that holds the public half and a number, and
 * a signature algorithm that asks for the signature.
 *
 * Everything public is left to OpenSSL's own providers: questions about a key
 * and its comparison with a certificate go to an ordinary public key inside.
 */
#include "net/tls_remote_key.h"

#include "net/tls_stream.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/provider.h>
#include <openssl/x509.h>
#include <stdlib.h>

#define PROVIDER "restante"
#define OURS     "provider=" PROVIDER
#define OTHERS   "provider!=" PROVIDER

/* The parameter that carries a key's number; beside it stands what makes a public key. */
#define PARAM_NUMBER "restante-number"

/* Set once, by tls_remote_key_start(). */
static struct {
    tls_sign *sign;
    void *context;
    OSSL_PROVIDER *providers[2]; /* never unloaded */
} signer;

struct remote_key {
    EVP_PKEY *public;
    uint32_t number;
};

/* ---- key management ---- */

static void
key_free(void *key_data)
{
    struct remote_key *key = key_data;
    if (key == NULL)
        return;
    EVP_PKEY_free(key->public);
    free(key);
}

static void *
key_new(void *provider)
{
    (void)provider;
    return calloc(1, sizeof(struct remote_key));
}

/* The private half is there in effect: it can sign. */
static int
key_has(const void *key_data, int selection)
{
    const struct remote_key *key = key_data;
    (void)selection;
    return key->public != NULL;
}

static int
key_match(const void *left, const void *right, int selection)
{
    const struct remote_key *a = left;
    const struct remote_key *b = right;
    (void)selection; /* who has the same public half is the same */
    return a->public != NULL && b->public != NULL && EVP_PKEY_eq(a->public, b->public) == 1;
}

static int
key_get_params(void *key_data, OSSL_PARAM params[])
{
    return EVP_PKEY_get_params(((struct remote_key *)key_data)->public, params);
}

static const OSSL_PARAM *
key_gettable_params(void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
        OSSL_PARAM_END,
    };
    (void)provider;
    return params;
}

/* The public half only: nobody else can be given what we do not have. */
static int
key_export(void *key_data, int selection, OSSL_CALLBACK *callback, void *argument)
{
    const struct remote_key *key = key_data;
    OSSL_PARAM *params = NULL;
    if (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY)
        return 0;
    if (EVP_PKEY_todata(key->public, EVP_PKEY_PUBLIC_KEY, &params) != 1)
        return 0;
    int result = callback(params, argument);
    OSSL_PARAM_free(params);
    return result;
}

/* A key of ours, or (without a number) a certificate's that is compared with one. */
static int
key_import_as(const char *type, struct remote_key *key, const OSSL_PARAM params[])
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, OTHERS);
    /* EVP_PKEY_fromdata() only reads them. */
    OSSL_PARAM *from = (OSSL_PARAM *)(uintptr_t)params;
    bool made = context != NULL && EVP_PKEY_fromdata_init(context) == 1 &&
                EVP_PKEY_fromdata(context, &key->public, EVP_PKEY_PUBLIC_KEY, from) == 1;
    EVP_PKEY_CTX_free(context);
    const OSSL_PARAM *number = OSSL_PARAM_locate_const(params, PARAM_NUMBER);
    return made && (number == NULL || OSSL_PARAM_get_uint32(number, &key->number) == 1);
}

static int
key_import_rsa(void *key_data, int selection, const OSSL_PARAM params[])
{
    (void)selection;
    return key_import_as("RSA", key_data, params);
}

static int
key_import_ec(void *key_data, int selection, const OSSL_PARAM params[])
{
    (void)selection;
    return key_import_as("EC", key_data, params);
}

static int
key_import_ed25519(void *key_data, int selection, const OSSL_PARAM params[])
{
    (void)selection;
    return key_import_as("ED25519", key_data, params);
}

static const OSSL_PARAM *
key_types(int selection)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_END,
    };
    return selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY ? types : NULL;
}

static const char *
ec_operation(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

typedef void function(void); /* how OpenSSL's tables hold functions of all kinds */

#define KEY_FUNCTIONS(import)                                                                  \
    {OSSL_FUNC_KEYMGMT_NEW, (function *)key_new},                                              \
        {OSSL_FUNC_KEYMGMT_FREE, (function *)key_free},                                        \
        {OSSL_FUNC_KEYMGMT_HAS, (function *)key_has},                                          \
        {OSSL_FUNC_KEYMGMT_MATCH, (function *)key_match},                                      \
        {OSSL_FUNC_KEYMGMT_GET_PARAMS, (function *)key_get_params},                            \
        {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (function *)key_gettable_params},                  \
        {OSSL_FUNC_KEYMGMT_EXPORT, (function *)key_export},                                    \
        {OSSL_FUNC_KEYMGMT_EXPORT_TYPES, (function *)key_types},                               \
        {OSSL_FUNC_KEYMGMT_IMPORT, (function *)(import)},                                      \
    {                                                                                          \
        OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (function *)key_types                                  \
    }

static const OSSL_DISPATCH rsa_functions[] = {KEY_FUNCTIONS(key_import_rsa), {0, NULL}};
static const OSSL_DISPATCH ec_functions[] = {
    KEY_FUNCTIONS(key_import_ec),
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (function *)ec_operation},
    {0, NULL},
};
static const OSSL_DISPATCH ed25519_functions[] = {KEY_FUNCTIONS(key_import_ed25519), {0, NULL}};

static const OSSL_ALGORITHM key_kinds[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", OURS, rsa_functions, "RSA, signed elsewhere"},
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", OURS, ec_functions, "EC, signed elsewhere"},
    {"ED25519:1.3.101.112", OURS, ed25519_functions, "Ed25519, signed elsewhere"},
    {NULL, NULL, NULL, NULL},
};

/* ---- signatures ---- */

struct signing {
    const struct remote_key *key; /* OpenSSL keeps the key as long as this */
    enum tls_signature signature;
    bool pss;
};

static void *
signing_new(void *provider, const char *properties)
{
    (void)provider;
    (void)properties;
    return calloc(1, sizeof(struct signing));
}

static bool
find_hash(const char *name, enum tls_signature *ret_signature)
{
    static const struct {
        const char *name;
        enum tls_signature signature;
    } rows[] = {
        {"SHA256", TLS_SIGNATURE_SHA256}, {"SHA2-256", TLS_SIGNATURE_SHA256},
        {"SHA384", TLS_SIGNATURE_SHA384}, {"SHA2-384", TLS_SIGNATURE_SHA384},
        {"SHA512", TLS_SIGNATURE_SHA512}, {"SHA2-512", TLS_SIGNATURE_SHA512},
        {"", TLS_SIGNATURE_PURE},
    };
    struct pop_view wanted = pop_view_of(name != NULL ? name : "");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (pop_view_same_word(wanted, pop_view_of(rows[i].name))) {
            *ret_signature = rows[i].signature;
            return true;
        }
    }
    return false; /* SHA-1 and MD5 among them: not for TLS 1.2 and later as we speak it */
}

/* Padding is the only choice there is: a PSS salt is always as long as the hash. */
static int
signing_set_params(void *context, const OSSL_PARAM params[])
{
    struct signing *signing = context;
    const OSSL_PARAM *padding =
        params != NULL ? OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE) : NULL;
    if (padding == NULL)
        return 1;
    const char *word;
    int number;
    if (OSSL_PARAM_get_utf8_string_ptr(padding, &word) == 1)
        signing->pss = strcmp(word, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
    else if (OSSL_PARAM_get_int(padding, &number) == 1)
        signing->pss = number == 6; /* RSA_PKCS1_PSS_PADDING */
    else
        return 0;
    return 1;
}

static const OSSL_PARAM *
signing_settable_params(void *context, void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_END,
    };
    (void)context;
    (void)provider;
    return params;
}

static int
signing_init(void *context, const char *hash, void *key, const OSSL_PARAM params[])
{
    struct signing *signing = context;
    signing->key = key;
    signing->pss = false;
    return find_hash(hash, &signing->signature) && signing_set_params(context, params);
}

static int
signing_sign(
    void *context, unsigned char *signature, size_t *len, size_t cap,
    const unsigned char *input, size_t input_len)
{
    const struct signing *signing = context;
    size_t most = (size_t)EVP_PKEY_get_size(signing->key->public);
    if (signature == NULL) {
        *len = most;
        return 1;
    }
    char made[TLS_SIGN_OUTPUT_MAX];
    struct tls_sign_request request = {
        .key = signing->key->number,
        .signature = signing->signature,
        .pss = signing->pss,
        .input = {(const char *)input, input_len},
    };
    if (input_len > TLS_SIGN_INPUT_MAX)
        return 0;
    size_t made_len = signer.sign(signer.context, &request, made);
    if (made_len == 0 || made_len > most || made_len > cap)
        return 0;
    memcpy(signature, made, made_len);
    *len = made_len;
    return 1;
}

static const OSSL_DISPATCH signing_functions[] = {
    {OSSL_FUNC_SIGNATURE_NEWCTX, (function *)signing_new},
    {OSSL_FUNC_SIGNATURE_FREECTX, (function *)free},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (function *)signing_init},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (function *)signing_sign},
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, (function *)signing_set_params},
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, (function *)signing_settable_params},
    {0, NULL},
};

static const OSSL_ALGORITHM signature_kinds[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", OURS, signing_functions, "RSA, elsewhere"},
    {"ECDSA", OURS, signing_functions, "ECDSA, elsewhere"},
    {"ED25519:1.3.101.112", OURS, signing_functions, "Ed25519, elsewhere"},
    {NULL, NULL, NULL, NULL},
};

/* ---- the provider ---- */

static const OSSL_ALGORITHM *
provider_query(void *provider, int operation, int *no_cache)
{
    (void)provider;
    *no_cache = 0;
    if (operation == OSSL_OP_KEYMGMT)
        return key_kinds;
    return operation == OSSL_OP_SIGNATURE ? signature_kinds : NULL;
}

static int
provider_init(
    const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **ret_functions,
    void **ret_provider)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (function *)provider_query},
        {0, NULL},
    };
    (void)in;
    *ret_functions = functions;
    *ret_provider = (void *)(uintptr_t)core; /* anything but NULL */
    return 1;
}

enum err_code
tls_remote_key_start(tls_sign *sign, void *context, struct err *err)
{
    signer.sign = sign;
    signer.context = context;
    /* A provider that is loaded by name takes the place of the default one. */
    signer.providers[0] = OSSL_PROVIDER_load(NULL, "default");
    if (signer.providers[0] == NULL ||
        OSSL_PROVIDER_add_builtin(NULL, PROVIDER, provider_init) != 1 ||
        (signer.providers[1] = OSSL_PROVIDER_load(NULL, PROVIDER)) == NULL ||
        EVP_set_default_properties(NULL, "?" OTHERS) != 1)
        return tls_error(err, "cannot register the remote keys with OpenSSL");
    return ERR_OK;
}

static const char *
kind_of(const EVP_PKEY *public)
{
    static const char *const kinds[] = {"RSA", "EC", "ED25519"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (EVP_PKEY_is_a(public, kinds[i]))
            return kinds[i];
    return NULL;
}

static EVP_PKEY *
make(const char *kind, const EVP_PKEY *public, uint32_t number)
{
    EVP_PKEY *made = NULL;
    OSSL_PARAM *of_public = NULL;
    OSSL_PARAM of_number[] = {OSSL_PARAM_uint32(PARAM_NUMBER, &number), OSSL_PARAM_END};
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, kind, OURS);
    if (context != NULL && EVP_PKEY_todata(public, EVP_PKEY_PUBLIC_KEY, &of_public) == 1 &&
        EVP_PKEY_fromdata_init(context) == 1) {
        OSSL_PARAM *all = OSSL_PARAM_merge(of_public, of_number);
        if (all != NULL)
            (void)EVP_PKEY_fromdata(context, &made, EVP_PKEY_PUBLIC_KEY, all); /* made tells */
        OPENSSL_free(all); /* a list only; what it points to has its owners */
    }
    OSSL_PARAM_free(of_public);
    EVP_PKEY_CTX_free(context);
    return made;
}

enum err_code
tls_remote_key_new(
    struct x509_st *certificate, uint32_t key, struct evp_pkey_st **ret_key, struct err *err)
{
    const EVP_PKEY *public = X509_get0_pubkey(certificate);
    const char *kind = public != NULL ? kind_of(public) : NULL;
    if (kind == NULL)
        return err_set(
            err, ERR_INVALID, "the certificate's key is neither RSA, EC nor Ed25519");
    EVP_PKEY *made = make(kind, public, key);
    if (made == NULL)
        return tls_error(err, "cannot make a remote key");
    *ret_key = made;
    return ERR_OK;
}
