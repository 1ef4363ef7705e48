/* SCRAM. Names are those of RFC 5802, section 3. */
#include "fetch/scram.h"

#include "base/limits.h"
#include "base/number.h"
#include "base/secret.h"
#include "fetch/escape.h"
#include "fetch/fetch_limits.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pop/base64.h>
#include <stdlib.h>
#include <sys/random.h>

enum {
    DIGEST_MAX = 32, /* of SHA-256 */
    NONCE_OCTETS = 18,
    NONCE_LEN = POP_BASE64_LEN(NONCE_OCTETS),
    BINDING_MAX = 64,
    /* "p=tls-exporter,,n=" name ",r=" nonce; each octet of a name may become three */
    FIRST_MAX = 64 + 3 * USER_NAME_MAX + NONCE_LEN,
    /* "c=" header and binding ",r=" nonce ",p=" proof */
    FINAL_MAX = SCRAM_MESSAGE_MAX + 256,
};

struct scram {
    const EVP_MD *hash;
    size_t hash_len;
    struct pop_view password;
    enum { AWAITS_FIRST, AWAITS_FINAL, IS_OVER } state;
    bool through;
    char binding_data[BINDING_MAX];
    struct pop_view binding; /* empty but for -PLUS */
    size_t header_len;       /* of the GS2 header, in `first` */
    struct pop_view nonce;   /* ours, in `first` */
    struct pop_buffer first;
    struct pop_buffer final;
    unsigned char server_signature[DIGEST_MAX];
    char first_data[FIRST_MAX];
    char final_data[FINAL_MAX];
    /* client-first-message-bare "," server-first-message "," client-final-message-without-proof
     */
    char auth_message[FIRST_MAX + SCRAM_MESSAGE_MAX + FINAL_MAX];
};

/* ---- the client's first message ---- */

/* R5802-7 */
static struct pop_view
gs2_header(const struct scram_setup *setup)
{
    if (setup->binds)
        return POP_VIEW("p=tls-exporter,,");
    return setup->binding.len > 0 ? POP_VIEW("y,,") : POP_VIEW("n,,");
}

static enum err_code
put_nonce(struct pop_buffer *out, struct pop_view given, struct err *err)
{
    char octets[NONCE_OCTETS];
    if (given.len > 0) {
        pop_buffer_put(out, given);
        return ERR_OK;
    }
    if (getrandom(octets, sizeof octets, 0) != (ssize_t)sizeof octets)
        return err_set(err, ERR_SYSTEM, "cannot get random octets");
    pop_base64_put(out, (struct pop_view){octets, sizeof octets});
    return ERR_OK;
}

static enum err_code
make_first(struct scram *scram, const struct scram_setup *setup, struct err *err)
{
    struct pop_buffer *out = &scram->first;
    struct pop_view header = gs2_header(setup);
    pop_buffer_put(out, header);
    scram->header_len = header.len;
    pop_buffer_put(out, POP_VIEW("n="));
    sasl_put_name(out, setup->user);
    pop_buffer_put(out, POP_VIEW(",r="));
    size_t at = out->len;
    enum err_code code = put_nonce(out, setup->nonce, err);
    scram->nonce = (struct pop_view){out->data + at, out->len - at};
    return code;
}

enum err_code
scram_new(struct scram **ret_scram, const struct scram_setup *setup, struct err *err)
{
    assert(setup->user.len <= USER_NAME_MAX && setup->nonce.len <= NONCE_LEN);
    assert(setup->binding.len <= BINDING_MAX && (!setup->binds || setup->binding.len > 0));
    struct scram *scram = calloc(1, sizeof *scram);
    if (scram == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the login");
    scram->hash = setup->sha_256 ? EVP_sha256() : EVP_sha1();
    scram->hash_len = (size_t)EVP_MD_get_size(scram->hash);
    scram->password = setup->password;
    scram->first = (struct pop_buffer){scram->first_data, 0, sizeof scram->first_data};
    scram->final = (struct pop_buffer){scram->final_data, 0, sizeof scram->final_data};
    if (setup->binds) {
        memcpy(scram->binding_data, setup->binding.data, setup->binding.len);
        scram->binding = (struct pop_view){scram->binding_data, setup->binding.len};
    }
    enum err_code code = make_first(scram, setup, err);
    if (code != ERR_OK) {
        scram_free(scram);
        return code;
    }
    *ret_scram = scram;
    return ERR_OK;
}

void
scram_free(struct scram *scram)
{
    if (scram == NULL)
        return;
    explicit_bzero(scram, sizeof *scram);
    free(scram);
}

struct pop_view
scram_first(const struct scram *scram)
{
    return pop_buffer_view(&scram->first);
}

/* ---- the server's first message ---- */

struct server_first {
    struct pop_view nonce;
    struct pop_view salt; /* decoded */
    uint32_t iterations;
    char salt_data[SCRAM_MESSAGE_MAX];
};

/* Takes the next field, "r=..."; false: it is not that one. */
static bool
take_field(struct pop_view *text, char name, struct pop_view *ret_value)
{
    if (text->len < 2 || text->data[0] != name || text->data[1] != '=')
        return false;
    const char *comma = memchr(text->data, ',', text->len);
    size_t len = comma != NULL ? (size_t)(comma - text->data) : text->len;
    *ret_value = (struct pop_view){text->data + 2, len - 2};
    pop_view_skip(text, len + (comma != NULL ? 1 : 0));
    return true;
}

static enum err_code
unreadable(struct err *err)
{
    return err_set(err, ERR_PROTOCOL, "the server's message of SCRAM cannot be read");
}

/* R7677-2: few make the password easy to guess for whoever listens, and too many are there to
 * keep us busy. */
static enum err_code
check_iterations(struct pop_view text, uint32_t *ret_iterations, struct err *err)
{
    struct shown shown = escape_text(text);
    if (text.len > 0 && text.len <= NUMBER_DIGITS_MAX &&
        strspn(shown.text, "0123456789") == text.len &&
        (!parse_u32(text, ret_iterations) || *ret_iterations > SCRAM_ITERATIONS_MAX))
        return err_set(
            err, ERR_LIMIT, "the server asks for %s iterations of SCRAM, more than %u",
            shown.text, SCRAM_ITERATIONS_MAX);
    if (!parse_u32(text, ret_iterations))
        return unreadable(err);
    if (*ret_iterations < SCRAM_ITERATIONS_MIN)
        return err_set(
            err, ERR_LIMIT,
            "the server asks for %u iterations of SCRAM; fewer than %u would make the password "
            "easy to guess",
            *ret_iterations, SCRAM_ITERATIONS_MIN);
    return ERR_OK;
}

static enum err_code
read_server_first(
    const struct scram *scram, struct pop_view text, struct server_first *first,
    struct err *err)
{
    struct pop_view salt;
    struct pop_view iterations;
    size_t len;
    if (text.len > SCRAM_MESSAGE_MAX || !take_field(&text, 'r', &first->nonce) ||
        !take_field(&text, 's', &salt) || !take_field(&text, 'i', &iterations) ||
        !pop_base64_decode(salt, first->salt_data, &len) || len == 0)
        return unreadable(err);
    first->salt = (struct pop_view){first->salt_data, len};

    struct pop_view ours = {first->nonce.data, scram->nonce.len};
    if (first->nonce.len <= ours.len || !pop_view_equal(ours, scram->nonce))
        return err_set(
            err, ERR_PROTOCOL,
            "the server's nonce does not begin with ours: it answers somebody else's login");
    return check_iterations(iterations, &first->iterations, err);
}

/* ---- the proof ---- */

static bool
hmac(
    const struct scram *scram, const unsigned char *key, struct pop_view text,
    unsigned char ret_digest[DIGEST_MAX])
{
    return HMAC(
               scram->hash, key, (int)scram->hash_len, (const unsigned char *)text.data,
               text.len, ret_digest, NULL) != NULL;
}

/* Everything up to the proof. */
static void
put_without_proof(struct scram *scram, struct pop_view nonce)
{
    char bound[FIRST_MAX + BINDING_MAX];
    struct pop_buffer input = {bound, 0, sizeof bound};
    pop_buffer_put(&input, (struct pop_view){scram->first.data, scram->header_len});
    pop_buffer_put(&input, scram->binding);
    pop_buffer_put(&scram->final, POP_VIEW("c="));
    pop_base64_put(&scram->final, pop_buffer_view(&input));
    pop_buffer_put(&scram->final, POP_VIEW(",r="));
    pop_buffer_put(&scram->final, nonce);
}

static struct pop_view
make_auth_message(struct scram *scram, struct pop_view server_first)
{
    struct pop_buffer out = {scram->auth_message, 0, sizeof scram->auth_message};
    struct pop_view bare = pop_buffer_view(&scram->first);
    pop_view_skip(&bare, scram->header_len);
    pop_buffer_put(&out, bare);
    pop_buffer_put(&out, POP_VIEW(","));
    pop_buffer_put(&out, server_first);
    pop_buffer_put(&out, POP_VIEW(","));
    pop_buffer_put(&out, pop_buffer_view(&scram->final));
    return pop_buffer_view(&out);
}

/* The proof for the server, and the signature that it will have to give. */
static bool
compute(
    struct scram *scram, const struct server_first *first, struct pop_view auth_message,
    unsigned char ret_proof[DIGEST_MAX])
{
    unsigned char salted[DIGEST_MAX];
    unsigned char client_key[DIGEST_MAX];
    unsigned char stored_key[DIGEST_MAX];
    unsigned char server_key[DIGEST_MAX];
    unsigned char signature[DIGEST_MAX];
    bool ok =
        PKCS5_PBKDF2_HMAC(
            scram->password.data, (int)scram->password.len,
            (const unsigned char *)first->salt.data, (int)first->salt.len,
            (int)first->iterations, scram->hash, (int)scram->hash_len, salted) == 1 &&
        hmac(scram, salted, POP_VIEW("Client Key"), client_key) &&
        EVP_Digest(client_key, scram->hash_len, stored_key, NULL, scram->hash, NULL) == 1 &&
        hmac(scram, stored_key, auth_message, signature) &&
        hmac(scram, salted, POP_VIEW("Server Key"), server_key) &&
        hmac(scram, server_key, auth_message, scram->server_signature);
    for (size_t i = 0; ok && i < scram->hash_len; i++)
        ret_proof[i] = client_key[i] ^ signature[i];
    explicit_bzero(salted, sizeof salted);
    explicit_bzero(client_key, sizeof client_key);
    explicit_bzero(server_key, sizeof server_key);
    return ok;
}

static enum sasl_step
prove(
    struct scram *scram, struct pop_view server_first, struct pop_view *ret_response,
    struct err *err)
{
    struct server_first first;
    unsigned char proof[DIGEST_MAX];
    if (read_server_first(scram, server_first, &first, err) != ERR_OK)
        return SASL_CANCEL;
    put_without_proof(scram, first.nonce);
    if (!compute(scram, &first, make_auth_message(scram, server_first), proof)) {
        (void)err_set(err, ERR_NOMEM, "cannot compute the proof of SCRAM");
        return SASL_CANCEL;
    }
    pop_buffer_put(&scram->final, POP_VIEW(",p="));
    pop_base64_put(&scram->final, (struct pop_view){(const char *)proof, scram->hash_len});
    *ret_response = pop_buffer_view(&scram->final);
    scram->state = AWAITS_FINAL;
    return SASL_RESPOND;
}

/* ---- the server's final message ---- */

/* R5802-4 */
static enum sasl_step
verify(
    struct scram *scram, struct pop_view text, struct pop_view *ret_response, struct err *err)
{
    struct pop_view value;
    char octets[SCRAM_MESSAGE_MAX];
    size_t len = 0;
    if (take_field(&text, 'e', &value)) {
        struct shown shown = escape_text(value);
        (void)err_set(err, ERR_DENIED, "the server refuses the login: %s", shown.text);
        return SASL_CANCEL;
    }
    struct pop_view expected = {(const char *)scram->server_signature, scram->hash_len};
    if (text.len > SCRAM_MESSAGE_MAX || !take_field(&text, 'v', &value) ||
        !pop_base64_decode(value, octets, &len) ||
        !secret_equal((struct pop_view){octets, len}, expected))
        return SASL_IMPOSTOR;
    scram->through = true;
    *ret_response = (struct pop_view){scram->final_data, 0};
    return SASL_RESPOND;
}

enum sasl_step
scram_next(
    struct scram *scram, struct pop_view challenge, struct pop_view *ret_response,
    struct err *err)
{
    switch (scram->state) {
    case AWAITS_FIRST:
        return prove(scram, challenge, ret_response, err);
    case AWAITS_FINAL:
        scram->state = IS_OVER;
        return verify(scram, challenge, ret_response, err);
    case IS_OVER:
        break;
    }
    (void)err_set(err, ERR_PROTOCOL, "the server goes on when SCRAM is over");
    return SASL_CANCEL;
}

bool
scram_is_through(const struct scram *scram)
{
    return scram->through;
}
