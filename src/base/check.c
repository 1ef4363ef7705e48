/* The end of a process that found itself wrong. */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void
check_failed(const char *condition, const char *file, int line)
{
    char text[512];
    int len = snprintf(text, sizeof text, "%s:%d: must hold: %s\n", file, line, condition);
    if (len > (int)sizeof text)
        len = sizeof text;
    if (len > 0)
        (void)!write(STDERR_FILENO, text, (size_t)len); /* nobody is left to tell */
    abort();
}
