/* Where a user's maildrop is: a path with %u (user), %n (local part), %d (domain), %h (home),
 * %% (a percent sign). Expanded by the store role; here it is only checked. */
#ifndef CONF_TEMPLATE_H
#define CONF_TEMPLATE_H

#include "base/err.h"

/* ERR_INVALID names the first thing that is wrong. */
enum err_code conf_template_check(const char *text, struct err *err);

/* True if the path differs from user to user. */
bool conf_template_has_user(const char *text);

/* True if it needs no folder before it: it starts with "/" or with the user's home. */
bool conf_template_is_absolute(const char *text);

#endif
