/*
 * The parent: binds, spawns, restarts, reloads. It parses nothing that comes
 * from outside but its own configuration file.
 *
 * Files: restanted.c (command line), parent.c (its life), parent_roles.c (the
 * role processes and their channels), role_user.c (users to run as).
 */
#ifndef SERVER_PARENT_H
#define SERVER_PARENT_H

#include "conf/conf.h"
#include "ipc/channel.h"
#include "server/role_user.h"
#include "server/tally.h"

#include <sys/types.h>

/* Fronts at most: twice the cores of a large machine. */
#define PARENT_FRONTS_MAX 256u

/* A role that dies is started again after this, doubled while it keeps dying soon. */
#define PARENT_BACKOFF_MIN_MS 50
#define PARENT_BACKOFF_MAX_MS 5000

/* After a stop, roles that have not ended by then are killed. */
#define PARENT_STOP_MS 5000

/* A role process. */
struct child {
    enum ipc_role role;
    pid_t pid;   /* 0: not running */
    int control; /* -1: not running */
    bool ready;
    bool draining;   /* a front of an earlier configuration */
    uint32_t number; /* fronts: never used twice */
    uint32_t row;    /* fronts: of the tally */
    int64_t started_ms;
    int64_t restart_ms; /* 0: not waiting to be started */
    int64_t backoff_ms;
};

struct parent {
    struct conf conf;
    const char *conf_path;
    struct role_user users[IPC_ROLE_COUNT];
    char program_folder[PATH_LEN_MAX]; /* where the role programs are looked for first */
    struct child auth;
    struct child store;
    struct child *fronts; /* front_max of them */
    uint32_t front_count; /* how many should run */
    uint32_t front_max;
    uint32_t next_number;
    int *listeners; /* one for each of the configuration */
    int tally_fd;
    struct tally tally;
    int signal_fd;
    bool announced; /* "ready" was said */
    bool stopping;
};

/* Runs the server until it is told to stop. Returns an exit code of sysexits. */
int parent_run(struct parent *parent);

/* ---- parent_roles.c ---- */

/* Starts what should run and does not; gives every new process its channels. */
enum err_code roles_start(struct parent *parent, struct err *err);

/* A process has ended: notes it, plans its restart. False: it was none of ours. */
bool roles_ended(struct parent *parent, pid_t pid, int status);

/* Milliseconds until a planned restart is due; -1: none is planned. */
int64_t roles_restart_wait(const struct parent *parent);

/* New settings for auth and store, new fronts; the old ones drain. */
enum err_code roles_reload(struct parent *parent, struct err *err);

/* Listens to READY. True: all are ready now. */
bool roles_listen(struct parent *parent, struct child *child);

/* Closes the control channels: the roles end by themselves. */
void roles_stop(struct parent *parent);
void roles_kill(struct parent *parent);
bool roles_running(const struct parent *parent);

#endif
