/* Stored passwords: each scheme with a hash that another program made, and those that nothing
 * fits. The secret is "secret" throughout, but for the vector of RFC 7677. */
#include "auth/password.h"
#include "auth/scram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BCRYPT "abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"
#define SHA512                                                                                 \
    "$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/otop/"                  \
    "Zok96Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/"
#define SHA512_NO_SALT                                                                         \
    "$6$$2M9DchxW4txWyTYoZrH9D3VvAAQxBpEezYsLY6Cao.jwzEXpyL9xwip9hiUZX7GqTqe/E/"               \
    "z6iKvZqXUuqniQH."
#define SHA256   "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA"
#define MD5      "$1$saltsalt$9xy1btjgzLYfb7hivXtC//"
#define YESCRYPT "$y$j75$k2XAnEHBqQ1Ct2aMXFKNa/$Tg4ZRR7tz/WRlmYbADZh9OJYakPewgSPQqW55EXAJ14"
#define GOST     "$gy$j75$k2XAnEHBqQ1Ct2aMXFKNa/$O2VXkrrbK/nrZECj6gzoetucyvBE.tkY7fQCPxGaah8"
#define SCRYPT   "$7$A6....1....saltsalt$sommw/iUU4pV0oSZgh4JPygQQT0Lq2QTvzu3g8a9be7"
#define SUNMD5   "$md5,rounds=4$saltsalt$$UsI2wKFSvloJWLbBRPMf41"
#define SCRAM_KEY                                                                              \
    "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"                                            \
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
/* Of the two octets C2 AA, which SASLprep would make an "a". */
#define UNPREPARED                                                                             \
    "{SCRAM-SHA-256}4096,MDEyMzQ1Njc4OWFiY2RlZg==,"                                            \
    "ew5Hx+KmZVOIeWuA2pYwMbtYL3DnMZLRU0S7m1gikoM=,"                                            \
    "tFi0jX3VhO6FyUFhJwx3JgL3ut7HGAzqSidswCH5e44="
#define SCRAM "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==," SCRAM_KEY

static const struct known {
    const char *stored;
    const char *secret;
    enum password_kind kind;
    const char *cost;
} known[] = {
    {YESCRYPT, "secret", PASSWORD_CRYPT, "$y$j75$"},
    {GOST, "secret", PASSWORD_CRYPT, "$gy$j75$"},
    {SCRYPT, "secret", PASSWORD_CRYPT, "$7$A6....1...."},
    {"$2b$04$" BCRYPT, "secret", PASSWORD_CRYPT, "$2b$04$"},
    {"{BLF-CRYPT}$2y$04$" BCRYPT, "secret", PASSWORD_CRYPT, "$2y$04$"},
    {SHA512, "secret", PASSWORD_CRYPT, "$6$rounds=1000$"},
    {"{SHA512-CRYPT}" SHA512, "secret", PASSWORD_CRYPT, "$6$rounds=1000$"},
    {SHA512_NO_SALT, "secret", PASSWORD_CRYPT, "$6$"},
    {"{SHA256-CRYPT}" SHA256, "secret", PASSWORD_CRYPT, "$5$"},
    {"{Md5-Crypt}" MD5, "secret", PASSWORD_CRYPT, "$1$"},
    {"{CRYPT}" MD5, "secret", PASSWORD_CRYPT, "$1$"},
    {"abNANd1rDfiNc", "secret", PASSWORD_CRYPT, ""},
    {"{des-crypt}abNANd1rDfiNc", "secret", PASSWORD_CRYPT, ""},
    {"_J9..saltLXKE4peqNCg", "secret", PASSWORD_CRYPT, "_J9.."},
    {SUNMD5, "secret", PASSWORD_CRYPT, "$md5,rounds=4$saltsalt$"},
    {"{PLAIN}secret", "secret", PASSWORD_PLAIN, ""},
    {"{clear}secret", "secret", PASSWORD_PLAIN, ""},
    {"{ClearText}secret", "secret", PASSWORD_PLAIN, ""},
    {"{PLAIN}{PLAIN}secret", "{PLAIN}secret", PASSWORD_PLAIN, ""},
    {"{PLAIN}*", "*", PASSWORD_PLAIN, ""},
    {"{PLAIN} two words ", " two words ", PASSWORD_PLAIN, ""},
    {SCRAM, "pencil", PASSWORD_SCRAM_SHA_256, "4096"},
};

static enum err_code
verify(const char *stored, const char *text, struct err *err)
{
    struct secret secret;
    assert_true(secret_set(&secret, pop_view_of(text)));
    return password_verify(pop_view_of(stored), &secret, err);
}

static void
the_right_secret_fits_and_no_neighbour_of_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct err err = {0};
        char other[64];
        const char *secret = known[i].secret;
        if (verify(known[i].stored, secret, &err) != ERR_OK)
            fail_msg("%s: %s", known[i].stored, err.text);
        /* DES looks at eight octets and at seven bits of each; the first is within. */
        (void)snprintf(other, sizeof other, "%c%s", secret[0] ^ 1, secret + 1);
        assert_int_equal(verify(known[i].stored, other, &err), ERR_DENIED);
        (void)snprintf(other, sizeof other, "%.*s", (int)strlen(secret) - 1, secret);
        assert_int_equal(verify(known[i].stored, other, &err), ERR_DENIED);
        (void)snprintf(other, sizeof other, "%sx", secret);
        assert_int_equal(verify(known[i].stored, other, &err), ERR_DENIED);
        assert_int_equal(verify(known[i].stored, "", &err), ERR_DENIED);
    }
}

static void
kind_and_cost_come_from_the_stored_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct password password;
        struct err err;
        assert_int_equal(password_parse(pop_view_of(known[i].stored), &password, &err), ERR_OK);
        assert_int_equal(password.kind, known[i].kind);
        struct pop_view cost = password_cost(&password);
        if (!pop_view_equal(cost, pop_view_of(known[i].cost)))
            fail_msg("%s costs '%.*s'", known[i].stored, (int)cost.len, cost.data);
        assert_int_equal(password_is_quick(&password), known[i].kind == PASSWORD_PLAIN);
    }
}

/* R1939-31: as dear as its model, and useless. */
static void
a_dummy_costs_what_its_model_costs_and_nothing_fits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct password model;
        struct password dummy;
        struct err err = {0};
        char stored[HASH_TEXT_MAX + 1];
        struct pop_view text = pop_view_of(known[i].stored);
        assert_int_equal(password_parse(text, &model, &err), ERR_OK);
        assert_int_equal(password_dummy(text, stored, &err), ERR_OK);
        assert_int_equal(password_parse(pop_view_of(stored), &dummy, &err), ERR_OK);
        if (!pop_view_equal(password_cost(&model), password_cost(&dummy)))
            fail_msg("%s became %s", known[i].stored, stored);
        assert_int_equal(password_is_quick(&dummy), password_is_quick(&model));
        /* Also not the model's own secret: ERR_DENIED says that it was hashed to the end. */
        if (verify(stored, known[i].secret, &err) != ERR_DENIED)
            fail_msg("%s became %s, %s", known[i].stored, stored, err.text);
    }
}

static void
a_dummy_of_nobody_costs_what_new_users_cost(void **state)
{
    (void)state;
    struct err err;
    char stored[HASH_TEXT_MAX + 1];
    char made[HASH_TEXT_MAX + 1];
    struct secret secret;
    assert_true(secret_set(&secret, POP_VIEW("secret")));
    assert_int_equal(password_dummy((struct pop_view){NULL, 0}, stored, &err), ERR_OK);
    assert_int_equal(password_make(&secret, made, &err), ERR_OK);
    assert_memory_equal(stored, made, strlen("$y$j9T$"));
    assert_int_equal(verify(made, "secret", &err), ERR_OK);
    assert_int_equal(verify(made, "Secret", &err), ERR_DENIED);
    assert_int_equal(verify(stored, "", &err), ERR_DENIED);
    assert_int_equal(verify(stored, "secret", &err), ERR_DENIED);
}

static void
nobody_logs_in_with_a_locked_password(void **state)
{
    (void)state;
    static const char *const locked[] = {
        "",         "*",       "!",       "!!",       "*LK*",         "!" MD5,
        "*{PLAIN}", "{CRYPT}", "{PLAIN}", "{CRYPT}*", "{CRYPT}!" MD5, "{SCRAM-SHA-256}"};
    static const char *const secrets[] = {"", "*", "!", "secret"};
    for (size_t i = 0; i < sizeof locked / sizeof *locked; i++)
        for (size_t k = 0; k < sizeof secrets / sizeof *secrets; k++) {
            struct err err;
            if (verify(locked[i], secrets[k], &err) != ERR_DENIED)
                fail_msg("'%s' with '%s'", locked[i], secrets[k]);
        }
}

/* A readable password whose {PLAIN} was forgotten stands where these stand. */
static void
what_cannot_be_read_is_refused_and_never_shown(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "tellnobody",
        "tellnobody123", /* DES could have made it: it only fits nothing */
        "tell-nobody12",
        "{CRYPT}tellnobody",
        "{MD5}tellnobody",
        "{tellnobody",
        "}tellnobody",
        "$tellnobody",
        "$9$tellnobody$tellnobody",
        "$2b$99$tellnobodytellnobodytellnobodytellnobodytellnobodytell",
        "_tellnobody",
        "{SCRAM-SHA-256}tellnobody",
        "{SCRAM-SHA-256}4096,tellnobody,tellnobody,tellnobody",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};
        enum err_code code = verify(bad[i], "secret", &err);
        assert_true(code == ERR_INVALID || code == ERR_DENIED);
        if (strcmp(bad[i], "tellnobody123") != 0 && code != ERR_INVALID)
            fail_msg("'%s' can be read", bad[i]);
        assert_null(strstr(err.text, "tellnobody"));
        assert_null(strstr(err.text, "secret"));
    }
}

static void
a_stored_password_is_taken_up_to_its_bound(void **state)
{
    (void)state;
    char stored[HASH_TEXT_MAX + 16];
    char dummy[HASH_TEXT_MAX + 1];
    struct password password;
    struct err err;
    memset(stored, 'x', sizeof stored);
    memcpy(stored, "$6$", 3);
    assert_int_equal(
        password_parse((struct pop_view){stored, HASH_TEXT_MAX}, &password, &err), ERR_OK);
    struct pop_view beyond = {stored, HASH_TEXT_MAX + 1};
    assert_int_equal(password_parse(beyond, &password, &err), ERR_INVALID);
    assert_int_equal(password_dummy(beyond, dummy, &err), ERR_INVALID);
}

static void
each_damage_to_a_scram_password_is_seen(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "4096",
        "4096,W22ZaJ0SNY7soEsUEjb6gQ==",
        "0,W22ZaJ0SNY7soEsUEjb6gQ==," SCRAM_KEY,
        "-1,W22ZaJ0SNY7soEsUEjb6gQ==," SCRAM_KEY,
        "10000001,W22ZaJ0SNY7soEsUEjb6gQ==," SCRAM_KEY,
        "4294967297,W22ZaJ0SNY7soEsUEjb6gQ==," SCRAM_KEY,
        "4096,," SCRAM_KEY,
        "4096,W22ZaJ0SNY7soEsUEjb6gQ=," SCRAM_KEY,
        "4096,W22ZaJ0SNY7soEsUEjb6g*==," SCRAM_KEY,
        "4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4g==,",
        "4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY,",
        "4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qYAAAAA,",
    };
    struct secret secret;
    assert_true(secret_set(&secret, POP_VIEW("pencil")));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err;
        if (scram_verify(pop_view_of(bad[i]), &secret, &err) != ERR_INVALID)
            fail_msg("'%s'", bad[i]);
    }
}

static void
what_is_made_for_scram_fits_its_password_alone(void **state)
{
    (void)state;
    char first[HASH_TEXT_MAX + 1];
    char second[HASH_TEXT_MAX + 1];
    struct secret secret;
    struct password password;
    struct err err = {0};
    assert_true(secret_set(&secret, POP_VIEW("two words")));
    assert_int_equal(password_make_scram(&secret, first, &err), ERR_OK);
    assert_int_equal(password_make_scram(&secret, second, &err), ERR_OK);
    assert_string_not_equal(first, second); /* the salt */
    assert_int_equal(password_parse(pop_view_of(first), &password, &err), ERR_OK);
    assert_int_equal(password.kind, PASSWORD_SCRAM_SHA_256);
    assert_int_equal(scram_field(password.text, SCRAM_SALT).len, 24);
    assert_int_equal(scram_field(password.text, SCRAM_SERVER_KEY).len, 44);
    assert_int_equal(verify(first, "two words", &err), ERR_OK);
    assert_int_equal(verify(first, "two  words", &err), ERR_DENIED);
}

/* What two keyboards send for one password is one password (RFC 4013, section 3). */
static void
scram_passwords_are_the_same_where_saslprep_says_so(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {"I\xc2\xadX", "IX"},      /* a soft hyphen is nothing */
        {"\xc2\xaa", "a"},         /* a feminine ordinal */
        {"a\xc2\xa0z", "a z"},     /* a blank that does not break */
        {"\xe2\x85\xa8", "IX"},    /* a Roman nine */
        {"o\xcc\x88", "\xc3\xb6"}, /* an o with two dots, composed */
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        for (size_t made = 0; made < 2; made++) {
            char stored[HASH_TEXT_MAX + 1];
            struct secret secret;
            struct err err = {0};
            assert_true(secret_set(&secret, pop_view_of(same[i][made])));
            assert_int_equal(password_make_scram(&secret, stored, &err), ERR_OK);
            for (size_t k = 0; k < 2; k++)
                if (verify(stored, same[i][k], &err) != ERR_OK)
                    fail_msg("%zu: made of %zu, asked with %zu", i, made, k);
            assert_int_equal(verify(stored, "x", &err), ERR_DENIED);
        }
}

/* A password that another program stored as it was typed. */
static void
scram_password_that_was_stored_unprepared_fits(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(verify(UNPREPARED, "\xc2\xaa", &err), ERR_OK);
    assert_int_equal(verify(UNPREPARED, "a", &err), ERR_DENIED);
}

static void
what_saslprep_refuses_is_refused_for_scram(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "tellnobody\x01",
        "tellnobody\x7f",
        "tellnobody\xff",
        "tellnobody\xc3",
        "\xd8\xa7\x31",               /* begins from right to left and ends otherwise */
        "tellnobody\xf0\x9f\x98\x80", /* newer than Unicode 3.2 */
        "\xc2\xad",                   /* nothing is left of it */
        "",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char stored[HASH_TEXT_MAX + 1];
        struct secret secret;
        struct err err = {0};
        assert_true(secret_set(&secret, pop_view_of(bad[i])));
        if (password_make_scram(&secret, stored, &err) != ERR_INVALID)
            fail_msg("%zu: '%s'", i, bad[i]);
        assert_non_null(strstr(err.text, "SASLprep"));
        assert_null(strstr(err.text, "tellnobody"));
        assert_int_equal(verify(SCRAM, bad[i], &err), ERR_DENIED);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_secret_fits_and_no_neighbour_of_it),
        cmocka_unit_test(kind_and_cost_come_from_the_stored_text),
        cmocka_unit_test(a_dummy_costs_what_its_model_costs_and_nothing_fits),
        cmocka_unit_test(a_dummy_of_nobody_costs_what_new_users_cost),
        cmocka_unit_test(nobody_logs_in_with_a_locked_password),
        cmocka_unit_test(what_cannot_be_read_is_refused_and_never_shown),
        cmocka_unit_test(a_stored_password_is_taken_up_to_its_bound),
        cmocka_unit_test(each_damage_to_a_scram_password_is_seen),
        cmocka_unit_test(what_is_made_for_scram_fits_its_password_alone),
        cmocka_unit_test(scram_passwords_are_the_same_where_saslprep_says_so),
        cmocka_unit_test(scram_password_that_was_stored_unprepared_fits),
        cmocka_unit_test(what_saslprep_refuses_is_refused_for_scram),
    };
    return cmocka_run_group_tests_name("password", tests, NULL, NULL);
}
