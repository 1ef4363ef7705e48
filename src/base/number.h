/* Numbers from outside: the whole field, decimal digits only, no overflow. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <pop/view.h>
#include <stdint.h>

/* False, and *ret_value untouched: empty, sign, blank, other octet, or too large. */
bool parse_u32(struct pop_view field, uint32_t *ret_value);
bool parse_u64(struct pop_view field, uint64_t *ret_value);

/* The value of a hexadecimal digit of either case; -1: it is none. */
int hex_value(char c);

/* Digits of a number that fits 64 bits. */
#define NUMBER_DIGITS_MAX 20

/* Writes the decimal digits and returns how many; no NUL. */
size_t format_u64(char digits[NUMBER_DIGITS_MAX], uint64_t value);

#endif
