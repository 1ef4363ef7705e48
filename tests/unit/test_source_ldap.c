/* The LDAP source without a directory: names in filters and DNs, settings, the empty password.
 */
#include "auth/source.h"
#include "auth/source_ldap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NAME(text)                                                                             \
    {                                                                                          \
        text, sizeof(text) - 1                                                                 \
    }

/* ---- templates ---- */

static void
name_is_one_value(void **state)
{
    static const struct {
        const char *text;
        struct pop_view name;
        const char *filled;
    } cases[] = {
        {"(uid=%u)", NAME("ann"), "(uid=ann)"},
        {"(mail=%u)", NAME("A.b_c-9@example.org"), "(mail=A.b_c-9@example.org)"},
        {"(&(uid=%n)(o=%d))", NAME("ann@example.org"), "(&(uid=ann)(o=example.org))"},
        {"(&(uid=%n)(o=%d))", NAME("a@b@c"), "(&(uid=a@b)(o=c))"},
        {"(uid=%n)", NAME("ann"), "(uid=ann)"},
        {"(&(a=100%%)(uid=%u))", NAME("ann"), "(&(a=100%)(uid=ann))"},
        /* RFC 4515, section 3 */
        {"(uid=%u)", NAME("*"), "(uid=\\2a)"},
        {"(uid=%u)", NAME(")(uid=*"), "(uid=\\29\\28uid\\3d\\2a)"},
        {"(uid=%u)", NAME("a\\2a"), "(uid=a\\5c2a)"},
        {"(uid=%u)", NAME("a\0b"), "(uid=a\\00b)"},
        {"(uid=%u)", NAME("&|!~<>"), "(uid=\\26\\7c\\21\\7e\\3c\\3e)"},
        {"(uid=%u)", NAME("J\xc3\xbcrg \xff"), "(uid=J\\c3\\bcrg\\20\\ff)"},
        /* RFC 4514, section 2.4 */
        {"uid=%u,ou=p", NAME(" a,b+c\"d;e<f>g\\h"),
         "uid=\\20a\\2cb\\2bc\\22d\\3be\\3cf\\3eg\\5ch,ou=p"},
        {"uid=%u,ou=p", NAME("#1 "), "uid=\\231\\20,ou=p"},
        {"uid=%u,ou=p", NAME("x,ou=admins"), "uid=x\\2cou\\3dadmins,ou=p"},
        /* what is filled in is not filled in again */
        {"uid=%n,dc=%d", NAME("%u@%d"), "uid=\\25u,dc=\\25d"},
    };
    struct err err;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *filled = NULL;
        assert_int_equal(template_fill(cases[i].text, cases[i].name, &filled, &err), ERR_OK);
        assert_string_equal(filled, cases[i].filled);
        free(filled);
    }
}

static void
every_octet_comes_back(void **state)
{
    char octets[255];
    struct err err;
    (void)state;
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (char)(i + 1);
    char *filled = NULL;
    assert_int_equal(
        template_fill("(a=%u)", (struct pop_view){octets, sizeof octets}, &filled, &err),
        ERR_OK);
    const char *c = filled + 3;
    for (size_t i = 0; i < sizeof octets; i++) {
        unsigned value = (unsigned char)*c++;
        if (value == '\\') {
            assert_int_equal(sscanf(c, "%2x", &value), 1);
            c += 2;
        }
        assert_int_equal(value, i + 1);
    }
    assert_string_equal(c, ")");
    free(filled);
}

static void
name_without_that_part_is_nobodys(void **state)
{
    static const struct {
        const char *text;
        struct pop_view name;
    } cases[] = {
        {"(&(uid=%n)(o=%d))", NAME("ann")},
        {"(&(uid=%n)(o=%d))", NAME("ann@")},
        {"(&(uid=%n)(o=%d))", NAME("@example.org")},
        {"(uid=%u)", NAME("")},
    };
    struct err err;
    char *filled = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(
            template_fill(cases[i].text, cases[i].name, &filled, &err), ERR_NOT_FOUND);
    assert_null(filled);
}

static void
filters_are_checked(void **state)
{
    static const char *const good[] = {
        "(uid=%u)", "(&(objectClass=posixAccount)(uid=%u))", "(|(mail=%u)(&(uid=%n)(o=%d)))",
        "(&(a=\\28%%)(uid=%n))"};
    static const char *const bad[] = {"",          "uid=%u",     "(uid=%u",  "(uid=%u))",
                                      "(a=b)",     "(uid=%x)",   "(uid=%u%", "(a=%%u)",
                                      "(a)(u=%u)", "((uid=%u)(", ")(uid=%u", "(uid=%d)",
                                      "(uid=%u) ", "x(uid=%u)"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_null(template_filter_problem(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (template_filter_problem(bad[i]) == NULL)
            fail_msg("'%s' passes", bad[i]);
}

/* ---- settings ---- */

#define URL      [SOURCE_URL] = "ldap://127.0.0.1:1"
#define BASE     [SOURCE_BASE] = "dc=example,dc=org"
#define PERSONAL [SOURCE_BIND_DN] = "uid=%u,dc=example,dc=org"
#define SECRET   [SOURCE_PASSWORD_FILE] = secret_path

static char secret_path[] = "/tmp/restante-ldap-XXXXXX";

static int
make_secret(void **state)
{
    int fd = mkstemp(secret_path);
    (void)state;
    return fd >= 0 && write(fd, "secret\n", 7) == 7 && close(fd) == 0 ? 0 : -1;
}

static int
remove_secret(void **state)
{
    (void)state;
    return unlink(secret_path);
}

static void
settings_that_can_be(void **state)
{
    static const struct source_settings cases[] = {
        {{URL, BASE}},
        {{URL, BASE, [SOURCE_CHECK] = "compare", [SOURCE_FILTER] = "(mail=%u)"}},
        {{URL, BASE, [SOURCE_BIND_DN] = "cn=reader", SECRET}},
        {{URL, PERSONAL}},
        {{URL, PERSONAL, [SOURCE_CHECK] = "bind", [SOURCE_START_TLS] = "no"}},
        {{BASE, [SOURCE_URL] = "ldapi://%2frun%2fslapd%2fldapi"}},
        {{BASE, [SOURCE_URL] = "ldaps://one.example ldaps://two.example"}},
    };
    static const bool verifies[] = {true, false, true, true, true, true, true};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct source *source = NULL;
        struct err err = {.text = ""};
        if (source_ldap.open(&source, &cases[i], &err) != ERR_OK)
            fail_msg("case %zu: %s", i, err.text);
        assert_int_equal(source_ldap.verifies(source), verifies[i]);
        source_ldap.close(source);
    }
}

static void
settings_that_cannot_be_are_named(void **state)
{
    static const struct {
        struct source_settings settings;
        const char *word;
    } cases[] = {
        {{{BASE}}, "url: "},
        {{{BASE, [SOURCE_URL] = "http://127.0.0.1"}}, "url: "},
        {{{BASE, [SOURCE_URL] = "ldap:/127.0.0.1"}}, "url: "},
        {{{URL}}, "base: "},
        {{{URL, [SOURCE_BIND_DN] = "cn=reader"}}, "base: "},
        {{{URL, [SOURCE_BIND_DN] = "uid=%u,dc=%x"}}, "bind-dn: "},
        {{{URL, PERSONAL, BASE, SECRET}}, "bind-dn: "},
        {{{URL, PERSONAL, SECRET}}, "password-file: "},
        {{{URL, PERSONAL, [SOURCE_FILTER] = "(uid=%u)"}}, "filter: "},
        {{{URL, PERSONAL, [SOURCE_CHECK] = "compare"}}, "check: "},
        {{{URL, BASE, [SOURCE_CHECK] = "guess"}}, "check: "},
        {{{URL, BASE, [SOURCE_FILTER] = "(uid=ann)"}}, "filter: "},
        {{{URL, BASE, [SOURCE_BIND_DN] = "cn=reader"}}, "password-file: "},
        {{{URL, BASE, [SOURCE_BIND_DN] = "cn=reader", [SOURCE_PASSWORD_FILE] = "/nowhere"}},
         "password-file: "},
        {{{URL, BASE, [SOURCE_BIND_DN] = "cn=reader", [SOURCE_PASSWORD_FILE] = "/dev/null"}},
         "password-file: "},
        {{{URL, BASE, SECRET}}, "bind-dn: "},
        {{{URL, BASE, [SOURCE_CA] = secret_path}}, "ca: "},
        {{{URL, BASE, [SOURCE_START_TLS] = "yes", [SOURCE_CA] = "/nowhere"}}, "ca: "},
        {{{URL, BASE, [SOURCE_START_TLS] = "maybe"}}, "start-tls: "},
        {{{BASE, [SOURCE_URL] = "ldaps://h", [SOURCE_START_TLS] = "yes"}}, "start-tls: "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct source *source = NULL;
        struct err err = {.text = ""};
        if (source_ldap.open(&source, &cases[i].settings, &err) == ERR_OK ||
            strncmp(err.text, cases[i].word, strlen(cases[i].word)) != 0)
            fail_msg("case %zu: \"%s\"", i, err.text);
        assert_null(source);
    }
}

/* ---- asking ---- */

static void
empty_password_is_wrong_before_anybody_is_asked(void **state)
{
    static const struct source_settings both[] = {{{URL, BASE}}, {{URL, PERSONAL}}};
    static const struct network_address from;
    struct secret empty = {.len = 0}, some = {.len = 1, .data = "x"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct source *source = NULL;
        struct auth_user user;
        struct err err;
        assert_int_equal(source_ldap.open(&source, &both[i], &err), ERR_OK);
        auth_user_begin(&user, POP_VIEW("ann"));
        /* Nothing is at that port, which shows as soon as it is asked. */
        assert_int_equal(source_ldap.verify(source, &some, &from, &user, &err), ERR_CLOSED);
        assert_int_equal(source_ldap.verify(source, &empty, &from, &user, &err), ERR_DENIED);
        source_ldap.close(source);
    }
}

static void
directory_never_binds_an_empty_password(void **state)
{
    static const struct directory_place place = {.url = "ldap://127.0.0.1:1"};
    struct directory directory = {.place = &place};
    struct err err;
    (void)state;
    assert_int_equal(
        directory_bind(&directory, "cn=ann", (struct pop_view){"", 0}, &err), ERR_DENIED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_is_one_value),
        cmocka_unit_test(every_octet_comes_back),
        cmocka_unit_test(name_without_that_part_is_nobodys),
        cmocka_unit_test(filters_are_checked),
        cmocka_unit_test(settings_that_can_be),
        cmocka_unit_test(settings_that_cannot_be_are_named),
        cmocka_unit_test(empty_password_is_wrong_before_anybody_is_asked),
        cmocka_unit_test(directory_never_binds_an_empty_password),
    };
    return cmocka_run_group_tests(tests, make_secret, remove_secret);
}
