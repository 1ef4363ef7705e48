/*
 * restante passwd: adds a user to the server's user file or changes a
 * password. All other octets of the file stay as they are. The file is written
 * beside and renamed, so a server that reads it meanwhile, or a power cut,
 * finds the old one or the new one.
 */
#include "cli/cmd_passwd.h"

#include "auth/password.h"
#include "auth/user_name.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "cli/options.h"
#include "server/role_user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <termios.h>

enum {
    OPTION_STDIN,
    OPTION_HELP,
    OPTION_COUNT,
};

static const struct option_row rows[OPTION_COUNT] = {
    [OPTION_STDIN] = {"stdin", NULL, "read the password from the first line of standard input"},
    [OPTION_HELP] = {"help", NULL, "this text"},
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
get_password(bool from_stdin, struct secret *secret)
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

/* ---- the file ---- */

struct edit {
    const char *path;
    struct pop_view user;
    const char *stored;
    bool changed; /* the user was there */
};

/* Copies one line; that of the user with the new password in it. */
static void
write_line(struct edit *edit, struct pop_view line, FILE *out)
{
    size_t name_len = edit->user.len;
    bool ours = !edit->changed && line.len > name_len && line.data[name_len] == ':' &&
                memcmp(line.data, edit->user.data, name_len) == 0;
    if (!ours) {
        (void)fwrite(line.data, 1, line.len, out); /* ferror() tells at the end */
        return;
    }
    edit->changed = true;
    pop_view_skip(&line, name_len + 1);
    const char *end = memchr(line.data, ':', line.len);
    size_t old_len = end != NULL ? (size_t)(end - line.data) : line.len;
    while (end == NULL && old_len > 0 &&
           (line.data[old_len - 1] == '\n' || line.data[old_len - 1] == '\r'))
        old_len--;
    pop_view_skip(&line, old_len);
    (void)fprintf(out, "%.*s:%s", (int)name_len, edit->user.data, edit->stored);
    (void)fwrite(line.data, 1, line.len, out);
}

static void
write_all(struct edit *edit, FILE *in, FILE *out)
{
    CLEANUP(free_p) char *line = NULL;
    size_t size = 0;
    bool ended = true;
    for (ssize_t len; in != NULL && (len = getline(&line, &size, in)) > 0;) {
        write_line(edit, (struct pop_view){line, (size_t)len}, out);
        ended = line[len - 1] == '\n';
    }
    if (!edit->changed)
        (void)fprintf(
            out, "%s%.*s:%s::::::\n", ended ? "" : "\n", (int)edit->user.len, edit->user.data,
            edit->stored);
}

/* As the old file was. */
static bool
keep_rights(int fd, int old_fd)
{
    struct stat old;
    return fstat(old_fd, &old) == 0 &&
           (fchown(fd, old.st_uid, old.st_gid) == 0 || errno == EPERM) &&
           fchmod(fd, old.st_mode & 07777) == 0;
}

/* The server's auth reads it as a user of its own: the group of the one that it has by default.
 * Where another is configured, restanted says at its start what is missing. */
static bool
give_to_auth(int fd)
{
    const struct conf_account by_default = {.text = (char[]){"restante-auth"}};
    struct role_user auth;
    return role_user_resolve("user-auth", &by_default, &auth, NULL) == ERR_OK &&
           (!auth.change || fchown(fd, 0, auth.gid) == 0);
}

static bool
finish_new(FILE *out, int old_fd)
{
    int fd = fileno(out);
    bool ok = fflush(out) == 0 && !ferror(out) &&
              (old_fd >= 0 ? keep_rights(fd, old_fd) : give_to_auth(fd));
    return ok && fsync(fd) == 0;
}

/* The folder that the name stands in, so that the rename can be made durable. */
static int
open_folder(const char *path)
{
    char folder[PATH_LEN_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    if (len >= sizeof folder - 1)
        return -1;
    memcpy(folder, path, len);
    memcpy(folder + len, ".", 2);
    return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Replaces the file. The folder is locked, so that two runs do not undo each other. */
static enum err_code
replace(struct edit *edit, struct err *err)
{
    char fresh[PATH_LEN_MAX + 8];
    (void)snprintf(fresh, sizeof fresh, "%s.new", edit->path);
    CLEANUP(fd_closep) int folder = open_folder(edit->path);
    if (folder < 0 || flock(folder, LOCK_EX) < 0)
        return err_set(err, ERR_SYSTEM, "cannot use the folder of '%s'", edit->path);

    FILE *in = fopen(edit->path, "re");
    if (in == NULL && errno != ENOENT)
        return err_set(err, ERR_SYSTEM, "cannot read '%s'", edit->path);
    (void)unlink(fresh); /* of a run that was killed: we have the lock */
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool ok = out != NULL;
    if (ok) {
        write_all(edit, in, out);
        ok = (in == NULL || !ferror(in)) && finish_new(out, in != NULL ? fileno(in) : -1);
    }
    ok = ok && rename(fresh, edit->path) == 0 && fsync(folder) == 0;
    enum err_code code =
        ok ? ERR_OK : err_set(err, ERR_SYSTEM, "cannot write '%s'", edit->path);
    if (!ok && fd >= 0)
        (void)unlink(fresh); /* the old file is as it was */
    if (in != NULL)
        (void)fclose(in); /* read only */
    if (out != NULL)
        (void)fclose(out); /* flushed and synced above */
    return code;
}

/* ---- the command ---- */

static void
usage(FILE *out)
{
    (void)fputs(
        "usage: restante passwd [--stdin] FILE USER\n\n"
        "Adds USER to the server's user file, or changes the password of USER.\n\n",
        out);
    options_print(rows, OPTION_COUNT, out);
}

static int
change(const char *path, const char *user, bool from_stdin)
{
    struct err err;
    char stored[HASH_TEXT_MAX + 1];
    struct secret secret = {0};
    const char *problem = user_name_problem(pop_view_of(user));
    if (problem != NULL || strlen(path) >= PATH_LEN_MAX) {
        log_error("%s", problem != NULL ? problem : "the path is too long");
        return EX_USAGE;
    }
    int status = get_password(from_stdin, &secret);
    enum err_code code = status == EX_OK ? password_make(&secret, stored, &err) : ERR_OK;
    secret_finish(&secret);
    if (status != EX_OK)
        return status;

    struct edit edit = {.path = path, .user = pop_view_of(user), .stored = stored};
    if (code == ERR_OK)
        code = replace(&edit, &err);
    if (code != ERR_OK) {
        log_error("%s", err.text);
        return EX_CANTCREAT;
    }
    (void)printf("%s: %s %s\n", path, edit.changed ? "changed the password of" : "added", user);
    return EX_OK;
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
    return change(argv[rest], argv[rest + 1], values[OPTION_STDIN] != NULL);
}
