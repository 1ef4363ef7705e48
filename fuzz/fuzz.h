/*
 * What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput(); it asserts
 * its property with CHECK(). Input goes in as exact copies on the heap, so that
 * AddressSanitizer sees every octet read beyond it.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include "base/check.h"

#include <pop/view.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline struct pop_view
fuzz_view(const uint8_t *data, size_t size)
{
    return (struct pop_view){(const char *)data, size};
}

/* Takes one octet off the input, 0 at its end: how a target is steered. */
static inline unsigned
fuzz_octet(struct pop_view *input)
{
    if (input->len == 0)
        return 0;
    unsigned octet = (unsigned char)input->data[0];
    pop_view_skip(input, 1);
    return octet;
}

/* malloc'ed, without a NUL behind it. */
static inline char *
fuzz_copy(struct pop_view octets)
{
    char *copy = malloc(octets.len > 0 ? octets.len : 1);
    CHECK(copy != NULL);
    if (octets.len > 0)
        memcpy(copy, octets.data, octets.len);
    return copy;
}

/* How an input is cut: 0 leaves it whole, all other seeds give pieces of 1 to 16 octets. */
struct fuzz_cuts {
    uint32_t state;
};

static inline size_t
fuzz_next_piece(struct fuzz_cuts *cuts, size_t left)
{
    if (cuts->state == 0)
        return left;
    cuts->state = cuts->state * 1664525u + 1013904223u;
    cuts->state |= 1;
    size_t len = 1 + ((cuts->state >> 16) & 15);
    return len < left ? len : left;
}

/* Octets that are collected and compared; grows as needed. */
struct fuzz_text {
    char *data;
    size_t len;
    size_t cap;
};

static inline void
fuzz_text_add(struct fuzz_text *text, struct pop_view octets)
{
    if (text->len + octets.len > text->cap) {
        text->cap = 2 * (text->len + octets.len) + 64;
        text->data = realloc(text->data, text->cap);
        CHECK(text->data != NULL);
    }
    if (octets.len > 0)
        memcpy(text->data + text->len, octets.data, octets.len);
    text->len += octets.len;
}

static inline struct pop_view
fuzz_text_view(const struct fuzz_text *text)
{
    return (struct pop_view){text->data, text->len};
}

#endif
