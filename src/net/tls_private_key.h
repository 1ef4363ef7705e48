/*
 * A private key where it is: the other end of tls_remote_key.h. Loading and
 * judging, and signing nothing but what the server's side of a TLS handshake
 * signs; whoever takes over a front gets no signature for anything else.
 */
#ifndef NET_TLS_PRIVATE_KEY_H
#define NET_TLS_PRIVATE_KEY_H

#include "net/tls_remote_key.h"

/* A file with a private key: RSA with 8192 bits is 6 KiB. */
#define TLS_KEY_FILE_MAX (64u << 10)

struct tls_private_key;

/*
 * Reads both PEM files from their start; the descriptors stay the caller's.
 * ERR_INVALID: no certificate, no key, an encrypted one, a kind that is not
 * supported (RSA from 2048 bits, EC, Ed25519 are), or two that do not belong
 * together.
 */
enum err_code tls_private_key_load(
    struct tls_private_key **ret_key, int certificate_fd, int key_fd, struct err *err);
void tls_private_key_free(struct tls_private_key *key); /* NULL is fine */

/* The certificate's first name, for people; borrowed. */
const char *tls_private_key_name(const struct tls_private_key *key);

/* Whole days until the certificate expires; negative: it has. */
int tls_private_key_days(const struct tls_private_key *key);

/* True for what a TLS server signs: the handshake's hash with its label (RFC 8446, section
 * 4.4.3), or both randoms and the parameters of an elliptic curve (RFC 8422, section 5.4). */
bool tls_sign_input_is_handshake(struct pop_view input);

/* Signs what is such an input. Returns the length of the signature; 0: refused, or failed. */
size_t tls_private_key_sign(
    const struct tls_private_key *key, const struct tls_sign_request *request,
    char ret_signature[TLS_SIGN_OUTPUT_MAX]);

#endif
