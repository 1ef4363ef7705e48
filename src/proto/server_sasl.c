/* AUTH: the framing of SASL (RFC 5034). What the octets mean is the owner's to find out. */
#include "proto/server_command.h"
#include "proto/server_replies.h"

/* The name in the configuration's list that is the same word; empty: none. */
static struct pop_view
find_mechanism(struct pop_view list, struct pop_view name)
{
    for (bool more = list.len > 0; more;) {
        struct pop_view word = pop_take_word(&list, &more);
        if (pop_view_same_word(word, name))
            return word;
    }
    return (struct pop_view){name.data, 0};
}

/* AUTH by itself: the list, as clients ask that do not know CAPA. */
static void
list_mechanisms(struct pop_server *server, struct pop_buffer *out)
{
    struct pop_view list = server->config->mechanisms;
    pop_reply_ok(out, POP_VIEW("these mechanisms"));
    for (bool more = list.len > 0; more;) {
        pop_buffer_put(out, pop_take_word(&list, &more));
        pop_buffer_put(out, POP_VIEW("\r\n"));
    }
    pop_buffer_put(out, POP_VIEW(".\r\n"));
}

/* Decodes into the storage of lines, where the text may lie already. "=" is the empty initial
 * response (R5034-7). */
static bool
decode(
    struct pop_server *server, struct pop_view text, bool initial, struct pop_view *ret_octets)
{
    size_t len = 0;
    if (initial && pop_view_equal(text, POP_VIEW("=")))
        text.len = 0;
    if (!pop_base64_decode(text, server->line.data, &len))
        return false;
    *ret_octets = (struct pop_view){server->line.data, len};
    return true;
}

enum pop_server_step
pop_on_auth(struct pop_server *server, struct command *command)
{
    struct pop_server_event *event = command->event;
    if (command->word.len == 0) {
        list_mechanisms(server, command->out);
        return STEP_ANSWERED;
    }
    event->mechanism = find_mechanism(server->config->mechanisms, command->word);
    if (event->mechanism.len == 0) {
        pop_mistake(
            server, command->out,
            server->config->stls
                ? POP_VIEW("this mechanism is not available here; STLS may help")
                : POP_VIEW("this mechanism is not available here"));
        return STEP_ANSWERED;
    }
    event->has_response = command->second.len > 0;
    if (event->has_response && !decode(server, command->second, true, &event->response)) {
        pop_mistake(server, command->out, POP_VIEW("the initial response is no base64"));
        return STEP_ANSWERED;
    }
    server->pending = POP_PENDING_SASL;
    return POP_SERVER_SASL;
}

void
pop_server_challenge(
    struct pop_server *server, struct pop_view challenge, struct pop_buffer storage,
    struct pop_buffer *out)
{
    assert(server->pending == POP_PENDING_SASL);
    server->pending = POP_PENDING_NONE;
    explicit_bzero(server->line_data, sizeof server->line_data);
    if (!server->in_sasl)
        server->line = (struct pop_line){.data = storage.data, .cap = storage.cap};
    server->in_sasl = true;
    pop_buffer_put(out, POP_VIEW("+ "));
    pop_base64_put(out, challenge);
    pop_buffer_put(out, POP_VIEW("\r\n"));
}

static void
end(struct pop_server *server)
{
    server->in_sasl = false;
    pop_read_commands(server);
}

enum pop_server_step
pop_sasl_fail(struct pop_server *server, struct command *command, struct pop_view text)
{
    end(server);
    pop_mistake(server, command->out, text);
    return POP_SERVER_SASL_ENDED;
}

enum pop_server_step
pop_sasl_response(struct pop_server *server, struct pop_view line, struct command *command)
{
    if (pop_view_equal(line, POP_VIEW("*"))) { /* R5034-4 */
        end(server);
        pop_reply_err(command->out, POP_VIEW("cancelled"));
        return POP_SERVER_SASL_ENDED;
    }
    if (!decode(server, line, false, &command->event->response)) /* R5034-5 */
        return pop_sasl_fail(server, command, POP_VIEW("the response is no base64"));
    command->event->has_response = true;
    server->pending = POP_PENDING_SASL;
    return POP_SERVER_SASL;
}
