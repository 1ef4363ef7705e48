/* User names. */
#include "auth/user_name.h"

#include "base/limits.h"

const char *
user_name_problem(struct pop_view name)
{
    if (name.len == 0)
        return "a user name must not be empty";
    if (name.len > USER_NAME_MAX)
        return "a user name has at most 255 octets";
    if (name.data[0] == '.')
        return "a user name must not start with '.'"; /* "..", and hidden folders */
    if (name.data[0] == '#')
        return "a user name must not start with '#'"; /* its line would be a comment */
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];
        if (c < 0x20 || c == 0x7f)
            return "a user name must not have control characters";
        if (c == ':')
            return "a user name must not have ':'";
        if (c == '/')
            return "a user name must not have '/'";
    }
    return NULL;
}
