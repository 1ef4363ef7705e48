/*
 * SQLite: a file, opened for reading only. It may be written or replaced by
 * another meanwhile, and it may be locked for a while.
 */
#include "auth/source_sql.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

/* Instructions of SQLite's machine between two looks at the clock: some 10 microseconds. */
#define PROGRESS_STEPS 1000

struct sql_database {
    const char *path;
    sqlite3 *connection; /* NULL: not open */
    int64_t due_ms;      /* of the query that runs */
};

static enum err_code
sqlite_open(
    struct sql_database **ret_database, const struct source_settings *settings, struct err *err)
{
    const char *path = settings->values[SOURCE_URL] + strlen(SQL_SQLITE_SCHEME);
    if (path[0] != '/')
        return err_set(err, ERR_INVALID, "url: sqlite: wants an absolute path");
    if (settings->values[SOURCE_PASSWORD_FILE] != NULL)
        return err_set(err, ERR_INVALID, "password-file: it is not for sqlite:");
    /* Before there are threads. */
    if (sqlite3_initialize() != SQLITE_OK)
        return err_set(err, ERR_NOMEM, "SQLite cannot start");
    struct sql_database *database = calloc(1, sizeof *database);
    if (database == NULL)
        return err_set(err, ERR_NOMEM, "opening a database");
    database->path = path;
    *ret_database = database;
    return ERR_OK;
}

static void
disconnect(struct sql_database *database)
{
    (void)sqlite3_close(database->connection); /* nothing is written, nothing can be lost */
    database->connection = NULL;
}

static void
sqlite_finish(struct sql_database *database)
{
    if (database != NULL)
        disconnect(database);
    free(database);
}

/* Not 0 ends the query. */
static int
is_late(void *context)
{
    const struct sql_database *database = context;
    return clock_ms() >= database->due_ms;
}

static enum err_code
set_failure(const struct sql_database *database, struct err *err)
{
    int code = sqlite3_extended_errcode(database->connection);
    switch (code & 0xff) {
    case SQLITE_INTERRUPT:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(
            err, ERR_BUSY, "'%s' did not answer within %d seconds: %s", database->path,
            SOURCE_SECONDS_MAX, sqlite3_errmsg(database->connection));
    case SQLITE_NOMEM:
        return err_set(err, ERR_NOMEM, "asking '%s'", database->path);
    case SQLITE_CANTOPEN: /* in WAL mode this is said of its -shm file, which a reader needs */
        return err_set(
            err, ERR_CLOSED,
            "cannot open '%s' (or, with journal_mode=WAL, its -shm file, which is there while "
            "its writer has it open)",
            database->path);
    default:
        return err_set(
            err, ERR_PROTOCOL, "'%s': %s", database->path,
            sqlite3_errmsg(database->connection));
    }
}

static bool
has_moved(const struct sql_database *database)
{
    int moved = 0;
    return sqlite3_file_control(database->connection, "main", SQLITE_FCNTL_HAS_MOVED, &moved) !=
               SQLITE_OK ||
           moved != 0;
}

/* The file may be another one by now; the one that was opened is nobody's then. */
static enum err_code
connect_now(struct sql_database *database, struct err *err)
{
    if (database->connection != NULL && has_moved(database))
        disconnect(database);
    if (database->connection != NULL)
        return ERR_OK;
    if (sqlite3_open_v2(
            database->path, &database->connection, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
            NULL) != SQLITE_OK ||
        sqlite3_exec(database->connection, "PRAGMA temp_store = MEMORY", NULL, NULL, NULL) !=
            SQLITE_OK) {
        (void)set_failure(database, err);
        disconnect(database);
        return err->code;
    }
    sqlite3_progress_handler(database->connection, PROGRESS_STEPS, is_late, database);
    return ERR_OK;
}

static void
statement_finishp(sqlite3_stmt **statement)
{
    (void)sqlite3_finalize(*statement); /* what failed was said by the step */
}

static enum err_code
prepare(
    struct sql_database *database, const char *query, sqlite3_stmt **ret_statement,
    struct err *err)
{
    const char *rest = NULL;
    if (sqlite3_prepare_v2(database->connection, query, -1, ret_statement, &rest) != SQLITE_OK)
        return set_failure(database, err);
    if (*ret_statement == NULL || !sqlite3_stmt_readonly(*ret_statement) ||
        rest[strspn(rest, " \t\r\n;")] != '\0')
        return err_set(err, ERR_PROTOCOL, "query: one SELECT is wanted");
    return ERR_OK;
}

/* The text stays the caller's until the statement is gone. */
static enum err_code
bind(
    struct sql_database *database, const struct sql_question *question, sqlite3_stmt *statement,
    struct err *err)
{
    int left = sqlite3_bind_parameter_count(statement);
    for (int i = 0; i < SQL_PARAMETERS; i++) {
        const char name[] = {'$', (char)('1' + i), '\0'};
        int index = sqlite3_bind_parameter_index(statement, name);
        if (index == 0)
            continue;
        if (sqlite3_bind_text(statement, index, question->parameters[i], -1, SQLITE_STATIC) !=
            SQLITE_OK)
            return set_failure(database, err);
        left--;
    }
    if (left != 0) /* it would be NULL, which finds nobody */
        return err_set(err, ERR_PROTOCOL, "query: only $1, $2 and $3 are known");
    return ERR_OK;
}

static enum err_code
read_row(sqlite3_stmt *statement, struct sql_answer *answer, struct err *err)
{
    struct pop_view values[SQL_COLUMN_COUNT];
    for (int i = 0; i < (int)answer->column_count; i++) {
        const unsigned char *text = sqlite3_column_text(statement, i);
        values[i] =
            (struct pop_view){(const char *)text, (size_t)sqlite3_column_bytes(statement, i)};
        if (text == NULL && sqlite3_column_type(statement, i) != SQLITE_NULL)
            return err_set(err, ERR_NOMEM, "reading a row");
    }
    return sql_answer_row(answer, values, err);
}

static enum err_code
run(struct sql_database *database, const struct sql_question *question,
    struct sql_answer *answer, struct err *err)
{
    CLEANUP(statement_finishp) sqlite3_stmt *statement = NULL;
    if (prepare(database, question->query, &statement, err) != ERR_OK ||
        bind(database, question, statement, err) != ERR_OK)
        return err->code;
    int step = sqlite3_step(statement);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        return set_failure(database, err);
    /* After the first step: only that sees a table that has changed. */
    for (int i = 0; i < sqlite3_column_count(statement); i++)
        if (sql_answer_column(answer, sqlite3_column_name(statement, i), err) != ERR_OK)
            return err->code;
    for (; step == SQLITE_ROW; step = sqlite3_step(statement))
        if (read_row(statement, answer, err) != ERR_OK)
            return err->code;
    return step == SQLITE_DONE ? ERR_OK : set_failure(database, err);
}

static enum err_code
sqlite_ask(
    struct sql_database *database, const struct sql_question *question,
    struct sql_answer *answer, struct err *err)
{
    database->due_ms = question->due_ms;
    if (connect_now(database, err) != ERR_OK)
        return err->code;
    int64_t left_ms = question->due_ms - clock_ms();
    (void)sqlite3_busy_timeout(database->connection, left_ms > 0 ? (int)left_ms : 0);
    enum err_code code = run(database, question, answer, err);
    if (code == ERR_CLOSED || code == ERR_PROTOCOL)
        disconnect(database); /* the next one begins anew */
    return code;
}

const struct sql_ops sql_sqlite = {
    .open = sqlite_open,
    .ask = sqlite_ask,
    .close = sqlite_finish,
};
