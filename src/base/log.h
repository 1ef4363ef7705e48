/*
 * The log: one line to standard error, for the journal or a terminal.
 *
 * Only owners of something log (server roles, commands); the folders below
 * return errors. Octets that do not print are written as \xNN, so nothing from
 * outside can forge a line or steer a terminal.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <pop/view.h>

/* Longest line; more is cut with "...". Names and reasons fit, floods do not. */
#define LOG_LINE_MAX 1024

/* A name from outside as text within quotes, and its NUL: no name pushes what follows it out of
 * the line. */
#define LOG_NAME_MAX 256

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
};

/* `role` starts each line; a constant. Call once, first in main. */
void log_open(const char *role);

void
log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The text that may stand between two quotes: a quote, a backslash and what does not print are
 * \xNN, so that nothing in a name looks like the end of it. What does not fit ends with "...".
 */
void log_name(struct pop_view name, char ret_text[LOG_NAME_MAX]);

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)

#endif
