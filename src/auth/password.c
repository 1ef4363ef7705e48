/* Stored passwords: which scheme it is, and the check by crypt(3) or by comparison. */
#include "auth/password.h"

#include "auth/scram.h"

#include <crypt.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static const struct {
    const char *name;
    enum password_kind kind;
} schemes[] = {
    {"PLAIN", PASSWORD_PLAIN},        {"CLEAR", PASSWORD_PLAIN},
    {"CLEARTEXT", PASSWORD_PLAIN},    {"CRYPT", PASSWORD_CRYPT},
    {"BLF-CRYPT", PASSWORD_CRYPT},    {"SHA512-CRYPT", PASSWORD_CRYPT},
    {"SHA256-CRYPT", PASSWORD_CRYPT}, {"MD5-CRYPT", PASSWORD_CRYPT},
    {"DES-CRYPT", PASSWORD_CRYPT},    {"SCRAM-SHA-256", PASSWORD_SCRAM_SHA_256},
};

/* crypt(3)'s alphabet: DES hashes consist of it, and so do salts. */
static const char crypt_alphabet[] =
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* DES has no mark of its own: 13 characters, or 20 with "_" first (BSDi). Anything else
 * without "$" is most likely a readable password whose {PLAIN} was forgotten. */
static bool
looks_like_crypt(struct pop_view text)
{
    if (text.len > 0 && text.data[0] == '$')
        return true;
    bool extended = text.len == 20 && text.data[0] == '_';
    if (text.len != 13 && !extended)
        return false;
    for (size_t i = extended; i < text.len; i++) {
        if (text.data[i] == '\0' || strchr(crypt_alphabet, text.data[i]) == NULL)
            return false;
    }
    return true;
}

/* Cuts "{SCHEME}" off *text. ERR_OK without one: it is crypt's. */
static enum err_code
take_scheme(struct pop_view *text, enum password_kind *ret_kind, struct err *err)
{
    const char *end =
        text->len > 0 && text->data[0] == '{' ? memchr(text->data, '}', text->len) : NULL;
    if (end == NULL) {
        *ret_kind = PASSWORD_CRYPT;
        return ERR_OK;
    }
    struct pop_view scheme = {text->data + 1, (size_t)(end - text->data) - 1};
    pop_view_skip(text, scheme.len + 2);
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (pop_view_same_word(scheme, pop_view_of(schemes[i].name))) {
            *ret_kind = schemes[i].kind;
            return ERR_OK;
        }
    }
    return err_set(
        err, ERR_INVALID, "the password scheme {%.*s} is not known here",
        (int)(scheme.len < 40 ? scheme.len : 40), scheme.data);
}

enum err_code
password_parse(struct pop_view stored, struct password *ret_password, struct err *err)
{
    struct password password = {.text = stored};
    if (stored.len > 0 && memchr("*!", stored.data[0], 2) == NULL) {
        enum err_code code = take_scheme(&password.text, &password.kind, err);
        if (code != ERR_OK)
            return code;
    }
    if (password.text.len == 0 ||
        (password.kind == PASSWORD_CRYPT && memchr("*!", password.text.data[0], 2) != NULL))
        password.kind = PASSWORD_NEVER;
    if (password.text.len > HASH_TEXT_MAX)
        return err_set(
            err, ERR_INVALID, "the stored password has more than %u octets", HASH_TEXT_MAX);
    if (password.kind == PASSWORD_CRYPT && !looks_like_crypt(password.text))
        return err_set(
            err, ERR_INVALID,
            "the stored password is no hash of crypt(3); a readable one needs {PLAIN} before "
            "it");
    *ret_password = password;
    return ERR_OK;
}

bool
password_is_quick(const struct password *password)
{
    return password->kind == PASSWORD_NEVER || password->kind == PASSWORD_PLAIN;
}

/* Where the salt is in a hash of crypt(3). Before it stand the scheme and its cost. */
static struct pop_view
crypt_salt(struct pop_view text)
{
    if (text.data[0] == '_') /* "_", 4 of cost, 4 of salt */
        return (struct pop_view){text.data + 5, 4};
    if (text.data[0] != '$')
        return (struct pop_view){text.data, 2};
    if (text.len >= 29 && text.data[1] == '2') /* "$2b$12$", 22 of salt */
        return (struct pop_view){text.data + 7, 22};

    /* "$scheme$cost$salt$hash" */
    const char *end = memrchr(text.data, '$', text.len);
    const char *start =
        end > text.data ? memrchr(text.data, '$', (size_t)(end - text.data)) : NULL;
    if (start == NULL)
        return (struct pop_view){end, 0};
    struct pop_view salt = {start + 1, (size_t)(end - start) - 1};
    if (text.len > 3 && memcmp(text.data, "$7$", 3) == 0 && salt.len > 11)
        pop_view_skip(&salt, 11); /* scrypt: the cost stands before the salt, unseparated */
    return salt;
}

struct pop_view
password_cost(const struct password *password)
{
    struct pop_view text = password->text;
    switch (password->kind) {
    case PASSWORD_NEVER:
    case PASSWORD_PLAIN:
        return (struct pop_view){"", 0};
    case PASSWORD_CRYPT:
        return (struct pop_view){text.data, (size_t)(crypt_salt(text).data - text.data)};
    case PASSWORD_SCRAM_SHA_256:
        return scram_field(text, SCRAM_ITERATIONS);
    }
    abort();
}

static enum err_code
verify_crypt(struct pop_view text, const struct secret *secret, struct err *err)
{
    char setting[HASH_TEXT_MAX + 1];
    memcpy(setting, text.data, text.len);
    setting[text.len] = '\0';

    /* 32 KiB that hold the password while it works: of this call alone. */
    struct crypt_data *data = calloc(1, sizeof *data);
    if (data == NULL)
        return err_set(err, ERR_NOMEM, "no memory to check a password");
    const char *hash = crypt_rn(secret->data, setting, data, sizeof *data);
    enum err_code code;
    if (hash != NULL && hash[0] != '*')
        code = secret_equal(pop_view_of(hash), text) ? ERR_OK : ERR_DENIED;
    else if (errno == ENOMEM)
        code = err_set(err, ERR_NOMEM, "no memory to check a password");
    else
        code = err_set(err, ERR_INVALID, "crypt(3) cannot read the stored password");
    explicit_bzero(data, sizeof *data);
    free(data);
    if (code == ERR_DENIED)
        return err_set(err, ERR_DENIED, "wrong password");
    return code;
}

enum err_code
password_verify(struct pop_view stored, const struct secret *secret, struct err *err)
{
    struct password password;
    enum err_code code = password_parse(stored, &password, err);
    if (code != ERR_OK)
        return code;
    switch (password.kind) {
    case PASSWORD_NEVER:
        return err_set(err, ERR_DENIED, "login is not allowed");
    case PASSWORD_PLAIN:
        if (secret_equal(password.text, (struct pop_view){secret->data, secret->len}))
            return ERR_OK;
        return err_set(err, ERR_DENIED, "wrong password");
    case PASSWORD_CRYPT:
        return verify_crypt(password.text, secret, err);
    case PASSWORD_SCRAM_SHA_256:
        return scram_verify(password.text, secret, err);
    }
    abort();
}

static enum err_code
fill_random(void *data, size_t len, struct err *err)
{
    if (getrandom(data, len, 0) != (ssize_t)len) /* up to 256 octets come whole */
        return err_set(err, ERR_SYSTEM, "cannot get random octets");
    return ERR_OK;
}

/* The last character may stand for fewer bits than the others have, so it stays. */
static enum err_code
randomise(char *salt, size_t len, struct err *err)
{
    unsigned char octets[64];
    size_t count = len > 0 ? len - 1 : 0;
    if (count > sizeof octets)
        count = sizeof octets;
    enum err_code code = fill_random(octets, count, err);
    for (size_t i = 0; code == ERR_OK && i < count; i++)
        salt[i] = crypt_alphabet[octets[i] % 64];
    return code;
}

static enum err_code
setting_make(char ret_setting[CRYPT_GENSALT_OUTPUT_SIZE], struct err *err)
{
    /* The prefix is named, because the system's default may be one that others cannot read;
     * a cost of 0 is the default of libxcrypt. */
    if (crypt_gensalt_rn("$y$", 0, NULL, 0, ret_setting, CRYPT_GENSALT_OUTPUT_SIZE) == NULL)
        return err_set(err, ERR_SYSTEM, "cannot make a salt");
    return ERR_OK;
}

static const char plain_dummy[] = "{PLAIN}";
enum { PLAIN_DUMMY_LEN = 40 };

enum err_code
password_dummy(struct pop_view model, char ret_stored[HASH_TEXT_MAX + 1], struct err *err)
{
    char stored[HASH_TEXT_MAX + 1] = "";
    _Static_assert(CRYPT_GENSALT_OUTPUT_SIZE <= sizeof stored, "a setting fits");
    if (model.len == 0) {
        /* A setting without a hash costs what a hash costs and equals none. */
        enum err_code code = setting_make(stored, err);
        if (code == ERR_OK)
            memcpy(ret_stored, stored, sizeof stored);
        return code;
    }

    struct password password;
    if (model.len > HASH_TEXT_MAX)
        return err_set(err, ERR_INVALID, "a stored password is too long");
    memcpy(stored, model.data, model.len);
    enum err_code code = password_parse((struct pop_view){stored, model.len}, &password, err);
    if (code != ERR_OK)
        return code;
    if (password.kind == PASSWORD_CRYPT) {
        struct pop_view salt = crypt_salt(password.text);
        code = randomise(stored + (salt.data - stored), salt.len, err);
        /* A salt may be short or missing, and this still be the model's hash. */
        char *last = stored + model.len - 1;
        if (last >= salt.data + salt.len)
            *last = *last == '.' ? '/' : '.';
    } else if (password.kind == PASSWORD_PLAIN) {
        /* The model is somebody's password: another one, that nobody types. */
        memcpy(stored, plain_dummy, sizeof plain_dummy);
        code = randomise(stored + sizeof plain_dummy - 1, PLAIN_DUMMY_LEN + 1, err);
        stored[sizeof plain_dummy - 1 + PLAIN_DUMMY_LEN] = '\0';
    } else if (password.kind == PASSWORD_SCRAM_SHA_256) {
        struct pop_view salt = scram_field(password.text, SCRAM_SALT);
        /* Base64 has no '.': letters and digits are enough here, and never a pad. */
        code = scram_randomise(stored + (salt.data - stored), salt.len, err);
    }
    if (code == ERR_OK)
        memcpy(ret_stored, stored, sizeof stored);
    return code;
}

enum err_code
password_make(const struct secret *secret, char ret_stored[HASH_TEXT_MAX + 1], struct err *err)
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    if (setting_make(setting, err) != ERR_OK)
        return err->code;
    struct crypt_data *data = calloc(1, sizeof *data);
    if (data == NULL)
        return err_set(err, ERR_NOMEM, "no memory to hash a password");
    const char *hash = crypt_rn(secret->data, setting, data, sizeof *data);
    bool ok = hash != NULL && hash[0] != '*' && strlen(hash) <= HASH_TEXT_MAX;
    if (ok)
        memcpy(ret_stored, hash, strlen(hash) + 1);
    explicit_bzero(data, sizeof *data);
    free(data);
    return ok ? ERR_OK : err_set(err, ERR_SYSTEM, "cannot hash a password");
}

enum err_code
password_make_scram(
    const struct secret *secret, char ret_stored[HASH_TEXT_MAX + 1], struct err *err)
{
    static const char scheme[] = "{SCRAM-SHA-256}";
    char text[SCRAM_TEXT_SIZE];
    _Static_assert(sizeof scheme + sizeof text <= HASH_TEXT_MAX + 1, "it fits");
    enum err_code code = scram_make(secret, text, err);
    if (code == ERR_OK)
        (void)snprintf(ret_stored, HASH_TEXT_MAX + 1, "%s%s", scheme, text);
    return code;
}
