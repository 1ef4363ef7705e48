/* The command line of restanted. */
#include "server/restanted.h"
#include "base/log.h"
#include "conf/conf.h"
#include "server/attack.h"

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

static const char usage[] =
    "usage: restanted [-c FILE] [--check]\n"
    "\n"
    "Runs the POP3 server in the foreground and logs to standard error.\n"
    "\n"
    "  -c, --config FILE   the configuration; default /etc/restante/restanted.conf\n"
    "      --check         only say whether the configuration is right\n"
    "      --help-config   list every option of the configuration\n"
#ifdef RESTANTE_ATTACK
    "      --attack        try to break out of each role's sandbox\n"
    "      --attack=bare   the same, without a sandbox\n"
#endif
    "  -h, --help          this text\n"
    "  -V, --version       the version\n"
    "\n"
    "SIGTERM ends it, SIGHUP reads the configuration again.\n";

int
main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, 'k'},
        {"help-config", no_argument, NULL, 'C'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
#ifdef RESTANTE_ATTACK
        {"attack", optional_argument, NULL, 'a'},
#endif
        {NULL, 0, NULL, 0},
    };
    const char *path = "/etc/restante/restanted.conf";
    bool check = false;
    log_open("restanted");
    for (int option; (option = getopt_long(argc, argv, "c:hV", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 'k':
            check = true;
            break;
        case 'C':
            conf_options_print(stdout);
            return EX_OK;
#ifdef RESTANTE_ATTACK
        case 'a':
            if (setenv(ATTACK_VARIABLE, "", 1) < 0 ||
                (optarg != NULL && setenv(ATTACK_BARE_VARIABLE, "", 1) < 0))
                return EX_OSERR;
            break;
#endif
        case 'h':
            (void)fputs(usage, stdout);
            return EX_OK;
        case 'V':
            (void)puts("restanted " RESTANTE_VERSION);
            return EX_OK;
        default:
            (void)fputs(usage, stderr);
            return EX_USAGE;
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr, "restanted: what is '%s'?\n%s", argv[optind], usage);
        return EX_USAGE;
    }
    return restanted_run(path, check);
}
