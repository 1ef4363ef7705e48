/* Options of a command, over getopt_long(3). */
#include "cli/options.h"

#include "base/check.h"

#include <getopt.h>
#include <string.h>

/* The option that getopt_long() has just complained about. It is quoted up to a "=", behind
 * which there may be a secret. */
static enum err_code
complain(int result, char **argv, struct err *err)
{
    const char *text = argv[optind - 1];
    int len = (int)strcspn(text, "=");
    if (result == ':')
        return err_set(err, ERR_INVALID, "option '%.*s' needs a value", len, text);
    if (text[len] == '=' && optopt != 0)
        return err_set(err, ERR_INVALID, "option '%.*s' takes no value", len, text);
    return err_set(err, ERR_INVALID, "unknown option '%.*s'", len, text);
}

enum err_code
options_parse(
    const struct option_row *rows, size_t count, int argc, char **argv, const char **ret_values,
    int *ret_rest, struct err *err)
{
    struct option table[OPTION_ROWS_MAX + 1] = {{0}};
    CHECK(count <= OPTION_ROWS_MAX);
    for (size_t i = 0; i < count; i++) {
        ret_values[i] = NULL;
        table[i] = (struct option){
            .name = rows[i].name,
            .has_arg = rows[i].value != NULL ? required_argument : no_argument,
            .val = 1,
        };
    }

    opterr = 0;
    optind = 0; /* glibc: starts anew */
    for (int index = 0, result; (result = getopt_long(argc, argv, ":", table, &index)) != -1;) {
        if (result != 1)
            return complain(result, argv, err);
        if (ret_values[index] != NULL)
            return err_set(err, ERR_INVALID, "option '--%s' is given twice", rows[index].name);
        ret_values[index] = optarg != NULL ? optarg : "";
    }
    *ret_rest = optind;
    return ERR_OK;
}

void
options_print(const struct option_row *rows, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        char left[64];
        (void)snprintf(
            left, sizeof left, "--%s%s%s", rows[i].name, rows[i].value != NULL ? " " : "",
            rows[i].value != NULL ? rows[i].value : "");
        (void)fprintf(out, "  %-28s %s\n", left, rows[i].help);
    }
}
