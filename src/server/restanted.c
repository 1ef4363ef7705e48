/* What the restanted command does once its command line is read. */
#include "server/restanted.h"

#include "base/log.h"
#include "server/parent.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* The folder of the running program. */
static void
find_programs(struct parent *parent)
{
    ssize_t len =
        readlink("/proc/self/exe", parent->program_folder, sizeof parent->program_folder - 1);
    parent->program_folder[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(parent->program_folder, '/');
    if (slash != NULL)
        *slash = '\0';
}

/* A user file that is not there would show only when somebody logs in. */
static bool
user_files_exist(const struct parent *parent)
{
    bool exist = true;
    for (size_t i = 0; i < parent->conf.auth_count; i++) {
        const char *file = parent->conf.auths[i].file;
        if (access(file, R_OK) == 0)
            continue;
        log_error(
            "%s: cannot read the user file '%s': %s", parent->conf_path, file, strerror(errno));
        exist = false;
    }
    return exist;
}

int
restanted_run(const char *conf_path, bool check)
{
    static struct parent parent; /* large */
    struct err err;
    parent.conf_path = conf_path;
    if (conf_load(conf_path, &parent.conf, &err) != ERR_OK) {
        log_error("%s", err.text);
        return EX_CONFIG;
    }
    if (!user_files_exist(&parent)) {
        conf_finish(&parent.conf);
        return EX_CONFIG;
    }
    if (check) {
        for (size_t i = 0; i < parent.conf.warning_count; i++)
            log_warning("%s", parent.conf.warnings[i]);
        log_info("%s is right", conf_path);
        conf_finish(&parent.conf);
        return EX_OK;
    }
    find_programs(&parent);
    int status = parent_run(&parent);
    conf_finish(&parent.conf);
    return status;
}
