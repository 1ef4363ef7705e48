/* What is known of a user. */
#ifndef AUTH_USER_H
#define AUTH_USER_H

#include "base/err.h"
#include "base/limits.h"

#include <pop/view.h>
#include <stdint.h>

/* An id that is not given. */
#define AUTH_ID_NONE UINT32_MAX

/* One more password of a user, for one program or device: it can be taken away alone. */
struct auth_credential {
    char label[LABEL_MAX + 1]; /* "phone": for the log */
    char stored[HASH_TEXT_MAX + 1];
};

/* Zeroed and with ids of AUTH_ID_NONE: nothing is known yet; see auth_user_begin(). */
struct auth_user {
    char name[USER_NAME_MAX + 1];   /* as the source has it */
    char stored[HASH_TEXT_MAX + 1]; /* for password_verify(); "": no password of its own */
    uint32_t other_count;
    struct auth_credential others[CREDENTIALS_MAX];
    bool disabled; /* the right password does not let it in either: POP is switched off */
    uint32_t uid;
    uint32_t gid;
    char home[PATH_LEN_MAX]; /* "": none */
};

/* Empties it but for the name, which fits (at most USER_NAME_MAX octets). */
void auth_user_begin(struct auth_user *user, struct pop_view name);

/*
 * These set what a source has found, and check it: ERR_INVALID says what does
 * not fit, in words that follow the name of the user. None ever shows a
 * stored password.
 */
enum err_code auth_user_set_name(struct auth_user *user, struct pop_view name, struct err *err);
/* The first is the user's own; further ones need a label (empty: "2", "3", ... is made up).
 * ERR_LIMIT: more than CREDENTIALS_MAX of those. */
enum err_code auth_user_add_password(
    struct auth_user *user, struct pop_view stored, struct pop_view label, struct err *err);
/* An empty text leaves an id or a home as it is. */
enum err_code auth_user_set_ids(
    struct auth_user *user, struct pop_view uid, struct pop_view gid, struct err *err);
enum err_code auth_user_set_home(struct auth_user *user, struct pop_view home, struct err *err);

#endif
