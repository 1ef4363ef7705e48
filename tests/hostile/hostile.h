/*
 * A front that was taken over, or a helper of auth, against the real role
 * programs: starts a role as the parent does, stands in for all its
 * neighbours, and sends it millions of messages that are right, nearly right
 * or nonsense.
 *
 * The role must live, keep its memory and descriptors, and do nothing that it
 * was not granted; it may close the channel as often as it likes.
 */
#ifndef TESTS_HOSTILE_H
#define TESTS_HOSTILE_H

#include "ipc/channel.h"

#include <stdnoreturn.h>
#include <sys/types.h>

/* One role process and our ends of its channels. */
struct role {
    pid_t pid;
    int control;
    int neighbour; /* as store for auth, as auth for store */
    int front;
    uint32_t front_number;
    uint64_t sent;
    uint64_t closed; /* times that it closed the channel of who was taken over */
};

/* Ends the program: a test has failed. */
noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A generator of our own: the same seed, the same run. */
uint32_t chance(uint32_t below);

/* Starts the program of that role; nothing is told to it yet. */
void role_begin(struct role *role, enum ipc_role which);

/* Tells it as the parent does. */
void tell(
    struct role *role, uint32_t type, const void *body, size_t size, const int *fds,
    size_t fd_count);

/* A channel to a neighbour; our end of it. */
int connect_as(struct role *role, enum ipc_role peer, uint32_t number);

/* START, and its READY. */
void role_started(struct role *role);

/* A fresh front's channel, in place of one that was closed. */
void front_again(struct role *role);

/*
 * Sends one message from front: `type` and `body` as they are, or spoilt in a
 * way that the table must see. False: the channel was closed.
 */
bool send_from_front(
    struct role *role, uint32_t type, uint64_t session, const void *body, size_t size);

/* The next message on a channel that lies there already; false: none, or it is closed. */
bool hear(int fd, enum ipc_role from, enum ipc_role to, struct ipc_packet *packet);

/* Waits for one. False: closed. */
bool hear_soon(int fd, enum ipc_role from, enum ipc_role to, struct ipc_packet *packet);

/* That it lives, and has no more descriptors and memory than at its start. */
void role_check(struct role *role);

/* Ends it, and sees that it ends well. */
void role_end(struct role *role);

/* Lets its neighbours go, and sees that it ends well by itself. */
void role_let_go(struct role *role);

/* One test each: `count` messages. */
void attack_auth(uint64_t count, const char *folder);
void attack_store(uint64_t count, const char *folder);
void attack_keys(uint64_t count, const char *folder);
void attack_source(uint64_t count, const char *folder);

#endif
