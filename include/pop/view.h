/* Borrowed octets and a capped buffer: the two shapes in which libpop takes and gives octets.
 */
#ifndef POP_VIEW_H
#define POP_VIEW_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* A borrowed run of octets. Never owns, never NUL-terminated. */
struct pop_view {
    const char *data;
    size_t len;
};

/* A view of a string literal, without its NUL. */
#define POP_VIEW(literal) ((struct pop_view){(literal), sizeof(literal) - 1})

static inline struct pop_view
pop_view_of(const char *string)
{
    return (struct pop_view){string, strlen(string)};
}

static inline bool
pop_view_equal(struct pop_view a, struct pop_view b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* ASCII letters of either case are the same; no locale has a say. */
static inline bool
pop_view_same_word(struct pop_view a, struct pop_view b)
{
    bool same = a.len == b.len;
    for (size_t i = 0; same && i < a.len; i++) {
        unsigned char x = (unsigned char)a.data[i];
        unsigned char y = (unsigned char)b.data[i];
        bool letter = (x >= 'A' && x <= 'Z') || (x >= 'a' && x <= 'z');
        same = x == y || (letter && (x ^ y) == 0x20);
    }
    return same;
}

/* Drops the first `len` octets of *view. */
static inline void
pop_view_skip(struct pop_view *view, size_t len)
{
    assert(len <= view->len);
    view->data += len;
    view->len -= len;
}

/*
 * Octets being written into the caller's storage: data[0..len) is there,
 * data[len..cap) is free. libpop never grows it and never writes past cap.
 */
struct pop_buffer {
    char *data;
    size_t len;
    size_t cap;
};

static inline size_t
pop_buffer_room(const struct pop_buffer *buffer)
{
    return buffer->cap - buffer->len;
}

static inline struct pop_view
pop_buffer_view(const struct pop_buffer *buffer)
{
    return (struct pop_view){buffer->data, buffer->len};
}

/* Appends; the caller has made sure of the room. */
static inline void
pop_buffer_put(struct pop_buffer *buffer, struct pop_view octets)
{
    assert(octets.len <= pop_buffer_room(buffer));
    if (octets.len > 0)
        memcpy(buffer->data + buffer->len, octets.data, octets.len);
    buffer->len += octets.len;
}

#endif
