/* Making what is stored for SCRAM, and checking a password against it. */
#include "auth/scram.h"

#include "base/number.h"

#include <gsasl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <pop/base64.h>
#include <stdio.h>
#include <sys/random.h>

/* Base64 of a salt: 64 octets of it are more than anybody uses. */
enum { SALT_TEXT_MAX = 88, SALT_MAX = 66 };

/* Octets of a new one: what RFC 5802's examples, GNU SASL and Dovecot use. */
enum { SALT_NEW = 16 };

static const char client_key_name[] = "Client Key";
static const char server_key_name[] = "Server Key";

struct pop_view
scram_field(struct pop_view text, enum scram_field field)
{
    for (unsigned before = field;; before--) {
        const char *comma = text.len > 0 ? memchr(text.data, ',', text.len) : NULL;
        struct pop_view here = {text.data, comma ? (size_t)(comma - text.data) : text.len};
        if (before == 0)
            return here;
        pop_view_skip(&text, here.len + (comma ? 1 : 0));
    }
}

enum err_code
scram_randomise(char *octets, size_t len, struct err *err)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789ab";
    if (getrandom(octets, len, 0) != (ssize_t)len)
        return err_set(err, ERR_SYSTEM, "cannot get random octets");
    for (size_t i = 0; i < len; i++)
        octets[i] = alphabet[(unsigned char)octets[i] % 64];
    return ERR_OK;
}

/* Strict base64 into `to`; 0: it is none. */
static size_t
decode(struct pop_view text, unsigned char *to, size_t cap)
{
    if (text.len == 0 || text.len % 4 != 0 || text.len / 4 * 3 > cap)
        return 0;
    int len = EVP_DecodeBlock(to, (const unsigned char *)text.data, (int)text.len);
    if (len < 0)
        return 0;
    for (size_t i = 1; i <= 2 && text.data[text.len - i] == '='; i++)
        len--;
    return (size_t)len;
}

/* ---- SASLprep ---- */

static void
wipe_free(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    gsasl_free(text);
}

/* The caller frees *ret_text with wipe_free(). ERR_INVALID: it is refused. */
static enum err_code
prepare(const struct secret *secret, char **ret_text, struct err *err)
{
    char *text = NULL;
    char *other = NULL;
    /* RFC 5802 has passwords as "stored strings", without characters that Unicode 3.2 does not
     * know. GNU SASL 2.2 takes its flag the wrong way round: both ways must let it through. */
    int strict = gsasl_saslprep(secret->data, (Gsasl_saslprep_flags)0, &text, NULL);
    int loose = gsasl_saslprep(secret->data, GSASL_ALLOW_UNASSIGNED, &other, NULL);
    wipe_free(other);
    if (strict == GSASL_OK && loose == GSASL_OK && text[0] != '\0') {
        *ret_text = text;
        return ERR_OK;
    }
    wipe_free(text);
    if (strict == GSASL_MALLOC_ERROR || loose == GSASL_MALLOC_ERROR)
        return err_set(err, ERR_NOMEM, "no memory for a SCRAM password");
    return err_set(
        err, ERR_INVALID,
        "SCRAM cannot have this password: SASLprep (RFC 4013) refuses control characters, what "
        "is not UTF-8, mixed directions of writing and characters newer than Unicode 3.2");
}

/* ---- keys ---- */

struct salted {
    const EVP_MD *hash;
    int len;
    unsigned char octets[SHA256_DIGEST_LENGTH]; /* the longest here */
};

static bool
salt_password(
    const EVP_MD *hash, struct pop_view password, struct pop_view salt, uint32_t iterations,
    struct salted *ret_salted)
{
    ret_salted->hash = hash;
    ret_salted->len = EVP_MD_get_size(hash);
    return PKCS5_PBKDF2_HMAC(
               password.data, (int)password.len, (const unsigned char *)salt.data,
               (int)salt.len, (int)iterations, hash, ret_salted->len, ret_salted->octets) == 1;
}

static bool
named_key(const struct salted *salted, const char *name, char ret_key[SHA256_DIGEST_LENGTH])
{
    return HMAC(
               salted->hash, salted->octets, salted->len, (const unsigned char *)name,
               strlen(name), (unsigned char *)ret_key, NULL) != NULL;
}

static bool
stored_key(const struct salted *salted, char ret_key[SHA256_DIGEST_LENGTH])
{
    char client[SHA256_DIGEST_LENGTH];
    bool ok = named_key(salted, client_key_name, client) &&
              EVP_Digest(
                  client, (size_t)salted->len, (unsigned char *)ret_key, NULL, salted->hash,
                  NULL) == 1;
    explicit_bzero(client, sizeof client);
    return ok;
}

/* ---- checking ---- */

struct stored {
    uint32_t iterations;
    struct pop_view salt; /* into salt_octets */
    unsigned char salt_octets[SALT_MAX];
    unsigned char key[SHA256_DIGEST_LENGTH + 4];
};

static bool
stored_read(struct pop_view text, struct stored *ret_stored)
{
    struct pop_view salt_text = scram_field(text, SCRAM_SALT);
    size_t salt_len =
        salt_text.len <= SALT_TEXT_MAX
            ? decode(salt_text, ret_stored->salt_octets, sizeof ret_stored->salt_octets)
            : 0;
    size_t key_len =
        decode(scram_field(text, SCRAM_STORED_KEY), ret_stored->key, sizeof ret_stored->key);
    ret_stored->salt = (struct pop_view){(const char *)ret_stored->salt_octets, salt_len};
    return parse_u32(scram_field(text, SCRAM_ITERATIONS), &ret_stored->iterations) &&
           ret_stored->iterations > 0 && ret_stored->iterations <= SCRAM_ITERATIONS_MAX &&
           salt_len > 0 && key_len == SHA256_DIGEST_LENGTH;
}

static enum err_code
verify_one(const struct stored *stored, struct pop_view password, struct err *err)
{
    struct salted salted;
    char key[SHA256_DIGEST_LENGTH];
    bool ok =
        salt_password(EVP_sha256(), password, stored->salt, stored->iterations, &salted) &&
        stored_key(&salted, key);
    explicit_bzero(&salted, sizeof salted);
    if (!ok)
        return err_set(err, ERR_NOMEM, "checking a SCRAM password");
    struct pop_view wanted = {(const char *)stored->key, sizeof key};
    return secret_equal((struct pop_view){key, sizeof key}, wanted)
               ? ERR_OK
               : err_set(err, ERR_DENIED, "wrong password");
}

enum err_code
scram_verify(struct pop_view text, const struct secret *secret, struct err *err)
{
    struct stored stored;
    if (!stored_read(text, &stored))
        return err_set(err, ERR_INVALID, "the stored SCRAM password cannot be read");
    struct pop_view raw = {secret->data, secret->len};
    enum err_code code = verify_one(&stored, raw, err);
    char *prepared = NULL;
    if (code == ERR_DENIED && prepare(secret, &prepared, NULL) == ERR_OK &&
        !pop_view_equal(pop_view_of(prepared), raw))
        code = verify_one(&stored, pop_view_of(prepared), err);
    wipe_free(prepared);
    return code;
}

/* ---- making ---- */

static void
put_key(struct pop_buffer *out, const char key[SHA256_DIGEST_LENGTH])
{
    pop_buffer_put(out, POP_VIEW(","));
    pop_base64_put(out, (struct pop_view){key, SHA256_DIGEST_LENGTH});
}

enum err_code
scram_make(const struct secret *secret, char ret_text[SCRAM_TEXT_SIZE], struct err *err)
{
    char salt[SALT_NEW];
    char stored[SHA256_DIGEST_LENGTH];
    char server[SHA256_DIGEST_LENGTH];
    struct salted salted;
    char *prepared = NULL;
    enum err_code code = prepare(secret, &prepared, err);
    if (code != ERR_OK)
        return code;
    bool random = getrandom(salt, sizeof salt, 0) == (ssize_t)sizeof salt;
    bool ok = random &&
              salt_password(
                  EVP_sha256(), pop_view_of(prepared), (struct pop_view){salt, sizeof salt},
                  SCRAM_ITERATIONS_NEW, &salted) &&
              stored_key(&salted, stored) && named_key(&salted, server_key_name, server);
    wipe_free(prepared);
    explicit_bzero(&salted, sizeof salted);
    if (!random)
        return err_set(err, ERR_SYSTEM, "cannot get random octets");
    if (!ok)
        return err_set(err, ERR_NOMEM, "making a SCRAM password");

    _Static_assert(
        SCRAM_TEXT_SIZE > 16 + POP_BASE64_LEN(SALT_NEW) + 2 * POP_BASE64_LEN(32), "it fits");
    struct pop_buffer out = {.data = ret_text, .cap = SCRAM_TEXT_SIZE - 1};
    out.len = (size_t)snprintf(ret_text, out.cap, "%u,", SCRAM_ITERATIONS_NEW);
    pop_base64_put(&out, (struct pop_view){salt, sizeof salt});
    put_key(&out, stored);
    put_key(&out, server);
    ret_text[out.len] = '\0';
    return ERR_OK;
}

enum err_code
scram_derive(
    const struct scram_request *request, struct pop_view password, struct scram_keys *ret_keys,
    struct err *err)
{
    const EVP_MD *hash = request->sha_256 ? EVP_sha256() : EVP_sha1();
    struct pop_view salt = {request->salt, sizeof request->salt};
    struct salted salted;
    struct secret secret;
    char *prepared = NULL;
    /* What SASLprep refuses no client can send either. */
    bool fits = secret_set(&secret, password) && prepare(&secret, &prepared, NULL) == ERR_OK;
    struct pop_view text = fits ? pop_view_of(prepared) : password;
    bool ok = salt_password(hash, text, salt, request->iterations, &salted) &&
              stored_key(&salted, ret_keys->stored) &&
              named_key(&salted, server_key_name, ret_keys->server);
    ret_keys->len = ok ? (size_t)salted.len : 0;
    wipe_free(prepared);
    secret_finish(&secret);
    explicit_bzero(&salted, sizeof salted);
    return ok ? ERR_OK : err_set(err, ERR_NOMEM, "making keys for SCRAM");
}
