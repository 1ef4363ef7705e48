/* Tables of digests. */
#include "auth/memory.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define KEY_LEN 32u

/* Half of a SHA-256: nobody finds another password with the same one. */
struct digest {
    uint64_t words[2];
};

struct entry {
    struct digest digest;
    int64_t until_ms;
};

struct login {
    uint64_t user; /* the first word of a digest; 0: none */
    int64_t at_ms;
};

struct auth_memory {
    unsigned char key[KEY_LEN];
    uint32_t seconds;
    struct entry passwords[MEMORY_PASSWORDS_MAX];
    struct login logins[MEMORY_LOGINS_MAX];
    uint64_t places[MEMORY_PLACES_MAX]; /* the first word of a digest; 0: none */
};

enum err_code
auth_memory_new(struct auth_memory **ret_memory, struct err *err)
{
    struct auth_memory *memory = calloc(1, sizeof *memory);
    if (memory == NULL)
        return err_set(err, ERR_NOMEM, "making the memory of logins");
    if (getrandom(memory->key, sizeof memory->key, 0) != (ssize_t)sizeof memory->key) {
        free(memory);
        return err_set(err, ERR_SYSTEM, "cannot get random octets");
    }
    *ret_memory = memory;
    return ERR_OK;
}

void
auth_memory_free(struct auth_memory *memory)
{
    if (memory == NULL)
        return;
    explicit_bzero(memory, sizeof *memory);
    free(memory);
}

void
auth_memory_set_seconds(struct auth_memory *memory, uint32_t seconds)
{
    memory->seconds = seconds;
}

/* Parts are told apart by their lengths: "ab","c" is not "a","bc". False: it failed. */
static bool
digest_of(
    const struct auth_memory *memory, const struct pop_view *parts, size_t count,
    struct digest *ret_digest)
{
    unsigned char text[3 * sizeof(uint32_t) + USER_NAME_MAX + HASH_TEXT_MAX + PASSWORD_MAX];
    unsigned char full[EVP_MAX_MD_SIZE];
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t part_len = (uint32_t)parts[i].len;
        if (parts[i].len > sizeof text - len - sizeof part_len)
            return false;
        memcpy(text + len, &part_len, sizeof part_len);
        len += sizeof part_len;
        if (part_len > 0)
            memcpy(text + len, parts[i].data, part_len);
        len += part_len;
    }
    bool ok = HMAC(EVP_sha256(), memory->key, KEY_LEN, text, len, full, NULL) != NULL;
    memcpy(ret_digest, full, sizeof *ret_digest);
    explicit_bzero(text, len);
    explicit_bzero(full, sizeof full);
    return ok;
}

/* ---- passwords ---- */

#define WAYS 4u

static bool
same(const struct digest *a, const struct digest *b)
{
    return ((a->words[0] ^ b->words[0]) | (a->words[1] ^ b->words[1])) == 0;
}

static size_t
first_way(const struct digest *digest)
{
    return digest->words[0] % (MEMORY_PASSWORDS_MAX / WAYS) * WAYS;
}

static bool
password_digest(
    const struct auth_memory *memory, struct pop_view user, struct pop_view stored,
    const struct secret *secret, struct digest *ret_digest)
{
    const struct pop_view parts[] = {user, stored, {secret->data, secret->len}};
    return memory->seconds > 0 && digest_of(memory, parts, 3, ret_digest);
}

bool
auth_memory_knows(
    const struct auth_memory *memory, struct pop_view user, struct pop_view stored,
    const struct secret *secret, int64_t now_ms)
{
    struct digest digest;
    if (!password_digest(memory, user, stored, secret, &digest))
        return false;
    const struct entry *set = &memory->passwords[first_way(&digest)];
    bool known = false;
    for (size_t i = 0; i < WAYS; i++)
        known |= set[i].until_ms > now_ms && same(&set[i].digest, &digest);
    return known;
}

void
auth_memory_learn(
    struct auth_memory *memory, struct pop_view user, struct pop_view stored,
    const struct secret *secret, int64_t now_ms)
{
    struct digest digest;
    if (!password_digest(memory, user, stored, secret, &digest))
        return;
    struct entry *set = &memory->passwords[first_way(&digest)];
    struct entry *place = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (same(&set[i].digest, &digest)) {
            place = &set[i];
            break;
        }
        if (set[i].until_ms < place->until_ms)
            place = &set[i];
    }
    *place = (struct entry){digest, now_ms + 1000 * (int64_t)memory->seconds};
}

/* ---- places ---- */

static struct pop_view
octets_of(const struct network *network)
{
    return (struct pop_view){(const char *)network->address.octets, network->address.len};
}

static uint64_t
place_digest(const struct auth_memory *memory, const struct network *from, struct pop_view user)
{
    struct digest digest = {{0, 0}};
    const struct pop_view parts[] = {octets_of(from), user};
    (void)digest_of(memory, parts, 2, &digest); /* 0 is nobody's */
    return digest.words[0];
}

bool
auth_memory_trusts(
    const struct auth_memory *memory, const struct network *from, struct pop_view user)
{
    uint64_t digest = place_digest(memory, from, user);
    return digest != 0 && memory->places[digest % MEMORY_PLACES_MAX] == digest;
}

void
auth_memory_trust(struct auth_memory *memory, const struct network *from, struct pop_view user)
{
    uint64_t digest = place_digest(memory, from, user);
    memory->places[digest % MEMORY_PLACES_MAX] = digest;
}

/* ---- logins ---- */

int64_t
auth_memory_login(
    struct auth_memory *memory, struct pop_view user, int64_t delay_ms, int64_t now_ms)
{
    static const struct network nowhere;
    uint64_t digest = place_digest(memory, &nowhere, user);
    struct login *last = &memory->logins[digest % MEMORY_LOGINS_MAX];
    int64_t left_ms = last->user == digest ? last->at_ms + delay_ms - now_ms : 0;
    if (left_ms > 0)
        return left_ms;
    *last = (struct login){digest, now_ms};
    return 0;
}

uint64_t
auth_memory_place(const struct auth_memory *memory, const struct network *from)
{
    return place_digest(memory, from, (struct pop_view){"", 0});
}
