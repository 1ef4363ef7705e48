/*
 * Signed tokens. The first octet says what the input is: a token as it came; claims, which are
 * then signed with a good key; or a set of keys. Nothing unsigned is ever taken, what is taken
 * has a name that a user can have, and no text of an error has anything of the token.
 */
#include "auth/oauth_jwt.h"
#include "auth/user_name.h"

#include "fuzz.h"

#include <openssl/evp.h>
#include <stdio.h>

#define NOW    1700000000
#define HEADER "eyJhbGciOiJFZERTQSJ9" /* {"alg":"EdDSA"} */

static const struct oauth_rules rules = {
    .issuer = "me", .audience = "mail", .claim = "email", .must_expire = true};

static EVP_PKEY *key;
static struct oauth_jwks *keys;

static char *
base64url(struct pop_view octets)
{
    char *text = malloc(octets.len / 3 * 4 + 5);
    CHECK(text != NULL);
    int len = EVP_EncodeBlock(
        (unsigned char *)text, (const unsigned char *)octets.data, (int)octets.len);
    while (len > 0 && text[len - 1] == '=')
        len--;
    for (int i = 0; i < len; i++)
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    text[len] = '\0';
    return text;
}

static void
make_keys(void)
{
    static const unsigned char seed[32] = "the same key at every run";
    unsigned char public[32];
    size_t len = sizeof public;
    char set[256];
    key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
    CHECK(key != NULL && EVP_PKEY_get_raw_public_key(key, public, &len) == 1);
    char *x = base64url((struct pop_view){(const char *)public, len});
    CHECK(
        snprintf(
            set, sizeof set, "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}]}",
            x) > 0);
    CHECK(oauth_jwks_parse(pop_view_of(set), &keys, NULL) == ERR_OK);
    free(x);
}

static enum err_code
check(struct pop_view token, struct auth_user *user)
{
    struct err err = {0};
    char *copy = fuzz_copy(token);
    auth_user_begin(user, POP_VIEW(""));
    enum err_code code =
        oauth_jwt_check((struct pop_view){copy, token.len}, keys, &rules, NOW, user, &err);
    CHECK(code == ERR_OK || code == ERR_DENIED || code == ERR_INVALID);
    /* Our own texts and nothing else: these are short and plain. */
    CHECK((code == ERR_OK) == (err.text[0] == '\0') && strlen(err.text) < 100);
    for (const char *c = err.text; *c != '\0'; c++)
        CHECK(*c >= 0x20 && *c <= 0x7e);
    free(copy);
    return code;
}

/* HEADER.PAYLOAD, to be signed. */
static struct fuzz_text
begin_token(struct pop_view claims)
{
    struct fuzz_text token = {0};
    char *payload = base64url(claims);
    fuzz_text_add(&token, POP_VIEW(HEADER "."));
    fuzz_text_add(&token, pop_view_of(payload));
    free(payload);
    return token;
}

static void
try_claims(struct pop_view claims)
{
    struct auth_user user;
    unsigned char signature[64];
    size_t len = sizeof signature;
    struct fuzz_text token = begin_token(claims);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    CHECK(EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, key, NULL) == 1);
    CHECK(
        EVP_DigestSign(
            context, signature, &len, (const unsigned char *)token.data, token.len) == 1);
    EVP_MD_CTX_free(context);
    char *text = base64url((struct pop_view){(const char *)signature, len});
    fuzz_text_add(&token, POP_VIEW("."));
    fuzz_text_add(&token, pop_view_of(text));
    free(text);
    if (check(fuzz_text_view(&token), &user) == ERR_OK) {
        CHECK(user_name_problem(pop_view_of(user.name)) == NULL);
        CHECK(
            memmem(claims.data, claims.len, "xp", 2) != NULL || /* "exp", escaped or not */
            memchr(claims.data, '\\', claims.len) != NULL);
        /* A bit of the signature makes it another. */
        token.data[token.len - 10] = token.data[token.len - 10] == 'A' ? 'B' : 'A';
        CHECK(check(fuzz_text_view(&token), &user) == ERR_DENIED);
    }
    free(token.data);
}

static void
try_set(struct pop_view text)
{
    struct oauth_jwks *set = NULL;
    struct err err;
    enum err_code code = oauth_jwks_parse(text, &set, &err);
    CHECK(code == ERR_OK || code == ERR_INVALID);
    CHECK((code == ERR_OK) == (set != NULL));
    if (set != NULL)
        CHECK(oauth_jwks_count(set) >= 1 && oauth_jwks_count(set) <= JWKS_KEYS_MAX);
    oauth_jwks_free(set);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pop_view in = fuzz_view(data, size);
    struct auth_user user;
    if (key == NULL)
        make_keys();
    unsigned way = fuzz_octet(&in) % 3;
    char *copy = fuzz_copy(in);
    struct pop_view octets = {copy, in.len};
    if (way == 0)
        CHECK(check(octets, &user) != ERR_OK); /* nobody guesses a signature */
    else if (way == 1)
        try_claims(octets);
    else
        try_set(octets);
    free(copy);
    return 0;
}
