/* The user file: every form of a line, the lines that cannot be used, and a file that changes
 * while it is used. */
#include "auth/passwd_file.h"
#include "auth/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SALTED   "$6$rounds=1000$saltsalt$"
#define READABLE "tellnobody"

struct place {
    char folder[32];
    char path[48];
    struct passwd_file *file;
};

/* The report has no context of its own, so what it says is gathered here. */
static char reports[65536];
static unsigned report_count;

static void
gather(const char *text)
{
    size_t len = strlen(reports);
    (void)snprintf(reports + len, sizeof reports - len, "%s\n", text);
    report_count++;
}

static int
place_make(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    (void)snprintf(place->folder, sizeof place->folder, "/tmp/restante-users-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->path, sizeof place->path, "%s/users", place->folder);
    reports[0] = '\0';
    report_count = 0;
    *state = place;
    return 0;
}

static int
place_remove(void **state)
{
    struct place *place = *state;
    passwd_file_close(place->file);
    if (unlink(place->path) != 0)
        (void)rmdir(place->path);
    assert_int_equal(rmdir(place->folder), 0);
    free(place);
    return 0;
}

/* Beside it and renamed, as an administrator's tools do: a new file each time. */
static void
write_octets(const struct place *place, const void *data, size_t len)
{
    char beside[64];
    (void)snprintf(beside, sizeof beside, "%s.new", place->path);
    FILE *out = fopen(beside, "we");
    assert_non_null(out);
    assert_int_equal(fwrite(data, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(rename(beside, place->path), 0);
}

static void
write_users(const struct place *place, const char *text)
{
    write_octets(place, text, strlen(text));
}

static void
open_users(struct place *place, const char *text)
{
    struct err err;
    write_users(place, text);
    if (passwd_file_open(&place->file, place->path, gather, &err) != ERR_OK)
        fail_msg("%s", err.text);
}

static bool
find(const struct place *place, const char *name, struct auth_user *ret_user)
{
    struct err err;
    enum err_code code = passwd_file_lookup(place->file, pop_view_of(name), ret_user, &err);
    assert_true(code == ERR_OK || code == ERR_NOT_FOUND);
    return code == ERR_OK;
}

static bool
has(const struct place *place, const char *name)
{
    struct auth_user user;
    return find(place, name, &user);
}

/* ---- lines ---- */

static void
each_form_of_a_line_gives_its_fields(void **state)
{
    struct place *place = *state;
    static const struct {
        const char *line;
        const char *name;
        const char *stored;
        uint32_t uid;
        uint32_t gid;
        const char *home;
    } users[] = {
        {"a:*:1000:100:Ann:/home/a:/bin/sh:more:and more", "a", "*", 1000, 100, "/home/a"},
        {"b:{PLAIN}x:0:4294967294::/b::", "b", "{PLAIN}x", 0, UINT32_MAX - 1, "/b"},
        {"c:{PLAIN}y", "c", "{PLAIN}y", AUTH_ID_NONE, AUTH_ID_NONE, ""},
        {"d", "d", "", AUTH_ID_NONE, AUTH_ID_NONE, ""},
        {"e:", "e", "", AUTH_ID_NONE, AUTH_ID_NONE, ""},
        {"f:!:::::", "f", "!", AUTH_ID_NONE, AUTH_ID_NONE, ""},
        {"g h@i.test:*:7:", "g h@i.test", "*", 7, AUTH_ID_NONE, ""},
        {"j:*:00012::::", "j", "*", 12, AUTH_ID_NONE, ""},
        {"\xc3\xa4:*", "\xc3\xa4", "*", AUTH_ID_NONE, AUTH_ID_NONE, ""},
        {" k:*", " k", "*", AUTH_ID_NONE, AUTH_ID_NONE, ""},
    };
    static const char *const ends[] = {"\n", "\r\n", "\n\n#comment: x\n", "\n\r\n"};
    for (size_t e = 0; e < sizeof ends / sizeof *ends; e++) {
        char text[2048] = "";
        for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
            size_t len = strlen(text);
            (void)snprintf(text + len, sizeof text - len, "%s%s", users[i].line, ends[e]);
        }
        open_users(place, text);
        for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
            struct auth_user user;
            if (!find(place, users[i].name, &user))
                fail_msg("no '%s'", users[i].name);
            assert_string_equal(user.name, users[i].name);
            assert_string_equal(user.stored, users[i].stored);
            assert_int_equal(user.uid, users[i].uid);
            assert_int_equal(user.gid, users[i].gid);
            assert_string_equal(user.home, users[i].home);
        }
        assert_string_equal(reports, "");
        passwd_file_close(place->file);
        place->file = NULL;
    }
}

static void
a_name_is_found_by_exactly_its_octets(void **state)
{
    struct place *place = *state;
    static const char *const absent[] = {"", "an", "anna", "Ann", "ann ", "ann\r", "#c", "zoe"};
    open_users(place, "ben:*\nann:*\n#c:*\nanne:*"); /* the last without its line end */
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        assert_false(has(place, absent[i]));
    assert_true(has(place, "ann"));
    assert_true(has(place, "anne"));
    assert_true(has(place, "ben"));
    struct auth_user user;
    struct err err;
    assert_int_equal(
        passwd_file_lookup(place->file, (struct pop_view){"ann\0", 4}, &user, &err),
        ERR_NOT_FOUND);
}

static void
of_two_lines_with_one_name_the_first_counts(void **state)
{
    struct place *place = *state;
    struct auth_user user;
    open_users(place, "b:*\na:{PLAIN}1\nc:*\na:{PLAIN}2\na:{PLAIN}3\n");
    assert_true(find(place, "a", &user));
    assert_string_equal(user.stored, "{PLAIN}1");
    assert_int_equal(user.other_count, 0);
    assert_int_equal(report_count, 2); /* each that is left out */
    assert_non_null(strstr(reports, "users:4: this user has a line already"));
    assert_non_null(strstr(reports, "users:5: this user has a line already"));
}

/* Each beside two good lines: they work, the bad one is reported once with its number, and
 * nothing of what stands in the password field is told. */
static void
each_bad_line_is_reported_with_its_place_and_without_its_password(void **state)
{
    struct place *place = *state;
    static const struct {
        const char *line;
        const char *why;
    } bad[] = {
        {":{PLAIN}" READABLE, "must not be empty"},
        {".x:{PLAIN}" READABLE, "start with '.'"},
        {"x/y:{PLAIN}" READABLE, "'/'"},
        {"x\ty:{PLAIN}" READABLE, "control characters"},
        {"x:{PLAIN}" READABLE "\r:1", NULL}, /* no line end: a CR in the field is kept */
        {"x:" READABLE, "scheme"},
        {"x:{NO-SUCH}" READABLE, "scheme"},
        {"x:{PLAIN" READABLE, "scheme"},
        {"x:{}" READABLE, "scheme"},
        {"x:{CRYPT}" READABLE, "scheme"},
        {"x:{PLAIN}" READABLE ":-1", "uid and gid are numbers"},
        {"x:{PLAIN}" READABLE ":1 ", "uid and gid are numbers"},
        {"x:{PLAIN}" READABLE ":mail", "uid and gid are numbers"},
        {"x:{PLAIN}" READABLE ":4294967295", "uid and gid are numbers"},
        {"x:{PLAIN}" READABLE ":1:4294967296", "uid and gid are numbers"},
        {"x:{PLAIN}" READABLE ":1:0x10", "uid and gid are numbers"},
        {"x:{PLAIN}" READABLE "::::::pop=off", "pop is yes or no; this user"},
        {"x:{PLAIN}" READABLE "::::::pop=No", "pop is yes or no; this user"},
        {"x:{PLAIN}" READABLE "::::::pop=", "pop is yes or no"},
        {"x:{PLAIN}" READABLE "::::::a=1 pop", "pop is yes or no"},
        {"x:{PLAIN}" READABLE "::::::label=", "a label has"},
        {"x:{PLAIN}" READABLE "::::::label", "a label has"},
        {"x:{PLAIN}" READABLE "::::::label=" READABLE ":", "a label has"},
        {"x:{PLAIN}" READABLE "::::::label=" READABLE "\"", "a label has"},
        {"x:{PLAIN}" READABLE "::::::label=" READABLE "\x7f", "a label has"},
        {"x:{PLAIN}" READABLE "::::::label=" READABLE "\xc3\xa4", "a label has"},
        {"x:{PLAIN}" READABLE "::::::label=a label=b", "a line has one label"},
        {"x:{PLAIN}" READABLE "::::::label=a pop=no", "belong on the user's own line"},
        {"x:{PLAIN}" READABLE "::::::nologin label=a", "belong on the user's own line"},
        {"x:" READABLE "::::::label=a", "scheme of the password is not known here; this pass"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[256];
        char where[80];
        reports[0] = '\0';
        report_count = 0;
        (void)snprintf(text, sizeof text, "# users\nann:*\n\n%s\nben:*\n", bad[i].line);
        (void)snprintf(where, sizeof where, "%s:4: ", place->path);
        open_users(place, text);
        assert_true(has(place, "ann") && has(place, "ben"));
        assert_null(strstr(reports, READABLE));
        assert_int_equal(report_count, bad[i].why != NULL);
        if (bad[i].why != NULL &&
            (strncmp(reports, where, strlen(where)) != 0 || !strstr(reports, bad[i].why)))
            fail_msg("line '%s' gives '%s'", bad[i].line, reports);
        passwd_file_close(place->file);
        place->file = NULL;
    }
}

static void
fields_at_their_bound_are_taken_and_beyond_it_reported(void **state)
{
    struct place *place = *state;
    static const struct {
        size_t name;
        size_t stored;
        size_t home;
        bool taken;
    } sizes[] = {
        {USER_NAME_MAX, 10, 10, true},   {USER_NAME_MAX + 1, 10, 10, false},
        {4, HASH_TEXT_MAX, 10, true},    {4, HASH_TEXT_MAX + 1, 10, false},
        {4, 10, PATH_LEN_MAX - 1, true}, {4, 10, PATH_LEN_MAX, false},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char text[8192];
        char name[USER_NAME_MAX + 2];
        int len = snprintf(
            text, sizeof text, "%0*d:{PLAIN}%0*d:::: %0*d\n", (int)sizes[i].name, 0,
            (int)sizes[i].stored - 7, 0, (int)sizes[i].home - 1, 0);
        assert_in_range(len, 1, sizeof text - 1);
        (void)snprintf(name, sizeof name, "%0*d", (int)sizes[i].name, 0);
        struct auth_user user;
        report_count = 0;
        open_users(place, text);
        assert_int_equal(find(place, name, &user), sizes[i].taken);
        assert_int_equal(report_count, !sizes[i].taken);
        if (sizes[i].taken) {
            assert_int_equal(strlen(user.stored), sizes[i].stored);
            assert_int_equal(strlen(user.home), sizes[i].home);
        }
        passwd_file_close(place->file);
        place->file = NULL;
    }
}

static void
a_line_without_end_or_with_a_nul_spoils_only_itself(void **state)
{
    struct place *place = *state;
    size_t len = 1000000;
    char *text = malloc(len + 64);
    assert_non_null(text);
    memcpy(text, "ann:*\n", 6);
    memset(text + 6, 'x', len);
    memcpy(text + 6 + len, "\nb\0n:*\nben:*\n", 13);
    open_users(place, "");
    write_octets(place, text, 6 + len + 13);
    free(text);
    assert_true(has(place, "ann"));
    assert_true(has(place, "ben"));
    assert_false(has(place, "b"));
    assert_int_equal(report_count, 2);
    assert_non_null(strstr(reports, "users:2: "));
    assert_non_null(strstr(reports, "users:3: "));
    assert_in_range(strlen(reports), 0, 400);
}

static void
ten_thousand_users_are_all_found(void **state)
{
    struct place *place = *state;
    enum { COUNT = 10000 };
    char *text = malloc(COUNT * 32);
    size_t len = 0;
    assert_non_null(text);
    for (unsigned i = 0; i < COUNT; i++)
        len += (size_t)snprintf(
            text + len, 32, "u%u:{PLAIN}%u\n", i * 7919 % COUNT, i * 7919 % COUNT);
    open_users(place, text);
    free(text);
    for (unsigned i = 0; i < COUNT; i++) {
        char name[16];
        char stored[32];
        struct auth_user user;
        (void)snprintf(name, sizeof name, "u%u", i);
        (void)snprintf(stored, sizeof stored, "{PLAIN}%u", i);
        assert_true(find(place, name, &user));
        assert_string_equal(user.stored, stored);
    }
}

/* ---- application passwords and the switch ---- */

/* "stored" or "stored label=stored ...", as the user has them, or "" for nobody. */
static const char *
passwords_of(const struct place *place, const char *name)
{
    static char text[8192];
    struct auth_user user;
    memset(&user, 'x', sizeof user); /* a look-up sets all of it */
    text[0] = '\0';
    if (!find(place, name, &user))
        return text;
    assert_string_equal(user.name, name);
    (void)snprintf(text, sizeof text, "%s", user.stored);
    for (uint32_t i = 0; i < user.other_count; i++) {
        size_t len = strlen(text);
        (void)snprintf(
            text + len, sizeof text - len, " %s=%s", user.others[i].label,
            user.others[i].stored);
    }
    return text;
}

static void
labelled_lines_are_further_passwords_of_their_user_only(void **state)
{
    struct place *place = *state;
    static const struct {
        const char *users;
        const char *ann;
        const char *ben;
    } cases[] = {
        {"ann:{PLAIN}1\nann:{PLAIN}2::::::label=phone\nben:{PLAIN}3\n",
         "{PLAIN}1 phone={PLAIN}2", "{PLAIN}3"},
        /* first in the file, and apart from the user's own line */
        {"ann:{PLAIN}2::::::label=b\nben:{PLAIN}3\nann:{PLAIN}1\nben:!\nann:{PLAIN}4::::::"
         "label=a",
         "{PLAIN}1 b={PLAIN}2 a={PLAIN}4", "{PLAIN}3"},
        /* only those, also of a name that is the start of another */
        {"ann:{PLAIN}2::::::label=x\nanne:{PLAIN}5\nben:{PLAIN}2::::::label=x\n",
         "* x={PLAIN}2", "* x={PLAIN}2"},
        {"ann:{PLAIN}1\r\nann:{PLAIN}2::::::label=phone\r\nben:{PLAIN}3\r\n",
         "{PLAIN}1 phone={PLAIN}2", "{PLAIN}3"},
        /* among words of other programs, which may have colons, and between blanks */
        {"ann:{PLAIN}2::::::userdb_mail=maildir:~/Mail:LAYOUT=fs  xlabel=y "
         "label=phone\tpop=yes \n"
         "ben:{PLAIN}3::::::xpop=no poppy labels=9 Label=8\n",
         "* phone={PLAIN}2", "{PLAIN}3"},
        {"ann:\nann:*::::::label=never\nann:::::::label=empty", " never=* empty=", ""},
        /* the words are of the eighth field: not of the one before */
        {"ann:{PLAIN}1:::::label=phone\n", "{PLAIN}1", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        reports[0] = '\0';
        open_users(place, cases[i].users);
        assert_string_equal(passwords_of(place, "ann"), cases[i].ann);
        assert_string_equal(passwords_of(place, "ben"), cases[i].ben);
        assert_string_equal(passwords_of(place, "an"), "");
        if (strstr(cases[i].users, "ben:!") == NULL)
            assert_string_equal(reports, "");
        passwd_file_close(place->file);
        place->file = NULL;
    }
}

static void
home_ids_and_switch_come_from_the_own_line(void **state)
{
    struct place *place = *state;
    struct auth_user user;
    open_users(
        place, "ann:{PLAIN}2:7:8::/phone::label=phone\nann:{PLAIN}1:5:6::/ann::pop=no\n"
               "ben:{PLAIN}2:7:8::/phone::label=phone\n");
    assert_true(find(place, "ann", &user));
    assert_int_equal(user.uid, 5);
    assert_int_equal(user.gid, 6);
    assert_string_equal(user.home, "/ann");
    assert_true(user.disabled);
    assert_true(find(place, "ben", &user));
    assert_int_equal(user.uid, AUTH_ID_NONE);
    assert_int_equal(user.gid, AUTH_ID_NONE);
    assert_string_equal(user.home, "");
    assert_false(user.disabled);
}

static void
each_form_of_the_switch(void **state)
{
    struct place *place = *state;
    static const struct {
        const char *extra;
        bool disabled;
    } cases[] = {
        {"", false},           {"pop=yes", false},       {"pop=no", true},
        {" a pop=no b", true}, {"nologin", true},        {"nologin=y", true},
        {"xnologin", false},   {"pop=no pop=yes", true}, {"a=pop=no", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128];
        struct auth_user user;
        (void)snprintf(text, sizeof text, "ann:{PLAIN}1::::::%s\r\n", cases[i].extra);
        open_users(place, text);
        assert_true(find(place, "ann", &user));
        if (user.disabled != cases[i].disabled)
            fail_msg("'%s'", cases[i].extra);
        passwd_file_close(place->file);
        place->file = NULL;
    }
    assert_string_equal(reports, "");
}

/* Else a slip on the line that switches a user off would leave the other passwords in force. */
static void
whose_own_line_is_bad_has_no_other_passwords(void **state)
{
    struct place *place = *state;
    static const char *const bad[] = {
        "ann:{PLAIN}1::::::pop=off", "ann:{PLAIN}1:x", ("ann:" READABLE),
        "ann:{PLAIN}1:::::: pop=maybe pop=yes"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[256];
        (void)snprintf(
            text, sizeof text, "ann:{PLAIN}2::::::label=a\n%s\nben:{PLAIN}3\n", bad[i]);
        report_count = 0;
        open_users(place, text);
        assert_string_equal(passwords_of(place, "ann"), "");
        assert_string_equal(passwords_of(place, "ben"), "{PLAIN}3");
        assert_int_equal(report_count, 1);
        passwd_file_close(place->file);
        place->file = NULL;
    }
    open_users(place, "ann:{PLAIN}2::::::label=a\nann:x\nann:{PLAIN}1\n");
    assert_string_equal(passwords_of(place, "ann"), "{PLAIN}1 a={PLAIN}2");
}

static void
of_a_label_twice_and_of_too_many_the_first_count(void **state)
{
    struct place *place = *state;
    char text[1024];
    char expected[1024];
    int len = snprintf(text, sizeof text, "ann:{PLAIN}o\nann:{PLAIN}0::::::label=0\n");
    int expected_len = snprintf(expected, sizeof expected, "{PLAIN}o 0={PLAIN}0");
    len += snprintf(text + len, sizeof text - len, "ann:{PLAIN}x::::::label=0\n");
    for (unsigned i = 1; i <= CREDENTIALS_MAX; i++) {
        len += snprintf(text + len, sizeof text - len, "ann:{PLAIN}%u::::::label=%u\n", i, i);
        if (i < CREDENTIALS_MAX)
            expected_len += snprintf(
                expected + expected_len, sizeof expected - expected_len, " %u={PLAIN}%u", i, i);
    }
    open_users(place, text);
    assert_string_equal(passwords_of(place, "ann"), expected);
    assert_int_equal(report_count, 2);
    assert_non_null(strstr(reports, "users:3: this user has a password with this label"));
    assert_non_null(strstr(reports, "users:11: this user has too many"));
    (void)snprintf(
        text, sizeof text, "ann:{PLAIN}1::::::label=%0*d\nben:{PLAIN}2::::::label=%0*d\n",
        (int)LABEL_MAX, 0, (int)LABEL_MAX + 1, 0);
    write_users(place, text);
    assert_true(has(place, "ann"));
    assert_false(has(place, "ben"));
}

static void
kinds_are_those_of_all_lines(void **state)
{
    struct place *place = *state;
    static const struct {
        const char *users;
        uint32_t kinds;
    } cases[] = {
        {"a:{PLAIN}x\na:*::::::label=1\n", 1u << PASSWORD_PLAIN},
        {"a:{PLAIN}x\na:{PLAIN}y::::::label=1\n", 1u << PASSWORD_PLAIN | 1u << PASSWORD_CRYPT},
        {"a:" SALTED "x::::::label=1\n", 1u << PASSWORD_CRYPT},
        /* what is left out counts for nothing */
        {"a:{PLAIN}x\na:" SALTED "x\nb:" SALTED "x:no\nb:" SALTED "x::::::label=1\n",
         1u << PASSWORD_PLAIN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_users(place, cases[i].users);
        assert_int_equal(passwd_file_kinds(place->file), cases[i].kinds);
        assert_int_equal(
            passwd_file_is_quick(place->file), strstr(cases[i].users, "$") == NULL || i == 3);
        passwd_file_close(place->file);
        place->file = NULL;
    }
}

/* ---- the file as it changes ---- */

static void
a_changed_file_is_read_again(void **state)
{
    struct place *place = *state;
    struct auth_user user;
    open_users(place, "ann:{PLAIN}1\n");
    assert_true(find(place, "ann", &user));
    write_users(place, "ann:{PLAIN}2\n"); /* the same size */
    assert_true(find(place, "ann", &user));
    assert_string_equal(user.stored, "{PLAIN}2");
    write_users(place, "");
    assert_false(has(place, "ann"));
    write_users(place, "ann:{PLAIN}3\nx:" READABLE "\n");
    assert_true(has(place, "ann"));
    assert_true(has(place, "ann"));
    assert_int_equal(report_count, 1); /* once a reading, not once a lookup */
}

static void
make_missing(const struct place *place)
{
    assert_int_equal(unlink(place->path), 0);
}

static void
make_folder(const struct place *place)
{
    assert_int_equal(unlink(place->path), 0);
    assert_int_equal(mkdir(place->path, 0700), 0);
}

static void
make_pipe(const struct place *place)
{
    assert_int_equal(unlink(place->path), 0);
    assert_int_equal(mkfifo(place->path, 0600), 0);
}

static void
make_dangling(const struct place *place)
{
    assert_int_equal(unlink(place->path), 0);
    assert_int_equal(symlink("nothing", place->path), 0);
}

static void
make_secret(const struct place *place)
{
    write_users(place, "other:*\n");
    assert_int_equal(chmod(place->path, 0), 0);
}

static void
a_file_that_cannot_be_read_leaves_the_old_content_and_is_reported_once(void **state)
{
    struct place *place = *state;
    static void (*const spoil[])(const struct place *) = {
        make_missing, make_folder, make_pipe, make_dangling, make_secret};
    for (size_t i = 0; i < sizeof spoil / sizeof *spoil; i++) {
        if (spoil[i] == make_secret && geteuid() == 0)
            continue; /* root reads everything */
        reports[0] = '\0';
        report_count = 0;
        open_users(place, "ann:{PLAIN}1\n");
        spoil[i](place);
        assert_true(has(place, "ann"));
        assert_true(has(place, "ann"));
        assert_int_equal(report_count, 1);
        assert_non_null(strstr(reports, place->path));

        if (unlink(place->path) != 0)
            (void)rmdir(place->path);
        write_users(place, "ben:*\n");
        assert_true(has(place, "ben"));
        assert_false(has(place, "ann"));
        make_missing(place);
        assert_true(has(place, "ben"));
        assert_int_equal(report_count, 2); /* a new fault is told anew */
        passwd_file_close(place->file);
        place->file = NULL;
    }
}

static void
a_file_that_cannot_be_read_at_first_does_not_open(void **state)
{
    struct place *place = *state;
    struct err err;
    assert_int_equal(passwd_file_open(&place->file, place->path, gather, &err), ERR_SYSTEM);
    assert_non_null(strstr(err.text, place->path));
    assert_int_equal(mkdir(place->path, 0700), 0);
    assert_int_equal(passwd_file_open(&place->file, place->path, gather, &err), ERR_INVALID);
    assert_null(place->file);
}

/* ---- what the users have in common ---- */

/* The cost of the stand-in for names that do not exist (R1939-31). */
static void
a_name_that_does_not_exist_costs_what_most_users_cost(void **state)
{
    struct place *place = *state;
    static const struct {
        const char *users;
        const char *cost;
        bool quick;
    } cases[] = {
        {"", "$y$", true}, /* nobody to hide among */
        {"a:" SALTED "x\nb:" SALTED "y\nc:$1$abcdefgh$z\n", "$6$rounds=1000$", false},
        {"c:$1$abcdefgh$z\na:" SALTED "x\nb:" SALTED "y\n", "$6$rounds=1000$", false},
        {"a:*\nb:!\nc:\nd:$1$abcdefgh$z\n", "$1$", false},
        {"a:{PLAIN}x\nb:{PLAIN}y\n", "", true},
        {"a:{PLAIN}x\nb:$1$abcdefgh$z\nc:{SHA512-CRYPT}" SALTED "y\nd:" SALTED
         "y\ne:{CRYPT}" SALTED "w\n",
         "$6$rounds=1000$", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct password dummy;
        struct err err;
        open_users(place, cases[i].users);
        struct pop_view stored = pop_view_of(passwd_file_dummy(place->file));
        assert_int_equal(password_parse(stored, &dummy, &err), ERR_OK);
        struct pop_view cost = password_cost(&dummy);
        if (strncmp(cost.data, cases[i].cost, strlen(cases[i].cost)) != 0)
            fail_msg("case %zu: '%.*s'", i, (int)cost.len, cost.data);
        assert_int_equal(passwd_file_is_quick(place->file), cases[i].quick);
        passwd_file_close(place->file);
        place->file = NULL;
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)
    const struct CMUnitTest tests[] = {
        TEST(each_form_of_a_line_gives_its_fields),
        TEST(a_name_is_found_by_exactly_its_octets),
        TEST(of_two_lines_with_one_name_the_first_counts),
        TEST(each_bad_line_is_reported_with_its_place_and_without_its_password),
        TEST(fields_at_their_bound_are_taken_and_beyond_it_reported),
        TEST(a_line_without_end_or_with_a_nul_spoils_only_itself),
        TEST(ten_thousand_users_are_all_found),
        TEST(labelled_lines_are_further_passwords_of_their_user_only),
        TEST(home_ids_and_switch_come_from_the_own_line),
        TEST(each_form_of_the_switch),
        TEST(whose_own_line_is_bad_has_no_other_passwords),
        TEST(of_a_label_twice_and_of_too_many_the_first_count),
        TEST(kinds_are_those_of_all_lines),
        TEST(a_changed_file_is_read_again),
        TEST(a_file_that_cannot_be_read_leaves_the_old_content_and_is_reported_once),
        TEST(a_file_that_cannot_be_read_at_first_does_not_open),
        TEST(a_name_that_does_not_exist_costs_what_most_users_cost),
    };
    return cmocka_run_group_tests_name("passwd file", tests, NULL, NULL);
}
