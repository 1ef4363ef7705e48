/* The PROXY header, in every version, cut at every place, and what is none. */
#include "guard.h"
#include "net/address.h"
#include "net/proxy_header.h"
#include "words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define OCTETS(text)                                                                           \
    {                                                                                          \
        text, sizeof(text) - 1                                                                 \
    }
#define IPV4_ADDRESSES "\xC0\0\x02\x01\x0A\0\0\x01\x10\x20\0\x6E"
#define IPV6_ADDRESSES                                                                         \
    "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x02"     \
    "\xFF\xFF\0\x6E"
#define X16  "xxxxxxxxxxxxxxxx"
#define X108 X16 X16 X16 X16 X16 X16 "xxxxxxxxxxxx"

static const struct proxy_case {
    struct pop_view header;
    enum proxy_step step;
    const char *client;
} cases[] = {
    /* version 1 */
    {OCTETS("PROXY TCP4 192.0.2.1 10.0.0.1 4128 110\r\n"), PROXY_CLIENT, "192.0.2.1:4128"},
    {OCTETS("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), PROXY_CLIENT,
     "255.255.255.255:65535"},
    {OCTETS("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"), PROXY_CLIENT, "0.0.0.0:0"},
    {OCTETS("PROXY TCP6 2001:db8::1 2001:DB8::2 4128 110\r\n"), PROXY_CLIENT,
     "[2001:db8::1]:4128"},
    {OCTETS("PROXY TCP6 2001:0db8:ffff:ffff:ffff:ffff:ffff:ffff "
            "2001:0db8:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     PROXY_CLIENT, "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
    {OCTETS("PROXY UNKNOWN\r\n"), PROXY_UNKNOWN, NULL},
    {OCTETS("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"), /* 107 octets */
     PROXY_UNKNOWN, NULL},
    {OCTETS("PROXY UNKNOWN \x80 anything \0 at  all \r\n"), PROXY_UNKNOWN, NULL},
    {OCTETS("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 655350\r\n"), /* 108 */
     PROXY_BAD, NULL},
    {OCTETS("PROXY UNKNOWNS\r\n"), PROXY_BAD, NULL},
    {OCTETS("PROXY TCP4\r\n"), PROXY_BAD, NULL},
    {OCTETS("PROXY \r\n"), PROXY_BAD, NULL},
    {OCTETS("PROXY\r"), PROXY_BAD, NULL},
    {OCTETS("proxy"), PROXY_BAD, NULL},
    {OCTETS("USER ann\r\n"), PROXY_BAD, NULL},
    {OCTETS("\x16\x03\x01"), PROXY_BAD, NULL}, /* TLS */
    {OCTETS("PROXY TCP4 192.0.2.1 10.0.0.1 4128 110\n"), PROXY_BAD, NULL},
    {OCTETS("PROXY TCP4 192.0.2.1 10.0.0.1 4128 110\r\r"), PROXY_BAD, NULL},
    {OCTETS("PROXY TCP4 192.0.2.1\r10.0.0.1 4128 110\r\n"), PROXY_BAD, NULL},
    {OCTETS("PROXY TCP4 192.0.2.1 10.0.0.1 4128\r\n"), PROXY_BAD, NULL},
    {OCTETS("PROXY TCP4 192.0.2.1 10.0.0.1 4128 110 \r\n"), PROXY_BAD, NULL},
    {OCTETS("PROXY TCP4  192.0.2.1 10.0.0.1 4128 110\r\n"), PROXY_BAD, NULL},
    {OCTETS("PROXY TCP4 192.0.2.1 10.0.0.1 4128 65536\r\n"), PROXY_BAD, NULL},
    {OCTETS("PROXY TCP4 192.0.2.1 10.0.0.1 04128 110\r\n"), PROXY_BAD, NULL},
    {OCTETS("PROXY TCP4 192.0.2.1 10.0.0.1 +1 110\r\n"), PROXY_BAD, NULL},
    {OCTETS("PROXY TCP4 192.0.2.01 10.0.0.1 4128 110\r\n"), PROXY_BAD, NULL},
    {OCTETS("PROXY TCP4 192.0.2.1\0 10.0.0.1 4128 110\r\n"), PROXY_BAD, NULL},
    {OCTETS("PROXY TCP4 192.0.513 10.0.0.1 4128 110\r\n"), PROXY_BAD, NULL},
    {OCTETS("PROXY TCP4 2001:db8::1 2001:db8::2 4128 110\r\n"), PROXY_BAD, NULL},
    {OCTETS("PROXY TCP6 192.0.2.1 10.0.0.1 4128 110\r\n"), PROXY_BAD, NULL},
    {OCTETS("PROXY TCP6 ::ffff:127.0.0.1 ::1 4128 110\r\n"), PROXY_BAD, NULL},
    {OCTETS("PROXY TCP6 fe80::1%lo ::1 4128 110\r\n"), PROXY_BAD, NULL},
    {OCTETS("PROXY UDP4 192.0.2.1 10.0.0.1 4128 110\r\n"), PROXY_BAD, NULL},
    /* version 2 */
    {OCTETS(SIGNATURE "\x21\x11\0\x0C" IPV4_ADDRESSES), PROXY_CLIENT, "192.0.2.1:4128"},
    {OCTETS(SIGNATURE "\x21\x21\0\x24" IPV6_ADDRESSES), PROXY_CLIENT, "[2001:db8::1]:65535"},
    {OCTETS(SIGNATURE "\x21\x11\0\x13" IPV4_ADDRESSES "\x04\0\x04tlvs"), PROXY_CLIENT,
     "192.0.2.1:4128"},
    {OCTETS(SIGNATURE "\x21\x11\0\x78" IPV4_ADDRESSES X108), PROXY_CLIENT, "192.0.2.1:4128"},
    {OCTETS(SIGNATURE "\x20\0\0\0"), PROXY_LOCAL, NULL},
    {OCTETS(SIGNATURE "\x20\x11\0\x0C" IPV4_ADDRESSES), PROXY_LOCAL, NULL},
    {OCTETS(SIGNATURE "\x20\xFF\0\x01x"), PROXY_LOCAL, NULL},
    {OCTETS(SIGNATURE "\x21\0\0\0"), PROXY_UNKNOWN, NULL},
    {OCTETS(SIGNATURE "\x21\0\0\x03xyz"), PROXY_UNKNOWN, NULL},
    {OCTETS(SIGNATURE "\x21\x12\0\x0C" IPV4_ADDRESSES), PROXY_UNKNOWN, NULL}, /* UDP */
    {OCTETS(SIGNATURE "\x21\x31\0\xD8" X108 X108), PROXY_UNKNOWN, NULL},      /* UNIX */
    {OCTETS(SIGNATURE "\x21\x11\0\x0B"), PROXY_BAD, NULL}, /* too short for addresses */
    {OCTETS(SIGNATURE "\x21\x21\0\x23"), PROXY_BAD, NULL},
    {OCTETS(SIGNATURE "\x21\x31\0\xD7"), PROXY_BAD, NULL},
    {OCTETS(SIGNATURE "\x11\x11\0\x0C"), PROXY_BAD, NULL},
    {OCTETS(SIGNATURE "\x22\x11\0\x0C"), PROXY_BAD, NULL},
    {OCTETS(SIGNATURE "\x21\x41\0\x0C"), PROXY_BAD, NULL},
    {OCTETS(SIGNATURE "\x21\x13\0\x0C"), PROXY_BAD, NULL},
    {OCTETS("\r\n\r\n\0\r\nQUIT\r"), PROXY_BAD, NULL},
};

/* Each piece against the guard page, the one before overwritten. *ret_used: octets taken. */
static enum proxy_step
feed(
    struct guard *guard, struct pop_view octets, size_t first, size_t piece, size_t *ret_used,
    struct sockaddr_storage *ret_client)
{
    struct proxy_header header = {0};
    enum proxy_step step = PROXY_MORE;
    *ret_used = 0;
    size_t size = first;
    while (step == PROXY_MORE && *ret_used < octets.len) {
        size_t left = octets.len - *ret_used;
        struct pop_view in = guard_place(
            guard, (struct pop_view){octets.data + *ret_used, size < left ? size : left});
        size_t len = in.len;
        step = proxy_header_next(&header, &in, ret_client);
        *ret_used += len - in.len;
        if (step == PROXY_MORE)
            assert_int_equal(in.len, 0);
        size = piece;
    }
    return step;
}

static void
check(struct guard *guard, const struct proxy_case *c, size_t first, size_t piece)
{
    char octets[512];
    char text[ADDRESS_TEXT_MAX];
    struct sockaddr_storage client = {.ss_family = 77};
    size_t used;
    memcpy(octets, c->header.data, c->header.len);
    memcpy(octets + c->header.len, "CAPA\r\n", 6);
    struct pop_view all = {octets, c->header.len + 6};
    enum proxy_step step = feed(guard, all, first, piece, &used, &client);
    if (step != c->step)
        fail_msg(
            "case %zu, pieces of %zu and %zu: step %d", (size_t)(c - cases), first, piece,
            step);
    if (step != PROXY_BAD)
        assert_int_equal(used, c->header.len); /* not an octet of what follows */
    else
        assert_true(used <= c->header.len);
    if (step == PROXY_CLIENT) {
        address_text(&client, text);
        assert_string_equal(text, c->client);
    } else {
        assert_int_equal(client.ss_family, 77);
    }
}

static void
every_header_is_read_however_it_is_cut(void **state)
{
    (void)state;
    struct guard guard;
    guard_init(&guard, 512);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check(&guard, &cases[i], 512, 512);
        check(&guard, &cases[i], 1, 1);
        for (size_t cut = 1; cut < cases[i].header.len; cut++)
            check(&guard, &cases[i], cut, 512);
    }
    guard_finish(&guard);
}

static void
a_header_cut_short_waits_for_the_rest(void **state)
{
    (void)state;
    struct guard guard;
    guard_init(&guard, 512);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t len = 0; cases[i].step != PROXY_BAD && len < cases[i].header.len; len++) {
            struct sockaddr_storage client;
            size_t used;
            struct pop_view part = {cases[i].header.data, len};
            assert_int_equal(feed(&guard, part, 512, 512, &used, &client), PROXY_MORE);
        }
    }
    guard_finish(&guard);
}

static void
the_longest_block_is_skipped_to_its_end(void **state)
{
    (void)state;
    const size_t size = 16 + 65535;
    char *octets = calloc(1, size + 1);
    struct sockaddr_storage client;
    struct proxy_header header = {0};
    assert_non_null(octets);
    memcpy(octets, SIGNATURE "\x21\x11\xFF\xFF" IPV4_ADDRESSES, 28);
    struct pop_view in = {octets, size + 1};
    assert_int_equal(proxy_header_next(&header, &in, &client), PROXY_CLIENT);
    assert_int_equal(in.len, 1);
    free(octets);
}

/* Changed headers and made-up ones: however they are cut, the same comes of them. */
static void
noise_means_the_same_however_it_is_cut(void **state)
{
    (void)state;
    uint64_t random = 20240607;
    struct guard guard;
    guard_init(&guard, 512);
    for (unsigned round = 0; round < 60000; round++) {
        char octets[512];
        const struct proxy_case *c =
            &cases[random_below(&random, sizeof cases / sizeof *cases)];
        size_t len = c->header.len;
        memcpy(octets, c->header.data, len);
        for (unsigned changes = random_below(&random, 4); changes > 0; changes--)
            octets[random_below(&random, (uint32_t)len)] =
                " \r\n\0.:0129PX\x20\x21\x11\xFF"[random_below(&random, 16)];
        struct sockaddr_storage whole = {0};
        struct sockaddr_storage parts = {0};
        size_t whole_used;
        size_t parts_used;
        struct pop_view all = {octets, len};
        enum proxy_step step = feed(&guard, all, 512, 512, &whole_used, &whole);
        size_t first = 1 + random_below(&random, 60);
        size_t piece = 1 + random_below(&random, 20);
        assert_int_equal(feed(&guard, all, first, piece, &parts_used, &parts), step);
        assert_int_equal(whole_used, parts_used);
        assert_memory_equal(&whole, &parts, sizeof whole);
        assert_true(step == PROXY_CLIENT || whole.ss_family == 0);
    }
    guard_finish(&guard);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_header_is_read_however_it_is_cut),
        cmocka_unit_test(a_header_cut_short_waits_for_the_rest),
        cmocka_unit_test(the_longest_block_is_skipped_to_its_end),
        cmocka_unit_test(noise_means_the_same_however_it_is_cut),
    };
    return cmocka_run_group_tests_name("proxy header", tests, NULL, NULL);
}
