/* Signed tokens: which are taken, and every way in which one that is not right was once taken
 * somewhere. */
#include "auth/base64url.h"
#include "auth/oauth_jwt.h"
#include "guard.h"
#include "token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

/* What the tests call now. */
#define NOW 1700000000
#define CLAIMS                                                                                 \
    "\"iss\":\"https://id.example.org\",\"aud\":\"mail\",\"exp\":1700000060,"                  \
    "\"email\":\"ann@example.org\""

static const struct oauth_rules rules = {
    .issuer = "https://id.example.org",
    .audience = "mail",
    .claim = "email",
    .must_expire = true,
};

static const char *const kinds[] = {"RSA", "P-256", "P-384", "P-521", "Ed25519"};
enum { RSA_KEY, P256_KEY, P384_KEY, P521_KEY, ED_KEY, KEYS };

static EVP_PKEY *keys[KEYS];
static struct oauth_jwks *set; /* all of them, each with its kind as kid */
static struct guard guard;
static struct auth_user user;
static struct err err;

/* ---- checking ---- */

/* With a copy of the token against a closed page, for a client that gives this name. */
static enum err_code
check_for(
    const struct oauth_jwks *jwks, const struct oauth_rules *which, const char *token,
    const char *name)
{
    err = (struct err){0};
    auth_user_begin(&user, pop_view_of(name));
    enum err_code code =
        oauth_jwt_check(guard_place(&guard, pop_view_of(token)), jwks, which, NOW, &user, &err);
    if (code == ERR_OK)
        assert_string_equal(err.text, "");
    else
        assert_true(err.text[0] != '\0' && strstr(err.text, "example.org") == NULL);
    return code;
}

static void
expect(enum err_code expected, const char *algorithm, const char *token)
{
    enum err_code code = check_for(set, &rules, token, "");
    if (code != expected)
        fail_msg("%s: %d (%s)", algorithm, (int)code, err.text);
}

/* Signs the payload with the key under a header as its algorithm has it. */
static enum err_code
check_payload_as(const struct oauth_rules *which, const char *payload, const char *name)
{
    char *token = token_sign(
        keys[ED_KEY], "EdDSA", "{\"alg\":\"EdDSA\",\"kid\":\"Ed25519\"}", pop_view_of(payload));
    enum err_code code = check_for(set, which, token, name);
    free(token);
    return code;
}

static enum err_code
check_payload(const char *payload)
{
    return check_payload_as(&rules, payload, "");
}

static enum err_code
check_header_with(unsigned key, const char *algorithm, const char *header)
{
    char *token = token_sign(keys[key], algorithm, header, POP_VIEW("{" CLAIMS "}"));
    enum err_code code = check_for(set, &rules, token, "");
    free(token);
    return code;
}

/* ---- signatures ---- */

static const struct {
    const char *algorithm;
    unsigned key;
} signers[] = {
    {"RS256", RSA_KEY},  {"RS384", RSA_KEY}, {"RS512", RSA_KEY},  {"PS256", RSA_KEY},
    {"PS384", RSA_KEY},  {"PS512", RSA_KEY}, {"ES256", P256_KEY}, {"ES384", P384_KEY},
    {"ES512", P521_KEY}, {"EdDSA", ED_KEY},
};

static void
each_algorithm_is_taken_with_and_without_kid(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof signers / sizeof *signers; i++) {
        char header[128];
        const char *algorithm = signers[i].algorithm;
        (void)snprintf(
            header, sizeof header, "{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"%s\"}", algorithm,
            kinds[signers[i].key]);
        assert_int_equal(check_header_with(signers[i].key, algorithm, header), ERR_OK);
        assert_string_equal(user.name, "ann@example.org");
        (void)snprintf(header, sizeof header, "{\"alg\":\"%s\"}", algorithm);
        assert_int_equal(check_header_with(signers[i].key, algorithm, header), ERR_OK);
    }
}

/* Every octet of a token counts. */
static void
changed_token_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof signers / sizeof *signers; i++) {
        char header[128];
        (void)snprintf(header, sizeof header, "{\"alg\":\"%s\"}", signers[i].algorithm);
        char *token = token_sign(
            keys[signers[i].key], signers[i].algorithm, header, POP_VIEW("{" CLAIMS "}"));
        for (char *c = token; *c != '\0'; c++) {
            char was = *c;
            *c = was == 'A' ? 'B' : 'A';
            expect(ERR_DENIED, signers[i].algorithm, token);
            *c = was;
        }
        expect(ERR_OK, signers[i].algorithm, token);
        char *longer = NULL;
        assert_true(asprintf(&longer, "%sAAAA", token) > 0);
        expect(ERR_DENIED, signers[i].algorithm, longer);
        free(longer);
        token[strlen(token) - 1] = '\0';
        expect(ERR_DENIED, signers[i].algorithm, token);
        free(token);
    }
}

/* The header names one algorithm, and the signature is of another. */
static void
algorithms_are_not_mixed_up(void **state)
{
    static const struct {
        unsigned key;
        const char *algorithm; /* really */
        const char *header;
    } rows[] = {
        {RSA_KEY, "HS256", "{\"alg\":\"HS256\"}"},
        {RSA_KEY, "HS256", "{\"alg\":\"HS256\",\"kid\":\"RSA\"}"},
        {RSA_KEY, "HS256", "{\"alg\":\"RS256\",\"kid\":\"RSA\"}"},
        {RSA_KEY, "none", "{\"alg\":\"none\"}"},
        {RSA_KEY, "none", "{\"alg\":\"None\"}"},
        {RSA_KEY, "none", "{\"alg\":\"RS256\"}"},
        {RSA_KEY, "none", "{\"alg\":\"\"}"},
        {RSA_KEY, "RS256", "{\"alg\":\"none\",\"kid\":\"RSA\"}"},
        {RSA_KEY, "RS256", "{\"alg\":\"PS256\"}"},
        {RSA_KEY, "PS256", "{\"alg\":\"RS256\"}"},
        {RSA_KEY, "RS256", "{\"alg\":\"RS512\"}"},
        {RSA_KEY, "RS256", "{\"alg\":\"rs256\"}"},
        {RSA_KEY, "RS256", "{\"alg\":\"ES256\",\"kid\":\"RSA\"}"},
        {RSA_KEY, "RS256", "{\"alg\":\"RS1\"}"},
        {P256_KEY, "DER256", "{\"alg\":\"ES256\"}"},
        {P256_KEY, "ES256", "{\"alg\":\"ES384\"}"},
        {P384_KEY, "ES384", "{\"alg\":\"ES256\"}"},
        {P384_KEY, "ES256", "{\"alg\":\"ES384\"}"},
        {P521_KEY, "ES256", "{\"alg\":\"ES256\",\"kid\":\"P-521\"}"},
        {P256_KEY, "ES256", "{\"alg\":\"EdDSA\",\"kid\":\"P-256\"}"},
        {ED_KEY, "EdDSA", "{\"alg\":\"ES256\"}"},
        {ED_KEY, "EdDSA", "{\"alg\":\"Ed25519\"}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (check_header_with(rows[i].key, rows[i].algorithm, rows[i].header) != ERR_DENIED)
            fail_msg("row %zu: %s", i, rows[i].header);
}

/* It is not even tried with an algorithm of another kind. */
static void
key_of_another_kind_is_no_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof signers / sizeof *signers; i++)
        for (unsigned key = 0; key < KEYS; key++) {
            char header[128];
            if (key == signers[i].key)
                continue;
            (void)snprintf(
                header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"%s\"}", signers[i].algorithm,
                kinds[key]);
            assert_int_equal(
                check_header_with(signers[i].key, signers[i].algorithm, header), ERR_DENIED);
            assert_string_equal(err.text, "no key is there for the token");
        }
}

static void
odd_headers_are_refused(void **state)
{
    static const char *const headers[] = {
        "{}",
        "{\"kid\":\"Ed25519\"}",
        "{\"alg\":5}",
        "{\"alg\":null}",
        "{\"alg\":[\"EdDSA\"]}",
        "{\"alg\":\"EdDSA\",\"kid\":\"RSA\"}", /* another's */
        "{\"alg\":\"EdDSA\",\"kid\":\"unknown\"}",
        "{\"alg\":\"EdDSA\",\"kid\":\"\"}",
        "{\"alg\":\"EdDSA\",\"kid\":\"ed25519\"}",
        "{\"alg\":\"EdDSA\",\"kid\":5}",
        "{\"alg\":\"EdDSA\",\"kid\":\"Ed25519\\u0000\"}",
        "{\"alg\":\"EdDSA\",\"crit\":[\"b64\"],\"b64\":false}",
        "{\"alg\":\"EdDSA\",\"crit\":[]}",
        "{\"alg\":\"EdDSA\",\"crit\":null}",
        "{\"alg\":\"EdDSA\",\"typ\":\"logout+jwt\"}",
        "{\"alg\":\"EdDSA\",\"typ\":\"dpop+jwt\"}",
        "{\"alg\":\"EdDSA\",\"typ\":5}",
        "{\"alg\":\"none\",\"alg\":\"EdDSA\"}",
        "{\"alg\":\"EdDSA\",\"alg\":\"EdDSA\"}",
        "{\"alg\":\"EdDSA\",\"a\\u006cg\":\"EdDSA\"}",
        "{\"alg\":\"EdDSA\"}x",
        "{\"alg\":\"EdDSA\"}{}",
        "[\"EdDSA\"]",
        "\"EdDSA\"",
        "{\"alg\":\"EdDSA\"",
        "",
    };
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        if (check_header_with(ED_KEY, "EdDSA", headers[i]) != ERR_DENIED)
            fail_msg("%s", headers[i]);
    assert_int_equal(
        check_header_with(ED_KEY, "EdDSA", "{\"alg\":\"EdDSA\",\"typ\":\"at+JWT\"}"), ERR_OK);
}

static void
odd_forms_are_refused(void **state)
{
    (void)state;
    char *token =
        token_sign(keys[ED_KEY], "EdDSA", "{\"alg\":\"EdDSA\"}", POP_VIEW("{" CLAIMS "}"));
    static const char *const forms[] = {
        "%.0s", ".%.0s",  "..%.0s", "...%.0s", "%s=",  "%s.",
        ".%s",  "%s.e30", " %s",    "%s ",     "%s\n",
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char *text = NULL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        assert_true(asprintf(&text, forms[i], token) >= 0);
#pragma GCC diagnostic pop
        expect(ERR_DENIED, forms[i], text);
        free(text);
    }
    expect(ERR_OK, "as it is", token);
    *strchr(token, '.') = '\0';
    expect(ERR_DENIED, "header alone", token);
    free(token);

    static char endless[TOKEN_MAX + 2];
    memset(endless, 'A', TOKEN_MAX + 1);
    expect(ERR_DENIED, "too long", endless);
    assert_non_null(strstr(err.text, "longer than"));
}

/* ---- claims ---- */

static void
claims_that_do_not_hold_are_refused(void **state)
{
    static const struct {
        const char *payload;
        enum err_code code;
    } rows[] = {
        {"{" CLAIMS "}", ERR_OK},
        {" {" CLAIMS "} \r\n\t", ERR_OK},
    /* exp */
#define BUT_EXP                                                                                \
    "\"iss\":\"https://id.example.org\",\"aud\":\"mail\",\"email\":\"ann@example.org\""
        {"{" BUT_EXP "}", ERR_DENIED},
        {"{" BUT_EXP ",\"exp\":1700000001}", ERR_OK},
        {"{" BUT_EXP ",\"exp\":1700000000}", ERR_DENIED},
        {"{" BUT_EXP ",\"exp\":1699999999}", ERR_DENIED},
        {"{" BUT_EXP ",\"exp\":1700000000.5}", ERR_OK},
        {"{" BUT_EXP ",\"exp\":1699999999.5}", ERR_DENIED},
        {"{" BUT_EXP ",\"exp\":1.700000001e9}", ERR_OK},
        {"{" BUT_EXP ",\"exp\":\"1700000060\"}", ERR_DENIED},
        {"{" BUT_EXP ",\"exp\":null}", ERR_DENIED},
        {"{" BUT_EXP ",\"exp\":[1700000060]}", ERR_DENIED},
        {"{" BUT_EXP ",\"exp\":-1700000060}", ERR_DENIED},
        {"{" BUT_EXP ",\"exp\":9007199254740992}", ERR_OK},
        {"{" BUT_EXP ",\"exp\":1e16}", ERR_DENIED},
        {"{" BUT_EXP ",\"exp\":1e400}", ERR_DENIED},
        {"{" BUT_EXP ",\"exp\":99999999999999999999999999999999999999999999}", ERR_DENIED},
        {"{" BUT_EXP ",\"exp\":1700000060,\"exp\":1700000060}", ERR_DENIED},
        {"{" BUT_EXP ",\"exp\":1,\"exp\":1700000060}", ERR_DENIED},
        {"{" BUT_EXP ",\"Exp\":1700000060}", ERR_DENIED},
        /* nbf, iat */
        {"{" CLAIMS ",\"nbf\":1700000060}", ERR_OK},
        {"{" CLAIMS ",\"nbf\":1700000061}", ERR_DENIED},
        {"{" CLAIMS ",\"nbf\":\"0\"}", ERR_DENIED},
        {"{" CLAIMS ",\"nbf\":-1}", ERR_DENIED},
        {"{" CLAIMS ",\"iat\":1700000060}", ERR_OK},
        {"{" CLAIMS ",\"iat\":1700000061}", ERR_DENIED},
        {"{" CLAIMS ",\"iat\":1e400}", ERR_DENIED},
    /* iss, aud */
#define BUT_ISS "\"aud\":\"mail\",\"exp\":1700000060,\"email\":\"ann@example.org\""
        {"{" BUT_ISS "}", ERR_DENIED},
        {"{" BUT_ISS ",\"iss\":\"https://id.example.org/\"}", ERR_DENIED},
        {"{" BUT_ISS ",\"iss\":\"https://ID.example.org\"}", ERR_DENIED},
        {"{" BUT_ISS ",\"iss\":[\"https://id.example.org\"]}", ERR_DENIED},
#define BUT_AUD                                                                                \
    "\"iss\":\"https://id.example.org\",\"exp\":1700000060,\"email\":\"ann@example.org\""
        {"{" BUT_AUD "}", ERR_DENIED},
        {"{" BUT_AUD ",\"aud\":\"mail2\"}", ERR_DENIED},
        {"{" BUT_AUD ",\"aud\":[\"a\",\"mail\"]}", ERR_OK},
        {"{" BUT_AUD ",\"aud\":[\"a\",\"mail2\"]}", ERR_DENIED},
        {"{" BUT_AUD ",\"aud\":[]}", ERR_DENIED},
        {"{" BUT_AUD ",\"aud\":[[\"mail\"]]}", ERR_DENIED},
        {"{" BUT_AUD ",\"aud\":{\"mail\":\"mail\"}}", ERR_DENIED},
        {"{" BUT_AUD ",\"aud\":\"other mail\"}", ERR_DENIED},
        /* what kind it is */
        {"{" CLAIMS ",\"cnf\":{\"jkt\":\"x\"}}", ERR_DENIED},
        {"{" CLAIMS ",\"cnf\":{}}", ERR_DENIED},
        {"{" CLAIMS ",\"token_use\":\"refresh_token\"}", ERR_DENIED},
        {"{" CLAIMS ",\"token_use\":\"access_token\"}", ERR_OK},
        {"{" CLAIMS ",\"token_type\":\"DPoP\"}", ERR_DENIED},
        {"{" CLAIMS ",\"token_type\":\"bearer\"}", ERR_OK},
    /* the name */
#define BUT_NAME "\"iss\":\"https://id.example.org\",\"aud\":\"mail\",\"exp\":1700000060"
        {"{" BUT_NAME "}", ERR_INVALID},
        {"{" BUT_NAME ",\"sub\":\"ann\",\"preferred_username\":\"ann\"}", ERR_INVALID},
        {"{" BUT_NAME ",\"email\":\"\"}", ERR_INVALID},
        {"{" BUT_NAME ",\"email\":5}", ERR_INVALID},
        {"{" BUT_NAME ",\"email\":[\"ann\"]}", ERR_INVALID},
        {"{" BUT_NAME ",\"email\":\"../ann\"}", ERR_INVALID},
        {"{" BUT_NAME ",\"email\":\"a\\nb\"}", ERR_INVALID},
        {"{" BUT_NAME ",\"email\":\"ann\\u0000@example.org\"}", ERR_DENIED},
        {"{" BUT_NAME ",\"email\":\"ann\\\\u0000\"}", ERR_OK}, /* a backslash */
        {"{" BUT_NAME ",\"email\":\"ann\",\"email\":\"bob\"}", ERR_DENIED},
        {"{" BUT_NAME ",\"email\":\"ann\",\"emai\\u006c\":\"bob\"}", ERR_DENIED},
        {"{" CLAIMS ",\"email_verified\":true}", ERR_OK},
        {"{" CLAIMS ",\"email_verified\":\"true\"}", ERR_OK},
        {"{" CLAIMS ",\"email_verified\":false}", ERR_DENIED},
        {"{" CLAIMS ",\"email_verified\":\"false\"}", ERR_DENIED},
        {"{" CLAIMS ",\"email_verified\":null}", ERR_DENIED},
        /* the text */
        {"{" CLAIMS "}x", ERR_DENIED},
        {"{" CLAIMS ",}", ERR_DENIED},
        {"{" CLAIMS ",\"x\":\"a\tb\"}", ERR_DENIED},
        {"{" CLAIMS "\v}", ERR_DENIED},
        {"[{" CLAIMS "}]", ERR_DENIED},
        {"null", ERR_DENIED},
        {"", ERR_DENIED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum err_code code = check_payload(rows[i].payload);
        if (code != rows[i].code)
            fail_msg("%s: %d (%s)", rows[i].payload, (int)code, err.text);
    }
}

static void
embedded_nul_is_refused(void **state)
{
    (void)state;
    static const char payload[] = "{" CLAIMS ",\"x\":\"a\0b\"}";
    char *token = token_sign(
        keys[ED_KEY], "EdDSA", "{\"alg\":\"EdDSA\"}",
        (struct pop_view){payload, sizeof payload - 1});
    expect(ERR_DENIED, "NUL", token);
    free(token);
}

/* What would make cJSON recurse, or us compare names for long. */
static void
deep_and_wide_objects_are_refused(void **state)
{
    (void)state;
    for (unsigned depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX; depth++) {
        char payload[1024];
        int len = snprintf(payload, sizeof payload, "{" CLAIMS ",\"x\":");
        memset(payload + len, '[', depth);
        memset(payload + len + depth, ']', depth);
        (void)snprintf(payload + len + 2 * depth, 2, "}");
        assert_int_equal(check_payload(payload), depth < JSON_DEPTH_MAX ? ERR_OK : ERR_DENIED);
    }
    for (unsigned more = JSON_MEMBERS_MAX - 4; more <= JSON_MEMBERS_MAX - 3; more++) {
        char payload[5000];
        int len = snprintf(payload, sizeof payload, "{" CLAIMS);
        for (unsigned i = 0; i < more; i++)
            len += snprintf(payload + len, sizeof payload - (size_t)len, ",\"x%u\":1", i);
        (void)snprintf(payload + len, sizeof payload - (size_t)len, "}");
        assert_int_equal(
            check_payload(payload), more == JSON_MEMBERS_MAX - 4 ? ERR_OK : ERR_DENIED);
    }
}

static void
scope_is_one_of_the_words(void **state)
{
    struct oauth_rules scoped = rules;
    scoped.scope = "pop";
    static const struct {
        const char *payload;
        enum err_code code;
    } rows[] = {
        {"{" CLAIMS "}", ERR_DENIED},
        {"{" CLAIMS ",\"scope\":\"pop\"}", ERR_OK},
        {"{" CLAIMS ",\"scope\":\"openid pop\"}", ERR_OK},
        {"{" CLAIMS ",\"scope\":\"pop openid\"}", ERR_OK},
        {"{" CLAIMS ",\"scope\":\"popular\"}", ERR_DENIED},
        {"{" CLAIMS ",\"scope\":\"a pop3 POP\"}", ERR_DENIED},
        {"{" CLAIMS ",\"scope\":\"\"}", ERR_DENIED},
        {"{" CLAIMS ",\"scp\":\"a pop\"}", ERR_OK},
        {"{" CLAIMS ",\"scp\":[\"a\",\"pop\"]}", ERR_OK},
        {"{" CLAIMS ",\"scp\":[\"a pop\"]}", ERR_DENIED},
        {"{" CLAIMS ",\"scp\":[]}", ERR_DENIED},
        {"{" CLAIMS ",\"scope\":\"a\",\"scp\":[\"pop\"]}", ERR_DENIED},
        {"{" CLAIMS ",\"scope\":5}", ERR_DENIED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (check_payload_as(&scoped, rows[i].payload, "") != rows[i].code)
            fail_msg("%s: %s", rows[i].payload, err.text);
}

static void
name_of_the_client_is_that_of_the_token(void **state)
{
    struct oauth_rules other = rules;
    other.claim = "sub";
    (void)state;
    assert_int_equal(check_payload_as(&rules, "{" CLAIMS "}", "ann@example.org"), ERR_OK);
    assert_int_equal(check_payload_as(&rules, "{" CLAIMS "}", "Ann@example.org"), ERR_DENIED);
    assert_int_equal(check_payload_as(&rules, "{" CLAIMS "}", "ann"), ERR_DENIED);
    assert_int_equal(check_payload_as(&rules, "{" CLAIMS "}", "bob@example.org"), ERR_DENIED);
    assert_int_equal(check_payload_as(&other, "{" CLAIMS ",\"sub\":\"u7\"}", ""), ERR_OK);
    assert_string_equal(user.name, "u7");
    assert_int_equal(
        check_payload_as(&other, "{" CLAIMS ",\"sub\":\"u7\",\"email_verified\":false}", "u7"),
        ERR_OK);
}

static void
without_rules_only_the_name_counts(void **state)
{
    static const struct oauth_rules none = {.claim = "email"};
    (void)state;
    assert_int_equal(check_payload_as(&none, "{\"email\":\"ann\"}", ""), ERR_OK);
    assert_int_equal(check_payload_as(&none, "{\"email\":\"ann\",\"exp\":1}", ""), ERR_DENIED);
    assert_int_equal(check_payload_as(&none, "{\"exp\":1700000060}", ""), ERR_INVALID);
}

/* ---- key sets ---- */

/* A set of this text, or NULL. */
static struct oauth_jwks *
parse_set(const char *text)
{
    struct oauth_jwks *jwks = NULL;
    err = (struct err){0};
    struct guard place;
    guard_init(&place, strlen(text));
    enum err_code code = oauth_jwks_parse(guard_place(&place, pop_view_of(text)), &jwks, &err);
    guard_finish(&place);
    assert_int_equal(code == ERR_OK, jwks != NULL);
    assert_true(code == ERR_OK || code == ERR_INVALID);
    return jwks;
}

/* How many keys of a set are used that has this one and nothing else. */
static size_t
count_with(const char *key)
{
    char *text = NULL;
    assert_true(asprintf(&text, "{\"keys\":[%s]}", key) > 0);
    struct oauth_jwks *jwks = parse_set(text);
    size_t count = jwks != NULL ? oauth_jwks_count(jwks) : 0;
    oauth_jwks_free(jwks);
    free(text);
    return count;
}

static void
keys_that_are_no_use_are_left_out(void **state)
{
    static const struct {
        const char *more;
        size_t count;
    } rows[] = {
        {"", 1},
        {"\"use\":\"sig\",", 1},
        {"\"use\":\"enc\",", 0},
        {"\"use\":5,", 0},
        {"\"key_ops\":[\"verify\"],", 1},
        {"\"key_ops\":[\"encrypt\"],", 0},
        {"\"key_ops\":[],", 0},
        {"\"kid\":5,", 0},
        {"\"alg\":5,", 0},
        {"\"kid\":\"a\",\"kid\":\"b\",", 0},
        {"\"kty\":\"oct\",\"k\":\"AAAA\",", 0}, /* "kty" twice */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *key = token_jwk(keys[P256_KEY], rows[i].more);
        if (count_with(key) != rows[i].count)
            fail_msg("%s", rows[i].more);
        free(key);
    }
    EVP_PKEY *weak = token_key("RSA1024");
    char *text = token_jwk(weak, "");
    assert_int_equal(count_with(text), 0);
    free(text);
    EVP_PKEY_free(weak);
    assert_int_equal(count_with("{\"kty\":\"oct\",\"k\":\"AAAA\"}"), 0);
    assert_int_equal(count_with("{\"kty\":\"EC\",\"crv\":\"secp256k1\"}"), 0);
    assert_int_equal(count_with("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}"), 0);
    assert_int_equal(count_with("{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}"), 0);
    assert_int_equal(count_with("5"), 0);
}

/* A point that is on no curve, and an exponent with which everything is signed. */
static void
keys_that_prove_nothing_are_left_out(void **state)
{
    (void)state;
    char *point = token_jwk(keys[P256_KEY], "");
    char *x = strstr(point, "\"x\":\"") + 5;
    x[0] = x[0] == 'A' ? 'B' : 'A';
    assert_int_equal(count_with(point), 0);
    free(point);
    char *rsa = token_jwk(keys[RSA_KEY], "");
    char *e = strstr(rsa, "\"e\":\"AQAB\"");
    assert_non_null(e);
    memcpy(e, "\"e\":\"AQ\"  ", 10);
    assert_int_equal(count_with(rsa), 0);
    free(rsa);
}

static void
what_is_no_set_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":[]}",
        "{\"keys\":[}",
        "{\"keys\":[],\"keys\":[]}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (parse_set(texts[i]) != NULL)
            fail_msg("%s", texts[i]);
    char *key = token_jwk(keys[ED_KEY], "");
    char many[8192] = "{\"keys\":[";
    size_t len = strlen(many);
    for (unsigned i = 0; i <= JWKS_KEYS_MAX; i++)
        len += (size_t)snprintf(many + len, sizeof many - len, "%s%s", i > 0 ? "," : "", key);
    (void)snprintf(many + len, sizeof many - len, "]}");
    assert_null(parse_set(many));
    free(key);
}

/* RFC 7517, section 4.4: a key that is for one algorithm is for no other. */
static void
key_is_for_its_own_algorithm(void **state)
{
    (void)state;
    char *key = token_jwk(keys[RSA_KEY], "\"alg\":\"PS256\",");
    char *text = NULL;
    assert_true(asprintf(&text, "{\"keys\":[%s]}", key) > 0);
    struct oauth_jwks *jwks = parse_set(text);
    static const char *const algorithms[] = {"PS256", "RS256", "PS384"};
    for (size_t i = 0; i < 3; i++) {
        char header[32];
        (void)snprintf(header, sizeof header, "{\"alg\":\"%s\"}", algorithms[i]);
        char *token =
            token_sign(keys[RSA_KEY], algorithms[i], header, POP_VIEW("{" CLAIMS "}"));
        assert_int_equal(check_for(jwks, &rules, token, ""), i == 0 ? ERR_OK : ERR_DENIED);
        free(token);
    }
    oauth_jwks_free(jwks);
    free(text);
    free(key);
}

static void
key_of_another_is_no_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEYS; i++) {
        EVP_PKEY *stranger = token_key(kinds[i]);
        for (size_t j = 0; j < sizeof signers / sizeof *signers; j++) {
            if (signers[j].key != i)
                continue;
            char header[128];
            (void)snprintf(
                header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"%s\"}", signers[j].algorithm,
                kinds[i]);
            char *token =
                token_sign(stranger, signers[j].algorithm, header, POP_VIEW("{" CLAIMS "}"));
            expect(ERR_DENIED, signers[j].algorithm, token);
            free(token);
        }
        EVP_PKEY_free(stranger);
    }
}

/* ---- base64url ---- */

static void
base64url_has_one_text_for_each_octets(void **state)
{
    static const char *const bad[] = {
        "A", "AB", "AAB", "AAAAA", "AA=", "AA==", "A A", "AA+A", "AA/A"};
    char octets[8];
    size_t len = 99;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (base64url_decode(guard_place(&guard, pop_view_of(bad[i])), octets, &len))
            fail_msg("%s", bad[i]);
    assert_int_equal(len, 99);
    assert_true(base64url_decode(guard_place(&guard, POP_VIEW("-_-_AA")), octets, &len));
    assert_int_equal(len, 4);
    assert_memory_equal(octets, "\xfb\xff\xbf\0", 4);
    assert_true(base64url_decode(POP_VIEW(""), octets, &len));
    assert_int_equal(len, 0);
}

static int
start(void **state)
{
    (void)state;
    guard_init(&guard, TOKEN_MAX + 64);
    char text[4096] = "{\"keys\":[";
    for (size_t i = 0; i < KEYS; i++) {
        char kid[32];
        keys[i] = token_key(kinds[i]);
        (void)snprintf(kid, sizeof kid, "\"kid\":\"%s\",", kinds[i]);
        char *key = token_jwk(keys[i], kid);
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof text - len, "%s%s", key, i + 1 < KEYS ? "," : "]}");
        free(key);
    }
    return oauth_jwks_parse(pop_view_of(text), &set, NULL);
}

static int
finish(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEYS; i++)
        EVP_PKEY_free(keys[i]);
    oauth_jwks_free(set);
    guard_finish(&guard);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_algorithm_is_taken_with_and_without_kid),
        cmocka_unit_test(changed_token_is_refused),
        cmocka_unit_test(algorithms_are_not_mixed_up),
        cmocka_unit_test(key_of_another_kind_is_no_key),
        cmocka_unit_test(odd_headers_are_refused),
        cmocka_unit_test(odd_forms_are_refused),
        cmocka_unit_test(claims_that_do_not_hold_are_refused),
        cmocka_unit_test(embedded_nul_is_refused),
        cmocka_unit_test(deep_and_wide_objects_are_refused),
        cmocka_unit_test(scope_is_one_of_the_words),
        cmocka_unit_test(name_of_the_client_is_that_of_the_token),
        cmocka_unit_test(without_rules_only_the_name_counts),
        cmocka_unit_test(keys_that_are_no_use_are_left_out),
        cmocka_unit_test(keys_that_prove_nothing_are_left_out),
        cmocka_unit_test(what_is_no_set_is_refused),
        cmocka_unit_test(key_is_for_its_own_algorithm),
        cmocka_unit_test(key_of_another_is_no_key),
        cmocka_unit_test(base64url_has_one_text_for_each_octets),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
