/* TRANSACTION and UPDATE: what is there, handing it out, marking and removing it. */
#include "base/number.h"
#include "proto/server_command.h"
#include "proto/server_replies.h"

/* ---- marks ---- */

static bool
bit_get(const unsigned char *bits, uint32_t index)
{
    return (bits[index / 8] >> (index % 8)) & 1u;
}

static void
bit_set(unsigned char *bits, uint32_t index)
{
    bits[index / 8] |= (unsigned char)(1u << (index % 8));
}

static size_t
bitmap_size(uint32_t count)
{
    return (size_t)count / 8 + 1;
}

size_t
pop_server_marks_size(uint32_t count)
{
    return 2 * bitmap_size(count);
}

const unsigned char *
pop_server_marks(const struct pop_server *server)
{
    return server->marks;
}

bool
pop_is_marked(const struct pop_server *server, uint32_t index)
{
    return bit_get(server->marks, index);
}

/* The second bitmap: messages that could not be read and so must not be deleted. */
static unsigned char *
unreadable(const struct pop_server *server)
{
    return server->marks + bitmap_size(server->maildrop.count);
}

void
pop_put_visible(const struct pop_server *server, struct pop_buffer *out)
{
    pop_put_maildrop(
        out, server->maildrop.count - server->marked,
        server->maildrop.octets - server->marked_octets);
}

/* ---- TRANSACTION ---- */

enum pop_server_step
pop_on_stat(struct pop_server *server, struct command *command)
{
    pop_buffer_put(command->out, POP_VIEW("+OK "));
    pop_put_number(command->out, server->maildrop.count - server->marked);
    pop_buffer_put(command->out, POP_VIEW(" "));
    pop_put_number(command->out, server->maildrop.octets - server->marked_octets);
    pop_buffer_put(command->out, POP_VIEW("\r\n")); /* nothing after the size (R1939-37) */
    return STEP_ANSWERED;
}

/* "n size" or "n unique-id" and the line end. */
static void
put_scan_line(
    const struct pop_server *server, uint32_t index, bool uids, struct pop_buffer *out)
{
    pop_put_number(out, (uint64_t)index + 1);
    pop_buffer_put(out, POP_VIEW(" "));
    if (uids)
        pop_buffer_put(out, pop_maildrop_uid(&server->maildrop, index));
    else
        pop_put_number(out, server->maildrop.messages[index].size);
    pop_buffer_put(out, POP_VIEW("\r\n"));
}

static enum pop_server_step
list(struct pop_server *server, struct command *command, bool uids)
{
    if (command->has_message) {
        pop_buffer_put(command->out, POP_VIEW("+OK "));
        put_scan_line(server, command->index, uids, command->out);
        return STEP_ANSWERED;
    }
    pop_buffer_put(command->out, POP_VIEW("+OK "));
    pop_put_visible(server, command->out);
    pop_buffer_put(command->out, POP_VIEW("\r\n"));
    server->cursor = 0;
    server->listing_uids = uids;
    server->pending = POP_PENDING_LISTING;
    return STEP_ANSWERED;
}

/* A listing of 100,000 messages must not sit in memory for a client that does not read: goes
 * on while there is room. False: no room, come again. */
bool
pop_continue_listing(struct pop_server *server, struct pop_buffer *out)
{
    static const size_t line_max = NUMBER_DIGITS_MAX + 1 + POP_UID_MAX + 2;
    for (; server->cursor < server->maildrop.count; server->cursor++) {
        if (pop_buffer_room(out) < line_max)
            return false;
        if (!pop_is_marked(server, server->cursor))
            put_scan_line(server, server->cursor, server->listing_uids, out);
    }
    if (pop_buffer_room(out) < 3)
        return false;
    pop_buffer_put(out, POP_VIEW(".\r\n"));
    server->pending = POP_PENDING_NONE;
    return true;
}

enum pop_server_step
pop_on_list(struct pop_server *server, struct command *command)
{
    return list(server, command, false);
}

enum pop_server_step
pop_on_uidl(struct pop_server *server, struct command *command)
{
    return list(server, command, true);
}

static enum pop_server_step
fetch(struct pop_server *server, struct command *command, uint64_t lines)
{
    server->index = command->index;
    server->lines = lines;
    server->pending = POP_PENDING_FETCH;
    command->event->index = command->index;
    command->event->lines = lines;
    return POP_SERVER_FETCH;
}

enum pop_server_step
pop_on_retr(struct pop_server *server, struct command *command)
{
    return fetch(server, command, POP_LINES_ALL);
}

enum pop_server_step
pop_on_top(struct pop_server *server, struct command *command)
{
    return fetch(server, command, command->lines);
}

void
pop_server_message_begin(struct pop_server *server, struct pop_buffer *out)
{
    assert(server->pending == POP_PENDING_FETCH);
    server->pending = POP_PENDING_MESSAGE;
    pop_encoder_init(&server->encoder, server->lines);
    pop_buffer_put(out, POP_VIEW("+OK "));
    if (server->lines == POP_LINES_ALL) {
        pop_put_count(out, server->maildrop.messages[server->index].size, POP_VIEW("octet"));
    } else {
        pop_buffer_put(out, POP_VIEW("top of message "));
        pop_put_number(out, (uint64_t)server->index + 1);
    }
    pop_buffer_put(out, POP_VIEW("\r\n"));
}

enum pop_message_step
pop_server_message_text(struct pop_server *server, struct pop_view *in, struct pop_buffer *out)
{
    assert(server->pending == POP_PENDING_MESSAGE);
    bool enough = pop_encoder_next(&server->encoder, in, out);
    if (server->encoder.octets > server->maildrop.messages[server->index].size)
        return POP_MESSAGE_BROKEN;
    return enough ? POP_MESSAGE_ENOUGH : POP_MESSAGE_MORE;
}

bool
pop_server_message_end(struct pop_server *server, struct pop_buffer *out)
{
    assert(server->pending == POP_PENDING_MESSAGE);
    size_t start = out->len;
    uint64_t size = server->maildrop.messages[server->index].size;
    bool partial = server->encoder.state == POP_ENCODER_STOPPED;
    if (!partial)
        pop_encoder_end(&server->encoder, out);
    if (partial ? server->encoder.octets > size : server->encoder.octets != size) {
        out->len = start;
        server->pending = POP_PENDING_FETCH;
        return false;
    }
    pop_buffer_put(out, POP_VIEW(".\r\n"));
    server->pending = POP_PENDING_NONE;
    return true;
}

void
pop_server_message_refused(
    struct pop_server *server, enum pop_refusal refusal, struct pop_buffer *out)
{
    assert(server->pending == POP_PENDING_FETCH || server->pending == POP_PENDING_MESSAGE);
    server->pending = POP_PENDING_NONE;
    bit_set(unreadable(server), server->index);
    pop_reply_refusal(out, refusal);
}

enum pop_server_step
pop_on_dele(struct pop_server *server, struct command *command)
{
    if (bit_get(unreadable(server), command->index)) {
        pop_reply_err(command->out, POP_VIEW("this message could not be read, it is kept"));
        return STEP_ANSWERED;
    }
    bit_set(server->marks, command->index);
    server->marked++;
    server->marked_octets += server->maildrop.messages[command->index].size;
    pop_buffer_put(command->out, POP_VIEW("+OK message "));
    pop_put_number(command->out, (uint64_t)command->index + 1);
    pop_buffer_put(command->out, POP_VIEW(" deleted\r\n"));
    return STEP_ANSWERED;
}

enum pop_server_step
pop_on_noop(struct pop_server *server, struct command *command)
{
    (void)server;
    pop_reply_ok(command->out, (struct pop_view){0});
    return STEP_ANSWERED;
}

enum pop_server_step
pop_on_rset(struct pop_server *server, struct command *command)
{
    memset(server->marks, 0, bitmap_size(server->maildrop.count));
    server->marked = 0;
    server->marked_octets = 0;
    pop_buffer_put(command->out, POP_VIEW("+OK "));
    pop_put_visible(server, command->out);
    pop_buffer_put(command->out, POP_VIEW("\r\n"));
    return STEP_ANSWERED;
}

/* ---- UPDATE ---- */

enum pop_server_step
pop_on_quit(struct pop_server *server, struct command *command)
{
    if (server->state == POP_STATE_AUTHORIZATION) { /* no UPDATE (R1939-16) */
        pop_reply_ok(command->out, POP_VIEW("goodbye"));
        pop_session_enter(server, POP_STATE_CLOSED);
        return POP_SERVER_CLOSE;
    }
    pop_session_enter(server, POP_STATE_UPDATE);
    server->pending = POP_PENDING_COMMIT;
    if (server->marked > 0)
        return POP_SERVER_COMMIT;
    pop_server_commit_done(server, 0, command->out);
    return POP_SERVER_CLOSE;
}

void
pop_server_commit_done(struct pop_server *server, uint32_t left, struct pop_buffer *out)
{
    assert(server->pending == POP_PENDING_COMMIT);
    server->pending = POP_PENDING_NONE;
    if (left > 0) { /* R1939-19 */
        pop_buffer_put(out, POP_VIEW("-ERR some deleted messages not removed: "));
        pop_put_number(out, left);
    } else {
        pop_buffer_put(out, POP_VIEW("+OK "));
        if (server->marked > 0) {
            pop_put_count(out, server->marked, POP_VIEW("message"));
            pop_buffer_put(out, POP_VIEW(" deleted, "));
        }
        pop_buffer_put(out, POP_VIEW("goodbye"));
    }
    pop_buffer_put(out, POP_VIEW("\r\n"));
    pop_session_enter(server, POP_STATE_CLOSED);
}
