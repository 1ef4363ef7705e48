/*
 * The in-memory engine.
 *
 * A message is handed out as a memfd of its own, filled and sealed: an open
 * file description of its own, so that two readers of a message do not move
 * each other's position, and nothing in it can be changed. (dup() would share
 * the position; opening it anew by its name in /proc needs a /proc, which a
 * sandboxed process does not have.)
 */
#include "store/memory.h"

#include "base/check.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "store/block.h"
#include "store/maildir_list.h"
#include "store/uid.h"

#include <errno.h>
#include <fcntl.h>
#include <pop/body.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct memory_message {
    char uid[POP_UID_MAX + 1];
    char *data; /* NULL: removed */
    size_t len;
};

struct memory_maildrop {
    struct memory_maildrop *next;
    char *location;
    bool busy; /* a session has it: messages keep their index */
    uint32_t count;
    struct memory_message *messages;
};

/* The one state outside of a session: it stands for the disk. */
static pthread_mutex_t disk_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct memory_maildrop *disk;

struct memory_session {
    const struct store_ops *ops; /* first: see store.h */
    struct memory_maildrop *maildrop;
    struct snapshot snapshot;
};

static struct memory_session *
session_of(struct store *store)
{
    return (struct memory_session *)store;
}

static void
disk_lock(void)
{
    (void)pthread_mutex_lock(&disk_mutex); /* cannot fail for a plain mutex */
}

static void
disk_unlock(void)
{
    (void)pthread_mutex_unlock(&disk_mutex);
}

/* The functions below, up to the engine's own, want the disk locked. */

static struct memory_maildrop *
maildrop_find(const char *location)
{
    struct memory_maildrop *maildrop = disk;
    while (maildrop != NULL && strcmp(maildrop->location, location) != 0)
        maildrop = maildrop->next;
    return maildrop;
}

static void
maildrop_free(struct memory_maildrop *maildrop)
{
    if (maildrop == NULL)
        return;
    for (uint32_t i = 0; i < maildrop->count; i++)
        free(maildrop->messages[i].data);
    free(maildrop->messages);
    free(maildrop->location);
    free(maildrop);
}

static enum err_code
maildrop_new(struct memory_maildrop **ret_maildrop, const char *location, struct err *err)
{
    struct memory_maildrop *maildrop = calloc(1, sizeof *maildrop);
    if (maildrop != NULL)
        maildrop->location = strdup(location);
    if (maildrop == NULL || maildrop->location == NULL) {
        maildrop_free(maildrop);
        return err_set(err, ERR_NOMEM, "maildrop '%s'", location);
    }
    *ret_maildrop = maildrop;
    return ERR_OK;
}

/* Takes over `data`, also on failure. */
static enum err_code
maildrop_put(
    struct memory_maildrop *maildrop, struct pop_view uid, char *data, size_t len,
    struct err *err)
{
    struct memory_message *messages =
        reallocarray(maildrop->messages, (size_t)maildrop->count + 1, sizeof *messages);
    if (messages == NULL) {
        free(data);
        return err_set(err, ERR_NOMEM, "a message of %zu octets", len);
    }
    maildrop->messages = messages;
    struct memory_message *message = &messages[maildrop->count++];
    *message = (struct memory_message){.data = data, .len = len};
    CHECK(uid.len < sizeof message->uid);
    memcpy(message->uid, uid.data, uid.len);
    return ERR_OK;
}

/* Forgets removed messages; nobody has their numbers. */
static void
maildrop_compact(struct memory_maildrop *maildrop)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < maildrop->count; i++)
        if (maildrop->messages[i].data != NULL)
            maildrop->messages[kept++] = maildrop->messages[i];
    maildrop->count = kept;
}

/* The whole file. */
static enum err_code
read_file(int fd, char **ret_data, size_t *ret_len, struct err *err)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return err_set(err, ERR_SYSTEM, "cannot ask about a message file");
    size_t size = (size_t)status.st_size;
    CLEANUP(free_p) char *data = malloc(size + 1); /* never of nothing */
    if (data == NULL)
        return err_set(err, ERR_NOMEM, "a message of %zu octets", size);
    size_t len = 0;
    while (len < size) {
        ssize_t got = read(fd, data + len, size - len);
        if (got < 0)
            return err_set(err, ERR_SYSTEM, "cannot read a message");
        if (got == 0)
            break;
        len += (size_t)got;
    }
    *ret_data = data;
    *ret_len = len;
    data = NULL; /* the caller's from here */
    return ERR_OK;
}

static enum err_code
load_file(
    struct memory_maildrop *maildrop, int folder_fd, struct pop_view name, struct err *err)
{
    char path[FILE_NAME_MAX_LEN + 1] = "";
    memcpy(path, name.data, name.len);
    CLEANUP(fd_closep) int fd = openat(folder_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "message file '%s'", path);

    char hash[UID_HASH_LEN];
    struct pop_view uid = name;
    if (!uid_fits(name)) {
        if (!uid_hash(name, hash))
            return err_set(err, ERR_NOMEM, "cannot hash a file name");
        uid = (struct pop_view){hash, sizeof hash};
    }
    char *data = NULL;
    size_t len = 0;
    enum err_code code = read_file(fd, &data, &len, err);
    return code != ERR_OK ? code : maildrop_put(maildrop, uid, data, len, err);
}

/* By the octets of the names. */
static int
compare_names(const void *left, const void *right, void *context)
{
    struct pop_view a = maildir_entry_name(context, left);
    struct pop_view b = maildir_entry_name(context, right);
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static enum err_code
load_list(struct memory_maildrop *maildrop, struct maildir_list *list, int fd, struct err *err)
{
    enum err_code code = maildir_list_read(list, fd, SNAPSHOT_NEW, err);
    if (code == ERR_OK && list->count > 0)
        qsort_r(list->entries, list->count, sizeof *list->entries, compare_names, list);
    for (size_t i = 0; i < list->count && code == ERR_OK; i++)
        code = load_file(maildrop, fd, maildir_entry_name(list, &list->entries[i]), err);
    return code;
}

static enum err_code
maildrop_load(struct memory_maildrop **ret_maildrop, const char *location, struct err *err)
{
    CLEANUP(fd_closep) int fd = open(location, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "maildrop '%s'", location);
    struct memory_maildrop *maildrop;
    enum err_code code = maildrop_new(&maildrop, location, err);
    if (code != ERR_OK)
        return code;
    struct maildir_list list = {0};
    code = load_list(maildrop, &list, fd, err);
    maildir_list_finish(&list);
    if (code != ERR_OK) {
        maildrop_free(maildrop);
        return code;
    }
    *ret_maildrop = maildrop;
    return ERR_OK;
}

/* The maildrop of that location, loaded if need be. */
static enum err_code
maildrop_get(struct memory_maildrop **ret_maildrop, const char *location, struct err *err)
{
    struct memory_maildrop *maildrop = maildrop_find(location);
    if (maildrop == NULL) {
        enum err_code code = maildrop_load(&maildrop, location, err);
        if (code != ERR_OK)
            return code;
        maildrop->next = disk;
        disk = maildrop;
    }
    *ret_maildrop = maildrop;
    return ERR_OK;
}

static uint64_t
wire_size_of(const struct memory_message *message)
{
    struct pop_wire_size size = {0};
    pop_wire_size_add(&size, (struct pop_view){message->data, message->len});
    return pop_wire_size_end(&size);
}

static enum err_code
make_snapshot(
    const struct memory_maildrop *maildrop, struct pop_view *ret_block, struct err *err)
{
    static const struct snapshot_times no_times;
    size_t count = maildrop->count;
    CLEANUP(free_p) struct pop_message *records = calloc(count + 1, sizeof *records);
    CLEANUP(free_p) char *strings = malloc((count + 1) * POP_UID_MAX);
    if (records == NULL || strings == NULL)
        return err_set(err, ERR_NOMEM, "a snapshot of %zu messages", count);
    uint32_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        struct pop_view uid = pop_view_of(maildrop->messages[i].uid);
        records[i] = (struct pop_message){
            .size = wire_size_of(&maildrop->messages[i]),
            .uid_offset = offset,
            .uid_len = (uint8_t)uid.len,
        };
        memcpy(strings + offset, uid.data, uid.len);
        offset += (uint32_t)uid.len;
    }
    return snapshot_build(
        records, NULL, maildrop->count, (struct pop_view){strings, offset}, &no_times,
        ret_block, err);
}

static enum err_code
session_begin(struct memory_session *session, const char *location, struct err *err)
{
    struct memory_maildrop *maildrop;
    struct pop_view block;
    enum err_code code = maildrop_get(&maildrop, location, err);
    if (code != ERR_OK)
        return code;
    if (maildrop->busy)
        return err_set(err, ERR_BUSY, "another session has this maildrop");
    maildrop_compact(maildrop);
    code = make_snapshot(maildrop, &block, err);
    if (code != ERR_OK)
        return code;
    code = snapshot_open(block, &session->snapshot, err);
    if (code != ERR_OK) {
        block_free(block);
        return code;
    }
    session->maildrop = maildrop;
    maildrop->busy = true;
    return ERR_OK;
}

static enum err_code
memory_open(struct store **ret_store, const char *location, struct err *err)
{
    struct memory_session *session = calloc(1, sizeof *session);
    if (session == NULL)
        return err_set(err, ERR_NOMEM, "maildrop '%s'", location);
    session->ops = &store_memory;
    disk_lock();
    enum err_code code = session_begin(session, location, err);
    disk_unlock();
    if (code != ERR_OK) {
        free(session);
        return code;
    }
    *ret_store = (struct store *)session;
    return ERR_OK;
}

static struct pop_view
memory_snapshot(const struct store *store)
{
    return ((const struct memory_session *)store)->snapshot.block;
}

/* pwrite() leaves the position at the start. */
static enum err_code
fill_and_seal(int fd, const struct memory_message *message, struct err *err)
{
    for (size_t done = 0; done < message->len;) {
        ssize_t len = pwrite(fd, message->data + done, message->len - done, (off_t)done);
        if (len < 0)
            return err_set(err, ERR_SYSTEM, "cannot copy a message");
        done += (size_t)len;
    }
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return err_set(err, ERR_SYSTEM, "cannot seal a message");
    return ERR_OK;
}

static enum err_code
copy_message(const struct memory_message *message, int *ret_fd, struct err *err)
{
    if (message->data == NULL)
        return err_set(err, ERR_NOT_FOUND, "the message was removed by another program");
    CLEANUP(fd_closep) int fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "cannot make a memory file");
    enum err_code code = fill_and_seal(fd, message, err);
    if (code != ERR_OK)
        return code;
    *ret_fd = fd;
    fd = -1; /* the caller's from here */
    return ERR_OK;
}

static enum err_code
memory_message_open(struct store *store, uint32_t index, int *ret_fd, struct err *err)
{
    struct memory_session *session = session_of(store);
    CHECK(index < session->snapshot.maildrop.count);
    disk_lock();
    enum err_code code = copy_message(&session->maildrop->messages[index], ret_fd, err);
    disk_unlock();
    return code;
}

/* Sizes are always counted here, and messages never change: nothing to find out. */
static void
memory_message_suspect(struct store *store, uint32_t index)
{
    (void)store;
    (void)index;
}

static enum err_code
memory_commit(
    struct store *store, const unsigned char *marks, uint32_t *ret_left, struct err *err)
{
    (void)err; /* forgetting cannot fail */
    struct memory_session *session = session_of(store);
    disk_lock();
    for (uint32_t i = 0; i < session->snapshot.maildrop.count; i++) {
        if (((unsigned)marks[i / 8] >> i % 8 & 1u) == 0)
            continue;
        free(session->maildrop->messages[i].data);
        session->maildrop->messages[i].data = NULL;
    }
    disk_unlock();
    *ret_left = 0;
    return ERR_OK;
}

static void
memory_close(struct store *store)
{
    struct memory_session *session = session_of(store);
    if (session == NULL)
        return;
    disk_lock();
    session->maildrop->busy = false;
    disk_unlock();
    block_free(session->snapshot.block);
    free(session);
}

const struct store_ops store_memory = {
    .name = "memory",
    .open = memory_open,
    .snapshot = memory_snapshot,
    .message_open = memory_message_open,
    .message_suspect = memory_message_suspect,
    .commit = memory_commit,
    .close = memory_close,
};

static enum err_code
add_copy(const char *location, const char *uid, struct pop_view octets, struct err *err)
{
    struct memory_maildrop *maildrop = maildrop_find(location);
    if (maildrop == NULL) {
        enum err_code code = maildrop_new(&maildrop, location, err);
        if (code != ERR_OK)
            return code;
        maildrop->next = disk;
        disk = maildrop;
    }
    char *data = malloc(octets.len + 1); /* never of nothing */
    if (data == NULL)
        return err_set(err, ERR_NOMEM, "a message of %zu octets", octets.len);
    if (octets.len > 0)
        memcpy(data, octets.data, octets.len);
    return maildrop_put(maildrop, pop_view_of(uid), data, octets.len, err);
}

enum err_code
memory_add(const char *location, const char *uid, struct pop_view octets, struct err *err)
{
    CHECK(uid_fits(pop_view_of(uid)));
    disk_lock();
    enum err_code code = add_copy(location, uid, octets, err);
    disk_unlock();
    return code;
}

static enum err_code
forget_message(const char *location, const char *uid, struct err *err)
{
    struct memory_maildrop *maildrop = maildrop_find(location);
    for (uint32_t i = 0; maildrop != NULL && i < maildrop->count; i++) {
        struct memory_message *message = &maildrop->messages[i];
        if (message->data == NULL || strcmp(message->uid, uid) != 0)
            continue;
        free(message->data);
        message->data = NULL;
        return ERR_OK;
    }
    return err_set(err, ERR_NOT_FOUND, "no message '%s'", uid);
}

enum err_code
memory_remove(const char *location, const char *uid, struct err *err)
{
    disk_lock();
    enum err_code code = forget_message(location, uid, err);
    disk_unlock();
    return code;
}

void
memory_reset(void)
{
    disk_lock();
    while (disk != NULL) {
        struct memory_maildrop *next = disk->next;
        maildrop_free(disk);
        disk = next;
    }
    disk_unlock();
}
