/* Fresh names for delivered messages. */
#include "store/maildir_target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* What a name has for the host: the rest is time and numbers, and room for the sizes and flags
 * that others add. */
#define HOST_PART_MAX 128

/* '/' would leave the folder, ':' starts the flags; Maildir writes them in octal. Blanks and
 * what does not print would only make the name no unique-id (R1939-47). A host name that is
 * too long is cut: the numbers before it make the name unique. */
static void
escape_host(const char *host, char ret_part[HOST_PART_MAX + 1])
{
    size_t len = 0;
    for (; *host != '\0' && len + 4 <= HOST_PART_MAX; host++) {
        if (*host == '/' || *host == ':' || *host <= ' ' || *host > '~')
            len +=
                (size_t)snprintf(ret_part + len, 5, "\\%03o", (unsigned)(unsigned char)*host);
        else
            ret_part[len++] = *host;
    }
    ret_part[len] = '\0';
}

enum err_code
maildir_name_make(char ret_name[FILE_NAME_MAX_LEN + 1], struct err *err)
{
    char host[HOST_PART_MAX + 1] = "";
    char part[HOST_PART_MAX + 1];
    struct timespec now;
    unsigned chance;
    /* A name cut by gethostname() has no NUL: one octet is left for it. */
    if (gethostname(host, sizeof host - 1) < 0 && errno != ENAMETOOLONG)
        return err_set(err, ERR_SYSTEM, "cannot ask for the host's name");
    /* Chance rather than a counter: containers that share a host name and a process number,
     * and threads, must not meet either. */
    if (getrandom(&chance, sizeof chance, 0) != (ssize_t)sizeof chance)
        return err_set(err, ERR_SYSTEM, "cannot make a random name");
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for a known clock */
    escape_host(host[0] != '\0' ? host : "localhost", part);
    (void)snprintf(
        ret_name, FILE_NAME_MAX_LEN + 1, "%lld.M%06ldP%ldR%08x.%s", (long long)now.tv_sec,
        now.tv_nsec / 1000, (long)getpid(), chance, part);
    return ERR_OK;
}
