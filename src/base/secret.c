/* Passwords: wiped, compared in constant time. */
#include "base/secret.h"

bool
secret_set(struct secret *secret, struct pop_view value)
{
    *secret = (struct secret){0};
    if (value.len > PASSWORD_MAX)
        return false;
    if (value.len > 0 && memchr(value.data, '\0', value.len) != NULL)
        return false;
    if (value.len > 0)
        memcpy(secret->data, value.data, value.len);
    secret->len = value.len;
    return true;
}

void
secret_finish(struct secret *secret)
{
    explicit_bzero(secret, sizeof *secret);
}

bool
secret_equal(struct pop_view a, struct pop_view b)
{
    if (a.len != b.len)
        return false;
    volatile unsigned char difference = 0;
    for (size_t i = 0; i < a.len; i++)
        difference |= (unsigned char)(a.data[i] ^ b.data[i]);
    return difference == 0;
}
