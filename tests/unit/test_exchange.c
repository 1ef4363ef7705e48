/* SASL exchanges with GNU SASL's client at the other end: who gets in, and how it looks from
 * outside when somebody does not. */
#include "auth/exchange.h"
#include "auth/password.h"

#include "auth/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>

/* {SCRAM-SHA-256} of "pencil" with 4096 iterations. */
#define SCRAM_PENCIL                                                                           \
    "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,"                                            \
    "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"                                            \
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

static const struct {
    const char *name;
    const char *stored;
} users[] = {
    {"plain", "{PLAIN}pencil"},
    {"scram", SCRAM_PENCIL},
    {"never", "*"},
    {"a,b=c", "{PLAIN}pencil"}, /* on the wire: a=2Cb=3Dc (R5802-5) */
};

static const char *dummy = SCRAM_PENCIL; /* of the unknown */

static bool
look_up(struct pop_view name, struct auth_user *user)
{
    auth_user_begin(user, name);
    for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
        if (!pop_view_equal(name, pop_view_of(users[i].name)))
            continue;
        (void)snprintf(user->stored, sizeof user->stored, "%s", users[i].stored);
        return true;
    }
    (void)snprintf(user->stored, sizeof user->stored, "%s", dummy);
    return false;
}

/* ---- the client ---- */

struct client {
    const char *user;
    const char *other; /* to act for; NULL: nobody */
    const char *password;
    const char *binding; /* base64; NULL: none */
};

static int
on_question(Gsasl *gsasl, Gsasl_session *session, Gsasl_property property)
{
    const struct client *client = gsasl_session_hook_get(session);
    const char *value = property == GSASL_AUTHID            ? client->user
                        : property == GSASL_AUTHZID         ? client->other
                        : property == GSASL_PASSWORD        ? client->password
                        : property == GSASL_CB_TLS_EXPORTER ? client->binding
                                                            : NULL;
    (void)gsasl;
    if (value == NULL)
        return GSASL_NO_CALLBACK;
    return gsasl_property_set(session, property, value);
}

static struct exchange_library *library;
static Gsasl *client_library;

/* exchange_next() with the look-up that it may ask for. */
static enum exchange_step
next(struct exchange *exchange, struct pop_view response, struct pop_view *ret_challenge)
{
    struct auth_user user;
    enum exchange_step step = exchange_next(exchange, response, ret_challenge);
    if (step != EXCHANGE_LOOK_UP)
        return step;
    bool known = look_up(pop_view_of(exchange_user(exchange)->name), &user);
    struct scram_request request;
    struct scram_keys keys = {.len = 0};
    struct password password;
    if (exchange_wants_keys(exchange, &user, &request)) {
        assert_int_equal(password_parse(pop_view_of(user.stored), &password, NULL), ERR_OK);
        assert_int_equal(scram_derive(&request, password.text, &keys, NULL), ERR_OK);
    }
    step = exchange_found(exchange, &user, known, &keys, ret_challenge);
    assert_int_not_equal(step, EXCHANGE_LOOK_UP);
    return step;
}

struct ending {
    enum exchange_step step;
    bool client_satisfied;
    char user[USER_NAME_MAX + 1];
    char secret[PASSWORD_MAX + 1];
    char first_challenge[256];
};

static void
note_user(struct ending *ending, struct exchange *exchange)
{
    (void)snprintf(ending->user, sizeof ending->user, "%s", exchange_user(exchange)->name);
    (void)snprintf(
        ending->secret, sizeof ending->secret, "%s", exchange_secret(exchange)->data);
}

/* Both sides, until the server has come to an end. */
static struct ending
play(enum mechanism mechanism, const struct client *client, struct pop_view binding)
{
    struct err err;
    struct ending ending = {.step = EXCHANGE_CHALLENGE};
    struct exchange *exchange;
    Gsasl_session *session;
    const struct mechanism_row *row = mechanism_row(mechanism);
    if (exchange_new(library, mechanism, binding, &exchange, &err) != ERR_OK)
        fail_msg("%s", err.text);
    assert_int_equal(gsasl_client_start(client_library, row->name, &session), GSASL_OK);
    gsasl_session_hook_set(session, (void *)(uintptr_t)client);

    struct pop_view challenge = {"", 0};
    char *response = NULL;
    size_t len = 0;
    int result = GSASL_NEEDS_MORE;
    if (!row->server_first)
        result = gsasl_step(session, NULL, 0, &response, &len);
    for (int i = 0; i < 8; i++) {
        ending.step = next(exchange, (struct pop_view){response, len}, &challenge);
        gsasl_free(response);
        response = NULL;
        len = 0;
        if (ending.step != EXCHANGE_CHALLENGE)
            break;
        if (i == 0)
            (void)snprintf(
                ending.first_challenge, sizeof ending.first_challenge, "%.*s",
                (int)challenge.len, challenge.data);
        if (result == GSASL_NEEDS_MORE)
            result = gsasl_step(session, challenge.data, challenge.len, &response, &len);
    }
    ending.client_satisfied = result == GSASL_OK;
    if (ending.step == EXCHANGE_PROVED || ending.step == EXCHANGE_PASSWORD)
        note_user(&ending, exchange);
    gsasl_finish(session);
    exchange_free(exchange);
    return ending;
}

static const struct pop_view no_binding;

/* ---- the tests ---- */

static void
password_mechanisms_bring_name_and_password(void **state)
{
    static const enum mechanism mechanisms[] = {MECHANISM_PLAIN, MECHANISM_LOGIN};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct client client = {.user = "plain", .password = "any thing at all"};
        struct ending ending = play(mechanisms[i], &client, no_binding);
        assert_int_equal(ending.step, EXCHANGE_PASSWORD);
        assert_string_equal(ending.user, "plain");
        assert_string_equal(ending.secret, "any thing at all");
        client.user = "nobody";
        ending = play(mechanisms[i], &client, no_binding);
        assert_int_equal(ending.step, EXCHANGE_PASSWORD); /* the check refuses, as for others */
        assert_string_equal(ending.user, "nobody");
    }
}

static const enum mechanism scrams[] = {
    MECHANISM_SCRAM_SHA_256_PLUS, MECHANISM_SCRAM_SHA_256, MECHANISM_SCRAM_SHA_1_PLUS,
    MECHANISM_SCRAM_SHA_1};

static bool
is_sha_1(enum mechanism mechanism)
{
    return mechanism == MECHANISM_SCRAM_SHA_1 || mechanism == MECHANISM_SCRAM_SHA_1_PLUS;
}

static void
scram_proves_both_sides(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scrams / sizeof *scrams; i++) {
        for (size_t j = 0; j < 2; j++) {
            if (j == 1 && is_sha_1(scrams[i]))
                continue; /* stored for SHA-256 only */
            bool binds = mechanism_row(scrams[i])->binds;
            struct client client = {
                .user = users[j].name,
                .password = "pencil",
                .binding = binds ? "YmluZGluZw==" : NULL,
            };
            struct ending ending =
                play(scrams[i], &client, binds ? POP_VIEW("binding") : no_binding);
            if (ending.step != EXCHANGE_PROVED)
                fail_msg("%s as %s", mechanism_row(scrams[i])->name, users[j].name);
            assert_true(ending.client_satisfied);
            assert_string_equal(ending.user, users[j].name);
        }
    }
}

static void
comma_and_equals_sign_in_a_name_are_escaped(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scrams / sizeof *scrams; i++) {
        bool binds = mechanism_row(scrams[i])->binds;
        struct client client = {
            .user = "a,b=c",
            .password = "pencil",
            .binding = binds ? "YmluZGluZw==" : NULL,
        };
        struct ending ending =
            play(scrams[i], &client, binds ? POP_VIEW("binding") : no_binding);
        assert_int_equal(ending.step, EXCHANGE_PROVED);
        assert_string_equal(ending.user, "a,b=c");
    }
}

static void
wrong_password_unknown_user_and_locked_user_end_alike(void **state)
{
    static const struct client clients[] = {
        {.user = "scram", .password = "pencils"}, {.user = "plain", .password = "pencils"},
        {.user = "nobody", .password = "pencil"}, {.user = "never", .password = "pencil"},
        {.user = "never", .password = "*"},
    };
    static const char *const dummies[] = {SCRAM_PENCIL, "{PLAIN}pencil", "$y$j9T$salt$"};
    (void)state;
    for (size_t i = 0; i < sizeof clients / sizeof *clients; i++) {
        for (size_t j = 0; j < sizeof dummies / sizeof *dummies; j++) {
            dummy = dummies[j];
            struct ending ending = play(MECHANISM_SCRAM_SHA_256, &clients[i], no_binding);
            if (ending.step != EXCHANGE_DENIED || ending.client_satisfied)
                fail_msg("%s, dummy %s: %d", clients[i].user, dummies[j], (int)ending.step);
            assert_string_equal(ending.user, "");
            assert_non_null(strstr(ending.first_challenge, ",i=4096"));
        }
    }
    dummy = SCRAM_PENCIL;
}

/* "r=...,s=SALT,i=...": the salt. */
static void
salt_of(const struct ending *ending, char ret_salt[64])
{
    const char *salt = strstr(ending->first_challenge, ",s=");
    assert_non_null(salt);
    (void)snprintf(ret_salt, 64, "%.*s", (int)strcspn(salt + 3, ","), salt + 3);
}

static void
salt_for(const char *user, char ret_salt[64])
{
    struct client client = {.user = user, .password = "x"};
    struct ending ending = play(MECHANISM_SCRAM_SHA_256, &client, no_binding);
    salt_of(&ending, ret_salt);
}

/* However the others are stored: what all strangers have in common would give them away. */
static void
unknown_user_has_a_salt_that_stays(void **state)
{
    (void)state;
    static const char *const dummies[] = {"{PLAIN}pencil", SCRAM_PENCIL};
    char first[64], second[64], other[64];
    for (size_t i = 0; i < 2; i++) {
        dummy = dummies[i];
        salt_for("nobody", first);
        salt_for("nobody", second);
        salt_for("nobody2", other);
        assert_string_equal(first, second);
        assert_string_not_equal(first, other);
        assert_int_equal(strlen(first), 24);
        exchange_library_set_secret(library, pop_view_of(i == 0 ? "another" : "a third"));
        salt_for("nobody", second);
        assert_string_not_equal(first, second);
    }
}

static void
nobody_acts_for_another(void **state)
{
    (void)state;
    static const enum mechanism mechanisms[] = {MECHANISM_PLAIN, MECHANISM_SCRAM_SHA_256};
    for (size_t i = 0; i < 2; i++) {
        struct client client = {.user = "plain", .other = "scram", .password = "pencil"};
        assert_int_equal(play(mechanisms[i], &client, no_binding).step, EXCHANGE_DENIED);
        client.other = "plain"; /* for oneself is no harm (R4616-3) */
        enum exchange_step step = play(mechanisms[i], &client, no_binding).step;
        assert_true(step == EXCHANGE_PASSWORD || step == EXCHANGE_PROVED);
    }
}

static void
binding_to_another_channel_is_refused(void **state)
{
    (void)state;
    struct client client = {.user = "plain", .password = "pencil", .binding = "YmluZGluZw=="};
    assert_int_equal(
        play(MECHANISM_SCRAM_SHA_256_PLUS, &client, POP_VIEW("bindinx")).step, EXCHANGE_DENIED);
}

/* What a client says by hand; the last step. */
static enum exchange_step
say(enum mechanism mechanism, struct pop_view binding, const char *const *lines, size_t count)
{
    struct err err;
    struct exchange *exchange;
    struct pop_view challenge;
    enum exchange_step step = EXCHANGE_CHALLENGE;
    assert_int_equal(exchange_new(library, mechanism, binding, &exchange, &err), ERR_OK);
    for (size_t i = 0; i < count && step == EXCHANGE_CHALLENGE; i++)
        step = next(exchange, pop_view_of(lines[i]), &challenge);
    exchange_free(exchange);
    return step;
}

static void
what_breaks_the_rules_is_refused(void **state)
{
    static const struct {
        enum mechanism mechanism;
        const char *line;
    } rows[] = {
        {MECHANISM_SCRAM_SHA_256, ""},
        {MECHANISM_SCRAM_SHA_256, "n,,"},
        {MECHANISM_SCRAM_SHA_256, "n,,n=ann"},
        {MECHANISM_SCRAM_SHA_256, "n,,n=,r=abc"},
        {MECHANISM_SCRAM_SHA_256, "n,,n=a=b,r=abc"},              /* R5802-5 */
        {MECHANISM_SCRAM_SHA_256, "n,,m=x,n=ann,r=abc"},          /* R5802-5 */
        {MECHANISM_SCRAM_SHA_256, "p=tls-exporter,,n=ann,r=abc"}, /* R5802-6 */
        {MECHANISM_SCRAM_SHA_256, "x,,n=ann,r=abc"},
        {MECHANISM_SCRAM_SHA_256_PLUS, "n,,n=ann,r=abc"},
        {MECHANISM_SCRAM_SHA_256_PLUS, "p=tls-unique,,n=ann,r=abc"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pop_view binding =
            mechanism_row(rows[i].mechanism)->binds ? POP_VIEW("binding") : no_binding;
        enum exchange_step step = say(rows[i].mechanism, binding, &rows[i].line, 1);
        if (step != EXCHANGE_DENIED && step != EXCHANGE_MALFORMED)
            fail_msg("%s: %d", rows[i].line, (int)step);
    }
}

/* R5802-6: a client that could bind, and was kept from seeing that the server can. */
static void
downgrade_is_seen(void **state)
{
    (void)state;
    static const char *const lines[] = {"y,,n=plain,r=abcdefgh"};
    enum exchange_step step = say(MECHANISM_SCRAM_SHA_256, POP_VIEW("binding"), lines, 1);
    assert_true(step == EXCHANGE_DENIED || step == EXCHANGE_MALFORMED);
    assert_int_equal(say(MECHANISM_SCRAM_SHA_256, no_binding, lines, 1), EXCHANGE_CHALLENGE);
}

static void
plain_message_has_exactly_its_parts(void **state)
{
    static const struct {
        const char *octets;
        size_t len;
        enum exchange_step step;
    } rows[] = {
        {"\0ann\0secret", 11, EXCHANGE_PASSWORD},
        {"ann\0ann\0x", 9, EXCHANGE_PASSWORD},
        {"", 0, EXCHANGE_MALFORMED},
        {"ann", 3, EXCHANGE_MALFORMED},
        {"\0ann", 4, EXCHANGE_MALFORMED},
        {"\0\0x", 3, EXCHANGE_DENIED},
        {"\0ann\0", 5, EXCHANGE_DENIED},
        {"\0ann\0a\0b", 8, EXCHANGE_DENIED},
        {"\0ann\0\xff\xfe", 7, EXCHANGE_DENIED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err;
        struct exchange *exchange;
        struct pop_view challenge;
        assert_int_equal(
            exchange_new(library, MECHANISM_PLAIN, no_binding, &exchange, &err), ERR_OK);
        enum exchange_step step =
            next(exchange, (struct pop_view){rows[i].octets, rows[i].len}, &challenge);
        bool as_wanted =
            step == rows[i].step || (rows[i].step != EXCHANGE_PASSWORD &&
                                     (step == EXCHANGE_DENIED || step == EXCHANGE_MALFORMED));
        if (!as_wanted)
            fail_msg("row %zu: %d", i, (int)step);
        exchange_free(exchange);
    }
}

/* ---- tokens ---- */

/* An exchange after its first message. */
static struct exchange *
bring(enum mechanism mechanism, const char *message, enum exchange_step expected)
{
    struct err err;
    struct exchange *exchange;
    struct pop_view challenge;
    char copy[64];
    assert_int_equal(exchange_new(library, mechanism, no_binding, &exchange, &err), ERR_OK);
    (void)snprintf(copy, sizeof copy, "%s", message);
    struct pop_view response = pop_view_of(copy);
    assert_int_equal(exchange_next(exchange, response, &challenge), expected);
    memset(copy, 'x', sizeof copy); /* the exchange keeps nothing of it */
    return exchange;
}

static void
token_and_name_are_for_the_owner_to_check(void **state)
{
    (void)state;
    struct exchange *exchange =
        bring(MECHANISM_OAUTHBEARER, "n,a=ann,\1auth=Bearer abc.def\1\1", EXCHANGE_TOKEN);
    assert_string_equal(exchange_user(exchange)->name, "ann");
    assert_true(pop_view_equal(exchange_token(exchange), POP_VIEW("abc.def")));
    exchange_free(exchange);
    exchange = bring(MECHANISM_OAUTHBEARER, "n,,\1auth=Bearer abc.def\1\1", EXCHANGE_TOKEN);
    assert_string_equal(exchange_user(exchange)->name, "");
    exchange_free(exchange);
    exchange = bring(MECHANISM_XOAUTH2, "user=ann\1auth=Bearer abc.def\1\1", EXCHANGE_TOKEN);
    assert_string_equal(exchange_user(exchange)->name, "ann");
    assert_true(pop_view_equal(exchange_token(exchange), POP_VIEW("abc.def")));
    exchange_free(exchange);
}

/* R7628-2; what the client answers does not matter. */
static void
refused_token_is_told_and_then_denied(void **state)
{
    static const struct {
        enum mechanism mechanism;
        const char *message;
        const char *challenge;
        const char *answer;
    } rows[] = {
        {MECHANISM_OAUTHBEARER, "n,,\1auth=Bearer abc\1\1",
         "{\"status\":\"invalid_token\",\"scope\":\"mail\"}", "\1"},
        {MECHANISM_XOAUTH2, "user=ann\1auth=Bearer abc\1\1",
         "{\"status\":\"401\",\"schemes\":\"bearer\",\"scope\":\"mail\"}", ""},
        {MECHANISM_XOAUTH2, "user=ann\1auth=Bearer abc\1\1",
         "{\"status\":\"401\",\"schemes\":\"bearer\",\"scope\":\"mail\"}",
         "user=ann\1auth=Bearer abc\1\1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pop_view challenge;
        struct exchange *exchange = bring(rows[i].mechanism, rows[i].message, EXCHANGE_TOKEN);
        exchange_token_refused(exchange, POP_VIEW("mail"), &challenge);
        assert_true(pop_view_equal(challenge, pop_view_of(rows[i].challenge)));
        assert_int_equal(
            exchange_next(exchange, pop_view_of(rows[i].answer), &challenge), EXCHANGE_DENIED);
        exchange_free(exchange);
    }
}

static void
malformed_token_message_is_seen(void **state)
{
    (void)state;
    exchange_free(bring(MECHANISM_OAUTHBEARER, "", EXCHANGE_MALFORMED));
    exchange_free(bring(MECHANISM_OAUTHBEARER, "\1", EXCHANGE_MALFORMED));
    exchange_free(bring(MECHANISM_XOAUTH2, "n,,\1auth=Bearer abc\1\1", EXCHANGE_MALFORMED));
}

static void
tokens_are_offered_only_where_something_checks_them(void **state)
{
    const uint32_t bearers =
        MECHANISM_BIT(MECHANISM_OAUTHBEARER) | MECHANISM_BIT(MECHANISM_XOAUTH2);
    (void)state;
    assert_int_equal(exchange_mechanisms_for(1u << PASSWORD_PLAIN, false) & bearers, 0);
    assert_int_equal(exchange_mechanisms_for(0, true) & bearers, bearers);
    for (unsigned i = 0; i < MECHANISM_COUNT; i++) {
        const struct mechanism_row *row = mechanism_row((enum mechanism)i);
        assert_int_equal(row->bearer, (bearers & MECHANISM_BIT(i)) != 0);
        assert_true(row->plaintext || !row->bearer);
    }
}

static int
start(void **state)
{
    struct err err;
    (void)state;
    if (exchange_library_new(&library, &err) != ERR_OK)
        return -1;
    exchange_library_set_secret(library, POP_VIEW("one"));
    if (gsasl_init(&client_library) != GSASL_OK)
        return -1;
    gsasl_callback_set(client_library, on_question);
    return 0;
}

static int
finish(void **state)
{
    (void)state;
    gsasl_done(client_library);
    exchange_library_free(library);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(password_mechanisms_bring_name_and_password),
        cmocka_unit_test(scram_proves_both_sides),
        cmocka_unit_test(comma_and_equals_sign_in_a_name_are_escaped),
        cmocka_unit_test(wrong_password_unknown_user_and_locked_user_end_alike),
        cmocka_unit_test(unknown_user_has_a_salt_that_stays),
        cmocka_unit_test(nobody_acts_for_another),
        cmocka_unit_test(binding_to_another_channel_is_refused),
        cmocka_unit_test(what_breaks_the_rules_is_refused),
        cmocka_unit_test(downgrade_is_seen),
        cmocka_unit_test(plain_message_has_exactly_its_parts),
        cmocka_unit_test(token_and_name_are_for_the_owner_to_check),
        cmocka_unit_test(refused_token_is_told_and_then_denied),
        cmocka_unit_test(malformed_token_message_is_seen),
        cmocka_unit_test(tokens_are_offered_only_where_something_checks_them),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
