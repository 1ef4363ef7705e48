/* hostile [MESSAGES]: that many to each role; the output is TAP. */
#include "hostile.h"

#include "base/number.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGES_DEFAULT = 100000 };

static void
remove_folder(const char *folder)
{
    char command[4200];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    (void)!freopen("/dev/null", "w", stderr); /* what is left is in a temporary folder */
    FILE *done = popen(command, "re");
    if (done != NULL)
        (void)pclose(done);
}

int
main(int argc, char **argv)
{
    uint64_t count = MESSAGES_DEFAULT;
    char folder[] = "/tmp/restante-hostile-XXXXXX";
    const char *wanted = getenv("RESTANTE_HOSTILE_MESSAGES");
    const char *text = argc > 1 ? argv[1] : wanted;
    if (text != NULL && !parse_u64(pop_view_of(text), &count))
        fail("'%s' is no number of messages", text);
    if (mkdtemp(folder) == NULL)
        fail("cannot make a folder");
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    /* The roles' own log is not of interest: they complain about us all the time. */
    int log = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (log >= 0)
        (void)dup2(log, STDERR_FILENO);
    (void)puts("1..4");
    attack_auth(count, folder);
    attack_store(count, folder);
    attack_keys(count / 10, folder);  /* each waits for its answer */
    attack_source(count / 5, folder); /* each of which is listened to */
    remove_folder(folder);
    return EXIT_SUCCESS;
}
