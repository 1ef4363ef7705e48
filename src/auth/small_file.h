/* Files that sources of users are told of: a password, a set of keys. */
#ifndef AUTH_SMALL_FILE_H
#define AUTH_SMALL_FILE_H

#include "base/err.h"

#include <pop/view.h>
#include <stdbool.h>
#include <sys/stat.h>

/* Reads all of it, with a NUL behind: the caller wipes and frees. *ret_seen is for
 * small_file_is_same(). ERR_SYSTEM: it cannot be read. ERR_INVALID: no regular file, or larger
 * than max. */
enum err_code small_file_read(
    const char *path, size_t max, struct pop_buffer *ret_content, struct stat *ret_seen,
    struct err *err);

/* The same of a password or a client's secret: one line, without its end. ERR_INVALID also if
 * it is none, or more than one. */
enum err_code
small_file_read_line(const char *path, struct pop_buffer *ret_line, struct err *err);

/* Is it still what was seen? False too if it cannot be found. */
bool small_file_is_same(const char *path, const struct stat *seen);

void small_file_finish(struct pop_buffer *content); /* wipes */

#endif
