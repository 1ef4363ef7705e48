/* The texts of the server, in one place: written for people, never with input in them. */
#ifndef PROTO_SERVER_REPLIES_H
#define PROTO_SERVER_REPLIES_H

#include <pop/server.h>

/* Each writes one whole line and needs POP_REPLY_MAX of room. */

/* "+OK text" or "+OK". */
void pop_reply_ok(struct pop_buffer *out, struct pop_view text);

/* "-ERR text". */
void pop_reply_err(struct pop_buffer *out, struct pop_view text);

void pop_reply_refusal(struct pop_buffer *out, enum pop_refusal refusal);

/* Pieces of a line; the caller starts and ends it. */
void pop_put_number(struct pop_buffer *out, uint64_t value);
void
pop_put_count(struct pop_buffer *out, uint64_t count, struct pop_view noun); /* "1 octet" */
void pop_put_maildrop(struct pop_buffer *out, uint64_t count, uint64_t octets);

/* The whole answer to CAPA. `login_done`: STLS is not permitted any more (R2595-10). */
void
pop_reply_capa(struct pop_buffer *out, const struct pop_server_config *config, bool login_done);

#endif
