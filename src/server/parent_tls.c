/*
 * Certificates and tickets: the parent opens the files, keys judges them and
 * keeps the private halves, fronts get the certificates. What is wrong with a
 * file that was exchanged is said once, and what was in force stays.
 */
#include "base/check.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/parent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

/* How often the files are looked at: four calls for each pair. */
enum { LOOK_MS = 5000 };

/* A ticket lives for two of these at most (RFC 8446, section C.4: forward secrecy ends with the
 * key of the ticket). */
enum { ROTATE_MS = 3600 * 1000 };

/* Keys reads two small files and compares them. */
enum { JUDGE_MS = 5000 };

static_assert(sizeof(struct tls_ticket_keys) == IPC_TICKETS_SIZE, "the message holds them");

/* ---- files ---- */

static struct tls_file
file_of(const struct stat *status)
{
    return (struct tls_file){
        .inode = status->st_ino,
        .size = status->st_size,
        .mtime_ns = status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec,
    };
}

static enum err_code
open_file(const char *path, int *ret_fd, struct tls_file *ret_file, struct err *err)
{
    /* O_NONBLOCK: a FIFO must not hold up the parent. */
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        return err_set(err, ERR_INVALID, "cannot read '%s': %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return err_set(err, ERR_INVALID, "'%s' is no file", path);
    *ret_file = file_of(&status);
    *ret_fd = fd;
    fd = -1; /* the caller's from here */
    return ERR_OK;
}

/* ---- judging ---- */

/* Waits for keys' word on one key. Its READY may come before that. */
static enum err_code
hear_judgement(struct child *keys, struct ipc_key_judged *ret_judged, struct err *err)
{
    for (int64_t end_ms = clock_ms() + JUDGE_MS;;) {
        struct pollfd readable = {.fd = keys->control, .events = POLLIN};
        struct ipc_packet packet;
        int64_t left = end_ms - clock_ms();
        if (left <= 0)
            return err_set(err, ERR_CLOSED, "restanted-keys does not answer");
        if (poll(&readable, 1, (int)left) <= 0)
            continue;
        enum ipc_result result = ipc_receive(keys->control, IPC_KEYS, IPC_PARENT, &packet);
        if (result == IPC_AGAIN)
            continue;
        if (result != IPC_OK)
            return err_set(err, ERR_CLOSED, "restanted-keys has ended");
        if (packet.header.type == IPC_KEY_JUDGED) {
            *ret_judged = *(const struct ipc_key_judged *)(const void *)packet.body;
            return ERR_OK;
        }
        keys->ready = true;
    }
}

static enum err_code
judge(
    struct child *keys, const struct ipc_key *key, const struct conf_tls *files,
    const int fds[2], struct err *err)
{
    struct ipc_key_judged judged;
    role_tell(keys, IPC_KEY, key, sizeof *key, fds, 2);
    enum err_code code = hear_judgement(keys, &judged, err);
    if (code != ERR_OK)
        return code;
    CHECK(judged.key == key->key);
    if (!judged.usable)
        return err_set(
            err, ERR_INVALID, "certificate '%s' with key '%s': %.*s", files->certificate,
            files->key, (int)judged.text.len, judged.text.data);
    return ERR_OK;
}

static enum err_code
load_pair(
    struct parent *parent, const struct conf_tls *files, struct ipc_key key,
    struct tls_file seen[2], struct tls_pair *ret_pair, struct err *err)
{
    CLEANUP(fd_closep) int certificate_fd = -1;
    CLEANUP(fd_closep) int key_fd = -1;
    enum err_code code = open_file(files->certificate, &certificate_fd, &seen[0], err);
    if (code == ERR_OK)
        code = open_file(files->key, &key_fd, &seen[1], err);
    if (code == ERR_OK)
        code = judge(&parent->keys, &key, files, (const int[]){certificate_fd, key_fd}, err);
    if (code != ERR_OK)
        return code;
    *ret_pair = (struct tls_pair){.certificate_fd = certificate_fd, .key = key.key};
    certificate_fd = -1; /* the pair's from here */
    return ERR_OK;
}

static void
pairs_free(struct tls_pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fd_closep(&pairs[i].certificate_fd);
    free(pairs);
}

static void
ticket_key_make(struct tls_ticket_key *key)
{
    CHECK(getrandom(key, sizeof *key, 0) == (ssize_t)sizeof *key); /* whole up to 256 octets */
}

/* Both keys are random from the start: a zeroed one would open tickets that anybody can make.
 */
static void
tickets_start(struct parent_tls *tls)
{
    if (tls->rotate_ms != 0)
        return;
    ticket_key_make(&tls->tickets.current);
    ticket_key_make(&tls->tickets.previous);
    tls->rotate_ms = clock_ms() + ROTATE_MS;
}

static void
note_client_ca(const struct conf *conf, struct tls_file *ret_seen)
{
    struct stat status;
    if (conf->client_ca != NULL && stat(conf->client_ca, &status) == 0)
        *ret_seen = file_of(&status);
}

enum err_code
tls_load(struct parent *parent, const struct conf *conf, struct err *err)
{
    struct parent_tls *tls = &parent->tls;
    struct tls_pair *pairs = calloc(conf->tls_count, sizeof *pairs);
    struct tls_file *seen = calloc(2 * conf->tls_count + 1, sizeof *seen);
    if (pairs == NULL || seen == NULL) {
        free(pairs);
        free(seen);
        return err_set(err, ERR_NOMEM, "loading certificates");
    }
    enum err_code code = ERR_OK;
    size_t count = 0;
    uint32_t first = tls->next_key;
    tickets_start(tls);
    for (; code == ERR_OK && count < conf->tls_count; count += code == ERR_OK) {
        struct ipc_key key = {.key = tls->next_key++, .first = first};
        code = load_pair(parent, &conf->tls[count], key, &seen[2 * count], &pairs[count], err);
    }
    free(tls->seen); /* also after a failure: it is tried again when a file has changed */
    tls->seen = seen;
    tls->seen_count = 2 * conf->tls_count + 1;
    note_client_ca(conf, &seen[2 * conf->tls_count]);
    tls->look_ms = clock_ms() + LOOK_MS;
    if (code != ERR_OK) {
        pairs_free(pairs, count);
        return code;
    }
    pairs_free(tls->pairs, tls->count);
    tls->pairs = pairs;
    tls->count = count;
    return ERR_OK;
}

void
tls_finish(struct parent_tls *tls)
{
    pairs_free(tls->pairs, tls->count);
    free(tls->seen);
    uint32_t next_key = tls->next_key; /* never used twice */
    explicit_bzero(tls, sizeof *tls);
    tls->next_key = next_key;
}

/* ---- telling fronts ---- */

static void
tell_tickets(const struct parent *parent, struct child *front)
{
    struct ipc_tickets tickets;
    memcpy(tickets.octets, &parent->tls.tickets, sizeof tickets.octets);
    role_tell(front, IPC_TICKETS, &tickets, sizeof tickets, NULL, 0);
    explicit_bzero(&tickets, sizeof tickets);
}

static void
tell_client_ca(const struct parent *parent, struct child *front)
{
    CLEANUP(fd_closep) int fd = open(parent->conf.client_ca, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        log_error(
            "cannot read '%s': %m; clients cannot log in by certificate",
            parent->conf.client_ca);
    else
        role_tell(front, IPC_CLIENT_CA, NULL, 0, &fd, 1);
}

void
tls_tell(const struct parent *parent, struct child *front)
{
    const struct parent_tls *tls = &parent->tls;
    if (tls->count > 0)
        tell_tickets(parent, front);
    if (tls->count > 0 && parent->conf.client_ca != NULL)
        tell_client_ca(parent, front);
    for (size_t i = 0; i < tls->count; i++) {
        struct ipc_certificate certificate = {
            .key = tls->pairs[i].key,
            .index = (uint32_t)i,
            .count = (uint32_t)tls->count,
        };
        role_tell(
            front, IPC_CERTIFICATE, &certificate, sizeof certificate,
            &tls->pairs[i].certificate_fd, 1);
    }
}

/* ---- watching ---- */

/* The files of certificates and keys, then that of the clients' authorities; NULL: no more. */
static const char *
watched(const struct conf *conf, size_t index)
{
    if (index == 2 * conf->tls_count)
        return conf->client_ca;
    if (index > 2 * conf->tls_count)
        return NULL;
    const struct conf_tls *files = &conf->tls[index / 2];
    return index % 2 == 0 ? files->certificate : files->key;
}

static bool
have_changed(const struct parent *parent)
{
    const struct conf *conf = &parent->conf;
    const struct parent_tls *tls = &parent->tls;
    const char *path;
    for (size_t i = 0; i < tls->seen_count && (path = watched(conf, i)) != NULL; i++) {
        struct stat status;
        if (stat(path, &status) < 0)
            continue; /* being replaced, or gone: what is in force stays */
        struct tls_file now = file_of(&status);
        if (memcmp(&now, &tls->seen[i], sizeof now) != 0)
            return true;
    }
    return false;
}

static void
look_at_files(struct parent *parent)
{
    struct err err;
    parent->tls.look_ms = clock_ms() + LOOK_MS;
    if (parent->keys.pid == 0 || !have_changed(parent))
        return;
    if (tls_load(parent, &parent->conf, &err) != ERR_OK) {
        log_error("the certificates stay as they were: %s", err.text);
        return;
    }
    log_info("new certificates are in force");
    for (uint32_t i = 0; i < parent->front_end; i++)
        if (parent->fronts[i].pid > 0)
            tls_tell(parent, &parent->fronts[i]);
}

static void
rotate(struct parent *parent)
{
    struct parent_tls *tls = &parent->tls;
    tls->rotate_ms = clock_ms() + ROTATE_MS;
    tls->tickets.previous = tls->tickets.current;
    ticket_key_make(&tls->tickets.current);
    for (uint32_t i = 0; i < parent->front_end; i++)
        if (parent->fronts[i].pid > 0)
            tell_tickets(parent, &parent->fronts[i]);
}

void
tls_look(struct parent *parent)
{
    if (parent->conf.tls_count == 0)
        return;
    int64_t now_ms = clock_ms();
    if (now_ms >= parent->tls.look_ms)
        look_at_files(parent);
    if (now_ms >= parent->tls.rotate_ms)
        rotate(parent);
}

int64_t
tls_wait_ms(const struct parent *parent)
{
    const struct parent_tls *tls = &parent->tls;
    if (parent->conf.tls_count == 0 || parent->stopping)
        return -1;
    int64_t next_ms = tls->look_ms < tls->rotate_ms ? tls->look_ms : tls->rotate_ms;
    int64_t wait_ms = next_ms - clock_ms();
    return wait_ms > 0 ? wait_ms : 0;
}
