/* Finding and checking the configuration, then being the parent: what the command does. */
#ifndef SERVER_RESTANTED_H
#define SERVER_RESTANTED_H

#include <stdbool.h>

/* `check`: only says whether the configuration is right. Returns an exit code of sysexits. */
int restanted_run(const char *conf_path, bool check);

#endif
