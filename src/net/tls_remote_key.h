/*
 * A private key that is somewhere else: an OpenSSL provider whose keys know
 * only their public half and have a function of ours sign (in the role
 * `restanted-keys`). libssl uses such a key as it uses any other.
 */
#ifndef NET_TLS_REMOTE_KEY_H
#define NET_TLS_REMOTE_KEY_H

#include "base/err.h"

#include <pop/view.h>
#include <stdint.h>

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */
struct x509_st;     /* and X509 */

/* How a signature is to be made; the hash is part of it (RFC 8446, section 4.2.3). */
enum tls_signature {
    TLS_SIGNATURE_SHA256,
    TLS_SIGNATURE_SHA384,
    TLS_SIGNATURE_SHA512,
    TLS_SIGNATURE_PURE, /* Ed25519: hashes by itself */
    TLS_SIGNATURE_COUNT,
};

/* What is signed: 64 octets of randomness or blanks, a label, and a hash or the parameters of
 * the key exchange; a P-521 point is the longest. */
#define TLS_SIGN_INPUT_MAX 512u

/* RSA with 8192 bits. */
#define TLS_SIGN_OUTPUT_MAX 1024u

struct tls_sign_request {
    uint32_t key; /* as in tls_remote_key_new() */
    enum tls_signature signature;
    bool pss; /* RSA: PSS with a salt as long as the hash; else PKCS #1 */
    struct pop_view input;
};

/*
 * Signs. Returns the length of the signature, 0 on failure.
 *
 * Called in the middle of a handshake; waits for the answer.
 */
typedef size_t tls_sign(
    void *context, const struct tls_sign_request *request,
    char ret_signature[TLS_SIGN_OUTPUT_MAX]);

/* Registers the provider with OpenSSL's default context, once per process, before there is a
 * TLS context. `sign` is called for every key. */
enum err_code tls_remote_key_start(tls_sign *sign, void *context, struct err *err);

/* The key that belongs to a certificate; `key` is its number for `sign`. For
 * EVP_PKEY_free(). ERR_INVALID: a kind of key that is not supported (RSA, EC, Ed25519 are). */
enum err_code tls_remote_key_new(
    struct x509_st *certificate, uint32_t key, struct evp_pkey_st **ret_key, struct err *err);

#endif
