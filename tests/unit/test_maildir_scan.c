/* What file names say, their order, and listing folders while a reader renames at full speed.
 */
#include "maildrop.h"
#include "store/maildir_name.h"
#include "store/maildir_scan.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct name_case {
    const char *name;
    uint64_t time;
    const char *unique;
    const char *base;
};

static const struct name_case name_cases[] = {
    {"1700000000.M1P2.host", 1700000000, "1700000000.M1P2.host", "1700000000.M1P2.host"},
    {"17.a:2,FS", 17, "17.a", "17.a"},
    {"17.a,S=1,W=2:2,", 17, "17.a", "17.a,S=1,W=2"},
    {"17.a,b", 17, "17.a,b", "17.a,b"},
    {"17.a,b,S=1", 17, "17.a,b", "17.a,b,S=1"},
    {"17.a,s=1", 17, "17.a,s=1", "17.a,s=1"},
    {"17.a,S", 17, "17.a,S", "17.a,S"},
    {"17.a,S=", 17, "17.a", "17.a,S="},
    {"17", 0, "17", "17"},
    {".a", 0, ".a", ".a"},
    {"x17.a", 0, "x17.a", "x17.a"},
    {"1x.a", 0, "1x.a", "1x.a"},
    {"-1.a", 0, "-1.a", "-1.a"},
    {"+1.a", 0, "+1.a", "+1.a"},
    {"0000000000000000000000000007.a", 7, NULL, NULL},
    {"18446744073709551615.a", UINT64_MAX, NULL, NULL},
    {"18446744073709551616.a", UINT64_MAX, NULL, NULL},
    {"99999999999999999999999999999999999999.a", UINT64_MAX, NULL, NULL},
    {":2,S", 0, "", ""},
    {",S=1", 0, "", ",S=1"},
    {"1.a:2,S=1", 1, "1.a", "1.a"},
};

static void
a_name_says_time_unique_part_and_base(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof name_cases / sizeof *name_cases; i++) {
        const struct name_case *wanted = &name_cases[i];
        struct maildir_name name = maildir_name_parse(pop_view_of(wanted->name));
        const char *unique = wanted->unique != NULL ? wanted->unique : wanted->name;
        const char *base = wanted->base != NULL ? wanted->base : wanted->name;
        if (name.time != wanted->time || !pop_view_equal(name.unique, pop_view_of(unique)) ||
            !pop_view_equal(name.base, pop_view_of(base)))
            fail_msg("misread: %s", wanted->name);
    }
}

static void
attributes_are_read_from_the_base_name_only(void **state)
{
    (void)state;
    uint64_t size = 77;
    assert_true(maildir_name_wire_size(POP_VIEW("1.a,S=10,W=12"), &size));
    assert_int_equal(size, 12);
    assert_true(maildir_name_file_size(POP_VIEW("1.a,S=10,W=12"), &size));
    assert_int_equal(size, 10);
    assert_true(maildir_name_wire_size(POP_VIEW("1.a,W=549755813888"), &size));
    size = 77;
    assert_false(maildir_name_wire_size(POP_VIEW("1.a,W=549755813889"), &size));
    assert_false(maildir_name_wire_size(POP_VIEW("1.a,W=1 "), &size));
    assert_false(maildir_name_wire_size(POP_VIEW("1.a,W=+1"), &size));
    assert_false(maildir_name_wire_size(POP_VIEW("1.a,W="), &size));
    assert_false(maildir_name_wire_size(POP_VIEW("1.a,W"), &size));
    assert_false(maildir_name_wire_size(POP_VIEW("W=1"), &size));
    assert_false(maildir_name_wire_size(POP_VIEW(""), &size));
    assert_int_equal(size, 77);
}

/* In the order of messages. */
static const char *const ordered[] = {
    "",
    "a",
    "b",
    "b,S=1",
    "b,S=2",
    "b!",
    "9.z",
    "10.a",
    "10.b",
    "10.b,S=1",
    "10.b,S=1,W=1",
    "10.b!",
    "10.ba",
    "1700000000.a",
    "18446744073709551615.a",
    "99999999999999999999999.b",
};

static void
the_order_is_by_time_then_unique_part_then_base(void **state)
{
    (void)state;
    size_t count = sizeof ordered / sizeof *ordered;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            struct maildir_name a = maildir_name_parse(pop_view_of(ordered[i]));
            struct maildir_name b = maildir_name_parse(pop_view_of(ordered[j]));
            int order = maildir_name_compare(&a, &b);
            if ((order > 0) - (order < 0) != (i > j) - (i < j))
                fail_msg("'%s' and '%s' are in the wrong order", ordered[i], ordered[j]);
        }
    }
}

/* ---- listing ---- */

static struct maildir_scan
scan_of(const struct maildrop *maildrop)
{
    struct maildir_folders folders;
    struct maildir_scan scan = {0};
    struct err err;
    if (maildir_folders_open(&folders, maildrop->path, &err) != ERR_OK ||
        maildir_scan_run(&scan, &folders, &err) != ERR_OK)
        fail_msg("cannot scan: %s", err.text);
    maildir_folders_close(&folders);
    return scan;
}

static void
every_file_is_listed_in_order_and_found_by_its_base_name(void **state)
{
    (void)state;
    enum { FILES = 500 };
    struct maildrop maildrop;
    char name[64];
    maildrop_make(&maildrop);
    for (int i = 0; i < FILES; i++) {
        (void)snprintf(name, sizeof name, "%s/%d.x:2,", i % 3 == 0 ? "new" : "cur", i * 7);
        maildrop_put(&maildrop, name, "");
    }
    struct maildir_scan scan = scan_of(&maildrop);
    assert_int_equal(scan.list.count, FILES);
    for (int i = 0; i < FILES; i++) {
        assert_int_equal(scan.list.entries[i].time, i * 7);
        assert_int_equal(scan.list.entries[i].folder, i % 3 == 0 ? SNAPSHOT_NEW : SNAPSHOT_CUR);
        (void)snprintf(name, sizeof name, "%d.x", i * 7);
        struct maildir_name wanted = maildir_name_parse(pop_view_of(name));
        assert_ptr_equal(maildir_list_find(&scan.list, &wanted), &scan.list.entries[i]);
        (void)snprintf(name, sizeof name, "%d.y", i * 7);
        wanted = maildir_name_parse(pop_view_of(name));
        assert_null(maildir_list_find(&scan.list, &wanted));
    }
    maildir_scan_finish(&scan);
    maildrop_remove(&maildrop);
}

static void
of_two_files_with_one_base_name_the_one_in_cur_counts(void **state)
{
    (void)state;
    struct maildrop maildrop;
    maildrop_make(&maildrop);
    maildrop_put(&maildrop, "new/1.a", "");
    maildrop_put(&maildrop, "cur/1.a:2,S", "");
    struct maildir_scan scan = scan_of(&maildrop);
    assert_int_equal(scan.list.count, 1);
    assert_int_equal(scan.list.entries[0].folder, SNAPSHOT_CUR);
    maildir_scan_finish(&scan);
    maildrop_remove(&maildrop);
}

/* ---- the storm ---- */

#define STORM_MESSAGES 60
#define STORM_ROUNDS   150

struct storm {
    struct maildrop maildrop;
    char paths[STORM_MESSAGES][96]; /* as they are called now; the thread's */
    atomic_bool over;
};

static void
storm_move(struct storm *storm, int index, const char *folder, const char *flags)
{
    char to[96];
    (void)snprintf(
        to, sizeof to, "%s/%s/%d.storm%s", storm->maildrop.path, folder, index, flags);
    if (rename(storm->paths[index], to) == 0)
        memcpy(storm->paths[index], to, sizeof to);
}

/* A mail reader at full speed: opens what is new, sets and drops flags. */
static void *
storm_thread(void *context)
{
    static const char *const flags[] = {":2,", ":2,S", ":2,FS", ":2,RS"};
    struct storm *storm = context;
    for (int round = 0; round < STORM_ROUNDS; round++)
        for (int i = 0; i < STORM_MESSAGES; i++)
            storm_move(storm, i, "cur", flags[round % 4]);
    atomic_store(&storm->over, true);
    return NULL;
}

static struct storm *
storm_make(void)
{
    struct storm *storm = calloc(1, sizeof *storm);
    assert_non_null(storm);
    maildrop_make(&storm->maildrop);
    for (int i = 0; i < STORM_MESSAGES; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "new/%d.storm", i);
        maildrop_put(&storm->maildrop, name, "x\n");
        (void)snprintf(
            storm->paths[i], sizeof storm->paths[i], "%s/%s", storm->maildrop.path, name);
    }
    return storm;
}

/* All there, each once, each to be opened. */
static void
check_session(const struct storm *storm)
{
    struct session session = session_open(&store_maildir, storm->maildrop.path);
    assert_int_equal(session_count(&session), STORM_MESSAGES);
    for (uint32_t i = 0; i < STORM_MESSAGES; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "%u.storm 3", i);
        assert_string_equal(session_line(&session, i), line);
        free(session_read(&session, i));
    }
    session_close(&session);
    maildrop_unlink(&storm->maildrop, "restante.index"); /* nothing to lean on next time */
}

static void
no_message_is_missed_or_doubled_while_a_reader_renames_them_all(void **state)
{
    (void)state;
    struct storm *storm = storm_make();
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, storm_thread, storm), 0);
    do
        check_session(storm);
    while (!atomic_load(&storm->over));
    assert_int_equal(pthread_join(thread, NULL), 0);
    check_session(storm);
    maildrop_remove(&storm->maildrop);
    free(storm);
}

static void
no_marked_message_survives_a_commit_under_renames(void **state)
{
    (void)state;
    struct storm *storm = storm_make();
    pthread_t thread;
    struct err err;
    unsigned char marks[(STORM_MESSAGES + 7) / 8];
    uint32_t left = 9;
    memset(marks, 0x55, sizeof marks);
    struct session session = session_open(&store_maildir, storm->maildrop.path);
    assert_int_equal(pthread_create(&thread, NULL, storm_thread, storm), 0);
    assert_int_equal(session.ops->commit(session.store, marks, &left, &err), ERR_OK);
    assert_int_equal(left, 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    session_close(&session);
    session = session_open(&store_maildir, storm->maildrop.path);
    assert_int_equal(session_count(&session), STORM_MESSAGES / 2);
    for (uint32_t i = 0; i < STORM_MESSAGES / 2; i++)
        assert_int_equal(atoll(session_line(&session, i)) % 2, 1);
    session_close(&session);
    maildrop_remove(&storm->maildrop);
    free(storm);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_says_time_unique_part_and_base),
        cmocka_unit_test(attributes_are_read_from_the_base_name_only),
        cmocka_unit_test(the_order_is_by_time_then_unique_part_then_base),
        cmocka_unit_test(every_file_is_listed_in_order_and_found_by_its_base_name),
        cmocka_unit_test(of_two_files_with_one_base_name_the_one_in_cur_counts),
        cmocka_unit_test(no_message_is_missed_or_doubled_while_a_reader_renames_them_all),
        cmocka_unit_test(no_marked_message_survives_a_commit_under_renames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
