/* Which login is used, of those that both ends have. */
#include "fetch/account.h"
#include "fetch/login_choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define BIT(name) MECHANISM_BIT(MECHANISM_##name)

enum {
    S256P = BIT(SCRAM_SHA_256_PLUS),
    S256 = BIT(SCRAM_SHA_256),
    S1P = BIT(SCRAM_SHA_1_PLUS),
    S1 = BIT(SCRAM_SHA_1),
    CRAM = BIT(CRAM_MD5),
    OAUTH = BIT(OAUTHBEARER),
    XOAUTH = BIT(XOAUTH2),
    PLAIN = BIT(PLAIN),
    LOGIN = BIT(LOGIN),
    SCRAMS = S256P | S256 | S1P | S1,
};

/* Where the login takes place. */
enum place {
    CLEAR,       /* no TLS, as it was asked for */
    CLEAR_USER,  /* the same; CAPA says USER */
    TLS,         /* nothing to bind to: TLS 1.2 */
    TLS_USER,    /* the same; CAPA says USER */
    BOUND,       /* TLS 1.3 */
    BOUND_TOKEN, /* and a token */
};

static struct login_terms
terms_of(enum place place, uint32_t mechanisms)
{
    return (struct login_terms){
        .has_token = place == BOUND_TOKEN,
        .secure = place >= TLS,
        .can_bind = place >= BOUND,
        .user = place == CLEAR_USER || place == TLS_USER,
        .mechanisms = mechanisms,
    };
}

/* R5802-7, R5802-12, R5034-14: the order, and what is told for the binding. */
static void
the_best_that_both_have(void **state)
{
    static const struct {
        enum place place;
        uint32_t mechanisms;
        const char *wanted; /* NULL: there is none; "password": USER and PASS */
        bool binds;
    } rows[] = {
        {BOUND, MECHANISMS_ALL, "SCRAM-SHA-256-PLUS", true},
        {BOUND, MECHANISMS_ALL & ~S256P, "SCRAM-SHA-1-PLUS", true},
        {BOUND, S1P | PLAIN, "SCRAM-SHA-1-PLUS", true},
        {BOUND, MECHANISMS_ALL & ~S256P & ~S1P, "SCRAM-SHA-256", true},
        {BOUND, S1 | PLAIN | LOGIN | CRAM, "SCRAM-SHA-1", true},
        {TLS, MECHANISMS_ALL, "SCRAM-SHA-256", false},
        {TLS, S256P | S1P | S1, "SCRAM-SHA-1", false},
        {TLS, S256P | S1P | PLAIN, "PLAIN", false},
        {TLS, S256P | S1P, "password", false},
        {TLS, PLAIN | LOGIN | CRAM, "PLAIN", false},
        {TLS, LOGIN | CRAM, "LOGIN", false},
        {TLS, CRAM, "CRAM-MD5", false},
        {TLS_USER, CRAM, "password", false},
        {TLS_USER, LOGIN, "LOGIN", false},
        {TLS_USER, OAUTH | XOAUTH, "password", false},
        {TLS, 0, "password", false},
        {CLEAR, MECHANISMS_ALL, "SCRAM-SHA-256", false},
        {CLEAR, S1 | PLAIN | LOGIN | CRAM, "SCRAM-SHA-1", false},
        {CLEAR, PLAIN | LOGIN | CRAM, "CRAM-MD5", false},
        {CLEAR_USER, PLAIN | LOGIN | CRAM, "CRAM-MD5", false},
        {CLEAR, PLAIN | LOGIN, "PLAIN", false},
        {CLEAR, LOGIN, "LOGIN", false},
        {CLEAR_USER, 0, "password", false},
        {CLEAR, 0, "password", false},
        {BOUND_TOKEN, MECHANISMS_ALL, "OAUTHBEARER", false},
        {BOUND_TOKEN, XOAUTH | PLAIN, "XOAUTH2", false},
        {BOUND_TOKEN, MECHANISMS_ALL & ~OAUTH & ~XOAUTH, NULL, false},
        {BOUND_TOKEN, 0, NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct login_terms terms = terms_of(rows[i].place, rows[i].mechanisms);
        struct login_choice choice = login_choose(&terms);
        const char *got = !choice.found ? "none"
                          : choice.sasl ? mechanism_row(choice.mechanism)->name
                                        : "password";
        const char *wanted = rows[i].wanted != NULL ? rows[i].wanted : "none";
        if (strcmp(got, wanted) != 0)
            fail_msg("row %zu: %s, not %s", i, got, wanted);
        /* A bearer's exchange has no use for it. */
        if (rows[i].place != BOUND_TOKEN && choice.binds != rows[i].binds)
            fail_msg("row %zu: binds %d", i, choice.binds);
    }
}

static void
what_was_asked_for_is_not_replaced(void **state)
{
    static const struct {
        enum place place;
        uint32_t mechanisms;
        enum mechanism wish;
        bool found;
        bool binds;
    } rows[] = {
        {BOUND, MECHANISMS_ALL, MECHANISM_PLAIN, true, false},
        {BOUND, MECHANISMS_ALL & ~PLAIN, MECHANISM_PLAIN, false, false},
        {BOUND, 0, MECHANISM_SCRAM_SHA_256, false, false},
        /* "y" would say that the server has no -PLUS, and it would end the login (R5802-6). */
        {BOUND, MECHANISMS_ALL, MECHANISM_SCRAM_SHA_256, true, false},
        {BOUND, S256 | S1, MECHANISM_SCRAM_SHA_256, true, true},
        {BOUND, MECHANISMS_ALL, MECHANISM_SCRAM_SHA_1_PLUS, true, true},
        {TLS, MECHANISMS_ALL, MECHANISM_SCRAM_SHA_1_PLUS, false, false},
        {TLS_USER, MECHANISMS_ALL, MECHANISM_CRAM_MD5, true, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct login_terms terms = terms_of(rows[i].place, rows[i].mechanisms);
        terms.wish = (struct login_wish){LOGIN_NAMED, rows[i].wish};
        struct login_choice choice = login_choose(&terms);
        if (choice.found != rows[i].found || !choice.sasl || choice.mechanism != rows[i].wish)
            fail_msg("row %zu", i);
        if (choice.found && choice.binds != rows[i].binds)
            fail_msg("row %zu: binds %d", i, choice.binds);
    }
    struct login_terms terms = terms_of(BOUND, MECHANISMS_ALL);
    terms.wish.way = LOGIN_PASSWORD;
    struct login_choice choice = login_choose(&terms);
    assert_true(choice.found && !choice.sasl);
}

/* R2384-2 */
static void
option_and_url_settle_it_together(void **state)
{
    static const struct {
        const char *url;
        const char *auth;
        bool token;
        bool good;
        enum login_way way;
        enum mechanism mechanism;
    } rows[] = {
        {"pop://a@h", NULL, false, true, LOGIN_AUTO, 0},
        {"pop://a@h", "auto", false, true, LOGIN_AUTO, 0},
        {"pop://a@h", "password", false, true, LOGIN_PASSWORD, 0},
        {"pop://a@h", "plain", false, true, LOGIN_NAMED, MECHANISM_PLAIN},
        {"pop://a@h", "SCRAM-SHA-1-PLUS", false, true, LOGIN_NAMED, MECHANISM_SCRAM_SHA_1_PLUS},
        {"pop://a@h", "SCRAM", false, false, 0, 0},
        {"pop://a@h", "EXTERNAL", false, false, 0, 0},
        {"pop://a@h", "", false, false, 0, 0},
        {"pop://a;AUTH=*@h", NULL, false, true, LOGIN_AUTO, 0},
        {"pop://a;AUTH=*@h", "LOGIN", false, true, LOGIN_NAMED, MECHANISM_LOGIN},
        {"pop://a;AUTH=CRAM-MD5@h", NULL, false, true, LOGIN_NAMED, MECHANISM_CRAM_MD5},
        {"pop://a;AUTH=PLAIN@h", "plain", false, true, LOGIN_NAMED, MECHANISM_PLAIN},
        {"pop://a;AUTH=PLAIN@h", "LOGIN", false, false, 0, 0},
        {"pop://a;AUTH=PLAIN@h", "auto", false, false, 0, 0},
        {"pop://a;AUTH=PLAIN@h", "password", false, false, 0, 0},
        {"pop://a@h", NULL, true, true, LOGIN_AUTO, 0},
        {"pop://a@h", "XOAUTH2", true, true, LOGIN_NAMED, MECHANISM_XOAUTH2},
        {"pop://a@h", "XOAUTH2", false, false, 0, 0},
        {"pop://a;AUTH=OAUTHBEARER@h", NULL, false, false, 0, 0},
        {"pop://a;AUTH=OAUTHBEARER@h", NULL, true, true, LOGIN_NAMED, MECHANISM_OAUTHBEARER},
        {"pop://a@h", "PLAIN", true, false, 0, 0},
        {"pop://a@h", "password", true, false, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct account account = {0};
        struct pop_url url;
        struct err err = {0};
        assert_int_equal(url_parse(rows[i].url, &url, &err), ERR_OK);
        assert_int_equal(account_set_url(&account, &url, &err), ERR_OK);
        enum err_code code = account_set_auth(&account, rows[i].auth, rows[i].token, &err);
        if (code != (rows[i].good ? ERR_OK : ERR_INVALID))
            fail_msg("row %zu: %s", i, err.text);
        if (!rows[i].good)
            continue;
        assert_int_equal(account.login.way, rows[i].way);
        if (rows[i].way == LOGIN_NAMED)
            assert_int_equal(account.login.mechanism, rows[i].mechanism);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_that_both_have),
        cmocka_unit_test(what_was_asked_for_is_not_replaced),
        cmocka_unit_test(option_and_url_settle_it_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
