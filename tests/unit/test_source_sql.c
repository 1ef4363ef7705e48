/* The SQL source with SQLite: what settings it takes, what rows say, and what names cannot do.
 */
#include "auth/source.h"
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define READABLE "tellnobody"

static const char users[] =
    "CREATE TABLE users (name, password, uid, gid, home, label, enabled);"
    "INSERT INTO users VALUES"
    " ('ann', '{PLAIN}one', 1001, '1002', '/home/ann', NULL, 1),"
    " ('ben', '{PLAIN}own', NULL, NULL, NULL, NULL, 1),"
    " ('ben', '{PLAIN}two', NULL, NULL, NULL, 'phone', 1),"
    " ('ben', '{PLAIN}three', NULL, NULL, NULL, '', 1),"
    " ('cid@x@example.org', '{PLAIN}c', NULL, NULL, '', NULL, 1),"
    " ('dee', NULL, NULL, NULL, NULL, NULL, NULL),"
    " ('forgotten', '" READABLE "', NULL, NULL, NULL, NULL, 1),"
    " ('badid', '{PLAIN}x', '-1', NULL, NULL, NULL, 1),"
    " ('O''Brien', '{PLAIN}x', NULL, NULL, NULL, NULL, 1);";

struct place {
    char folder[40];
    char path[64];
    char url[80];
    struct source *source;
};

static void
run_sql(const struct place *place, const char *sql)
{
    sqlite3 *connection;
    assert_int_equal(sqlite3_open(place->path, &connection), SQLITE_OK);
    assert_int_equal(sqlite3_exec(connection, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(connection), SQLITE_OK);
}

static int
place_make(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    (void)snprintf(place->folder, sizeof place->folder, "/tmp/restante-sql-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->path, sizeof place->path, "%s/users.db", place->folder);
    (void)snprintf(place->url, sizeof place->url, "sqlite:%s", place->path);
    run_sql(place, users);
    *state = place;
    return 0;
}

static int
place_remove(void **state)
{
    struct place *place = *state;
    source_sql.close(place->source);
    (void)unlink(place->path);
    assert_int_equal(rmdir(place->folder), 0);
    free(place);
    return 0;
}

static enum err_code
open_with(struct place *place, const char *url, const char *query, struct err *err)
{
    struct source_settings settings = {.values = {[SOURCE_URL] = url, [SOURCE_QUERY] = query}};
    source_sql.close(place->source);
    place->source = NULL;
    return source_sql.open(&place->source, &settings, err);
}

static void
open_query(struct place *place, const char *query)
{
    struct err err = {.text = ""};
    if (open_with(place, place->url, query, &err) != ERR_OK)
        fail_msg("%s", err.text);
}

static enum err_code
look_up(struct place *place, const char *name, struct auth_user *user, struct err *err)
{
    *err = (struct err){.text = ""};
    auth_user_begin(user, pop_view_of(name));
    enum err_code code = source_sql.look_up(place->source, user, err);
    assert_null(strstr(err->text, READABLE));
    assert_true(code == ERR_OK || err->code == code);
    return code;
}

#define ALL      "SELECT password, uid, gid, home, label, enabled FROM users WHERE name = $1"
#define FOR(row) "SELECT " row " WHERE $1 = 'ann'"

/* ---- rows ---- */

static void
each_column_is_read(void **state)
{
    struct auth_user user;
    struct err err;
    open_query(*state, ALL);
    assert_int_equal(look_up(*state, "ann", &user, &err), ERR_OK);
    assert_string_equal(user.name, "ann");
    assert_string_equal(user.stored, "{PLAIN}one");
    assert_int_equal(user.uid, 1001);
    assert_int_equal(user.gid, 1002);
    assert_string_equal(user.home, "/home/ann");
    assert_int_equal(user.other_count, 0);
    assert_false(user.disabled);
}

static void
null_is_not_given(void **state)
{
    struct auth_user user;
    struct err err;
    open_query(*state, ALL);
    assert_int_equal(look_up(*state, "dee", &user, &err), ERR_OK);
    assert_string_equal(user.stored, "");
    assert_int_equal(user.uid, AUTH_ID_NONE);
    assert_int_equal(user.gid, AUTH_ID_NONE);
    assert_string_equal(user.home, "");
    assert_false(user.disabled);
}

static void
further_rows_are_further_passwords(void **state)
{
    struct auth_user user;
    struct err err;
    open_query(*state, ALL " ORDER BY rowid");
    assert_int_equal(look_up(*state, "ben", &user, &err), ERR_OK);
    assert_string_equal(user.stored, "{PLAIN}own");
    assert_int_equal(user.other_count, 2);
    assert_string_equal(user.others[0].stored, "{PLAIN}two");
    assert_string_equal(user.others[0].label, "phone");
    assert_string_equal(user.others[1].stored, "{PLAIN}three");
    assert_string_equal(user.others[1].label, "3");
}

static void
own_password_may_come_last_or_never(void **state)
{
    struct auth_user user;
    struct err err;
    open_query(*state, ALL " AND password <> '{PLAIN}three' ORDER BY rowid DESC");
    assert_int_equal(look_up(*state, "ben", &user, &err), ERR_OK);
    assert_string_equal(user.stored, "{PLAIN}own");
    assert_int_equal(user.other_count, 1);
    assert_string_equal(user.others[0].label, "phone");
    open_query(*state, ALL " AND label = 'phone'");
    assert_int_equal(look_up(*state, "ben", &user, &err), ERR_OK);
    assert_string_equal(user.stored, "*"); /* nobody's */
    assert_int_equal(user.other_count, 1);
    assert_string_equal(user.others[0].stored, "{PLAIN}two");
}

static void
too_many_passwords_are_the_users_fault(void **state)
{
    struct auth_user user;
    struct err err;
    open_query(
        *state, "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) "
                "SELECT '{PLAIN}x' AS password FROM n WHERE $1 = 'ann'");
    assert_int_equal(look_up(*state, "ann", &user, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "CREDENTIALS_MAX"));
}

static void
name_may_be_another(void **state)
{
    struct auth_user user;
    struct err err;
    open_query(
        *state, "SELECT name, password FROM users WHERE name = $1 COLLATE NOCASE AND $1 = $1");
    assert_int_equal(look_up(*state, "ANN", &user, &err), ERR_OK);
    assert_string_equal(user.name, "ann");
    open_query(*state, FOR("'../x' AS name, '*' AS password"));
    assert_int_equal(look_up(*state, "ann", &user, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "name"));
}

static void
enabled_has_many_words(void **state)
{
    static const struct {
        const char *value;
        enum err_code code;
        bool disabled;
    } cases[] = {
        {"0", ERR_OK, true},
        {"1", ERR_OK, false},
        {"'0'", ERR_OK, true},
        {"'f'", ERR_OK, true},
        {"'False'", ERR_OK, true},
        {"'n'", ERR_OK, true},
        {"'NO'", ERR_OK, true},
        {"'off'", ERR_OK, true},
        {"'t'", ERR_OK, false},
        {"'yes'", ERR_OK, false},
        {"NULL", ERR_OK, false},
        {"''", ERR_INVALID, false},
        {"'locked'", ERR_INVALID, false},
        {"2", ERR_INVALID, false},
    };
    struct auth_user user;
    struct err err;
    char query[128];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        (void)snprintf(
            query, sizeof query, FOR("'{PLAIN}x' AS password, %s AS enabled"), cases[i].value);
        open_query(*state, query);
        assert_int_equal(look_up(*state, "ann", &user, &err), cases[i].code);
        if (cases[i].code == ERR_OK)
            assert_int_equal(user.disabled, cases[i].disabled);
        else
            assert_non_null(strstr(err.text, "enabled"));
    }
}

static void
any_row_can_disable(void **state)
{
    struct auth_user user;
    struct err err;
    open_query(
        *state, FOR("1 AS enabled") " UNION ALL SELECT 0 AS enabled WHERE $1 = 'ann' "
                                    "UNION ALL SELECT 1 WHERE $1 = 'ann'");
    assert_int_equal(look_up(*state, "ann", &user, &err), ERR_OK);
    assert_true(user.disabled);
}

static void
columns_that_are_not_known_are_named(void **state)
{
    struct auth_user user;
    struct err err;
    open_query(*state, FOR("'{PLAIN}x' AS password, 1 AS shoe_size"));
    assert_int_equal(look_up(*state, "ann", &user, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "shoe_size"));
    open_query(*state, FOR("'{PLAIN}x' AS password, '{PLAIN}y' AS PASSWORD"));
    assert_int_equal(look_up(*state, "ann", &user, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "two columns"));
}

static void
what_a_row_cannot_say_is_the_users_fault(void **state)
{
    static const struct {
        const char *row, *word;
    } cases[] = {
        {"'" READABLE "' AS password", "password"},
        {"'{MAGIC}x' AS password", "password"},
        {"CAST(x'7b504c41494e7d610062' AS TEXT) AS password", "NUL"},
        {"'-1' AS uid", "uid"},
        {"1.5 AS gid", "gid"},
        {"4294967295 AS uid", "uid"},
        {"CAST(x'2f0061' AS TEXT) AS home", "NUL"},
        {"'' AS name", "empty"},
    };
    struct auth_user user;
    struct err err;
    char query[160];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        (void)snprintf(query, sizeof query, FOR("%s"), cases[i].row);
        open_query(*state, query);
        assert_int_equal(look_up(*state, "ann", &user, &err), ERR_INVALID);
        assert_non_null(strstr(err.text, cases[i].word));
    }
}

/* ---- names ---- */

static void
no_row_is_nobody(void **state)
{
    struct auth_user user;
    struct err err;
    open_query(*state, ALL);
    assert_int_equal(look_up(*state, "zoe", &user, &err), ERR_NOT_FOUND);
    assert_int_equal(look_up(*state, "ann", &user, &err), ERR_OK); /* and it goes on */
}

static void
names_are_never_sql(void **state)
{
    static const char *const names[] = {
        "x' OR '1'='1",
        "ann' --",
        "ann'; DROP TABLE users; --",
        "%",
        "_nn",
        "*",
        "$1",
        "'||'ann",
        "ann\\",
        "x' UNION SELECT password FROM users --",
        "\xff\xfe",
        "ANN",
        "ann ",
    };
    struct auth_user user;
    struct err err;
    open_query(*state, ALL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(look_up(*state, names[i], &user, &err), ERR_NOT_FOUND);
        assert_string_equal(user.name, names[i]);
    }
    assert_int_equal(look_up(*state, "O'Brien", &user, &err), ERR_OK);
    assert_int_equal(look_up(*state, "ann", &user, &err), ERR_OK);
}

static void
parts_of_a_name_are_parameters(void **state)
{
    static const struct {
        const char *name, *local, *domain;
    } cases[] = {
        {"ann", "ann", ""},
        {"cid@example.org", "cid", "example.org"},
        {"cid@x@example.org", "cid@x", "example.org"},
        {"@x", "", "x"},
        {"x@", "x", ""},
    };
    struct auth_user user;
    struct err err;
    char parts[64];
    open_query(*state, "SELECT '/' || $2 || '|' || $3 || '|' || $1 AS home");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        (void)snprintf(
            parts, sizeof parts, "/%s|%s|%s", cases[i].local, cases[i].domain, cases[i].name);
        assert_int_equal(look_up(*state, cases[i].name, &user, &err), ERR_OK);
        assert_string_equal(user.home, parts);
    }
}

/* ---- settings and the world ---- */

static void
settings_that_cannot_be_are_named(void **state)
{
    static const struct {
        const char *url, *query, *word;
    } cases[] = {
        {NULL, "SELECT $1", "url"},
        {"sqlite:/x", NULL, "query"},
        {"sqlite:users.db", "SELECT $1", "absolute"},
        {"sqlite://users.db", "SELECT 1", "query"},
        {"sqlite:/x", "SELECT $3", "query"},
        {"sqlite:/x", "SELECT $1, $4", "$4"},
        {"sqlite:/x", "SELECT $1, $12", "$12"},
        {"mysql://root:" READABLE "@host/db", "SELECT $1", "url"},
        {"postgresql://ann:" READABLE "@host/db?sslmode", "SELECT $1", "url"},
        {"postgresql://ann:" READABLE "@[::1/db", "SELECT $1", "url"},
    };
    struct err err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        err.text[0] = '\0';
        assert_int_equal(open_with(*state, cases[i].url, cases[i].query, &err), ERR_INVALID);
        assert_non_null(strstr(err.text, cases[i].word));
        assert_null(strstr(err.text, READABLE));
    }
}

static void
what_is_no_query_says_why(void **state)
{
    static const struct {
        const char *query, *word;
    } cases[] = {
        {"SELEKT $1", "syntax error"},
        {"SELECT password FROM nowhere WHERE name = $1", "nowhere"},
        {"DELETE FROM users WHERE name = $1", "one SELECT"},
        {"SELECT $1 AS name; SELECT 1", "one SELECT"},
        {"SELECT $1 AS name, ?7 AS home", "are known"},
        {"SELECT $1 AS name, $who AS home", "are known"},
    };
    struct auth_user user;
    struct err err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_query(*state, cases[i].query);
        assert_int_equal(look_up(*state, "ann", &user, &err), ERR_PROTOCOL);
        assert_non_null(strstr(err.text, cases[i].word));
    }
    open_query(*state, ALL);
    assert_int_equal(look_up(*state, "ann", &user, &err), ERR_OK); /* nothing was deleted */
}

static void
file_may_come_later_and_be_replaced(void **state)
{
    struct place *place = *state;
    struct auth_user user;
    struct err err;
    char other[80];
    (void)snprintf(other, sizeof other, "%s.new", place->path);
    assert_int_equal(rename(place->path, other), 0);
    open_query(place, ALL);
    assert_int_equal(look_up(place, "ann", &user, &err), ERR_CLOSED);
    assert_int_equal(rename(other, place->path), 0);
    assert_int_equal(look_up(place, "ann", &user, &err), ERR_OK);
    assert_int_equal(unlink(place->path), 0);
    run_sql(
        place, "CREATE TABLE users (name, password, uid, gid, home, label, enabled);"
               "INSERT INTO users (name, password) VALUES ('ann', '{PLAIN}new')");
    assert_int_equal(look_up(place, "ann", &user, &err), ERR_OK);
    assert_string_equal(user.stored, "{PLAIN}new");
}

static void
table_may_change_meanwhile(void **state)
{
    struct auth_user user;
    struct err err;
    open_query(*state, "SELECT * FROM users WHERE name = $1");
    assert_int_equal(look_up(*state, "ann", &user, &err), ERR_OK);
    run_sql(*state, "ALTER TABLE users ADD COLUMN shoe_size");
    assert_int_equal(look_up(*state, "ann", &user, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "shoe_size"));
}

static void
endless_query_ends_at_the_deadline(void **state)
{
    struct auth_user user;
    struct err err;
    open_query(
        *state, "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) "
                "SELECT $1 AS name FROM n WHERE i < 0");
    int64_t start_ms = clock_ms();
    assert_int_equal(look_up(*state, "ann", &user, &err), ERR_BUSY);
    int64_t took_ms = clock_ms() - start_ms;
    assert_in_range(took_ms, 1000 * SOURCE_SECONDS_MAX - 100, 1000 * SOURCE_SECONDS_MAX + 2000);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_column_is_read),
        CASE(null_is_not_given),
        CASE(further_rows_are_further_passwords),
        CASE(own_password_may_come_last_or_never),
        CASE(too_many_passwords_are_the_users_fault),
        CASE(name_may_be_another),
        CASE(enabled_has_many_words),
        CASE(any_row_can_disable),
        CASE(columns_that_are_not_known_are_named),
        CASE(what_a_row_cannot_say_is_the_users_fault),
        CASE(no_row_is_nobody),
        CASE(names_are_never_sql),
        CASE(parts_of_a_name_are_parameters),
        CASE(settings_that_cannot_be_are_named),
        CASE(what_is_no_query_says_why),
        CASE(file_may_come_later_and_be_replaced),
        CASE(table_may_change_meanwhile),
        CASE(endless_query_ends_at_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
