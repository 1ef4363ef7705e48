/* From the configured template and a user to the path of a maildrop. */
#ifndef SERVER_LOCATION_H
#define SERVER_LOCATION_H

#include "base/err.h"
#include "base/limits.h"

#include <pop/view.h>

/* The folder that has every maildrop of the template: what stands before the first part that
 * depends on the user. */
void location_root(const char *path_template, char ret_root[PATH_LEN_MAX]);

/*
 * The path of a user's maildrop from the template: %u user, %n the part before
 * '@', %d the part behind it, %h home. ERR_INVALID: a name that could leave its
 * place ('/', a leading dot, control octets, empty part), a missing home, or a
 * path that is too long.
 */
enum err_code location_expand(
    const char *path_template, struct pop_view user, struct pop_view home,
    char ret_location[PATH_LEN_MAX], struct err *err);

#endif
