/* Options of a command as rows of a table: parsing and --help come from the same place. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/err.h"

#include <stddef.h>
#include <stdio.h>

struct option_row {
    const char *name;  /* long, without its dashes */
    const char *value; /* what --help calls its value; NULL: it takes none */
    const char *help;  /* one line */
};

/* Rows of one command. */
#define OPTION_ROWS_MAX 32

/*
 * Reads the options of `argv` (argv[0] is the command's name) and moves them
 * before the other arguments. ret_values has one place for each row: NULL if
 * the option was not given, "" if it takes no value. *ret_rest is the index of
 * the first other argument.
 *
 * ERR_INVALID: unknown, given twice, or a value too many or too few.
 */
enum err_code options_parse(
    const struct option_row *rows, size_t count, int argc, char **argv, const char **ret_values,
    int *ret_rest, struct err *err);

/* One line for each row. */
void options_print(const struct option_row *rows, size_t count, FILE *out);

#endif
