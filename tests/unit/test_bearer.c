/* The messages of OAUTHBEARER and XOAUTH2: what they bring, and every way to break them. */
#include "auth/bearer.h"
#include "guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#define OCTETS(text)                                                                           \
    {                                                                                          \
        text, sizeof(text) - 1                                                                 \
    }
#define A    "\x01"
#define X51  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define N255 X51 X51 X51 X51 X51
/* The example of RFC 7628, section 4.1. */
#define RFC_TOKEN "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="

static struct guard guard;

static const struct good {
    enum mechanism mechanism;
    struct pop_view message;
    const char *name;
    const char *token;
} good[] = {
    {MECHANISM_OAUTHBEARER,
     OCTETS("n,a=user@example.com," A "host=server.example.com" A "port=143" A
            "auth=Bearer " RFC_TOKEN A A),
     "user@example.com", RFC_TOKEN},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=Bearer x" A A), "", "x"},
    {MECHANISM_OAUTHBEARER, OCTETS("y,," A "auth=Bearer x" A A), "", "x"},
    {MECHANISM_OAUTHBEARER, OCTETS("n,a=a=2Cb=3Dc," A "auth=Bearer x" A A), "a,b=c", "x"},
    {MECHANISM_OAUTHBEARER, OCTETS("n,a==3D2C," A "auth=Bearer x" A A), "=2C", "x"},
    {MECHANISM_OAUTHBEARER, OCTETS("n,a=" N255 "," A "auth=Bearer x" A A), N255, "x"},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=bEaReR   a-b.c_d~e+f/g=" A A), "",
     "a-b.c_d~e+f/g="},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "qs=" A "other=a b\t=\r\n" A "auth=Bearer x" A A),
     "", "x"},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=Bearer x" A "port=65535" A A), "", "x"},
    {MECHANISM_XOAUTH2,
     OCTETS("user=someuser@example.com" A "auth=Bearer ya29.vF9dft4qmTc" A A),
     "someuser@example.com", "ya29.vF9dft4qmTc"},
    {MECHANISM_XOAUTH2, OCTETS("user=a,b=c=2C" A "auth=Bearer x" A A), "a,b=c=2C", "x"},
    {MECHANISM_XOAUTH2, OCTETS("user=" N255 A "auth=bearer x" A A), N255, "x"},
};

static const struct bad {
    enum mechanism mechanism;
    struct pop_view message;
} bad[] = {
    /* the header of OAUTHBEARER */
    {MECHANISM_OAUTHBEARER, OCTETS("")},
    {MECHANISM_OAUTHBEARER, OCTETS(A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n")},
    {MECHANISM_OAUTHBEARER, OCTETS("n,")},
    {MECHANISM_OAUTHBEARER, OCTETS("n,,")},
    {MECHANISM_OAUTHBEARER, OCTETS("n,a=")},
    {MECHANISM_OAUTHBEARER, OCTETS("N,," A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("p=tls-exporter,," A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("F,n,," A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("x,," A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,,auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,b=ann," A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,ann," A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,a=ann" A "auth=Bearer x" A A)},
    /* the name */
    {MECHANISM_OAUTHBEARER, OCTETS("n,a=," A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,a=a=b," A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,a=a=2c," A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,a=a=3d," A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,a=a=2," A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,a=a\0b," A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,a=x" N255 "," A "auth=Bearer x" A A)},
    /* keys and values */
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "host=a" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=Bearer x")},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=Bearer x" A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=Bearer x" A A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=Bearer x" A A "host=a" A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=Bearer x" A "host=a")},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=Bearer x" A "auth=Bearer y" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "host=a" A "host=a" A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "port=1" A "port=1" A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "port=0" A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "port=0110" A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "port=65536" A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "port=" A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "port=pop" A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "=a" A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "a1=a" A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "host" A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "host=\x80" A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "host=a\0b" A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "host=\x7f" A "auth=Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "AUTH=Bearer x" A A)},
    /* the token */
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=Bearer" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=Bearer " A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=Bearerx" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=Basic x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth= Bearer x" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=Bearer\tx" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=Bearer x " A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=Bearer x y" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=Bearer x=y" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=Bearer ==" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=Bearer x:y" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=Bearer x\"" A A)},
    {MECHANISM_OAUTHBEARER, OCTETS("n,," A "auth=Bearer x\r\n" A A)},
    /* XOAUTH2 */
    {MECHANISM_XOAUTH2, OCTETS("")},
    {MECHANISM_XOAUTH2, OCTETS("user=ann")},
    {MECHANISM_XOAUTH2, OCTETS("user=" A "auth=Bearer x" A A)},
    {MECHANISM_XOAUTH2, OCTETS("user=ann" A A)},
    {MECHANISM_XOAUTH2, OCTETS("user=ann" A "auth=Bearer x")},
    {MECHANISM_XOAUTH2, OCTETS("user=ann" A "auth=Bearer x" A)},
    {MECHANISM_XOAUTH2, OCTETS("user=ann" A "auth=Bearer x" A A A)},
    {MECHANISM_XOAUTH2, OCTETS("user=ann" A "auth=Bearer x" A "host=a" A A)},
    {MECHANISM_XOAUTH2, OCTETS("user=ann" A A "auth=Bearer x" A A)},
    {MECHANISM_XOAUTH2, OCTETS("auth=Bearer x" A "user=ann" A A)},
    {MECHANISM_XOAUTH2, OCTETS("USER=ann" A "auth=Bearer x" A A)},
    {MECHANISM_XOAUTH2, OCTETS("user=a\0n" A "auth=Bearer x" A A)},
    {MECHANISM_XOAUTH2, OCTETS("user=x" N255 A "auth=Bearer x" A A)},
    {MECHANISM_XOAUTH2, OCTETS("user=ann" A "auth=Basic x" A A)},
    {MECHANISM_XOAUTH2, OCTETS("user=ann" A "auth=Bearer " A A)},
    {MECHANISM_XOAUTH2, OCTETS("user=ann" A "auth=Bearer x\0" A A)},
    {MECHANISM_XOAUTH2, OCTETS("n,a=ann," A "auth=Bearer x" A A)},
};

static void
name_and_token_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct bearer_response response = {.name = "untouched"};
        struct pop_view message = guard_place(&guard, good[i].message);
        if (!bearer_parse(good[i].mechanism, message, &response))
            fail_msg("row %zu is refused", i);
        assert_string_equal(response.name, good[i].name);
        assert_true(pop_view_equal(response.token, pop_view_of(good[i].token)));
        assert_true(
            response.token.data >= message.data &&
            response.token.data + response.token.len <= message.data + message.len);
    }
}

static void
what_is_not_of_the_grammar_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct bearer_response response = {.name = "untouched"};
        struct pop_view message = guard_place(&guard, bad[i].message);
        if (bearer_parse(bad[i].mechanism, message, &response))
            fail_msg("row %zu is taken", i);
        assert_string_equal(response.name, "untouched");
    }
}

/* Each message ends exactly where it does: none that is cut short is one. */
static void
no_beginning_of_a_message_is_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        for (size_t len = 0; len < good[i].message.len; len++) {
            struct bearer_response response;
            struct pop_view cut = {good[i].message.data, len};
            if (bearer_parse(good[i].mechanism, guard_place(&guard, cut), &response))
                fail_msg("row %zu, the first %zu octets are taken", i, len);
        }
}

static void
token_has_its_length(void **state)
{
    static char octets[TOKEN_MAX + 1];
    (void)state;
    memset(octets, 'x', sizeof octets);
    struct pop_view longest = {octets, TOKEN_MAX};
    assert_true(bearer_is_token(guard_place(&guard, longest)));
    longest.len++;
    assert_false(bearer_is_token(guard_place(&guard, longest)));
}

static void
token_has_its_alphabet(void **state)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
    (void)state;
    for (int c = 0; c < 256; c++) {
        char text[2] = {'x', (char)c};
        bool expected = c == '=' || memchr(alphabet, c, sizeof alphabet - 1) != NULL;
        assert_int_equal(bearer_is_token((struct pop_view){text, 2}), expected);
    }
}

static void
challenge_is(enum mechanism mechanism, struct pop_view scope, const char *expected)
{
    struct pop_buffer room = guard_room(&guard, BEARER_CHALLENGE_MAX, 'x');
    size_t len = bearer_challenge(mechanism, scope, room.data);
    assert_true(pop_view_equal((struct pop_view){room.data, len}, pop_view_of(expected)));
}

static void
challenge_is_json(void **state)
{
    (void)state;
    challenge_is(
        MECHANISM_OAUTHBEARER, POP_VIEW("mail"),
        "{\"status\":\"invalid_token\",\"scope\":\"mail\"}");
    challenge_is(
        MECHANISM_XOAUTH2, POP_VIEW("https://mail.example.org/"),
        "{\"status\":\"401\",\"schemes\":\"bearer\","
        "\"scope\":\"https://mail.example.org/\"}");
    challenge_is(MECHANISM_OAUTHBEARER, POP_VIEW(""), "{\"status\":\"invalid_token\"}");
    challenge_is(
        MECHANISM_XOAUTH2, POP_VIEW(""), "{\"status\":\"401\",\"schemes\":\"bearer\"}");
    challenge_is(MECHANISM_OAUTHBEARER, POP_VIEW("a\",\"b"), "{\"status\":\"invalid_token\"}");
    challenge_is(MECHANISM_OAUTHBEARER, POP_VIEW(N255 "x"), "{\"status\":\"invalid_token\"}");
    challenge_is(
        MECHANISM_XOAUTH2, POP_VIEW(N255),
        "{\"status\":\"401\",\"schemes\":\"bearer\",\"scope\":\"" N255 "\"}");
}

static int
start(void **state)
{
    (void)state;
    guard_init(&guard, TOKEN_MAX + 64);
    return 0;
}

static int
finish(void **state)
{
    (void)state;
    guard_finish(&guard);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_and_token_are_found),
        cmocka_unit_test(what_is_not_of_the_grammar_is_refused),
        cmocka_unit_test(no_beginning_of_a_message_is_one),
        cmocka_unit_test(token_has_its_length),
        cmocka_unit_test(token_has_its_alphabet),
        cmocka_unit_test(challenge_is_json),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
