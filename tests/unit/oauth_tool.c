/*
 * The source of OAuth 2 alone, for tests that have a real identity server:
 * oauth_tool [OPTION=VALUE...] [name=NAME]
 * Each line of input is a token, brought by a client that gives this name (or
 * none). Each gets a line: "ok NAME", "denied: TEXT", "invalid: TEXT" or
 * "temporary: TEXT". Settings that are refused are one line, and status 78.
 */
#include "auth/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

static struct source_settings settings;
static const char *name = "";

static void
take_argument(char *argument)
{
    char *value = strchr(argument, '=');
    if (value == NULL)
        exit(EX_USAGE);
    *value++ = '\0';
    if (strcmp(argument, "name") == 0) {
        name = value;
        return;
    }
    for (unsigned i = 0; i < SOURCE_OPTION_COUNT; i++)
        if (strcmp(argument, source_option_name((enum source_option)i)) == 0) {
            settings.values[i] = value;
            return;
        }
    exit(EX_USAGE);
}

static void
say(enum err_code code, const struct auth_user *user, const struct err *err)
{
    const char *word = code == ERR_OK        ? "ok"
                       : code == ERR_DENIED  ? "denied:"
                       : code == ERR_INVALID ? "invalid:"
                                             : "temporary:";
    printf("%s %s\n", word, code == ERR_OK ? user->name : err->text);
    (void)fflush(stdout);
}

int
main(int argc, char **argv)
{
    static struct auth_user user;
    struct source *source = NULL;
    struct err err;
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    for (int i = 1; i < argc; i++)
        take_argument(argv[i]);
    if (source_oauth2.open(&source, &settings, &err) != ERR_OK) {
        printf("%s\n", err.text);
        return EX_CONFIG;
    }
    while ((len = getline(&line, &cap, stdin)) > 0) {
        struct pop_view token = {line, (size_t)len - (line[len - 1] == '\n')};
        auth_user_begin(&user, pop_view_of(name));
        say(source_oauth2.check_token(source, token, &user, &err), &user, &err);
    }
    free(line);
    source_oauth2.close(source);
    return EX_OK;
}
