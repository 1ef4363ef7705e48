/* SHA-256, piece by piece. */
#include "fetch/digest.h"

#include "base/cleanup.h"
#include "fetch/fetch_limits.h"

#include <errno.h>
#include <openssl/evp.h>

enum err_code
digest_begin(struct digest *digest, struct err *err)
{
    if (digest->context == NULL)
        digest->context = EVP_MD_CTX_new();
    if (digest->context == NULL || EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) != 1)
        return err_set(err, ERR_NOMEM, "cannot start a SHA-256 digest");
    return ERR_OK;
}

enum err_code
digest_add(struct digest *digest, struct pop_view octets, struct err *err)
{
    if (EVP_DigestUpdate(digest->context, octets.data, octets.len) != 1)
        return err_set(err, ERR_NOMEM, "cannot compute a SHA-256 digest");
    return ERR_OK;
}

enum err_code
digest_end(struct digest *digest, unsigned char ret_digest[DIGEST_SIZE], struct err *err)
{
    if (EVP_DigestFinal_ex(digest->context, ret_digest, NULL) != 1)
        return err_set(err, ERR_NOMEM, "cannot compute a SHA-256 digest");
    return ERR_OK;
}

void
digest_finish(struct digest *digest)
{
    EVP_MD_CTX_free(digest->context);
    digest->context = NULL;
}

enum err_code
digest_of_file(int fd, unsigned char ret_digest[DIGEST_SIZE], struct err *err)
{
    CLEANUP(digest_finish) struct digest digest = {0};
    enum err_code code = digest_begin(&digest, err);
    char octets[READ_SIZE];
    while (code == ERR_OK) {
        ssize_t len = read(fd, octets, sizeof octets);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return err_set(err, ERR_SYSTEM, "cannot read a delivered message");
        if (len == 0)
            return digest_end(&digest, ret_digest, err);
        code = digest_add(&digest, (struct pop_view){octets, (size_t)len}, err);
    }
    return code;
}
