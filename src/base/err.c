/* Named errors. Never logs; never loses errno. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum err_code
err_set(struct err *err, enum err_code code, const char *format, ...)
{
    int number = errno;
    if (err != NULL) {
        err->code = code;
        err->number = code == ERR_SYSTEM ? number : 0;

        va_list args;
        va_start(args, format);
        int len = vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        if (code == ERR_SYSTEM && len >= 0 && (size_t)len < sizeof err->text)
            (void)snprintf(
                err->text + len, sizeof err->text - (size_t)len, ": %s", strerror(number));
    }
    errno = number;
    return code;
}

enum err_code
err_prefix(struct err *err, const char *format, ...)
{
    char prefix[ERR_TEXT_MAX / 2];
    va_list args;
    va_start(args, format);
    int written = vsnprintf(prefix, sizeof prefix - 2, format, args);
    va_end(args);
    if (written < 0)
        return err->code;

    size_t len = strlen(prefix);
    prefix[len++] = ':';
    prefix[len++] = ' ';
    size_t keep = strnlen(err->text, sizeof err->text - 1 - len);
    memmove(err->text + len, err->text, keep);
    memcpy(err->text, prefix, len);
    err->text[len + keep] = '\0';
    return err->code;
}

bool
err_is_permanent(const struct err *err)
{
    if (err->code != ERR_SYSTEM)
        return false;
    switch (err->number) {
    case EACCES:
    case EPERM:
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case EROFS:
    case ELOOP:
    case ENAMETOOLONG:
        return true;
    default:
        return false;
    }
}
