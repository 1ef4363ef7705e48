/* The fair queue, and what auth remembers of right logins. */
#include "auth/apop.h"
#include "auth/fair_queue.h"
#include "auth/memory.h"
#include "auth/url_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the queue ---- */

enum { ITEMS = 40 };

static struct fair_item items[ITEMS];
static struct fair_queue queue;

static int
empty(void **state)
{
    (void)state;
    memset(&queue, 0, sizeof queue);
    memset(items, 0, sizeof items);
    queue.max = 10;
    return 0;
}

static struct fair_item *
put(int index, uint64_t place, bool trusted)
{
    items[index] = (struct fair_item){.place = place, .trusted = trusted};
    return fair_queue_put(&queue, &items[index]);
}

static int
take(void)
{
    struct fair_item *item = fair_queue_take(&queue);
    return item != NULL ? (int)(item - items) : -1;
}

static void
one_place_is_served_in_order(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        assert_null(put(i, 7, false));
    for (int i = 0; i < 10; i++)
        assert_int_equal(take(), i);
    assert_int_equal(take(), -1);
}

static void
places_take_turns(void **state)
{
    (void)state;
    static const int order[] = {0, 5, 6, 1, 7, 2, 3, 4};
    for (int i = 0; i < 5; i++)
        assert_null(put(i, 1, false));
    assert_null(put(5, 2, false));
    assert_null(put(6, 3, false));
    assert_null(put(7, 3, false));
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        assert_int_equal(take(), order[i]);
}

static void
trusted_ones_go_first(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        assert_null(put(i, 1, false));
    assert_null(put(5, 1, true));
    assert_int_equal(take(), 5);
    assert_int_equal(take(), 0);
}

/* The flood's newest goes, for as long as its lane is the longest. */
static void
a_full_queue_takes_from_the_longest_lane(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        assert_null(put(i, 1, false));
    assert_ptr_equal(put(10, 1, false), &items[10]);
    assert_ptr_equal(put(11, 2, false), &items[9]);
    assert_ptr_equal(put(12, 3, true), &items[8]);
    for (int i = 13; i < 16; i++) /* until both have four */
        assert_ptr_equal(put(i, 2, false), &items[20 - i]);
    assert_ptr_equal(put(16, 2, false), &items[16]);
    assert_int_equal(queue.count, 10);
    static const int order[] = {12, 0, 11, 1, 13, 2, 14, 3, 15, 4, -1};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        assert_int_equal(take(), order[i]);
}

static void
a_full_queue_of_trusted_ones_takes_no_stranger(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        assert_null(put(i, (uint64_t)i, true));
    assert_ptr_equal(put(10, 11, false), &items[10]);
    assert_ptr_equal(put(11, 11, true), &items[11]); /* no lane is longer than its own */
}

/* Every item comes out once, by either way, whatever the mixture. */
static void
nothing_is_lost_or_doubled(void **state)
{
    (void)state;
    unsigned seed = 12345;
    for (int round = 0; round < 2000; round++) {
        bool inside[ITEMS] = {false};
        (void)empty(NULL);
        for (int i = 0; i < ITEMS; i++) {
            struct fair_item *out = put(i, (uint64_t)rand_r(&seed) % 5, rand_r(&seed) % 4 == 0);
            inside[i] = true;
            if (out != NULL) {
                assert_true(inside[out - items]);
                inside[out - items] = false;
            }
            if (rand_r(&seed) % 3 != 0)
                continue;
            int taken = take();
            assert_true(taken >= 0 && inside[taken]);
            inside[taken] = false;
        }
        for (int taken; (taken = take()) >= 0; inside[taken] = false)
            assert_true(inside[taken]);
        for (int i = 0; i < ITEMS; i++)
            assert_false(inside[i]);
        assert_int_equal(queue.count, 0);
    }
}

/* ---- the memory ---- */

static struct auth_memory *memory;
static const struct pop_view ann = POP_VIEW("ann");
static const struct pop_view hash = POP_VIEW("$6$x$y");

static int
fresh_memory(void **state)
{
    struct err err;
    (void)state;
    assert_int_equal(auth_memory_new(&memory, &err), ERR_OK);
    auth_memory_set_seconds(memory, 100);
    return 0;
}

static int
free_memory(void **state)
{
    (void)state;
    auth_memory_free(memory);
    return 0;
}

static bool
knows(struct pop_view user, struct pop_view stored, const char *text, int64_t now_ms)
{
    struct secret secret;
    assert_true(secret_set(&secret, pop_view_of(text)));
    return auth_memory_knows(memory, user, stored, &secret, now_ms);
}

static void
learn(struct pop_view user, const char *text, int64_t now_ms)
{
    struct secret secret;
    assert_true(secret_set(&secret, pop_view_of(text)));
    auth_memory_learn(memory, user, hash, &secret, now_ms);
}

static void
just_what_was_learnt_is_known(void **state)
{
    (void)state;
    assert_false(knows(ann, hash, "secret", 0));
    learn(ann, "secret", 0);
    assert_true(knows(ann, hash, "secret", 0));
    assert_false(knows(ann, hash, "secre", 0));
    assert_false(knows(ann, hash, "secret2", 0));
    assert_false(knows(POP_VIEW("an"), hash, "secret", 0));
    assert_false(knows(ann, POP_VIEW("$6$x$z"), "secret", 0)); /* it was changed */
    assert_false(knows(POP_VIEW("ann$"), POP_VIEW("6$x$y"), "secret", 0));
}

static void
it_is_forgotten_after_its_time(void **state)
{
    (void)state;
    learn(ann, "secret", 1000);
    assert_true(knows(ann, hash, "secret", 100999));
    assert_false(knows(ann, hash, "secret", 101000));
    learn(ann, "secret", 101000);
    assert_true(knows(ann, hash, "secret", 102000));
}

static void
zero_seconds_is_no_memory(void **state)
{
    (void)state;
    learn(ann, "secret", 0);
    auth_memory_set_seconds(memory, 0);
    assert_false(knows(ann, hash, "secret", 0));
    learn(ann, "other", 0);
    auth_memory_set_seconds(memory, 100);
    assert_false(knows(ann, hash, "other", 0));
}

/* Far more than there is room for: the last one is always there, and nothing else is broken. */
static void
the_new_takes_the_place_of_the_old(void **state)
{
    (void)state;
    char text[16];
    unsigned left = 0;
    for (unsigned i = 0; i < 2 * MEMORY_PASSWORDS_MAX; i++) {
        (void)snprintf(text, sizeof text, "%u", i);
        learn(ann, text, i);
        assert_true(knows(ann, hash, text, i));
    }
    for (unsigned i = MEMORY_PASSWORDS_MAX; i < 2 * MEMORY_PASSWORDS_MAX; i++) {
        (void)snprintf(text, sizeof text, "%u", i);
        left += knows(ann, hash, text, i);
    }
    assert_true(left > MEMORY_PASSWORDS_MAX / 2); /* most of the newer half */
}

static void
a_place_is_trusted_for_its_user(void **state)
{
    (void)state;
    struct network here;
    struct network there;
    assert_null(network_parse(POP_VIEW("192.0.2.1"), &here));
    assert_null(network_parse(POP_VIEW("192.0.2.2"), &there));
    assert_false(auth_memory_trusts(memory, &here, ann));
    auth_memory_trust(memory, &here, ann);
    assert_true(auth_memory_trusts(memory, &here, ann));
    assert_false(auth_memory_trusts(memory, &there, ann));
    assert_false(auth_memory_trusts(memory, &here, POP_VIEW("ben")));
    assert_int_not_equal(auth_memory_place(memory, &here), auth_memory_place(memory, &there));
}

static void
a_login_waits_for_its_delay(void **state)
{
    (void)state;
    const struct pop_view ben = POP_VIEW("ben");
    assert_int_equal(auth_memory_login(memory, ann, 1000, 5000), 0);
    assert_int_equal(auth_memory_login(memory, ann, 1000, 5400), 600);
    assert_int_equal(auth_memory_login(memory, ben, 1000, 5400), 0);
    assert_int_equal(auth_memory_login(memory, ann, 1000, 5999), 1); /* the first counts */
    assert_int_equal(auth_memory_login(memory, ann, 1000, 6000), 0);
    assert_int_equal(auth_memory_login(memory, ann, 1000, 6000), 1000);
    assert_int_equal(auth_memory_login(memory, ann, 0, 6000), 0); /* no delay */
}

/* ---- where a URL leads ---- */

static void
only_this_machine_is_local(void **state)
{
    (void)state;
    static const char *const here[] = {
        "ldap://localhost",
        "ldap://LOCALHOST:389/",
        "ldap://127.0.0.1:1389",
        "ldap://127.9.9.9",
        "ldap://[::1]",
        "ldap://[::1]:389",
        "ldapi://%2Frun%2Fslapd",
        "ldapi:///",
        "ldap://",
        "postgresql://u:p@localhost/db",
        "postgresql:///db?host=/run/postgresql",
        "postgresql://%2Frun%2Fpg/db",
        "postgresql://a@b:x@127.0.0.1:5432,localhost/db",
    };
    static const char *const elsewhere[] = {
        "ldap://ldap.example.org",
        "ldap://localhost.example.org",
        "ldap://127.example.org",
        "ldap://[::1]x",
        "ldap://[2001:db8::1]",
        "ldap://10.0.0.1",
        "localhost",
        "postgresql://localhost,db.example.org/db",
        "postgresql://localhost@db.example.org/",
        "postgresql:///db?host=db.example.org",
        "postgresql:///db?user=x&hostaddr=10.0.0.1",
        "postgresql://localhost/db?host=db.example.org",
    };
    for (size_t i = 0; i < sizeof here / sizeof *here; i++)
        if (!url_is_local(here[i]))
            fail_msg("%s", here[i]);
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (url_is_local(elsewhere[i]))
            fail_msg("%s", elsewhere[i]);
}

/* ---- APOP ---- */

/* The example of RFC 1939, section 7. */
static void
the_digest_of_the_rfc_fits_and_no_other(void **state)
{
    (void)state;
    const struct pop_view timestamp = POP_VIEW("<1896.697170952@dbc.mtview.ca.us>");
    const struct pop_view digest = POP_VIEW("c4c9334bac560ecc979e58001b3e22fb");
    const struct pop_view tanstaaf = POP_VIEW("{PLAIN}tanstaaf");
    assert_int_equal(apop_verify(tanstaaf, timestamp, digest), ERR_OK);
    assert_int_equal(
        apop_verify(tanstaaf, POP_VIEW("<1896.697170953@dbc.mtview.ca.us>"), digest),
        ERR_DENIED);
    assert_int_equal(apop_verify(POP_VIEW("{PLAIN}tanstaag"), timestamp, digest), ERR_DENIED);
    assert_int_equal(
        apop_verify(tanstaaf, timestamp, POP_VIEW("C4C9334BAC560ECC979E58001B3E22FB")),
        ERR_DENIED);
    assert_int_equal(apop_verify(tanstaaf, timestamp, POP_VIEW("")), ERR_DENIED);
    assert_int_equal(apop_verify(tanstaaf, timestamp, POP_VIEW("c4c9")), ERR_DENIED);
}

/* MD5 of the timestamp and the stored text itself: no password, nor one that is never right. */
static void
what_is_not_stored_readable_fits_nothing(void **state)
{
    (void)state;
    const struct pop_view digest = POP_VIEW("fef6a3e1ca4952479836e65c031dae54");
    static const char *const stored[] = {"*", "", "!x", "$6$salt$x", "{NOSUCH}x"};
    for (size_t i = 0; i < sizeof stored / sizeof *stored; i++)
        assert_int_equal(
            apop_verify(pop_view_of(stored[i]), POP_VIEW("<1@h>"), digest), ERR_DENIED);
    assert_int_equal(
        apop_verify(
            POP_VIEW("*"), POP_VIEW("<1@h>"), POP_VIEW("6319f1bbbb15d0299351585942a37d34")),
        ERR_DENIED);
}

int
main(void)
{
#define MEMORY(test) cmocka_unit_test_setup_teardown(test, fresh_memory, free_memory)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_place_is_served_in_order, empty),
        cmocka_unit_test_setup(places_take_turns, empty),
        cmocka_unit_test_setup(trusted_ones_go_first, empty),
        cmocka_unit_test_setup(a_full_queue_takes_from_the_longest_lane, empty),
        cmocka_unit_test_setup(a_full_queue_of_trusted_ones_takes_no_stranger, empty),
        cmocka_unit_test_setup(nothing_is_lost_or_doubled, empty),
        MEMORY(just_what_was_learnt_is_known),
        MEMORY(it_is_forgotten_after_its_time),
        MEMORY(zero_seconds_is_no_memory),
        MEMORY(the_new_takes_the_place_of_the_old),
        MEMORY(a_place_is_trusted_for_its_user),
        MEMORY(a_login_waits_for_its_delay),
        cmocka_unit_test(only_this_machine_is_local),
        cmocka_unit_test(the_digest_of_the_rfc_fits_and_no_other),
        cmocka_unit_test(what_is_not_stored_readable_fits_nothing),
    };
    return cmocka_run_group_tests_name("auth parts", tests, NULL, NULL);
}
