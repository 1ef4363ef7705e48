/* Checks of path templates; what a letter means is the store role's business. */
#include "conf/template.h"

#include <string.h>

enum err_code
conf_template_check(const char *text, struct err *err)
{
    for (const char *percent = strchr(text, '%'); percent != NULL;
         percent = strchr(percent + 2, '%')) {
        char letter = percent[1];
        if (letter == '\0')
            return err_set(
                err, ERR_INVALID, "a '%%' at the end stands for nothing; write '%%%%'");
        if (strchr("undh%", letter) == NULL)
            return err_set(
                err, ERR_INVALID,
                "unknown '%%%c': %%u is the user, %%n the local part, %%d the domain, "
                "%%h the home, %%%% a percent sign",
                letter);
    }
    return ERR_OK;
}

bool
conf_template_has_user(const char *text)
{
    for (const char *percent = strchr(text, '%'); percent != NULL;
         percent = strchr(percent + 2, '%')) {
        if (strchr("unh", percent[1]) != NULL)
            return true;
    }
    return false;
}

bool
conf_template_is_absolute(const char *text)
{
    return text[0] == '/' || strncmp(text, "%h", 2) == 0;
}
