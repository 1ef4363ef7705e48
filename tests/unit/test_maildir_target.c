/* Durable delivery into a Maildir: names, and what is where after each step. The faults of the
 * disk are in test_store_faults.c. */
#include "descriptors.h"
#include "maildrop.h"
#include "store/maildir_name.h"
#include "store/maildir_target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
setup(void **state)
{
    struct maildrop *maildrop = calloc(1, sizeof *maildrop);
    assert_non_null(maildrop);
    maildrop_make(maildrop);
    *state = maildrop;
    return 0;
}

static int
teardown(void **state)
{
    struct maildrop *maildrop = *state;
    maildrop_remove(maildrop);
    free(maildrop);
    return 0;
}

static struct maildir_target
target_of(const char *path)
{
    struct maildir_target target;
    struct err err;
    if (maildir_target_open(&target, path, &err) != ERR_OK)
        fail_msg("cannot open: %s", err.text);
    return target;
}

static struct maildir_file
file_with(struct maildir_target *target, const char *name, const char *text)
{
    struct maildir_file file = {.fd = -1};
    struct err err;
    if (maildir_file_create(target, name, false, &file, &err) != ERR_OK)
        fail_msg("cannot create: %s", err.text);
    assert_int_equal(write(file.fd, text, strlen(text)), strlen(text));
    return file;
}

static void
a_message_is_in_tmp_until_it_is_placed_in_new(void **state)
{
    struct maildrop *maildrop = *state;
    unsigned descriptors = open_descriptors();
    struct maildir_target target = target_of(maildrop->path);
    struct maildir_file file = file_with(&target, "1.a", "A: 1\n\n");
    assert_string_equal(file.name, "1.a");
    assert_true(maildrop_has(maildrop, "tmp/1.a"));
    assert_int_equal(maildir_file_sync(&file, NULL), ERR_OK);
    assert_false(maildrop_has(maildrop, "new/1.a"));
    assert_int_equal(maildir_file_place(&target, &file, NULL), ERR_OK);
    assert_int_equal(file.fd, -1);
    assert_true(maildrop_has(maildrop, "new/1.a"));
    assert_false(maildrop_has(maildrop, "tmp/1.a"));
    assert_int_equal(maildir_target_sync(&target, NULL), ERR_OK);
    maildir_target_close(&target);
    assert_int_equal(open_descriptors(), descriptors);

    struct session session = session_open(&store_maildir, maildrop->path);
    assert_string_equal(session_line(&session, 0), "1.a 8");
    session_close(&session);
}

static void
placing_never_replaces_a_message(void **state)
{
    struct maildrop *maildrop = *state;
    struct maildir_target target = target_of(maildrop->path);
    maildrop_put(maildrop, "new/1.a", "the first one\n");
    struct maildir_file file = file_with(&target, "1.a", "another");
    assert_int_equal(maildir_file_place(&target, &file, NULL), ERR_BUSY);
    maildir_file_abandon(&target, &file);
    maildir_target_close(&target);
    assert_int_equal(maildrop_count(maildrop, "tmp"), 0);
    struct session session = session_open(&store_maildir, maildrop->path);
    char *text = session_read(&session, 0);
    assert_string_equal(text, "the first one\n");
    free(text);
    session_close(&session);
}

static void
a_rest_in_tmp_is_replaced_only_when_asked(void **state)
{
    struct maildrop *maildrop = *state;
    struct maildir_target target = target_of(maildrop->path);
    struct maildir_file file = {.fd = -1};
    maildrop_put(maildrop, "tmp/1.a", "half a mess");
    assert_int_equal(maildir_file_create(&target, "1.a", false, &file, NULL), ERR_BUSY);
    assert_int_equal(file.fd, -1);
    assert_int_equal(maildir_file_create(&target, "1.a", true, &file, NULL), ERR_OK);
    struct stat status;
    assert_int_equal(fstat(file.fd, &status), 0);
    assert_int_equal(status.st_size, 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_true((fcntl(file.fd, F_GETFD) & FD_CLOEXEC) != 0);
    maildir_file_abandon(&target, &file);
    assert_int_equal(maildrop_count(maildrop, "tmp"), 0);
    maildir_target_close(&target);
}

static void
a_link_in_tmp_is_not_followed(void **state)
{
    struct maildrop *maildrop = *state;
    struct maildir_target target = target_of(maildrop->path);
    struct maildir_file file = {.fd = -1};
    char path[128];
    (void)snprintf(path, sizeof path, "%s/tmp/1.a", maildrop->path);
    assert_int_equal(symlink("../victim", path), 0);
    assert_int_equal(maildir_file_create(&target, "1.a", false, &file, NULL), ERR_BUSY);
    assert_int_equal(maildir_file_create(&target, "1.a", true, &file, NULL), ERR_OK);
    assert_false(maildrop_has(maildrop, "victim"));
    maildir_file_abandon(&target, &file);
    maildir_target_close(&target);
}

static void
names_that_leave_the_folder_are_refused(void **state)
{
    struct maildrop *maildrop = *state;
    struct maildir_target target = target_of(maildrop->path);
    char overlong[258];
    memset(overlong, 'x', sizeof overlong - 1);

    overlong[256] = '\0';
    const char *const names[] = {"", ".", "..", ".x", "../x", "a/b", "/x", overlong};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct maildir_file file = {.fd = -1};
        assert_int_equal(
            maildir_file_create(&target, names[i], true, &file, NULL), ERR_INVALID);
    }
    maildir_target_close(&target);
}

static void
missing_folders_are_made(void **state)
{
    static const char *const suffixes[] = {"/inbox", "/inbox//"};
    struct maildrop *maildrop = *state;
    for (size_t i = 0; i < 2; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s%s", maildrop->path, suffixes[i]);
        struct maildir_target target = target_of(path);
        struct maildir_file file = file_with(&target, i == 0 ? "1.a" : "2.b", "x");
        assert_int_equal(maildir_file_place(&target, &file, NULL), ERR_OK);
        maildir_target_close(&target);
    }
    assert_int_equal(maildrop_count(maildrop, "inbox/new"), 2);
    assert_true(maildrop_has(maildrop, "inbox/cur"));
    assert_true(maildrop_has(maildrop, "inbox/tmp"));
}

static void
a_folder_whose_parent_is_missing_is_refused(void **state)
{
    struct maildrop *maildrop = *state;
    struct maildir_target target = {0};
    struct err err;
    char path[128];
    unsigned descriptors = open_descriptors();
    (void)snprintf(path, sizeof path, "%s/a/b", maildrop->path);
    assert_int_equal(maildir_target_open(&target, path, &err), ERR_SYSTEM);
    assert_int_equal(err.number, ENOENT);
    assert_non_null(strstr(err.text, path));
    maildrop_put(maildrop, "file", "");
    (void)snprintf(path, sizeof path, "%s/file", maildrop->path);
    assert_int_equal(maildir_target_open(&target, path, &err), ERR_SYSTEM);
    assert_int_equal(err.number, ENOTDIR);
    maildir_target_close(&target); /* zeroed: closes nothing */
    assert_int_equal(open_descriptors(), descriptors);
}

/* ---- fresh names ---- */

static char host_name[256] = "host";

int __wrap_gethostname(char *name, size_t len);

int
__wrap_gethostname(char *name, size_t len)
{
    (void)snprintf(name, len, "%s", host_name);
    return 0;
}

static void
fresh_names_are_different_and_fit_as_unique_ids(void **state)
{
    (void)state;
    enum { NAMES = 2000 };
    static char names[NAMES][FILE_NAME_MAX_LEN + 1];
    (void)snprintf(host_name, sizeof host_name, "mail.example.org");
    for (int i = 0; i < NAMES; i++) {
        assert_int_equal(maildir_name_make(names[i], NULL), ERR_OK);
        struct maildir_name name = maildir_name_parse(pop_view_of(names[i]));
        assert_true(name.time > 1700000000);
        assert_in_range(name.unique.len, 20, POP_UID_MAX);
        assert_int_equal(name.unique.len, strlen(names[i]));
    }
    qsort(names, NAMES, sizeof names[0], (int (*)(const void *, const void *))strcmp);
    for (int i = 1; i < NAMES; i++)
        assert_string_not_equal(names[i - 1], names[i]);
}

static void
odd_host_names_make_safe_names(void **state)
{
    (void)state;
    char name[FILE_NAME_MAX_LEN + 1];
    (void)snprintf(host_name, sizeof host_name, "a/b:c d\xc3");
    assert_int_equal(maildir_name_make(name, NULL), ERR_OK);
    assert_non_null(strstr(name, ".a\\057b\\072c\\040d\\303"));
    memset(host_name, '/', sizeof host_name - 1);
    assert_int_equal(maildir_name_make(name, NULL), ERR_OK);
    assert_null(strchr(name, '/'));
    assert_true(strlen(name) < 200);
    host_name[0] = '\0';
    assert_int_equal(maildir_name_make(name, NULL), ERR_OK);
    assert_non_null(strstr(name, ".localhost"));
}

#define WITH_MAILDROP(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_MAILDROP(a_message_is_in_tmp_until_it_is_placed_in_new),
        WITH_MAILDROP(placing_never_replaces_a_message),
        WITH_MAILDROP(a_rest_in_tmp_is_replaced_only_when_asked),
        WITH_MAILDROP(a_link_in_tmp_is_not_followed),
        WITH_MAILDROP(names_that_leave_the_folder_are_refused),
        WITH_MAILDROP(missing_folders_are_made),
        WITH_MAILDROP(a_folder_whose_parent_is_missing_is_refused),
        cmocka_unit_test(fresh_names_are_different_and_fit_as_unique_ids),
        cmocka_unit_test(odd_host_names_make_safe_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
