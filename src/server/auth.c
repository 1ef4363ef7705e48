/*
 * Auth: the process that knows who may have which maildrop. It reads the user
 * files, checks passwords in threads of its own, and tells store to open. It
 * never sees a client's socket or a mailbox.
 */
#include "auth/verifier.h"
#include "base/check.h"
#include "base/log.h"
#include "net/loop.h"
#include "server/role.h"

#include <pop/server.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* User files in one configuration, asked in order. */
enum { SOURCES_MAX = 32 };

struct auth_channel {
    struct loop_source source;
    struct auth_channel *next;
    struct auth_role *role;
    enum ipc_role peer;
    uint32_t number; /* of the front */
};

struct auth_role {
    struct loop loop;
    struct loop_source control;
    struct loop_source done; /* the verifier's */
    struct verifier *verifier;
    struct passwd_file *sources[SOURCES_MAX];
    size_t source_count;
    struct passwd_file *next_sources[SOURCES_MAX]; /* until START */
    size_t next_count;
    struct auth_channel *channels;
};

static void
report(const char *text)
{
    log_error("%s", text);
}

static struct auth_channel *
channel_find(struct auth_role *role, enum ipc_role peer, uint32_t number)
{
    struct auth_channel *channel = role->channels;
    while (channel != NULL &&
           (channel->peer != peer || (peer == IPC_FRONT && channel->number != number)))
        channel = channel->next;
    return channel;
}

static void
channel_close(struct auth_channel *channel)
{
    struct auth_channel **place = &channel->role->channels;
    while (*place != channel)
        place = &(*place)->next;
    *place = channel->next;
    loop_remove(&channel->role->loop, &channel->source);
    (void)close(channel->source.fd); /* nothing to lose */
    free(channel);
}

/* ---- answers ---- */

/* To a front that may be gone by now. */
static void
answer(struct auth_role *role, uint32_t front, uint32_t type, uint64_t session, uint32_t value)
{
    struct auth_channel *channel = channel_find(role, IPC_FRONT, front);
    struct ipc_header header = {.type = type, .session = session};
    if (channel == NULL)
        return;
    /* A front that reads nothing for seconds holds up all others: its channel is shut, and the
     * next turn of the loop sees that it is. */
    if (ipc_send_wait(channel->source.fd, &header, &value, sizeof value, NULL, 0) == IPC_AGAIN)
        (void)shutdown(channel->source.fd, SHUT_RDWR);
}

static void
text_set(struct ipc_text *text, struct pop_view value)
{
    text->len = (uint16_t)value.len;
    memcpy(text->data, value.data, value.len);
}

/* The way goes on: store opens the maildrop and answers front. */
static void
tell_store(struct auth_role *role, const struct verifier_job *job)
{
    struct auth_channel *store = channel_find(role, IPC_STORE, 0);
    struct ipc_header header = {
        .type = IPC_OPEN, .number = job->front, .session = job->session};
    struct ipc_open open = {.uid = job->user.uid, .gid = job->user.gid};
    text_set(&open.user, pop_view_of(job->user.name));
    struct pop_view home = pop_view_of(job->user.home);
    open.home.len = (uint16_t)home.len;
    memcpy(open.home.data, home.data, home.len);
    if (store == NULL ||
        ipc_send_wait(store->source.fd, &header, &open, sizeof open, NULL, 0) != IPC_OK)
        answer(role, job->front, IPC_LOGIN_REFUSED, job->session, POP_REFUSAL_SYS_TEMP);
}

static void
finish(struct auth_role *role, struct verifier_job *job)
{
    if (job->known && job->result == ERR_OK) {
        tell_store(role, job);
    } else {
        if (job->result != ERR_OK && job->result != ERR_DENIED)
            log_error("user %s: %s", job->user.name, job->err.text);
        bool temporary = job->result == ERR_NOMEM;
        answer(
            role, job->front, IPC_LOGIN_REFUSED, job->session,
            temporary ? POP_REFUSAL_SYS_TEMP : POP_REFUSAL_AUTH);
    }
    free(job);
}

static void
done_ready(struct loop_source *source, uint32_t events)
{
    struct auth_role *role = LOOP_OWNER(source, struct auth_role, done);
    (void)events;
    for (struct verifier_job *job; (job = verifier_take(role->verifier)) != NULL;)
        finish(role, job);
}

/* ---- what front asks ---- */

static bool
lookup(struct auth_role *role, const struct ipc_text *name, struct auth_user *ret_user)
{
    struct err err;
    struct pop_view user = {name->data, name->len};
    for (size_t i = 0; i < role->source_count; i++)
        if (passwd_file_lookup(role->sources[i], user, ret_user, &err) == ERR_OK)
            return true;
    return false;
}

static bool
all_quick(const struct auth_role *role)
{
    bool quick = true;
    for (size_t i = 0; i < role->source_count; i++)
        quick = quick && passwd_file_is_quick(role->sources[i]);
    return quick;
}

/* A name that does not exist takes the same way and the same time (R1939-31). */
static void
on_login(struct auth_channel *front, uint64_t session, const struct ipc_login *login)
{
    struct auth_role *role = front->role;
    struct verifier_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        answer(role, front->number, IPC_LOGIN_REFUSED, session, POP_REFUSAL_SYS_TEMP);
        return;
    }
    job->front = front->number;
    job->session = session;
    job->known = lookup(role, &login->user, &job->user);
    if (!job->known && role->source_count > 0)
        memcpy(job->user.stored, passwd_file_dummy(role->sources[0]), sizeof job->user.stored);
    struct pop_view password = {login->password.data, login->password.len};
    (void)secret_set(&job->secret, password); /* what does not fit is empty, and wrong */

    if (all_quick(role)) {
        verifier_run(job);
        finish(role, job);
    } else if (!verifier_submit(role->verifier, job)) {
        secret_finish(&job->secret);
        free(job);
        answer(role, front->number, IPC_LOGIN_REFUSED, session, POP_REFUSAL_SYS_TEMP);
    }
}

static void
on_front(struct auth_channel *front, const struct ipc_packet *packet)
{
    const void *body = packet->body;
    struct auth_user user;
    CHECK(ipc_message_allowed(packet->header.type, IPC_STATE_NONE));
    if (packet->header.type == IPC_LOGIN) {
        on_login(front, packet->header.session, body);
    } else {
        bool known = lookup(front->role, &((const struct ipc_check *)body)->user, &user);
        answer(front->role, front->number, IPC_CHECKED, packet->header.session, known);
    }
}

static void
channel_ready(struct loop_source *source, uint32_t events)
{
    struct auth_channel *channel = LOOP_OWNER(source, struct auth_channel, source);
    struct ipc_packet packet;
    (void)events;
    enum ipc_result result = ipc_receive(source->fd, channel->peer, IPC_AUTH, &packet);
    switch (result) {
    case IPC_OK: /* store has nothing to tell auth: only a front's message is valid here */
        on_front(channel, &packet);
        explicit_bzero(packet.body, packet.body_size);
        ipc_packet_finish(&packet);
        break;
    case IPC_AGAIN:
        break;
    case IPC_BAD:
    case IPC_NO_FDS:
        CHECK(channel->peer == IPC_FRONT);
        log_error("front %u sent a malformed message: its channel is closed", channel->number);
        channel_close(channel);
        break;
    case IPC_CLOSED:
        channel_close(channel);
        break;
    }
}

/* ---- what the parent says ---- */

static void
on_channel(struct auth_role *role, const struct ipc_channel_info *info, int fd)
{
    struct err err;
    struct auth_channel *old =
        info->role == IPC_STORE ? channel_find(role, IPC_STORE, 0) : NULL;
    if (old != NULL)
        channel_close(old);
    struct auth_channel *channel = calloc(1, sizeof *channel);
    CHECK(channel != NULL);
    *channel = (struct auth_channel){
        .source = {.fd = fd, .ready = channel_ready},
        .next = role->channels,
        .role = role,
        .peer = info->role,
        .number = info->number,
    };
    role->channels = channel;
    CHECK(loop_add(&role->loop, &channel->source, EPOLLIN, &err) == ERR_OK);
}

/* A file that cannot be read now leaves the source out: its users cannot log in, and the log
 * says why. */
static void
on_source(struct auth_role *role, const struct ipc_auth_source *source)
{
    char path[PATH_LEN_MAX + 1];
    struct err err;
    memcpy(path, source->file.data, source->file.len);
    path[source->file.len] = '\0';
    CHECK(role->next_count < SOURCES_MAX);
    if (passwd_file_open(&role->next_sources[role->next_count], path, report, &err) == ERR_OK)
        role->next_count++;
    else
        log_error("%s", err.text);
}

static void
on_start(struct auth_role *role)
{
    for (size_t i = 0; i < role->source_count; i++)
        passwd_file_close(role->sources[i]);
    memcpy(role->sources, role->next_sources, sizeof role->sources);
    role->source_count = role->next_count;
    role->next_count = 0;
    role_ready();
}

static void
on_control(struct auth_role *role, struct ipc_packet *packet)
{
    const void *body = packet->body;
    switch ((enum ipc_type)packet->header.type) {
    case IPC_AUTH_SETTINGS:
        role->next_count = 0;
        break;
    case IPC_AUTH_SOURCE:
        on_source(role, body);
        break;
    case IPC_CHANNEL:
        on_channel(role, body, ipc_packet_take_fd(packet, 0));
        break;
    case IPC_START:
        on_start(role);
        break;
    default:
        BUG("a message that the table gives to another role");
    }
}

static void
control_ready(struct loop_source *source, uint32_t events)
{
    struct auth_role *role = LOOP_OWNER(source, struct auth_role, control);
    struct ipc_packet packet;
    (void)events;
    enum ipc_result result = ipc_receive(source->fd, IPC_PARENT, IPC_AUTH, &packet);
    if (result == IPC_CLOSED)
        exit(EXIT_SUCCESS);
    CHECK(result != IPC_BAD);
    if (result != IPC_OK)
        return;
    on_control(role, &packet);
    ipc_packet_finish(&packet);
}

int
main(void)
{
    static struct auth_role role;
    struct err err;
    role_start(IPC_AUTH);
    role.control = (struct loop_source){.fd = ROLE_CONTROL_FD, .ready = control_ready};
    if (loop_init(&role.loop, &err) != ERR_OK || verifier_new(&role.verifier, &err) != ERR_OK) {
        log_error("%s", err.text);
        return EXIT_FAILURE;
    }
    role.done = (struct loop_source){.fd = verifier_fd(role.verifier), .ready = done_ready};
    CHECK(loop_add(&role.loop, &role.control, EPOLLIN, &err) == ERR_OK);
    CHECK(loop_add(&role.loop, &role.done, EPOLLIN, &err) == ERR_OK);
    for (;;)
        loop_turn(&role.loop, -1);
}
