/*
 * A database as a source of users: one query, whose columns say by their names
 * what they are. The user's name is never part of the query's text.
 */
#include "auth/source_sql.h"

#include "base/clock.h"

#include <stdlib.h>

struct source {
    const struct sql_ops *ops;
    struct sql_database *database;
    const char *query;
    unsigned used; /* parameters */
};

/* ---- columns ---- */

static const char *const column_names[SQL_COLUMN_COUNT] = {
    [SQL_COLUMN_PASSWORD] = "password", [SQL_COLUMN_NAME] = "name",
    [SQL_COLUMN_UID] = "uid",           [SQL_COLUMN_GID] = "gid",
    [SQL_COLUMN_HOME] = "home",         [SQL_COLUMN_LABEL] = "label",
    [SQL_COLUMN_ENABLED] = "enabled",
};

enum err_code
sql_answer_column(struct sql_answer *answer, const char *name, struct err *err)
{
    unsigned column = 0;
    while (column < SQL_COLUMN_COUNT &&
           !pop_view_same_word(pop_view_of(name), pop_view_of(column_names[column])))
        column++;
    if (column == SQL_COLUMN_COUNT)
        return err_set(
            err, ERR_INVALID,
            "query: it gives a column '%.64s'; known are password, name, uid, gid, home, "
            "label, enabled",
            name);
    for (uint32_t i = 0; i < answer->column_count; i++)
        if (answer->columns[i] == column)
            return err_set(err, ERR_INVALID, "query: it gives two columns '%.64s'", name);
    answer->columns[answer->column_count++] = (enum sql_column)column;
    return ERR_OK;
}

/* SQLite has numbers for truth, PostgreSQL letters, people words. What is none of these lets
 * nobody in by accident. */
static enum err_code
read_switch(struct pop_view value, bool *ret_on, struct err *err)
{
    static const char *const words[2][6] = {
        {"0", "f", "false", "n", "no", "off"},
        {"1", "t", "true", "y", "yes", "on"},
    };
    for (unsigned on = 0; on < 2; on++) {
        for (size_t i = 0; i < sizeof words[on] / sizeof *words[on]; i++) {
            if (!pop_view_same_word(value, pop_view_of(words[on][i])))
                continue;
            *ret_on = on == 1;
            return ERR_OK;
        }
    }
    return err_set(err, ERR_INVALID, "enabled: it is neither true nor false");
}

/* A row without a label has the user's own password, wherever it comes: databases give rows in
 * any order. Until it comes, a password that nobody has stands in its place. */
static enum err_code
add_password(
    struct sql_answer *answer, struct pop_view stored, struct pop_view label, struct err *err)
{
    struct auth_user *user = answer->user;
    enum err_code code = ERR_OK;
    bool own = label.len == 0 && !answer->has_own;
    if (own)
        user->stored[0] = '\0';
    else if (user->stored[0] == '\0')
        code = auth_user_add_password(user, POP_VIEW("*"), POP_VIEW(""), err);
    if (code == ERR_OK)
        code = auth_user_add_password(user, stored, label, err);
    answer->has_own |= own;
    if (code == ERR_LIMIT) /* this user's, not ours for now */
        code = err->code = ERR_INVALID;
    return code;
}

static enum err_code
set_facts(struct auth_user *user, const struct pop_view *by_column, struct err *err)
{
    struct pop_view name = by_column[SQL_COLUMN_NAME];
    if (name.data != NULL && auth_user_set_name(user, name, err) != ERR_OK)
        return err_prefix(err, "name");
    if (auth_user_set_ids(user, by_column[SQL_COLUMN_UID], by_column[SQL_COLUMN_GID], err) !=
        ERR_OK)
        return err->code;
    return auth_user_set_home(user, by_column[SQL_COLUMN_HOME], err);
}

enum err_code
sql_answer_row(struct sql_answer *answer, const struct pop_view *values, struct err *err)
{
    struct pop_view by_column[SQL_COLUMN_COUNT] = {{NULL, 0}};
    bool on = true;
    for (uint32_t i = 0; i < answer->column_count; i++)
        by_column[answer->columns[i]] = values[i];
    /* Further rows are further passwords of the same user. */
    if (answer->row_count++ == 0 && set_facts(answer->user, by_column, err) != ERR_OK)
        return err->code;
    struct pop_view enabled = by_column[SQL_COLUMN_ENABLED];
    if (enabled.data != NULL && read_switch(enabled, &on, err) != ERR_OK)
        return err->code;
    answer->user->disabled |= !on;
    struct pop_view stored = by_column[SQL_COLUMN_PASSWORD];
    if (stored.data == NULL)
        return ERR_OK;
    return add_password(answer, stored, by_column[SQL_COLUMN_LABEL], err);
}

/* ---- settings ---- */

/* The parameters in the text; PostgreSQL wants to know which there are. A "$" within a quoted
 * text would count too: the database then says that it does not know the parameter's type. */
static enum err_code
find_parameters(const char *query, unsigned *ret_used, struct err *err)
{
    unsigned used = 0;
    for (const char *c = strchr(query, '$'); c != NULL; c = strchr(c + 1, '$')) {
        size_t digits = strspn(c + 1, "0123456789");
        if (digits == 0)
            continue;
        if (digits > 1 || c[1] < '1' || c[1] > '0' + SQL_PARAMETERS)
            return err_set(
                err, ERR_INVALID, "query: $%.*s is not known; there are $1, $2 and $3",
                (int)(digits < 9 ? digits : 9), c + 1);
        used |= 1u << (c[1] - '1');
    }
    /* A query that asks for no user finds the same one, or all of them, for every name. */
    if ((used & 3u) == 0)
        return err_set(err, ERR_INVALID, "query: it has neither $1 nor $2, the user's name");
    *ret_used = used;
    return ERR_OK;
}

static bool
starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static const struct sql_ops *
ops_of(const char *url)
{
    if (starts_with(url, SQL_SQLITE_SCHEME))
        return &sql_sqlite;
    if (starts_with(url, "postgresql://") || starts_with(url, "postgres://"))
        return &sql_postgres;
    return NULL;
}

static void
source_close(struct source *source)
{
    if (source == NULL)
        return;
    source->ops->close(source->database);
    free(source);
}

static enum err_code
source_open(struct source **ret_source, const struct source_settings *settings, struct err *err)
{
    const char *url = settings->values[SOURCE_URL];
    const char *query = settings->values[SOURCE_QUERY];
    unsigned used = 0;
    if (url == NULL || query == NULL)
        return err_set(err, ERR_INVALID, "'url' and 'query' are needed");
    const struct sql_ops *ops = ops_of(url);
    if (ops == NULL) /* what stands there may be a password */
        return err_set(
            err, ERR_INVALID, "url: it starts with neither postgresql:// nor sqlite:");
    if (find_parameters(query, &used, err) != ERR_OK)
        return err->code;
    struct source *source = calloc(1, sizeof *source);
    if (source == NULL)
        return err_set(err, ERR_NOMEM, "opening a source of users");
    *source = (struct source){.ops = ops, .query = query, .used = used};
    if (ops->open(&source->database, settings, err) != ERR_OK) {
        source_close(source);
        return err->code;
    }
    *ret_source = source;
    return ERR_OK;
}

/* ---- asking ---- */

static enum err_code
source_look_up(struct source *source, struct auth_user *user, struct err *err)
{
    char name[USER_NAME_MAX + 1];
    char local[USER_NAME_MAX + 1];
    (void)memcpy(name, user->name, strlen(user->name) + 1); /* the answer may have another */
    (void)memcpy(local, name, strlen(name) + 1);
    char *at = strrchr(local, '@');
    if (at != NULL)
        *at = '\0';
    struct sql_question question = {
        .query = source->query,
        .parameters = {name, local, at != NULL ? at + 1 : ""},
        .used = source->used,
        .due_ms = clock_ms() + 1000 * SOURCE_SECONDS_MAX,
    };
    struct sql_answer answer = {.user = user};
    enum err_code code = source->ops->ask(source->database, &question, &answer, err);
    if (code != ERR_OK)
        return code;
    if (answer.row_count == 0)
        return err_set(err, ERR_NOT_FOUND, "no such user");
    return ERR_OK;
}

const struct source_ops source_sql = {
    .kind = SOURCE_SQL,
    .open = source_open,
    .look_up = source_look_up,
    .close = source_close,
};
