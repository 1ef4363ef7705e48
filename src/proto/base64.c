/* Strict base64: two texts never mean the same octets. */
#include <pop/base64.h>
#include <stdint.h>

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* 0 to 63; -1: not in the alphabet. */
static int
value_of(char c)
{
    const char *place = c != '\0' ? strchr(alphabet, c) : NULL;
    return place != NULL ? (int)(place - alphabet) : -1;
}

bool
pop_base64_decode(struct pop_view text, char *to, size_t *ret_len)
{
    size_t pads = 0;
    if (text.len % 4 != 0)
        return false;
    while (pads < 2 && text.len > pads && text.data[text.len - 1 - pads] == '=')
        pads++;

    size_t len = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < text.len - pads; i++) {
        int value = value_of(text.data[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 > 0)
            to[len++] = (char)(bits >> (6 - 2 * (i % 4)));
    }
    /* The bits behind the last octet: four with two pads, two with one. */
    if (pads > 0 && (bits & (pads == 2 ? 15u : 3u)) != 0)
        return false;
    *ret_len = len;
    return true;
}

void
pop_base64_put(struct pop_buffer *out, struct pop_view octets)
{
    assert(pop_buffer_room(out) >= POP_BASE64_LEN(octets.len));
    for (size_t i = 0; i < octets.len; i += 3) {
        size_t left = octets.len - i;
        uint32_t bits = (uint32_t)(unsigned char)octets.data[i] << 16;
        bits |= left > 1 ? (uint32_t)(unsigned char)octets.data[i + 1] << 8 : 0;
        bits |= left > 2 ? (uint32_t)(unsigned char)octets.data[i + 2] : 0;
        char text[4] = {
            alphabet[bits >> 18],
            alphabet[bits >> 12 & 63],
            left > 1 ? alphabet[bits >> 6 & 63] : '=',
            left > 2 ? alphabet[bits & 63] : '=',
        };
        pop_buffer_put(out, (struct pop_view){text, sizeof text});
    }
}
