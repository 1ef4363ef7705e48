/* SASL exchanges: GNU SASL knows the mechanisms, this knows what is stored. */
#include "auth/exchange.h"

#include "auth/bearer_exchange.h"
#include "auth/password.h"
#include "auth/scram.h"
#include "base/check.h"

#include <gsasl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <pop/base64.h>
#include <stdlib.h>
#include <sys/random.h>

/* For passwords that are stored readable the keys are made anew at each login: the least that
 * is allowed (R7677-1). */
#define PLAIN_ITERATIONS 4096u

struct exchange_library {
    Gsasl *gsasl;
    unsigned char salt_key[SHA256_DIGEST_LENGTH];
};

struct exchange {
    struct exchange_library *library;
    enum mechanism mechanism;
    struct bearer_exchange bearer; /* in the place of a session, for its mechanisms */
    Gsasl_session *session;
    char *output; /* GNU SASL's, of the last step */
    char *kept;   /* the response that waits for exchange_found() */
    size_t kept_len;
    char asked[USER_NAME_MAX + 1]; /* the name that was looked up, as the client wrote it */
    bool looked_up;
    bool known;
    bool captured; /* PLAIN, LOGIN: the secret is there */
    bool proved;   /* only the client's empty answer is missing (R5034-12) */
    struct auth_user user;
    struct scram_keys keys; /* of a readable password */
    struct secret secret;
};

/* ---- what is stored ---- */

/* The name that GNU SASL read is the one that was looked up: it has rules of its own. */
static bool
is_found(const struct exchange *exchange)
{
    const char *name = gsasl_property_fast(exchange->session, GSASL_AUTHID);
    return exchange->looked_up && name != NULL && strcmp(name, exchange->asked) == 0;
}

static bool
parse_stored(const struct exchange *exchange, struct password *ret_password)
{
    return password_parse(pop_view_of(exchange->user.stored), ret_password, NULL) == ERR_OK;
}

static void
set_base64(Gsasl_session *session, Gsasl_property property, struct pop_view octets)
{
    char text[POP_BASE64_LEN(SHA256_DIGEST_LENGTH) + 1] = "";
    struct pop_buffer out = {.data = text, .cap = sizeof text - 1};
    pop_base64_put(&out, octets);
    (void)gsasl_property_set(session, property, text); /* no memory: the exchange fails */
}

static void
set_view(Gsasl_session *session, Gsasl_property property, struct pop_view text)
{
    (void)gsasl_property_set_raw(session, property, text.data, text.len);
}

/* The salt that the name always has, where none is stored. */
static bool
make_salt(const struct exchange *exchange, char ret_salt[SCRAM_SALT_LEN])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    const struct exchange_library *library = exchange->library;
    bool ok = HMAC(
                  EVP_sha256(), library->salt_key, sizeof library->salt_key,
                  (const unsigned char *)exchange->asked, strlen(exchange->asked), digest,
                  NULL) != NULL;
    memcpy(ret_salt, digest, SCRAM_SALT_LEN);
    return ok;
}

static void
set_made_salt(struct exchange *exchange)
{
    char salt[SCRAM_SALT_LEN];
    if (make_salt(exchange, salt))
        set_base64(exchange->session, GSASL_SCRAM_SALT, (struct pop_view){salt, sizeof salt});
}

static void
set_derived(struct exchange *exchange, Gsasl_property property)
{
    const struct scram_keys *keys = &exchange->keys;
    set_base64(
        exchange->session, property,
        (struct pop_view){
            property == GSASL_SCRAM_STOREDKEY ? keys->stored : keys->server, keys->len});
}

static bool
is_sha_256(const struct exchange *exchange)
{
    return exchange->mechanism == MECHANISM_SCRAM_SHA_256 ||
           exchange->mechanism == MECHANISM_SCRAM_SHA_256_PLUS;
}

/* Keys that nothing fits. */
static void
set_random(struct exchange *exchange, Gsasl_property property)
{
    char octets[SHA256_DIGEST_LENGTH];
    size_t len = is_sha_256(exchange) ? SHA256_DIGEST_LENGTH : SHA_DIGEST_LENGTH;
    if (getrandom(octets, len, 0) == (ssize_t)len)
        set_base64(exchange->session, property, (struct pop_view){octets, len});
}

/* What the mechanism asks of the user's stored password, or of a dummy that looks like it. */
static int
give_property(struct exchange *exchange, Gsasl_property property)
{
    struct password password;
    Gsasl_session *session = exchange->session;
    if (!is_found(exchange) || !parse_stored(exchange, &password))
        return GSASL_NO_CALLBACK;
    bool plain = password.kind == PASSWORD_PLAIN;
    bool scram = password.kind == PASSWORD_SCRAM_SHA_256 && is_sha_256(exchange);
    char iterations[16];
    switch (property) {
    case GSASL_PASSWORD:
        if (plain && exchange->mechanism == MECHANISM_CRAM_MD5)
            set_view(session, property, password.text);
        else if (exchange->mechanism == MECHANISM_CRAM_MD5)
            set_random(exchange, property);
        else
            return GSASL_NO_CALLBACK;
        return GSASL_OK;
    case GSASL_SCRAM_ITER:
        (void)snprintf(iterations, sizeof iterations, "%u", PLAIN_ITERATIONS);
        set_view(
            session, property,
            scram ? scram_field(password.text, SCRAM_ITERATIONS) : pop_view_of(iterations));
        return GSASL_OK;
    case GSASL_SCRAM_SALT:
        if (scram && exchange->known) /* a dummy has one salt for all names */
            set_view(session, property, scram_field(password.text, SCRAM_SALT));
        else
            set_made_salt(exchange);
        return GSASL_OK;
    case GSASL_SCRAM_STOREDKEY:
    case GSASL_SCRAM_SERVERKEY:
        if (plain && exchange->keys.len == 0)
            return GSASL_NO_CALLBACK; /* there was no memory */
        if (plain)
            set_derived(exchange, property);
        else if (scram)
            set_view(
                session, property,
                scram_field(
                    password.text,
                    property == GSASL_SCRAM_STOREDKEY ? SCRAM_STORED_KEY : SCRAM_SERVER_KEY));
        else
            set_random(exchange, property);
        return GSASL_OK;
    default:
        return GSASL_NO_CALLBACK;
    }
}

/* PLAIN and LOGIN have a name and a password: checking it is not for this thread. */
static int
capture(struct exchange *exchange)
{
    const char *name = gsasl_property_fast(exchange->session, GSASL_AUTHID);
    const char *password = gsasl_property_fast(exchange->session, GSASL_PASSWORD);
    if (name == NULL || name[0] == '\0' || password == NULL || password[0] == '\0')
        return GSASL_MECHANISM_PARSE_ERROR; /* R4616-1 */
    if (strlen(name) > USER_NAME_MAX)
        return GSASL_AUTHENTICATION_ERROR;
    auth_user_begin(&exchange->user, pop_view_of(name));
    (void)secret_set(&exchange->secret, pop_view_of(password)); /* too long: empty, and wrong */
    exchange->captured = true;
    return GSASL_OK;
}

static int
on_question(Gsasl *gsasl, Gsasl_session *session, Gsasl_property property)
{
    struct exchange *exchange = gsasl_session_hook_get(session);
    (void)gsasl;
    return property == GSASL_VALIDATE_SIMPLE ? capture(exchange)
                                             : give_property(exchange, property);
}

/* ---- the library ---- */

enum err_code
exchange_library_new(struct exchange_library **ret_library, struct err *err)
{
    struct exchange_library *library = calloc(1, sizeof *library);
    if (library == NULL || gsasl_init(&library->gsasl) != GSASL_OK) {
        free(library);
        return err_set(err, ERR_NOMEM, "starting the SASL library");
    }
    gsasl_callback_set(library->gsasl, on_question);
    if (getrandom(library->salt_key, sizeof library->salt_key, 0) !=
        (ssize_t)sizeof library->salt_key) {
        exchange_library_free(library);
        return err_set(err, ERR_SYSTEM, "cannot get random octets");
    }
    *ret_library = library;
    return ERR_OK;
}

void
exchange_library_free(struct exchange_library *library)
{
    if (library == NULL)
        return;
    gsasl_done(library->gsasl);
    explicit_bzero(library, sizeof *library);
    free(library);
}

void
exchange_library_set_secret(struct exchange_library *library, struct pop_view secret)
{
    static const char label[] = "salts of users without one";
    (void)HMAC(
        EVP_sha256(), secret.data, (int)secret.len, (const unsigned char *)label,
        sizeof label - 1, library->salt_key, NULL);
}

uint32_t
exchange_mechanisms_for(uint32_t password_kinds, bool tokens)
{
    const uint32_t readable = 1u << PASSWORD_PLAIN;
    const uint32_t scram_256 = readable | 1u << PASSWORD_SCRAM_SHA_256;
    uint32_t kinds = password_kinds & ~(1u << PASSWORD_NEVER);
    uint32_t set = MECHANISM_BIT(MECHANISM_PLAIN) | MECHANISM_BIT(MECHANISM_LOGIN);
    if (kinds != 0 && (kinds & ~scram_256) == 0)
        set |= MECHANISM_BIT(MECHANISM_SCRAM_SHA_256) |
               MECHANISM_BIT(MECHANISM_SCRAM_SHA_256_PLUS);
    if (kinds == readable)
        set |= MECHANISM_BIT(MECHANISM_SCRAM_SHA_1) | MECHANISM_BIT(MECHANISM_SCRAM_SHA_1_PLUS);
    if (tokens)
        set |= MECHANISM_BIT(MECHANISM_OAUTHBEARER) | MECHANISM_BIT(MECHANISM_XOAUTH2);
    return set;
}

/* ---- an exchange ---- */

enum err_code
exchange_new(
    struct exchange_library *library, enum mechanism mechanism, struct pop_view binding,
    struct exchange **ret_exchange, struct err *err)
{
    const char *name = mechanism_row(mechanism)->name;
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL)
        return err_set(err, ERR_NOMEM, "beginning a SASL exchange");
    exchange->library = library;
    exchange->mechanism = mechanism;
    if (mechanism_row(mechanism)->bearer) {
        exchange->bearer.mechanism = mechanism;
        *ret_exchange = exchange;
        return ERR_OK;
    }
    int result = gsasl_server_start(library->gsasl, name, &exchange->session);
    if (result != GSASL_OK) {
        free(exchange);
        return err_set(
            err, result == GSASL_MALLOC_ERROR ? ERR_NOMEM : ERR_INVALID, "SASL %s: %s", name,
            gsasl_strerror(result));
    }
    gsasl_session_hook_set(exchange->session, exchange);
    if (binding.len > 0 && binding.len <= SHA256_DIGEST_LENGTH)
        set_base64(exchange->session, GSASL_CB_TLS_EXPORTER, binding);
    *ret_exchange = exchange;
    return ERR_OK;
}

void
exchange_free(struct exchange *exchange)
{
    if (exchange == NULL)
        return;
    bearer_exchange_finish(&exchange->bearer);
    gsasl_finish(exchange->session);
    gsasl_free(exchange->output);
    free(exchange->kept);
    secret_finish(&exchange->secret);
    explicit_bzero(exchange, sizeof *exchange);
    free(exchange);
}

static enum exchange_step
failure(int result)
{
    switch (result) {
    case GSASL_MECHANISM_PARSE_ERROR:
    case GSASL_MECHANISM_CALLED_TOO_MANY_TIMES:
        return EXCHANGE_MALFORMED;
    default:
        return EXCHANGE_DENIED;
    }
}

/* Nobody acts for another user here (R4616-3). */
static bool
acts_for_another(const struct exchange *exchange)
{
    const char *name = gsasl_property_fast(exchange->session, GSASL_AUTHID);
    const char *other = gsasl_property_fast(exchange->session, GSASL_AUTHZID);
    return other != NULL && other[0] != '\0' && (name == NULL || strcmp(name, other) != 0);
}

/* The mechanism is through. What it still has to say is a challenge with an empty answer. */
static enum exchange_step
complete(struct exchange *exchange, struct pop_view last, struct pop_view *ret_challenge)
{
    if (acts_for_another(exchange))
        return EXCHANGE_DENIED;
    if (exchange->captured)
        return EXCHANGE_PASSWORD;
    if (!exchange->known)
        return EXCHANGE_DENIED; /* a dummy that fits is no user */
    if (last.len == 0)
        return EXCHANGE_PROVED;
    exchange->proved = true;
    *ret_challenge = last;
    return EXCHANGE_CHALLENGE;
}

static bool
is_scram(const struct exchange *exchange)
{
    return exchange->mechanism <= MECHANISM_SCRAM_SHA_1;
}

/* R5802-6: "p=" is for the mechanisms with -PLUS, and they take nothing else. */
static bool
binds_otherwise(const struct exchange *exchange, struct pop_view message)
{
    bool binds = message.len > 0 && message.data[0] == 'p';
    return binds != mechanism_row(exchange->mechanism)->binds;
}

/* ---- the name, before GNU SASL asks what is stored for it ---- */

/* R5802-5: in a client's first message "=" stands in a name as "=2C" or "=3D" only. GNU SASL
 * takes others as they are. */
static bool
unescape(struct pop_view name, struct pop_buffer *out)
{
    while (name.len > 0) {
        size_t taken = 1;
        struct pop_view octet = {name.data, 1};
        if (name.data[0] == '=') {
            taken = 3;
            octet = name.len < 3 || name.data[1] < '0' ? POP_VIEW("") : POP_VIEW(",");
            if (octet.len > 0 && memcmp(name.data, "=3D", 3) == 0)
                octet = POP_VIEW("=");
            else if (octet.len > 0 && memcmp(name.data, "=2C", 3) != 0)
                return false;
        }
        if (octet.len == 0 || pop_buffer_room(out) == 0)
            return false;
        pop_buffer_put(out, octet);
        pop_view_skip(&name, taken);
    }
    return true;
}

/* "n,,n=ann,r=...": what stands behind ",n=". */
static bool
scram_name(struct pop_view message, struct pop_buffer *out)
{
    const struct pop_view start = POP_VIEW(",n=");
    const char *name = memmem(message.data, message.len, start.data, start.len);
    if (name == NULL)
        return false;
    pop_view_skip(&message, (size_t)(name - message.data) + start.len);
    const char *comma = memchr(message.data, ',', message.len);
    if (comma != NULL)
        message.len = (size_t)(comma - message.data);
    return unescape(message, out);
}

/* "ann 0123...": what stands before the digest (R2195-2). */
static bool
cram_name(struct pop_view message, struct pop_buffer *out)
{
    const char *blank = message.len > 0 ? memrchr(message.data, ' ', message.len) : NULL;
    size_t len = blank != NULL ? (size_t)(blank - message.data) : 0;
    if (len > pop_buffer_room(out))
        return false;
    pop_buffer_put(out, (struct pop_view){message.data, len});
    return blank != NULL;
}

/* The message in which the name comes. Mechanisms with a password need nothing before it is
 * checked. */
static bool
has_name(const struct exchange *exchange, struct pop_view message)
{
    if (exchange->looked_up)
        return false;
    return is_scram(exchange) || (exchange->mechanism == MECHANISM_CRAM_MD5 && message.len > 0);
}

static enum exchange_step
ask(struct exchange *exchange, struct pop_view message)
{
    struct pop_buffer name = {.data = exchange->asked, .cap = USER_NAME_MAX};
    if (is_scram(exchange) && binds_otherwise(exchange, message))
        return EXCHANGE_MALFORMED;
    if (!(is_scram(exchange) ? scram_name : cram_name)(message, &name) || name.len == 0 ||
        memchr(name.data, '\0', name.len) != NULL)
        return EXCHANGE_MALFORMED;
    exchange->asked[name.len] = '\0';
    auth_user_begin(&exchange->user, pop_buffer_view(&name));
    exchange->kept = malloc(message.len);
    if (exchange->kept == NULL)
        return EXCHANGE_DENIED;
    memcpy(exchange->kept, message.data, message.len);
    exchange->kept_len = message.len;
    return EXCHANGE_LOOK_UP;
}

static enum exchange_step
step(struct exchange *exchange, struct pop_view response, struct pop_view *ret_challenge)
{
    size_t len = 0;
    gsasl_free(exchange->output);
    exchange->output = NULL;
    int result = gsasl_step(
        exchange->session, response.len > 0 ? response.data : "", response.len,
        &exchange->output, &len);
    struct pop_view output = {exchange->output, len};
    if (result == GSASL_NEEDS_MORE) {
        /* An empty message in the place of one that says something would go round and round. */
        if (len == 0 && !mechanism_row(exchange->mechanism)->server_first)
            return EXCHANGE_MALFORMED;
        *ret_challenge = output;
        return EXCHANGE_CHALLENGE;
    }
    return result == GSASL_OK ? complete(exchange, output, ret_challenge) : failure(result);
}

enum exchange_step
exchange_next(
    struct exchange *exchange, struct pop_view response, struct pop_view *ret_challenge)
{
    if (mechanism_row(exchange->mechanism)->bearer)
        return bearer_exchange_next(&exchange->bearer, response, &exchange->user);
    if (exchange->proved)
        return response.len == 0 ? EXCHANGE_PROVED : EXCHANGE_MALFORMED;
    return has_name(exchange, response) ? ask(exchange, response)
                                        : step(exchange, response, ret_challenge);
}

bool
exchange_wants_keys(
    const struct exchange *exchange, const struct auth_user *user,
    struct scram_request *ret_request)
{
    struct password password;
    if (!is_scram(exchange) ||
        password_parse(pop_view_of(user->stored), &password, NULL) != ERR_OK ||
        password.kind != PASSWORD_PLAIN)
        return false;
    *ret_request =
        (struct scram_request){.sha_256 = is_sha_256(exchange), .iterations = PLAIN_ITERATIONS};
    return make_salt(exchange, ret_request->salt);
}

enum exchange_step
exchange_found(
    struct exchange *exchange, const struct auth_user *user, bool known,
    const struct scram_keys *keys, struct pop_view *ret_challenge)
{
    CHECK(exchange->kept != NULL && !exchange->looked_up);
    exchange->user = *user;
    if (keys != NULL)
        exchange->keys = *keys;
    exchange->known = known;
    exchange->looked_up = true;
    return step(exchange, (struct pop_view){exchange->kept, exchange->kept_len}, ret_challenge);
}

const struct auth_user *
exchange_user(const struct exchange *exchange)
{
    return &exchange->user;
}

bool
exchange_knows_user(const struct exchange *exchange)
{
    return exchange->known;
}

struct secret *
exchange_secret(struct exchange *exchange)
{
    return &exchange->secret;
}

struct pop_view
exchange_token(const struct exchange *exchange)
{
    return (struct pop_view){exchange->bearer.token, exchange->bearer.token_len};
}

void
exchange_token_refused(
    struct exchange *exchange, struct pop_view scope, struct pop_view *ret_challenge)
{
    *ret_challenge = bearer_exchange_refuse(&exchange->bearer, scope);
}
