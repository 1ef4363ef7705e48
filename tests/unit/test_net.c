/* Addresses, timers, and an event loop whose sources remove each other. */
#include "net/address.h"
#include "net/loop.h"
#include "net/timer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- addresses ---- */

static struct sockaddr_storage
address_of(const char *host)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *in = (void *)&storage;
    struct sockaddr_in6 *in6 = (void *)&storage;
    if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons(65535);
    } else if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(1);
    }
    return storage;
}

static const struct {
    const char *host;
    const char *text;
    bool loopback;
    size_t prefix_len;
    unsigned char prefix[8];
} addresses[] = {
    {"127.0.0.1", "127.0.0.1:65535", true, 4, {127, 0, 0, 1}},
    {"127.255.255.254", "127.255.255.254:65535", true, 4, {127, 255, 255, 254}},
    {"126.0.0.1", "126.0.0.1:65535", false, 4, {126, 0, 0, 1}},
    {"128.0.0.1", "128.0.0.1:65535", false, 4, {128, 0, 0, 1}},
    {"0.0.0.0", "0.0.0.0:65535", false, 4, {0}},
    {"255.255.255.255", "255.255.255.255:65535", false, 4, {255, 255, 255, 255}},
    {"::1", "[::1]:1", true, 8, {0}},
    {"::", "[::]:1", false, 8, {0}},
    {"::127.0.0.1", "[::127.0.0.1]:1", false, 8, {0}}, /* not the mapped form */
    {"::ffff:127.9.8.7", "[::ffff:127.9.8.7]:1", true, 4, {127, 9, 8, 7}},
    {"::ffff:192.0.2.1", "[::ffff:192.0.2.1]:1", false, 4, {192, 0, 2, 1}},
    {"2001:db8:1:2:3:4:5:6",
     "[2001:db8:1:2:3:4:5:6]:1",
     false,
     8,
     {32, 1, 13, 184, 0, 1, 0, 2}},
    {"2001:db8:1:2::1", "[2001:db8:1:2::1]:1", false, 8, {32, 1, 13, 184, 0, 1, 0, 2}},
    {"fe80:1111:2222:3333:4444:5555:255.255.255.255",
     "[fe80:1111:2222:3333:4444:5555:ffff:ffff]:1",
     false,
     8,
     {254, 128, 17, 17, 34, 34, 51, 51}},
    {"none", "unknown address", false, 0, {0}},
};

static void
an_address_is_told_judged_and_counted_by_what_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        struct sockaddr_storage address = address_of(addresses[i].host);
        char text[ADDRESS_TEXT_MAX];
        unsigned char prefix[8];
        address_text(&address, text);
        assert_string_equal(text, addresses[i].text);
        assert_int_equal(address_is_loopback(&address), addresses[i].loopback);
        assert_int_equal(address_prefix(&address, prefix), addresses[i].prefix_len);
        assert_memory_equal(prefix, addresses[i].prefix, addresses[i].prefix_len);
    }
}

/* ---- timers ---- */

enum { TIMERS = 5 };

/* The numbers of the timers that are due, in the order in which they come. */
static unsigned
due(struct timer_queue *queue, const struct timer *timers, int64_t now_ms)
{
    unsigned digits = 0;
    for (struct timer *timer; (timer = timer_next_due(queue, now_ms)) != NULL;) {
        assert_null(timer->next); /* stopped */
        digits = digits * 10 + (unsigned)(timer - timers) + 1;
    }
    return digits;
}

static void
timers_fire_once_in_order_when_their_time_has_come(void **state)
{
    (void)state;
    struct timer_queue queue;
    struct timer timers[TIMERS] = {0};
    timer_queue_init(&queue, 100);
    assert_int_equal(timer_wait_ms(&queue, 0, -1), -1);
    assert_int_equal(timer_wait_ms(&queue, 0, 7), 7);
    for (int i = 0; i < TIMERS; i++)
        timer_start(&queue, &timers[i], i * 10); /* due at 100, 110 ... 140 */
    assert_int_equal(due(&queue, timers, 99), 0);
    assert_int_equal(timer_wait_ms(&queue, 99, -1), 1);
    assert_int_equal(timer_wait_ms(&queue, 60, 39), 39);
    assert_int_equal(timer_wait_ms(&queue, 60, 41), 40);

    timer_start(&queue, &timers[0], 41); /* anew: at 141, behind all others */
    timer_stop(&timers[2]);
    timer_stop(&timers[2]);
    assert_int_equal(timer_wait_ms(&queue, 200, -1), 0);
    assert_int_equal(due(&queue, timers, 130), 24);
    assert_int_equal(due(&queue, timers, 140), 5);
    assert_int_equal(due(&queue, timers, 141), 1);
    assert_int_equal(due(&queue, timers, INT64_MAX), 0);
    assert_int_equal(timer_wait_ms(&queue, 200, -1), -1);
    timer_start(&queue, &timers[2], 200); /* a fired or stopped one starts again */
    assert_int_equal(due(&queue, timers, 300), 3);
}

static void
a_queue_without_duration_never_fires(void **state)
{
    (void)state;
    struct timer_queue queue;
    struct timer timer = {0};
    timer_queue_init(&queue, 0);
    timer_start(&queue, &timer, 5);
    assert_int_equal(due(&queue, &timer, INT64_MAX), 0);
    assert_int_equal(timer_wait_ms(&queue, 5, -1), -1);
    timer_stop(&timer);
}

/* ---- the loop ---- */

enum { SOURCES = 8 };

struct watched {
    struct loop_source source;
    struct watched_set *set;
    unsigned calls;
    bool removed;
};

struct watched_set {
    struct loop loop;
    struct watched *all[SOURCES];
    unsigned remove_mask; /* what the first source that is called removes and frees */
    unsigned calls;
};

static void
watched_free(struct watched_set *set, size_t index)
{
    struct watched *watched = set->all[index];
    if (watched == NULL)
        return;
    set->all[index] = NULL;
    loop_remove(&set->loop, &watched->source);
    assert_int_equal(close(watched->source.fd), 0);
    memset(watched, 0xA5, sizeof *watched); /* a call after this goes nowhere good */
    free(watched);
}

static void
on_ready(struct loop_source *source, uint32_t events)
{
    struct watched *watched = LOOP_OWNER(source, struct watched, source);
    struct watched_set *set = watched->set;
    assert_true(events & EPOLLIN);
    watched->calls++;
    if (set->calls++ > 0)
        return;
    for (size_t i = 0; i < SOURCES; i++)
        if (set->remove_mask >> i & 1u)
            watched_free(set, i);
}

static struct watched_set *
watched_make(void)
{
    struct watched_set *set = calloc(1, sizeof *set);
    struct err err;
    assert_non_null(set);
    assert_int_equal(loop_init(&set->loop, &err), ERR_OK);
    for (size_t i = 0; i < SOURCES; i++) {
        struct watched *watched = calloc(1, sizeof *watched);
        assert_non_null(watched);
        watched->source.fd = eventfd(1, EFD_CLOEXEC);
        watched->source.ready = on_ready;
        watched->set = set;
        set->all[i] = watched;
        assert_int_equal(loop_add(&set->loop, &watched->source, EPOLLIN, &err), ERR_OK);
    }
    return set;
}

/* Every set of sources, the caller itself with them, goes in the first callback of a turn in
 * which all are ready: only those that stay are called, each once. */
static void
a_source_removed_by_another_is_not_called_any_more(void **state)
{
    (void)state;
    for (unsigned mask = 0; mask < 1u << SOURCES; mask++) {
        struct watched_set *set = watched_make();
        set->remove_mask = mask;
        loop_turn(&set->loop, 0);
        unsigned called = 0;
        for (size_t i = 0; i < SOURCES; i++) {
            assert_int_equal(set->all[i] == NULL, mask >> i & 1u);
            if (set->all[i] != NULL)
                assert_int_equal(set->all[i]->calls, 1);
            called += set->all[i] != NULL;
        }
        /* The first one was called before it removed itself. */
        assert_in_range(set->calls, called, called + 1);
        unsigned before = set->calls;
        loop_turn(&set->loop, 0);
        assert_int_equal(set->calls, before + called);
        for (size_t i = 0; i < SOURCES; i++)
            watched_free(set, i);
        loop_finish(&set->loop);
        free(set);
    }
}

static void
a_source_hears_only_of_what_it_asked_for(void **state)
{
    (void)state;
    struct err err;
    struct watched_set *set = watched_make();
    for (size_t i = 1; i < SOURCES; i++)
        watched_free(set, i);
    assert_int_equal(loop_modify(&set->loop, &set->all[0]->source, 0, &err), ERR_OK);
    loop_turn(&set->loop, 0);
    assert_int_equal(set->calls, 0);
    assert_int_equal(loop_modify(&set->loop, &set->all[0]->source, EPOLLIN, &err), ERR_OK);
    loop_turn(&set->loop, -1);
    assert_int_equal(set->calls, 1);
    /* Twice is refused, and so is one that is not there. */
    assert_int_equal(loop_add(&set->loop, &set->all[0]->source, EPOLLIN, &err), ERR_SYSTEM);
    loop_remove(&set->loop, &set->all[0]->source);
    assert_int_equal(loop_modify(&set->loop, &set->all[0]->source, 0, &err), ERR_SYSTEM);
    loop_turn(&set->loop, 0);
    assert_int_equal(set->calls, 1);
    watched_free(set, 0);
    loop_finish(&set->loop);
    free(set);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_told_judged_and_counted_by_what_it_is),
        cmocka_unit_test(timers_fire_once_in_order_when_their_time_has_come),
        cmocka_unit_test(a_queue_without_duration_never_fires),
        cmocka_unit_test(a_source_removed_by_another_is_not_called_any_more),
        cmocka_unit_test(a_source_hears_only_of_what_it_asked_for),
    };
    return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
