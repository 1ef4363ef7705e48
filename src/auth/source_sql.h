/*
 * Between the SQL source and the databases that it can ask: what is asked, and
 * where the rows of the answer go.
 *
 * Files: source_sql.c (settings, columns), source_sql_sqlite.c,
 * source_sql_postgres.c.
 */
#ifndef AUTH_SOURCE_SQL_H
#define AUTH_SOURCE_SQL_H

#include "auth/source.h"

/* $1 the user's name, $2 its local part, $3 its domain (or ""). */
#define SQL_PARAMETERS 3

enum sql_column {
    SQL_COLUMN_PASSWORD,
    SQL_COLUMN_NAME,
    SQL_COLUMN_UID,
    SQL_COLUMN_GID,
    SQL_COLUMN_HOME,
    SQL_COLUMN_LABEL,
    SQL_COLUMN_ENABLED,
    SQL_COLUMN_COUNT,
};

struct sql_question {
    const char *query;
    const char *parameters[SQL_PARAMETERS];
    unsigned used;  /* bits of them that the query has */
    int64_t due_ms; /* when it must have been answered */
};

struct sql_answer {
    struct auth_user *user;
    enum sql_column columns[SQL_COLUMN_COUNT]; /* what the n-th of the result is */
    uint32_t column_count;
    uint32_t row_count;
    bool has_own; /* a row without a label came */
};

/* The next column of the result, before any row. ERR_INVALID: no such column is known, or it
 * came before. */
enum err_code sql_answer_column(struct sql_answer *answer, const char *name, struct err *err);

/* A row: a value for each column; `data` of NULL is SQL's. ERR_INVALID: it does not fit. */
enum err_code
sql_answer_row(struct sql_answer *answer, const struct pop_view *values, struct err *err);

struct sql_database;

struct sql_ops {
    /* Checks the settings; connects to nothing yet. */
    enum err_code (*open)(
        struct sql_database **ret_database, const struct source_settings *settings,
        struct err *err);
    /* Runs the query. ERR_OK: all rows are in *answer. ERR_INVALID: it took one of them not.
     * ERR_NOT_FOUND: what the database is asked for cannot be in it. All else: it could not be
     * asked. */
    enum err_code (*ask)(
        struct sql_database *database, const struct sql_question *question,
        struct sql_answer *answer, struct err *err);
    void (*close)(struct sql_database *database); /* NULL is fine */
};

extern const struct sql_ops sql_sqlite;
extern const struct sql_ops sql_postgres;

/* "sqlite:", and a path follows. */
#define SQL_SQLITE_SCHEME "sqlite:"

#endif
