/* Maildrops as they must be, beside those that are; and the programs that change both. */
#include "sim.h"

#include "store/uid.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct path {
    char text[512];
};

static struct path
path_of(const struct drop *drop, const char *name)
{
    struct path path;
    (void)snprintf(path.text, sizeof path.text, "%s/%s", drop->path, name);
    return path;
}

static bool
is_maildir(const struct sim *sim)
{
    return sim->ops == &store_maildir;
}

/* ---- the clock ---- */

static const char *const folders[2] = {"new", "cur"};

/* The run whose clock the store reads, and the maildrop that it is listing. */
static struct sim *clock_of;
static struct drop *watched;

int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __real_fstat64(int fd, struct stat *status);
int __wrap_fstat64(int fd, struct stat *status);
ssize_t __real_getdents64(int fd, void *buffer, size_t size);
ssize_t __wrap_getdents64(int fd, void *buffer, size_t size);

static struct timespec
timespec_of(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

int
__wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
    if (clock != CLOCK_REALTIME_COARSE || clock_of == NULL)
        return __real_clock_gettime(clock, time);
    *time = timespec_of(clock_of->now_ns);
    return 0;
}

/* A folder's change time cannot be set; in the simulation it is the modification time. */
int
__wrap_fstat64(int fd, struct stat *status)
{
    int result = __real_fstat64(fd, status);
    if (result == 0 && S_ISDIR(status->st_mode))
        status->st_ctim = status->st_mtim;
    return result;
}

/* Before and after each piece of a listing somebody may act; now and then time passes too. */
ssize_t
__wrap_getdents64(int fd, void *buffer, size_t size)
{
    struct drop *drop = watched;
    if (drop != NULL && sim_once_in(clock_of, 4))
        drop_disturb(clock_of, drop);
    ssize_t len = __real_getdents64(fd, buffer, size);
    if (drop != NULL && sim_once_in(clock_of, 8))
        drop_disturb(clock_of, drop);
    if (drop != NULL && sim_once_in(clock_of, 8))
        clock_of->now_ns += 4000000ll * sim_below(clock_of, 8);
    return len;
}

void
drop_watch(struct sim *sim, struct drop *drop)
{
    clock_of = sim;
    watched = is_maildir(sim) ? drop : NULL; /* memory lists once, with its lock held */
}

static void
set_time(struct sim *sim, const char *path)
{
    const struct timespec times[2] = {timespec_of(sim->now_ns), timespec_of(sim->now_ns)};
    SIM_CHECK(sim, utimensat(AT_FDCWD, path, times, 0) == 0, "utimensat %s: %m", path);
}

void
drop_stamp(struct sim *sim, struct drop *drop)
{
    for (int i = 0; i < 2 && is_maildir(sim); i++) {
        struct path path = path_of(drop, folders[i]);
        struct stat status;
        SIM_CHECK(sim, stat(path.text, &status) == 0, "stat %s: %m", path.text);
        int64_t is = status.st_mtim.tv_sec * 1000000000ll + status.st_mtim.tv_nsec;
        if (is == drop->stamped[i])
            continue;
        set_time(sim, path.text);
        drop->stamped[i] = sim->now_ns;
    }
}

/* ---- what a message is ---- */

/* Every line end becomes CRLF, a last line gets one; anything else stays. */
static void
make_wire(struct sim *sim, struct mail *mail)
{
    mail->wire = malloc(2 * mail->stored_len + 2);
    SIM_CHECK(sim, mail->wire != NULL, "no memory");
    char *to = mail->wire;
    for (size_t i = 0; i < mail->stored_len; i++) {
        if (mail->stored[i] == '\n' && (i == 0 || mail->stored[i - 1] != '\r'))
            *to++ = '\r';
        *to++ = mail->stored[i];
    }
    if (mail->stored_len > 0 && mail->stored[mail->stored_len - 1] != '\n') {
        *to++ = '\r';
        *to++ = '\n';
    }
    mail->wire_len = (size_t)(to - mail->wire);
}

/* Lines of all kinds, with what likes to go wrong at their ends. The first names the mail, so
 * that no two are the same; an empty one is the exception. */
static void
make_text(struct sim *sim, struct mail *mail, uint32_t number)
{
    static const char *const pieces[] = {
        "\n",    "\r\n",      "\r",     ".",         "..",     ".\n",   ".\r\n",
        "\n\n",  "\r\n\r\n",  "\r\r\n", "a",         "x: y\n", "long ", "\xff\xfe",
        "\n.\n", "\r\n.\r\n", "\n..",   "From me\n", "\r.\r",  "end",
    };
    size_t pieces_max = sim_once_in(sim, 20) ? 4000 : 40;
    size_t count = sim_below(sim, (uint32_t)pieces_max);
    size_t cap = 64 + count * 8;
    mail->stored = calloc(1, cap);
    SIM_CHECK(sim, mail->stored != NULL, "no memory");
    if (sim_once_in(sim, 50))
        return;
    const char *start = sim_once_in(sim, 8) ? "." : sim_once_in(sim, 8) ? "\n" : "";
    mail->stored_len = (size_t)snprintf(mail->stored, cap, "%sN: %u\n", start, number);
    for (size_t i = 0; i < count; i++) {
        bool zero = sim_once_in(sim, 60);
        const char *piece = pieces[sim_below(sim, sizeof pieces / sizeof *pieces)];
        size_t len = zero ? 1 : strlen(piece);
        memcpy(mail->stored + mail->stored_len, zero ? "" : piece, len);
        mail->stored_len += len;
    }
}

/* A name as deliverers make them, and some that no deliverer should make. */
static void
make_name(struct sim *sim, struct mail *mail, uint32_t number)
{
    char unique[200];
    char zeros[130];
    uint32_t time = 1000000000 + sim_below(sim, 1000);
    switch (is_maildir(sim) ? sim_below(sim, 12) : 11) {
    case 0:
        (void)snprintf(unique, sizeof unique, "%u.a name with blanks %u", time, number);
        break;
    case 1:
        memset(zeros, '0', sizeof zeros);
        (void)snprintf(
            unique, sizeof unique, "%u.%.*s%u", time, 50 + (int)sim_below(sim, 80), zeros,
            number);
        break;
    case 2:
        (void)snprintf(unique, sizeof unique, "plain%u", number);
        break;
    case 3:
        (void)snprintf(unique, sizeof unique, "%u.\xc3\xa4%u", time, number);
        break;
    default:
        (void)snprintf(unique, sizeof unique, "%u.M%uP1.host", time, number);
    }
    struct pop_view view = pop_view_of(unique);
    char hash[UID_HASH_LEN];
    if (uid_fits(view)) {
        memcpy(mail->uid, unique, view.len);
    } else {
        SIM_CHECK(sim, uid_hash(view, hash), "no hash");
        memcpy(mail->uid, hash, sizeof hash);
    }
    mail->claim = mail->wire_len;
    char size[32] = "";
    char wire[32] = "";
    if (is_maildir(sim) && sim_once_in(sim, 3))
        (void)snprintf(size, sizeof size, ",S=%zu", mail->stored_len);
    if (is_maildir(sim) && sim_once_in(sim, 3)) {
        if (sim_once_in(sim, 6))
            mail->claim = sim_below(sim, 3) + mail->wire_len - (mail->wire_len > 0);
        (void)snprintf(wire, sizeof wire, ",W=%llu", (unsigned long long)mail->claim);
    }
    (void)snprintf(mail->base, sizeof mail->base, "%s%s%s", unique, size, wire);
}

/* ---- other programs ---- */

static void
write_file(struct sim *sim, const char *path, const char *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    SIM_CHECK(sim, fd >= 0, "cannot make %s: %m", path);
    SIM_CHECK(sim, write(fd, data, len) == (ssize_t)len, "cannot write %s: %m", path);
    SIM_CHECK(sim, close(fd) == 0, "cannot close %s: %m", path);
}

static void
rename_to(struct sim *sim, struct drop *drop, struct mail *mail, const char *name)
{
    struct path from = path_of(drop, mail->name);
    struct path to = path_of(drop, name);
    bool done = rename(from.text, to.text) == 0;
    if (!done && errno == ENOENT && mail->doomed)
        return; /* the session was faster */
    SIM_CHECK(sim, done, "cannot rename %s: %m", from.text);
    (void)snprintf(mail->name, sizeof mail->name, "%s", name);
    drop->stamped[0] = drop->stamped[1] = -1;
    drop_stamp(sim, drop);
}

static void
deliver(struct sim *sim, struct drop *drop)
{
    SIM_CHECK(sim, drop->count < MAILS_MAX, "too many mails for the simulation");
    uint32_t number = drop->count;
    struct mail *mail = calloc(1, sizeof *mail);
    SIM_CHECK(sim, mail != NULL, "no memory");
    make_text(sim, mail, number);
    make_wire(sim, mail);
    make_name(sim, mail, number);
    mail->alive = true;
    mail->delivered_at = sim->step;
    mail->removed_at = UINT64_MAX;
    drop->mails[drop->count++] = mail;
    if (!is_maildir(sim)) {
        struct err err;
        struct pop_view octets = {mail->stored, mail->stored_len};
        if (memory_add(drop->path, mail->uid, octets, &err) != ERR_OK)
            sim_fail(sim, "%s", err.text);
        return;
    }
    char name[sizeof mail->name];
    (void)snprintf(mail->name, sizeof mail->name, "tmp/%s", mail->base);
    struct path beside = path_of(drop, mail->name);
    write_file(sim, beside.text, mail->stored, mail->stored_len);
    set_time(sim, beside.text);
    (void)snprintf(name, sizeof name, "new/%s", mail->base);
    rename_to(sim, drop, mail, name);
}

/* One that is there, or NULL. */
static struct mail *
any_mail(struct sim *sim, struct drop *drop)
{
    uint32_t start = sim_below(sim, drop->count + 1);
    for (uint32_t i = 0; i < drop->count; i++) {
        struct mail *mail = drop->mails[(start + i) % drop->count];
        if (mail->alive)
            return mail;
    }
    return NULL;
}

static void
read_by_its_owner(struct sim *sim, struct drop *drop)
{
    static const char *const flags[] = {"", "S", "RS", "FS", "T", "FRST"};
    struct mail *mail = any_mail(sim, drop);
    char name[sizeof mail->name];
    if (mail == NULL || !is_maildir(sim))
        return;
    (void)snprintf(name, sizeof name, "cur/%s:2,%s", mail->base, flags[sim_below(sim, 6)]);
    if (sim_once_in(sim, 20)) /* back again, as some do for "unread" */
        (void)snprintf(name, sizeof name, "new/%s", mail->base);
    rename_to(sim, drop, mail, name);
}

static void
remove_behind(struct sim *sim, struct drop *drop)
{
    struct mail *mail = any_mail(sim, drop);
    struct err err;
    if (mail == NULL)
        return;
    mail->alive = false;
    mail->removed_at = sim->step;
    if (!is_maildir(sim)) {
        if (memory_remove(drop->path, mail->uid, &err) != ERR_OK)
            sim_fail(sim, "%s", err.text);
        return;
    }
    struct path path = path_of(drop, mail->name);
    bool done = unlink(path.text) == 0;
    SIM_CHECK(
        sim, done || (errno == ENOENT && mail->doomed), "cannot remove %s: %m", path.text);
    drop->stamped[0] = drop->stamped[1] = -1;
    drop_stamp(sim, drop);
}

/* The index is a cache: losing it or finding rubbish in it must change nothing. */
static void
spoil_index(struct sim *sim, struct drop *drop)
{
    struct path path = path_of(drop, "restante.index");
    struct stat status;
    if (!is_maildir(sim) || stat(path.text, &status) != 0)
        return;
    switch (status.st_size == 0 ? 0 : sim_below(sim, 3)) {
    case 0:
        SIM_CHECK(sim, unlink(path.text) == 0, "cannot remove the index: %m");
        break;
    case 1:
        SIM_CHECK(
            sim, truncate(path.text, sim_below(sim, (uint32_t)status.st_size)) == 0,
            "cannot cut the index: %m");
        break;
    default: {
        char octet = 0;
        off_t offset = sim_below(sim, (uint32_t)status.st_size);
        int fd = open(path.text, O_RDWR | O_CLOEXEC);
        bool done = fd >= 0 && pread(fd, &octet, 1, offset) == 1;
        octet ^= (char)(1u << sim_below(sim, 8));
        SIM_CHECK(sim, done && pwrite(fd, &octet, 1, offset) == 1, "cannot spoil it: %m");
        (void)close(fd);
    }
    }
}

void
drop_disturb(struct sim *sim, struct drop *drop)
{
    uint32_t what = sim_below(sim, 16);
    if (what < 6)
        deliver(sim, drop);
    else if (what < 12)
        read_by_its_owner(sim, drop);
    else if (what < 14)
        remove_behind(sim, drop);
    else
        spoil_index(sim, drop);
}

/* ---- making and checking ---- */

void
drop_make(struct sim *sim, struct drop *drop, uint32_t number)
{
    (void)snprintf(drop->user, sizeof drop->user, "user%u", number);
    (void)snprintf(drop->path, sizeof drop->path, "/tmp/restante-sim-XXXXXX");
    SIM_CHECK(sim, mkdtemp(drop->path) != NULL, "cannot make a folder: %m");
    drop->stamped[0] = drop->stamped[1] = -1;
    for (int i = 0; i < 2 && is_maildir(sim); i++)
        SIM_CHECK(sim, mkdir(path_of(drop, folders[i]).text, 0700) == 0, "mkdir: %m");
    SIM_CHECK(sim, mkdir(path_of(drop, "tmp").text, 0700) == 0, "mkdir: %m");
    drop_stamp(sim, drop);
    for (uint32_t i = sim_below(sim, 30); i > 0; i--)
        deliver(sim, drop);
}

static void
remove_folder(struct sim *sim, const char *path)
{
    DIR *folder = opendir(path);
    SIM_CHECK(sim, folder != NULL, "cannot list %s: %m", path);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        (void)unlinkat(dirfd(folder), entry->d_name, 0); /* "." and ".." do not go */
    (void)closedir(folder);
    (void)rmdir(path);
}

void
drop_free(struct sim *sim, struct drop *drop)
{
    for (int i = 0; i < 2 && is_maildir(sim); i++)
        remove_folder(sim, path_of(drop, folders[i]).text);
    remove_folder(sim, path_of(drop, "tmp").text);
    remove_folder(sim, drop->path);
    for (uint32_t i = 0; i < drop->count; i++) {
        free(drop->mails[i]->stored);
        free(drop->mails[i]->wire);
        free(drop->mails[i]);
    }
}

static void
check_octets(struct sim *sim, const struct mail *mail, int fd)
{
    char *data = malloc(mail->stored_len + 1);
    SIM_CHECK(sim, data != NULL && fd >= 0, "mail %s cannot be opened: %m", mail->base);
    ssize_t len = pread(fd, data, mail->stored_len + 1, 0);
    SIM_CHECK(
        sim,
        len == (ssize_t)mail->stored_len && memcmp(data, mail->stored, mail->stored_len) == 0,
        "mail %s was altered", mail->base);
    free(data);
    (void)close(fd);
}

static unsigned
count_files(struct sim *sim, const char *path)
{
    unsigned count = 0;
    DIR *folder = opendir(path);
    SIM_CHECK(sim, folder != NULL, "cannot list %s: %m", path);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    (void)closedir(folder);
    return count;
}

static void
check_maildir(struct sim *sim, struct drop *drop)
{
    unsigned alive = 0;
    for (uint32_t i = 0; i < drop->count; i++) {
        const struct mail *mail = drop->mails[i];
        struct path path = path_of(drop, mail->name);
        if (!mail->alive)
            continue;
        alive++;
        check_octets(sim, mail, open(path.text, O_RDONLY | O_CLOEXEC));
    }
    unsigned there = count_files(sim, path_of(drop, "new").text) +
                     count_files(sim, path_of(drop, "cur").text);
    SIM_CHECK(sim, there == alive, "%u mails lie there instead of %u", there, alive);
}

static void
check_memory(struct sim *sim, struct drop *drop)
{
    struct store *store;
    struct snapshot snapshot;
    struct err err;
    uint32_t at = 0;
    if (drop->busy)
        return;
    if (sim->ops->open(&store, drop->path, &err) != ERR_OK ||
        snapshot_open(sim->ops->snapshot(store), &snapshot, &err) != ERR_OK)
        sim_fail(sim, "%s", err.text);
    for (uint32_t i = 0; i < drop->count; i++) {
        const struct mail *mail = drop->mails[i];
        int fd = -1;
        if (!mail->alive)
            continue;
        SIM_CHECK(
            sim,
            at < snapshot.maildrop.count &&
                pop_view_equal(
                    pop_maildrop_uid(&snapshot.maildrop, at), pop_view_of(mail->uid)) &&
                sim->ops->message_open(store, at, &fd, &err) == ERR_OK,
            "mail %s is missing", mail->uid);
        check_octets(sim, mail, fd);
        at++;
    }
    SIM_CHECK(sim, at == snapshot.maildrop.count, "there are more mails than should be");
    sim->ops->close(store);
}

void
drop_check(struct sim *sim, struct drop *drop)
{
    if (is_maildir(sim))
        check_maildir(sim, drop);
    else if (drop->count > 0)
        check_memory(sim, drop);
}
