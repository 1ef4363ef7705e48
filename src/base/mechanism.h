/* The SASL mechanisms, as auth, front and the configuration know them. */
#ifndef BASE_MECHANISM_H
#define BASE_MECHANISM_H

#include <pop/view.h>
#include <stdint.h>

/* In the order of preference, best first: the order in which they are announced. */
enum mechanism {
    MECHANISM_SCRAM_SHA_256_PLUS,
    MECHANISM_SCRAM_SHA_256,
    MECHANISM_SCRAM_SHA_1_PLUS,
    MECHANISM_SCRAM_SHA_1,
    MECHANISM_CRAM_MD5,
    MECHANISM_OAUTHBEARER,
    MECHANISM_XOAUTH2,
    MECHANISM_PLAIN,
    MECHANISM_LOGIN,
    MECHANISM_EXTERNAL,
    MECHANISM_COUNT,
};

/* A set of them: bits by enum mechanism. */
#define MECHANISM_BIT(mechanism) (1u << (mechanism))
#define MECHANISMS_ALL           (MECHANISM_BIT(MECHANISM_COUNT) - 1)

struct mechanism_row {
    const char *name;
    bool plaintext;    /* whoever listens learns the password or token (R5034-14) */
    bool server_first; /* takes no initial response (R5034-8) */
    bool bearer;       /* its secret is a token, no password (RFC 7628) */
    bool certified;    /* the client's certificate says who it is */
    bool binds;        /* to the TLS connection: works inside TLS only (R5802-9) */
};

const struct mechanism_row *mechanism_row(enum mechanism mechanism);

/* MECHANISM_COUNT: there is none of that name; case does not matter. */
enum mechanism mechanism_find(struct pop_view name);

/* Writes the names of a set with single blanks between; returns the length. */
#define MECHANISM_NAMES_MAX 160
size_t mechanism_names(uint32_t set, char ret_names[MECHANISM_NAMES_MAX]);

#endif
