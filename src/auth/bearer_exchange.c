/* The steps of the mechanisms that bring a token: one message, and one more after a refusal. */
#include "auth/bearer_exchange.h"

#include "base/check.h"

#include <stdlib.h>

static bool
keep_token(struct bearer_exchange *bearer, struct pop_view token)
{
    bearer->token = malloc(token.len);
    if (bearer->token == NULL)
        return false;
    memcpy(bearer->token, token.data, token.len);
    bearer->token_len = token.len;
    return true;
}

enum exchange_step
bearer_exchange_next(
    struct bearer_exchange *bearer, struct pop_view message, struct auth_user *ret_user)
{
    struct bearer_response response;
    if (bearer->refused)
        return EXCHANGE_DENIED; /* the rules want ^A or nothing; it comes to the same */
    if (bearer->token != NULL || !bearer_parse(bearer->mechanism, message, &response))
        return EXCHANGE_MALFORMED;
    if (!keep_token(bearer, response.token))
        return EXCHANGE_DENIED;
    auth_user_begin(ret_user, pop_view_of(response.name));
    return EXCHANGE_TOKEN;
}

struct pop_view
bearer_exchange_refuse(struct bearer_exchange *bearer, struct pop_view scope)
{
    CHECK(bearer->token != NULL && !bearer->refused);
    bearer->refused = true;
    size_t len = bearer_challenge(bearer->mechanism, scope, bearer->challenge);
    return (struct pop_view){bearer->challenge, len};
}

void
bearer_exchange_finish(struct bearer_exchange *bearer)
{
    if (bearer->token != NULL)
        explicit_bzero(bearer->token, bearer->token_len);
    free(bearer->token);
    bearer->token = NULL;
}
