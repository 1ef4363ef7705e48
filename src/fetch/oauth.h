/* The messages of OAUTHBEARER (RFC 7628) and XOAUTH2 (Google's, older and everywhere). */
#ifndef FETCH_OAUTH_H
#define FETCH_OAUTH_H

#include "fetch/sasl.h"

/* What a response of SASL holds: a token of TOKEN_MAX, and all but absurd users and hosts. */
#define OAUTH_MESSAGE_MAX 9213u

/* What the server says, and what was said about it; with escapes. */
#define OAUTH_REFUSAL_MAX 600u

/* Both write the message that has the token in it, into OAUTH_MESSAGE_MAX octets. False: it
 * does not fit. */
bool oauth_bearer_message(const struct sasl_identity *identity, struct pop_buffer *out);
bool oauth_x_message(const struct sasl_identity *identity, struct pop_buffer *out);

/* The server's challenge after that is an error, in JSON: what is in there for people, fit for
 * a terminal. "status invalid_token, scope mail". */
void oauth_read_error(struct pop_view challenge, char ret_text[OAUTH_REFUSAL_MAX]);

#endif
