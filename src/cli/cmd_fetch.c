/* restante fetch: the command line, checked whole before anything is done. */
#include "cli/cmd_fetch.h"

#include "base/number.h"
#include "cli/options.h"
#include "fetch/fetch.h"
#include "fetch/fetch_limits.h"

#include <stdlib.h>
#include <sysexits.h>

enum {
    OPTION_TO,
    OPTION_STATE,
    OPTION_KEEP,
    OPTION_DELETE,
    OPTION_PASSWORD_COMMAND,
    OPTION_TOKEN_COMMAND,
    OPTION_AUTH,
    OPTION_TLS,
    OPTION_CA,
    OPTION_PIN,
    OPTION_TIMEOUT,
    OPTION_PROGRESS,
    OPTION_JSON,
    OPTION_HELP,
    OPTION_COUNT,
};

static const struct option_row rows[OPTION_COUNT] = {
    [OPTION_TO] = {"to", "maildir:PATH", "where to deliver; made if it is missing"},
    [OPTION_STATE] =
        {"state", "FILE", "the journal, if not ~/.local/state/restante/journal.db"},
    [OPTION_KEEP] = {"keep", NULL, "leave messages on the server (this is the default)"},
    [OPTION_DELETE] = {"delete", NULL, "delete there what is safely here"},
    [OPTION_PASSWORD_COMMAND] =
        {"password-command", "CMD", "its first line of output is the password"},
    [OPTION_TOKEN_COMMAND] =
        {"token-command", "CMD", "its first line of output is an OAuth 2 access token"},
    [OPTION_AUTH] =
        {"auth", "MECHANISM|password|auto", "how to log in; auto is the best that both have"},
    [OPTION_TLS] =
        {"tls", "required|implicit|off", "STLS; TLS before the greeting; plain text"},
    [OPTION_CA] = {"ca", "FILE", "certificates to trust instead of the system's"},
    [OPTION_PIN] =
        {"pin", "FINGERPRINT", "SHA-256 of the server's key: believe that one and no other"},
    [OPTION_TIMEOUT] = {"timeout", "SECONDS", "give up when nothing comes for so long (60)"},
    [OPTION_PROGRESS] = {"progress", "auto|never", "a bar if standard error is a terminal"},
    [OPTION_JSON] = {"json", NULL, "print the summary as one JSON object"},
    [OPTION_HELP] = {"help", NULL, "print this"},
};

/* Refuses the command line. */
static int
usage(const char *text)
{
    (void)fprintf(stderr, "restante fetch: %s\nTry 'restante fetch --help'.\n", text);
    return EX_USAGE;
}

static int
print_help(void)
{
    (void)printf(
        "usage: restante fetch URL --to maildir:PATH [OPTION...]\n"
        "Fetches new mail from a POP3 server; every message exactly once.\n\n"
        "  URL: pops://USER@HOST[:PORT]  TLS from the start (port 995)\n"
        "       pop://USER@HOST[:PORT]   TLS by STLS (port 110); to this machine plain\n\n");
    options_print(rows, OPTION_COUNT, stdout);
    (void)printf(
        "\nThe password comes from RESTANTE_PASSWORD, --password-command, or a prompt.\n"
        "Mechanisms are those of SASL (SCRAM-SHA-256, PLAIN, ...); password is USER and PASS.\n"
        "Exit status: 0 done, 64 usage, 69 unreachable, 73 cannot write, 74 I/O error,\n"
        "75 try later, 76 protocol error, 77 login refused, 78 configuration,\n"
        "or a server whose certificate is not accepted.\n");
    return EX_OK;
}

/* The account argument: this version has URLs only. EX_OK, or the exit code. */
static int
read_url(struct fetch_settings *settings, int argc, char **argv)
{
    struct err err;
    struct pop_url url;
    if (argc != 1)
        return usage(
            argc == 0 ? "no URL is given: pop://USER@HOST" : "only one URL can be given");
    if (url_parse(argv[0], &url, &err) != ERR_OK)
        return usage(err.text);
    if (account_set_url(&settings->account, &url, &err) == ERR_OK)
        return EX_OK;
    (void)fprintf(stderr, "restante fetch: %s\n", err.text);
    return EX_CONFIG;
}

static int
read_destination(struct fetch_settings *settings, const char *value)
{
    static const char kind[] = "maildir:";
    struct account *account = &settings->account;
    if (value == NULL)
        return usage("no destination is given: --to maildir:PATH");
    if (strncmp(value, kind, strlen(kind)) != 0) {
        char text[ERR_TEXT_MAX];
        (void)snprintf(
            text, sizeof text,
            "'%s' is no destination that this version has; it delivers to maildir:PATH", value);
        return usage(text);
    }
    int len = snprintf(account->maildir, sizeof account->maildir, "%s", value + strlen(kind));
    if (len == 0)
        return usage("the destination has no path: --to maildir:PATH");
    return len < (int)sizeof account->maildir ? EX_OK
                                              : usage("the path to deliver to is too long");
}

static int
read_keep(struct fetch_settings *settings, const char *keep, const char *delete_known)
{
    if (keep != NULL && delete_known != NULL)
        return usage("--keep and --delete contradict each other");
    settings->account.delete_known = delete_known != NULL;
    return EX_OK;
}

static int
read_login(
    struct fetch_settings *settings, const char *auth, const char *password_command,
    const char *token_command)
{
    struct err err;
    if (password_command != NULL && token_command != NULL)
        return usage("--password-command and --token-command contradict each other");
    if (account_set_auth(&settings->account, auth, token_command != NULL, &err) != ERR_OK)
        return usage(err.text);
    settings->password_command = password_command;
    settings->token_command = token_command;
    return EX_OK;
}

static int
read_timeout(struct fetch_settings *settings, const char *value)
{
    uint32_t seconds = TIMEOUT_DEFAULT;
    if (value != NULL &&
        (!parse_u32(pop_view_of(value), &seconds) || seconds == 0 || seconds > TIMEOUT_MAX))
        return usage("--timeout is a number of seconds from 1 to 86400");
    settings->account.timeout_ms = seconds * 1000;
    return EX_OK;
}

static int
read_progress(struct fetch_settings *settings, const char *value)
{
    if (value != NULL && strcmp(value, "auto") != 0 && strcmp(value, "never") != 0)
        return usage("--progress is one of auto, never");
    settings->show_progress = value == NULL || strcmp(value, "auto") == 0;
    return EX_OK;
}

int
cmd_fetch(int argc, char **argv)
{
    const char *values[OPTION_COUNT];
    int rest;
    struct err err;
    if (options_parse(rows, OPTION_COUNT, argc, argv, values, &rest, &err) != ERR_OK)
        return usage(err.text);
    if (values[OPTION_HELP] != NULL)
        return print_help();

    struct fetch_settings settings = {
        .state = values[OPTION_STATE],
        .json = values[OPTION_JSON] != NULL,
    };
    int code = read_url(&settings, argc - rest, argv + rest);
    if (code == EX_OK)
        code = read_destination(&settings, values[OPTION_TO]);
    if (code == EX_OK)
        code = read_keep(&settings, values[OPTION_KEEP], values[OPTION_DELETE]);
    if (code == EX_OK)
        code = read_login(
            &settings, values[OPTION_AUTH], values[OPTION_PASSWORD_COMMAND],
            values[OPTION_TOKEN_COMMAND]);
    if (code == EX_OK && account_set_tls(
                             &settings.account, values[OPTION_TLS], values[OPTION_CA],
                             values[OPTION_PIN], &err) != ERR_OK)
        code = usage(err.text);
    if (code == EX_OK)
        code = read_timeout(&settings, values[OPTION_TIMEOUT]);
    if (code == EX_OK)
        code = read_progress(&settings, values[OPTION_PROGRESS]);
    return code == EX_OK ? fetch_run(&settings) : code;
}
