/* A channel that gets what it should, what it should not, and less than was sent; after each
 * message as many descriptors are open as before. */
#include "descriptors.h"
#include "ipc/channel.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct channel {
    int sender;
    int receiver;
    unsigned open_before; /* descriptors of this process, with the two above */
    struct ipc_packet packet;
};

static int
channel_make(void **state)
{
    struct channel *channel = calloc(1, sizeof *channel);
    int ends[2];
    assert_non_null(channel);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    channel->sender = ends[0];
    channel->receiver = ends[1];
    channel->open_before = open_descriptors();
    *state = channel;
    return 0;
}

static int
channel_remove(void **state)
{
    struct channel *channel = *state;
    assert_int_equal(open_descriptors(), channel->open_before);
    (void)close(channel->sender);
    (void)close(channel->receiver);
    free(channel);
    return 0;
}

static void
close_sender(struct channel *channel)
{
    assert_int_equal(close(channel->sender), 0);
    channel->sender = -1;
    channel->open_before--;
}

/* Sends any octets with any number of copies of a descriptor, up to the kernel's 253. */
static void
send_raw(const struct channel *channel, const void *data, size_t size, size_t fd_count)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * 253)];
    } control = {0};
    struct iovec part = {(void *)(uintptr_t)data, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    assert_in_range(fd_count, 0, 253);
    if (fd_count > 0) {
        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        *c = (struct cmsghdr){CMSG_LEN(sizeof(int) * fd_count), SOL_SOCKET, SCM_RIGHTS};
        for (size_t i = 0; i < fd_count; i++)
            memcpy(CMSG_DATA(c) + i * sizeof(int), &channel->sender, sizeof(int));
    }
    assert_int_equal(sendmsg(channel->sender, &message, 0), size);
}

static enum ipc_result
receive(struct channel *channel, enum ipc_role from, enum ipc_role to)
{
    return ipc_receive(channel->receiver, from, to, &channel->packet);
}

/* Receives something bad: nothing may stay open, and the channel still works. */
static void
expect_bad(struct channel *channel, enum ipc_role from, enum ipc_role to)
{
    assert_int_equal(receive(channel, from, to), IPC_BAD);
    assert_int_equal(channel->packet.fd_count, 0);
    assert_int_equal(open_descriptors(), channel->open_before);
    assert_int_equal(receive(channel, from, to), IPC_AGAIN);
}

static void
the_largest_message_arrives_as_it_was_sent(void **state)
{
    struct channel *channel = *state;
    struct ipc_header header = {.type = IPC_OPENED, .number = 7, .session = UINT64_MAX - 1};
    struct ipc_opened *opened = calloc(1, sizeof *opened);
    assert_non_null(opened);
    opened->size = sizeof opened->snapshot;
    for (size_t i = 0; i < sizeof opened->snapshot; i++)
        opened->snapshot[i] = (char)(i * 7 % 251);
    assert_int_equal(
        ipc_send(channel->sender, &header, opened, sizeof *opened, NULL, 0), IPC_OK);
    assert_int_equal(receive(channel, IPC_STORE, IPC_FRONT), IPC_OK);
    assert_memory_equal(&channel->packet.header, &header, sizeof header);
    assert_int_equal(channel->packet.body_size, sizeof *opened);
    assert_memory_equal(channel->packet.body, opened, sizeof *opened);
    assert_int_equal(channel->packet.fd_count, 0);
    ipc_packet_finish(&channel->packet);
    free(opened);
}

/* A file whose content is its number. */
static int
numbered_file(unsigned char number)
{
    char path[] = "/tmp/restante-ipc-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(pwrite(fd, &number, 1, 0), 1);
    return fd;
}

static void
descriptors_arrive_in_order_and_belong_to_whoever_takes_them(void **state)
{
    struct channel *channel = *state;
    struct ipc_header header = {.type = IPC_FETCHED, .session = 1};
    struct ipc_fetched fetched = {.count = FETCH_BATCH_MAX};
    int fds[FETCH_BATCH_MAX];
    for (unsigned char i = 0; i < FETCH_BATCH_MAX; i++)
        fds[i] = numbered_file(i);
    assert_int_equal(
        ipc_send(channel->sender, &header, &fetched, sizeof fetched, fds, FETCH_BATCH_MAX),
        IPC_OK);
    for (size_t i = 0; i < FETCH_BATCH_MAX; i++)
        assert_int_equal(close(fds[i]), 0); /* they stay the sender's, the copies live on */

    assert_int_equal(receive(channel, IPC_STORE, IPC_FRONT), IPC_OK);
    assert_int_equal(channel->packet.fd_count, FETCH_BATCH_MAX);
    int taken[2] = {
        ipc_packet_take_fd(&channel->packet, 0),
        ipc_packet_take_fd(&channel->packet, FETCH_BATCH_MAX - 1)};
    for (size_t i = 1; i < FETCH_BATCH_MAX - 1; i++) {
        unsigned char number = 255;
        assert_int_equal(pread(channel->packet.fds[i], &number, 1, 0), 1);
        assert_int_equal(number, i);
        assert_true(fcntl(channel->packet.fds[i], F_GETFD) & FD_CLOEXEC);
    }
    ipc_packet_finish(&channel->packet);
    assert_int_equal(open_descriptors(), channel->open_before + 2);
    for (size_t i = 0; i < 2; i++) {
        unsigned char number = 255;
        assert_int_equal(pread(taken[i], &number, 1, 0), 1);
        assert_int_equal(number, i == 0 ? 0 : FETCH_BATCH_MAX - 1);
        assert_int_equal(close(taken[i]), 0);
    }
    ipc_packet_finish(&channel->packet); /* twice is fine */
}

static void
more_or_fewer_descriptors_than_the_type_has_are_refused_and_closed(void **state)
{
    struct channel *channel = *state;
    static const size_t counts[] = {0, 2, 31, 32, 33, 34, 253};
    struct ipc_header header = {.type = IPC_LISTENER};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        send_raw(channel, &header, sizeof header, counts[i]);
        expect_bad(channel, IPC_PARENT, IPC_FRONT);
    }
}

/* Three descriptors come, and there is room for `room` in the table of this process. */
static enum ipc_result
receive_with_room(struct channel *channel, unsigned room)
{
    struct ipc_fetched fetched = {.count = 3};
    struct {
        struct ipc_header header;
        struct ipc_fetched body;
    } message = {{.type = IPC_FETCHED}, fetched};
    struct rlimit was;
    struct rlimit low;
    send_raw(channel, &message, sizeof message, 3);
    int next = dup(channel->sender); /* the lowest free one; those above it are free as well */
    assert_int_equal(close(next), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    low = (struct rlimit){(rlim_t)next + room, was.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    enum ipc_result result = receive(channel, IPC_STORE, IPC_FRONT);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    return result;
}

static void
descriptors_lost_on_the_way_spoil_the_message(void **state)
{
    struct channel *channel = *state;
    for (unsigned room = 0; room < 3; room++) {
        assert_int_equal(receive_with_room(channel, room), IPC_BAD);
        assert_int_equal(open_descriptors(), channel->open_before);
    }
    assert_int_equal(receive_with_room(channel, 3), IPC_OK);
    assert_int_equal(channel->packet.fd_count, 3);
    ipc_packet_finish(&channel->packet);
}

static void
messages_shorter_than_a_header_or_longer_than_any_body_are_refused(void **state)
{
    struct channel *channel = *state;
    static char octets[sizeof(struct ipc_header) + IPC_BODY_MAX + 1];
    struct ipc_header start = {.type = IPC_START};
    memcpy(octets, &start, sizeof start);
    for (size_t size = 1; size < sizeof start; size++) {
        send_raw(channel, octets, size, size % 3);
        expect_bad(channel, IPC_PARENT, IPC_FRONT);
    }
    send_raw(channel, octets, sizeof octets, 1);
    expect_bad(channel, IPC_PARENT, IPC_FRONT);
    send_raw(channel, octets, sizeof start, 0);
    assert_int_equal(receive(channel, IPC_PARENT, IPC_FRONT), IPC_OK);
    assert_int_equal(channel->packet.body_size, 0);
}

/* One octet too many for the buffers, of a message that would be right without it. */
static void
a_message_cut_by_the_buffer_is_no_message(void **state)
{
    struct channel *channel = *state;
    static struct {
        struct ipc_header header;
        struct ipc_opened opened;
        char more;
    } message = {{.type = IPC_OPENED}, {.size = SNAPSHOT_INLINE_MAX}, 0};
    send_raw(channel, &message, offsetof(typeof(message), more) + 1, 1);
    expect_bad(channel, IPC_STORE, IPC_FRONT);
}

static void
an_empty_message_ends_the_channel_and_leaves_nothing_open(void **state)
{
    struct channel *channel = *state;
    for (size_t fds = 0; fds < 3; fds++) {
        send_raw(channel, "", 0, fds);
        assert_int_equal(receive(channel, IPC_FRONT, IPC_AUTH), IPC_CLOSED);
        assert_int_equal(channel->packet.fd_count, 0);
        assert_int_equal(open_descriptors(), channel->open_before);
    }
}

static void
a_message_of_the_wrong_sender_is_refused_and_its_descriptor_closed(void **state)
{
    struct channel *channel = *state;
    struct {
        struct ipc_header header;
        struct ipc_channel_info info;
    } message = {{.type = IPC_CHANNEL}, {.role = IPC_STORE}};
    size_t size = sizeof message.header + sizeof message.info;
    send_raw(channel, &message, size, 1);
    expect_bad(channel, IPC_FRONT, IPC_STORE);
    send_raw(channel, &message, size, 1);
    assert_int_equal(receive(channel, IPC_PARENT, IPC_STORE), IPC_OK);
    ipc_packet_finish(&channel->packet);
}

static void
a_peer_that_is_gone_is_told_apart_from_one_that_is_silent(void **state)
{
    struct channel *channel = *state;
    struct ipc_header header = {.type = IPC_READY};
    assert_int_equal(receive(channel, IPC_FRONT, IPC_PARENT), IPC_AGAIN);
    assert_int_equal(ipc_send(channel->sender, &header, NULL, 0, NULL, 0), IPC_OK);
    close_sender(channel);
    assert_int_equal(receive(channel, IPC_FRONT, IPC_PARENT), IPC_OK); /* its last words */
    assert_int_equal(receive(channel, IPC_FRONT, IPC_PARENT), IPC_CLOSED);
    assert_int_equal(ipc_send(channel->receiver, &header, NULL, 0, NULL, 0), IPC_CLOSED);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, channel_make, channel_remove)
    const struct CMUnitTest tests[] = {
        TEST(the_largest_message_arrives_as_it_was_sent),
        TEST(descriptors_arrive_in_order_and_belong_to_whoever_takes_them),
        TEST(more_or_fewer_descriptors_than_the_type_has_are_refused_and_closed),
        TEST(descriptors_lost_on_the_way_spoil_the_message),
        TEST(messages_shorter_than_a_header_or_longer_than_any_body_are_refused),
        TEST(a_message_cut_by_the_buffer_is_no_message),
        TEST(an_empty_message_ends_the_channel_and_leaves_nothing_open),
        TEST(a_message_of_the_wrong_sender_is_refused_and_its_descriptor_closed),
        TEST(a_peer_that_is_gone_is_told_apart_from_one_that_is_silent),
    };
    return cmocka_run_group_tests_name("ipc channel", tests, NULL, NULL);
}
