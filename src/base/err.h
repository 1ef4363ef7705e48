/* Named errors with a text for the log: the world's faults on their way up to the owner. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

enum err_code {
    ERR_OK = 0,
    ERR_NOMEM = -1,     /* no memory */
    ERR_SYSTEM = -2,    /* a system call failed; err.number is its errno */
    ERR_BUSY = -3,      /* somebody else holds it */
    ERR_NOT_FOUND = -4, /* no such message, user, file */
    ERR_CHANGED = -5,   /* it is not what was promised any more */
    ERR_LIMIT = -6,     /* a named limit was reached */
    ERR_INVALID = -7,   /* input that is wrong: configuration, index, argument */
    ERR_DENIED = -8,    /* the credentials are wrong */
    ERR_PROTOCOL = -9,  /* the peer broke the protocol */
    ERR_CLOSED = -10,   /* the peer is gone */
};

#define ERR_TEXT_MAX 512

/* The caller's storage. Written on failure only. */
struct err {
    enum err_code code;
    int number; /* errno for ERR_SYSTEM, else 0 */
    char text[ERR_TEXT_MAX];
};

/* Fills *err (NULL is fine) and returns `code`. For ERR_SYSTEM the reason of errno follows the
 * text. errno is kept. */
enum err_code err_set(struct err *err, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "format: " before the text that is there; returns err->code. */
enum err_code
err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A fault that will not pass by itself: no permission, no such folder, read-only file system
 * (R3206-2: [SYS/PERM]); all others are temporary. */
bool err_is_permanent(const struct err *err);

#endif
