/* Checking a password against what is stored for SCRAM. */
#include "auth/scram.h"

#include "base/number.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <sys/random.h>

/* Base64 of a salt: 64 octets of it are more than anybody uses. */
enum { SALT_TEXT_MAX = 88, SALT_MAX = 66 };

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

enum err_code
scram_verify(struct pop_view text, const struct secret *secret, struct err *err)
{
    uint32_t iterations;
    unsigned char salt[SALT_MAX];
    unsigned char stored[SHA256_DIGEST_LENGTH + 4];
    struct pop_view salt_text = scram_field(text, SCRAM_SALT);
    size_t salt_len = salt_text.len <= SALT_TEXT_MAX ? decode(salt_text, salt, sizeof salt) : 0;
    size_t stored_len = decode(scram_field(text, SCRAM_STORED_KEY), stored, sizeof stored);
    if (!parse_u32(scram_field(text, SCRAM_ITERATIONS), &iterations) || iterations == 0 ||
        iterations > SCRAM_ITERATIONS_MAX || salt_len == 0 ||
        stored_len != SHA256_DIGEST_LENGTH)
        return err_set(err, ERR_INVALID, "the stored SCRAM password cannot be read");

    unsigned char salted[SHA256_DIGEST_LENGTH];
    unsigned char client_key[SHA256_DIGEST_LENGTH];
    unsigned char key[SHA256_DIGEST_LENGTH];
    unsigned key_len = sizeof client_key;
    static const char label[] = "Client Key";
    bool ok = PKCS5_PBKDF2_HMAC(
                  secret->data, (int)secret->len, salt, (int)salt_len, (int)iterations,
                  EVP_sha256(), sizeof salted, salted) == 1 &&
              HMAC(
                  EVP_sha256(), salted, sizeof salted, (const unsigned char *)label,
                  sizeof label - 1, client_key, &key_len) != NULL &&
              SHA256(client_key, sizeof client_key, key) != NULL;
    explicit_bzero(salted, sizeof salted);
    explicit_bzero(client_key, sizeof client_key);
    if (!ok)
        return err_set(err, ERR_NOMEM, "checking a SCRAM password");
    struct pop_view a = {(const char *)key, sizeof key};
    struct pop_view b = {(const char *)stored, sizeof key};
    return secret_equal(a, b) ? ERR_OK : err_set(err, ERR_DENIED, "wrong password");
}
