/* Parts of the roles that stand alone: the path of a maildrop, and the connection counters. */
#include "server/location.h"
#include "server/tally.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- locations ---- */

static const struct {
    const char *template;
    const char *user;
    const char *home;
    const char *location; /* NULL: refused */
} locations[] = {
    {"/mail/%u", "ann", "", "/mail/ann"},
    {"/mail/%u", "ann@a.test", "", "/mail/ann@a.test"},
    {"/mail/%d/%n", "ann@a.test", "", "/mail/a.test/ann"},
    {"/mail/%d/%n", "a@b@c.test", "", "/mail/c.test/a@b"}, /* the last one divides */
    {"/mail/%n", "ann", "", "/mail/ann"},
    {"/mail/%n/%u", "ann@", "", "/mail/ann/ann@"},
    {"%h/Maildir", "ann", "/home/ann", "/home/ann/Maildir"},
    {"/100%%/%u", "ann", "", "/100%/ann"},
    {"/mail", "ann", "", "/mail"},
    {"", "ann", "", ""},
    {"/mail/%u", "%h", "/home", "/mail/%h"}, /* a name is no template */
    {"/mail/%u", "a b\xc3\xa4", "", "/mail/a b\xc3\xa4"},
    {"/mail/%u", "a..b", "", "/mail/a..b"},

    {"/mail/%u", "", "", NULL},
    {"/mail/%u", ".", "", NULL},
    {"/mail/%u", "..", "", NULL},
    {"/mail/%u", ".hidden", "", NULL},
    {"/mail/%u", "a/b", "", NULL},
    {"/mail/%u", "../ann", "", NULL},
    {"/mail/%u", "a\nb", "", NULL},
    {"/mail/%u", "a\x7f", "", NULL},
    {"/mail/%d/%n", "ann", "", NULL}, /* no domain */
    {"/mail/%d/%n", "ann@", "", NULL},
    {"/mail/%d/%n", "ann@..", "", NULL},
    {"/mail/%d/%n", "ann@a/b", "", NULL},
    {"/mail/%d/%n", "@a.test", "", NULL},
    {"/mail/%d/%n", "..@a.test", "", NULL},
    {"%h/Maildir", "ann", "", NULL},
    {"%h/Maildir", "ann", "home/ann", NULL},
    {"/mail/%x", "ann", "", NULL},
    {"/mail/%", "ann", "", NULL},
    {"/mail/%U", "ann", "", NULL},
};

static const struct {
    const char *template;
    const char *root;
} roots[] = {
    {"/mail/%u", "/mail"},
    {"/mail/%d/%n", "/mail"},
    {"/var/mail/box-%u/in", "/var/mail"},
    {"/var/mail//%u", "/var/mail"},
    {"/100%%/%u", "/"}, /* a percent sign ends it too: wider, but right */
    {"/%u", "/"},
    {"/x%u", "/"},
    {"%h/Maildir", "/"},
    {"/mail", "/mail"},
    {"/mail/", "/mail"},
};

static void
root_is_what_all_locations_have_in_common(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        char root[PATH_LEN_MAX];
        location_root(roots[i].template, root);
        assert_string_equal(root, roots[i].root);
    }
}

static void
a_name_becomes_one_component_or_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof locations / sizeof *locations; i++) {
        char location[PATH_LEN_MAX] = "untouched";
        struct err err;
        enum err_code code = location_expand(
            locations[i].template, pop_view_of(locations[i].user),
            pop_view_of(locations[i].home), location, &err);
        const char *wanted = locations[i].location;
        if (code != (wanted != NULL ? ERR_OK : ERR_INVALID))
            fail_msg("row %zu: %d", i, code);
        assert_string_equal(location, wanted != NULL ? wanted : "untouched");
    }
    char location[PATH_LEN_MAX];
    struct err err;
    assert_int_equal(
        location_expand("/%u", (struct pop_view){"a\0b", 3}, POP_VIEW(""), location, &err),
        ERR_INVALID);
}

static void
a_path_fits_whole_or_is_refused(void **state)
{
    (void)state;
    char home[PATH_LEN_MAX + 1];
    char location[PATH_LEN_MAX];
    struct err err;
    memset(home, '/', sizeof home);
    for (size_t len = PATH_LEN_MAX - 8; len <= PATH_LEN_MAX; len++) {
        enum err_code code = location_expand(
            "%h/%u", POP_VIEW("ann"), (struct pop_view){home, len}, location, &err);
        assert_int_equal(code, len + 4 < PATH_LEN_MAX ? ERR_OK : ERR_INVALID);
        if (code == ERR_OK)
            assert_int_equal(strlen(location), len + 4);
    }
}

/* ---- counters ---- */

static struct sockaddr_storage
address_of(uint32_t host)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *in = (void *)&storage;
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(host);
    return storage;
}

static void
fronts_count_together_each_in_its_own_row(void **state)
{
    (void)state;
    enum { ROWS = 3 };
    const struct tally_size size = {.shared = ROWS};
    struct tally fronts[ROWS];
    struct err err;
    int fd;
    struct sockaddr_storage a = address_of(0x7f000001);
    struct sockaddr_storage b = address_of(0x0a000001);
    assert_int_equal(tally_make(size, &fd, &err), ERR_OK);
    for (uint32_t i = 0; i < ROWS; i++)
        assert_int_equal(tally_map(&fronts[i], fd, size, i, &err), ERR_OK);
    for (uint32_t i = 0; i < ROWS; i++)
        for (uint32_t n = 0; n <= i; n++)
            tally_add(&fronts[i], &a, 1);
    tally_add(&fronts[1], &b, 1);
    for (uint32_t i = 0; i < ROWS; i++) {
        assert_int_equal(tally_total(&fronts[i]), 7);
        /* Two addresses share a counter once in 16384 runs; then b's count is in both. */
        assert_in_range(tally_address(&fronts[i], &a), 6, 7);
        assert_in_range(tally_address(&fronts[i], &b), 1, 7);
        assert_in_range(tally_address(&fronts[i], &a) + tally_address(&fronts[i], &b), 7, 14);
    }
    tally_add(&fronts[1], &b, -1);
    assert_int_equal(tally_total(&fronts[0]), 6);
    tally_clear(&fronts[0], 2); /* that front died with its three connections */
    assert_int_equal(tally_total(&fronts[1]), 3);
    assert_int_equal(tally_address(&fronts[1], &a), 3);
    tally_add(&fronts[0], &a, -1);
    tally_add(&fronts[1], &a, -1);
    tally_add(&fronts[1], &a, -1);
    assert_int_equal(tally_total(&fronts[2]), 0);
    assert_int_equal(tally_address(&fronts[2], &a), 0);

    /* Nobody can take the memory away under the mapping. */
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_not_equal(ftruncate(fd, 0), 0);
    assert_int_not_equal(ftruncate(fd, status.st_size + 1), 0);
    (void)close(fd); /* the mappings stay, as in the roles */
}

static void
fronts_with_one_connection_count_along(void **state)
{
    (void)state;
    const struct tally_size size = {.shared = 1, .single = 3};
    struct tally fronts[4];
    struct err err;
    int fd;
    struct sockaddr_storage a = address_of(0x7f000001);
    struct sockaddr_storage b = address_of(0x0a000001);
    assert_int_equal(tally_make(size, &fd, &err), ERR_OK);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(tally_map(&fronts[i], fd, size, i, &err), ERR_OK);
        tally_add(&fronts[i], &a, 1);
    }
    (void)close(fd);
    assert_int_equal(tally_total(&fronts[3]), 4);
    assert_int_equal(tally_address(&fronts[0], &a), 4);
    /* One of a proxy, whose client turns out to be another. */
    tally_add(&fronts[2], &a, -1);
    tally_add(&fronts[2], &b, 1);
    assert_int_equal(tally_total(&fronts[0]), 4);
    assert_in_range(tally_address(&fronts[1], &a), 3, 4);
    assert_in_range(tally_address(&fronts[1], &b), 1, 4);
    tally_clear(&fronts[0], 2);
    tally_clear(&fronts[0], 3);
    assert_int_equal(tally_total(&fronts[1]), 2);
    assert_int_equal(tally_address(&fronts[1], &a), 2);
}

/* One with many connections, and three with one each. */
static void
fronts_make(struct tally fronts[4])
{
    const struct tally_size size = {.shared = 1, .single = 3};
    struct sockaddr_storage a = address_of(0x7f000001);
    struct err err;
    int fd;
    assert_int_equal(tally_make(size, &fd, &err), ERR_OK);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(tally_map(&fronts[i], fd, size, i, &err), ERR_OK);
        tally_add(&fronts[i], &a, 1);
    }
    (void)close(fd);
}

static void
a_place_is_claimed_once_and_never_while_it_is_held(void **state)
{
    (void)state;
    struct tally fronts[4];
    struct sockaddr_storage a = address_of(0x7f000001);
    fronts_make(fronts);
    assert_int_equal(tally_claim(&fronts[0], 0), TALLY_NONE); /* none is that old */
    assert_true(tally_hold(&fronts[0]) && tally_hold(&fronts[1]));
    assert_true(tally_hold(&fronts[2]) && tally_hold(&fronts[2]));
    tally_let_go(&fronts[2]);

    uint32_t first = tally_claim(&fronts[1], INT64_MAX);
    uint32_t second = tally_claim(&fronts[1], INT64_MAX);
    assert_int_equal(first + second, 2 + 3);
    assert_int_equal(tally_claim(&fronts[1], INT64_MAX), TALLY_NONE);
    assert_int_equal(tally_total(&fronts[0]), 2); /* who gives way is not counted any more */
    assert_int_equal(tally_address(&fronts[0], &a), 2);

    assert_false(tally_hold(&fronts[2])); /* no login begins there */
    tally_let_go(&fronts[2]);
    assert_true(tally_is_claimed(&fronts[2]) && tally_is_claimed(&fronts[3]));
    assert_false(tally_is_claimed(&fronts[0]) || tally_is_claimed(&fronts[1]));
    tally_add(&fronts[2], &a, -1);
    assert_false(tally_is_claimed(&fronts[2]) || tally_hold(&fronts[2])); /* it has ended */
}

static void
addresses_are_spread_over_the_counters(void **state)
{
    (void)state;
    const struct tally_size size = {.shared = 1};
    struct tally tally;
    struct err err;
    int fd;
    uint32_t most = 0;
    assert_int_equal(tally_make(size, &fd, &err), ERR_OK);
    assert_int_equal(tally_map(&tally, fd, size, 0, &err), ERR_OK);
    (void)close(fd);
    for (uint32_t i = 0; i < TALLY_BUCKETS; i++) {
        struct sockaddr_storage address = address_of(0x0a000000 + i);
        tally_add(&tally, &address, 1);
    }
    for (uint32_t i = 0; i < TALLY_BUCKETS; i++) {
        struct sockaddr_storage address = address_of(0x0a000000 + i);
        uint32_t count = tally_address(&tally, &address);
        most = count > most ? count : most;
    }
    /* One a counter on average: 16 by chance would take longer than there are computers. */
    assert_in_range(most, 2, 15);
    assert_int_equal(tally_total(&tally), TALLY_BUCKETS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_becomes_one_component_or_nothing),
        cmocka_unit_test(a_path_fits_whole_or_is_refused),
        cmocka_unit_test(root_is_what_all_locations_have_in_common),
        cmocka_unit_test(fronts_count_together_each_in_its_own_row),
        cmocka_unit_test(fronts_with_one_connection_count_along),
        cmocka_unit_test(a_place_is_claimed_once_and_never_while_it_is_held),
        cmocka_unit_test(addresses_are_spread_over_the_counters),
    };
    return cmocka_run_group_tests_name("server parts", tests, NULL, NULL);
}
