/* Names that a user may have: they stand in a line of the user file and in paths. */
#ifndef AUTH_USER_NAME_H
#define AUTH_USER_NAME_H

#include <pop/view.h>

/* NULL: fine. Else why not, a constant. */
const char *user_name_problem(struct pop_view name);

#endif
