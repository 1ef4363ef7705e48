/*
 * The other side of a helper that was taken over: an honest front, whose logins
 * are of all kinds, and store. Both see what auth makes of them.
 *
 * The address that a login comes from has its number, so that a helper's
 * question tells which login it is about.
 */
#ifndef TESTS_HOSTILE_LOGINS_H
#define TESTS_HOSTILE_LOGINS_H

#include "hostile.h"

#include <pop/view.h>

/* Names: those of the user file, others, and some that no user may have. A user of the file has
 * the word of the same index as its password. */
enum { NAMES_IN_FILE = 2, NAMES_FINE = 5, NAME_EMPTY = 5, NAMES = 14, NAME_NONE = -1 };
extern const struct pop_view login_names[NAMES];
extern const char *const login_words[];

enum login_kind { BY_PASSWORD, BY_PLAIN, BY_NAME, BY_SCRAM, BY_OAUTHBEARER, BY_XOAUTH2 };

enum login_state {
    LOGIN_DONE,
    LOGIN_AWAITED, /* auth owes an answer */
    LOGIN_LOST,    /* its front is gone: nobody tells when it has ended */
};

struct login {
    uint64_t session;
    enum login_state state;
    enum login_kind kind;
    uint32_t front;
    int name;
    uint32_t word;
    int granted; /* as whom a helper has let it in; NAME_NONE: it has not */
    bool by_token;
};

/* What has come of all logins so far. */
struct login_counts {
    uint32_t awaited;
    uint64_t refused_temporary;
    uint64_t by_file;
    uint64_t by_helper;
};
const struct login_counts *logins_counted(void);

/* Writes the user file. */
void logins_begin(const char *path);

/* One more login with a password, or of any kind. Among the last LOGINS_OPEN none may be one
 * that is awaited still. */
enum { LOGINS_OPEN = 4096 };
void login_send(struct role *role, int name);
void login_send_any(struct role *role);

/* Reads what auth says to front and store: each login is answered once, and opened only if the
 * file or a helper has let it in. */
void logins_listen(struct role *role);

/* Sends a message of whoever it is, and listens as above while auth does not read: a front and
 * a store that are honest never make it wait. False: the channel is closed. */
bool logins_send(
    struct role *role, int fd, const struct ipc_header *header, const void *body, size_t size,
    const int *fds, size_t fd_count);

/* The front is replaced while logins are under way; may be done LOGINS_LOST_MAX times. */
enum { LOGINS_LOST_MAX = 4 };
void logins_lose(struct role *role);

/* The login that a question or an answer is about. */
struct login *login_of(uint64_t session);
struct login *login_from(const struct network_address *from);

int login_name_find(const struct ipc_text *text);

#endif
