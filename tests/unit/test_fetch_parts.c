/* The small parts of the fetcher: window, listing, names, escaping, progress line. */
#include "fetch/escape.h"
#include "fetch/fetch_limits.h"
#include "fetch/listing.h"
#include "fetch/mail_name.h"
#include "fetch/progress.h"
#include "fetch/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void
window_closes_at_its_octets_and_opens_as_they_come(void **state)
{
    (void)state;
    struct window window = {0};
    window_sent(&window, WINDOW_OCTETS_MAX / 2);
    assert_true(window_is_open(&window));
    window_sent(&window, WINDOW_OCTETS_MAX / 2);
    assert_false(window_is_open(&window));
    window_begin(&window, WINDOW_OCTETS_MAX / 2);
    window_received(&window, 1000);
    assert_true(window_is_open(&window));
}

static void
window_returns_what_was_counted_whatever_came(void **state)
{
    (void)state;
    struct window window = {0};
    window_sent(&window, 10);
    window_sent(&window, INT64_MAX);
    assert_false(window_is_open(&window));
    window_begin(&window, 10);
    window_received(&window, 1000000); /* LIST had lied */
    window_end(&window);
    window_begin(&window, INT64_MAX);
    window_received(&window, 3);
    window_end(&window);
    assert_int_equal(window.in_flight, 0);
}

static void
empty_messages_fill_the_window_too(void **state)
{
    (void)state;
    struct window window = {0};
    uint32_t sent = 0;
    for (; window_is_open(&window); sent++)
        window_sent(&window, 0);
    assert_int_equal(sent, WINDOW_OCTETS_MAX / WINDOW_COMMAND_COST);
}

static void
listing_is_put_together_by_number(void **state)
{
    (void)state;
    struct listing listing = {0};
    assert_int_equal(listing_add_size(&listing, 7, 70, NULL), ERR_OK);
    assert_int_equal(listing_add_size(&listing, 2, 20, NULL), ERR_OK);
    assert_int_equal(listing_add_size(&listing, 7, 71, NULL), ERR_OK); /* twice */
    assert_int_equal(listing_add_uid(&listing, 7, POP_VIEW("seven"), NULL), ERR_OK);
    assert_int_equal(
        listing_add_uid(&listing, 9, POP_VIEW("nine"), NULL), ERR_OK); /* not there */
    assert_int_equal(listing_finish(&listing), 2);
    assert_int_equal(listing.count, 2);
    assert_int_equal(listing.entries[0].number, 2);
    assert_int_equal(listing.entries[0].uid.len, 0);
    assert_int_equal(listing.entries[1].size, 70);
    assert_true(pop_view_equal(listing.entries[1].uid, POP_VIEW("seven")));
    listing_free(&listing);
}

static void
listing_refuses_numbers_that_no_message_has(void **state)
{
    (void)state;
    struct listing listing = {0};
    assert_int_equal(listing_add_size(&listing, 0, 1, NULL), ERR_INVALID);
    assert_int_equal(
        listing_add_size(&listing, (uint64_t)UINT32_MAX + 1, 1, NULL), ERR_INVALID);
    assert_int_equal(listing_add_uid(&listing, 0, POP_VIEW("x"), NULL), ERR_INVALID);
    listing_free(&listing);
}

static struct mail_key
key_of(const char *identity, const char *uid, uint32_t occurrence)
{
    struct mail_key key;
    assert_int_equal(
        mail_key_make(&key, pop_view_of(identity), pop_view_of(uid), occurrence, NULL), ERR_OK);
    return key;
}

static void
name_gives_its_key_back_with_flags_or_without(void **state)
{
    (void)state;
    char name[FILE_NAME_MAX_LEN + 8];
    struct mail_key key = key_of("ann@host:110", "uid", 0);
    struct mail_key found;
    mail_name_make(name, &key, 1700000000, 17);
    assert_true(mail_name_key(name, &found));
    assert_int_equal(mail_key_compare(&key, &found), 0);
    memcpy(name + strlen(name), ":2,S", 5);
    assert_true(mail_name_key(name, &found));
    assert_int_equal(mail_key_compare(&key, &found), 0);
}

static void
keys_differ_by_account_uid_and_occurrence(void **state)
{
    (void)state;
    struct mail_key key = key_of("a", "bc", 0);
    struct mail_key others[] = {
        key_of("ab", "c", 0), key_of("a", "bc", 1), key_of("a", "b", 0), key_of("", "abc", 0)};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_not_equal(mail_key_compare(&key, &others[i]), 0);
}

static void
names_of_other_programs_have_no_key(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",
        ".",
        "..",
        "1700000000.M1P2.host",
        "1700000000.R0123456789abcdef0123456789abcdef.host",
        "1700000000.M1R0123456789abcdef0123456789abcde.host",
        "1700000000.M1R0123456789ABCDEF0123456789ABCDEF.host",
        "1700000000.M1R0123456789abcdef0123456789abcdef0.host",
        "x.M1R0123456789abcdef0123456789abcdef.host"};
    struct mail_key key;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_false(mail_name_key(names[i], &key));
}

static void
octets_that_do_not_print_are_escaped(void **state)
{
    (void)state;
    assert_string_equal(escape_text(POP_VIEW("a b~")).text, "a b~");
    assert_string_equal(
        escape_text(POP_VIEW("\x1b[2J\r\n\0\x9b")).text, "\\x1b[2J\\x0d\\x0a\\x00\\x9b");
}

static void
text_that_is_too_long_is_cut_visibly(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 1, sizeof text);
    struct shown shown = escape_text((struct pop_view){text, sizeof text});
    size_t len = strlen(shown.text);
    assert_true(len < sizeof shown.text);
    assert_string_equal(shown.text + len - 3, "...");
}

static void
progress_line_fits_every_width(void **state)
{
    (void)state;
    const struct progress_state states[] = {
        {0, 0, 0, 0, 0},
        {3, 18, 12345, 67042, 1000},
        {18, 18, 67042, 67042, 1},
        {5, 4, 99, 3, 10000},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, INT64_MAX},
        {0, UINT64_MAX, 1, UINT64_MAX, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        for (int width = PROGRESS_WIDTH_MIN; width <= PROGRESS_WIDTH_MAX; width++) {
            char line[PROGRESS_WIDTH_MAX + 1];
            progress_format(line, width, &states[i]);
            assert_true(strlen(line) < (size_t)width);
            assert_int_equal(strcspn(line, "\r\n\x1b"), strlen(line));
        }
    }
}

static void
progress_line_tells_messages_octets_rate_and_time_left(void **state)
{
    (void)state;
    char line[PROGRESS_WIDTH_MAX + 1];
    progress_format(line, 80, &(struct progress_state){9, 18, 33500, 67000, 2000});
    assert_string_equal(
        line, "[####################....................] 9/18  33.5K  16.8K/s  2s left");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_closes_at_its_octets_and_opens_as_they_come),
        cmocka_unit_test(window_returns_what_was_counted_whatever_came),
        cmocka_unit_test(empty_messages_fill_the_window_too),
        cmocka_unit_test(listing_is_put_together_by_number),
        cmocka_unit_test(listing_refuses_numbers_that_no_message_has),
        cmocka_unit_test(name_gives_its_key_back_with_flags_or_without),
        cmocka_unit_test(keys_differ_by_account_uid_and_occurrence),
        cmocka_unit_test(names_of_other_programs_have_no_key),
        cmocka_unit_test(octets_that_do_not_print_are_escaped),
        cmocka_unit_test(text_that_is_too_long_is_cut_visibly),
        cmocka_unit_test(progress_line_fits_every_width),
        cmocka_unit_test(progress_line_tells_messages_octets_rate_and_time_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
