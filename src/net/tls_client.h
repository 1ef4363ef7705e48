/*
 * What a client needs to speak TLS: whom it believes, and why it did not.
 *
 * TLS 1.2 and 1.3 (R8314-2); no renegotiation, no compression, no resumption.
 * The server's certificate must lead to a trusted one and be for the name that
 * the user gave, by its subjectAltName only (R7817-1, R7817-2); or, with pins,
 * its key must be one of them and nothing else counts, neither for nor against
 * it (R8314-12). Without that the handshake fails: there is no other way.
 */
#ifndef NET_TLS_CLIENT_H
#define NET_TLS_CLIENT_H

#include "net/tls_stream.h"

/* A server changes its key now and then: the old one, the next one, and some to spare. */
#define TLS_PINS_MAX 8u

#define TLS_PIN_SIZE 32u

/* "sha256//", 44 octets of base64 and the NUL. */
#define TLS_PIN_TEXT_MAX 53u

/* SHA-256 of a certificate's public key (SubjectPublicKeyInfo, DER). */
struct tls_pin {
    unsigned char digest[TLS_PIN_SIZE];
};

/* Reads 64 hexadecimal digits, with a colon between each two or none, or "sha256//" and base64
 * (as curl writes it). */
bool tls_pin_parse(struct pop_view text, struct tls_pin *ret_pin);

/* "sha256//..." */
void tls_pin_text(const struct tls_pin *pin, char ret_text[TLS_PIN_TEXT_MAX]);

/* What is wrong with a certificate, for people; with some of its names. */
#define TLS_PROBLEM_MAX 400u

/* What became of the server's certificate. Texts are printable ASCII. */
struct tls_verdict {
    const char *host;              /* that it had to be for; borrowed */
    bool refused;                  /* this is why the handshake failed */
    bool pinned;                   /* the key was compared with pins */
    char pin[TLS_PIN_TEXT_MAX];    /* of the key that came; empty: none came */
    char problem[TLS_PROBLEM_MAX]; /* "it expired on 2026-01-02 03:04:05 UTC" */
};

struct tls_client;

/*
 * `ca` is a file of certificates in PEM, or a folder of them as `openssl rehash`
 * makes it; NULL: the system's. A file may also have revocation lists, which then
 * count. With pins it is not used. ERR_INVALID, ERR_SYSTEM: it cannot be, and why.
 */
enum err_code tls_client_new(
    struct tls_client **ret_client, const char *ca, const struct tls_pin *pins,
    size_t pin_count, struct err *err);

void tls_client_free(struct tls_client *client); /* NULL is fine; after its connections */

/*
 * A connection that has been made; the handshake comes next. `host` is what the
 * user wrote: a name, or the text of an address (R7817-1); borrowed. It and `verdict`
 * must outlive the connection. ERR_INVALID: no certificate can be for such a host.
 */
enum err_code tls_client_connect(
    const struct tls_client *client, int fd, const char *host, struct tls_verdict *verdict,
    struct ssl_st **ret_tls, struct err *err);

#endif
