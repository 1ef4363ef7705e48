/* AUTH: the framing of SASL (RFC 5034). What the octets mean is the owner's business. */
#include "proto/client_command.h"

#include <pop/base64.h>

static const char verb[] = "AUTH ";

/* On the line of AUTH: "=" is the empty message (R5034-7). */
static size_t
initial_len(size_t octets)
{
    return octets == 0 ? 1 : POP_BASE64_LEN(octets);
}

static size_t
line_len(struct pop_view mechanism, bool has_initial, size_t octets)
{
    return sizeof verb - 1 + mechanism.len + (has_initial ? 1 + initial_len(octets) : 0) + 2;
}

bool
pop_client_auth_fits(struct pop_view mechanism, size_t len)
{
    return mechanism.len > 0 && len < POP_COMMAND_MAX &&
           line_len(mechanism, true, len) <= POP_COMMAND_MAX;
}

/* Challenges gather in the storage; what has come of a line already comes along. */
static void
use_storage(struct pop_client *client, struct pop_buffer storage)
{
    assert(storage.cap >= POP_CLIENT_LINE_MAX);
    memcpy(storage.data, client->line.data, client->line.len);
    client->line.data = storage.data;
    client->line.cap = storage.cap;
}

enum pop_send
pop_client_auth(
    struct pop_client *client, struct pop_view mechanism, const struct pop_view *initial,
    struct pop_buffer storage, struct pop_buffer *out)
{
    size_t octets = initial != NULL ? initial->len : 0;
    size_t len = line_len(mechanism, initial != NULL, octets);
    bool fits = initial != NULL ? pop_client_auth_fits(mechanism, octets)
                                : mechanism.len > 0 && len <= POP_COMMAND_MAX;
    if (!fits)
        return POP_SEND_BAD;
    for (size_t i = 0; i < mechanism.len; i++)
        if ((unsigned char)mechanism.data[i] <= 0x20 || mechanism.data[i] == 0x7F)
            return POP_SEND_BAD;
    if (pop_client_is_held(client) || client->awaited > 0 || pop_buffer_room(out) < len)
        return POP_SEND_FULL;

    pop_buffer_put(out, POP_VIEW(verb));
    pop_buffer_put(out, mechanism);
    if (initial != NULL)
        pop_buffer_put(out, POP_VIEW(" "));
    if (initial != NULL && octets == 0)
        pop_buffer_put(out, POP_VIEW("="));
    if (octets > 0)
        pop_base64_put(out, *initial);
    pop_buffer_put(out, POP_VIEW("\r\n"));
    pop_client_remember(client, POP_COMMAND_AUTH, 0);
    client->sasl = POP_CLIENT_SASL_SENT;
    use_storage(client, storage);
    return POP_SEND_OK;
}

enum pop_send
pop_client_respond(struct pop_client *client, struct pop_view response, struct pop_buffer *out)
{
    assert(
        client->sasl == POP_CLIENT_SASL_CHALLENGED ||
        client->sasl == POP_CLIENT_SASL_UNREADABLE);
    if (client->sasl == POP_CLIENT_SASL_UNREADABLE || response.len > POP_SASL_RESPONSE_MAX)
        return POP_SEND_BAD;
    if (pop_buffer_room(out) < POP_BASE64_LEN(response.len) + 2)
        return POP_SEND_FULL;
    pop_base64_put(out, response);
    pop_buffer_put(out, POP_VIEW("\r\n"));
    client->sasl = POP_CLIENT_SASL_SENT;
    return POP_SEND_OK;
}

enum pop_send
pop_client_cancel(struct pop_client *client, struct pop_buffer *out)
{
    assert(
        client->sasl == POP_CLIENT_SASL_CHALLENGED ||
        client->sasl == POP_CLIENT_SASL_UNREADABLE);
    if (pop_buffer_room(out) < 3)
        return POP_SEND_FULL;
    pop_buffer_put(out, POP_VIEW("*\r\n"));
    client->sasl = POP_CLIENT_SASL_CANCELLED;
    return POP_SEND_OK;
}

/* "+ base64". An empty one lacks its blank with some servers: it means the same. */
static bool
is_challenge(struct pop_view line)
{
    return line.len > 0 && line.data[0] == '+' && (line.len == 1 || line.data[1] == ' ');
}

bool
pop_client_read_challenge(
    struct pop_client *client, struct pop_view line, struct pop_client_event *event,
    enum pop_client_step *ret_step)
{
    if (!is_challenge(line))
        return false;
    if (client->sasl == POP_CLIENT_SASL_CANCELLED) {
        *ret_step = pop_client_break(
            client, event, "the server goes on with a login that was cancelled");
        return true;
    }
    size_t len = 0;
    pop_view_skip(&line, line.len > 1 ? 2 : 1);
    /* In its place, or from the input into the storage. */
    bool readable = pop_base64_decode(line, client->line.data, &len);
    client->sasl = readable ? POP_CLIENT_SASL_CHALLENGED : POP_CLIENT_SASL_UNREADABLE;
    if (readable)
        event->text = (struct pop_view){client->line.data, len};
    else
        event->problem = "the server's challenge is no base64";
    *ret_step = POP_CLIENT_CHALLENGE;
    return true;
}

void
pop_client_end_sasl(struct pop_client *client)
{
    client->sasl = POP_CLIENT_SASL_NONE;
    client->line.data = client->line_data; /* between two lines: nothing is in there */
    client->line.cap = sizeof client->line_data;
}
