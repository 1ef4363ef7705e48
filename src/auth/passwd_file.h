/*
 * Users from a file, as Dovecot and passwd(5) write it; passwd_line.h has the
 * form of a line. Empty lines and those that start with '#' are skipped.
 *
 * The first usable line without a label is the user's own. Lines with a label
 * are application passwords: the first CREDENTIALS_MAX, each label once. A user
 * may have those only; but whose own line is there and cannot be used does not
 * exist, because that line says where the mail is and who is switched off.
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
 * reported once. Then finds the user, by exactly these octets, which may be ret_user->name.
 * ERR_NOT_FOUND: *ret_user is as it was. */
enum err_code passwd_file_lookup(
    struct passwd_file *file, struct pop_view name, struct auth_user *ret_user,
    struct err *err);

/* For names that do not exist: a stored password that nothing fits, at the most usual cost of
 * the file's users (R1939-31). Valid until the next lookup. */
const char *passwd_file_dummy(const struct passwd_file *file);

/* How the passwords of its users are stored: bits by enum password_kind. An application
 * password counts as PASSWORD_CRYPT however it is stored: of SCRAM and the like, which ask for
 * the user's own, it has nothing. */
uint32_t passwd_file_kinds(const struct passwd_file *file);

/* The first stored password of the first user by name, or nothing: a secret that stays. Valid
 * until the next lookup. */
struct pop_view passwd_file_secret(const struct passwd_file *file);

/* Nobody's password takes time to check. */
bool passwd_file_is_quick(const struct passwd_file *file);

#endif
