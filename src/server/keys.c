/*
 * Keys: the process that holds the private keys of the certificates. It signs
 * what a TLS server's handshake signs, and tells nothing. The files come as
 * descriptors from the parent; it opens none itself.
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/loop.h"
#include "net/tls_private_key.h"
#include "server/role.h"
#include "server/sandbox.h"

#include <stdlib.h>
#include <unistd.h>

/* Keys that are kept: those in force, and those that handshakes of a moment ago still use. */
enum { KEYS_MAX = 4 * CONF_SECTIONS_MAX };

/* How long before its end a certificate is complained about, and how often it is looked at. */
enum { EXPIRY_DAYS = 21, EXPIRY_LOOK_MS = 24 * 3600 * 1000 };

struct keys_channel {
    struct loop_source source;
    struct keys_channel *next;
    struct keys_role *role;
    uint32_t number; /* of the front */
};

struct keys_role {
    struct loop loop;
    struct loop_source control;
    struct keys_channel *channels;
    struct {
        uint32_t number;
        struct tls_private_key *key;
    } keys[KEYS_MAX]; /* a ring */
    uint32_t next;
    uint32_t first; /* number from which on keys are in force */
};

static const struct tls_private_key *
key_find(const struct keys_role *role, uint32_t number)
{
    for (size_t i = 0; i < KEYS_MAX; i++)
        if (role->keys[i].key != NULL && role->keys[i].number == number)
            return role->keys[i].key;
    return NULL;
}

static void
log_expiry(const struct tls_private_key *key)
{
    int days = tls_private_key_days(key);
    const char *name = tls_private_key_name(key);
    if (days < 0)
        log_error("the certificate for %s has expired %d days ago", name, -days);
    else if (days <= EXPIRY_DAYS)
        log_warning("the certificate for %s expires in %d days", name, days);
}

/* ---- fronts ---- */

static void
channel_close(struct keys_channel *channel)
{
    struct keys_channel **place = &channel->role->channels;
    while (*place != channel)
        place = &(*place)->next;
    *place = channel->next;
    loop_remove(&channel->role->loop, &channel->source);
    (void)close(channel->source.fd); /* nothing to lose */
    free(channel);
}

/* False: no TLS server would ask for this, so the front is not itself any more. */
static bool
on_sign(
    struct keys_channel *channel, const struct ipc_header *header, const struct ipc_sign *sign)
{
    struct tls_sign_request request = {
        .key = sign->key,
        .signature = (enum tls_signature)sign->signature,
        .pss = sign->pss != 0,
        .input = {sign->input, sign->len},
    };
    const struct tls_private_key *key = key_find(channel->role, sign->key);
    if (sign->signature >= TLS_SIGNATURE_COUNT || !tls_sign_input_is_handshake(request.input))
        return false;
    struct ipc_signed answer = {0};
    struct ipc_header answer_header = {.type = IPC_SIGNED, .session = header->session};
    if (key != NULL)
        answer.len = (uint32_t)tls_private_key_sign(key, &request, answer.signature);
    /* Front waits for it; one that does not read is of no concern. */
    (void)ipc_send(channel->source.fd, &answer_header, &answer, sizeof answer, NULL, 0);
    return true;
}

static void
channel_ready(struct loop_source *source, uint32_t events)
{
    struct keys_channel *channel = LOOP_OWNER(source, struct keys_channel, source);
    struct ipc_packet packet;
    (void)events;
    switch (ipc_receive(source->fd, IPC_FRONT, IPC_KEYS, &packet)) {
    case IPC_OK:
        if (on_sign(channel, &packet.header, (const void *)packet.body))
            return;
        break;
    case IPC_AGAIN:
        return;
    case IPC_CLOSED:
        channel_close(channel);
        return;
    case IPC_BAD:
    case IPC_NO_FDS:
        break;
    }
    log_error(
        "front %u asked for a signature that no handshake needs: its channel is closed",
        channel->number);
    channel_close(channel);
}

/* ---- what the parent says ---- */

static void
on_channel(struct keys_role *role, const struct ipc_channel_info *info, int fd)
{
    struct err err;
    struct keys_channel *channel = calloc(1, sizeof *channel);
    CHECK(channel != NULL && info->role == IPC_FRONT);
    *channel = (struct keys_channel){
        .source = {.fd = fd, .ready = channel_ready},
        .next = role->channels,
        .role = role,
        .number = info->number,
    };
    role->channels = channel;
    CHECK(loop_add(&role->loop, &channel->source, EPOLLIN, &err) == ERR_OK);
}

static void
answer_judged(uint32_t number, const char *problem)
{
    struct ipc_header header = {.type = IPC_KEY_JUDGED};
    struct ipc_key_judged judged = {.key = number, .usable = problem == NULL};
    if (problem != NULL) {
        judged.text.len = (uint16_t)strnlen(problem, sizeof judged.text.data);
        memcpy(judged.text.data, problem, judged.text.len);
    }
    (void)ipc_send(ROLE_CONTROL_FD, &header, &judged, sizeof judged, NULL, 0);
}

static void
on_key(struct keys_role *role, const struct ipc_key *info, const struct ipc_packet *packet)
{
    struct err err;
    struct tls_private_key *key;
    if (tls_private_key_load(&key, packet->fds[0], packet->fds[1], &err) != ERR_OK) {
        answer_judged(info->key, err.text);
        return;
    }
    uint32_t slot = role->next++ % KEYS_MAX;
    tls_private_key_free(role->keys[slot].key);
    role->keys[slot].key = key;
    role->keys[slot].number = info->key;
    role->first = info->first;
    log_expiry(key);
    answer_judged(info->key, NULL);
}

static void
on_control(struct keys_role *role, struct ipc_packet *packet)
{
    const void *body = packet->body;
    switch ((enum ipc_type)packet->header.type) {
    case IPC_KEY:
        on_key(role, body, packet);
        break;
    case IPC_CHANNEL:
        on_channel(role, body, ipc_packet_take_fd(packet, 0));
        break;
    case IPC_START:
        role_ready();
        break;
    default:
        BUG("a message that the table gives to another role");
    }
}

static void
control_ready(struct loop_source *source, uint32_t events)
{
    struct keys_role *role = LOOP_OWNER(source, struct keys_role, control);
    struct ipc_packet packet;
    (void)events;
    while (role_receive(IPC_KEYS, &packet)) {
        on_control(role, &packet);
        ipc_packet_finish(&packet);
    }
}

int
main(void)
{
    static struct keys_role role; /* large */
    struct err err;
    role_start(IPC_KEYS);
    role.control = (struct loop_source){.fd = ROLE_CONTROL_FD, .ready = control_ready};
    if (loop_init(&role.loop, &err) != ERR_OK ||
        loop_add(&role.loop, &role.control, EPOLLIN, &err) != ERR_OK) {
        log_error("%s", err.text);
        return EXIT_FAILURE;
    }
    sandbox_limit_files(IPC_KEYS, NULL, 0); /* files come as descriptors */
    sandbox_limit_calls(IPC_KEYS);
    for (int64_t look_ms = clock_ms() + EXPIRY_LOOK_MS;;) {
        loop_turn(&role.loop, look_ms - clock_ms());
        if (clock_ms() < look_ms)
            continue;
        look_ms += EXPIRY_LOOK_MS;
        for (size_t i = 0; i < KEYS_MAX; i++)
            if (role.keys[i].key != NULL && role.keys[i].number >= role.first)
                log_expiry(role.keys[i].key);
    }
}
