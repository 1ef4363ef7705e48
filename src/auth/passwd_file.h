/*
 * Users from a file: user:hash:uid:gid:gecos:home:shell:extra, as Dovecot and
 * passwd(5) write it. Trailing fields may be missing; empty lines and those
 * that start with '#' are skipped.
 *
 * For one thread. What a lookup gives is a copy, so it stays valid while a
 * password is being checked elsewhere and the file is read again.
 */
#ifndef AUTH_PASSWD_FILE_H
#define AUTH_PASSWD_FILE_H

#include "auth/user.h"

#include <pop/view.h>

struct passwd_file;

/* Told of lines that cannot be used, "FILE:LINE: why", and of a file that cannot be read. */
typedef void passwd_file_report(const char *text);

/* Reads the file. ERR_SYSTEM: it cannot be read. */
enum err_code passwd_file_open(
    struct passwd_file **ret_file, const char *path, passwd_file_report *report,
    struct err *err);
void passwd_file_close(struct passwd_file *file); /* NULL is fine */

/* Reads the file again if it has changed; if that fails, the old content stays and it is
 * reported once. Then finds the user, by exactly these octets. ERR_NOT_FOUND. */
enum err_code passwd_file_lookup(
    struct passwd_file *file, struct pop_view name, struct auth_user *ret_user,
    struct err *err);

/* For names that do not exist: a stored password that nothing fits, at the most usual cost of
 * the file's users (R1939-31). Valid until the next lookup. */
const char *passwd_file_dummy(const struct passwd_file *file);

/* How the passwords of its users are stored: bits by enum password_kind. */
uint32_t passwd_file_kinds(const struct passwd_file *file);

/* The stored password of the first user by name, or nothing: a secret that stays. Valid until
 * the next lookup. */
struct pop_view passwd_file_secret(const struct passwd_file *file);

/* Nobody's password takes time to check. */
bool passwd_file_is_quick(const struct passwd_file *file);

#endif
