/* SHA-256, piece by piece. */
#ifndef FETCH_DIGEST_H
#define FETCH_DIGEST_H

#include "base/err.h"
#include "fetch/ledger.h"

struct digest {
    void *context; /* OpenSSL's */
};

/* Starts anew; may be called again. Release with digest_finish(). */
enum err_code digest_begin(struct digest *digest, struct err *err);
enum err_code digest_add(struct digest *digest, struct pop_view octets, struct err *err);
enum err_code
digest_end(struct digest *digest, unsigned char ret_digest[DIGEST_SIZE], struct err *err);
void digest_finish(struct digest *digest); /* zeroed is fine */

/* Of what is left to read from `fd`. */
enum err_code digest_of_file(int fd, unsigned char ret_digest[DIGEST_SIZE], struct err *err);

#endif
