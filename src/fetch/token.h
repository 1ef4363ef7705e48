/* An OAuth 2 access token: a secret like a password, but longer. */
#ifndef FETCH_TOKEN_H
#define FETCH_TOKEN_H

#include "base/limits.h"

#include <pop/view.h>

struct token {
    size_t len; /* 0: there is none */
    char data[TOKEN_MAX];
};

/* False: empty, longer than TOKEN_MAX, or not one (RFC 6750, section 2.1: what else would stand
 * in it could end the field it is in); *token is then empty. */
bool token_set(struct token *token, struct pop_view value);

/* Wipes. */
void token_finish(struct token *token);

#endif
