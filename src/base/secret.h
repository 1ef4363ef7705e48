/* Passwords: wiped when done with, compared in constant time, never printed. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/limits.h"

#include <pop/view.h>

struct secret {
    size_t len;
    char data[PASSWORD_MAX + 1]; /* with a NUL after it, for crypt(3) */
};

/* False: longer than PASSWORD_MAX or with a NUL inside; *secret is then empty. */
bool secret_set(struct secret *secret, struct pop_view value);

/* Wipes. */
void secret_finish(struct secret *secret);

/* Time depends on the lengths only. */
bool secret_equal(struct pop_view a, struct pop_view b);

#endif
