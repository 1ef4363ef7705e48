/*
 * SCRAM, the client's side (RFC 5802, RFC 7677), over OpenSSL. What the server
 * says is judged before anything is computed from it.
 */
#ifndef FETCH_SCRAM_H
#define FETCH_SCRAM_H

#include "fetch/sasl.h"

struct scram_setup {
    bool sha_256; /* else SHA-1 */
    bool binds;   /* a mechanism with -PLUS; needs `binding` */
    /* After SASLprep. */
    struct pop_view user;
    struct pop_view password; /* borrowed; has to outlive the exchange */
    struct pop_view binding;
    struct pop_view nonce; /* our part; empty: fresh random octets, as it has to be */
};

struct scram;

/* ERR_NOMEM, ERR_SYSTEM: no random octets. */
enum err_code
scram_new(struct scram **ret_scram, const struct scram_setup *setup, struct err *err);

void scram_free(struct scram *scram); /* wipes; NULL is fine */

/* The client's first message. */
struct pop_view scram_first(const struct scram *scram);

/* To be called with each challenge after that; as sasl_next(). */
enum sasl_step scram_next(
    struct scram *scram, struct pop_view challenge, struct pop_view *ret_response,
    struct err *err);

/* The server's signature was right. */
bool scram_is_through(const struct scram *scram);

#endif
