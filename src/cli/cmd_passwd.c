/*
 * restante passwd: adds a user to the server's user file, changes a password or
 * takes it away; also those for single programs. No stored password and no
 * typed one is ever shown; one that is made here is shown once.
 */
#include "cli/cmd_passwd.h"

#include "auth/passwd_line.h"
#include "auth/password.h"
#include "auth/user_name.h"
#include "base/log.h"
#include "cli/options.h"
#include "cli/passwd_edit.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>
#include <termios.h>

enum {
    OPTION_STDIN,
    OPTION_GENERATE,
    OPTION_LABEL,
    OPTION_SCRAM,
    OPTION_DELETE,
    OPTION_HELP,
    OPTION_COUNT,
};

static const struct option_row rows[OPTION_COUNT] = {
    [OPTION_STDIN] = {"stdin", NULL, "read the password from the first line of standard input"},
    [OPTION_GENERATE] = {"generate", NULL, "make a password and print it on standard output"},
    [OPTION_LABEL] =
        {"label", "NAME", "an application password: one more, for the program NAME"},
    [OPTION_SCRAM] =
        {"scram", NULL, "store it for SCRAM-SHA-256, which keeps it from the server at logins"},
    [OPTION_DELETE] =
        {"delete", NULL, "remove USER, or with --label only that application password"},
    [OPTION_HELP] = {"help", NULL, "this text"},
};

/* What makes no sense together, and why. */
static const struct {
    int one;
    int other;
    const char *why;
} conflicts[] = {
    {OPTION_STDIN, OPTION_GENERATE, "the password is read or made"},
    {OPTION_DELETE, OPTION_STDIN, "a removal needs no password"},
    {OPTION_DELETE, OPTION_GENERATE, "a removal needs no password"},
    {OPTION_DELETE, OPTION_SCRAM, "a removal stores nothing"},
    {OPTION_LABEL, OPTION_SCRAM, "SCRAM logins use the user's own password only"},
};

/* ---- the password ---- */

static bool
read_line(FILE *in, struct secret *secret)
{
    char line[PASSWORD_MAX + 3];
    bool got = fgets(line, sizeof line, in) != NULL;
    struct pop_view value = {line, got ? strcspn(line, "\r\n") : 0};
    bool whole = got && (line[value.len] != '\0' || feof(in));
    bool ok = whole && secret_set(secret, value);
    explicit_bzero(line, sizeof line);
    return ok;
}

/* Asks on the terminal, with echo off. */
static bool
ask(FILE *terminal, const char *prompt, struct secret *secret)
{
    struct termios before;
    if (tcgetattr(fileno(terminal), &before) < 0)
        return false;
    struct termios quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    /* Before the prompt: what is typed after it must not be flushed. */
    (void)tcsetattr(fileno(terminal), TCSAFLUSH, &quiet); /* seen by whoever types */
    (void)fputs(prompt, terminal);
    (void)fflush(terminal);
    bool ok = read_line(terminal, secret);
    (void)tcsetattr(fileno(terminal), TCSAFLUSH, &before);
    (void)fputc('\n', terminal);
    return ok;
}

static int
ask_twice(struct secret *secret)
{
    struct secret again = {0};
    FILE *terminal = fopen("/dev/tty", "r+e");
    if (terminal == NULL) {
        log_error("there is no terminal to ask for the password; use --stdin");
        return EX_USAGE;
    }
    bool ok = ask(terminal, "New password: ", secret) && ask(terminal, "Once more: ", &again);
    (void)fclose(terminal); /* nothing to lose */
    bool same = secret_equal(
        (struct pop_view){secret->data, secret->len}, (struct pop_view){again.data, again.len});
    secret_finish(&again);
    if (ok && same)
        return EX_OK;
    log_error(ok ? "the two are not the same; nothing was changed" : "no password was read");
    return EX_DATAERR;
}

static int
read_password(bool from_stdin, struct secret *secret)
{
    if (!from_stdin) {
        int status = ask_twice(secret);
        if (status != EX_OK)
            return status;
    } else if (!read_line(stdin, secret)) {
        log_error("no password of at most %u octets on standard input", PASSWORD_MAX);
        return EX_DATAERR;
    }
    if (secret->len == 0) {
        log_error("an empty password is refused");
        return EX_DATAERR;
    }
    return EX_OK;
}

/* Four groups of four letters, 72 bits. No "i", "l" and "o", which look like "1" and "0". */
static int
generate(struct secret *secret)
{
    static const char letters[] = "abcdefghjkmnpqrstuvwxyz";
    enum { LETTERS = sizeof letters - 1, WHOLE = 256 / LETTERS * LETTERS, TEXT_LEN = 19 };
    char text[TEXT_LEN];
    for (size_t i = 0; i < TEXT_LEN;) {
        unsigned char octet;
        if (i % 5 == 4) {
            text[i++] = '-';
            continue;
        }
        if (getrandom(&octet, 1, 0) != 1) {
            log_error("cannot get random octets");
            return EX_OSERR;
        }
        if (octet < WHOLE) /* the rest would make the first letters more frequent */
            text[i++] = letters[octet % LETTERS];
    }
    (void)secret_set(secret, (struct pop_view){text, TEXT_LEN}); /* fits */
    explicit_bzero(text, sizeof text);
    return EX_OK;
}

/* ---- the command ---- */

static void
usage(FILE *out)
{
    (void)fputs(
        "usage: restante passwd [--stdin | --generate] [--label NAME | --scram] FILE USER\n"
        "       restante passwd --delete [--label NAME] FILE USER\n\n"
        "Adds USER to the server's user file, or changes or removes a password of USER.\n\n",
        out);
    options_print(rows, OPTION_COUNT, out);
}

/* Says what was done: with --generate elsewhere than the password. */
static void
tell(const struct passwd_edit *edit, const struct passwd_edited *edited, FILE *out)
{
    int user_len = (int)edit->user.len;
    int label_len = (int)edit->label.len;
    const char *user = edit->user.data;
    const char *verb = edited->removed > 0 ? "removed" : edited->changed ? "changed" : "added";
    (void)fprintf(out, "%s: ", edit->path);
    if (label_len > 0)
        (void)fprintf(
            out, "%s the application password %.*s of %.*s%s\n", verb, label_len,
            edit->label.data, user_len, user,
            edited->had_own ? "" : ", who has no own password");
    else if (edited->changed)
        (void)fprintf(out, "changed the password of %.*s\n", user_len, user);
    else if (edited->removed > 1)
        (void)fprintf(out, "removed %.*s (%u lines)\n", user_len, user, edited->removed);
    else
        (void)fprintf(out, "%s %.*s\n", verb, user_len, user);
}

static int
run_edit(const struct passwd_edit *edit, FILE *out)
{
    struct err err;
    struct passwd_edited edited;
    switch (passwd_edit_run(edit, &edited, &err)) {
    case ERR_OK:
        tell(edit, &edited, out);
        return EX_OK;
    case ERR_NOT_FOUND:
        log_error("%s", err.text);
        return EX_NOUSER;
    case ERR_LIMIT:
        log_error("%s", err.text);
        return EX_DATAERR;
    default:
        log_error("%s", err.text);
        return EX_CANTCREAT;
    }
}

/* After the file has it: what is shown works. */
static int
show(const struct secret *secret)
{
    bool ok = fwrite(secret->data, 1, secret->len, stdout) == secret->len &&
              fputc('\n', stdout) != EOF && fflush(stdout) == 0;
    if (!ok)
        log_error("the password is stored and could not be printed; make another one");
    return ok ? EX_OK : EX_IOERR;
}

static int
set(struct passwd_edit *edit, const char *const *values)
{
    struct err err;
    char stored[HASH_TEXT_MAX + 1];
    struct secret secret = {0};
    bool made = values[OPTION_GENERATE] != NULL;
    int status =
        made ? generate(&secret) : read_password(values[OPTION_STDIN] != NULL, &secret);
    enum err_code code = ERR_OK;
    if (status == EX_OK)
        code = (values[OPTION_SCRAM] != NULL ? password_make_scram : password_make)(
            &secret, stored, &err);
    if (code != ERR_OK) {
        log_error("%s", err.text);
        status = code == ERR_INVALID ? EX_DATAERR : EX_OSERR;
    }
    edit->stored = stored;
    if (status == EX_OK)
        status = run_edit(edit, made ? stderr : stdout);
    if (status == EX_OK && made)
        status = show(&secret);
    secret_finish(&secret);
    return status;
}

/* What is wrong with the arguments; NULL: nothing. */
static const char *
problem_of(const struct passwd_edit *edit, const char *const *values)
{
    const char *problem = user_name_problem(edit->user);
    if (problem == NULL && values[OPTION_LABEL] != NULL)
        problem = passwd_label_problem(edit->label);
    if (problem == NULL && strlen(edit->path) >= PATH_LEN_MAX)
        problem = "the path is too long";
    return problem;
}

static bool
is_contradictory(const char *const *values)
{
    for (size_t i = 0; i < sizeof conflicts / sizeof *conflicts; i++) {
        if (values[conflicts[i].one] == NULL || values[conflicts[i].other] == NULL)
            continue;
        log_error(
            "--%s and --%s do not go together: %s", rows[conflicts[i].one].name,
            rows[conflicts[i].other].name, conflicts[i].why);
        return true;
    }
    return false;
}

int
cmd_passwd(int argc, char **argv)
{
    const char *values[OPTION_COUNT];
    int rest;
    struct err err;
    if (options_parse(rows, OPTION_COUNT, argc, argv, values, &rest, &err) != ERR_OK) {
        log_error("%s", err.text);
        usage(stderr);
        return EX_USAGE;
    }
    if (values[OPTION_HELP] != NULL) {
        usage(stdout);
        return EX_OK;
    }
    if (argc - rest != 2) {
        usage(stderr);
        return EX_USAGE;
    }
    if (is_contradictory(values))
        return EX_USAGE;
    struct passwd_edit edit = {.path = argv[rest], .user = pop_view_of(argv[rest + 1])};
    edit.label = pop_view_of(values[OPTION_LABEL] != NULL ? values[OPTION_LABEL] : "");
    const char *problem = problem_of(&edit, values);
    if (problem != NULL) {
        log_error("%s", problem);
        return EX_USAGE;
    }
    return values[OPTION_DELETE] != NULL ? run_edit(&edit, stdout) : set(&edit, values);
}
