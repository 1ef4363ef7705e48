/* Makes signed tokens and key sets, right ones and wrong ones. Each text is malloc'ed and ends
 * with a NUL. A failure fails the test. */
#ifndef UNIT_TOKEN_H
#define UNIT_TOKEN_H

#include <openssl/types.h>
#include <pop/view.h>

/* "RSA", "RSA1024", "P-256", "P-384", "P-521", "Ed25519". */
EVP_PKEY *token_key(const char *kind);

/* The public key as JSON (RFC 7517) with `more` before its other members: "\"kid\":\"a\",". */
char *token_jwk(EVP_PKEY *key, const char *more);

char *token_base64url(struct pop_view octets);

/* HEADER.PAYLOAD.SIGNATURE of two JSON texts, signed as `algorithm` says: one of the usual
 * names; "none": the signature is empty; "DER256": as ES256, but in DER; "HS256": a shared
 * secret, which is the public key in PEM. */
char *
token_sign(EVP_PKEY *key, const char *algorithm, const char *header, struct pop_view payload);

#endif
