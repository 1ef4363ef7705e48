/* How far an exchange of OAUTHBEARER or XOAUTH2 is: auth/exchange.h has one for each of these
 * in the place of GNU SASL, which knows neither. */
#ifndef AUTH_BEARER_EXCHANGE_H
#define AUTH_BEARER_EXCHANGE_H

#include "auth/bearer.h"
#include "auth/exchange.h"

/* Zeroed but for the mechanism: nothing was said yet. */
struct bearer_exchange {
    enum mechanism mechanism;
    char *token; /* malloc'ed; NULL: none was brought */
    size_t token_len;
    bool refused;
    char challenge[BEARER_CHALLENGE_MAX];
};

/* EXCHANGE_TOKEN, *ret_user begun with the name that was given; EXCHANGE_MALFORMED; and after
 * bearer_exchange_refuse() EXCHANGE_DENIED, whatever the client answers. */
enum exchange_step bearer_exchange_next(
    struct bearer_exchange *bearer, struct pop_view response, struct auth_user *ret_user);

/* The challenge, which holds until the end. Once, after EXCHANGE_TOKEN. */
struct pop_view bearer_exchange_refuse(struct bearer_exchange *bearer, struct pop_view scope);

void bearer_exchange_finish(struct bearer_exchange *bearer); /* wipes */

#endif
