/* The user file is read twice: where the lines of the user are, then line by line into the new
 * one. Nothing here looks at what is stored, so a line that the server cannot use stays, too.
 */
#include "cli/passwd_edit.h"

#include "auth/passwd_line.h"
#include "base/cleanup.h"
#include "server/role_user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

/* ---- where the lines are ---- */

enum { NOWHERE = -1 };

/* Of lines, counted from 0. */
struct places {
    int64_t first;    /* the first that the edit is about */
    int64_t last;     /* the user's last of any kind */
    uint32_t matches; /* lines that the edit is about */
    uint32_t labels;  /* the user's application passwords */
    bool own;
    bool crlf;  /* how lines end at the place of a new one */
    bool ended; /* the file does not stop within a line */
};

static struct pop_view
without_end(struct pop_view line)
{
    if (line.len > 0 && line.data[line.len - 1] == '\n')
        line.len--;
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    return line;
}

/* A line of the edit's user; *ret_line says which. */
static bool
is_of_user(const struct passwd_edit *edit, struct pop_view line, struct passwd_line *ret_line)
{
    line = without_end(line);
    if (!passwd_line_is_entry(line))
        return false;
    (void)passwd_line_parse(line, ret_line); /* also one that cannot be used is the user's */
    return pop_view_equal(ret_line->name, edit->user);
}

/* The lines that the edit is about: for a removal without a label, all of the user. */
static bool
is_meant(const struct passwd_edit *edit, const struct passwd_line *line)
{
    if (edit->label.len > 0)
        return pop_view_equal(line->label, edit->label);
    return edit->stored == NULL || !line->labelled;
}

static void
place_line(
    const struct passwd_edit *edit, struct pop_view line, int64_t number, struct places *places)
{
    struct passwd_line parsed;
    bool ours = is_of_user(edit, line, &parsed);
    places->ended = line.data[line.len - 1] == '\n';
    if (ours || places->last == NOWHERE)
        places->crlf = line.len > 1 && memcmp(line.data + line.len - 2, "\r\n", 2) == 0;
    if (!ours)
        return;
    places->last = number;
    places->own |= !parsed.labelled;
    places->labels += parsed.label.len > 0;
    if (!is_meant(edit, &parsed))
        return;
    if (places->matches++ == 0)
        places->first = number;
}

/* ferror(in) tells of a failure. */
static struct places
find_places(const struct passwd_edit *edit, FILE *in)
{
    struct places places = {.first = NOWHERE, .last = NOWHERE, .ended = true};
    CLEANUP(free_p) char *line = NULL;
    size_t size = 0;
    ssize_t len;
    for (int64_t number = 0; in != NULL && (len = getline(&line, &size, in)) > 0; number++)
        place_line(edit, (struct pop_view){line, (size_t)len}, number, &places);
    return places;
}

/* ---- the new file ---- */

/* The line with the new password in it. */
static void
write_changed(const struct passwd_edit *edit, struct pop_view line, FILE *out)
{
    pop_view_skip(&line, edit->user.len);
    struct pop_view bare = without_end(line);
    if (bare.len > 0) { /* else the name is all there is */
        pop_view_skip(&line, 1);
        pop_view_skip(&bare, 1);
    }
    const char *colon = bare.len > 0 ? memchr(bare.data, ':', bare.len) : NULL;
    pop_view_skip(&line, colon != NULL ? (size_t)(colon - bare.data) : bare.len);
    (void)fprintf(out, "%.*s:%s", (int)edit->user.len, edit->user.data, edit->stored);
    (void)fwrite(line.data, 1, line.len, out); /* ferror() tells at the end */
}

static void
write_added(const struct passwd_edit *edit, const struct places *places, FILE *out)
{
    (void)fprintf(
        out, "%.*s:%s::::::%s%.*s%s", (int)edit->user.len, edit->user.data, edit->stored,
        edit->label.len > 0 ? "label=" : "", (int)edit->label.len, edit->label.data,
        places->crlf ? "\r\n" : "\n");
}

static void
write_line(
    const struct passwd_edit *edit, const struct places *places, struct pop_view line,
    int64_t number, FILE *out)
{
    struct passwd_line parsed;
    bool removes = edit->stored == NULL;
    if (removes && is_of_user(edit, line, &parsed) && is_meant(edit, &parsed))
        return;
    if (!removes && number == places->first)
        write_changed(edit, line, out);
    else
        (void)fwrite(line.data, 1, line.len, out);
}

static void
write_all(const struct passwd_edit *edit, const struct places *places, FILE *in, FILE *out)
{
    CLEANUP(free_p) char *line = NULL;
    size_t size = 0;
    ssize_t len;
    bool adds = edit->stored != NULL && places->first == NOWHERE;
    for (int64_t number = 0; in != NULL && (len = getline(&line, &size, in)) > 0; number++) {
        write_line(edit, places, (struct pop_view){line, (size_t)len}, number, out);
        if (adds && number == places->last) {
            if (line[len - 1] != '\n')
                (void)fputs(places->crlf ? "\r\n" : "\n", out);
            write_added(edit, places, out);
        }
    }
    if (!adds || places->last != NOWHERE)
        return;
    if (!places->ended)
        (void)fputs(places->crlf ? "\r\n" : "\n", out);
    write_added(edit, places, out);
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

/* ---- one in the place of the other ---- */

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

static enum err_code
replace(
    const struct passwd_edit *edit, const struct places *places, FILE *in, int folder,
    struct err *err)
{
    char fresh[PATH_LEN_MAX + 8];
    (void)snprintf(fresh, sizeof fresh, "%s.new", edit->path);
    (void)unlink(fresh); /* of a run that was killed: we have the lock */
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool ok = out != NULL;
    if (ok) {
        write_all(edit, places, in, out);
        ok = (in == NULL || !ferror(in)) && finish_new(out, in != NULL ? fileno(in) : -1);
    }
    ok = ok && rename(fresh, edit->path) == 0 && fsync(folder) == 0;
    enum err_code code =
        ok ? ERR_OK : err_set(err, ERR_SYSTEM, "cannot write '%s'", edit->path);
    if (!ok && fd >= 0)
        (void)unlink(fresh); /* the old file is as it was */
    if (out != NULL)
        (void)fclose(out); /* flushed and synced above */
    return code;
}

/* Why the edit cannot be made. */
static enum err_code
refuse(const struct passwd_edit *edit, const struct places *places, struct err *err)
{
    int name_len = (int)edit->user.len;
    const char *name = edit->user.data;
    if (edit->stored == NULL && places->matches == 0 && edit->label.len > 0)
        return err_set(
            err, ERR_NOT_FOUND, "%s: no application password '%.*s' of user '%.*s'", edit->path,
            (int)edit->label.len, edit->label.data, name_len, name);
    if (edit->stored == NULL && places->matches == 0)
        return err_set(err, ERR_NOT_FOUND, "%s: no user '%.*s'", edit->path, name_len, name);
    if (edit->label.len > 0 && places->matches == 0 && places->labels >= CREDENTIALS_MAX)
        return err_set(
            err, ERR_LIMIT, "%s: user '%.*s' has %u application passwords already", edit->path,
            name_len, name, places->labels);
    return ERR_OK;
}

enum err_code
passwd_edit_run(
    const struct passwd_edit *edit, struct passwd_edited *ret_edited, struct err *err)
{
    CLEANUP(fd_closep) int folder = open_folder(edit->path);
    if (folder < 0 || flock(folder, LOCK_EX) < 0)
        return err_set(err, ERR_SYSTEM, "cannot use the folder of '%s'", edit->path);
    FILE *in = fopen(edit->path, "re");
    if (in == NULL && (errno != ENOENT || edit->stored == NULL))
        return err_set(err, ERR_SYSTEM, "cannot read '%s'", edit->path);

    struct places places = find_places(edit, in);
    enum err_code code = in != NULL && ferror(in)
                             ? err_set(err, ERR_SYSTEM, "cannot read '%s'", edit->path)
                             : refuse(edit, &places, err);
    if (in != NULL)
        rewind(in);
    if (code == ERR_OK)
        code = replace(edit, &places, in, folder, err);
    if (in != NULL)
        (void)fclose(in); /* read only */
    if (code == ERR_OK)
        *ret_edited = (struct passwd_edited){
            .changed = edit->stored != NULL && places.matches > 0,
            .had_own = places.own,
            .removed = edit->stored == NULL ? places.matches : 0,
        };
    return code;
}
