/* Refused logins: two tables of fixed size, each in small sets where the oldest gives way. */
#include "auth/penalty.h"

#include "base/limits.h"

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Rows that a key may be in: more make a lookup longer, fewer lose counts while others are
 * still free. Eight are four cache lines. */
enum { WAYS = 8 };

struct row {
    uint64_t key;
    int64_t since_ms; /* the window's begin; of a user: the last failure */
    int64_t ban_ms;   /* when the ban ends; 0: there is none */
    uint32_t count;   /* 0: free */
};

struct penalty {
    uint64_t seed;
    struct penalty_rules rules;
    struct row addresses[PENALTY_ADDRESSES_MAX];
    struct row users[PENALTY_USERS_MAX];
};

static_assert(PENALTY_ADDRESSES_MAX % WAYS == 0 && PENALTY_USERS_MAX % WAYS == 0, "whole sets");

enum err_code
penalty_new(struct penalty **ret_penalty, uint64_t seed, struct err *err)
{
    struct penalty *penalty = calloc(1, sizeof *penalty);
    if (penalty == NULL)
        return err_set(err, ERR_NOMEM, "making the tables of refused logins");
    penalty->seed = seed;
    *ret_penalty = penalty;
    return ERR_OK;
}

void
penalty_free(struct penalty *penalty)
{
    free(penalty);
}

void
penalty_set_rules(struct penalty *penalty, const struct penalty_rules *rules)
{
    penalty->rules = *rules;
}

struct network
penalty_prefix(const struct network_address *address)
{
    return network_of(address, address->len == 16 ? 64 : 8u * address->len);
}

/* ---- the tables ---- */

static bool
is_banned(const struct row *row, int64_t now_ms)
{
    return row->ban_ms > now_ms;
}

/* Its count is over and done with. */
static bool
is_over(const struct penalty *penalty, const struct row *row, int64_t now_ms)
{
    if (row->ban_ms != 0)
        return !is_banned(row, now_ms);
    return now_ms - row->since_ms >= penalty->rules.window_ms;
}

static struct row *
set_of(struct row *rows, size_t count, uint64_t key)
{
    return &rows[key % (count / WAYS) * WAYS];
}

static struct row *
find(struct row *set, uint64_t key)
{
    for (unsigned i = 0; i < WAYS; i++)
        if (set[i].count > 0 && set[i].key == key)
            return &set[i];
    return NULL;
}

/* The row that is missed least: a free one, or one that is over, else the oldest; a ban last.
 */
static struct row *
find_room(const struct penalty *penalty, struct row *set, int64_t now_ms)
{
    struct row *room = &set[0];
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].count == 0 || is_over(penalty, &set[i], now_ms))
            return &set[i];
        bool banned = is_banned(&set[i], now_ms);
        if (banned < is_banned(room, now_ms) ||
            (banned == is_banned(room, now_ms) && set[i].since_ms < room->since_ms))
            room = &set[i];
    }
    return room;
}

static struct row *
count_one(const struct penalty *penalty, struct row *set, uint64_t key, int64_t now_ms)
{
    struct row *row = find(set, key);
    if (row == NULL || is_over(penalty, row, now_ms)) {
        row = row != NULL ? row : find_room(penalty, set, now_ms);
        *row = (struct row){.key = key, .since_ms = now_ms};
    }
    row->count += row->count < UINT32_MAX;
    return row;
}

static uint64_t
address_key(const struct penalty *penalty, const struct network_address *address)
{
    struct network prefix = penalty_prefix(address);
    return XXH3_64bits_withSeed(prefix.address.octets, address->len, penalty->seed);
}

static struct row *
address_set(struct penalty *penalty, uint64_t key)
{
    return set_of(penalty->addresses, PENALTY_ADDRESSES_MAX, key);
}

/* ---- what they mean ---- */

int64_t
penalty_ban_left(struct penalty *penalty, const struct network_address *address, int64_t now_ms)
{
    uint64_t key = address_key(penalty, address);
    const struct row *row = find(address_set(penalty, key), key);
    return row != NULL && is_banned(row, now_ms) ? row->ban_ms - now_ms : 0;
}

/* Doubled so often, up to the maximum. */
static uint32_t
grown(const struct penalty_rules *rules, uint32_t doublings)
{
    uint64_t max =
        rules->delay_max_ms > rules->delay_ms ? rules->delay_max_ms : rules->delay_ms;
    uint64_t delay = rules->delay_ms;
    for (uint32_t i = 0; i < doublings && delay > 0 && delay < max; i++)
        delay *= 2;
    return (uint32_t)(delay < max ? delay : max);
}

struct penalty_verdict
penalty_failed(
    struct penalty *penalty, const struct network_address *address, struct pop_view user,
    int64_t now_ms)
{
    const struct penalty_rules *rules = &penalty->rules;
    struct penalty_verdict verdict = {.delay_ms = rules->delay_ms};
    if (address->len > 0) {
        uint64_t key = address_key(penalty, address);
        struct row *row = count_one(penalty, address_set(penalty, key), key, now_ms);
        verdict.failures = row->count;
        verdict.delay_ms = grown(rules, row->count - 1);
        if (rules->failures_max > 0 && row->count >= rules->failures_max && row->ban_ms == 0) {
            row->ban_ms = now_ms + rules->window_ms;
            verdict.bans = true;
        }
    }
    if (user.len > 0) {
        uint64_t key = XXH3_64bits_withSeed(user.data, user.len, penalty->seed);
        struct row *set = set_of(penalty->users, PENALTY_USERS_MAX, key);
        struct row *row = count_one(penalty, set, key, now_ms);
        uint32_t delay_ms = grown(rules, (row->count - 1) / 2);
        row->since_ms = now_ms; /* as long as it goes on, it stays slow */
        if (delay_ms > verdict.delay_ms)
            verdict.delay_ms = delay_ms;
    }
    return verdict;
}

void
penalty_succeeded(
    struct penalty *penalty, const struct network_address *address, int64_t now_ms)
{
    uint64_t key = address_key(penalty, address);
    struct row *row = find(address_set(penalty, key), key);
    if (row != NULL && !is_banned(row, now_ms))
        *row = (struct row){0};
}
