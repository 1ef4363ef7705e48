/*
 * What a session sees of a maildrop: sizes and unique-ids, fixed at login
 * (RFC 1939, section 4: numbers and sizes do not move during a session).
 */
#ifndef POP_MAILDROP_H
#define POP_MAILDROP_H

#include <pop/view.h>
#include <stdint.h>

/* One message. This layout is also that of the snapshot block's records. */
struct pop_message {
    uint64_t size; /* octets on the wire: CRLF line ends, without dot-stuffing (R1939-39) */
    uint32_t uid_offset; /* of the unique-id, in pop_maildrop.strings */
    uint8_t uid_len;     /* 1 to POP_UID_MAX */
    uint8_t reserved[3]; /* zero */
};

/* Borrowed: whoever made it keeps the memory alive for the session. */
struct pop_maildrop {
    uint32_t count;
    uint64_t octets; /* sum of all sizes */
    const struct pop_message *messages;
    struct pop_view strings;
};

static inline struct pop_view
pop_maildrop_uid(const struct pop_maildrop *maildrop, uint32_t index)
{
    const struct pop_message *message = &maildrop->messages[index];
    return (struct pop_view){maildrop->strings.data + message->uid_offset, message->uid_len};
}

#endif
