/* The rules for claims. Texts of errors are this file's own: never what stands in a token. */
#include "auth/oauth_claims.h"

/* Seconds that a double holds exactly. What is larger is no time but an attempt. */
#define SECONDS_MAX 9007199254740992.0

enum time_claim {
    TIME_ABSENT,
    TIME_THERE,
    TIME_WRONG,
};

/* A NumericDate (RFC 7519, section 2): a number, which may have a fraction. */
static enum time_claim
time_of(const cJSON *claims, const char *name, double *ret_time)
{
    const cJSON *member = json_member(claims, name);
    if (member == NULL)
        return TIME_ABSENT;
    if (!cJSON_IsNumber(member) ||
        !(member->valuedouble >= 0 && member->valuedouble <= SECONDS_MAX))
        return TIME_WRONG;
    *ret_time = member->valuedouble;
    return TIME_THERE;
}

static enum err_code
check_times(const cJSON *claims, const struct oauth_rules *rules, int64_t now, struct err *err)
{
    double time = 0;
    enum time_claim expiry = time_of(claims, "exp", &time);
    if (expiry == TIME_WRONG || (expiry == TIME_ABSENT && rules->must_expire))
        return err_set(err, ERR_DENIED, "the token does not say when it expires");
    /* Without tolerance: the client just asks for the next one. */
    if (expiry == TIME_THERE && time <= (double)now)
        return err_set(err, ERR_DENIED, "the token has expired");

    static const char *const beginnings[] = {"nbf", "iat"};
    for (size_t i = 0; i < 2; i++) {
        enum time_claim found = time_of(claims, beginnings[i], &time);
        if (found == TIME_WRONG)
            return err_set(err, ERR_DENIED, "the token's \"%s\" is no time", beginnings[i]);
        if (found == TIME_THERE && time > (double)(now + TOKEN_CLOCK_SECONDS))
            return err_set(
                err, ERR_DENIED, "the token is of the future (\"%s\")", beginnings[i]);
    }
    return ERR_OK;
}

static bool
is_text(const cJSON *json, struct pop_view wanted)
{
    return cJSON_IsString(json) && pop_view_equal(pop_view_of(json->valuestring), wanted);
}

/* A text, or one of the texts in an array. */
static bool
has_text(const cJSON *json, struct pop_view wanted)
{
    const cJSON *element;
    if (!cJSON_IsArray(json))
        return is_text(json, wanted);
    cJSON_ArrayForEach(element, json)
    {
        if (is_text(element, wanted))
            return true;
    }
    return false;
}

/* One of the words with blanks between. */
static bool
has_word(struct pop_view words, struct pop_view wanted)
{
    while (words.len > 0) {
        const char *blank = memchr(words.data, ' ', words.len);
        size_t len = blank != NULL ? (size_t)(blank - words.data) : words.len;
        if (pop_view_equal((struct pop_view){words.data, len}, wanted))
            return true;
        pop_view_skip(&words, blank != NULL ? len + 1 : len);
    }
    return false;
}

/* "scope" is a text of words (RFC 8693, RFC 7662); Microsoft and others write "scp", as an
 * array or as such a text. */
static bool
has_scope(const cJSON *claims, struct pop_view wanted)
{
    static const char *const names[] = {"scope", "scp"};
    for (size_t i = 0; i < 2; i++) {
        struct pop_view words;
        const cJSON *member = json_member(claims, names[i]);
        if (member == NULL)
            continue;
        return json_text(claims, names[i], &words) ? has_word(words, wanted)
                                                   : has_text(member, wanted);
    }
    return false;
}

static enum err_code
check_rules(const cJSON *claims, const struct oauth_rules *rules, struct err *err)
{
    if (rules->issuer != NULL &&
        !is_text(json_member(claims, "iss"), pop_view_of(rules->issuer)))
        return err_set(err, ERR_DENIED, "the token is of another issuer");
    if (rules->audience != NULL &&
        !has_text(json_member(claims, "aud"), pop_view_of(rules->audience)))
        return err_set(err, ERR_DENIED, "the token is for another audience");
    if (rules->scope != NULL && !has_scope(claims, pop_view_of(rules->scope)))
        return err_set(err, ERR_DENIED, "the token does not have the scope '%s'", rules->scope);
    return ERR_OK;
}

/* An access token that whoever holds it may use. */
static enum err_code
check_kind(const cJSON *claims, struct err *err)
{
    struct pop_view kind;
    /* RFC 7800: only for who proves to have a key, which nobody does here. */
    if (json_member(claims, "cnf") != NULL)
        return err_set(err, ERR_DENIED, "the token is bound to a key of its client");
    if (json_text(claims, "token_type", &kind) &&
        !pop_view_same_word(kind, POP_VIEW("Bearer")) &&
        !pop_view_same_word(kind, POP_VIEW("access_token")))
        return err_set(err, ERR_DENIED, "the token is no bearer token");
    /* ORY Hydra says so of refresh tokens, which an endpoint knows too. */
    if (json_text(claims, "token_use", &kind) &&
        !pop_view_same_word(kind, POP_VIEW("access_token")) &&
        !pop_view_same_word(kind, POP_VIEW("access")))
        return err_set(err, ERR_DENIED, "the token is no access token");
    return ERR_OK;
}

static enum err_code
take_name(
    const cJSON *claims, const struct oauth_rules *rules, struct auth_user *user,
    struct err *err)
{
    struct pop_view name;
    struct pop_view wanted = pop_view_of(user->name);
    if (!json_text(claims, rules->claim, &name))
        return err_set(
            err, ERR_INVALID, "the token has no text in the claim '%s'", rules->claim);
    /* Whoever may write any address into a profile is not yet its owner. */
    const cJSON *verified = json_member(claims, "email_verified");
    if (strcmp(rules->claim, "email") == 0 && verified != NULL && !cJSON_IsTrue(verified) &&
        !is_text(verified, POP_VIEW("true")))
        return err_set(err, ERR_DENIED, "the token's \"email\" is not verified");
    if (wanted.len > 0 && !pop_view_equal(name, wanted))
        return err_set(err, ERR_DENIED, "the token is of another user");
    if (auth_user_set_name(user, name, err) != ERR_OK)
        return err_prefix(err, "the token's claim '%s'", rules->claim);
    return ERR_OK;
}

enum err_code
oauth_claims_check(
    const cJSON *claims, const struct oauth_rules *rules, int64_t now, struct auth_user *user,
    struct err *err)
{
    enum err_code code = check_kind(claims, err);
    if (code == ERR_OK)
        code = check_times(claims, rules, now, err);
    if (code == ERR_OK)
        code = check_rules(claims, rules, err);
    if (code == ERR_OK)
        code = take_name(claims, rules, user, err);
    return code;
}
