/* The Maildir engine: files that move and change, the index, the lock. What it shares with
 * every engine is in test_memory.c. */
#include "descriptors.h"
#include "maildrop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAMPLE 6

static int
setup(void **state)
{
    struct maildrop *maildrop = calloc(1, sizeof *maildrop);
    assert_non_null(maildrop);
    clock_reset();
    maildrop_make(maildrop);
    maildrop_put(maildrop, "new/10.a", "A: 1\n\na\n");
    maildrop_put(maildrop, "cur/20.b:2,S", "B: 2\r\n\r\nb\r\n");
    maildrop_put(maildrop, "cur/30.c,S=8,W=11:2,", "C: 3\n\nc\n");
    maildrop_put(maildrop, "new/40.d,S=99", "D: 4\n\nd\n");
    maildrop_put(maildrop, "new/50.e f", "");
    maildrop_put(maildrop, "new/plain", "\r");
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

static struct session
drop_open(const struct maildrop *maildrop)
{
    return session_open(&store_maildir, maildrop->path);
}

static char *
drop_listing(const struct maildrop *maildrop)
{
    struct session session = drop_open(maildrop);
    char *listing = session_listing(&session);
    session_close(&session);
    return listing;
}

/* Opens until the index is there and current. */
static void
make_index_current(const struct maildrop *maildrop)
{
    clock_advance();
    struct session session = drop_open(maildrop);
    session_close(&session);
    assert_true(maildrop_has(maildrop, "restante.index"));
}

static void
check_listing(const struct maildrop *maildrop, const char *expected)
{
    char *listing = drop_listing(maildrop);
    assert_string_equal(listing, expected);
    free(listing);
}

static void
sizes_count_line_ends_as_crlf_and_ids_are_the_unique_parts(void **state)
{
    check_listing(
        *state, "plain 3\n"
                "10.a 11\n"
                "20.b 11\n"
                "30.c 11\n"
                "40.d 11\n"
                "hc3e0a46e6d6ee966dcb22cf8bbf5bfaefa82f38e 0\n");
}

/* ---- unique-ids (R1939-47, R1939-49) ---- */

static void
copy_of(const struct maildrop *maildrop, struct maildrop *ret_copy)
{
    char command[256];
    *ret_copy = *maildrop;
    ret_copy->path[strlen(ret_copy->path) - 1] = '_';
    int len =
        snprintf(command, sizeof command, "/bin/cp -a %s %s", maildrop->path, ret_copy->path);
    assert_in_range(len, 1, sizeof command - 1);
    FILE *child = popen(command, "r");
    assert_non_null(child);
    assert_int_equal(pclose(child), 0);
}

static void
unique_ids_survive_flags_moves_index_loss_copies_and_others(void **state)
{
    struct maildrop *maildrop = *state;
    struct maildrop copy;
    char *listing = drop_listing(maildrop);

    make_index_current(maildrop);
    check_listing(maildrop, listing);
    maildrop_rename(maildrop, "new/10.a", "cur/10.a:2,");
    check_listing(maildrop, listing);
    maildrop_rename(maildrop, "cur/10.a:2,", "cur/10.a:2,FRS");
    maildrop_rename(maildrop, "new/50.e f", "cur/50.e f:2,T");
    check_listing(maildrop, listing);
    maildrop_unlink(maildrop, "restante.index");
    check_listing(maildrop, listing);
    copy_of(maildrop, &copy);
    check_listing(&copy, listing);
    maildrop_unlink(&copy, "restante.index");
    check_listing(&copy, listing);
    maildrop_remove(&copy);

    maildrop_put(maildrop, "new/00.first", "x");
    maildrop_put(maildrop, "new/99.last", "x");
    free(drop_listing(maildrop));
    maildrop_unlink(maildrop, "new/00.first");
    maildrop_unlink(maildrop, "new/99.last");
    check_listing(maildrop, listing);
    free(listing);
}

static void
files_that_differ_in_attributes_only_have_different_ids(void **state)
{
    struct maildrop *maildrop = *state;
    maildrop_put(maildrop, "new/40.d+", "between them in the order of octets");
    maildrop_put(maildrop, "new/40.d,S=7", "another");
    char *first = drop_listing(maildrop);
    struct session session = drop_open(maildrop);
    assert_int_equal(session_count(&session), SAMPLE + 2);
    for (uint32_t i = 0; i < session_count(&session); i++)
        for (uint32_t j = 0; j < i; j++)
            assert_false(pop_view_equal(
                pop_maildrop_uid(&session.snapshot.maildrop, i),
                pop_maildrop_uid(&session.snapshot.maildrop, j)));
    session_close(&session);
    maildrop_unlink(maildrop, "restante.index");
    check_listing(maildrop, first);
    free(first);
}

static void
names_that_are_no_ids_are_hashed_whole(void **state)
{
    struct maildrop *maildrop = *state;
    char name[256];
    char stem[201];
    memset(stem, 'x', sizeof stem - 1);
    stem[sizeof stem - 1] = '\0';
    (void)snprintf(name, sizeof name, "new/60.%s1", stem);
    maildrop_put(maildrop, name, "");
    (void)snprintf(name, sizeof name, "new/60.%s2", stem);
    maildrop_put(maildrop, name, "");
    maildrop_put(maildrop, "new/61.\xc3\xa9", "");
    maildrop_put(maildrop, "new/62.\x7f\n", "");
    maildrop_put(maildrop, "new/:2,S", "");
    stem[70 - 3] = '\0';
    (void)snprintf(name, sizeof name, "new/63.%s", stem);
    maildrop_put(maildrop, name, ""); /* 70 octets fit */

    struct session session = drop_open(maildrop);
    assert_int_equal(session_count(&session), SAMPLE + 6);
    unsigned hashed = 0;
    for (uint32_t i = 0; i < session_count(&session); i++) {
        struct pop_view uid = pop_maildrop_uid(&session.snapshot.maildrop, i);
        hashed += uid.len == 41 && uid.data[0] == 'h';
        for (uint32_t j = 0; j < i; j++)
            assert_false(pop_view_equal(uid, pop_maildrop_uid(&session.snapshot.maildrop, j)));
    }
    assert_int_equal(hashed, 6);
    assert_int_equal(pop_maildrop_uid(&session.snapshot.maildrop, SAMPLE + 5).len, POP_UID_MAX);
    session_close(&session);
}

/* ---- what other programs do during a session (R1939-52) ---- */

static void
a_renamed_message_is_followed(void **state)
{
    struct maildrop *maildrop = *state;
    struct session session = drop_open(maildrop);
    uint32_t left = 9;
    maildrop_rename(maildrop, "new/10.a", "cur/10.a:2,");
    maildrop_rename(maildrop, "cur/20.b:2,S", "cur/20.b:2,FS");
    for (int i = 0; i < 2; i++) {
        char *text = session_read(&session, session_find(&session, "10.a"));
        assert_string_equal(text, "A: 1\n\na\n");
        free(text);
    }
    free(session_read(&session, session_find(&session, "20.b")));
    maildrop_rename(maildrop, "cur/10.a:2,", "cur/10.a:2,S");
    free(session_read(&session, session_find(&session, "10.a")));
    maildrop_rename(maildrop, "cur/20.b:2,FS", "new/20.b");
    assert_int_equal(session_commit(&session, 1 << 1 | 1 << 2, &left), ERR_OK);
    assert_int_equal(left, 0);
    assert_false(maildrop_has(maildrop, "cur/10.a:2,S"));
    assert_false(maildrop_has(maildrop, "new/20.b"));
    session_close(&session);
    session = drop_open(maildrop);
    assert_int_equal(session_count(&session), SAMPLE - 2);
    session_close(&session);
}

static void
a_changed_message_is_refused_and_right_in_the_next_session(void **state)
{
    static const char *const contents[] = {"A: 1\n\n", "A: 1\n\na\nmore\n", ""};
    struct maildrop *maildrop = *state;
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        maildrop_put(maildrop, "new/10.a", "A: 1\n\na\n");
        if (maildrop_has(maildrop, "restante.index"))
            maildrop_unlink(maildrop, "restante.index");
        make_index_current(maildrop);
        struct session session = drop_open(maildrop);
        uint32_t index = session_find(&session, "10.a");
        maildrop_put(maildrop, "new/10.a", contents[i]);
        assert_int_equal(session_refusal(&session, index), ERR_CHANGED);
        assert_int_equal(session_refusal(&session, index), ERR_CHANGED);
        session_close(&session);

        session = drop_open(maildrop);
        char *text = session_read(&session, session_find(&session, "10.a"));
        assert_string_equal(text, contents[i]);
        free(text);
        session_close(&session);
    }
}

static void
a_message_rewritten_with_the_same_wire_size_is_served(void **state)
{
    struct maildrop *maildrop = *state;
    struct session session = drop_open(maildrop);
    uint32_t index = session_find(&session, "10.a");
    maildrop_put(maildrop, "new/10.a", "A: 1\r\n\r\na\r\n");
    char *text = session_read(&session, index);
    assert_string_equal(text, "A: 1\r\n\r\na\r\n");
    free(text);
    session_close(&session);
}

static void
what_is_no_regular_file_any_more_is_refused(void **state)
{
    struct maildrop *maildrop = *state;
    char path[128];
    struct session session = drop_open(maildrop);
    uint32_t index = session_find(&session, "10.a");
    (void)snprintf(path, sizeof path, "%s/new/10.a", maildrop->path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("50.e f", path), 0);
    assert_int_equal(session_refusal(&session, index), ERR_CHANGED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(session_refusal(&session, index), ERR_CHANGED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(session_refusal(&session, index), ERR_CHANGED);
    session_close(&session);
}

static void
what_cannot_be_removed_is_counted_and_the_rest_is_removed(void **state)
{
    struct maildrop *maildrop = *state;
    struct err err = {0};
    const unsigned char all = 0x3f;
    uint32_t left = 9;
    struct session session = drop_open(maildrop);
    maildrop_unlink(maildrop, "new/10.a");
    char path[128];
    (void)snprintf(path, sizeof path, "%s/new/10.a", maildrop->path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(session.ops->commit(session.store, &all, &left, &err), ERR_SYSTEM);
    assert_int_equal(left, 1);
    assert_int_equal(err.number, EISDIR);
    session_close(&session);
    assert_int_equal(maildrop_count(maildrop, "new"), 1);
    assert_int_equal(maildrop_count(maildrop, "cur"), 0);
}

/* ---- claims in names ---- */

static void
a_claimed_size_is_believed_until_it_is_suspected(void **state)
{
    struct maildrop *maildrop = *state;
    maildrop_put(maildrop, "new/70.w,W=500", "W: 7\n\n");
    struct session session = drop_open(maildrop);
    uint32_t index = session_find(&session, "70.w");
    assert_string_equal(session_line(&session, index), "70.w 500");
    free(session_read(&session, index));
    session.ops->message_suspect(session.store, index);
    assert_int_equal(session_refusal(&session, index), ERR_CHANGED);
    session_close(&session);

    session = drop_open(maildrop);
    assert_string_equal(session_line(&session, index), "70.w 8");
    free(session_read(&session, index));
    session_close(&session);
    maildrop_rename(maildrop, "new/70.w,W=500", "cur/70.w,W=500:2,S"); /* it stays known */
    session = drop_open(maildrop);
    assert_string_equal(session_line(&session, index), "70.w 8");
    session_close(&session);
}

static void
a_claim_whose_file_size_is_wrong_is_counted_before_it_is_sent(void **state)
{
    struct maildrop *maildrop = *state;
    maildrop_put(maildrop, "new/70.w,S=5,W=8", "W: 7\n\n"); /* S is wrong, W is right */
    maildrop_put(maildrop, "new/71.w,S=5,W=5", "W: 7\n\n"); /* both are wrong */
    struct session session = drop_open(maildrop);
    free(session_read(&session, session_find(&session, "70.w")));
    assert_int_equal(session_refusal(&session, session_find(&session, "71.w")), ERR_CHANGED);
    session_close(&session);
    session = drop_open(maildrop);
    uint32_t index = session_find(&session, "71.w");
    assert_string_equal(session_line(&session, index), "71.w 8");
    free(session_read(&session, index));
    session_close(&session);
}

static void
an_insane_claim_is_not_believed(void **state)
{
    static const char *const names[] = {
        "new/70.w,W=",
        "new/71.w,W=x",
        "new/72.w,W=-1",
        "new/73.w,W=18446744073709551616",
        "new/74.w,W=18446744073709551615",
        "new/75.w,W=1099511627776",
        "new/76.w,W=8x",
    };
    struct maildrop *maildrop = *state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        maildrop_put(maildrop, names[i], "W: 7\n\n");
    struct session session = drop_open(maildrop);
    for (uint32_t i = 0; i < session_count(&session); i++)
        if (session_line(&session, i)[0] == '7')
            assert_string_equal(session_line(&session, i) + 4, " 8");
    session_close(&session);
}

/* ---- the index ---- */

static void
a_session_that_deletes_nothing_writes_nothing(void **state)
{
    struct maildrop *maildrop = *state;
    make_index_current(maildrop);
    char *before = maildrop_state(maildrop);
    for (int i = 0; i < 2; i++) {
        struct session session = drop_open(maildrop);
        uint32_t left;
        for (uint32_t j = 0; j < session_count(&session); j++)
            if (session_find(&session, "40.d") != j)
                free(session_read(&session, j));
        assert_int_equal(session_commit(&session, 0, &left), ERR_OK);
        session_close(&session);
    }
    char *after = maildrop_state(maildrop);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void
an_index_made_right_after_a_change_is_not_trusted_yet(void **state)
{
    struct maildrop *maildrop = *state;
    free(drop_listing(maildrop)); /* the folders changed just now */
    char *first = maildrop_state(maildrop);
    clock_advance();
    free(drop_listing(maildrop)); /* so they are listed again, and the times are new */
    char *second = maildrop_state(maildrop);
    assert_string_not_equal(first, second);
    free(drop_listing(maildrop));
    char *third = maildrop_state(maildrop);
    assert_string_equal(second, third);
    free(first);
    free(second);
    free(third);
}

static void
an_unchanged_maildrop_is_opened_without_its_files(void **state)
{
    struct maildrop *maildrop = *state;
    make_index_current(maildrop);
    char *listing = drop_listing(maildrop);
    maildrop_put(maildrop, "new/10.a", "in place: the folder does not show it\n");
    check_listing(maildrop, listing);
    struct session session = drop_open(maildrop);
    assert_int_equal(session_refusal(&session, session_find(&session, "10.a")), ERR_CHANGED);
    session_close(&session);
    free(listing);
}

static void
counted_sizes_are_kept_when_other_messages_come(void **state)
{
    struct maildrop *maildrop = *state;
    make_index_current(maildrop);
    maildrop_put(maildrop, "new/10.a", "not read again\n");
    maildrop_put(maildrop, "new/15.n", "new\n");
    maildrop_unlink(maildrop, "new/plain");
    struct session session = drop_open(maildrop);
    assert_string_equal(session_line(&session, 0), "10.a 11");
    assert_string_equal(session_line(&session, 1), "15.n 5");
    session_close(&session);
}

/* Overwrites the index with `len` octets. */
static void
put_index(const struct maildrop *maildrop, const char *data, size_t len)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/restante.index", maildrop->path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), len);
    assert_int_equal(close(fd), 0);
}

static size_t
get_index(const struct maildrop *maildrop, char *data, size_t size)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/restante.index", maildrop->path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t len = read(fd, data, size);
    assert_in_range(len, 1, size - 1);
    assert_int_equal(close(fd), 0);
    return (size_t)len;
}

static void
an_index_damaged_at_any_octet_changes_nothing(void **state)
{
    struct maildrop *maildrop = *state;
    char index[4096];
    make_index_current(maildrop);
    char *listing = drop_listing(maildrop);
    size_t len = get_index(maildrop, index, sizeof index);
    for (size_t i = 0; i < len; i++) {
        index[i] ^= 0x11;
        put_index(maildrop, index, len);
        check_listing(maildrop, listing);
        index[i] ^= 0x11;
    }
    for (size_t cut = 0; cut < len; cut++) {
        put_index(maildrop, index, cut);
        check_listing(maildrop, listing);
    }
    free(listing);
}

static void
an_index_of_another_maildrop_is_not_trusted_over_the_folders(void **state)
{
    struct maildrop *maildrop = *state;
    struct maildrop other;
    char index[4096];
    char *listing = drop_listing(maildrop);
    maildrop_make(&other);
    maildrop_put(&other, "new/10.b", "another\n");
    maildrop_put(&other, "cur/60.z", "another\n");
    maildrop_age(&other, "new"); /* two folders made in one tick could have one time */
    make_index_current(&other);
    put_index(maildrop, index, get_index(&other, index, sizeof index));
    check_listing(maildrop, listing);
    maildrop_remove(&other);
    free(listing);
}

static void
a_folder_whose_time_was_set_back_is_listed(void **state)
{
    struct maildrop *maildrop = *state;
    maildrop_age(maildrop, "new");
    maildrop_age(maildrop, "cur");
    free(drop_listing(maildrop));
    /* As a restored backup leaves it: one file more, and the folder looks as it did. */
    maildrop_put(maildrop, "new/80.r", "restored\n");
    maildrop_age(maildrop, "new");
    struct session session = drop_open(maildrop);
    assert_int_equal(session_count(&session), SAMPLE + 1);
    session_close(&session);
}

static void
whatever_is_in_the_place_of_the_index_a_session_works(void **state)
{
    struct maildrop *maildrop = *state;
    char path[128];
    char *listing = drop_listing(maildrop);
    (void)snprintf(path, sizeof path, "%s/restante.index", maildrop->path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    check_listing(maildrop, listing);
    (void)unlink(path);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    check_listing(maildrop, listing);
    (void)unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    check_listing(maildrop, listing);
    assert_false(maildrop_has(maildrop, "restante.index.new"));
    (void)rmdir(path);
    (void)snprintf(path, sizeof path, "%s/restante.index.new", maildrop->path);
    assert_int_equal(mkdir(path, 0700), 0);
    check_listing(maildrop, listing);
    assert_false(maildrop_has(maildrop, "restante.index"));
    (void)rmdir(path);
    maildrop_put(maildrop, "restante.index.new", "the rest of a run that was killed");
    check_listing(maildrop, listing);
    assert_true(maildrop_has(maildrop, "restante.index"));
    assert_false(maildrop_has(maildrop, "restante.index.new"));
    free(listing);
}

/* ---- folders and lock ---- */

static void
only_regular_files_of_new_and_cur_are_messages(void **state)
{
    struct maildrop *maildrop = *state;
    char path[128];
    maildrop_put(maildrop, "tmp/90.t", "being delivered");
    maildrop_put(maildrop, "new/.hidden", "x");
    maildrop_put(maildrop, "99.root", "x");
    (void)snprintf(path, sizeof path, "%s/cur/91.d", maildrop->path);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/cur/92.l", maildrop->path);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    (void)snprintf(path, sizeof path, "%s/new/93.f", maildrop->path);
    assert_int_equal(mkfifo(path, 0600), 0);
    struct session session = drop_open(maildrop);
    assert_int_equal(session_count(&session), SAMPLE);
    session_close(&session);
}

static enum err_code
refused(const char *path, struct err *err)
{
    struct store *store = NULL;
    unsigned descriptors = open_descriptors();
    enum err_code code = store_maildir.open(&store, path, err);
    assert_null(store);
    assert_int_equal(open_descriptors(), descriptors);
    return code;
}

static void
one_missing_folder_is_empty_two_are_no_maildir(void **state)
{
    struct maildrop *maildrop = *state;
    char path[128];
    struct err err;
    (void)snprintf(path, sizeof path, "%s/new", maildrop->path);
    maildrop_rename(maildrop, "new", "new.away");
    check_listing(maildrop, "20.b 11\n30.c 11\n");
    maildrop_rename(maildrop, "cur", "cur.away");
    assert_int_equal(refused(maildrop->path, &err), ERR_SYSTEM);
    assert_int_equal(err.number, ENOENT);
    maildrop_rename(maildrop, "new.away", "new");
    struct session session = drop_open(maildrop);
    assert_int_equal(session_count(&session), SAMPLE - 2);
    session_close(&session);
    maildrop_rename(maildrop, "cur.away", "cur");
    session = drop_open(maildrop);
    assert_int_equal(session_count(&session), SAMPLE);
    session_close(&session);
}

static void
the_maildrop_may_be_a_link_its_folders_must_not(void **state)
{
    struct maildrop *maildrop = *state;
    struct err err;
    char link[80];
    char path[128];
    (void)snprintf(link, sizeof link, "%s.link", maildrop->path);
    assert_int_equal(symlink(maildrop->path, link), 0);
    struct session session = session_open(&store_maildir, link);
    assert_int_equal(session_count(&session), SAMPLE);
    session_close(&session);
    assert_int_equal(unlink(link), 0);

    maildrop_rename(maildrop, "cur", "elsewhere");
    (void)snprintf(path, sizeof path, "%s/cur", maildrop->path);
    assert_int_equal(symlink("elsewhere", path), 0);
    assert_int_equal(refused(maildrop->path, &err), ERR_SYSTEM);
    assert_true(err_is_permanent(&err));
}

static void
the_lock_file_stays_and_nothing_else_can_take_its_place(void **state)
{
    struct maildrop *maildrop = *state;
    struct err err;
    char path[128];
    free(drop_listing(maildrop));
    assert_true(maildrop_has(maildrop, "restante.lock"));
    (void)snprintf(path, sizeof path, "%s/restante.lock", maildrop->path);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(refused(maildrop->path, &err), ERR_INVALID);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("elsewhere", path), 0);
    assert_int_equal(refused(maildrop->path, &err), ERR_SYSTEM);
    assert_false(maildrop_has(maildrop, "elsewhere"));
}

#define WITH_MAILDROP(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_MAILDROP(sizes_count_line_ends_as_crlf_and_ids_are_the_unique_parts),
        WITH_MAILDROP(unique_ids_survive_flags_moves_index_loss_copies_and_others),
        WITH_MAILDROP(files_that_differ_in_attributes_only_have_different_ids),
        WITH_MAILDROP(names_that_are_no_ids_are_hashed_whole),
        WITH_MAILDROP(a_renamed_message_is_followed),
        WITH_MAILDROP(a_changed_message_is_refused_and_right_in_the_next_session),
        WITH_MAILDROP(a_message_rewritten_with_the_same_wire_size_is_served),
        WITH_MAILDROP(what_is_no_regular_file_any_more_is_refused),
        WITH_MAILDROP(what_cannot_be_removed_is_counted_and_the_rest_is_removed),
        WITH_MAILDROP(a_claimed_size_is_believed_until_it_is_suspected),
        WITH_MAILDROP(a_claim_whose_file_size_is_wrong_is_counted_before_it_is_sent),
        WITH_MAILDROP(an_insane_claim_is_not_believed),
        WITH_MAILDROP(a_session_that_deletes_nothing_writes_nothing),
        WITH_MAILDROP(an_index_made_right_after_a_change_is_not_trusted_yet),
        WITH_MAILDROP(an_unchanged_maildrop_is_opened_without_its_files),
        WITH_MAILDROP(counted_sizes_are_kept_when_other_messages_come),
        WITH_MAILDROP(an_index_damaged_at_any_octet_changes_nothing),
        WITH_MAILDROP(an_index_of_another_maildrop_is_not_trusted_over_the_folders),
        WITH_MAILDROP(a_folder_whose_time_was_set_back_is_listed),
        WITH_MAILDROP(whatever_is_in_the_place_of_the_index_a_session_works),
        WITH_MAILDROP(only_regular_files_of_new_and_cur_are_messages),
        WITH_MAILDROP(one_missing_folder_is_empty_two_are_no_maildir),
        WITH_MAILDROP(the_maildrop_may_be_a_link_its_folders_must_not),
        WITH_MAILDROP(the_lock_file_stays_and_nothing_else_can_take_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
