/*
 * One line of the user file: user:hash:uid:gid:gecos:home:shell:extra. Trailing
 * fields may be missing. `extra` is the rest of the line, words between blanks:
 *
 *   label=NAME       an application password: one more password of that user
 *   pop=no, nologin  the user cannot log in by POP3 (pop=yes is the default)
 *
 * All other words are for other programs. On a line with a label only the name,
 * the hash and the label count.
 */
#ifndef AUTH_PASSWD_LINE_H
#define AUTH_PASSWD_LINE_H

#include "auth/user.h"

#include <pop/view.h>

struct passwd_line {
    struct pop_view name; /* the views borrow from the line */
    struct pop_view stored;
    struct pop_view home;
    struct pop_view label; /* empty: there is none, or one that cannot be used */
    uint32_t uid;
    uint32_t gid;
    bool labelled; /* not the user's own line */
    bool disabled;
};

/* It has a user: it is neither empty nor a comment. As parse, it wants no line end. */
bool passwd_line_is_entry(struct pop_view line);

/*
 * Returns why the line cannot be used, or NULL: it can. *ret_line always has
 * the name, the hash, and whether there is a label; nothing of it is checked
 * when the line cannot be used.
 */
const char *passwd_line_parse(struct pop_view line, struct passwd_line *ret_line);

/* Why this cannot be a label; NULL: it can. */
const char *passwd_label_problem(struct pop_view label);

#endif
