/* The contract of store.h, over every engine; and what is the memory engine's own. */
#include "descriptors.h"
#include "maildrop.h"
#include "store/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A maildrop of an engine. In memory the messages lie in the folder itself at first. */
struct fixture {
    const struct store_ops *ops;
    struct maildrop maildrop;
};

static void
deliver(const struct fixture *fixture, const char *name, const char *text)
{
    char path[128];
    if (fixture->ops == &store_memory) {
        assert_int_equal(
            memory_add(fixture->maildrop.path, name, pop_view_of(text), NULL), ERR_OK);
        return;
    }
    (void)snprintf(path, sizeof path, "new/%s", name);
    maildrop_put(&fixture->maildrop, path, text);
}

static void
remove_behind(const struct fixture *fixture, const char *name)
{
    char path[128];
    if (fixture->ops == &store_memory) {
        assert_int_equal(memory_remove(fixture->maildrop.path, name, NULL), ERR_OK);
        return;
    }
    (void)snprintf(path, sizeof path, "new/%s", name);
    maildrop_unlink(&fixture->maildrop, path);
}

static struct fixture *
fixture_make(const struct store_ops *ops)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->ops = ops;
    maildrop_make(&fixture->maildrop);
    deliver(fixture, "1.a", "Subject: a\n\none\n");
    deliver(fixture, "2.b", "Subject: b\r\n\r\n.two\r\n");
    deliver(fixture, "3.c", "no line end");
    return fixture;
}

static int
memory_setup(void **state)
{
    *state = fixture_make(&store_memory);
    return 0;
}

static int
maildir_setup(void **state)
{
    *state = fixture_make(&store_maildir);
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *fixture = *state;
    memory_reset();
    maildrop_remove(&fixture->maildrop);
    free(fixture);
    return 0;
}

static struct session
fixture_open(const struct fixture *fixture)
{
    return session_open(fixture->ops, fixture->maildrop.path);
}

static enum err_code
open_refused(const struct fixture *fixture, const char *location, struct err *err)
{
    struct store *store = NULL;
    enum err_code code = fixture->ops->open(&store, location, err);
    assert_int_not_equal(code, ERR_OK);
    assert_null(store);
    return code;
}

static void
a_session_sees_order_unique_ids_and_wire_sizes(void **state)
{
    struct session session = fixture_open(*state);
    assert_int_equal(session_count(&session), 3);
    assert_string_equal(session_line(&session, 0), "1.a 19");
    assert_string_equal(session_line(&session, 1), "2.b 20");
    assert_string_equal(session_line(&session, 2), "3.c 13");
    assert_int_equal(session.snapshot.file_count, 0);
    session_close(&session);
}

static void
an_empty_maildrop_opens(void **state)
{
    struct fixture *fixture = *state;
    uint32_t left = 9;
    struct session session = fixture_open(fixture);
    assert_int_equal(session_commit(&session, 7, &left), ERR_OK);
    session_close(&session);
    session = fixture_open(fixture);
    assert_int_equal(session_count(&session), 0);
    assert_int_equal(session_commit(&session, 0, &left), ERR_OK);
    session_close(&session);
}

static void
a_second_session_is_refused_until_the_first_closes(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    struct session session = fixture_open(fixture);
    unsigned descriptors = open_descriptors();
    assert_int_equal(open_refused(fixture, fixture->maildrop.path, &err), ERR_BUSY);
    assert_int_equal(open_descriptors(), descriptors);
    session_close(&session);
    session = fixture_open(fixture);
    session_close(&session);
}

static void
a_maildrop_that_does_not_exist_is_refused_for_good(void **state)
{
    struct err err = {0};
    assert_int_equal(open_refused(*state, "/nonexistent/mail", &err), ERR_SYSTEM);
    assert_int_equal(err.number, ENOENT);
    assert_true(err_is_permanent(&err));
    assert_non_null(strstr(err.text, "/nonexistent/mail"));
}

static void
descriptors_of_one_message_have_positions_of_their_own_and_are_read_only(void **state)
{
    struct session session = fixture_open(*state);
    int first = -1;
    int second = -1;
    char text[4] = "";
    assert_int_equal(session.ops->message_open(session.store, 0, &first, NULL), ERR_OK);
    assert_int_equal(session.ops->message_open(session.store, 0, &second, NULL), ERR_OK);
    assert_int_equal(read(first, text, 3), 3);
    assert_string_equal(text, "Sub");
    assert_int_equal(read(second, text, 3), 3);
    assert_string_equal(text, "Sub");
    assert_true(write(first, "X", 1) < 0);
    assert_true(ftruncate(first, 0) < 0);
    assert_true((fcntl(first, F_GETFD) & FD_CLOEXEC) != 0);
    (void)close(first);
    (void)close(second);
    session_close(&session);
}

static void
a_descriptor_outlives_the_session(void **state)
{
    struct session session = fixture_open(*state);
    int fd = -1;
    uint32_t left;
    char text[12] = "";
    assert_int_equal(session.ops->message_open(session.store, 2, &fd, NULL), ERR_OK);
    assert_int_equal(session_commit(&session, 4, &left), ERR_OK);
    session_close(&session);
    assert_int_equal(read(fd, text, sizeof text - 1), 11);
    assert_string_equal(text, "no line end");
    (void)close(fd);
}

static void
mail_that_arrives_is_seen_by_the_next_session(void **state)
{
    struct fixture *fixture = *state;
    struct session session = fixture_open(fixture);
    deliver(fixture, "4.d", "late");
    assert_int_equal(session_count(&session), 3);
    free(session_read(&session, 2));
    session_close(&session);
    session = fixture_open(fixture);
    assert_string_equal(session_line(&session, 3), "4.d 6");
    session_close(&session);
}

static void
closing_removes_nothing(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 3; i++) {
        struct session session = fixture_open(fixture);
        assert_int_equal(session_count(&session), 3);
        session_close(&session);
    }
    fixture->ops->close(NULL);
}

static void
a_commit_removes_the_marked_and_nothing_else(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned long marks = 0; marks < 8; marks++) {
        void *fresh = fixture_make(fixture->ops);
        uint32_t left = 9;
        struct session session = fixture_open(fresh);
        assert_int_equal(session_commit(&session, marks, &left), ERR_OK);
        assert_int_equal(left, 0);
        session_close(&session);
        session = fixture_open(fresh);
        uint32_t next = 0;
        for (unsigned i = 0; i < 3; i++) {
            static const char *const lines[] = {"1.a 19", "2.b 20", "3.c 13"};
            if ((marks >> i & 1) == 0)
                assert_string_equal(session_line(&session, next++), lines[i]);
        }
        assert_int_equal(session_count(&session), next);
        session_close(&session);
        teardown(&fresh);
    }
}

static void
a_message_removed_by_another_program_is_not_found_and_counts_as_removed(void **state)
{
    struct fixture *fixture = *state;
    uint32_t left = 9;
    struct session session = fixture_open(fixture);
    remove_behind(fixture, "2.b");
    assert_int_equal(session_refusal(&session, 1), ERR_NOT_FOUND);
    session.ops->message_suspect(session.store, 1);
    free(session_read(&session, 0));
    free(session_read(&session, 2));
    assert_int_equal(session_commit(&session, 3, &left), ERR_OK);
    assert_int_equal(left, 0);
    session_close(&session);
    session = fixture_open(fixture);
    assert_int_equal(session_count(&session), 1);
    assert_string_equal(session_line(&session, 0), "3.c 13");
    session_close(&session);
}

static void
suspecting_a_right_size_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct session session = fixture_open(fixture);
    session.ops->message_suspect(session.store, 1);
    free(session_read(&session, 1));
    session_close(&session);
    session = fixture_open(fixture);
    assert_string_equal(session_line(&session, 1), "2.b 20");
    session_close(&session);
}

static void
the_memory_engine_loads_a_folder_in_the_order_of_names_and_leaves_it_alone(void **state)
{
    (void)state;
    struct maildrop folder;
    uint32_t left;
    maildrop_make(&folder);
    maildrop_put(&folder, "10.eml", "ten");
    maildrop_put(&folder, "02.eml", "two\n");
    maildrop_put(&folder, "two words", "x");
    maildrop_put(&folder, ".hidden", "x");
    struct session session = session_open(&store_memory, folder.path);
    assert_int_equal(session_count(&session), 3);
    assert_string_equal(session_line(&session, 0), "02.eml 5");
    assert_string_equal(session_line(&session, 1), "10.eml 5");
    assert_int_equal(session_line(&session, 2)[0], 'h'); /* a blank is no part of a uid */
    assert_int_equal(session_commit(&session, 1, &left), ERR_OK);
    session_close(&session);

    session = session_open(&store_memory, folder.path);
    assert_int_equal(session_count(&session), 2);
    session_close(&session);
    assert_true(maildrop_has(&folder, "02.eml"));
    memory_reset(); /* as a new process would */
    session = session_open(&store_memory, folder.path);
    assert_int_equal(session_count(&session), 3);
    session_close(&session);
    memory_reset();
    maildrop_remove(&folder);
}

static void
engines_are_found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(store_engine("maildir"), &store_maildir);
    assert_ptr_equal(store_engine("memory"), &store_memory);
    assert_null(store_engine("mbox"));
    assert_null(store_engine(""));
}

#define OVER_BOTH(test)                                                                        \
    {#test " [memory]", test, memory_setup, teardown, NULL},                                   \
    {                                                                                          \
#test " [maildir]", test, maildir_setup, teardown, NULL                                \
    }

int
main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_BOTH(a_session_sees_order_unique_ids_and_wire_sizes),
        OVER_BOTH(an_empty_maildrop_opens),
        OVER_BOTH(a_second_session_is_refused_until_the_first_closes),
        OVER_BOTH(a_maildrop_that_does_not_exist_is_refused_for_good),
        OVER_BOTH(descriptors_of_one_message_have_positions_of_their_own_and_are_read_only),
        OVER_BOTH(a_descriptor_outlives_the_session),
        OVER_BOTH(mail_that_arrives_is_seen_by_the_next_session),
        OVER_BOTH(closing_removes_nothing),
        OVER_BOTH(a_commit_removes_the_marked_and_nothing_else),
        OVER_BOTH(a_message_removed_by_another_program_is_not_found_and_counts_as_removed),
        OVER_BOTH(suspecting_a_right_size_changes_nothing),
        cmocka_unit_test(
            the_memory_engine_loads_a_folder_in_the_order_of_names_and_leaves_it_alone),
        cmocka_unit_test(engines_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
