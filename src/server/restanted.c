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

/* A user file that auth cannot read would show only when somebody logs in. */
static bool
user_file_is_readable(
    const struct parent *parent, const struct role_user *auth, const char *file)
{
    int problem = role_user_read_problem(auth, file);
    if (problem == 0)
        return true;
    if (problem == EACCES && auth->change)
        log_error(
            "%s: user-auth (uid %u, gid %u) cannot read the user file '%s'; give it to that "
            "group: chgrp %u '%s' && chmod 640 '%s', and check the folders above it",
            parent->conf_path, auth->uid, auth->gid, file, auth->gid, file, file);
    else
        log_error(
            "%s: cannot read the user file '%s': %s", parent->conf_path, file,
            strerror(problem));
    return false;
}

static bool
user_files_are_readable(const struct parent *parent)
{
    struct err err;
    struct role_user auth;
    if (role_user_resolve("user-auth", &parent->conf.user_auth, &auth, &err) != ERR_OK) {
        log_error("%s: %s", parent->conf_path, err.text);
        return false;
    }
    bool readable = true;
    for (size_t i = 0; i < parent->conf.auth_count; i++)
        if (parent->conf.auths[i].source == SOURCE_PASSWD_FILE)
            readable &=
                user_file_is_readable(parent, &auth, parent->conf.auths[i].values[SOURCE_FILE]);
    return readable;
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
    if (!user_files_are_readable(&parent)) {
        conf_finish(&parent.conf);
        return EX_CONFIG;
    }
    if (parent.conf.ban_command != NULL && access(parent.conf.ban_command, X_OK) < 0) {
        log_error("%s: ban-command '%s' cannot be run: %m", conf_path, parent.conf.ban_command);
        conf_finish(&parent.conf);
        return EX_CONFIG;
    }
    find_programs(&parent);
    if (check && roles_check(&parent, &err) != ERR_OK) {
        log_error("%s: %s", conf_path, err.text);
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
    int status = parent_run(&parent);
    conf_finish(&parent.conf);
    return status;
}
