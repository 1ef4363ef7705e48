/* Numbers from outside. */
#include "base/number.h"

bool
parse_u64(struct pop_view field, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (field.len == 0)
        return false;
    for (size_t i = 0; i < field.len; i++) {
        unsigned digit = (unsigned)(unsigned char)field.data[i] - '0';
        if (digit > 9)
            return false;
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}

bool
parse_u32(struct pop_view field, uint32_t *ret_value)
{
    uint64_t value;
    if (!parse_u64(field, &value) || value > UINT32_MAX)
        return false;
    *ret_value = (uint32_t)value;
    return true;
}

size_t
format_u64(char digits[NUMBER_DIGITS_MAX], uint64_t value)
{
    char reversed[NUMBER_DIGITS_MAX];
    size_t len = 0;
    do {
        reversed[len++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < len; i++)
        digits[i] = reversed[len - 1 - i];
    return len;
}

int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}
