/* A line of the user file, taken apart and checked. What it says of a line never shows a part
 * of it: any field may be a password in the wrong place. */
#include "auth/passwd_line.h"

#include "auth/password.h"
#include "auth/user_name.h"
#include "base/number.h"

/* The next field up to a colon. */
static struct pop_view
take_field(struct pop_view *rest)
{
    const char *colon = rest->len > 0 ? memchr(rest->data, ':', rest->len) : NULL;
    struct pop_view field = {rest->data, colon ? (size_t)(colon - rest->data) : rest->len};
    pop_view_skip(rest, field.len + (colon ? 1 : 0));
    return field;
}

/* The next word up to a blank; empty between two blanks. */
static struct pop_view
take_word(struct pop_view *rest)
{
    size_t len = 0;
    while (len < rest->len && rest->data[len] != ' ' && rest->data[len] != '\t')
        len++;
    struct pop_view word = {rest->data, len};
    pop_view_skip(rest, len < rest->len ? len + 1 : len);
    return word;
}

const char *
passwd_label_problem(struct pop_view label)
{
    bool ok = label.len > 0 && label.len <= LABEL_MAX;
    for (size_t i = 0; ok && i < label.len; i++) {
        char c = label.data[i];
        ok = c > ' ' && c < 0x7f && c != ':' &&
             c != '"'; /* it stands in fields and in the log */
    }
    return ok ? NULL
              : "a label has 1 to 63 printable ASCII characters, no blank, ':' or '\"' in it";
}

static const char *
read_label(struct pop_view value, struct passwd_line *line)
{
    if (line->labelled)
        return "a line has one label";
    line->labelled = true;
    const char *problem = passwd_label_problem(value);
    if (problem == NULL)
        line->label = value;
    return problem;
}

static const char *
read_word(struct pop_view word, struct passwd_line *line)
{
    const char *equals = word.len > 0 ? memchr(word.data, '=', word.len) : NULL;
    struct pop_view key = {word.data, equals ? (size_t)(equals - word.data) : word.len};
    pop_view_skip(&word, key.len + (equals ? 1 : 0));
    if (pop_view_equal(key, POP_VIEW("label")))
        return read_label(word, line);
    if (pop_view_equal(key, POP_VIEW("nologin"))) /* with any value, as Dovecot takes it */
        line->disabled = true;
    if (!pop_view_equal(key, POP_VIEW("pop")) || pop_view_equal(word, POP_VIEW("yes")))
        return NULL;
    line->disabled = true;
    return pop_view_equal(word, POP_VIEW("no")) ? NULL : "pop is yes or no";
}

/* All words are read, also behind a bad one: whether there is a label must be known. */
static const char *
read_extra(struct pop_view extra, struct passwd_line *line)
{
    const char *problem = NULL;
    while (extra.len > 0) {
        const char *why = read_word(take_word(&extra), line);
        problem = problem != NULL ? problem : why;
    }
    if (problem == NULL && line->labelled && line->disabled)
        return "pop=no and nologin belong on the user's own line";
    return problem;
}

/* Empty, or a number. */
static bool
read_id(struct pop_view field, uint32_t *ret_id)
{
    *ret_id = AUTH_ID_NONE;
    return field.len == 0 || (parse_u32(field, ret_id) && *ret_id != AUTH_ID_NONE);
}

bool
passwd_line_is_entry(struct pop_view line)
{
    return line.len > 0 && line.data[0] != '#';
}

const char *
passwd_line_parse(struct pop_view line, struct passwd_line *ret_line)
{
    struct password password;
    bool sane = line.len <= PASSWD_LINE_MAX && memchr(line.data, '\0', line.len) == NULL;
    *ret_line = (struct passwd_line){.name = take_field(&line)};
    ret_line->stored = take_field(&line);
    bool ids = read_id(take_field(&line), &ret_line->uid);
    ids = read_id(take_field(&line), &ret_line->gid) && ids;
    (void)take_field(&line); /* gecos: for people */
    ret_line->home = take_field(&line);
    (void)take_field(&line); /* shell: nobody gets one */
    const char *extra = read_extra(line, ret_line);

    if (!sane)
        return "the line is too long or has a NUL in it";
    const char *problem = user_name_problem(ret_line->name);
    if (problem != NULL)
        return problem;
    if (ret_line->stored.len > HASH_TEXT_MAX)
        return "the password field is too long";
    if (password_parse(ret_line->stored, &password, NULL) != ERR_OK)
        return "the scheme of the password is not known here";
    if (!ids)
        return "uid and gid are numbers";
    if (ret_line->home.len >= PATH_LEN_MAX)
        return "the home folder is too long";
    return extra;
}
