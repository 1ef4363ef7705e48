/* pop: URLs (RFC 2384). */
#include "fetch/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pop_url
parse(const char *text)
{
    struct pop_url url;
    struct err err = {0};
    enum err_code code = url_parse(text, &url, &err);
    if (code != ERR_OK)
        fail_msg("'%s' was refused: %s", text, err.text);
    return url;
}

static void
check_refused(const char *text, const char *reason)
{
    struct pop_url url;
    struct pop_url before;
    struct err err = {0};
    memset(&url, 0x55, sizeof url);
    before = url;
    assert_int_equal(url_parse(text, &url, &err), ERR_INVALID);
    if (strstr(err.text, reason) == NULL)
        fail_msg("'%s' was refused because of: %s", text, err.text);
    assert_memory_equal(&url, &before, sizeof url);
}

static void
the_ports_are_110_and_995_unless_given(void **state)
{
    (void)state;
    assert_int_equal(parse("pop://ann@host").port, 110);
    assert_int_equal(parse("POPS://ann@host").port, 995);
    assert_int_equal(parse("pop://ann@host:1").port, 1);
    assert_int_equal(parse("pops://ann@host:65535").port, 65535);
    assert_false(parse("pop://ann@host").implicit_tls);
    assert_true(parse("pops://ann@host").implicit_tls);
}

static void
user_names_are_decoded(void **state)
{
    (void)state;
    assert_string_equal(parse("pop://ann%40example.org@host").user, "ann@example.org");
    assert_string_equal(parse("pop://a%20b%2fc%3B%3a@host").user, "a b/c;:");
    assert_string_equal(parse("pop://%C3%BC@host").user, "\xc3\xbc");
    assert_string_equal(parse("pop://$-_.+!*'(),&=~@host").user, "$-_.+!*'(),&=~");
}

static void
hosts_are_names_and_addresses(void **state)
{
    (void)state;
    assert_string_equal(parse("pop://ann@Mail.Example.ORG").host, "mail.example.org");
    assert_string_equal(parse("pop://ann@127.0.0.1:1110").host, "127.0.0.1");
    assert_string_equal(parse("pop://ann@[::1]").host, "::1");
    assert_string_equal(parse("pop://ann@[2001:DB8::1]:995").host, "2001:db8::1");
    assert_int_equal(parse("pop://ann@[2001:DB8::1]:995").port, 995);
}

static void
auth_parts_are_understood(void **state)
{
    (void)state;
    assert_int_equal(parse("pop://ann;AUTH=*@host").auth, URL_AUTH_ANY);
    assert_int_equal(parse("pop://ann;auth=+apop@host").auth, URL_AUTH_APOP);
    assert_int_equal(parse("pop://ann;AUTH=SCRAM-SHA-256@host").auth, URL_AUTH_SASL);
    assert_string_equal(parse("pop://ann;AUTH=scram-sha-256@host").mechanism, "SCRAM-SHA-256");
    assert_string_equal(parse("pop://ann;AUTH=*@host").user, "ann");
    check_refused("pop://ann;AUTH=@host", "AUTH");
    check_refused("pop://ann;type=a@host", "AUTH");
    check_refused("pop://ann;AUTH=a b@host", "malformed");
    check_refused("pop://ann;AUTH=ABCDEFGHIJKLMNOPQRSTU@host", "too long");
}

static void
a_password_is_refused_and_not_repeated(void **state)
{
    (void)state;
    struct pop_url url;
    struct err err;
    assert_int_equal(url_parse("pop://ann:hunter2@host", &url, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "password"));
    assert_null(strstr(err.text, "hunter2"));
}

static void
malformed_urls_are_refused(void **state)
{
    (void)state;
    check_refused("", "must start with pop://");
    check_refused("pop:ann@host", "must start with pop://");
    check_refused("imap://ann@host", "must start with pop://");
    check_refused("pop://host", "user name");
    check_refused("pop://@host", "user name");
    check_refused("pop://;AUTH=*@host", "user name");
    check_refused("pop://ann@", "no host");
    check_refused("pop://ann@:110", "no host");
    check_refused("pop://ann@host/", "malformed");
    check_refused("pop://ann@host:", "port");
    check_refused("pop://ann@host:0", "port");
    check_refused("pop://ann@host:+1", "port");
    check_refused("pop://ann@host:65536", "port");
    check_refused("pop://ann@host:110/x", "port");
    check_refused("pop://ann@[::1", "']'");
    check_refused("pop://ann@[::1]x", ":PORT");
    check_refused("pop://ann@ho st", "malformed");
    check_refused("pop://a b@host", "%XX");
    check_refused("pop://a@b@host", "%XX");
    check_refused("pop://a%4@host", "%XX");
    check_refused("pop://a%@host", "%XX");
    check_refused("pop://a%zz@host", "%XX");
    check_refused("pop://a%0D%0AQUIT@host", "control");
    check_refused("pop://a%00@host", "control");
    check_refused("pop://a%7F@host", "control");
}

static void
names_that_are_too_long_are_refused(void **state)
{
    (void)state;
    char text[1024] = "pop://";
    memset(text + 6, 'a', 300);
    memcpy(text + 306, "@host", 6);
    check_refused(text, "longer than 255");
    memcpy(text, "pop://u@", 8);
    memset(text + 8, 'a', 254);
    text[262] = '\0';
    check_refused(text, "too long");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ports_are_110_and_995_unless_given),
        cmocka_unit_test(user_names_are_decoded),
        cmocka_unit_test(hosts_are_names_and_addresses),
        cmocka_unit_test(auth_parts_are_understood),
        cmocka_unit_test(a_password_is_refused_and_not_repeated),
        cmocka_unit_test(malformed_urls_are_refused),
        cmocka_unit_test(names_that_are_too_long_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
