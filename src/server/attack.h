/*
 * The attack: what a role could try if it were taken over, tried from inside its
 * sandbox. Only in builds with -Dattack=true; restanted --attack begins it.
 */
#ifndef SERVER_ATTACK_H
#define SERVER_ATTACK_H

#include "server/sandbox.h"

#include <stdlib.h>

/* Set in the environment by the command line for the parent, and by the parent for its roles,
 * for whom its value is the user file and the folder of all maildrops with a line feed between
 * them. Without ATTACK_BARE_VARIABLE the acts are tried inside the sandbox, with it outside:
 * that shows which of them the sandbox alone refuses. */
#define ATTACK_VARIABLE      "RESTANTED_ATTACK"
#define ATTACK_BARE_VARIABLE "RESTANTED_ATTACK_BARE"

/*
 * In an attack: tries each act in a process of its own, which enters the role's
 * sandbox first. Says on standard output how many were refused. If one was not,
 * the process ends.
 */
#ifdef RESTANTE_ATTACK
static inline bool
attack_is_asked(void)
{
    return getenv(ATTACK_VARIABLE) != NULL;
}
void attack_if_asked(enum ipc_role role, const struct sandbox_rights *rights);
#else
static inline bool
attack_is_asked(void)
{
    return false;
}
static inline void
attack_if_asked(enum ipc_role role, const struct sandbox_rights *rights)
{
    (void)role;
    (void)rights;
}
#endif

#endif
