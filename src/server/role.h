/* What the role programs have in common: they are started by restanted with one descriptor. */
#ifndef SERVER_ROLE_H
#define SERVER_ROLE_H

#include "ipc/channel.h"

/* Where the parent leaves the control channel. */
#define ROLE_CONTROL_FD 3

/*
 * First in a role's main: the log, SIGPIPE, and a check that the program was
 * started by restanted (a person who starts it by hand gets told so, exit 64).
 */
void role_start(enum ipc_role role);

/*
 * The parent's next message, without waiting; ipc_packet_finish() is the
 * caller's. False: there is none now. Ends the process well when the parent
 * stops it or is gone, and as a bug when the parent breaks the table.
 */
bool role_receive(enum ipc_role role, struct ipc_packet *packet);

/* Tells the parent that START was carried out. */
void role_ready(void);

#endif
