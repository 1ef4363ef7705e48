/* Reads the file and takes out of it what libconfuse would misread. Knows strings, comments
 * and lines; the grammar is libconfuse's. */
#include "conf/text.h"

#include "base/cleanup.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* What may stand outside quotes: option names, numbers, words, plain paths and addresses. */
static const char word_characters[] = "abcdefghijklmnopqrstuvwxyz"
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789-_.:/%[]@~";

/* The octet at text.data[text.len] is a NUL, so looking one octet ahead is always safe. */
struct scan {
    const char *path;
    char *at;
    const char *end;
    int line;
    int open_line; /* of the last '{' not closed yet, or 0; sections do not nest */
    bool in_word;
};

void
conf_text_finish(struct conf_text *text)
{
    free(text->data);
    *text = (struct conf_text){0};
}

static bool
scan_starts(const struct scan *scan, const char *token)
{
    return strncmp(scan->at, token, strlen(token)) == 0;
}

static enum err_code
scan_refuse(const struct scan *scan, struct err *err)
{
    unsigned char c = (unsigned char)*scan->at;
    if (c > 0x20 && c < 0x7f)
        return err_set(
            err, ERR_INVALID, "%s:%d: unexpected '%c'; a value with it needs quotes",
            scan->path, scan->line, c);
    return err_set(
        err, ERR_INVALID, "%s:%d: unexpected character 0x%02x%s", scan->path, scan->line, c,
        c >= 0x80 ? "; a value with it needs quotes" : "");
}

/* One octet of a string, or two when the first is a backslash. */
static enum err_code
scan_string_octet(struct scan *scan, char quote, struct err *err)
{
    unsigned char c = (unsigned char)*scan->at;
    if ((c < 0x20 && c != '\t') || c == 0x7f)
        return scan_refuse(scan, err);
    if (scan_starts(scan, "${"))
        return err_set(
            err, ERR_INVALID, "%s:%d: '${...}' is not replaced by anything; write the value",
            scan->path, scan->line);
    if (c == '\\') {
        if (scan->at[1] != '\\' && scan->at[1] != quote)
            return err_set(
                err, ERR_INVALID, "%s:%d: after a backslash only \\ or %c may follow",
                scan->path, scan->line, quote);
        scan->at++;
    }
    scan->at++;
    return ERR_OK;
}

/* From the opening quote to behind the closing one. A string ends on its line: else one
 * forgotten quote would turn the rest of the file inside out. */
static enum err_code
scan_string(struct scan *scan, struct err *err)
{
    char quote = *scan->at++;
    while (scan->at < scan->end && *scan->at != '\n') {
        if (*scan->at == quote) {
            scan->at++;
            return ERR_OK;
        }
        enum err_code code = scan_string_octet(scan, quote, err);
        if (code != ERR_OK)
            return code;
    }
    return err_set(
        err, ERR_INVALID, "%s:%d: a string is not closed on its line: %c is missing",
        scan->path, scan->line, quote);
}

static void
blank_line_comment(struct scan *scan)
{
    while (scan->at < scan->end && *scan->at != '\n')
        *scan->at++ = ' ';
}

static void
blank(struct scan *scan, int count)
{
    for (int i = 0; i < count; i++)
        *scan->at++ = ' ';
}

static enum err_code
blank_block_comment(struct scan *scan, struct err *err)
{
    int start = scan->line;
    blank(scan, 2);
    while (scan->at < scan->end && !scan_starts(scan, "*/")) {
        if (*scan->at == '\n') {
            scan->line++;
            scan->at++;
        } else {
            blank(scan, 1);
        }
    }
    if (scan->at >= scan->end)
        return err_set(
            err, ERR_INVALID, "%s:%d: the comment is not closed: */ is missing", scan->path,
            start);
    blank(scan, 2);
    return ERR_OK;
}

/* White space and punctuation; false: it is neither. */
static bool
scan_punctuation(struct scan *scan)
{
    switch (*scan->at) {
    case '\n':
        scan->line++;
        break;
    case '{':
        scan->open_line = scan->line;
        break;
    case '}':
        scan->open_line = 0;
        break;
    case ' ':
    case '\t':
    case '=':
        break;
    default:
        return false;
    }
    scan->at++;
    scan->in_word = false;
    return true;
}

static enum err_code
scan_next(struct scan *scan, struct err *err)
{
    if (scan_punctuation(scan))
        return ERR_OK;
    if (*scan->at == '#' || (!scan->in_word && scan_starts(scan, "//"))) {
        blank_line_comment(scan);
        return ERR_OK;
    }
    if (!scan->in_word && scan_starts(scan, "/*"))
        return blank_block_comment(scan, err);
    if (*scan->at == '"' || *scan->at == '\'') {
        scan->in_word = false;
        return scan_string(scan, err);
    }
    if (*scan->at == '\0' || strchr(word_characters, *scan->at) == NULL)
        return scan_refuse(scan, err);
    scan->in_word = true;
    scan->at++;
    return ERR_OK;
}

static enum err_code
text_clean(const char *path, struct conf_text *text, struct err *err)
{
    struct scan scan = {
        .path = path, .at = text->data, .end = text->data + text->len, .line = 1};
    while (scan.at < scan.end) {
        enum err_code code = scan_next(&scan, err);
        if (code != ERR_OK)
            return code;
    }
    text->line_count = scan.line;
    text->open_line = scan.open_line;
    return ERR_OK;
}

/* CRLF to LF; a lone CR stays, and is then refused. */
static void
text_unify_lines(struct conf_text *text)
{
    size_t kept = 0;
    for (size_t i = 0; i < text->len; i++) {
        if (text->data[i] != '\r' || text->data[i + 1] != '\n')
            text->data[kept++] = text->data[i];
    }
    text->len = kept;
    text->data[kept] = '\0';
}

static enum err_code
read_whole(int fd, const char *path, struct conf_text *text, struct err *err)
{
    while (text->len <= CONF_FILE_MAX) {
        ssize_t got = read(fd, text->data + text->len, CONF_FILE_MAX + 1 - text->len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(err, ERR_SYSTEM, "cannot read configuration '%s'", path);
        if (got == 0) {
            text->data[text->len] = '\0';
            return ERR_OK;
        }
        text->len += (size_t)got;
    }
    return err_set(
        err, ERR_INVALID, "%s:1: longer than %u octets: this is no configuration", path,
        CONF_FILE_MAX);
}

enum err_code
conf_text_read(const char *path, struct conf_text *ret_text, struct err *err)
{
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "cannot open configuration '%s'", path);

    struct conf_text text = {.data = malloc(CONF_FILE_MAX + 2)};
    if (text.data == NULL)
        return err_set(err, ERR_NOMEM, "no memory for configuration '%s'", path);

    enum err_code code = read_whole(fd, path, &text, err);
    if (code == ERR_OK) {
        text_unify_lines(&text);
        code = text_clean(path, &text, err);
    }
    if (code != ERR_OK) {
        conf_text_finish(&text);
        return code;
    }
    *ret_text = text;
    return ERR_OK;
}
