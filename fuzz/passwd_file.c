/*
 * The user file: each line is blank, a comment, reported or usable; a name finds the first
 * usable line that has it, with exactly that line's fields, and no other name finds anything.
 */
#include "auth/passwd_file.h"

#include "auth/user_name.h"
#include "fuzz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LINES_MAX = 64 };

/* What was reported; the callback carries nothing of ours. */
static struct {
    bool lines[LINES_MAX + 1];
    size_t count;
    bool cut; /* too many to report each */
} reported;

static char path[64];

static void
on_report(const char *text)
{
    size_t len = strlen(path);
    CHECK(strncmp(text, path, len) == 0 && text[len] == ':');
    if (text[len + 1] == ' ') { /* how many more there are */
        reported.cut = true;
        return;
    }
    long line = strtol(text + len + 1, NULL, 10);
    CHECK(line >= 1 && line <= LINES_MAX && !reported.lines[line]);
    for (const char *c = text; *c != '\0'; c++)
        CHECK((unsigned char)*c >= 0x20 && *c != 0x7f);
    reported.lines[line] = true;
    reported.count++;
}

static void
file_write(struct pop_view text)
{
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("users", MFD_CLOEXEC);
    CHECK(fd >= 0);
    CHECK(snprintf(path, sizeof path, "/proc/self/fd/%d", fd) > 0);
    CHECK(ftruncate(fd, 0) == 0);
    CHECK(pwrite(fd, text.data, text.len, 0) == (ssize_t)text.len);
}

static size_t
split_lines(struct pop_view text, struct pop_view lines[LINES_MAX])
{
    size_t count = 0;
    while (text.len > 0 && count < LINES_MAX) {
        const char *lf = memchr(text.data, '\n', text.len);
        struct pop_view line = {text.data, lf ? (size_t)(lf - text.data) : text.len};
        pop_view_skip(&text, line.len + (lf ? 1 : 0));
        if (line.len > 0 && line.data[line.len - 1] == '\r')
            line.len--;
        lines[count++] = line;
    }
    return text.len > 0 ? SIZE_MAX : count;
}

/* The field of that number, counted from 0; empty where the line has fewer. */
static struct pop_view
field_of(struct pop_view line, unsigned number)
{
    size_t from = 0;
    for (; number > 0 && from < line.len; from++)
        number -= line.data[from] == ':';
    size_t end = from;
    while (end < line.len && line.data[end] != ':')
        end++;
    return (struct pop_view){line.data + from, number > 0 ? 0 : end - from};
}

static bool
is_entry(struct pop_view line)
{
    return line.len > 0 && line.data[0] != '#';
}

/* The usable line that a name must find, or SIZE_MAX. */
static size_t
expected_line(const struct pop_view *lines, size_t count, struct pop_view name)
{
    for (size_t i = 0; i < count; i++)
        if (is_entry(lines[i]) && !reported.lines[i + 1] &&
            pop_view_equal(field_of(lines[i], 0), name))
            return i;
    return SIZE_MAX;
}

static void
check_user(const struct auth_user *user, struct pop_view line)
{
    CHECK(user_name_problem(pop_view_of(user->name)) == NULL);
    CHECK(pop_view_equal(pop_view_of(user->name), field_of(line, 0)));
    CHECK(pop_view_equal(pop_view_of(user->stored), field_of(line, 1)));
    CHECK(pop_view_equal(pop_view_of(user->home), field_of(line, 5)));
    CHECK((user->uid == AUTH_ID_NONE) == (field_of(line, 2).len == 0));
    CHECK((user->gid == AUTH_ID_NONE) == (field_of(line, 3).len == 0));
}

static void
check_names(struct passwd_file *file, const struct pop_view *lines, size_t count)
{
    struct auth_user user;
    struct err err;
    for (size_t i = 0; i < count; i++) {
        struct pop_view name = field_of(lines[i], 0);
        size_t line = expected_line(lines, count, name);
        enum err_code code = passwd_file_lookup(file, name, &user, &err);
        CHECK(code == (line == SIZE_MAX ? ERR_NOT_FOUND : ERR_OK));
        if (code == ERR_OK)
            check_user(&user, lines[line]);

        name.len /= 2; /* the start of a name is another name */
        line = expected_line(lines, count, name);
        code = passwd_file_lookup(file, name, &user, &err);
        CHECK(code == (line == SIZE_MAX ? ERR_NOT_FOUND : ERR_OK));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pop_view text = fuzz_view(data, size);
    struct pop_view lines[LINES_MAX];
    size_t count = split_lines(text, lines);
    if (count == SIZE_MAX)
        return -1; /* too many lines to try them all: not for the corpus */

    memset(&reported, 0, sizeof reported);
    file_write(text);
    struct passwd_file *file = NULL;
    struct err err;
    CHECK(passwd_file_open(&file, path, on_report, &err) == ERR_OK);
    size_t comments = 0;
    for (size_t i = 0; i < count; i++)
        comments += !is_entry(lines[i]);
    CHECK(reported.count + comments <= count);
    CHECK(strlen(passwd_file_dummy(file)) > 0);
    if (!reported.cut) /* else nobody told which lines were left out */
        check_names(file, lines, count);
    passwd_file_close(file);
    return 0;
}
