/* Front's channels to auth and store: sending without waiting, and where answers go. */
#include "server/front.h"

#include "base/check.h"
#include "base/log.h"

#include <stdlib.h>
#include <unistd.h>

/* The sessions that need this channel cannot go on. */
static void
link_lost(struct link *link)
{
    struct front *front = link->front;
    loop_remove(&front->loop, &link->source);
    (void)close(link->source.fd); /* nothing to lose */
    link->source.fd = -1;
    while (link->first != NULL) {
        struct link_pending *pending = link->first;
        link->first = pending->next;
        free(pending);
    }
    link->last = NULL;

    for (uint32_t i = 0; i < front->slot_count; i++) {
        struct session *session = front->slots[i].session;
        if (session == NULL)
            continue;
        bool concerned = session->auth_owes || (link->peer == IPC_AUTH && session->in_sasl) ||
                         (link->peer == IPC_STORE && session->store_open);
        session->in_sasl = session->in_sasl && link->peer != IPC_AUTH;
        session->auth_owes = false; /* no answer will come any more */
        if (link->peer == IPC_STORE)
            session->store_open = false;
        if (concerned)
            session_end(session, "a part of the server has failed");
    }
}

static void
on_message(struct link *link, struct ipc_packet *packet)
{
    struct session *session = session_find(link->front, packet->header.session);
    const void *body = packet->body;
    if (packet->header.type == IPC_OFFER) { /* about no session */
        front_offer(link->front, ((const struct ipc_offer *)body)->mechanisms);
        return;
    }
    if (session == NULL) { /* ended meanwhile; descriptors are closed by the caller */
        if (packet->header.type == IPC_OPENED)
            link_send(link, IPC_CLOSE, packet->header.session, NULL, 0);
        return;
    }

    switch ((enum ipc_type)packet->header.type) {
    case IPC_CHECKED:
        session_checked(session, body);
        break;
    case IPC_SASL_CHALLENGE:
        session_challenged(session, body);
        break;
    case IPC_LOGIN_REFUSED:
    case IPC_OPEN_REFUSED:
        session_login_refused(session, body);
        break;
    case IPC_OPENED:
        session_opened(session, packet);
        break;
    case IPC_FETCHED:
        message_fetched(session, packet);
        break;
    case IPC_COMMITTED:
        CHECK(session->wait == SESSION_WAITS_COMMIT && !session->answered);
        session->committed = true;
        session->commit_left = ((const struct ipc_committed *)body)->left;
        session->answered = true;
        session_run(session);
        break;
    default:
        BUG("a message that the table gives to another role");
    }
}

/* Sends what was queued, as far as it goes. */
static void
link_drain(struct link *link)
{
    while (link->first != NULL) {
        struct link_pending *pending = link->first;
        if (ipc_send(
                link->source.fd, &pending->header, pending->body, pending->body_size, NULL,
                0) == IPC_AGAIN)
            return;
        link->first = pending->next; /* sent, or lost with its channel: reading will tell */
        explicit_bzero(pending->body, pending->body_size);
        free(pending);
    }
    link->last = NULL;
    struct err err;
    CHECK(loop_modify(&link->front->loop, &link->source, EPOLLIN, &err) == ERR_OK);
}

static void
link_ready(struct loop_source *source, uint32_t events)
{
    struct link *link = LOOP_OWNER(source, struct link, source);
    if (events & EPOLLOUT)
        link_drain(link);
    while (link->source.fd >= 0) {
        struct ipc_packet packet;
        switch (ipc_receive(link->source.fd, link->peer, IPC_FRONT, &packet)) {
        case IPC_OK:
            on_message(link, &packet);
            ipc_packet_finish(&packet);
            break;
        case IPC_CLOSED:
            link_lost(link);
            return;
        case IPC_BAD:
        case IPC_NO_FDS:
            log_error("a message from %s makes no sense", ipc_role_name(link->peer));
            BUG("auth and store send what the table says");
            break;
        case IPC_AGAIN:
            return;
        }
    }
}

void
link_open(struct link *link, int fd)
{
    struct err err;
    if (link->source.fd >= 0)
        link_lost(link);
    link->source = (struct loop_source){.fd = fd, .ready = link_ready};
    CHECK(loop_add(&link->front->loop, &link->source, EPOLLIN, &err) == ERR_OK);
}

static void
link_queue(struct link *link, const struct ipc_header *header, const void *body, size_t size)
{
    struct link_pending *pending = malloc(sizeof *pending + size);
    CHECK(pending != NULL); /* a front without memory for 1 KiB is at its end */
    *pending = (struct link_pending){.header = *header, .body_size = size};
    if (size > 0)
        memcpy(pending->body, body, size);
    if (link->last == NULL)
        link->first = pending;
    else
        link->last->next = pending;
    link->last = pending;
}

void
link_send(
    struct link *link, uint32_t type, uint64_t session, const void *body, size_t body_size)
{
    struct ipc_header header = {.type = type, .session = session};
    struct err err;
    if (link->source.fd < 0)
        return;
    if (link->first != NULL) {
        link_queue(link, &header, body, body_size);
        return;
    }
    if (ipc_send(link->source.fd, &header, body, body_size, NULL, 0) == IPC_AGAIN) {
        link_queue(link, &header, body, body_size);
        CHECK(
            loop_modify(&link->front->loop, &link->source, EPOLLIN | EPOLLOUT, &err) == ERR_OK);
    }
}
