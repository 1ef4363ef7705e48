/* The client's side of each mechanism, and what it does not take from a server. */
#include "fetch/fetch_limits.h"
#include "fetch/oauth.h"
#include "fetch/sasl.h"
#include "fetch/scram.h"
#include "fetch/token.h"

#include <pop/base64.h>
#include <pop/limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define NONE ((struct pop_view){"", 0})

static void
assert_view(struct pop_view got, const char *wanted)
{
    if (!pop_view_equal(got, pop_view_of(wanted)))
        fail_msg("'%.*s', not '%s'", (int)got.len, got.data, wanted);
}

/* ---- SCRAM ---- */

#define NONCE_1   "fyko+d2lbbFgONRv9qkxdawL"
#define NONCE_256 "rOprNGfwEbeRWgbNEkqO"

static struct scram *
make_scram(bool sha_256, const char *user, const char *nonce)
{
    struct scram *scram;
    struct err err;
    struct scram_setup setup = {
        .sha_256 = sha_256,
        .user = pop_view_of(user),
        .password = POP_VIEW("pencil"),
        .nonce = pop_view_of(nonce),
    };
    assert_int_equal(scram_new(&scram, &setup, &err), ERR_OK);
    return scram;
}

static enum sasl_step
step(struct scram *scram, const char *challenge, struct pop_view *ret_response, struct err *err)
{
    return scram_next(scram, pop_view_of(challenge), ret_response, err);
}

/* R5802-1: the examples of RFC 5802, section 5, and RFC 7677, section 3. */
static void
scram_is_as_in_the_rfcs(void **state)
{
    static const struct {
        bool sha_256;
        const char *nonce, *first, *server_first, *final, *server_final;
    } rows[] = {
        {false, NONCE_1, "n,,n=user,r=" NONCE_1,
         "r=" NONCE_1 "3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
         "c=biws,r=" NONCE_1 "3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
         "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
        {true, NONCE_256, "n,,n=user,r=" NONCE_256,
         "r=" NONCE_256 "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
         "c=biws,r=" NONCE_256 "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
         "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
         "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err;
        struct pop_view response;
        struct scram *scram = make_scram(rows[i].sha_256, "user", rows[i].nonce);
        assert_view(scram_first(scram), rows[i].first);
        assert_int_equal(step(scram, rows[i].server_first, &response, &err), SASL_RESPOND);
        assert_view(response, rows[i].final);
        assert_false(scram_is_through(scram));
        assert_int_equal(step(scram, rows[i].server_final, &response, &err), SASL_RESPOND);
        assert_view(response, "");
        assert_true(scram_is_through(scram));
        assert_int_equal(step(scram, "", &response, &err), SASL_CANCEL);
        assert_int_equal(err.code, ERR_PROTOCOL);
        scram_free(scram);
    }
}

/* R5802-7, R5802-8 */
static void
scram_says_what_it_is_bound_to(void **state)
{
    static const char binding[] = "0123456789abcdef0123456789abcdef";
    static const struct {
        bool binds;
        const char *binding, *header, *input;
    } rows[] = {
        {true, binding, "p=tls-exporter,,", "p=tls-exporter,,0123456789abcdef0123456789abcdef"},
        {false, binding, "y,,", "y,,"},
        {false, "", "n,,", "n,,"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err;
        struct pop_view response;
        struct scram *scram;
        struct scram_setup setup = {
            .sha_256 = true,
            .binds = rows[i].binds,
            .user = POP_VIEW("user"),
            .password = POP_VIEW("pencil"),
            .binding = pop_view_of(rows[i].binding),
            .nonce = POP_VIEW("abc"),
        };
        char text[200];
        assert_int_equal(scram_new(&scram, &setup, &err), ERR_OK);
        (void)snprintf(text, sizeof text, "%sn=user,r=abc", rows[i].header);
        assert_view(scram_first(scram), text);
        assert_int_equal(step(scram, "r=abcd,s=QUFB,i=4096", &response, &err), SASL_RESPOND);

        char input[100];
        size_t len = 0;
        const char *end = memchr(response.data, ',', response.len);
        struct pop_view base64 = {response.data + 2, (size_t)(end - response.data) - 2};
        assert_memory_equal(response.data, "c=", 2);
        assert_true(pop_base64_decode(base64, input, &len));
        assert_view((struct pop_view){input, len}, rows[i].input);
        scram_free(scram);
    }
}

static void
names_are_escaped_and_nonces_are_fresh(void **state)
{
    (void)state;
    struct scram *scram = make_scram(true, "a,b=c", "abc");
    assert_view(scram_first(scram), "n,,n=a=2Cb=3Dc,r=abc");
    scram_free(scram);

    struct scram *one = make_scram(true, "a", "");
    struct scram *two = make_scram(true, "a", "");
    assert_int_equal(scram_first(one).len, strlen("n,,n=a,r=") + 24);
    assert_false(pop_view_equal(scram_first(one), scram_first(two)));
    scram_free(one);
    scram_free(two);

    char name[256];
    memset(name, ',', 255);
    name[255] = '\0';
    scram = make_scram(true, name, ""); /* the longest */
    assert_int_equal(scram_first(scram).len, strlen("n,,n=,r=") + 3 * 255 + 24);
    scram_free(scram);
}

/* R5802-1, R7677-2 */
static void
a_first_message_that_is_wrong_ends_it(void **state)
{
    static const struct {
        const char *text;
        enum err_code code;
        const char *word; /* in the reason */
    } rows[] = {
        {"", ERR_PROTOCOL, "cannot be read"},
        {"r=abcd", ERR_PROTOCOL, "cannot be read"},
        {"r=abcd,s=QUFB", ERR_PROTOCOL, "cannot be read"},
        {"s=QUFB,r=abcd,i=4096", ERR_PROTOCOL, "cannot be read"},
        {"m=x,r=abcd,s=QUFB,i=4096", ERR_PROTOCOL, "cannot be read"},
        {"r=abcd,s=,i=4096", ERR_PROTOCOL, "cannot be read"},
        {"r=abcd,s=QUF,i=4096", ERR_PROTOCOL, "cannot be read"},
        {"r=abcd,s=QUFB,i=", ERR_PROTOCOL, "cannot be read"},
        {"r=abcd,s=QUFB,i=-1", ERR_PROTOCOL, "cannot be read"},
        {"r=abcd,s=QUFB,i=4096x", ERR_PROTOCOL, "cannot be read"},
        {"r=abc,s=QUFB,i=4096", ERR_PROTOCOL, "nonce"},
        {"r=abd,s=QUFB,i=4096", ERR_PROTOCOL, "nonce"},
        {"r=,s=QUFB,i=4096", ERR_PROTOCOL, "nonce"},
        {"r=xabc,s=QUFB,i=4096", ERR_PROTOCOL, "nonce"},
        {"r=abcd,s=QUFB,i=0", ERR_LIMIT, " 0 iterations"},
        {"r=abcd,s=QUFB,i=1", ERR_LIMIT, "easy to guess"},
        {"r=abcd,s=QUFB,i=4095", ERR_LIMIT, "easy to guess"},
        {"r=abcd,s=QUFB,i=10000001", ERR_LIMIT, "more than 10000000"},
        {"r=abcd,s=QUFB,i=4294967295", ERR_LIMIT, "more than 10000000"},
        {"r=abcd,s=QUFB,i=99999999999999999999", ERR_LIMIT, "more than 10000000"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = {0};
        struct pop_view response;
        struct scram *scram = make_scram(true, "user", "abc");
        if (step(scram, rows[i].text, &response, &err) != SASL_CANCEL ||
            err.code != rows[i].code || strstr(err.text, rows[i].word) == NULL)
            fail_msg("%s: %s", rows[i].text, err.text);
        scram_free(scram);
    }
    static char text[SCRAM_MESSAGE_MAX + 2] = "r=abcd,s=QUFB,i=4096,x=";
    memset(text + strlen(text), 'x', sizeof text - 1 - strlen(text));
    struct err err;
    struct pop_view response;
    struct scram *scram = make_scram(true, "user", "abc");
    assert_int_equal(step(scram, text, &response, &err), SASL_CANCEL);
    scram_free(scram);
    text[SCRAM_MESSAGE_MAX] = '\0'; /* extensions may follow */
    scram = make_scram(true, "user", "abc");
    assert_int_equal(step(scram, text, &response, &err), SASL_RESPOND);
    scram_free(scram);
    /* The longest nonce. */
    memset(text, 'd', sizeof text);
    memcpy(text, "r=abcd", 6);
    memcpy(text + SCRAM_MESSAGE_MAX - 14, ",s=QUFB,i=4096", 15);
    scram = make_scram(true, "user", "abc");
    assert_int_equal(step(scram, text, &response, &err), SASL_RESPOND);
    scram_free(scram);
}

/* R5802-4: the right one is in scram_is_as_in_the_rfcs. */
static void
a_server_that_proves_nothing_is_an_impostor(void **state)
{
    static const struct {
        const char *text;
        enum sasl_step step;
    } rows[] = {
        {"", SASL_IMPOSTOR},
        {"v=", SASL_IMPOSTOR},
        {"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", SASL_IMPOSTOR},
        {"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G=", SASL_IMPOSTOR},
        {"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl9", SASL_IMPOSTOR},
        {"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=AAAA", SASL_IMPOSTOR},
        {"x=1,v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", SASL_IMPOSTOR},
        {"V=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", SASL_IMPOSTOR},
        {"e=invalid-proof", SASL_CANCEL},
        {"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=,x=1", SASL_RESPOND},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = {0};
        struct pop_view response;
        struct scram *scram = make_scram(true, "user", NONCE_256);
        assert_int_equal(
            step(
                scram,
                "r=" NONCE_256
                "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
                &response, &err),
            SASL_RESPOND);
        if (step(scram, rows[i].text, &response, &err) != rows[i].step ||
            scram_is_through(scram) != (rows[i].step == SASL_RESPOND))
            fail_msg("%s", rows[i].text);
        if (rows[i].step == SASL_CANCEL)
            assert_int_equal(err.code, ERR_DENIED);
        scram_free(scram);
    }
}

/* ---- the others ---- */

static struct sasl *
make(enum mechanism mechanism, const char *user, const char *secret)
{
    struct sasl *sasl;
    struct err err;
    struct sasl_identity identity = {
        .user = pop_view_of(user),
        .secret = pop_view_of(secret),
        .host = POP_VIEW("pop.example.org"),
        .port = 995,
    };
    if (sasl_new(&sasl, mechanism, &identity, &err) != ERR_OK)
        fail_msg("%s", err.text);
    return sasl;
}

/* R5034-13, R4616-1, R5034-9: along with AUTH, or after an empty challenge. */
static void
plain_is_one_message(void **state)
{
    static const char wanted[] = "\0ann\0two words";
    struct err err;
    struct pop_view message;
    (void)state;
    for (int along = 0; along < 2; along++) {
        struct sasl *sasl = make(MECHANISM_PLAIN, "ann", "two words");
        assert_false(sasl_is_through(sasl)); /* +OK to AUTH alone is no login */
        if (along) {
            assert_true(sasl_initial(sasl, &message));
            sasl_started(sasl);
        } else {
            assert_int_equal(sasl_next(sasl, NONE, &message, &err), SASL_RESPOND);
        }
        assert_int_equal(message.len, sizeof wanted - 1);
        assert_memory_equal(message.data, wanted, message.len);
        assert_true(sasl_is_through(sasl));
        assert_int_equal(sasl_next(sasl, NONE, &message, &err), SASL_CANCEL);
        assert_false(sasl_is_through(sasl));
        sasl_free(sasl);
    }
    struct sasl *sasl = make(MECHANISM_PLAIN, "ann", "secret");
    assert_int_equal(sasl_next(sasl, POP_VIEW("what?"), &message, &err), SASL_CANCEL);
    assert_false(sasl_is_through(sasl));
    sasl_free(sasl);
}

static void
login_is_the_name_and_then_the_password(void **state)
{
    struct err err;
    struct pop_view message;
    (void)state;
    struct sasl *sasl = make(MECHANISM_LOGIN, "ann", "secret");
    assert_false(sasl_initial(sasl, &message));
    assert_int_equal(sasl_next(sasl, POP_VIEW("Username:"), &message, &err), SASL_RESPOND);
    assert_view(message, "ann");
    assert_false(sasl_is_through(sasl));
    assert_int_equal(sasl_next(sasl, POP_VIEW("Password:"), &message, &err), SASL_RESPOND);
    assert_view(message, "secret");
    assert_true(sasl_is_through(sasl));
    assert_int_equal(sasl_next(sasl, POP_VIEW("More:"), &message, &err), SASL_CANCEL);
    sasl_free(sasl);
}

/* R2195-1: the example of RFC 2195, section 2. */
static void
cram_md5_is_as_in_the_rfc(void **state)
{
    struct err err;
    struct pop_view message;
    struct pop_view challenge = POP_VIEW("<1896.697170952@postoffice.reston.mci.net>");
    (void)state;
    struct sasl *sasl = make(MECHANISM_CRAM_MD5, "tim", "tanstaaftanstaaf");
    assert_false(sasl_initial(sasl, &message));
    assert_int_equal(sasl_next(sasl, challenge, &message, &err), SASL_RESPOND);
    assert_view(message, "tim b913a602c7eda7a495b4e6e7334d3890");
    assert_true(sasl_is_through(sasl));
    assert_int_equal(sasl_next(sasl, challenge, &message, &err), SASL_CANCEL);
    sasl_free(sasl);
    sasl = make(MECHANISM_CRAM_MD5, "tim", "tanstaaftanstaaf");
    assert_int_equal(sasl_next(sasl, NONE, &message, &err), SASL_CANCEL);
    sasl_free(sasl);
}

/* R7628-1, R7628-3 */
static void
bearers_tell_the_token_and_hear_the_reason(void **state)
{
    static const struct {
        enum mechanism mechanism;
        const char *message, *answer;
    } rows[] = {
        {MECHANISM_OAUTHBEARER,
         "n,a=a=2Cb,\1host=pop.example.org\1port=995\1auth=Bearer to.ken\1\1", "\1"},
        {MECHANISM_XOAUTH2, "user=a,b\1auth=Bearer to.ken\1\1", ""},
    };
    struct pop_view error = POP_VIEW("{\"status\":\"invalid_token\",\"scope\":\"mail\\n\"}");
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err;
        struct pop_view message;
        struct sasl *sasl = make(rows[i].mechanism, "a,b", "to.ken");
        assert_true(sasl_initial(sasl, &message));
        assert_view(message, rows[i].message);
        sasl_started(sasl);
        assert_true(sasl_is_through(sasl));
        assert_true(
            sasl_is_told(
                sasl, POP_VIEW("AUTH x bixhPWE9MkNiLAFob3N0PXBvcC5leGFtcGxlLm9y"
                               "ZwFwb3J0PTk5NQFhdXRoPUJlYXJlciB0by5rZW4BAQ==")) == (i == 0));
        assert_int_equal(sasl_next(sasl, error, &message, &err), SASL_RESPOND);
        assert_view(message, rows[i].answer);
        assert_string_equal(sasl_refusal(sasl), "status invalid_token, scope mail\\x0a");
        assert_false(sasl_is_through(sasl)); /* +OK after that is no login */
        assert_int_equal(sasl_next(sasl, error, &message, &err), SASL_CANCEL);
        sasl_free(sasl);
    }
}

static void
an_error_that_is_no_json_is_shown_as_it_came(void **state)
{
    static const char *const rows[][2] = {
        {"no \"json\"\n", "no \"json\"\\x0a"},
        {"{}", "{}"},
        {"[1]", "[1]"},
        {"{\"status\":401}", "{\"status\":401}"},
        {"{\"status\":\"401\",\"schemes\":\"Bearer\"}", "status 401"},
        {"{\"scope\":\"a\"}", "scope a"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[OAUTH_REFUSAL_MAX];
        oauth_read_error(pop_view_of(rows[i][0]), text);
        assert_string_equal(text, rows[i][1]);
    }
    char text[OAUTH_REFUSAL_MAX];
    char deep[9000];
    memset(deep, '[', sizeof deep);
    oauth_read_error((struct pop_view){deep, sizeof deep}, text);
    assert_true(strlen(text) < SHOWN_TEXT_MAX);
}

static void
the_longest_token_fits_but_for_absurd_names(void **state)
{
    static struct token token;
    static char text[TOKEN_MAX + 1];
    char user[256];
    char host[254];
    (void)state;
    memset(user, ',', sizeof user);
    memset(text, 'x', sizeof text);
    memset(host, 'h', sizeof host);
    assert_false(token_set(&token, (struct pop_view){text, TOKEN_MAX + 1}));
    assert_true(token_set(&token, (struct pop_view){text, TOKEN_MAX}));
    struct err err;
    struct pop_view message;
    struct sasl_identity identity = {
        .user = {user, 160},
        .secret = {token.data, token.len},
        .host = {host, 253},
        .port = 65535,
    };
    for (int absurd = 0; absurd < 2; absurd++) {
        struct sasl *sasl = NULL;
        enum err_code code = sasl_new(&sasl, MECHANISM_OAUTHBEARER, &identity, &err);
        assert_int_equal(code, absurd ? ERR_INVALID : ERR_OK);
        if (!absurd) {
            assert_true(sasl_initial(sasl, &message));
            assert_true(message.len <= POP_SASL_RESPONSE_MAX);
        }
        sasl_free(sasl);
        identity.user.len = 255;
    }

    static const char *const wrong[] = {"", "a b", "a\1b", "a\tb", "a\x80"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(token_set(&token, pop_view_of(wrong[i])));
        assert_int_equal(token.len, 0);
    }
    assert_true(token_set(&token, POP_VIEW("ya29.a-b_c~d+e/f==")));
}

/* Two ways to write one name or password are one; what SASLprep refuses is told before
 * anything is sent. */
static void
scram_prepares_names_and_passwords(void **state)
{
    static const struct {
        const char *user, *password;
        enum err_code code;
        const char *first; /* its start, behind the header */
    } rows[] = {
        {"ann", "secret", ERR_OK, "n=ann,"},
        {"a\xc2\xadnn", "x", ERR_OK, "n=ann,"},              /* soft hyphen: nothing */
        {"\xe2\x85\xa8", "x", ERR_OK, "n=IX,"},              /* roman nine */
        {"u\xcc\x88", "p\xc3\xa4ss", ERR_OK, "n=\xc3\xbc,"}, /* composed */
        {"ann", "p\xe4ss", ERR_INVALID, "password"},         /* Latin-1 */
        {"ann",
         "a\xe2\x80\xa8"
         "b",
         ERR_INVALID, "password"},                    /* line separator */
        {"ann", "\xc2\xad", ERR_INVALID, "password"}, /* nothing is left */
        {"\xe4", "secret", ERR_INVALID, "user name"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sasl *sasl = NULL;
        struct err err = {0};
        struct pop_view message;
        struct sasl_identity identity = {
            .user = pop_view_of(rows[i].user), .secret = pop_view_of(rows[i].password)};
        enum err_code code = sasl_new(&sasl, MECHANISM_SCRAM_SHA_256, &identity, &err);
        if (code != rows[i].code)
            fail_msg("row %zu: %d %s", i, code, err.text);
        if (code != ERR_OK) {
            assert_non_null(strstr(err.text, rows[i].first));
            continue;
        }
        assert_true(sasl_initial(sasl, &message));
        assert_memory_equal(message.data + 3, rows[i].first, strlen(rows[i].first));
        sasl_free(sasl);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scram_is_as_in_the_rfcs),
        cmocka_unit_test(scram_says_what_it_is_bound_to),
        cmocka_unit_test(names_are_escaped_and_nonces_are_fresh),
        cmocka_unit_test(a_first_message_that_is_wrong_ends_it),
        cmocka_unit_test(a_server_that_proves_nothing_is_an_impostor),
        cmocka_unit_test(plain_is_one_message),
        cmocka_unit_test(login_is_the_name_and_then_the_password),
        cmocka_unit_test(cram_md5_is_as_in_the_rfc),
        cmocka_unit_test(bearers_tell_the_token_and_hear_the_reason),
        cmocka_unit_test(an_error_that_is_no_json_is_shown_as_it_came),
        cmocka_unit_test(the_longest_token_fits_but_for_absurd_names),
        cmocka_unit_test(scram_prepares_names_and_passwords),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
