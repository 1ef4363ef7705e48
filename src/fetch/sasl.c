/* The mechanisms as one. */
#include "fetch/sasl.h"

#include "base/check.h"
#include "base/limits.h"
#include "fetch/oauth.h"
#include "fetch/scram.h"

#include <gsasl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pop/base64.h>
#include <stdlib.h>

/* What a mechanism does. `begin` makes the first message in sasl->out; NULL: the server's comes
 * first. `next` answers a challenge after that. */
struct kind {
    enum err_code (*begin)(struct sasl *sasl, struct err *err);
    enum sasl_step (*next)(
        struct sasl *sasl, struct pop_view challenge, struct pop_view *ret_response,
        struct err *err);
};

struct sasl {
    const struct kind *kind;
    const struct mechanism_row *row;
    enum mechanism mechanism;
    struct sasl_identity identity;
    bool started; /* the first message is on its way */
    bool through;
    unsigned answered;      /* challenges, by `next` */
    struct scram *scram;    /* SCRAM only */
    char *prepared;         /* SCRAM: the password after SASLprep; GNU SASL's */
    struct pop_view latest; /* the response given last */
    char refusal[OAUTH_REFUSAL_MAX];
    struct pop_buffer out;
    char out_data[OAUTH_MESSAGE_MAX];
};

static enum sasl_step
cancel_out_of_turn(const struct sasl *sasl, struct err *err)
{
    (void)err_set(
        err, ERR_PROTOCOL, "the server sends a challenge that %s does not have",
        sasl->row->name);
    return SASL_CANCEL;
}

/* ---- PLAIN (RFC 4616) and LOGIN ---- */

static enum err_code
plain_begin(struct sasl *sasl, struct err *err)
{
    (void)err;
    pop_buffer_put(&sasl->out, POP_VIEW("\0"));
    pop_buffer_put(&sasl->out, sasl->identity.user);
    pop_buffer_put(&sasl->out, POP_VIEW("\0"));
    pop_buffer_put(&sasl->out, sasl->identity.secret);
    return ERR_OK;
}

/* Nothing comes after the message. */
static enum sasl_step
plain_next(
    struct sasl *sasl, struct pop_view challenge, struct pop_view *ret_response,
    struct err *err)
{
    (void)challenge;
    (void)ret_response;
    return cancel_out_of_turn(sasl, err);
}

/* What the server asks is text for people, and differs: first the name, then the password. */
static enum sasl_step
login_next(
    struct sasl *sasl, struct pop_view challenge, struct pop_view *ret_response,
    struct err *err)
{
    (void)challenge;
    if (sasl->answered > 1)
        return cancel_out_of_turn(sasl, err);
    *ret_response = sasl->answered == 0 ? sasl->identity.user : sasl->identity.secret;
    sasl->through = sasl->answered == 1;
    return SASL_RESPOND;
}

/* ---- CRAM-MD5 (RFC 2195) ---- */

static enum sasl_step
cram_next(
    struct sasl *sasl, struct pop_view challenge, struct pop_view *ret_response,
    struct err *err)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (sasl->answered > 0 || challenge.len == 0)
        return cancel_out_of_turn(sasl, err);
    if (HMAC(
            EVP_md5(), sasl->identity.secret.data, (int)sasl->identity.secret.len,
            (const unsigned char *)challenge.data, challenge.len, digest, &len) == NULL) {
        (void)err_set(err, ERR_INVALID, "OpenSSL does not compute MD5 here");
        return SASL_CANCEL;
    }
    pop_buffer_put(&sasl->out, sasl->identity.user);
    pop_buffer_put(&sasl->out, POP_VIEW(" "));
    for (unsigned i = 0; i < len; i++) {
        char digits[] = {hex[digest[i] >> 4], hex[digest[i] & 15]};
        pop_buffer_put(&sasl->out, (struct pop_view){digits, sizeof digits});
    }
    *ret_response = pop_buffer_view(&sasl->out);
    sasl->through = true;
    return SASL_RESPOND;
}

/* ---- OAUTHBEARER, XOAUTH2 ---- */

static enum err_code
bearer_begin(struct sasl *sasl, struct err *err)
{
    bool fits = sasl->mechanism == MECHANISM_OAUTHBEARER
                    ? oauth_bearer_message(&sasl->identity, &sasl->out)
                    : oauth_x_message(&sasl->identity, &sasl->out);
    return fits ? ERR_OK
                : err_set(
                      err, ERR_INVALID,
                      "token, user and host together are longer than %u "
                      "octets",
                      OAUTH_MESSAGE_MAX);
}

/* The token is refused. -ERR follows once that was heard (R7628-3). */
static enum sasl_step
bearer_next(
    struct sasl *sasl, struct pop_view challenge, struct pop_view *ret_response,
    struct err *err)
{
    if (sasl->answered > 0 || challenge.len == 0)
        return cancel_out_of_turn(sasl, err);
    oauth_read_error(challenge, sasl->refusal);
    sasl->through = false;
    *ret_response = sasl->mechanism == MECHANISM_OAUTHBEARER ? POP_VIEW("\1") : POP_VIEW("");
    return SASL_RESPOND;
}

/* ---- SCRAM ---- */

/* Unicode has several ways to write one name or password: SASLprep makes them one. */
static enum err_code
prepare(
    struct pop_view text, Gsasl_saslprep_flags flags, const char *what, char **ret_prepared,
    struct err *err)
{
    char copy[USER_NAME_MAX + 1];
    static_assert(USER_NAME_MAX == PASSWORD_MAX, "either fits");
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    int result = gsasl_saslprep(copy, flags, ret_prepared, NULL);
    explicit_bzero(copy, sizeof copy);
    if (result == GSASL_MALLOC_ERROR)
        return err_set(err, ERR_NOMEM, "no memory for the login");
    if (result == GSASL_OK && (*ret_prepared)[0] != '\0' &&
        strlen(*ret_prepared) <= USER_NAME_MAX)
        return ERR_OK;
    return err_set(
        err, ERR_INVALID,
        "the %s has octets or characters that SCRAM does not take (no UTF-8, or refused by "
        "SASLprep); --auth names another login",
        what);
}

static enum err_code
scram_begin(struct sasl *sasl, struct err *err)
{
    char *user = NULL;
    enum err_code code =
        prepare(sasl->identity.user, GSASL_ALLOW_UNASSIGNED, "user name", &user, err);
    if (code == ERR_OK)
        code = prepare(sasl->identity.secret, 0, "password", &sasl->prepared, err);
    if (code == ERR_OK) {
        struct scram_setup setup = {
            .sha_256 = sasl->mechanism == MECHANISM_SCRAM_SHA_256 ||
                       sasl->mechanism == MECHANISM_SCRAM_SHA_256_PLUS,
            .binds = sasl->row->binds,
            .user = pop_view_of(user),
            .password = pop_view_of(sasl->prepared),
            .binding = sasl->identity.binding,
        };
        code = scram_new(&sasl->scram, &setup, err);
    }
    gsasl_free(user);
    if (code == ERR_OK)
        pop_buffer_put(&sasl->out, scram_first(sasl->scram));
    return code;
}

static enum sasl_step
scram_answer(
    struct sasl *sasl, struct pop_view challenge, struct pop_view *ret_response,
    struct err *err)
{
    enum sasl_step step = scram_next(sasl->scram, challenge, ret_response, err);
    sasl->through = scram_is_through(sasl->scram);
    return step;
}

/* ---- all of them ---- */

static const struct kind scram_kind = {scram_begin, scram_answer};

static const struct kind *const kinds[MECHANISM_COUNT] = {
    [MECHANISM_SCRAM_SHA_256_PLUS] = &scram_kind,
    [MECHANISM_SCRAM_SHA_256] = &scram_kind,
    [MECHANISM_SCRAM_SHA_1_PLUS] = &scram_kind,
    [MECHANISM_SCRAM_SHA_1] = &scram_kind,
    [MECHANISM_CRAM_MD5] = &(const struct kind){NULL, cram_next},
    [MECHANISM_OAUTHBEARER] = &(const struct kind){bearer_begin, bearer_next},
    [MECHANISM_XOAUTH2] = &(const struct kind){bearer_begin, bearer_next},
    [MECHANISM_PLAIN] = &(const struct kind){plain_begin, plain_next},
    [MECHANISM_LOGIN] = &(const struct kind){NULL, login_next},
};

uint32_t
sasl_mechanisms(void)
{
    uint32_t set = 0;
    for (unsigned i = 0; i < MECHANISM_COUNT; i++)
        set |= kinds[i] != NULL ? MECHANISM_BIT(i) : 0;
    return set;
}

enum err_code
sasl_new(
    struct sasl **ret_sasl, enum mechanism mechanism, const struct sasl_identity *identity,
    struct err *err)
{
    CHECK(mechanism < MECHANISM_COUNT && kinds[mechanism] != NULL);
    CHECK(identity->user.len <= USER_NAME_MAX);
    CHECK(mechanism_row(mechanism)->bearer || identity->secret.len <= PASSWORD_MAX);
    struct sasl *sasl = calloc(1, sizeof *sasl);
    if (sasl == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the login");
    sasl->mechanism = mechanism;
    sasl->row = mechanism_row(mechanism);
    sasl->kind = kinds[mechanism];
    sasl->identity = *identity;
    sasl->out = (struct pop_buffer){sasl->out_data, 0, sizeof sasl->out_data};
    enum err_code code = sasl->kind->begin != NULL ? sasl->kind->begin(sasl, err) : ERR_OK;
    if (code != ERR_OK) {
        sasl_free(sasl);
        return code;
    }
    *ret_sasl = sasl;
    return ERR_OK;
}

void
sasl_free(struct sasl *sasl)
{
    if (sasl == NULL)
        return;
    scram_free(sasl->scram);
    if (sasl->prepared != NULL)
        explicit_bzero(sasl->prepared, strlen(sasl->prepared));
    gsasl_free(sasl->prepared);
    explicit_bzero(sasl, sizeof *sasl);
    free(sasl);
}

bool
sasl_initial(const struct sasl *sasl, struct pop_view *ret_message)
{
    if (sasl->kind->begin == NULL)
        return false;
    *ret_message = pop_buffer_view(&sasl->out);
    return true;
}

void
sasl_started(struct sasl *sasl)
{
    sasl->started = true;
    sasl->latest = pop_buffer_view(&sasl->out);
    /* Those with one message only have nothing more to say. */
    sasl->through = sasl->row->bearer || sasl->mechanism == MECHANISM_PLAIN;
}

/* AUTH went alone: the first challenge only asks for the first message (R5034-9). */
static enum sasl_step
start(
    struct sasl *sasl, struct pop_view challenge, struct pop_view *ret_response,
    struct err *err)
{
    if (challenge.len > 0)
        return cancel_out_of_turn(sasl, err);
    sasl_started(sasl);
    *ret_response = sasl->latest;
    return SASL_RESPOND;
}

enum sasl_step
sasl_next(
    struct sasl *sasl, struct pop_view challenge, struct pop_view *ret_response,
    struct err *err)
{
    if (sasl->kind->begin != NULL && !sasl->started)
        return start(sasl, challenge, ret_response, err);
    enum sasl_step step = sasl->kind->next(sasl, challenge, ret_response, err);
    sasl->answered++;
    if (step == SASL_RESPOND)
        sasl->latest = *ret_response;
    else
        sasl->through = false;
    return step;
}

bool
sasl_is_through(const struct sasl *sasl)
{
    return sasl->through;
}

bool
sasl_proves_server(const struct sasl *sasl)
{
    return sasl->scram != NULL;
}

const char *
sasl_refusal(const struct sasl *sasl)
{
    return sasl->refusal;
}

void
sasl_put_name(struct pop_buffer *out, struct pop_view name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] == ',')
            pop_buffer_put(out, POP_VIEW("=2C"));
        else if (name.data[i] == '=')
            pop_buffer_put(out, POP_VIEW("=3D"));
        else
            pop_buffer_put(out, (struct pop_view){name.data + i, 1});
    }
}

bool
sasl_is_told(const struct sasl *sasl, struct pop_view text)
{
    char base64[POP_BASE64_LEN(OAUTH_MESSAGE_MAX)];
    struct pop_buffer out = {base64, 0, sizeof base64};
    bool secret = (sasl->row->plaintext || sasl->row->bearer) && sasl->latest.len > 1;
    if (!secret || text.len == 0)
        return false;
    pop_base64_put(&out, sasl->latest);
    bool told = memmem(text.data, text.len, base64, out.len) != NULL;
    explicit_bzero(base64, sizeof base64);
    return told;
}
