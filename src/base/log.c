/* One line to standard error. Opens nothing: the descriptor was there at the start. */
#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Set once, first in main, before there is a thread. */
static const char *log_role = "restante";

void
log_open(const char *role)
{
    log_role = role;
}

static const char *
level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR:
        return "error: ";
    case LOG_LEVEL_WARNING:
        return "warning: ";
    case LOG_LEVEL_INFO:
    case LOG_LEVEL_DEBUG:
        break;
    }
    return "";
}

static size_t
put_hex(char *line, size_t len, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    line[len++] = '\\';
    line[len++] = 'x';
    line[len++] = hex[c >> 4];
    line[len++] = hex[c & 15];
    return len;
}

void
log_name(struct pop_view name, char ret_text[LOG_NAME_MAX])
{
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];
        if (LOG_NAME_MAX - len < 8) {
            for (int dots = 0; dots < 3; dots++)
                ret_text[len++] = '.';
            break;
        }
        if (c < 0x20 || c >= 0x7F || c == '"' || c == '\\')
            len = put_hex(ret_text, len, c);
        else
            ret_text[len++] = (char)c;
    }
    ret_text[len] = '\0';
}

/* Copies `text` with everything that does not print as \xNN. Returns the new length. */
static size_t
escape_into(char *line, size_t len, size_t cap, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (cap - len < 8) {
            for (int i = 0; i < 3; i++)
                line[len++] = '.';
            break;
        }
        if (c >= 0x20 && c < 0x7F) {
            line[len++] = (char)c;
            continue;
        }
        len = put_hex(line, len, c);
    }
    return len;
}

void
log_line(enum log_level level, const char *format, ...)
{
    char text[LOG_LINE_MAX];
    va_list args;
    va_start(args, format);
    int whole = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (whole < 0)
        return;
    if ((size_t)whole >= sizeof text)
        memcpy(text + sizeof text - 4, "...", 4);

    char line[LOG_LINE_MAX + 128];
    int start = snprintf(line, 128, "%s[%d]: %s", log_role, (int)getpid(), level_name(level));
    if (start < 0 || start >= 128)
        return;
    size_t len = escape_into(line, (size_t)start, sizeof line - 1, text);
    line[len++] = '\n';
    (void)!write(STDERR_FILENO, line, len); /* a log that is gone cannot be told of */
}
