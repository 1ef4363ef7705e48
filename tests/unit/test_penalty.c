/* Refused logins: delays and bans against a model that forgets nothing, and bounded tables. */
#include "auth/penalty.h"
#include "base/limits.h"
#include "words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const struct penalty_rules rules = {
    .delay_ms = 1000, .delay_max_ms = 15000, .failures_max = 60, .window_ms = 600000};

static struct penalty *
make(uint64_t seed, const struct penalty_rules *wanted)
{
    struct err err;
    struct penalty *penalty;
    assert_int_equal(penalty_new(&penalty, seed, &err), ERR_OK);
    penalty_set_rules(penalty, wanted);
    return penalty;
}

static struct network_address
ipv4(uint32_t number)
{
    return (struct network_address){
        .len = 4,
        .octets = {
            (unsigned char)(number >> 24), (unsigned char)(number >> 16),
            (unsigned char)(number >> 8), (unsigned char)number}};
}

static struct network_address
ipv6(const char *text)
{
    struct network network;
    assert_null(network_parse(pop_view_of(text), &network));
    return network.address;
}

static const struct pop_view nobody = {NULL, 0};

static void
delay_doubles_with_each_failure_of_an_address(void **state)
{
    (void)state;
    static const uint32_t wanted[] = {1000, 2000, 4000, 8000, 15000, 15000, 15000};
    struct penalty *penalty = make(1, &rules);
    struct network_address address = ipv4(1);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct penalty_verdict verdict = penalty_failed(penalty, &address, nobody, 5);
        assert_int_equal(verdict.delay_ms, wanted[i]);
        assert_int_equal(verdict.failures, i + 1);
    }
    penalty_succeeded(penalty, &address, 6);
    assert_int_equal(penalty_failed(penalty, &address, nobody, 7).delay_ms, 1000);
    penalty_free(penalty);
}

static void
delay_of_a_user_grows_half_as_steep_and_success_does_not_clear_it(void **state)
{
    (void)state;
    static const uint32_t wanted[] = {1000, 1000, 2000, 2000,  4000,
                                      4000, 8000, 8000, 15000, 15000};
    struct penalty *penalty = make(2, &rules);
    for (uint32_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct network_address address = ipv4(i);
        uint32_t delay_ms = penalty_failed(penalty, &address, POP_VIEW("ann"), 5).delay_ms;
        assert_int_equal(delay_ms, wanted[i]);
        penalty_succeeded(penalty, &address, 5);
    }
    struct network_address address = ipv4(99);
    assert_int_equal(penalty_failed(penalty, &address, POP_VIEW("bob"), 5).delay_ms, 1000);
    /* It goes on while the attack does, and ends a window after its end. */
    int64_t now = 5;
    for (unsigned i = 0; i < 5; i++) {
        now += rules.window_ms - 1;
        address = ipv4(100 + i);
        assert_int_equal(
            penalty_failed(penalty, &address, POP_VIEW("ann"), now).delay_ms, 15000);
    }
    now += rules.window_ms;
    address = ipv4(200);
    assert_int_equal(penalty_failed(penalty, &address, POP_VIEW("ann"), now).delay_ms, 1000);
    penalty_free(penalty);
}

static void
ban_begins_once_and_ends(void **state)
{
    (void)state;
    struct penalty *penalty = make(3, &rules);
    struct network_address address = ipv4(1);
    struct network_address other = ipv4(2);
    for (unsigned i = 1; i <= 60; i++) {
        assert_int_equal(penalty_ban_left(penalty, &address, i), 0);
        assert_int_equal(penalty_failed(penalty, &address, nobody, i).bans, i == 60);
    }
    assert_int_equal(penalty_ban_left(penalty, &address, 60), 600000);
    assert_int_equal(penalty_ban_left(penalty, &other, 60), 0);
    /* What was under way: no second ban, no longer one, no early end. */
    assert_false(penalty_failed(penalty, &address, nobody, 70).bans);
    penalty_succeeded(penalty, &address, 80);
    assert_int_equal(penalty_ban_left(penalty, &address, 600059), 1);
    assert_int_equal(penalty_ban_left(penalty, &address, 600060), 0);
    struct penalty_verdict verdict = penalty_failed(penalty, &address, nobody, 600060);
    assert_int_equal(verdict.failures, 1);
    assert_int_equal(verdict.delay_ms, 1000);
    assert_false(verdict.bans);
    penalty_free(penalty);
}

static void
failures_are_counted_within_a_window(void **state)
{
    (void)state;
    struct penalty *penalty = make(4, &rules);
    struct network_address address = ipv4(1);
    for (unsigned i = 0; i < 59; i++)
        (void)penalty_failed(penalty, &address, nobody, 0);
    assert_int_equal(penalty_failed(penalty, &address, nobody, rules.window_ms).failures, 1);
    penalty_free(penalty);
}

static void
ipv6_counts_by_64_and_ipv4_by_32_bits(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        bool together;
    } pairs[] = {
        {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
        {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.0", false},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct penalty *penalty = make(i, &rules);
        struct network_address a = ipv6(pairs[i].a);
        struct network_address b = ipv6(pairs[i].b);
        (void)penalty_failed(penalty, &a, nobody, 1);
        assert_int_equal(
            penalty_failed(penalty, &b, nobody, 1).failures, pairs[i].together ? 2 : 1);
        penalty_free(penalty);
    }
    char text[NETWORK_TEXT_MAX];
    struct network_address address = ipv6("2001:db8:1:2:3:4:5:6");
    struct network prefix = penalty_prefix(&address);
    network_text(&prefix, text);
    assert_string_equal(text, "2001:db8:1:2::/64");
    address = ipv4(0xC0000201);
    prefix = penalty_prefix(&address);
    network_text(&prefix, text);
    assert_string_equal(text, "192.0.2.1");
}

static void
zero_means_none(void **state)
{
    (void)state;
    struct network_address address = ipv4(1);
    struct penalty *penalty = make(5, &(struct penalty_rules){.window_ms = 1000});
    for (unsigned i = 0; i < 1000; i++) {
        struct penalty_verdict verdict = penalty_failed(penalty, &address, POP_VIEW("ann"), 1);
        assert_int_equal(verdict.delay_ms, 0);
        assert_false(verdict.bans);
    }
    assert_int_equal(penalty_ban_left(penalty, &address, 1), 0);
    penalty_set_rules(
        penalty,
        &(struct penalty_rules){.delay_ms = 300, .delay_max_ms = 0, .window_ms = 1000});
    assert_int_equal(penalty_failed(penalty, &address, POP_VIEW("ann"), 1).delay_ms, 300);
    /* An address that is not known bans nobody. */
    struct network_address unknown = {0};
    penalty_set_rules(penalty, &(struct penalty_rules){.failures_max = 1, .window_ms = 1000});
    assert_false(penalty_failed(penalty, &unknown, nobody, 1).bans);
    assert_int_equal(penalty_ban_left(penalty, &unknown, 1), 0);
    penalty_free(penalty);
}

/* ---- against a model ---- */

enum { PLACES = 12, NAMES = 5 };

struct count {
    int64_t since_ms;
    int64_t ban_ms;
    uint32_t count;
};

static void
expire(struct count *count, int64_t now, uint32_t window_ms)
{
    bool over = count->ban_ms != 0 ? now >= count->ban_ms : now >= count->since_ms + window_ms;
    if (count->count > 0 && over)
        *count = (struct count){0};
}

static uint32_t
model_delay(const struct penalty_rules *r, uint32_t doublings)
{
    double delay = r->delay_ms;
    while (doublings-- > 0)
        delay *= 2;
    uint32_t max = r->delay_max_ms > r->delay_ms ? r->delay_max_ms : r->delay_ms;
    return delay > max ? max : (uint32_t)delay;
}

static void
does_what_a_model_does(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint64_t random = seed;
        struct penalty_rules r = {
            .delay_ms = random_below(&random, 300),
            .delay_max_ms = random_below(&random, 20000),
            .failures_max = random_below(&random, 30),
            .window_ms = 1 + random_below(&random, 5000)};
        struct penalty *penalty = make(seed, &r);
        struct count places[PLACES] = {0};
        struct count names[NAMES] = {0};
        int64_t now = 0;
        for (unsigned step = 0; step < 3000; step++) {
            now +=
                random_below(&random, 4) == 0 ? random_below(&random, r.window_ms / 2 + 1) : 0;
            uint32_t p = random_below(&random, PLACES);
            uint32_t n = random_below(&random, NAMES);
            char name = (char)('a' + n);
            struct network_address address = ipv4(p);
            struct count *place = &places[p];
            struct count *user = &names[n];
            expire(place, now, r.window_ms);
            expire(user, now, r.window_ms);
            int64_t left = place->ban_ms != 0 ? place->ban_ms - now : 0;
            assert_int_equal(penalty_ban_left(penalty, &address, now), left);
            if (random_below(&random, 20) == 0) {
                penalty_succeeded(penalty, &address, now);
                if (left == 0)
                    *place = (struct count){0};
                continue;
            }
            if (place->count++ == 0)
                place->since_ms = now;
            user->count++;
            user->since_ms = now;
            bool bans =
                r.failures_max > 0 && place->count >= r.failures_max && place->ban_ms == 0;
            if (bans)
                place->ban_ms = now + r.window_ms;
            uint32_t a = model_delay(&r, place->count - 1);
            uint32_t b = model_delay(&r, (user->count - 1) / 2);
            struct penalty_verdict verdict =
                penalty_failed(penalty, &address, (struct pop_view){&name, 1}, now);
            if (verdict.bans != bans || verdict.failures != place->count ||
                verdict.delay_ms != (a > b ? a : b))
                fail_msg(
                    "seed %d, step %u: %u ms, %u failures, %d", (int)seed, step,
                    verdict.delay_ms, verdict.failures, verdict.bans);
        }
        penalty_free(penalty);
    }
}

/* A flood from ever new places costs nothing more, cannot free a banned address, and what comes
 * after it is counted as ever. */
static void
flood_of_addresses_and_names_has_bounded_effect(void **state)
{
    (void)state;
    struct penalty *penalty = make(6, &rules);
    struct network_address banned = ipv4(0xFFFFFFFF);
    for (unsigned i = 0; i < 60; i++)
        (void)penalty_failed(penalty, &banned, nobody, 0);
    for (uint32_t i = 0; i < 20 * PENALTY_ADDRESSES_MAX; i++) {
        char name[16];
        struct network_address address = ipv4(i);
        int len = snprintf(name, sizeof name, "%u", i);
        struct pop_view user = {name, (size_t)len};
        assert_int_equal(penalty_failed(penalty, &address, user, 1 + i / 1000).failures, 1);
    }
    assert_true(penalty_ban_left(penalty, &banned, 1000) > 0);
    struct network_address address = ipv4(0xFFFFFFFE);
    for (unsigned i = 1; i <= 60; i++)
        assert_int_equal(penalty_failed(penalty, &address, nobody, 1000).failures, i);
    assert_true(penalty_ban_left(penalty, &address, 1000) > 0);
    penalty_free(penalty);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delay_doubles_with_each_failure_of_an_address),
        cmocka_unit_test(delay_of_a_user_grows_half_as_steep_and_success_does_not_clear_it),
        cmocka_unit_test(ban_begins_once_and_ends),
        cmocka_unit_test(failures_are_counted_within_a_window),
        cmocka_unit_test(ipv6_counts_by_64_and_ipv4_by_32_bits),
        cmocka_unit_test(zero_means_none),
        cmocka_unit_test(does_what_a_model_does),
        cmocka_unit_test(flood_of_addresses_and_names_has_bounded_effect),
    };
    return cmocka_run_group_tests_name("penalty", tests, NULL, NULL);
}
