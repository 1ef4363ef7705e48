/* Logins, the maildrop's snapshot and the commit: what front asks auth and store. */
#include "server/front.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/address.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* Of the host's name in a timestamp, which goes to auth as a text of at most 255 octets. */
enum { TIMESTAMP_HOST_MAX = 200 };

static void
text_set(struct ipc_text *text, struct pop_view value)
{
    CHECK(value.len <= sizeof text->data); /* a command line is shorter */
    text->len = (uint16_t)value.len;
    memcpy(text->data, value.data, value.len);
}

void
session_wait_for(struct session *session, enum session_wait wait)
{
    session->wait = wait;
    session->answered = false;
}

bool
session_may_ask(struct session *session)
{
    struct front *front = session->front;
    return link_is_open(&front->auth) && tally_hold(&front->tally);
}

void
session_check_user(struct session *session, const struct pop_server_event *event)
{
    struct ipc_check check = {0};
    address_octets(&session->peer, &check.from);
    text_set(&check.user, event->user);
    session_wait_for(session, SESSION_WAITS_USER_CHECK);
    session->auth_owes = session_may_ask(session);
    if (!session->auth_owes) {
        session->accepted = false;
        session->answered = true;
        return;
    }
    link_send(&session->front->auth, IPC_CHECK, session->id, &check, sizeof check);
}

/* "<random.seconds@host>": no other greeting ever had it (R1939-32). */
static bool
make_timestamp(struct session *session)
{
    uint64_t random;
    const struct front *front = session->front;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random ||
        asprintf(
            &session->timestamp, "<%016" PRIx64 ".%lld@%.*s>", random, (long long)time(NULL),
            TIMESTAMP_HOST_MAX, front->hostname) < 0) {
        session->timestamp = NULL;
        return false;
    }
    return true;
}

bool
session_greet(struct session *session, struct pop_buffer *out)
{
    if (session->front->settings.apop) {
        if (!make_timestamp(session)) {
            session_end(session, "no memory");
            return false;
        }
        pop_server_offer_apop(&session->pop, pop_view_of(session->timestamp));
    }
    pop_server_greet(&session->pop, out);
    return true;
}

static void
send_apop(struct session *session, const struct pop_server_event *event)
{
    struct ipc_apop apop = {0};
    address_octets(&session->peer, &apop.from);
    text_set(&apop.user, event->user);
    text_set(&apop.timestamp, pop_view_of(session->timestamp));
    text_set(&apop.digest, event->password);
    link_send(&session->front->auth, IPC_APOP, session->id, &apop, sizeof apop);
}

static void
send_login(struct session *session, const struct pop_server_event *event)
{
    struct ipc_login login = {0};
    address_octets(&session->peer, &login.from);
    text_set(&login.user, event->user);
    text_set(&login.password, event->password);
    link_send(&session->front->auth, IPC_LOGIN, session->id, &login, sizeof login);
    explicit_bzero(&login, sizeof login);
}

void
session_login(struct session *session, const struct pop_server_event *event)
{
    memcpy(session->user, event->user.data, event->user.len);
    session->user[event->user.len] = '\0';
    session_wait_for(session, SESSION_WAITS_LOGIN);
    session->opening = 0;
    session->auth_owes = session_may_ask(session);
    if (session->auth_owes) {
        (event->apop ? send_apop : send_login)(session, event);
    } else {
        session->accepted = false;
        session->refusal = POP_REFUSAL_SYS_TEMP;
        session->answered = true;
    }
    /* What is left of the input starts behind the password. */
    explicit_bzero(session->input, session->input_start);
}

/* Sends the bitmap of the marked messages in pieces, then COMMIT (R1939-18). */
void
session_commit(struct session *session)
{
    struct link *store = session->store;
    const unsigned char *marks = pop_server_marks(&session->pop);
    uint32_t size = session->pop.maildrop.count / 8 + 1;
    struct ipc_marks piece;
    session_wait_for(session, SESSION_WAITS_COMMIT);
    for (uint32_t offset = 0; offset < size; offset += piece.len) {
        piece.offset = offset;
        piece.len = size - offset < IPC_MARKS_MAX ? size - offset : IPC_MARKS_MAX;
        memcpy(piece.bits, marks + offset, piece.len);
        link_send(
            store, IPC_MARKS, session->id, &piece,
            offsetof(struct ipc_marks, bits) + piece.len);
    }
    link_send(store, IPC_COMMIT, session->id, NULL, 0);
}

/* Timers of one queue have one duration. If all queues are taken, which no configuration brings
 * about, the next longer one will do, or the longest. */
static struct timer_queue *
delay_queue(struct front *front, uint32_t delay_ms)
{
    struct timer_queue *best = NULL;
    for (size_t i = 0; i < front->delay_count; i++) {
        struct timer_queue *queue = &front->delay_timers[i];
        if (queue->duration_ms == delay_ms)
            return queue;
        bool enough = queue->duration_ms > delay_ms;
        if (best == NULL ||
            (enough &&
             (best->duration_ms < delay_ms || queue->duration_ms < best->duration_ms)) ||
            (!enough && best->duration_ms < queue->duration_ms))
            best = queue;
    }
    if (front->delay_count == FRONT_DELAYS_MAX)
        return best;
    timer_queue_init(&front->delay_timers[front->delay_count], delay_ms);
    return &front->delay_timers[front->delay_count++];
}

/* The answer is there, but a wrong name or password waits, whatever was wrong (PROJ-5). */
static void
answer_after(struct session *session, uint32_t delay_ms)
{
    struct front *front = session->front;
    if (delay_ms > 0) {
        timer_start(delay_queue(front, delay_ms), &session->delay, clock_ms());
        return;
    }
    session->answered = true;
    session_run(session);
}

void
session_checked(struct session *session, const struct ipc_checked *checked)
{
    CHECK(session->wait == SESSION_WAITS_USER_CHECK && !session->answered);
    session->auth_owes = false;
    tally_let_go(&session->front->tally);
    if (session->source.fd < 0) {
        session_end(session, NULL);
        return;
    }
    session->accepted = checked->known != 0;
    answer_after(session, checked->delay_ms);
}

void
session_login_refused(struct session *session, const struct ipc_refused *refused)
{
    CHECK(session->wait == SESSION_WAITS_LOGIN && !session->answered);
    session->auth_owes = false;
    tally_let_go(&session->front->tally);
    session->in_sasl = false; /* auth has forgotten it */
    if (session->source.fd < 0) {
        session_end(session, NULL);
        return;
    }
    session->accepted = false;
    session->refusal = (enum pop_refusal)refused->refusal;
    answer_after(session, refused->delay_ms);
}

/* The snapshot's block: copied when it came by value, mapped when it came as a memfd, which
 * must be sealed: nobody can shorten it under the mapping. */
static bool
block_take(struct session *session, struct ipc_packet *packet)
{
    const struct ipc_opened *opened = (const void *)packet->body;
    memcpy(session->user, opened->user.data, opened->user.len);
    session->user[opened->user.len] = '\0';
    session->block_size = opened->size;
    session->block_mapped = packet->fd_count > 0;
    if (!session->block_mapped) {
        if (packet->body_size != offsetof(struct ipc_opened, snapshot) + opened->size)
            return false;
        session->block = malloc(opened->size);
        if (session->block != NULL)
            memcpy(session->block, opened->snapshot, opened->size);
        return session->block != NULL;
    }
    int seals = fcntl(packet->fds[0], F_GET_SEALS);
    CHECK(seals >= 0 && (seals & F_SEAL_SHRINK) && (seals & F_SEAL_WRITE));
    void *block = mmap(NULL, session->block_size, PROT_READ, MAP_SHARED, packet->fds[0], 0);
    session->block = block == MAP_FAILED ? NULL : block;
    return session->block != NULL;
}

void
session_opened(struct session *session, struct ipc_packet *packet)
{
    CHECK(session->wait == SESSION_WAITS_LOGIN && !session->answered);
    session->auth_owes = false;
    session->in_sasl = false;
    if (session->source.fd < 0) { /* the client did not wait: let go of the maildrop */
        session_end(session, NULL);
        return;
    }

    struct snapshot snapshot;
    struct err err;
    bool taken = block_take(session, packet);
    if (taken) {
        struct pop_view block = {session->block, session->block_size};
        CHECK(snapshot_open(block, &snapshot, &err) == ERR_OK);
        session->marks = calloc(1, pop_server_marks_size(snapshot.maildrop.count));
    }
    if (!taken || session->marks == NULL) {
        log_error("no memory for the maildrop of %s", session->user);
        session_end(session, "no memory");
        return;
    }
    session->maildrop = snapshot.maildrop;
    session->accepted = true;
    session->answered = true;
    session_run(session);
}

void
session_answer(struct session *session, struct pop_buffer *out)
{
    struct front *front = session->front;
    enum session_wait wait = session->wait;
    session->wait = SESSION_WAITS_CLIENT;
    session->answered = false;
    switch (wait) {
    case SESSION_WAITS_CLIENT:
        break;
    case SESSION_WAITS_USER_CHECK:
        pop_server_user_checked(&session->pop, session->accepted, out);
        break;
    case SESSION_WAITS_LOGIN:
        if (session->challenge != NULL) {
            session_challenge(session, out);
            break;
        }
        session_finish_sasl(session);
        if (!session->accepted) {
            pop_server_login_refused(&session->pop, session->refusal, out);
            break;
        }
        pop_server_login_accepted(&session->pop, &session->maildrop, session->marks, out);
        timer_start(&front->idle_timers, &session->deadline, clock_ms());
        break;
    case SESSION_WAITS_MESSAGE:
        message_begin(session, out);
        break;
    case SESSION_WAITS_COMMIT:
        pop_server_commit_done(&session->pop, session->commit_left, out);
        break;
    }
}
