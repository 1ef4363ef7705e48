/* Small files, read whole. */
#include "auth/small_file.h"

#include "base/cleanup.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>

/* Up to `size` octets; fewer if the file has become shorter. -1: errno says why. */
static ssize_t
read_all(int fd, char *to, size_t size)
{
    size_t got = 0;
    while (got < size) {
        ssize_t n = read(fd, to + got, size - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

enum err_code
small_file_read(
    const char *path, size_t max, struct pop_buffer *ret_content, struct stat *ret_seen,
    struct err *err)
{
    struct stat seen;
    /* O_NONBLOCK: a FIFO in the place of the file must not stop all logins. */
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &seen) < 0)
        return err_set(err, ERR_SYSTEM, "cannot read '%s'", path);
    if (!S_ISREG(seen.st_mode) || (uint64_t)seen.st_size > max)
        return err_set(
            err, ERR_INVALID, "'%s' is no file, or larger than %zu octets", path, max);
    struct pop_buffer content = {.cap = (size_t)seen.st_size + 1};
    content.data = malloc(content.cap);
    if (content.data == NULL)
        return err_set(err, ERR_NOMEM, "reading '%s'", path);
    ssize_t got = read_all(fd, content.data, (size_t)seen.st_size);
    if (got < 0) {
        (void)err_set(err, ERR_SYSTEM, "cannot read '%s'", path);
        free(content.data);
        return ERR_SYSTEM;
    }
    content.len = (size_t)got;
    content.data[content.len] = '\0';
    *ret_content = content;
    *ret_seen = seen;
    return ERR_OK;
}

/* The first line and only one. */
static bool
is_one_line(struct pop_buffer *content)
{
    while (content->len > 0 && strchr("\r\n", content->data[content->len - 1]) != NULL)
        content->data[--content->len] = '\0';
    return content->len > 0 && strlen(content->data) == content->len &&
           strpbrk(content->data, "\r\n") == NULL;
}

enum err_code
small_file_read_line(const char *path, struct pop_buffer *ret_line, struct err *err)
{
    struct pop_buffer content;
    struct stat seen;
    if (small_file_read(path, CLIENT_SECRET_MAX, &content, &seen, err) != ERR_OK)
        return err->code;
    if (!is_one_line(&content)) {
        small_file_finish(&content);
        return err_set(err, ERR_INVALID, "'%s' is not one line", path);
    }
    *ret_line = content;
    return ERR_OK;
}

bool
small_file_is_same(const char *path, const struct stat *seen)
{
    struct stat now;
    return stat(path, &now) == 0 && now.st_dev == seen->st_dev && now.st_ino == seen->st_ino &&
           now.st_size == seen->st_size && now.st_mtim.tv_sec == seen->st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == seen->st_mtim.tv_nsec &&
           now.st_ctim.tv_sec == seen->st_ctim.tv_sec &&
           now.st_ctim.tv_nsec == seen->st_ctim.tv_nsec;
}

void
small_file_finish(struct pop_buffer *content)
{
    if (content->data != NULL)
        explicit_bzero(content->data, content->cap);
    free(content->data);
    *content = (struct pop_buffer){0};
}
