/* Reads transcripts. A line that it does not understand is a mistake, never passed over. */
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>

struct wire_reader {
    const char *path;
    FILE *in;
    char *line;
    size_t cap;
    unsigned number;
    bool held; /* the line was read, but belongs to the next transcript */
};

struct wire_reader *
reader_open(const char *path)
{
    struct wire_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        abort();
    reader->path = path;
    reader->in = fopen(path, "r");
    return reader;
}

void
reader_close(struct wire_reader *reader)
{
    if (reader->in != NULL)
        (void)fclose(reader->in); /* read only, nothing to lose */
    free(reader->line);
    free(reader);
}

static bool
starts(const char *line, const char *with, const char **ret_rest)
{
    size_t len = strlen(with);
    *ret_rest = line + len;
    return strncmp(line, with, len) == 0;
}

/* "S: text"; without a text the blank may be missing. */
static bool
starts_kind(const char *line, const char *kind, const char **ret_rest)
{
    if (!starts(line, kind, ret_rest))
        return false;
    if (**ret_rest == ' ')
        ++*ret_rest;
    else if (**ret_rest != '\0')
        return false;
    return true;
}

/* One octet, maybe escaped. */
static bool
take_octet(const char **from, char *ret_octet)
{
    static const char names[] = "nr0\\.}";
    static const char octets[] = "\n\r\0\\.}";
    if (**from != '\\') {
        *ret_octet = *(*from)++;
        return true;
    }
    const char *name = (*from)[1] != '\0' ? strchr(names, (*from)[1]) : NULL;
    if (name != NULL) {
        *ret_octet = octets[name - names];
        *from += 2;
        return true;
    }
    unsigned value;
    int used = 0;
    if (sscanf(*from, "\\x%2x%n", &value, &used) != 1 || used != 4)
        return false;
    *ret_octet = (char)value;
    *from += 4;
    return true;
}

/* "\{N*text}": the text so many times. */
static bool
take_repeated(const char **from, char *to, size_t room, size_t *len)
{
    char *text;
    unsigned long times = strtoul(*from + 2, &text, 10);
    size_t text_len = 0;
    if (*text++ != '*' || times == 0)
        return false;
    const char *rest = text;
    for (; *rest != '}'; text_len++)
        if (*rest == '\0' || text_len == room || !take_octet(&rest, to + text_len))
            return false;
    if (text_len == 0 || times > room / text_len)
        return false;
    for (unsigned long i = 1; i < times; i++)
        memcpy(to + i * text_len, to, text_len);
    *len += times * text_len;
    *from = rest + 1;
    return true;
}

/* Adds to store[*len], up to `cap`. */
static bool
unescape(const char *from, char *store, size_t *len, size_t cap)
{
    while (*from != '\0') {
        if (*len == cap)
            return false;
        bool good = strncmp(from, "\\{", 2) == 0
                        ? take_repeated(&from, store + *len, cap - *len, len)
                        : take_octet(&from, store + (*len)++);
        if (!good)
            return false;
    }
    return true;
}

/* Something that has to come. */
static bool
read_wanted(struct wire_transcript *t, const char *kind, const char *rest, unsigned line)
{
    struct wire_trace *wanted = &t->wanted;
    if (wanted->count == WIRE_ENTRIES_MAX)
        return false;
    trace_add(wanted, kind, (struct pop_view){0});
    struct wire_entry *entry = &wanted->entries[wanted->count - 1];
    size_t start = wanted->len;
    if (!unescape(rest, wanted->octets, &wanted->len, sizeof wanted->octets))
        return false;
    entry->text.len = wanted->len - start;
    entry->line = line;
    entry->at = t->input_len;
    size_t len = strlen(rest);
    entry->open = len >= 3 && strcmp(rest + len - 3, "...") == 0;
    if (entry->open)
        entry->text.len -= 3;
    return true;
}

static bool
read_input(struct wire_transcript *t, const char *rest, bool line_end)
{
    return unescape(rest, t->input, &t->input_len, sizeof t->input) &&
           (!line_end || unescape("\\r\\n", t->input, &t->input_len, sizeof t->input));
}

static bool
read_setup(struct wire_transcript *t, const char *line)
{
    const char *colon = strchr(line, ':');
    const char *rest;
    if (t->client || t->input_len > 0 || colon == NULL || !starts_kind(colon, ":", &rest))
        return false;
    size_t start = t->text_len;
    if (!unescape(rest, t->text, &t->text_len, sizeof t->text))
        return false;
    struct pop_view name = {line, (size_t)(colon - line)};
    struct pop_view value = {t->text + start, t->text_len - start};
    return setup_row(&t->setup, name, value);
}

static bool
read_line(struct wire_transcript *t, const char *line, unsigned number)
{
    const char *rest;
    if (line[0] == '\0' || line[0] == '#')
        return true;
    if (starts_kind(line, t->client ? "S:" : "C:", &rest))
        return read_input(t, rest, true);
    if (starts_kind(line, t->client ? "S-" : "C-", &rest))
        return read_input(t, rest, false);

    static const char *const wanted[2][5] = {
        {"S:", "S-", "S!", NULL},
        {"C:", "C!", "C~", "E:", NULL},
    };
    for (const char *const *kind = wanted[t->client]; *kind != NULL; kind++)
        if (starts_kind(line, *kind, &rest))
            return read_wanted(t, *kind, rest, number);
    return read_setup(t, line);
}

static bool
read_lines(struct wire_transcript *t, const char *line, unsigned number)
{
    char *rest;
    unsigned long times = strtoul(line, &rest, 10);
    const char *repeated;
    if (rest == line || !starts(rest, " times ", &repeated))
        return read_line(t, line, number);
    for (; times > 0; times--)
        if (!read_line(t, repeated, number))
            return false;
    return true;
}

/* The next line, without its end. */
static bool
next_line(struct wire_reader *reader)
{
    if (reader->held) {
        reader->held = false;
        return true;
    }
    ssize_t len = getline(&reader->line, &reader->cap, reader->in);
    if (len <= 0)
        return false;
    reader->number++;
    if (reader->line[len - 1] == '\n')
        reader->line[len - 1] = '\0';
    return true;
}

static int
mistake(const struct wire_reader *reader, const char *text)
{
    (void)fprintf(
        stderr, "# %s:%u: %s: %s\n", reader->path, reader->number, text,
        reader->line != NULL ? reader->line : "");
    return -1;
}

/* "== server: title" */
static bool
read_title(struct wire_transcript *t, const char *line)
{
    const char *title;
    t->client = starts(line, "== client: ", &title);
    if (!t->client && !starts(line, "== server: ", &title))
        return false;
    return snprintf(t->title, sizeof t->title, "%s", title) < (int)sizeof t->title;
}

int
reader_next(struct wire_reader *reader, struct wire_transcript *transcript)
{
    if (reader->in == NULL)
        return mistake(reader, "cannot be read");
    memset(transcript, 0, sizeof *transcript);
    transcript->setup.config = (struct pop_server_config){
        .hostname = POP_VIEW("pop.test"),
        .implementation = POP_VIEW("restante"),
        .user_allowed = true,
    };
    transcript->setup.password = POP_VIEW("secret");

    bool titled = false;
    while (next_line(reader)) {
        if (reader->line[0] == '=' && titled) {
            reader->held = true;
            break;
        }
        bool good = reader->line[0] == '=' ? read_title(transcript, reader->line)
                    : titled ? read_lines(transcript, reader->line, reader->number)
                             : reader->line[0] == '\0' || reader->line[0] == '#';
        if (!good)
            return mistake(reader, "not understood");
        titled = titled || reader->line[0] == '=';
    }
    if (titled && transcript->wanted.count == 0)
        return mistake(reader, "a transcript that wants nothing");
    return titled;
}
