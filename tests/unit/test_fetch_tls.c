/* When the fetcher speaks TLS, and when it may do without. */
#include "fetch/account.h"
#include "fetch/connect.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { ADDRESSES_MAX = 3 };

/* Looked-up addresses. */
struct addresses {
    struct sockaddr_storage storage[ADDRESSES_MAX];
    struct addrinfo list[ADDRESSES_MAX];
};

static void
make_addresses(struct addresses *made, const char *const texts[ADDRESSES_MAX])
{
    *made = (struct addresses){0};
    for (size_t i = 0; i < ADDRESSES_MAX && texts[i] != NULL; i++) {
        struct sockaddr_in *in = (void *)&made->storage[i];
        struct sockaddr_in6 *in6 = (void *)&made->storage[i];
        bool is_6 = strchr(texts[i], ':') != NULL;
        made->storage[i].ss_family = is_6 ? AF_INET6 : AF_INET;
        assert_int_equal(
            inet_pton(
                made->storage[i].ss_family, texts[i],
                is_6 ? (void *)&in6->sin6_addr : (void *)&in->sin_addr),
            1);
        made->list[i] = (struct addrinfo){
            .ai_family = made->storage[i].ss_family,
            .ai_addr = (struct sockaddr *)&made->storage[i],
            .ai_addrlen = is_6 ? sizeof *in6 : sizeof *in,
        };
        if (i > 0)
            made->list[i - 1].ai_next = &made->list[i];
    }
}

/* R8314-9, R8314-10: one address elsewhere is enough, for that may be the one that answers. */
static void
only_a_host_that_is_this_machine_in_full_goes_plain(void **state)
{
    static const struct {
        const char *texts[ADDRESSES_MAX];
        bool here;
    } rows[] = {
        {{"127.0.0.1"}, true},
        {{"127.255.0.9"}, true},
        {{"::1"}, true},
        {{"::1", "127.0.0.1"}, true},
        {{"::ffff:127.0.0.1"}, true},
        {{"192.0.2.1"}, false},
        {{"10.0.0.1"}, false},
        {{"0.0.0.0"}, false},
        {{"128.0.0.1"}, false},
        {{"2001:db8::1"}, false},
        {{"::2"}, false},
        {{"::ffff:192.0.2.1"}, false},
        {{"::127.0.0.1"}, false},
        {{"fe80::1"}, false},
        {{"127.0.0.1", "192.0.2.1"}, false},
        {{"192.0.2.1", "127.0.0.1"}, false},
        {{"::1", "127.0.0.1", "2001:db8::1"}, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct addresses made;
        make_addresses(&made, rows[i].texts);
        if (connect_stays_here(made.list) != rows[i].here)
            fail_msg("row %zu: %s", i, rows[i].texts[0]);
        enum account_tls wanted = rows[i].here ? ACCOUNT_TLS_OFF : ACCOUNT_TLS_STLS;
        assert_int_equal(connect_protection(ACCOUNT_TLS_AUTO, made.list), wanted);
        for (enum account_tls asked = ACCOUNT_TLS_STLS; asked <= ACCOUNT_TLS_OFF; asked++)
            assert_int_equal(connect_protection(asked, made.list), asked);
    }
}

#define PIN   "0000000000000000000000000000000000000000000000000000000000000000"
#define PIN_4 PIN "," PIN ";" PIN "," PIN

static void
options_and_url_settle_it_together(void **state)
{
    static const struct {
        const char *url;
        const char *tls;
        const char *ca;
        const char *pins;
        int wanted; /* -1: refused */
        uint16_t port;
        size_t pin_count;
    } rows[] = {
        {"pop://a@h", NULL, NULL, NULL, ACCOUNT_TLS_AUTO, 110, 0},
        {"pops://a@h", NULL, NULL, NULL, ACCOUNT_TLS_IMPLICIT, 995, 0},
        {"pop://a@h", "required", NULL, NULL, ACCOUNT_TLS_STLS, 110, 0},
        {"pops://a@h", "required", NULL, NULL, ACCOUNT_TLS_IMPLICIT, 995, 0},
        {"pop://a@h", "implicit", NULL, NULL, ACCOUNT_TLS_IMPLICIT, 995, 0},
        {"pop://a@h:110", "implicit", NULL, NULL, ACCOUNT_TLS_IMPLICIT, 110, 0},
        {"pops://a@h", "implicit", NULL, NULL, ACCOUNT_TLS_IMPLICIT, 995, 0},
        {"pop://a@h", "off", NULL, NULL, ACCOUNT_TLS_OFF, 110, 0},
        {"pops://a@h", "off", NULL, NULL, -1, 0, 0},
        {"pop://a@h", "", NULL, NULL, -1, 0, 0},
        {"pop://a@h", "OFF", NULL, NULL, -1, 0, 0},
        /* Whom to believe matters inside TLS only. */
        {"pop://a@h", NULL, "ca.pem", NULL, ACCOUNT_TLS_STLS, 110, 0},
        {"pop://a@h", NULL, NULL, PIN, ACCOUNT_TLS_STLS, 110, 1},
        {"pops://a@h", NULL, NULL, PIN_4, ACCOUNT_TLS_IMPLICIT, 995, 4},
        {"pop://a@h", "off", "ca.pem", NULL, -1, 0, 0},
        {"pop://a@h", "off", NULL, PIN, -1, 0, 0},
        {"pop://a@h", NULL, "ca.pem", PIN, -1, 0, 0},
        {"pop://a@h", NULL, NULL, "", -1, 0, 0},
        {"pop://a@h", NULL, NULL, PIN ",", -1, 0, 0},
        {"pop://a@h", NULL, NULL, "," PIN, -1, 0, 0},
        {"pop://a@h", NULL, NULL, PIN_4 "," PIN_4, ACCOUNT_TLS_STLS, 110, 8},
        {"pop://a@h", NULL, NULL, PIN_4 "," PIN_4 "," PIN, -1, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct account account = {0};
        struct pop_url url;
        struct err err = {0};
        assert_int_equal(url_parse(rows[i].url, &url, &err), ERR_OK);
        assert_int_equal(account_set_url(&account, &url, &err), ERR_OK);
        enum err_code code =
            account_set_tls(&account, rows[i].tls, rows[i].ca, rows[i].pins, &err);
        if (code != (rows[i].wanted < 0 ? ERR_INVALID : ERR_OK))
            fail_msg("row %zu: %s", i, err.text);
        if (rows[i].wanted < 0)
            continue;
        assert_int_equal(account.tls, rows[i].wanted);
        assert_int_equal(account.url.port, rows[i].port);
        assert_int_equal(account.pin_count, rows[i].pin_count);
    }
}

static void
an_account_is_the_same_with_tls_and_without(void **state)
{
    static const struct {
        const char *url;
        const char *tls;
        const char *identity;
    } rows[] = {
        {"pop://ann@h.example", NULL, "ann@h.example:110"},
        {"pops://ann@h.example", NULL, "ann@h.example:110"},
        {"pop://ann@h.example:995", "implicit", "ann@h.example:110"},
        {"pop://ann@h.example", "implicit", "ann@h.example:110"},
        {"pops://ann@h.example:110", NULL, "ann@h.example:110"},
        {"pop://ann@h.example:1995", NULL, "ann@h.example:1995"},
        {"pops://ann@h.example:996", NULL, "ann@h.example:996"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct account account = {0};
        struct pop_url url;
        struct err err;
        char storage[ACCOUNT_IDENTITY_MAX];
        assert_int_equal(url_parse(rows[i].url, &url, &err), ERR_OK);
        assert_int_equal(account_set_url(&account, &url, &err), ERR_OK);
        assert_int_equal(account_set_tls(&account, rows[i].tls, NULL, NULL, &err), ERR_OK);
        (void)account_identity(&account, storage);
        assert_string_equal(storage, rows[i].identity);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_host_that_is_this_machine_in_full_goes_plain),
        cmocka_unit_test(options_and_url_settle_it_together),
        cmocka_unit_test(an_account_is_the_same_with_tls_and_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
