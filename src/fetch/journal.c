/* The journal: SQLite in WAL mode with synchronous=FULL, so that a commit is on the disk. */
#include "fetch/journal.h"

#include "base/check.h"
#include "base/cleanup.h"
#include "fetch/fetch_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>

#define JOURNAL_VERSION 1

enum statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_PUT,
    STATEMENT_REMOVE,
    STATEMENT_LOAD,
    STATEMENT_ADD_ACCOUNT,
    STATEMENT_FIND_ACCOUNT,
    STATEMENT_COUNT,
};

static const char *const statement_texts[STATEMENT_COUNT] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
    [STATEMENT_PUT] = ("INSERT OR REPLACE INTO message"
                       " (account, uidl, occurrence, state, size, digest, name, first_seen)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"),
    [STATEMENT_REMOVE] =
        ("DELETE FROM message WHERE account = ?1 AND uidl = ?2 AND occurrence = ?3"),
    [STATEMENT_LOAD] = ("SELECT uidl, occurrence, state, size, digest, name, first_seen"
                        " FROM message WHERE account = ?1 ORDER BY uidl, occurrence"),
    [STATEMENT_ADD_ACCOUNT] =
        "INSERT OR IGNORE INTO account (identity, destination) VALUES (?1, ?2)",
    [STATEMENT_FIND_ACCOUNT] =
        "SELECT id FROM account WHERE identity = ?1 AND destination = ?2",
};

/* A size of -1 is one that is not known. */
static const char schema[] =
    "CREATE TABLE IF NOT EXISTS account ("
    " id INTEGER PRIMARY KEY, identity BLOB NOT NULL, destination BLOB NOT NULL,"
    " UNIQUE (identity, destination));"
    "CREATE TABLE IF NOT EXISTS message ("
    " account INTEGER NOT NULL REFERENCES account (id), uidl BLOB NOT NULL,"
    " occurrence INTEGER NOT NULL, state INTEGER NOT NULL, size INTEGER NOT NULL,"
    " digest BLOB, name TEXT NOT NULL, first_seen INTEGER NOT NULL,"
    " PRIMARY KEY (account, uidl, occurrence)) WITHOUT ROWID;";

struct journal {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    pthread_mutex_t mutex; /* one transaction at a time */
    int lock_fd;
    char path[PATH_LEN_MAX];
};

static enum err_code
fail(struct journal *journal, const char *doing, struct err *err)
{
    int result = journal->db != NULL ? sqlite3_extended_errcode(journal->db) : SQLITE_NOMEM;
    const char *text = journal->db != NULL ? sqlite3_errmsg(journal->db) : "no memory";
    int number = journal->db != NULL ? sqlite3_system_errno(journal->db) : 0;
    switch (result & 0xFF) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return err_set(err, ERR_INVALID, "%s '%s': %s", doing, journal->path, text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, ERR_BUSY, "%s '%s': %s", doing, journal->path, text);
    case SQLITE_NOMEM:
        return err_set(err, ERR_NOMEM, "%s '%s': %s", doing, journal->path, text);
    case SQLITE_FULL:
        errno = ENOSPC;
        return err_set(err, ERR_SYSTEM, "%s '%s'", doing, journal->path);
    default:
        if (number == 0) /* no system call failed: tables that are not ours, or broken ones */
            return err_set(err, ERR_INVALID, "%s '%s': %s", doing, journal->path, text);
        errno = number;
        return err_set(err, ERR_SYSTEM, "%s '%s' (%s)", doing, journal->path, text);
    }
}

/* Runs a statement that gives no rows. */
static enum err_code
run(struct journal *journal, enum statement which, struct err *err)
{
    sqlite3_stmt *statement = journal->statements[which];
    int result = sqlite3_step(statement);
    enum err_code code = ERR_OK;
    if (result != SQLITE_DONE)
        code = fail(journal, "cannot write the journal", err);
    (void)sqlite3_reset(statement); /* repeats the result of the step */
    return code;
}

static enum err_code
exec(struct journal *journal, const char *text, struct err *err)
{
    if (sqlite3_exec(journal->db, text, NULL, NULL, NULL) != SQLITE_OK)
        return fail(journal, "cannot use the journal", err);
    return ERR_OK;
}

static enum err_code
begin(struct journal *journal, struct err *err)
{
    CHECK(pthread_mutex_lock(&journal->mutex) == 0);
    enum err_code code = run(journal, STATEMENT_BEGIN, err);
    if (code != ERR_OK)
        CHECK(pthread_mutex_unlock(&journal->mutex) == 0);
    return code;
}

/* Ends a transaction that went well so far (`code`) or not. */
static enum err_code
end(struct journal *journal, enum err_code code, struct err *err)
{
    if (code == ERR_OK)
        code = run(journal, STATEMENT_COMMIT, err);
    if (code != ERR_OK && !sqlite3_get_autocommit(journal->db))
        (void)run(journal, STATEMENT_ROLLBACK, NULL); /* the first failure is what counts */
    CHECK(pthread_mutex_unlock(&journal->mutex) == 0);
    return code;
}

static void
bind_view(sqlite3_stmt *statement, int column, struct pop_view value)
{
    (void)sqlite3_bind_blob64(
        statement, column, value.len > 0 ? value.data : "", value.len, SQLITE_STATIC);
}

static void
bind_key(sqlite3_stmt *statement, int64_t account, const struct row *row)
{
    (void)sqlite3_bind_int64(statement, 1, account);
    bind_view(statement, 2, row->uid);
    (void)sqlite3_bind_int64(statement, 3, row->occurrence);
}

static enum err_code
put_row(struct journal *journal, int64_t account, const struct row *row, struct err *err)
{
    sqlite3_stmt *put = journal->statements[STATEMENT_PUT];
    bind_key(put, account, row);
    (void)sqlite3_bind_int(put, 4, (int)row->state);
    (void)sqlite3_bind_int64(put, 5, (int64_t)row->size);
    if (row->has_digest)
        bind_view(put, 6, (struct pop_view){(const char *)row->digest, DIGEST_SIZE});
    else
        (void)sqlite3_bind_null(put, 6);
    (void)sqlite3_bind_text(put, 7, row->name, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(put, 8, row->first_seen);
    return run(journal, STATEMENT_PUT, err);
}

static enum err_code
remove_row(struct journal *journal, int64_t account, const struct row *row, struct err *err)
{
    bind_key(journal->statements[STATEMENT_REMOVE], account, row);
    return run(journal, STATEMENT_REMOVE, err);
}

/* Makes the folders of `path`, all 0700 that are new, up to its last '/'. */
static enum err_code
make_folders(char *path, struct err *err)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int result = mkdir(path, 0700);
        int number = errno;
        if (result != 0 && number != EEXIST) {
            errno = number;
            return err_set(err, ERR_SYSTEM, "cannot make the folder '%s'", path);
        }
        *slash = '/';
    }
    return ERR_OK;
}

enum err_code
journal_default_path(char ret_path[PATH_LEN_MAX], struct err *err)
{
    char path[PATH_LEN_MAX];
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int len = -1;
    if (state != NULL && state[0] == '/')
        len = snprintf(path, sizeof path, "%s/restante/journal.db", state);
    else if (home != NULL && home[0] == '/')
        len = snprintf(path, sizeof path, "%s/.local/state/restante/journal.db", home);
    else
        return err_set(
            err, ERR_INVALID,
            "neither XDG_STATE_HOME nor HOME names a folder for the journal; "
            "give one with --state FILE");
    if (len < 0 || len >= (int)sizeof path)
        return err_set(err, ERR_LIMIT, "the path of the journal is too long");
    enum err_code code = make_folders(path, err);
    if (code == ERR_OK)
        memcpy(ret_path, path, (size_t)len + 1);
    return code;
}

/* A new file is durable only when its folder is. */
static enum err_code
sync_folder_of(const char *path, struct err *err)
{
    char folder[PATH_LEN_MAX] = ".";
    const char *slash = strrchr(path, '/');
    if (slash != NULL)
        (void)snprintf(
            folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    CLEANUP(fd_closep) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return err_set(err, ERR_SYSTEM, "cannot sync the journal's folder '%s'", folder);
    return ERR_OK;
}

static enum err_code
read_version(struct journal *journal, int *ret_version, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(journal->db, "PRAGMA user_version", -1, &statement, NULL) !=
            SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW) {
        enum err_code code = fail(journal, "cannot read the journal", err);
        (void)sqlite3_finalize(statement);
        return code;
    }
    *ret_version = sqlite3_column_int(statement, 0);
    (void)sqlite3_finalize(statement);
    return ERR_OK;
}

/* Makes the tables of a new file; refuses one of a later version. */
static enum err_code
set_up(struct journal *journal, struct err *err)
{
    (void)sqlite3_busy_timeout(journal->db, JOURNAL_BUSY_MS);
    int version = 0;
    enum err_code code = read_version(journal, &version, err);
    if (code == ERR_OK && version > JOURNAL_VERSION)
        code = err_set(
            err, ERR_INVALID, "the journal '%s' was written by a later version of this program",
            journal->path);
    if (code == ERR_OK)
        code = exec(journal, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", err);
    if (code != ERR_OK || version == JOURNAL_VERSION)
        return code;

    char set_version[64];
    (void)snprintf(set_version, sizeof set_version, "PRAGMA user_version=%d", JOURNAL_VERSION);
    code = exec(journal, schema, err);
    if (code == ERR_OK)
        code = exec(journal, set_version, err);
    return code == ERR_OK ? sync_folder_of(journal->path, err) : code;
}

static enum err_code
prepare_all(struct journal *journal, struct err *err)
{
    for (int i = 0; i < STATEMENT_COUNT; i++)
        if (sqlite3_prepare_v3(
                journal->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                &journal->statements[i], NULL) != SQLITE_OK)
            return fail(journal, "cannot use the journal", err);
    return ERR_OK;
}

static void
journal_freep(struct journal **journal)
{
    journal_close(*journal);
}

enum err_code
journal_open(struct journal **ret_journal, const char *path, struct err *err)
{
    CLEANUP(journal_freep) struct journal *journal = calloc(1, sizeof *journal);
    if (journal == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the journal");
    journal->lock_fd = -1;
    CHECK(pthread_mutex_init(&journal->mutex, NULL) == 0);
    int len = snprintf(journal->path, sizeof journal->path, "%s", path);
    if (len <= 0 || len >= (int)sizeof journal->path)
        return err_set(err, ERR_INVALID, "the path of the journal is empty or too long");

    /* NOFOLLOW is not asked for: a state file may well be a link to another disk. */
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
    if (sqlite3_open_v2(path, &journal->db, flags, NULL) != SQLITE_OK)
        return fail(journal, "cannot open the journal", err);
    enum err_code code = set_up(journal, err);
    if (code == ERR_OK)
        code = prepare_all(journal, err);
    if (code != ERR_OK)
        return code;
    *ret_journal = journal;
    journal = NULL;
    return ERR_OK;
}

void
journal_close(struct journal *journal)
{
    if (journal == NULL)
        return;
    for (int i = 0; i < STATEMENT_COUNT; i++)
        (void)sqlite3_finalize(journal->statements[i]);
    (void)sqlite3_close(journal->db);
    if (journal->lock_fd >= 0)
        (void)close(journal->lock_fd); /* the locks go with it */
    (void)pthread_mutex_destroy(&journal->mutex);
    free(journal);
}

static enum err_code
find_account(struct journal *journal, int64_t *ret_account, struct err *err)
{
    sqlite3_stmt *find = journal->statements[STATEMENT_FIND_ACCOUNT];
    enum err_code code = ERR_OK;
    if (sqlite3_step(find) == SQLITE_ROW)
        *ret_account = sqlite3_column_int64(find, 0);
    else
        code = fail(journal, "cannot read the journal", err);
    (void)sqlite3_reset(find);
    return code;
}

enum err_code
journal_account(
    struct journal *journal, struct pop_view identity, const char *destination,
    int64_t *ret_account, struct err *err)
{
    for (int which = STATEMENT_ADD_ACCOUNT; which <= STATEMENT_FIND_ACCOUNT; which++) {
        bind_view(journal->statements[which], 1, identity);
        bind_view(journal->statements[which], 2, pop_view_of(destination));
    }
    enum err_code code = begin(journal, err);
    if (code != ERR_OK)
        return code;
    code = run(journal, STATEMENT_ADD_ACCOUNT, err);
    if (code == ERR_OK)
        code = find_account(journal, ret_account, err);
    return end(journal, code, err);
}

enum err_code
journal_lock(struct journal *journal, int64_t account, struct err *err)
{
    if (journal->lock_fd < 0) {
        char path[PATH_LEN_MAX + 8];
        /* By the file's real name: a link to it must not lead to another lock. */
        (void)snprintf(path, sizeof path, "%s.lock", sqlite3_db_filename(journal->db, "main"));
        journal->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (journal->lock_fd < 0)
            return err_set(err, ERR_SYSTEM, "cannot open the lock file '%s'", path);
    }
    /* One octet of the file for each account. */
    struct flock lock = {
        .l_type = F_WRLCK,
        .l_whence = SEEK_SET,
        .l_start = account,
        .l_len = 1,
    };
    if (fcntl(journal->lock_fd, F_OFD_SETLK, &lock) == 0)
        return ERR_OK;
    if (errno == EAGAIN || errno == EACCES)
        return err_set(
            err, ERR_BUSY, "another run is fetching this account into the same place");
    return err_set(err, ERR_SYSTEM, "cannot lock '%s.lock'", journal->path);
}

/* Reads the row the statement stands at. The state is checked: it steers what is deleted. */
static enum err_code
load_row(struct journal *journal, sqlite3_stmt *load, struct ledger *ledger, struct err *err)
{
    int state = sqlite3_column_int(load, 2);
    const void *digest = sqlite3_column_blob(load, 4);
    const char *uid = sqlite3_column_blob(load, 0);
    struct row row = {
        .uid = {uid, (size_t)sqlite3_column_bytes(load, 0)},
        .occurrence = (uint32_t)sqlite3_column_int64(load, 1),
        .state = (enum row_state)state,
        .size = (uint64_t)sqlite3_column_int64(load, 3),
        .has_digest = digest != NULL && sqlite3_column_bytes(load, 4) == DIGEST_SIZE,
        .name = (const char *)sqlite3_column_text(load, 5),
        .first_seen = sqlite3_column_int64(load, 6),
    };
    if (state < ROW_DELIVERING || state > ROW_GONE || row.name == NULL)
        return err_set(err, ERR_INVALID, "the journal '%s' is damaged", journal->path);
    if (row.has_digest)
        memcpy(row.digest, digest, DIGEST_SIZE);
    return ledger_add(ledger, &row, err);
}

enum err_code
journal_load(struct journal *journal, int64_t account, struct ledger *ledger, struct err *err)
{
    enum err_code code = begin(journal, err);
    if (code != ERR_OK)
        return code;
    sqlite3_stmt *load = journal->statements[STATEMENT_LOAD];
    (void)sqlite3_bind_int64(load, 1, account);
    int result = SQLITE_DONE;
    while (code == ERR_OK && (result = sqlite3_step(load)) == SQLITE_ROW)
        code = load_row(journal, load, ledger, err);
    if (code == ERR_OK && result != SQLITE_DONE)
        code = fail(journal, "cannot read the journal", err);
    (void)sqlite3_reset(load);
    return end(journal, code, err);
}

enum err_code
journal_apply(
    struct journal *journal, int64_t account, const struct journal_change *changes,
    size_t count, struct err *err)
{
    enum err_code code = begin(journal, err);
    if (code != ERR_OK)
        return code;
    for (size_t i = 0; i < count && code == ERR_OK; i++)
        code = changes[i].remove ? remove_row(journal, account, &changes[i].row, err)
                                 : put_row(journal, account, &changes[i].row, err);
    return end(journal, code, err);
}

enum err_code
journal_store(struct journal *journal, int64_t account, struct ledger *ledger, struct err *err)
{
    size_t dirty = 0;
    for (size_t i = 0; i < ledger->count; i++)
        dirty += ledger->rows[i].dirty;
    if (dirty == 0)
        return ERR_OK;

    enum err_code code = begin(journal, err);
    if (code != ERR_OK)
        return code;
    for (size_t i = 0; i < ledger->count && code == ERR_OK; i++)
        if (ledger->rows[i].dirty)
            code = put_row(journal, account, &ledger->rows[i], err);
    code = end(journal, code, err);
    for (size_t i = 0; i < ledger->count && code == ERR_OK; i++)
        ledger->rows[i].dirty = false;
    return code;
}
