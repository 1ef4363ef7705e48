/* Strict base64url: two texts never mean the same octets. */
#include "auth/base64url.h"

#include <stdint.h>

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool
base64url_decode(struct pop_view text, void *to, size_t *ret_len)
{
    unsigned char *octets = to;
    size_t len = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *place = memchr(alphabet, text.data[i], sizeof alphabet - 1);
        if (place == NULL)
            return false;
        bits = bits << 6 | (uint32_t)(place - alphabet);
        if (i % 4 > 0)
            octets[len++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
    }
    /* One digit is no octet; of two digits four bits are left over, of three two. */
    size_t odd = text.len % 4;
    if (odd == 1 || (odd == 2 && (bits & 15u) != 0) || (odd == 3 && (bits & 3u) != 0))
        return false;
    *ret_len = len;
    return true;
}
