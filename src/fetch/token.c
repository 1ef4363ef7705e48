/* Access tokens. */
#include "fetch/token.h"

bool
token_set(struct token *token, struct pop_view value)
{
    token->len = 0;
    if (value.len == 0 || value.len > TOKEN_MAX)
        return false;
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.data[i] <= 0x20 || (unsigned char)value.data[i] >= 0x7F)
            return false;
    memcpy(token->data, value.data, value.len);
    token->len = value.len;
    return true;
}

void
token_finish(struct token *token)
{
    explicit_bzero(token, sizeof *token);
}
