/* The user file in memory: its octets, and an index of its lines sorted by name. */
#include "auth/passwd_file.h"

#include "auth/password.h"
#include "auth/user_name.h"
#include "base/cleanup.h"
#include "base/number.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct entry {
    struct pop_view name;
    struct pop_view fields[6]; /* hash uid gid gecos home shell */
    uint32_t line;
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
    const struct passwd_file *file, struct content *content, uint32_t line, const char *why)
{
    char text[ERR_TEXT_MAX];
    if (content->bad_lines++ >= PASSWD_REPORTS_MAX)
        return;
    (void)snprintf(
        text, sizeof text, "%s:%u: %s; this user cannot log in", file->path, line, why);
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

/* The next field up to a colon. */
static struct pop_view
take_field(struct pop_view *rest)
{
    const char *colon = rest->len > 0 ? memchr(rest->data, ':', rest->len) : NULL;
    struct pop_view field = {rest->data, colon ? (size_t)(colon - rest->data) : rest->len};
    pop_view_skip(rest, field.len + (colon ? 1 : 0));
    return field;
}

/* An id field: empty, or a number. */
static bool
id_is_valid(struct pop_view field)
{
    uint32_t id;
    return field.len == 0 || (parse_u32(field, &id) && id != AUTH_ID_NONE);
}

/* Why a line cannot be used; NULL: it can. */
static const char *
entry_problem(const struct entry *entry)
{
    struct password password;
    struct err err;
    const char *problem = user_name_problem(entry->name);
    if (problem != NULL)
        return problem;
    if (entry->fields[0].len > HASH_TEXT_MAX)
        return "the password field is too long";
    if (password_parse(entry->fields[0], &password, &err) != ERR_OK)
        return "the scheme of the password is not known here";
    if (!id_is_valid(entry->fields[1]) || !id_is_valid(entry->fields[2]))
        return "uid and gid are numbers";
    if (entry->fields[4].len >= PATH_LEN_MAX)
        return "the home folder is too long";
    return NULL;
}

static int
by_name(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    size_t len = x->name.len < y->name.len ? x->name.len : y->name.len;
    int order = memcmp(x->name.data, y->name.data, len);
    if (order != 0)
        return order;
    if (x->name.len != y->name.len)
        return x->name.len < y->name.len ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

static bool
add_line(
    struct passwd_file *file, struct content *content, struct pop_view line, uint32_t number)
{
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    if (line.len == 0 || line.data[0] == '#')
        return true;
    if (line.len > PASSWD_LINE_MAX || memchr(line.data, '\0', line.len) != NULL) {
        report_line(file, content, number, "the line is too long or has a NUL in it");
        return true;
    }
    struct entry entry = {.line = number};
    entry.name = take_field(&line);
    for (size_t i = 0; i < 6; i++)
        entry.fields[i] = take_field(&line);
    const char *problem = entry_problem(&entry);
    if (problem != NULL) {
        report_line(file, content, number, problem);
        return true;
    }
    if ((content->count & (content->count + 1)) == 0) { /* grows by doubling: 1, 3, 7 ... */
        struct entry *entries =
            realloc(content->entries, (2 * content->count + 1) * sizeof *entries);
        if (entries == NULL)
            return false;
        content->entries = entries;
    }
    content->entries[content->count++] = entry;
    return true;
}

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
        if (password_parse(content->entries[i].fields[0], &password, err) != ERR_OK ||
            password.kind == PASSWORD_NEVER)
            continue;
        content->quick = content->quick && password_is_quick(&password);
        content->kinds |= 1u << password.kind;
        struct pop_view cost = password_cost(&password);
        if (votes == 0) {
            candidate = cost;
            model = content->entries[i].fields[0];
        }
        votes += pop_view_equal(cost, candidate) || votes == 0 ? 1 : -1;
    }
    if (password_dummy(model, content->dummy, err) != ERR_OK)
        content->dummy[0] = '\0';
}

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
    report_rest(file, &content);
    if (content.count > 0)
        qsort(content.entries, content.count, sizeof *content.entries, by_name);
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

/* The first line of that name: an earlier one wins over a later one. */
static const struct entry *
find(const struct content *content, struct pop_view name)
{
    struct entry key = {.name = name, .line = 0};
    size_t low = 0;
    size_t high = content->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_name(&content->entries[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == content->count || !pop_view_equal(content->entries[low].name, name))
        return NULL;
    return &content->entries[low];
}

static void
copy_text(char *to, struct pop_view from)
{
    memcpy(to, from.data, from.len);
    to[from.len] = '\0';
}

static uint32_t
id_of(struct pop_view field)
{
    uint32_t id = AUTH_ID_NONE;
    (void)parse_u32(field, &id); /* empty: none */
    return id;
}

enum err_code
passwd_file_lookup(
    struct passwd_file *file, struct pop_view name, struct auth_user *ret_user, struct err *err)
{
    reread(file);
    const struct entry *entry = find(&file->content, name);
    if (entry == NULL)
        return err_set(err, ERR_NOT_FOUND, "no such user in '%s'", file->path);
    copy_text(ret_user->name, entry->name);
    copy_text(ret_user->stored, entry->fields[0]);
    ret_user->uid = id_of(entry->fields[1]);
    ret_user->gid = id_of(entry->fields[2]);
    copy_text(ret_user->home, entry->fields[4]);
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
    return file->content.count > 0 ? file->content.entries[0].fields[0]
                                   : (struct pop_view){"", 0};
}

bool
passwd_file_is_quick(const struct passwd_file *file)
{
    return file->content.quick;
}
