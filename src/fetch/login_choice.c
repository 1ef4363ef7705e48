/* The order of preference. */
#include "fetch/login_choice.h"

#define BIT(name) MECHANISM_BIT(MECHANISM_##name)

static const uint32_t plus = BIT(SCRAM_SHA_256_PLUS) | BIT(SCRAM_SHA_1_PLUS);

/* -PLUS comes first of all: whoever can bind and is told that the server can has to
 * (RFC 5802, section 6). */
static const enum mechanism proving[] = {
    MECHANISM_SCRAM_SHA_256_PLUS,
    MECHANISM_SCRAM_SHA_1_PLUS,
    MECHANISM_SCRAM_SHA_256,
    MECHANISM_SCRAM_SHA_1,
    MECHANISM_COUNT,
};
static const enum mechanism saying[] = {MECHANISM_PLAIN, MECHANISM_LOGIN, MECHANISM_COUNT};
static const enum mechanism digest[] = {MECHANISM_CRAM_MD5, MECHANISM_COUNT};
static const enum mechanism bearer[] = {
    MECHANISM_OAUTHBEARER, MECHANISM_XOAUTH2, MECHANISM_COUNT};

static bool
is_there(const struct login_terms *terms, enum mechanism mechanism)
{
    return (terms->mechanisms & MECHANISM_BIT(mechanism)) != 0 &&
           (terms->can_bind || !mechanism_row(mechanism)->binds);
}

static void
take(const struct login_terms *terms, enum mechanism mechanism, struct login_choice *choice)
{
    choice->found = is_there(terms, mechanism);
    choice->sasl = true;
    choice->mechanism = mechanism;
    choice->binds =
        terms->can_bind && (mechanism_row(mechanism)->binds || (terms->mechanisms & plus) == 0);
}

/* The first of the list that is there, unless there is a choice already. */
static void
look(const struct login_terms *terms, const enum mechanism *list, struct login_choice *choice)
{
    for (; !choice->found && *list != MECHANISM_COUNT; list++)
        if (is_there(terms, *list))
            take(terms, *list, choice);
}

static void
choose_for_password(const struct login_terms *terms, struct login_choice *choice)
{
    look(terms, proving, choice);
    if (!terms->secure)
        look(terms, digest, choice);
    look(terms, saying, choice);
    if (!terms->user)
        look(terms, digest, choice);
    if (!choice->found) /* announced or not: CAPA may lie (R1957-2) */
        *choice = (struct login_choice){.found = true, .mechanism = MECHANISM_COUNT};
}

struct login_choice
login_choose(const struct login_terms *terms)
{
    struct login_choice choice = {.mechanism = MECHANISM_COUNT};
    switch (terms->wish.way) {
    case LOGIN_PASSWORD:
        choice.found = true;
        break;
    case LOGIN_NAMED:
        take(terms, terms->wish.mechanism, &choice);
        break;
    case LOGIN_AUTO:
        if (terms->has_token)
            look(terms, bearer, &choice);
        else
            choose_for_password(terms, &choice);
        break;
    }
    return choice;
}
