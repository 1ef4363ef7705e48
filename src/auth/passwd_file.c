/* The user file in memory: its octets, and an index of its lines sorted by name. */
#include "auth/passwd_file.h"

#include "auth/passwd_line.h"
#include "auth/password.h"
#include "auth/user_name.h"
#include "base/check.h"
#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct entry {
    struct passwd_line line;
    uint32_t number;
    bool bad; /* reported; only until all lines are read */
};

/* One reading of the file. */
struct content {
    char *octets;
    struct entry *entries;
    size_t count;
    uint32_t bad_lines;
    bool quick;
    uint32_t kinds;
    char dummy[HASH_TEXT_MAX + 1];
};

struct passwd_file {
    char *path;
    passwd_file_report *report;
    struct content content;
    struct stat seen;
    bool failed; /* the last reading; it was reported */
};

static void
content_finish(struct content *content)
{
    free(content->octets);
    free(content->entries);
}

/* A file that is something else altogether must not fill the log. */
static void
report_line(
    const struct passwd_file *file, struct content *content, uint32_t line, const char *why,
    const char *outcome)
{
    char text[ERR_TEXT_MAX];
    if (content->bad_lines++ >= PASSWD_REPORTS_MAX)
        return;
    (void)snprintf(text, sizeof text, "%s:%u: %s; %s", file->path, line, why, outcome);
    file->report(text);
}

static void
report_rest(const struct passwd_file *file, const struct content *content)
{
    char text[ERR_TEXT_MAX];
    if (content->bad_lines <= PASSWD_REPORTS_MAX)
        return;
    (void)snprintf(
        text, sizeof text, "%s: %u more lines cannot be used", file->path,
        content->bad_lines - PASSWD_REPORTS_MAX);
    file->report(text);
}

static int
by_name(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    struct pop_view a_name = x->line.name;
    struct pop_view b_name = y->line.name;
    size_t len = a_name.len < b_name.len ? a_name.len : b_name.len;
    int order = memcmp(a_name.data, b_name.data, len);
    if (order != 0)
        return order;
    if (a_name.len != b_name.len)
        return a_name.len < b_name.len ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static bool
add_entry(struct content *content, const struct entry *entry)
{
    if ((content->count & (content->count + 1)) == 0) { /* grows by doubling: 1, 3, 7 ... */
        struct entry *entries =
            realloc(content->entries, (2 * content->count + 1) * sizeof *entries);
        if (entries == NULL)
            return false;
        content->entries = entries;
    }
    content->entries[content->count++] = *entry;
    return true;
}

static bool
add_line(
    struct passwd_file *file, struct content *content, struct pop_view line, uint32_t number)
{
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    if (!passwd_line_is_entry(line))
        return true;
    struct entry entry = {.number = number};
    const char *problem = passwd_line_parse(line, &entry.line);
    if (problem == NULL)
        return add_entry(content, &entry);
    report_line(
        file, content, number, problem,
        entry.line.labelled ? "this password cannot be used" : "this user cannot log in");
    /* Whose own line is bad has no other passwords either: the switch and the ids are lost. */
    entry.bad = true;
    return entry.line.labelled || user_name_problem(entry.line.name) != NULL ||
           add_entry(content, &entry);
}

/* ---- the lines of one user ---- */

/* Lines of one user in the order of the file; `kept` of them will stay, from the start. */
struct group {
    struct entry *lines;
    size_t count;
    size_t kept;
};

/* Why an application password cannot stand beside those that are kept; NULL: it can. */
static const char *
other_problem(const struct group *group, const struct entry *other)
{
    size_t others = 0;
    for (size_t i = 0; i < group->kept; i++) {
        const struct passwd_line *line = &group->lines[i].line;
        others += line->labelled;
        if (line->labelled && pop_view_equal(line->label, other->line.label))
            return "this user has a password with this label already";
    }
    return others == CREDENTIALS_MAX
               ? "this user has too many application passwords (CREDENTIALS_MAX)"
               : NULL;
}

/* Leaves what look-ups give, the first lines before later ones. */
static void
group_settle(struct group *group, const struct passwd_file *file, struct content *content)
{
    bool bad = false;
    size_t own = SIZE_MAX;
    for (size_t i = 0; i < group->count; i++) {
        bad |= group->lines[i].bad;
        if (own == SIZE_MAX && !group->lines[i].bad && !group->lines[i].line.labelled)
            own = i;
    }
    if (own == SIZE_MAX && bad)
        return;
    for (size_t i = 0; i < group->count; i++) {
        struct entry *entry = &group->lines[i];
        const char *problem = NULL;
        if (entry->line.labelled)
            problem = other_problem(group, entry);
        else if (i != own)
            problem = "this user has a line already";
        if (problem != NULL && !entry->bad)
            report_line(file, content, entry->number, problem, "this line is not used");
        if (problem == NULL && !entry->bad)
            group->lines[group->kept++] = *entry; /* at its own place or before it */
    }
}

static void
settle(const struct passwd_file *file, struct content *content)
{
    struct entry *entries = content->entries;
    size_t kept = 0;
    for (size_t from = 0, to; from < content->count; from = to) {
        for (to = from + 1; to < content->count; to++)
            if (!pop_view_equal(entries[to].line.name, entries[from].line.name))
                break;
        struct group group = {.lines = &entries[from], .count = to - from};
        group_settle(&group, file, content);
        memmove(&entries[kept], group.lines, group.kept * sizeof *entries);
        kept += group.kept;
    }
    content->count = kept;
}

/* ---- what the users have in common ---- */

/* The cost that most users have: the candidate of a majority vote, which is the most frequent
 * one wherever one clearly is. */
static void
choose_dummy(struct content *content, struct err *err)
{
    struct pop_view candidate = {0};
    struct pop_view model = {0};
    size_t votes = 0;
    content->quick = true;
    for (size_t i = 0; i < content->count; i++) {
        struct password password;
        const struct passwd_line *line = &content->entries[i].line;
        if (password_parse(line->stored, &password, err) != ERR_OK ||
            password.kind == PASSWORD_NEVER)
            continue;
        content->quick = content->quick && password_is_quick(&password);
        /* Exchanges ask for the user's own: another one is of use as if it were hashed. */
        content->kinds |= 1u << (line->labelled ? PASSWORD_CRYPT : password.kind);
        struct pop_view cost = password_cost(&password);
        if (votes == 0) {
            candidate = cost;
            model = line->stored;
        }
        votes += pop_view_equal(cost, candidate) || votes == 0 ? 1 : -1;
    }
    if (password_dummy(model, content->dummy, err) != ERR_OK)
        content->dummy[0] = '\0';
}

/* ---- the file ---- */

static enum err_code
read_octets(int fd, size_t size, char **ret_octets, const char *path, struct err *err)
{
    CLEANUP(free_p) char *octets = malloc(size + 1);
    if (octets == NULL)
        return err_set(err, ERR_NOMEM, "reading '%s'", path);
    for (size_t got = 0; got < size;) {
        ssize_t n = read(fd, octets + got, size - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? EAGAIN : errno; /* shortened while it was read */
            return err_set(err, ERR_SYSTEM, "cannot read '%s'", path);
        }
        got += (size_t)n;
    }
    *ret_octets = octets;
    octets = NULL; /* the caller's from here */
    return ERR_OK;
}

static enum err_code
content_read(
    struct passwd_file *file, struct content *ret_content, struct stat *ret_seen,
    struct err *err)
{
    /* O_NONBLOCK: a FIFO in the place of the file must not stop all logins. */
    CLEANUP(fd_closep) int fd = open(file->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat seen;
    if (fd < 0 || fstat(fd, &seen) < 0)
        return err_set(err, ERR_SYSTEM, "cannot read '%s'", file->path);
    if (!S_ISREG(seen.st_mode) || (uint64_t)seen.st_size > PASSWD_FILE_MAX)
        return err_set(err, ERR_INVALID, "'%s' is no user file", file->path);

    struct content content = {0};
    size_t size = (size_t)seen.st_size;
    if (read_octets(fd, size, &content.octets, file->path, err) != ERR_OK)
        return err->code;
    struct pop_view rest = {content.octets, size};
    for (uint32_t number = 1; rest.len > 0; number++) {
        const char *lf = memchr(rest.data, '\n', rest.len);
        struct pop_view line = {rest.data, lf ? (size_t)(lf - rest.data) : rest.len};
        pop_view_skip(&rest, line.len + (lf ? 1 : 0));
        if (!add_line(file, &content, line, number)) {
            content_finish(&content);
            return err_set(err, ERR_NOMEM, "reading '%s'", file->path);
        }
    }
    if (content.count > 0)
        qsort(content.entries, content.count, sizeof *content.entries, by_name);
    settle(file, &content);
    report_rest(file, &content);
    choose_dummy(&content, err);
    *ret_content = content;
    *ret_seen = seen;
    return ERR_OK;
}

enum err_code
passwd_file_open(
    struct passwd_file **ret_file, const char *path, passwd_file_report *report,
    struct err *err)
{
    struct passwd_file *file = calloc(1, sizeof *file);
    char *copy = strdup(path);
    if (file == NULL || copy == NULL) {
        free(file);
        free(copy);
        return err_set(err, ERR_NOMEM, "opening '%s'", path);
    }
    *file = (struct passwd_file){.path = copy, .report = report};
    if (content_read(file, &file->content, &file->seen, err) != ERR_OK) {
        passwd_file_close(file);
        return err->code;
    }
    *ret_file = file;
    return ERR_OK;
}

void
passwd_file_close(struct passwd_file *file)
{
    if (file == NULL)
        return;
    content_finish(&file->content);
    free(file->path);
    free(file);
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void
reread(struct passwd_file *file)
{
    struct stat now;
    struct content content;
    struct err err;
    if (stat(file->path, &now) == 0 && same_file(&now, &file->seen))
        return;
    if (content_read(file, &content, &now, &err) != ERR_OK) {
        if (!file->failed)
            file->report(err.text);
        file->failed = true;
        return;
    }
    content_finish(&file->content);
    file->content = content;
    file->seen = now;
    file->failed = false;
}

/* The first line of that name, or the place where it would be. */
static size_t
find(const struct content *content, struct pop_view name)
{
    struct entry key = {.line.name = name, .number = 0};
    size_t low = 0;
    size_t high = content->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_name(&content->entries[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void
copy_text(char *to, struct pop_view from)
{
    memcpy(to, from.data, from.len);
    to[from.len] = '\0';
}

static void
give_own(const struct passwd_line *line, struct auth_user *user)
{
    copy_text(user->stored, line->stored);
    copy_text(user->home, line->home);
    user->uid = line->uid;
    user->gid = line->gid;
    user->disabled = line->disabled;
}

static void
give_other(const struct passwd_line *line, struct auth_user *user)
{
    CHECK(user->other_count < CREDENTIALS_MAX); /* the rest was left out */
    struct auth_credential *other = &user->others[user->other_count++];
    copy_text(other->label, line->label);
    copy_text(other->stored, line->stored);
}

enum err_code
passwd_file_lookup(
    struct passwd_file *file, struct pop_view name, struct auth_user *ret_user, struct err *err)
{
    reread(file);
    const struct content *content = &file->content;
    size_t i = find(content, name);
    if (i == content->count || !pop_view_equal(content->entries[i].line.name, name))
        return err_set(err, ERR_NOT_FOUND, "no such user in '%s'", file->path);
    name = content->entries[i].line.name; /* the argument may lie in *ret_user */
    auth_user_begin(ret_user, name);
    copy_text(ret_user->stored, POP_VIEW("*"));
    for (; i < content->count; i++) {
        const struct passwd_line *line = &content->entries[i].line;
        if (!pop_view_equal(line->name, name))
            break;
        if (line->labelled)
            give_other(line, ret_user);
        else
            give_own(line, ret_user);
    }
    return ERR_OK;
}

const char *
passwd_file_dummy(const struct passwd_file *file)
{
    return file->content.dummy;
}

uint32_t
passwd_file_kinds(const struct passwd_file *file)
{
    return file->content.kinds;
}

struct pop_view
passwd_file_secret(const struct passwd_file *file)
{
    /* "*" is a secret to nobody. */
    for (size_t i = 0; i < file->content.count; i++) {
        struct password password;
        struct pop_view stored = file->content.entries[i].line.stored;
        if (password_parse(stored, &password, NULL) == ERR_OK &&
            password.kind != PASSWORD_NEVER)
            return stored;
    }
    return (struct pop_view){"", 0};
}

bool
passwd_file_is_quick(const struct passwd_file *file)
{
    return file->content.quick;
}
