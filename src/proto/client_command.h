/* The parts of the client's session: client.c (the queue), client_sasl.c (AUTH). */
#ifndef PROTO_CLIENT_COMMAND_H
#define PROTO_CLIENT_COMMAND_H

#include <pop/client.h>

/* Nothing may be written now: an exchange of its own, STLS or AUTH, has the connection. */
bool pop_client_is_held(const struct pop_client *client);

/* Remembers what will be answered; the caller has made sure of the room. */
void pop_client_remember(struct pop_client *client, enum pop_command command, uint32_t message);

/* The server broke the protocol; nothing it says after that can be matched any more. */
enum pop_client_step pop_client_break(
    struct pop_client *client, struct pop_client_event *event, const char *problem);

/* A line while AUTH is under way. True: it is a challenge, and *ret_step what to tell. */
bool pop_client_read_challenge(
    struct pop_client *client, struct pop_view line, struct pop_client_event *event,
    enum pop_client_step *ret_step);

/* AUTH is answered: lines are short again. */
void pop_client_end_sasl(struct pop_client *client);

#endif
