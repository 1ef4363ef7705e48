/*
 * PostgreSQL, by libpq without its waiting: each step waits until the deadline
 * and no longer, whatever the server does.
 *
 * No error text ever has the URL, in which a password may stand, or what the
 * server says about a value.
 */
#include "auth/small_file.h"
#include "auth/source_sql.h"
#include "auth/url_host.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

/* The type's number in every PostgreSQL (pg_type.dat). */
#define TEXT_OID 25

/* Debian's. */
#define SYSTEM_AUTHORITIES "/etc/ssl/certs/ca-certificates.crt"

struct sql_database {
    const char *url;
    const char *password_file; /* NULL: none */
    PGconn *connection;        /* NULL: none */
};

/* ---- failures ---- */

/* libpq's texts have lines. */
static enum err_code
set_failure(struct err *err, enum err_code code, const char *what, const char *text)
{
    char line[ERR_TEXT_MAX];
    (void)snprintf(line, sizeof line, "%s", text);
    for (char *c = strchr(line, '\n'); c != NULL; c = strchr(c, '\n'))
        *c = ' ';
    size_t len = strlen(line);
    while (len > 0 && line[len - 1] == ' ')
        line[--len] = '\0';
    return err_set(err, code, "%s: %s", what, line[0] != '\0' ? line : "no reason is given");
}

static enum err_code
set_lost(struct sql_database *database, struct err *err)
{
    return set_failure(
        err, ERR_CLOSED, "the connection is lost", PQerrorMessage(database->connection));
}

static enum err_code
set_late(struct err *err)
{
    return err_set(
        err, ERR_BUSY, "the database did not answer within %d seconds", SOURCE_SECONDS_MAX);
}

/* ---- waiting ---- */

static enum err_code
wait_for(PGconn *connection, short events, int64_t due_ms, struct err *err)
{
    struct pollfd fd = {.fd = PQsocket(connection), .events = events};
    for (;;) {
        int64_t left_ms = due_ms - clock_ms();
        int ready = left_ms > 0 ? poll(&fd, 1, (int)left_ms) : 0;
        if (ready > 0)
            return ERR_OK;
        if (ready == 0)
            return set_late(err);
        if (errno != EINTR)
            return err_set(err, ERR_SYSTEM, "cannot wait for the database");
    }
}

/* ---- connecting ---- */

static void
drop_notice(void *context, const PGresult *result)
{
    (void)context;
    (void)result; /* libpq would print it */
}

static void
disconnect(struct sql_database *database)
{
    PQfinish(database->connection);
    database->connection = NULL;
}

static void
line_finishp(struct pop_buffer *line)
{
    small_file_finish(line);
}

static enum err_code
begin_connection(struct sql_database *database, struct err *err)
{
    CLEANUP(line_finishp) struct pop_buffer password = {0};
    if (database->password_file != NULL &&
        small_file_read_line(database->password_file, &password, err) != ERR_OK) {
        if (err->code == ERR_INVALID) /* which would be said of a user */
            err->code = ERR_CHANGED;
        return err_prefix(err, "password-file");
    }
    /* What stands before the URL are defaults that it may change. A server that has vanished
     * shows by the system's own signs, so that the deadline leaves room for another try. What
     * is stored for users does not come from another machine in the clear, or from anybody. */
    const struct {
        const char *keyword, *value;
    } all[] = {
        {"sslmode", url_is_local(database->url) ? "prefer" : "verify-full"},
        {"sslrootcert", SYSTEM_AUTHORITIES},
        {"gssencmode", "disable"},
        {"keepalives_idle", "60"},
        {"tcp_user_timeout", "4000"},
        {"fallback_application_name", "restanted"},
        {"dbname", database->url},
        {"client_encoding", "UTF8"},
        {"password", password.data}, /* the last: left out if there is none */
    };
    const char *keywords[sizeof all / sizeof *all + 1] = {NULL};
    const char *values[sizeof all / sizeof *all + 1] = {NULL};
    size_t count = sizeof all / sizeof *all - (password.data == NULL);
    for (size_t i = 0; i < count; i++) {
        keywords[i] = all[i].keyword;
        values[i] = all[i].value;
    }
    database->connection = PQconnectStartParams(keywords, values, 1);
    if (database->connection == NULL)
        return err_set(err, ERR_NOMEM, "connecting to a database");
    (void)PQsetNoticeReceiver(database->connection, drop_notice, NULL);
    return ERR_OK;
}

static enum err_code
connect_now(struct sql_database *database, int64_t due_ms, struct err *err)
{
    if (begin_connection(database, err) != ERR_OK)
        return err->code;
    PGconn *connection = database->connection;
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    if (PQstatus(connection) == CONNECTION_BAD)
        status = PGRES_POLLING_FAILED;
    while (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING) {
        short events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        if (wait_for(connection, events, due_ms, err) != ERR_OK)
            return err->code;
        status = PQconnectPoll(connection);
    }
    if (status != PGRES_POLLING_OK || PQsetnonblocking(connection, 1) != 0)
        return set_failure(err, ERR_CLOSED, "cannot connect", PQerrorMessage(connection));
    return ERR_OK;
}

/* ---- the query ---- */

/* Parameters are as many as the query has, or the server refuses it. Of what type they are it
 * finds out by itself (a column of citext is then compared as such), but not for one that the
 * query leaves out. */
static enum err_code
send_query(struct sql_database *database, const struct sql_question *question, struct err *err)
{
    PGconn *connection = database->connection;
    Oid types[SQL_PARAMETERS];
    int count = 0;
    for (int i = 0; i < SQL_PARAMETERS; i++) {
        bool used = (question->used & (1u << i)) != 0;
        types[i] = used ? 0 : TEXT_OID;
        count = used ? i + 1 : count;
    }
    if (!PQsendQueryParams(
            connection, question->query, count, types, question->parameters, NULL, NULL, 0))
        return set_lost(database, err);
    (void)PQsetSingleRowMode(connection); /* so that not all of a large table is waited for */
    for (;;) {
        int unsent = PQflush(connection);
        if (unsent == 0)
            return ERR_OK;
        if (unsent < 0)
            return set_lost(database, err);
        if (wait_for(connection, POLLIN | POLLOUT, question->due_ms, err) != ERR_OK)
            return err->code;
        if (!PQconsumeInput(connection))
            return set_lost(database, err);
    }
}

static enum err_code
next_result(
    struct sql_database *database, int64_t due_ms, PGresult **ret_result, struct err *err)
{
    while (PQisBusy(database->connection)) {
        if (wait_for(database->connection, POLLIN, due_ms, err) != ERR_OK)
            return err->code;
        if (!PQconsumeInput(database->connection))
            return set_lost(database, err);
    }
    *ret_result = PQgetResult(database->connection);
    return ERR_OK;
}

/* The first line of what the server says, and its class (Appendix A of its manual). Class 22 is
 * about values, which that line may show. */
static enum err_code
set_refused(struct sql_database *database, const PGresult *result, struct err *err)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    char what[32];
    if (state == NULL || strncmp(state, "57P0", 4) == 0) /* it shuts down */
        return set_lost(database, err);
    /* Octets that are no text, or none in the encoding of the database, are no name in it. */
    if (strcmp(state, "22021") == 0 || strcmp(state, "22P05") == 0)
        return err_set(err, ERR_NOT_FOUND, "no such user");
    (void)snprintf(what, sizeof what, "query (%.5s)", state);
    if (strncmp(state, "22", 2) == 0)
        text = "a value does not fit";
    return set_failure(err, ERR_PROTOCOL, what, text != NULL ? text : "");
}

static enum err_code
read_columns(const PGresult *result, struct sql_answer *answer, struct err *err)
{
    if (answer->column_count > 0)
        return ERR_OK; /* of an earlier row */
    for (int i = 0; i < PQnfields(result); i++)
        if (sql_answer_column(answer, PQfname(result, i), err) != ERR_OK)
            return err->code;
    return ERR_OK;
}

static enum err_code
read_rows(const PGresult *result, struct sql_answer *answer, struct err *err)
{
    if (read_columns(result, answer, err) != ERR_OK)
        return err->code;
    for (int row = 0; row < PQntuples(result); row++) {
        struct pop_view values[SQL_COLUMN_COUNT] = {{NULL, 0}};
        for (int i = 0; i < (int)answer->column_count; i++)
            if (!PQgetisnull(result, row, i))
                values[i] = (struct pop_view){
                    PQgetvalue(result, row, i), (size_t)PQgetlength(result, row, i)};
        if (sql_answer_row(answer, values, err) != ERR_OK)
            return err->code;
    }
    return ERR_OK;
}

static void
result_clearp(PGresult **result)
{
    PQclear(*result);
}

static enum err_code
run(struct sql_database *database, const struct sql_question *question,
    struct sql_answer *answer, struct err *err)
{
    if (send_query(database, question, err) != ERR_OK)
        return err->code;
    for (enum err_code code = ERR_OK;;) {
        CLEANUP(result_clearp) PGresult *result = NULL;
        if (next_result(database, question->due_ms, &result, err) != ERR_OK)
            return err->code;
        if (result == NULL)
            return code;
        switch (PQresultStatus(result)) {
        case PGRES_SINGLE_TUPLE:
        case PGRES_TUPLES_OK:
            if (read_rows(result, answer, err) != ERR_OK)
                return err->code;
            break;
        case PGRES_FATAL_ERROR:
            code = set_refused(database, result, err);
            if (code == ERR_CLOSED)
                return code;
            break;
        default:
            return err_set(err, ERR_PROTOCOL, "query: one SELECT is wanted");
        }
    }
}

/* ---- the interface ---- */

static void
postgres_close(struct sql_database *database)
{
    if (database == NULL)
        return;
    disconnect(database);
    free(database);
}

static enum err_code
check_url(const char *url, struct err *err)
{
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &why);
    PQfreemem(why); /* it quotes the URL */
    if (options == NULL)
        return err_set(err, ERR_INVALID, "url: it cannot be read as postgresql://...");
    PQconninfoFree(options);
    return ERR_OK;
}

static enum err_code
postgres_open(
    struct sql_database **ret_database, const struct source_settings *settings, struct err *err)
{
    CLEANUP(line_finishp) struct pop_buffer password = {0};
    const char *url = settings->values[SOURCE_URL];
    const char *file = settings->values[SOURCE_PASSWORD_FILE];
    if (check_url(url, err) != ERR_OK)
        return err->code;
    if (file != NULL && small_file_read_line(file, &password, err) != ERR_OK)
        return err_prefix(err, "password-file");
    struct sql_database *database = calloc(1, sizeof *database);
    if (database == NULL)
        return err_set(err, ERR_NOMEM, "opening a database");
    *database = (struct sql_database){.url = url, .password_file = file};
    *ret_database = database;
    return ERR_OK;
}

/* A connection that broke off in the middle of a question is none to go on with; neither is one
 * whose answer was not read to its end. */
static enum err_code
postgres_ask(
    struct sql_database *database, const struct sql_question *question,
    struct sql_answer *answer, struct err *err)
{
    bool kept = database->connection != NULL;
    enum err_code code = kept ? ERR_OK : connect_now(database, question->due_ms, err);
    if (code == ERR_OK)
        code = run(database, question, answer, err);
    if (kept && code == ERR_CLOSED && answer->column_count == 0) {
        disconnect(database); /* the server had gone and may be back */
        code = connect_now(database, question->due_ms, err);
        if (code == ERR_OK)
            code = run(database, question, answer, err);
    }
    if (code != ERR_OK && code != ERR_NOT_FOUND && code != ERR_PROTOCOL)
        disconnect(database);
    return code;
}

const struct sql_ops sql_postgres = {
    .open = postgres_open,
    .ask = postgres_ask,
    .close = postgres_close,
};
