/*
 * The user file: each line is blank, a comment, reported or usable; a name finds the first
 * usable line without a label that has it, with exactly that line's fields, and as its other
 * passwords exactly those of the usable lines with a label. No other name finds anything.
 */
#include "auth/passwd_file.h"

#include "auth/passwd_line.h"
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

/* What stands behind the seventh colon. */
static struct pop_view
extra_of(struct pop_view line)
{
    for (unsigned colons = 0; line.len > 0 && colons < 7; pop_view_skip(&line, 1))
        colons += line.data[0] == ':';
    return line;
}

/* The value of the first word of that key; its data is NULL where there is none. */
static struct pop_view
value_of(struct pop_view line, const char *key)
{
    struct pop_view extra = extra_of(line);
    size_t key_len = strlen(key);
    while (extra.len > 0) {
        size_t len = 0;
        while (len < extra.len && extra.data[len] != ' ' && extra.data[len] != '\t')
            len++;
        if (len >= key_len && memcmp(extra.data, key, key_len) == 0) {
            if (len == key_len)
                return (struct pop_view){"", 0};
            if (extra.data[key_len] == '=')
                return (struct pop_view){extra.data + key_len + 1, len - key_len - 1};
        }
        pop_view_skip(&extra, len < extra.len ? len + 1 : len);
    }
    return (struct pop_view){NULL, 0};
}

static bool
is_labelled(struct pop_view line)
{
    return value_of(line, "label").data != NULL;
}

static void
check_own(const struct auth_user *user, struct pop_view line)
{
    CHECK(pop_view_equal(pop_view_of(user->stored), field_of(line, 1)));
    CHECK(pop_view_equal(pop_view_of(user->home), field_of(line, 5)));
    CHECK((user->uid == AUTH_ID_NONE) == (field_of(line, 2).len == 0));
    CHECK((user->gid == AUTH_ID_NONE) == (field_of(line, 3).len == 0));
    struct pop_view pop = value_of(line, "pop");
    CHECK(!user->disabled || pop.data != NULL || value_of(line, "nologin").data != NULL);
    CHECK(user->disabled || pop.data == NULL || pop_view_equal(pop, POP_VIEW("yes")));
    CHECK(user->disabled || value_of(line, "nologin").data == NULL);
}

static void
check_other(const struct auth_user *user, uint32_t i, struct pop_view line)
{
    CHECK(i < user->other_count);
    const struct auth_credential *other = &user->others[i];
    CHECK(passwd_label_problem(pop_view_of(other->label)) == NULL);
    CHECK(pop_view_equal(pop_view_of(other->label), value_of(line, "label")));
    CHECK(pop_view_equal(pop_view_of(other->stored), field_of(line, 1)));
    for (uint32_t before = 0; before < i; before++)
        CHECK(strcmp(user->others[before].label, other->label) != 0);
}

/* Looks a name up, and says what must be found by going through all lines. */
static void
check_name(
    struct passwd_file *file, const struct pop_view *lines, size_t count, struct pop_view name)
{
    struct auth_user user;
    size_t own = SIZE_MAX;
    uint32_t others = 0;
    bool spoilt = false;
    enum err_code code = passwd_file_lookup(file, name, &user, NULL);
    for (size_t i = 0; i < count; i++) {
        if (!is_entry(lines[i]) || !pop_view_equal(field_of(lines[i], 0), name))
            continue;
        bool labelled = is_labelled(lines[i]);
        spoilt |= reported.lines[i + 1] && !labelled;
        if (!reported.lines[i + 1] && labelled)
            others++;
        else if (!reported.lines[i + 1])
            own = own == SIZE_MAX ? i : SIZE_MAX - 1; /* a second one must have been reported */
    }
    CHECK(own != SIZE_MAX - 1);
    bool exists = own != SIZE_MAX || (others > 0 && !spoilt);
    CHECK(code == (exists ? ERR_OK : ERR_NOT_FOUND));
    if (!exists)
        return;
    CHECK(user_name_problem(name) == NULL);
    CHECK(pop_view_equal(pop_view_of(user.name), name));
    CHECK(user.other_count == others && others <= CREDENTIALS_MAX);
    if (own != SIZE_MAX)
        check_own(&user, lines[own]);
    else
        CHECK(strcmp(user.stored, "*") == 0 && user.uid == AUTH_ID_NONE && !user.disabled);
    for (size_t i = 0, at = 0; i < count; i++)
        if (is_entry(lines[i]) && !reported.lines[i + 1] && is_labelled(lines[i]) &&
            pop_view_equal(field_of(lines[i], 0), name))
            check_other(&user, (uint32_t)at++, lines[i]);
}

static void
check_names(struct passwd_file *file, const struct pop_view *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct pop_view name = field_of(lines[i], 0);
        check_name(file, lines, count, name);
        name.len /= 2; /* the start of a name is another name */
        check_name(file, lines, count, name);
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
