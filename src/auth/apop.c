/* The digest of APOP. */
#include "auth/apop.h"

#include "auth/password.h"

#include <openssl/evp.h>

static bool
digest_of(struct pop_view timestamp, struct pop_view secret, char ret_digest[APOP_DIGEST_LEN])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char octets[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context != NULL && EVP_DigestInit_ex(context, EVP_md5(), NULL) == 1 &&
              EVP_DigestUpdate(context, timestamp.data, timestamp.len) == 1 &&
              EVP_DigestUpdate(context, secret.data, secret.len) == 1 &&
              EVP_DigestFinal_ex(context, octets, &len) == 1 && 2 * len == APOP_DIGEST_LEN;
    EVP_MD_CTX_free(context);
    for (unsigned i = 0; ok && i < len; i++) {
        ret_digest[2 * i] = digits[octets[i] >> 4];
        ret_digest[2 * i + 1] = digits[octets[i] & 15];
    }
    return ok;
}

enum err_code
apop_verify(struct pop_view stored, struct pop_view timestamp, struct pop_view digest)
{
    struct password password;
    char wanted[APOP_DIGEST_LEN];
    bool readable =
        password_parse(stored, &password, NULL) == ERR_OK && password.kind == PASSWORD_PLAIN;
    struct pop_view secret = readable ? password.text : stored;
    bool right = digest_of(timestamp, secret, wanted) &&
                 secret_equal((struct pop_view){wanted, sizeof wanted}, digest);
    explicit_bzero(wanted, sizeof wanted);
    return right && readable ? ERR_OK : ERR_DENIED;
}
