/*
 * OAuth 2 as a source of users: it knows none, but judges the tokens that they
 * bring, either by asking the server that issued them (RFC 7662) or by the
 * keys of who signed them (RFC 7519).
 *
 * One claim names the user, always the same: if another were taken where the
 * first is absent, then who may choose what stands in a token (by asking for
 * fewer scopes) would choose who it is.
 */
#include "auth/bearer.h"
#include "auth/oauth_introspection.h"
#include "auth/oauth_jwt.h"
#include "auth/small_file.h"
#include "auth/source.h"
#include "base/cleanup.h"

#include <time.h>

/* The mailbox's name is an address at most places. */
#define CLAIM_DEFAULT "email"

struct source {
    struct oauth_rules rules;
    struct oauth_introspection *introspection; /* NULL: by keys */
    const char *jwks_path;
    struct oauth_jwks *keys; /* of the file as it was seen */
    struct stat seen;
};

/* ---- settings ---- */

static const char *
value_of(const struct source_settings *settings, enum source_option option)
{
    return settings->values[option];
}

/* What an option is for: of the two ways, the one where it is needed, or may be given. */
static const struct rule {
    enum source_option option;
    bool asked_may, asked_must; /* with `introspection` */
    bool keys_may, keys_must;   /* with `jwks` */
} rules[] = {
    {SOURCE_INTROSPECTION, true, true, false, false},
    {SOURCE_JWKS, false, false, true, true},
    {SOURCE_CLIENT_ID, true, true, false, false},
    {SOURCE_PASSWORD_FILE, true, true, false, false},
    {SOURCE_CA, true, false, false, false},
    {SOURCE_ISSUER, true, false, true, true},
    {SOURCE_AUDIENCE, true, false, true, true},
    {SOURCE_SCOPE, true, false, true, false},
    {SOURCE_CLAIM, true, false, true, false},
};

static enum err_code
check_options(const struct source_settings *settings, struct err *err)
{
    bool asked = value_of(settings, SOURCE_INTROSPECTION) != NULL;
    const char *way = source_option_name(asked ? SOURCE_INTROSPECTION : SOURCE_JWKS);
    if (asked == (value_of(settings, SOURCE_JWKS) != NULL))
        return err_set(err, ERR_INVALID, "either 'introspection' or 'jwks' is needed");
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const struct rule *rule = &rules[i];
        const char *name = source_option_name(rule->option);
        const char *value = value_of(settings, rule->option);
        if (value == NULL && (asked ? rule->asked_must : rule->keys_must))
            return err_set(err, ERR_INVALID, "%s: it is needed with '%s'", name, way);
        if (value != NULL && !(asked ? rule->asked_may : rule->keys_may))
            return err_set(err, ERR_INVALID, "%s: it is not for '%s'", name, way);
        if (value != NULL && value[0] == '\0')
            return err_set(err, ERR_INVALID, "%s: it is empty", name);
    }
    /* Else every token that the server gives out, for whatever service, would open a mailbox:
     * of who runs any of those, everybody's. */
    if (asked && value_of(settings, SOURCE_AUDIENCE) == NULL &&
        value_of(settings, SOURCE_SCOPE) == NULL)
        return err_set(
            err, ERR_INVALID,
            "'scope' or 'audience' is needed, to tell tokens that are for mail");
    const char *scope = value_of(settings, SOURCE_SCOPE);
    if (scope != NULL && !bearer_is_scope(pop_view_of(scope)))
        return err_set(err, ERR_INVALID, "scope: a single one is needed (RFC 6749)");
    return ERR_OK;
}

/* ---- asking ---- */

static void
content_finishp(struct pop_buffer *content)
{
    small_file_finish(content);
}

static enum err_code
open_introspection(
    struct source *source, const struct source_settings *settings, struct err *err)
{
    CLEANUP(content_finishp) struct pop_buffer secret = {0};
    const char *path = value_of(settings, SOURCE_PASSWORD_FILE);
    const char *ca = value_of(settings, SOURCE_CA);
    if (small_file_read_line(path, &secret, err) != ERR_OK)
        return err_prefix(err, "password-file");
    if (ca != NULL && access(ca, R_OK) < 0)
        return err_set(err, ERR_SYSTEM, "ca: cannot read '%s'", ca);
    struct oauth_endpoint endpoint = {
        .url = value_of(settings, SOURCE_INTROSPECTION),
        .client_id = value_of(settings, SOURCE_CLIENT_ID),
        .secret = pop_buffer_view(&secret),
        .ca = ca,
        .timeout_ms = SOURCE_SECONDS_MAX * 1000,
    };
    if (oauth_introspection_new(&source->introspection, &endpoint, err) != ERR_OK)
        return err_prefix(err, "introspection");
    return ERR_OK;
}

/* ---- keys ---- */

static enum err_code
read_keys(struct source *source, struct err *err)
{
    CLEANUP(content_finishp) struct pop_buffer content = {0};
    struct oauth_jwks *keys;
    struct stat seen;
    if (small_file_read(source->jwks_path, JWKS_FILE_MAX, &content, &seen, err) != ERR_OK)
        return err_prefix(err, "jwks");
    if (oauth_jwks_parse(pop_buffer_view(&content), &keys, err) != ERR_OK)
        return err_prefix(err, "jwks: '%s'", source->jwks_path);
    oauth_jwks_free(source->keys);
    source->keys = keys;
    source->seen = seen;
    return ERR_OK;
}

/* A key that was taken out of the file must not count any more, so a file that cannot be read
 * now leaves nothing to judge by. */
static enum err_code
refresh_keys(struct source *source, struct err *err)
{
    if (small_file_is_same(source->jwks_path, &source->seen) ||
        read_keys(source, err) == ERR_OK)
        return ERR_OK;
    if (err->code == ERR_INVALID) /* which would be said of a user */
        err->code = ERR_CHANGED;
    return err->code;
}

/* ---- the interface ---- */

static void
source_close(struct source *source)
{
    if (source == NULL)
        return;
    oauth_introspection_free(source->introspection);
    oauth_jwks_free(source->keys);
    free(source);
}

static enum err_code
source_open(struct source **ret_source, const struct source_settings *settings, struct err *err)
{
    if (check_options(settings, err) != ERR_OK)
        return err->code;
    struct source *source = calloc(1, sizeof *source);
    if (source == NULL)
        return err_set(err, ERR_NOMEM, "opening a source of users");
    const char *claim = value_of(settings, SOURCE_CLAIM);
    source->jwks_path = value_of(settings, SOURCE_JWKS);
    source->rules = (struct oauth_rules){
        .issuer = value_of(settings, SOURCE_ISSUER),
        .audience = value_of(settings, SOURCE_AUDIENCE),
        .scope = value_of(settings, SOURCE_SCOPE),
        .claim = claim != NULL ? claim : CLAIM_DEFAULT,
        .must_expire = source->jwks_path != NULL,
    };
    enum err_code code = source->jwks_path != NULL ? read_keys(source, err)
                                                   : open_introspection(source, settings, err);
    if (code != ERR_OK) {
        source_close(source);
        return code;
    }
    *ret_source = source;
    return ERR_OK;
}

static enum err_code
source_check_token(
    struct source *source, struct pop_view token, struct auth_user *user, struct err *err)
{
    if (!bearer_is_token(token))
        return err_set(
            err, ERR_DENIED, "the token is none, or longer than %u octets", TOKEN_MAX);
    if (source->introspection != NULL)
        return oauth_introspection_check(
            source->introspection, token, &source->rules, user, err);
    if (refresh_keys(source, err) != ERR_OK)
        return err->code;
    return oauth_jwt_check(token, source->keys, &source->rules, time(NULL), user, err);
}

const struct source_ops source_oauth2 = {
    .kind = SOURCE_OAUTH2,
    .open = source_open,
    .check_token = source_check_token,
    .close = source_close,
};
