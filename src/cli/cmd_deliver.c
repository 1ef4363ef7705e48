/*
 * restante deliver: the message on standard input goes into a Maildir, for mail
 * servers that hand mail to a program (MDA). They keep the message unless the
 * exit code is 0, so that is given only when the message is safe on disk.
 */
#include "cli/cmd_deliver.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/options.h"
#include "fetch/line_ends.h"
#include "server/role_user.h"
#include "store/maildir_target.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>

/* One read, one write. */
#define PIECE_SIZE 65536

/* Two random names of one microsecond: not expected once. */
#define NAMES_MAX 4

enum {
    OPTION_TO,
    OPTION_HELP,
    OPTION_COUNT,
};

static const struct option_row rows[OPTION_COUNT] = {
    [OPTION_TO] = {"to", "MAILDIR", "where to deliver; made if it is missing"},
    [OPTION_HELP] = {"help", NULL, "print this"},
};

static int
usage(const char *text)
{
    (void)fprintf(stderr, "restante deliver: %s\nTry 'restante deliver --help'.\n", text);
    return EX_USAGE;
}

static int
print_help(void)
{
    (void)printf("usage: restante deliver --to MAILDIR\n"
                 "Delivers the message on standard input into a Maildir, durably.\n"
                 "CRLF line ends become LF, nothing else changes. Run by root, it delivers as\n"
                 "the owner of MAILDIR, or of the folder in which it makes it.\n\n");
    options_print(rows, OPTION_COUNT, stdout);
    (void)printf("\nExit status: 0 delivered, 64 usage, 73 cannot create, 74 I/O error,\n"
                 "75 try later (disk or quota full, out of memory).\n");
    return EX_OK;
}

/* Faults that pass by themselves or by making room: the mail server keeps the message. */
static bool
is_temporary(const struct err *err)
{
    if (err->code != ERR_SYSTEM)
        return err->code == ERR_NOMEM || err->code == ERR_BUSY;
    return err->number == ENOSPC || err->number == EDQUOT || err->number == ENOMEM ||
           err->number == EMFILE || err->number == ENFILE || err->number == EAGAIN;
}

/* Logs the failure; `lasting` is the exit code if it is not a temporary one. */
static int
failed(const struct err *err, int lasting)
{
    log_error("deliver: %s", err->text);
    return is_temporary(err) ? EX_TEMPFAIL : lasting;
}

static enum err_code
write_out(const struct maildir_file *file, struct pop_buffer *buffer, struct err *err)
{
    struct pop_view rest = pop_buffer_view(buffer);
    while (rest.len > 0) {
        ssize_t len = write(file->fd, rest.data, rest.len);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return err_set(err, ERR_SYSTEM, "cannot write 'tmp/%s'", file->name);
        pop_view_skip(&rest, (size_t)len);
    }
    buffer->len = 0;
    return ERR_OK;
}

static enum err_code
convert(
    struct line_ends *ends, struct pop_view in, const struct maildir_file *file,
    struct pop_buffer *out, struct err *err)
{
    while (in.len > 0) {
        line_ends_next(ends, &in, out);
        enum err_code code = write_out(file, out, err);
        if (code != ERR_OK)
            return code;
    }
    return ERR_OK;
}

static enum err_code
copy_message(const struct maildir_file *file, struct err *err)
{
    char piece[PIECE_SIZE];
    char converted[PIECE_SIZE];
    struct pop_buffer out = {.data = converted, .cap = sizeof converted};
    struct line_ends ends = {0};
    for (;;) {
        ssize_t len = read(STDIN_FILENO, piece, sizeof piece);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return err_set(err, ERR_SYSTEM, "cannot read the message from standard input");
        if (len == 0)
            break;
        struct pop_view in = {piece, (size_t)len};
        enum err_code code = convert(&ends, in, file, &out, err);
        if (code != ERR_OK)
            return code;
    }
    line_ends_finish(&ends, &out);
    return write_out(file, &out, err);
}

static enum err_code
create_file(struct maildir_target *target, struct maildir_file *ret_file, struct err *err)
{
    for (int i = 1;; i++) {
        char name[FILE_NAME_MAX_LEN + 1];
        enum err_code code = maildir_name_make(name, err);
        if (code == ERR_OK)
            code = maildir_file_create(target, name, false, ret_file, err);
        if (code != ERR_BUSY || i == NAMES_MAX)
            return code;
    }
}

static int
deliver(struct maildir_target *target)
{
    struct err err;
    struct maildir_file file = {.fd = -1};
    if (create_file(target, &file, &err) != ERR_OK)
        return failed(&err, EX_CANTCREAT);
    enum err_code code = copy_message(&file, &err);
    if (code == ERR_OK)
        code = maildir_file_sync(&file, &err);
    if (code == ERR_OK)
        code = maildir_file_place(target, &file, &err);
    if (code != ERR_OK) {
        maildir_file_abandon(target, &file);
        return failed(&err, EX_IOERR);
    }
    /* If this fails the message is there and may stay: delivered twice is better than lost. */
    if (maildir_target_sync(target, &err) != ERR_OK)
        return failed(&err, EX_IOERR);
    return EX_OK;
}

/* The destination; also as `restante fetch` writes it, or a folder "maildir:..." would appear.
 */
static const char *
maildir_path(const char *value)
{
    static const char kind[] = "maildir:";
    return strncmp(value, kind, strlen(kind)) == 0 ? value + strlen(kind) : value;
}

/* Who has the Maildir, or the folder that it will be made in. A link is its owner's doing,
 * wherever it leads; only root's own links are followed. */
static bool
find_owner(const char *path, struct stat *ret_status)
{
    char name[PATH_LEN_MAX];
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    if (len >= sizeof name - 1)
        return false;
    memcpy(name, path, len);
    name[len] = '\0';
    if (lstat(name, ret_status) == 0)
        return !S_ISLNK(ret_status->st_mode) || ret_status->st_uid != 0 ||
               stat(name, ret_status) == 0;
    while (len > 0 && name[len - 1] != '/')
        len--;
    memcpy(name + len, ".", sizeof ".");
    return stat(name, ret_status) == 0;
}

/*
 * Root has no business in a folder that somebody else can put links into, and
 * mail that root owns is of no use to its reader: delivers as the owner.
 */
static enum err_code
become_owner(const char *path, struct err *err)
{
    struct stat status;
    if (geteuid() != 0)
        return ERR_OK;
    if (!find_owner(path, &status))
        return err_set(err, ERR_SYSTEM, "cannot find out who owns '%s'", path);
    if (status.st_uid == 0)
        return ERR_OK;
    struct role_user owner = {true, status.st_uid, status.st_gid};
    if (!role_user_become(&owner))
        return err_set(err, ERR_SYSTEM, "cannot become the owner of '%s'", path);
    return ERR_OK;
}

int
cmd_deliver(int argc, char **argv)
{
    const char *values[OPTION_COUNT];
    int rest;
    struct err err;
    if (options_parse(rows, OPTION_COUNT, argc, argv, values, &rest, &err) != ERR_OK)
        return usage(err.text);
    if (values[OPTION_HELP] != NULL)
        return print_help();
    if (rest != argc)
        return usage("the message comes from standard input, there are no other arguments");
    const char *path = values[OPTION_TO] == NULL ? "" : maildir_path(values[OPTION_TO]);
    if (path[0] == '\0')
        return usage("no Maildir is given: --to MAILDIR");

    if (become_owner(path, &err) != ERR_OK)
        return failed(&err, EX_CANTCREAT);
    struct maildir_target target;
    if (maildir_target_open(&target, path, &err) != ERR_OK)
        return failed(&err, EX_CANTCREAT);
    int code = deliver(&target);
    maildir_target_close(&target);
    return code;
}
