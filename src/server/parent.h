/*
 * The parent: binds, spawns, restarts, reloads. It parses nothing that comes
 * from outside but its own configuration file.
 *
 * Files: restanted.c (command line), parent.c (its life), parent_roles.c (the
 * role processes and their channels), parent_fronts.c (how many fronts, and
 * which), parent_owners.c (stores of owner = "user"), parent_sources.c (auth's
 * helpers),
 * parent_tls.c (certificates and tickets),
 * parent_ban.c (the operator's program for bans), role_user.c (users to run as).
 */
#ifndef SERVER_PARENT_H
#define SERVER_PARENT_H

#include "conf/conf.h"
#include "ipc/channel.h"
#include "net/tls_server.h"
#include "server/role_user.h"
#include "server/tally.h"

#include <sys/types.h>

/* Fronts at most: twice the cores of a large machine. */
#define PARENT_FRONTS_MAX 256u

/* Auth, its helpers and store processes of earlier configurations that the fronts of those
 * still use. */
#define PARENT_RETIRED_MAX (8u + CONF_SECTIONS_MAX)

/* Role processes at most: two generations of fronts that many connections share, fronts with
 * one connection, auth, its helpers, store, keys. */
#define PARENT_CHILDREN_MAX                                                                    \
    (2 * PARENT_FRONTS_MAX + SINGLE_FRONTS_MAX + OWNER_STORES_MAX + 3 + CONF_SECTIONS_MAX +    \
     PARENT_RETIRED_MAX)

/* A role that dies is started again after this, doubled while it keeps dying soon. */
#define PARENT_BACKOFF_MIN_MS 50
#define PARENT_BACKOFF_MAX_MS 5000

/* After a stop, roles that have not ended by then are killed. */
#define PARENT_STOP_MS 5000

/* A role process. */
struct child {
    enum ipc_role role;
    enum source_kind source; /* of a helper */
    pid_t pid;               /* 0: not running */
    int control;             /* -1: not running */
    bool ready;
    bool draining;       /* of an earlier configuration */
    bool single;         /* front: serves one connection */
    bool taken;          /* and has it */
    bool owner;          /* store: for one owner of maildrops */
    struct role_user as; /* who that is */
    uint32_t number;     /* fronts and such stores: never used twice; helpers: of the source */
    uint32_t row;        /* fronts: of the tally */
    int64_t started_ms;
    int64_t restart_ms; /* 0: not waiting to be started */
    int64_t backoff_ms;
};

/* Fronts with one connection each. */
struct parent_singles {
    int64_t start_ms; /* no new one before that: some have crashed while they waited; 0: none */
    int64_t backoff_ms;
    int64_t crash_ms;
    int64_t full_ms; /* when the log last said that there is no room for more; 0: never */
};

/* How a file was when it was read: another time, size or inode means that it has changed. */
struct tls_file {
    uint64_t inode;
    int64_t size;
    int64_t mtime_ns;
};

/* A certificate in force. */
struct tls_pair {
    int certificate_fd; /* what fronts are given; the file may be another one by now */
    uint32_t key;       /* the number of its private key */
};

/* Certificates and tickets. Zeroed = none. */
struct parent_tls {
    struct tls_pair *pairs;
    size_t count;
    uint32_t next_key;
    struct tls_file *seen; /* two for each section tls, one for client-ca, when last tried */
    size_t seen_count;
    int64_t look_ms; /* when the files are looked at next */
    int64_t rotate_ms;
    struct tls_ticket_keys tickets;
};

/* The operator's program for bans: what waits for it, and the one that runs. */
struct parent_bans {
    struct ipc_banned queue[BAN_QUEUE_MAX]; /* a ring */
    uint32_t first;
    uint32_t count;
    uint32_t lost; /* that found no place, since one was started */
    pid_t pid;     /* 0: none runs */
    int64_t kill_ms;
};

/* A store that auth needs and that has no place yet. */
struct owner_need {
    struct owner_need *next;
    int64_t due_ms;
    struct ipc_need_store need;
};

struct parent {
    struct conf conf;
    const char *conf_path;
    struct role_user users[IPC_ROLE_COUNT];
    char program_folder[PATH_LEN_MAX]; /* where the role programs are looked for first */
    struct role_user source_users[CONF_SECTIONS_MAX];
    struct child auth;
    struct child
        sources[CONF_SECTIONS_MAX]; /* of the sources with that number, if a helper's */
    struct child store;             /* runs only if there is one for all */
    struct child *owners; /* OWNER_STORES_MAX stores, each for one owner of maildrops */
    uint32_t owner_end;   /* none behind this one runs */
    struct owner_need *owner_needs; /* the longest first */
    struct child keys;              /* runs only if there are certificates */
    struct child retired[PARENT_RETIRED_MAX];
    struct child *fronts; /* of tally_size.shared, then of tally_size.single */
    uint32_t front_count; /* how many should run, or wait for a connection */
    uint32_t front_max;
    uint32_t front_end; /* none behind this one has been started */
    struct tally_size tally_size;
    struct parent_singles singles;
    uint32_t next_number;
    int *listeners; /* one for each of the configuration */
    int tally_fd;
    struct tally tally;
    struct parent_tls tls;
    struct parent_bans bans;
    int signal_fd;
    bool announced; /* "ready" was said */
    bool was_ready; /* at least once */
    bool stopping;
    int status; /* of the exit; not 0: what made it stop */
};

/* Runs the server until it is told to stop. Returns an exit code of sysexits. */
int parent_run(struct parent *parent);

/* ---- parent_roles.c ---- */

/* Starts what should run and does not; gives every new process its channels. */
enum err_code roles_start(struct parent *parent, struct err *err);

/* A process has ended: notes it, plans its restart. False: it was none of ours. */
bool roles_ended(struct parent *parent, pid_t pid, int status);

/* Milliseconds until a planned restart is due; -1: none is planned. */
int64_t roles_restart_wait(struct parent *parent);

/* Has the certificates of a configuration that is about to be in force judged, by a keys
 * process that is started if none runs. On failure those in force stay. */
enum err_code roles_prepare(struct parent *parent, const struct conf *conf, struct err *err);

/*
 * New processes but for keys; the old ones serve the sessions that they have.
 * Auth and store too: what a sandbox has let go of, it cannot take back when
 * the configuration names other files.
 */
enum err_code roles_reload(struct parent *parent, struct err *err);

/* Listens to READY, and later to what auth has to tell. True: all are ready now. */
bool roles_listen(struct parent *parent, struct child *child);

/* Starts keys alone, if there are certificates, has them judged, and ends it again; and so with
 * auth's helpers. */
enum err_code roles_check(struct parent *parent, struct err *err);

/* Tells a role; descriptors stay the caller's. A role that is gone shows as an ended child:
 * nothing has to be said here. */
void role_tell(
    struct child *child, uint32_t type, const void *body, size_t size, const int *fds,
    size_t fd_count);

/* ---- parent_roles.c, for the other files of the parent ---- */

/* Starts the program of that role, with a control channel. */
enum err_code role_spawn(struct parent *parent, struct child *child, struct err *err);

/* A channel between two running roles. */
enum err_code role_connect(struct child *a, struct child *b, struct err *err);

/* It does not run, and nothing but this keeps it from running. */
bool role_is_due(const struct child *child);

/* "restanted-front" */
const char *role_program(const struct child *child);

/* Every role process there may be, running or not: NULL behind the last. */
struct child *role_child(struct parent *parent, uint32_t index);

/* Closes the control channels: the roles end by themselves. */
void roles_stop(struct parent *parent);
void roles_kill(struct parent *parent);
bool roles_running(struct parent *parent);

/* The same, as auth's request has asked for it. */
enum err_code
role_connect_for(struct child *auth, struct child *store, uint32_t request, struct err *err);

/* A new process gets a channel to every front that runs, but not to those of an earlier
 * configuration, which keep their own auth and store; keys serves all. */
enum err_code roles_connect_fronts(struct parent *parent, struct child *fresh, struct err *err);

/* What a front, a store is told at its start. `root`: all that it may reach, or NULL. */
void front_tell(struct parent *parent, struct child *front);
void store_tell(struct parent *parent, struct child *store, const struct ipc_path *root);

/* ---- parent_fronts.c ---- */

/* Makes room for them, and their counters. */
enum err_code fronts_prepare(struct parent *parent, struct err *err);

/* How many the configuration wants. */
void fronts_count(struct parent *parent);

/* Starts what should run and does not; all other roles run. */
enum err_code fronts_start(struct parent *parent, struct err *err);

/* All that should run are ready, or have their connection. */
bool fronts_are_ready(const struct parent *parent);

/* The configuration is another: they go on with the sessions that they have, and end. */
void fronts_retire(struct parent *parent);

/* A front that serves one connection has got it. */
void front_taken(struct parent *parent, struct child *front, const struct ipc_taken *taken);

/* A front that serves one connection has ended. */
void front_single_ended(struct parent *parent, struct child *front, bool crashed);

/* Milliseconds until one may be started that could not be now; -1: that is no question of time.
 */
int64_t fronts_wait_ms(const struct parent *parent);

/* ---- parent_owners.c ---- */

/* Has each maildrop a store of its owner's? */
bool owners_wanted(const struct conf *conf);

/* ERR_INVALID, with file and line: it has, and must not. */
enum err_code owners_check(const struct conf *conf, const char *path, struct err *err);

/* What auth is told of it: enum ipc_owners. */
uint32_t owners_mode(const struct conf *conf);

/* Makes room for them. */
enum err_code owners_prepare(struct parent *parent, struct err *err);

/* Auth needs one. */
void owner_need(struct parent *parent, struct child *auth, const struct ipc_need_store *need);

/* One says that it has been idle for a while. */
void owner_idle(struct parent *parent, struct child *store);

/* Starts those that waited for another's end; refuses what has waited too long. */
void owners_look(struct parent *parent);

/* Milliseconds until one has; -1: none waits. */
int64_t owners_wait_ms(const struct parent *parent);

/* A new front gets a channel to each. */
enum err_code owners_connect(struct parent *parent, struct child *front, struct err *err);

/* Their auth is gone, or of an earlier configuration now: they end with what they serve. */
void owners_retire(struct parent *parent);

/* One has ended. */
void owner_ended(struct parent *parent, struct child *store);

/* ---- parent_sources.c ---- */

/* As whom the helpers of a configuration run. `auth`: as whom auth does. */
enum err_code sources_resolve(
    const struct conf *conf, const struct role_user *auth,
    struct role_user ret_users[CONF_SECTIONS_MAX], struct err *err);

/* Starts the helpers that should run and do not, with a channel to auth; all have one to a new
 * auth then. */
enum err_code sources_start(struct parent *parent, bool new_auth, struct err *err);

bool sources_are_ready(const struct parent *parent);

/* Starts each helper alone, as far as it finds mistakes in its settings, and ends it again.
 * ERR_INVALID: it has said what is wrong. */
enum err_code sources_check(struct parent *parent, struct err *err);

/* ---- parent_tls.c ---- */

/* Reads the certificates and keys that `conf` names and has keys judge them; on success they
 * are in force. ERR_INVALID names the files. Waits for keys. */
enum err_code tls_load(struct parent *parent, const struct conf *conf, struct err *err);

/* Gives a front what is in force. */
void tls_tell(const struct parent *parent, struct child *front);

/* Looks at the files and at the tickets' keys when it is time, and tells the fronts. */
void tls_look(struct parent *parent);

/* Milliseconds until the next look; -1: there is nothing to look at. */
int64_t tls_wait_ms(const struct parent *parent);

void tls_finish(struct parent_tls *tls);

/* ---- parent_ban.c ---- */

/* Auth has banned somebody: the operator's program, if there is one, is run for it in its turn.
 */
void ban_add(struct parent *parent, const struct ipc_banned *banned);

/* A process has ended. False: it was not the program. */
bool ban_ended(struct parent *parent, pid_t pid, int status);

/* Starts the next one, kills one that takes too long. */
void ban_look(struct parent *parent);

/* Milliseconds until a look is due; -1: none is. */
int64_t ban_wait_ms(const struct parent *parent);

/* Kills the one that runs; the rest is not run. */
void ban_finish(struct parent *parent);

#endif
