/*
 * Every call may fail: the n-th one does, n = 0, 1, 2 ... until a run is clean. After each
 * failure the maildrop must be in a state that the tables of doc/maildir.md allow.
 */
#include "descriptors.h"
#include "faults.h"
#include "maildrop.h"
#include "store/maildir_target.h"
#include "store/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* No run makes so many calls: a loop that does not end is a failure too. */
#define CALLS_MAX 2000

static const struct fault_plan plans[] = {
    {.number = EIO},
    {.number = ENOSPC},
    {.number = EACCES},
    {.number = EMFILE},
    {.number = EINTR},
    {.number = EIO, .lasting = true},
    {.number = ENOSPC, .lasting = true},
};

#define PLANS (sizeof plans / sizeof *plans)

/* ---- a session ---- */

struct message {
    const char *uid;
    const char *name; /* as it is delivered */
    const char *text;
    const char *line;
    bool marked;
};

#define MESSAGES 5

static const struct message messages[MESSAGES] = {
    {"1.a", "new/1.a", "A: 1\n\na\n", "1.a 11", true},
    {"2.b", "new/2.b", "B: 2\n\n", "2.b 8", false},
    {"3.c", "cur/3.c:2,S", "C: 3\r\n\r\nc\r\n", "3.c 11", true},
    {"4.d", "cur/4.d,W=9:2,", "D: 4\n\nd", "4.d 11", false}, /* claims a wrong size */
    {"5.e", "new/5.e", "", "5.e 0", true},
};

/* How the maildrop was left by earlier sessions. */
enum before {
    BEFORE_NO_INDEX,
    BEFORE_CURRENT,
    BEFORE_STALE,
    BEFORE_COUNT,
};

struct outcome {
    bool opened;
    enum err_code commit;
    uint32_t left;
};

static void
prepare(struct maildrop *maildrop, enum before before)
{
    clock_reset();
    maildrop_make(maildrop);
    for (size_t i = 0; i < MESSAGES; i++)
        if (before != BEFORE_STALE || i != 1)
            maildrop_put(maildrop, messages[i].name, messages[i].text);
    if (before == BEFORE_NO_INDEX)
        return;
    clock_advance();
    struct session session = session_open(&store_maildir, maildrop->path);
    session.ops->message_suspect(session.store, session_count(&session) - 2); /* 4.d */
    session_close(&session);
    if (before == BEFORE_STALE)
        maildrop_put(maildrop, messages[1].name, messages[1].text);
}

static void
check_text(int fd, const char *text)
{
    char got[64] = "";
    /* Past the wrapped calls: reading is the client's, not what is tested. */
    assert_int_equal(syscall(SYS_pread64, fd, got, sizeof got - 1, 0), strlen(text));
    assert_string_equal(got, text);
}

static const struct message *
message_of(struct pop_view uid)
{
    for (size_t i = 0; i < MESSAGES; i++)
        if (pop_view_equal(uid, pop_view_of(messages[i].uid)))
            return &messages[i];
    fail_msg("a message that nobody delivered");
    return NULL;
}

/* A whole session, in which whatever can be done is done; a reader renames meanwhile. */
static void
run_session(const struct maildrop *maildrop, struct outcome *outcome)
{
    struct store *store = NULL;
    struct snapshot snapshot;
    struct err err = {0};
    enum err_code code = store_maildir.open(&store, maildrop->path, &err);
    assert_int_equal(code, err.code);
    if (code != ERR_OK)
        return;
    outcome->opened = true;
    maildrop_rename(maildrop, "new/1.a", "cur/1.a:2,F");
    maildrop_rename(maildrop, "new/2.b", "cur/2.b:2,S");
    assert_int_equal(snapshot_open(store_maildir.snapshot(store), &snapshot, NULL), ERR_OK);

    unsigned char marks = 0;
    for (uint32_t i = 0; i < snapshot.maildrop.count; i++) {
        const struct message *message = message_of(pop_maildrop_uid(&snapshot.maildrop, i));
        int fd = -1;
        struct err why = {0};
        code = store_maildir.message_open(store, i, &fd, &why);
        assert_int_equal(code, why.code);
        assert_int_equal(code == ERR_OK, fd >= 0);
        if (fd >= 0) {
            check_text(fd, message->text);
            (void)close(fd);
        }
        if (strcmp(message->uid, "4.d") == 0)
            store_maildir.message_suspect(store, i);
        if (message->marked)
            marks |= (unsigned char)(1 << i);
    }
    err.code = ERR_OK;
    outcome->commit = store_maildir.commit(store, &marks, &outcome->left, &err);
    assert_int_equal(outcome->commit, err.code);
    store_maildir.close(store);
}

/* No unmarked message is missing or changed; the next session sees what is there, as it is. */
static uint32_t
check_next_session(const struct maildrop *maildrop)
{
    uint32_t marked = 0;
    uint32_t unmarked = 0;
    clock_advance();
    for (int round = 0; round < 2; round++) { /* the second one from the index */
        marked = unmarked = 0;
        struct session session = session_open(&store_maildir, maildrop->path);
        uint32_t suspect = session_find(&session, "4.d");
        session.ops->message_suspect(session.store, suspect); /* as front would at RETR */
        session_close(&session);
        session = session_open(&store_maildir, maildrop->path);
        for (uint32_t i = 0; i < session_count(&session); i++) {
            const struct message *message =
                message_of(pop_maildrop_uid(&session.snapshot.maildrop, i));
            assert_string_equal(session_line(&session, i), message->line);
            char *text = session_read(&session, i);
            assert_string_equal(text, message->text);
            free(text);
            marked += message->marked;
            unmarked += !message->marked;
        }
        session_close(&session);
    }
    assert_int_equal(unmarked, 2);
    return marked;
}

/* True if a call failed. */
static bool
check_session_fault(const struct fault_plan *plan, enum before before, unsigned n)
{
    struct maildrop maildrop;
    struct outcome outcome = {.left = 3};
    prepare(&maildrop, before);
    unsigned descriptors = open_descriptors();
    faults_arm(plan, n);
    run_session(&maildrop, &outcome);
    bool failed = faults_disarm();
    unsigned durable = faults_durable_unlinks();
    assert_int_equal(open_descriptors(), descriptors);

    assert_in_range(outcome.left, 0, 3);
    if (outcome.opened)
        assert_int_equal(outcome.commit == ERR_OK, outcome.left == 0);
    /* What is called removed can not come back. */
    assert_true(3 - outcome.left <= durable);
    uint32_t there = check_next_session(&maildrop);
    assert_true(there <= outcome.left);
    if (!outcome.opened)
        assert_int_equal(there, 3);
    if (!failed)
        assert_int_equal(there, 0);
    maildrop_remove(&maildrop);
    return failed;
}

static void
a_session_survives_the_failure_of_any_call(void **state)
{
    (void)state;
    for (size_t i = 0; i < PLANS; i++) {
        for (enum before before = 0; before < BEFORE_COUNT; before++) {
            unsigned n = 0;
            while (check_session_fault(&plans[i], before, n))
                assert_in_range(++n, 0, CALLS_MAX);
            assert_in_range(n, 30, CALLS_MAX); /* it did meet the calls */
        }
    }
}

static void
a_session_works_when_reads_and_writes_are_short(void **state)
{
    (void)state;
    static const struct fault_plan short_calls = {.short_calls = true};
    for (enum before before = 0; before < BEFORE_COUNT; before++)
        assert_false(check_session_fault(&short_calls, before, 0));
}

static void
removal_is_synced_once_a_folder_after_the_last_unlink(void **state)
{
    (void)state;
    static const struct fault_plan none = {0};
    struct maildrop maildrop;
    uint32_t left;
    prepare(&maildrop, BEFORE_CURRENT);
    struct session session = session_open(&store_maildir, maildrop.path);
    faults_arm(&none, CALLS_MAX);
    assert_int_equal(session_commit(&session, 0x1f, &left), ERR_OK);
    (void)faults_disarm();
    assert_string_equal(
        faults_trace(), "unlink new/1.a\n"
                        "unlink new/2.b\n"
                        "unlink cur/3.c:2,S\n"
                        "unlink cur/4.d,W=9:2,\n"
                        "unlink new/5.e\n"
                        "sync new\n"
                        "sync cur\n");
    session_close(&session);
    maildrop_remove(&maildrop);
}

static void
a_folder_that_nothing_was_removed_from_is_not_synced(void **state)
{
    (void)state;
    static const struct fault_plan none = {0};
    struct maildrop maildrop;
    uint32_t left;
    prepare(&maildrop, BEFORE_CURRENT);
    struct session session = session_open(&store_maildir, maildrop.path);
    faults_arm(&none, CALLS_MAX);
    assert_int_equal(session_commit(&session, 0x04, &left), ERR_OK);
    (void)faults_disarm();
    assert_string_equal(faults_trace(), "unlink cur/3.c:2,S\nsync cur\n");
    session_close(&session);

    /* Removed or moved by another program: that may not be durable in either, so both are. */
    session = session_open(&store_maildir, maildrop.path);
    maildrop_unlink(&maildrop, "new/1.a");
    faults_arm(&none, CALLS_MAX);
    assert_int_equal(session_commit(&session, 0x01, &left), ERR_OK);
    (void)faults_disarm();
    assert_string_equal(faults_trace(), "sync new\nsync cur\n");
    maildrop_rename(&maildrop, "new/2.b", "cur/2.b:2,S");
    faults_arm(&none, CALLS_MAX);
    assert_int_equal(session_commit(&session, 0x02, &left), ERR_OK);
    (void)faults_disarm();
    assert_string_equal(faults_trace(), "unlink cur/2.b:2,S\nsync new\nsync cur\n");
    session_close(&session);
    maildrop_remove(&maildrop);
}

static void
an_unchanged_maildrop_of_any_size_is_opened_by_reading_its_index(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static const struct fault_plan none = {0};
    struct maildrop maildrop;
    maildrop_make(&maildrop);
    for (int i = 0; i < COUNT; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "%s/%d.many", i % 2 ? "new" : "cur", i);
        maildrop_put(&maildrop, name, "x\n");
    }
    clock_advance();
    struct session session = session_open(&store_maildir, maildrop.path);
    session_close(&session);
    faults_arm(&none, CALLS_MAX);
    session = session_open(&store_maildir, maildrop.path);
    session_close(&session);
    (void)faults_disarm();
    assert_in_range(faults_count_open(), 1, 5); /* root, new, cur, lock, index */
    assert_int_equal(faults_count_list(), 0);
    assert_int_equal(faults_count_read(), 1);
    assert_string_equal(faults_trace(), "");
    maildrop_remove(&maildrop);
}

/* A message that cannot be read must not lock its owner out of the others. */
static void
an_unreadable_message_is_listed_and_refused_and_the_others_are_served(void **state)
{
    (void)state;
    struct maildrop maildrop;
    unsigned met = 0;
    for (unsigned n = 0;; n++) {
        struct store *store = NULL;
        static const struct fault_plan denied = {.number = EACCES};
        prepare(&maildrop, BEFORE_NO_INDEX);
        faults_arm(&denied, n);
        enum err_code code = store_maildir.open(&store, maildrop.path, NULL);
        bool failed = faults_disarm();
        if (code == ERR_OK) {
            struct snapshot snapshot;
            assert_int_equal(
                snapshot_open(store_maildir.snapshot(store), &snapshot, NULL), ERR_OK);
            assert_int_equal(snapshot.maildrop.count, MESSAGES);
            met += snapshot.maildrop.messages[0].size == strlen(messages[0].text);
            store_maildir.close(store);
        }
        maildrop_remove(&maildrop);
        if (!failed)
            break;
    }
    assert_in_range(met, 1, 5); /* the open and the reads of the first message */
}

/* ---- the memory engine ---- */

static bool
check_memory_fault(const struct fault_plan *plan, const struct maildrop *maildrop, unsigned n)
{
    struct store *store = NULL;
    uint32_t left = 1;
    const unsigned char first = 1;
    unsigned descriptors = open_descriptors();
    faults_arm(plan, n);
    if (store_memory.open(&store, maildrop->path, NULL) == ERR_OK) {
        int fd = -1;
        if (store_memory.message_open(store, 0, &fd, NULL) == ERR_OK) {
            check_text(fd, "one\n");
            (void)close(fd);
        }
        assert_int_equal(store_memory.commit(store, &first, &left, NULL), ERR_OK);
        store_memory.close(store);
    }
    bool failed = faults_disarm();
    assert_int_equal(open_descriptors(), descriptors);
    struct session session = session_open(&store_memory, maildrop->path);
    assert_int_equal(session_count(&session), 1 + left);
    session_close(&session);
    memory_reset();
    return failed;
}

static void
the_memory_engine_survives_the_failure_of_any_call(void **state)
{
    (void)state;
    struct maildrop maildrop;
    maildrop_make(&maildrop);
    maildrop_put(&maildrop, "1.a", "one\n");
    maildrop_put(&maildrop, "two words", "two\n");
    for (size_t i = 0; i < PLANS; i++) {
        unsigned n = 0;
        while (check_memory_fault(&plans[i], &maildrop, n))
            assert_in_range(++n, 0, CALLS_MAX);
        assert_in_range(n, 10, CALLS_MAX);
    }
    maildrop_remove(&maildrop);
}

/* ---- delivery ---- */

#define DELIVERED "D: 1\n\ndelivered\n"

/* The steps of the header, to the end or the first failure. */
static enum err_code
run_delivery(const char *path)
{
    struct maildir_target target = {-1, -1, -1, -1};
    struct maildir_file file = {.fd = -1};
    struct err err = {0};
    enum err_code code = maildir_target_open(&target, path, &err);
    if (code != ERR_OK)
        return code;
    code = maildir_file_create(&target, "7.d", true, &file, &err);
    if (code == ERR_OK) {
        bool written = write(file.fd, DELIVERED, strlen(DELIVERED)) == sizeof DELIVERED - 1;
        code = written ? maildir_file_sync(&file, &err) : ERR_SYSTEM;
        if (code == ERR_OK)
            code = maildir_file_place(&target, &file, &err);
        if (code != ERR_OK)
            maildir_file_abandon(&target, &file);
    }
    if (code == ERR_OK)
        code = maildir_target_sync(&target, &err);
    maildir_target_close(&target);
    return code;
}

static bool
check_delivery_fault(const struct fault_plan *plan, bool exists, unsigned n)
{
    struct maildrop maildrop;
    char path[96];
    maildrop_make(&maildrop);
    (void)snprintf(path, sizeof path, "%s%s", maildrop.path, exists ? "" : "/inbox");
    if (exists)
        maildrop_put(&maildrop, "tmp/7.d", "the rest of an earlier run");
    unsigned descriptors = open_descriptors();
    faults_arm(plan, n);
    enum err_code code = run_delivery(path);
    bool failed = faults_disarm();
    assert_int_equal(open_descriptors(), descriptors);

    bool there = maildrop_has(&maildrop, exists ? "new/7.d" : "inbox/new/7.d");
    if (code == ERR_OK)
        assert_true(there);
    if (there) { /* then whole, whatever was reported */
        struct session session = session_open(&store_maildir, path);
        char *text = session_read(&session, 0);
        assert_string_equal(text, DELIVERED);
        free(text);
        session_close(&session);
    }
    /* And doing it again after a failure works. */
    if (!there)
        assert_int_equal(run_delivery(path), ERR_OK);
    maildrop_remove(&maildrop);
    return failed;
}

static void
a_delivery_is_whole_or_not_there_whichever_call_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < PLANS; i++) {
        for (int exists = 0; exists < 2; exists++) {
            unsigned n = 0;
            while (check_delivery_fault(&plans[i], exists != 0, n))
                assert_in_range(++n, 0, CALLS_MAX);
            assert_in_range(n, 10, CALLS_MAX);
        }
    }
}

static void
a_delivery_syncs_the_file_before_its_name_and_the_name_before_the_answer(void **state)
{
    (void)state;
    static const struct fault_plan none = {0};
    struct maildrop maildrop;
    char path[96];
    char expected[512];
    maildrop_make(&maildrop);
    (void)snprintf(path, sizeof path, "%s/inbox", maildrop.path);
    faults_arm(&none, CALLS_MAX);
    assert_int_equal(run_delivery(path), ERR_OK);
    (void)faults_disarm();
    (void)snprintf(
        expected, sizeof expected,
        "mkdir inbox\n"
        "sync %s\n"
        "mkdir tmp\n"
        "mkdir new\n"
        "mkdir cur\n"
        "sync inbox\n"
        "sync 7.d\n"
        "rename tmp/7.d new/7.d\n"
        "sync new\n",
        strrchr(maildrop.path, '/') + 1);
    assert_string_equal(faults_trace(), expected);
    maildrop_remove(&maildrop);
}

/* A file system that cannot refuse to replace in rename(): a second name, then the first goes.
 */
static void
without_rename_that_refuses_a_link_is_made(void **state)
{
    (void)state;
    static const struct fault_plan plan = {.number = EINVAL};
    struct maildrop maildrop;
    bool linked = false;
    maildrop_make(&maildrop);
    for (unsigned n = 0; !linked && n < CALLS_MAX; n++) {
        faults_arm(&plan, n);
        enum err_code code = run_delivery(maildrop.path);
        (void)faults_disarm();
        linked = strstr(faults_trace(), "link tmp/7.d new/7.d\nunlink tmp/7.d\n") != NULL;
        if (linked)
            assert_int_equal(code, ERR_OK);
        if (maildrop_has(&maildrop, "new/7.d"))
            maildrop_unlink(&maildrop, "new/7.d");
    }
    assert_true(linked);
    maildrop_remove(&maildrop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_survives_the_failure_of_any_call),
        cmocka_unit_test(a_session_works_when_reads_and_writes_are_short),
        cmocka_unit_test(removal_is_synced_once_a_folder_after_the_last_unlink),
        cmocka_unit_test(a_folder_that_nothing_was_removed_from_is_not_synced),
        cmocka_unit_test(an_unchanged_maildrop_of_any_size_is_opened_by_reading_its_index),
        cmocka_unit_test(an_unreadable_message_is_listed_and_refused_and_the_others_are_served),
        cmocka_unit_test(the_memory_engine_survives_the_failure_of_any_call),
        cmocka_unit_test(a_delivery_is_whole_or_not_there_whichever_call_fails),
        cmocka_unit_test(
            a_delivery_syncs_the_file_before_its_name_and_the_name_before_the_answer),
        cmocka_unit_test(without_rename_that_refuses_a_link_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
