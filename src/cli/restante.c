/* restante: the commands of a user. Dispatches, nothing else. */
#include "base/log.h"
#include "cli/cmd_deliver.h"
#include "cli/cmd_fetch.h"
#include "cli/cmd_passwd.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the command */
    const char *help;
} commands[] = {
    {"fetch", cmd_fetch, "fetch new mail from a POP3 server into a Maildir"},
    {"passwd", cmd_passwd, "add or change a user of the server's user file"},
    {"deliver", cmd_deliver, "put the message on standard input into a Maildir"},
};

static void
print_usage(FILE *out)
{
    (void)fprintf(out, "usage: restante COMMAND [ARGUMENT...]\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        (void)fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
    (void)fprintf(out, "\n'restante COMMAND --help' says more.\n");
}

static bool
is_one_of(const char *word, const char *first, const char *second)
{
    return strcmp(word, first) == 0 || strcmp(word, second) == 0;
}

int
main(int argc, char **argv)
{
    log_open("restante");
    if (argc < 2) {
        print_usage(stderr);
        return EX_USAGE;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (is_one_of(argv[1], "help", "--help")) {
        print_usage(stdout);
        return EX_OK;
    }
    if (is_one_of(argv[1], "--version", "version")) {
        (void)printf("restante %s\n", RESTANTE_VERSION);
        return EX_OK;
    }
    (void)fprintf(stderr, "restante: there is no command '%s'\n\n", argv[1]);
    print_usage(stderr);
    return EX_USAGE;
}
