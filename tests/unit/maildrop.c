/* See maildrop.h. */
#include "maildrop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static time_t clock_ahead;

void
clock_advance(void)
{
    clock_ahead++;
}

void
clock_reset(void)
{
    clock_ahead = 0;
}

int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

int
__wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
    int result = __real_clock_gettime(clock, time);
    if (clock == CLOCK_REALTIME_COARSE)
        time->tv_sec += clock_ahead;
    return result;
}

struct path {
    char text[512];
};

static struct path
path_of(const struct maildrop *maildrop, const char *name)
{
    struct path path;
    int len = snprintf(path.text, sizeof path.text, "%s/%s", maildrop->path, name);
    assert_in_range(len, 1, sizeof path.text - 1);
    return path;
}

void
maildrop_make(struct maildrop *maildrop)
{
    const char *base = getenv("TMPDIR");
    (void)snprintf(
        maildrop->path, sizeof maildrop->path, "%s/restante-XXXXXX",
        base != NULL && strlen(base) < 40 ? base : "/tmp");
    assert_non_null(mkdtemp(maildrop->path));
    assert_int_equal(mkdir(path_of(maildrop, "new").text, 0700), 0);
    assert_int_equal(mkdir(path_of(maildrop, "cur").text, 0700), 0);
    assert_int_equal(mkdir(path_of(maildrop, "tmp").text, 0700), 0);
}

static int
remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

void
maildrop_remove(struct maildrop *maildrop)
{
    assert_int_equal(nftw(maildrop->path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void
maildrop_put(const struct maildrop *maildrop, const char *name, const char *text)
{
    int fd = open(path_of(maildrop, name).text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

void
maildrop_rename(const struct maildrop *maildrop, const char *from, const char *to)
{
    assert_int_equal(rename(path_of(maildrop, from).text, path_of(maildrop, to).text), 0);
}

void
maildrop_unlink(const struct maildrop *maildrop, const char *name)
{
    assert_int_equal(unlink(path_of(maildrop, name).text), 0);
}

void
maildrop_age(const struct maildrop *maildrop, const char *name)
{
    const struct timespec times[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};
    assert_int_equal(utimensat(AT_FDCWD, path_of(maildrop, name).text, times, 0), 0);
}

bool
maildrop_has(const struct maildrop *maildrop, const char *name)
{
    return access(path_of(maildrop, name).text, F_OK) == 0;
}

/* Calls `visit` for each entry of a folder, in the order of names. */
static void
each_entry(
    const struct maildrop *maildrop, const char *folder,
    void (*visit)(const char *path, const char *name, void *context), void *context)
{
    struct dirent **entries;
    struct path parent = path_of(maildrop, folder);
    int count = scandir(parent.text, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[sizeof parent.text + 256];
        (void)snprintf(path, sizeof path, "%s/%s", parent.text, entries[i]->d_name);
        if (strcmp(entries[i]->d_name, "..") != 0)
            visit(path, entries[i]->d_name, context);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static const char *const folders[] = {"", "new", "cur", "tmp"};

static void
print_entry(const char *path, const char *name, void *context)
{
    struct stat status;
    (void)name;
    assert_int_equal(lstat(path, &status), 0);
    (void)fprintf(
        context, "%o %s %lld %lld.%09ld %lld.%09ld\n", (unsigned)status.st_mode, path,
        (long long)status.st_size, (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
        (long long)status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
}

char *
maildrop_state(const struct maildrop *maildrop)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        each_entry(maildrop, folders[i], print_entry, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void
count_entry(const char *path, const char *name, void *context)
{
    (void)path;
    unsigned *count = context;
    if (name[0] != '.')
        ++*count;
}

unsigned
maildrop_count(const struct maildrop *maildrop, const char *folder)
{
    unsigned count = 0;
    each_entry(maildrop, folder, count_entry, &count);
    return count;
}

struct session
session_open(const struct store_ops *ops, const char *location)
{
    struct session session = {.ops = ops};
    struct err err;
    if (ops->open(&session.store, location, &err) != ERR_OK)
        fail_msg("cannot open: %s", err.text);
    if (snapshot_open(ops->snapshot(session.store), &session.snapshot, &err) != ERR_OK)
        fail_msg("bad snapshot: %s", err.text);
    return session;
}

void
session_close(struct session *session)
{
    session->ops->close(session->store);
    session->store = NULL;
}

uint32_t
session_count(const struct session *session)
{
    return session->snapshot.maildrop.count;
}

const char *
session_line(const struct session *session, uint32_t index)
{
    static char lines[4][POP_UID_MAX + 32];
    static unsigned next;
    char *line = lines[next++ % 4];
    assert_in_range(index, 0, session_count(session) - 1);
    struct pop_view uid = pop_maildrop_uid(&session->snapshot.maildrop, index);
    (void)snprintf(
        line, sizeof lines[0], "%.*s %llu", (int)uid.len, uid.data,
        (unsigned long long)session->snapshot.maildrop.messages[index].size);
    return line;
}

char *
session_listing(const struct session *session)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    for (uint32_t i = 0; i < session_count(session); i++)
        (void)fprintf(out, "%s\n", session_line(session, i));
    assert_int_equal(fclose(out), 0);
    return text;
}

uint32_t
session_find(const struct session *session, const char *uid)
{
    for (uint32_t i = 0; i < session_count(session); i++)
        if (pop_view_equal(pop_maildrop_uid(&session->snapshot.maildrop, i), pop_view_of(uid)))
            return i;
    fail_msg("no message with the unique-id '%s'", uid);
    return 0;
}

char *
session_read(const struct session *session, uint32_t index)
{
    int fd = -1;
    struct err err;
    if (session->ops->message_open(session->store, index, &fd, &err) != ERR_OK)
        fail_msg("message %u does not open: %s", index, err.text);
    char *text = calloc(1, 65536);
    assert_non_null(text);
    ssize_t len = read(fd, text, 65535);
    assert_true(len >= 0);
    assert_int_equal(close(fd), 0);
    return text;
}

enum err_code
session_refusal(const struct session *session, uint32_t index)
{
    int fd = -1;
    struct err err = {0};
    enum err_code code = session->ops->message_open(session->store, index, &fd, &err);
    assert_int_not_equal(code, ERR_OK);
    assert_int_equal(fd, -1);
    assert_int_equal(err.code, code);
    return code;
}

enum err_code
session_commit(const struct session *session, unsigned long marks, uint32_t *ret_left)
{
    unsigned char bits[sizeof marks + 1] = {0};
    struct err err;
    for (size_t i = 0; i < sizeof marks; i++)
        bits[i] = (unsigned char)(marks >> 8 * i);
    return session->ops->commit(session->store, bits, ret_left, &err);
}
