/*
 * The sandbox of a role: what is left of its rights once it knows its
 * settings. Entered before it reads anything from outside, for good, and by
 * itself, so that a fault in one role ends in that role.
 *
 * Files: sandbox.c (the first step), sandbox_files.c (Landlock: which paths),
 * sandbox_folder.c (folders for that; front opens none and is not linked with
 * it), sandbox_calls.c (seccomp: the table of system calls), sandbox_source.c
 * (auth's helpers), sandbox_parent.c.
 *
 * Two steps, because Landlock holds for the thread that asks for it and for
 * threads that it starts later, while seccomp takes the other threads along: a
 * role with threads starts them in between, and no role can start one after.
 */
#ifndef SERVER_SANDBOX_H
#define SERVER_SANDBOX_H

#include "ipc/messages.h"

#include <stdbool.h>
#include <stddef.h>

enum sandbox_access {
    SANDBOX_READ,      /* open files for reading; not even list the folder */
    SANDBOX_LIST,      /* and list it */
    SANDBOX_MAILDROPS, /* list folders; read, make, write and remove plain files */
};

/* A folder whose contents stay within reach, at any depth. */
struct sandbox_folder {
    int fd; /* the caller's; need not stay open */
    enum sandbox_access access;
};

/* What a role keeps. Zeroed: nothing. */
struct sandbox_rights {
    const struct sandbox_folder *folders;
    size_t folder_count;
    bool any_path;         /* the files are left to its user's rights */
    bool connects;         /* by TCP; it never listens */
    uint64_t capabilities; /* bits by CAP_*, of those that it has */
};

/*
 * First step: no privileges, no core files, no path but below the folders, no
 * TCP, no signals to others. Without Landlock in the kernel only the first two.
 *
 * Must come before the first thread. Ends the process where it fails.
 */
void sandbox_limit_rights(enum ipc_role role, const struct sandbox_rights *rights);

/* The same, with folders and nothing else. */
void
sandbox_limit_files(enum ipc_role role, const struct sandbox_folder *folders, size_t count);

/*
 * Instead of the second step, for a role whose work is other people's code (PAM
 * modules, a checkpassword program): not an allowed list, but what such code
 * never needs and what has opened systems before: tracing, mounting, modules,
 * namespaces, keys, BPF and the like are refused. Ends the process where it fails.
 */
void sandbox_deny_calls(void);

/* Second step: only the system calls of the role's table, in all threads; another one kills the
 * process (SIGSYS). Ends the process where it fails. */
void sandbox_limit_calls(enum ipc_role role);

/* ---- sandbox_parent.c ---- */

/* Gives up what the parent can do without: it keeps the right to become its roles' users, and
 * to open what its configuration names. The roles inherit this until they do their own. */
void sandbox_limit_parent(void);

/* What is missing here of what is said above, one line for the log; NULL: nothing. */
const char *sandbox_gap(void);

/* Not attached to, no memory in /proc, no core file: there are passwords, mail and keys in it.
 * False: errno says why. */
bool sandbox_hide_memory(void);

/* ---- sandbox_files.c ---- */

/* The version of Landlock's interface; 0: this kernel has none. */
int sandbox_landlock_version(void);

/* Landlock for this thread and those it starts. False: errno says why. */
bool sandbox_restrict_files(const struct sandbox_rights *rights);

/* ---- sandbox_folder.c ---- */

/* For struct sandbox_folder: the folder, or the nearest one above it that is there, whose path
 * is then left in `path`. -1: errno says why. */
int sandbox_folder_open(char *path);

/* The folder that has the file, and the one that it is in really, where links lead elsewhere.
 * Returns how many there are; those that cannot be reached are left out. */
size_t sandbox_folders_of(const char *file, int ret_fds[2]);

#endif
