/*
 * One end of a SEQPACKET socket between two roles. Sending and receiving are
 * whole messages with their descriptors, checked against the table.
 */
#ifndef IPC_CHANNEL_H
#define IPC_CHANNEL_H

#include "ipc/messages.h"

#include <stdalign.h>

enum ipc_result {
    IPC_OK,
    IPC_AGAIN,  /* nothing there, or no room now */
    IPC_CLOSED, /* the other end is gone */
    IPC_BAD,    /* what came breaks the table; or descriptors were lost on the way */
    IPC_NO_FDS, /* sending: the kernel takes no more descriptors now (ETOOMANYREFS) */
};

/* A received message. Its descriptors are the receiver's to close. */
struct ipc_packet {
    struct ipc_header header;
    alignas(8) char body[IPC_BODY_MAX];
    size_t body_size;
    int fds[FETCH_BATCH_MAX];
    size_t fd_count;
};

/* Receives one message without waiting. On anything but IPC_OK nothing is kept open. */
enum ipc_result
ipc_receive(int fd, enum ipc_role from, enum ipc_role to, struct ipc_packet *packet);

/* Sends one message without waiting; the descriptors stay the caller's. IPC_AGAIN: the other
 * end has too much to read already, nothing was sent. */
enum ipc_result ipc_send(
    int fd, const struct ipc_header *header, const void *body, size_t body_size, const int *fds,
    size_t fd_count);

/* The same, but gives the other end IPC_PATIENCE_MS to read; IPC_AGAIN: it did not, and is best
 * treated as lost. */
enum ipc_result ipc_send_wait(
    int fd, const struct ipc_header *header, const void *body, size_t body_size, const int *fds,
    size_t fd_count);

/* Takes one descriptor out of the packet: the caller's now. */
int ipc_packet_take_fd(struct ipc_packet *packet, size_t index);

/* Closes the descriptors that were not taken. */
void ipc_packet_finish(struct ipc_packet *packet);

#endif
