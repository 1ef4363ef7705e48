/* Messages with descriptors over SEQPACKET sockets. Judges what comes; knows no session. */
#include "ipc/channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
    struct cmsghdr header; /* for the alignment */
    char space[CMSG_SPACE(sizeof(int) * FETCH_BATCH_MAX)];
};

static void
take_descriptors(struct msghdr *message, struct ipc_packet *packet)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (count > FETCH_BATCH_MAX - packet->fd_count)
            count = FETCH_BATCH_MAX - packet->fd_count;
        memcpy(packet->fds + packet->fd_count, CMSG_DATA(c), count * sizeof(int));
        packet->fd_count += count;
    }
}

enum ipc_result
ipc_receive(int fd, enum ipc_role from, enum ipc_role to, struct ipc_packet *packet)
{
    union control control;
    struct iovec parts[] = {
        {&packet->header, sizeof packet->header},
        {packet->body, sizeof packet->body},
    };
    struct msghdr message = {
        .msg_iov = parts,
        .msg_iovlen = 2,
        .msg_control = control.space,
        .msg_controllen = sizeof control.space,
    };

    packet->fd_count = 0;
    ssize_t size;
    do
        size = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return errno == EAGAIN ? IPC_AGAIN : IPC_CLOSED;
    take_descriptors(&message, packet);
    if (size == 0) { /* an empty message is none: every one has a header; it may carry
                        descriptors all the same */
        ipc_packet_finish(packet);
        return IPC_CLOSED;
    }
    /* MSG_CTRUNC: descriptors were lost silently because our table is full. */
    bool whole = !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
                 (size_t)size >= sizeof packet->header;
    packet->body_size = whole ? (size_t)size - sizeof packet->header : 0;
    if (whole &&
        ipc_message_valid(
            from, to, packet->header.type, packet->body, packet->body_size, packet->fd_count))
        return IPC_OK;
    ipc_packet_finish(packet);
    return IPC_BAD;
}

enum ipc_result
ipc_send(
    int fd, const struct ipc_header *header, const void *body, size_t body_size, const int *fds,
    size_t fd_count)
{
    union control control;
    struct iovec parts[] = {
        {(void *)(uintptr_t)header, sizeof *header},
        {(void *)(uintptr_t)body, body_size},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    if (fd_count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
    }

    ssize_t size;
    do
        size = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (size < 0 && errno == EINTR);
    if (size >= 0)
        return IPC_OK;
    if (errno == EAGAIN || errno == ENOBUFS)
        return IPC_AGAIN;
    return errno == ETOOMANYREFS ? IPC_NO_FDS : IPC_CLOSED;
}

enum ipc_result
ipc_send_wait(
    int fd, const struct ipc_header *header, const void *body, size_t body_size, const int *fds,
    size_t fd_count)
{
    for (;;) {
        enum ipc_result result = ipc_send(fd, header, body, body_size, fds, fd_count);
        struct pollfd writable = {.fd = fd, .events = POLLOUT};
        if (result != IPC_AGAIN)
            return result;
        int ready = poll(&writable, 1, IPC_PATIENCE_MS);
        if (ready == 0 || (ready < 0 && errno != EINTR))
            return IPC_AGAIN;
    }
}

int
ipc_packet_take_fd(struct ipc_packet *packet, size_t index)
{
    int fd = packet->fds[index];
    packet->fds[index] = -1;
    return fd;
}

void
ipc_packet_finish(struct ipc_packet *packet)
{
    for (size_t i = 0; i < packet->fd_count; i++)
        if (packet->fds[i] >= 0)
            (void)close(packet->fds[i]); /* read only, nothing to lose */
    packet->fd_count = 0;
}
