/* AUTHORIZATION: who is it? The owner's answer decides. */
#include "proto/server_command.h"
#include "proto/server_replies.h"

enum pop_server_step
pop_on_user(struct pop_server *server, struct command *command)
{
    if (!server->config->user_allowed) {
        pop_mistake(
            server, command->out,
            server->config->stls
                ? POP_VIEW("a password is taken over TLS only: STLS comes first")
                : POP_VIEW("a password is not taken over this connection"));
        return STEP_ANSWERED;
    }
    memcpy(server->user, command->word.data, command->word.len);
    server->user_len = (uint8_t)command->word.len;
    if (server->config->check_user) {
        command->event->user = (struct pop_view){server->user, server->user_len};
        server->pending = POP_PENDING_USER;
        return POP_SERVER_CHECK_USER;
    }
    pop_server_user_checked(server, true, command->out);
    return STEP_ANSWERED;
}

void
pop_server_user_checked(struct pop_server *server, bool known, struct pop_buffer *out)
{
    server->pending = POP_PENDING_NONE;
    server->user_given = known;
    if (known)
        pop_reply_ok(out, POP_VIEW("now the password, with PASS"));
    else
        pop_mistake(server, out, POP_VIEW("no mailbox of that name here"));
}

enum pop_server_step
pop_on_pass(struct pop_server *server, struct command *command)
{
    command->event->user = (struct pop_view){server->user, server->user_len};
    command->event->password = command->word;
    server->pending = POP_PENDING_LOGIN;
    return POP_SERVER_LOGIN;
}

enum pop_server_step
pop_on_apop(struct pop_server *server, struct command *command)
{
    if (server->timestamp.len == 0) {
        pop_mistake(server, command->out, POP_VIEW("APOP is not available here"));
        return STEP_ANSWERED;
    }
    command->event->user = command->word;
    command->event->password = command->second;
    command->event->apop = true;
    server->pending = POP_PENDING_LOGIN;
    return POP_SERVER_LOGIN;
}

enum pop_server_step
pop_on_stls(struct pop_server *server, struct command *command)
{
    if (!server->config->stls) {
        pop_mistake(
            server, command->out, POP_VIEW("STLS is not available here, or TLS is active"));
        return STEP_ANSWERED;
    }
    server->pending = POP_PENDING_TLS;
    return POP_SERVER_STLS;
}

void
pop_server_tls_started(struct pop_server *server, const struct pop_server_config *config)
{
    assert(server->pending == POP_PENDING_TLS);
    server->pending = POP_PENDING_NONE;
    server->config = config;
    server->timestamp = (struct pop_view){0};
    server->user_given = false;
    explicit_bzero(server->user, sizeof server->user);
}

/* The password may lie in the line that PASS came in, or AUTH. */
static void
login_answered(struct pop_server *server)
{
    assert(server->pending == POP_PENDING_LOGIN || server->pending == POP_PENDING_SASL);
    server->pending = POP_PENDING_NONE;
    server->in_sasl = false;
    pop_read_commands(server);
    explicit_bzero(server->line_data, sizeof server->line_data);
}

void
pop_server_login_accepted(
    struct pop_server *server, const struct pop_maildrop *maildrop, unsigned char *marks,
    struct pop_buffer *out)
{
    login_answered(server);
    server->maildrop = *maildrop;
    server->marks = marks;
    pop_session_enter(server, POP_STATE_TRANSACTION);
    pop_buffer_put(out, POP_VIEW("+OK logged in, "));
    pop_put_visible(server, out);
    pop_buffer_put(out, POP_VIEW("\r\n"));
}

void
pop_server_login_refused(
    struct pop_server *server, enum pop_refusal refusal, struct pop_buffer *out)
{
    bool mistake = refusal == POP_REFUSAL_AUTH || refusal == POP_REFUSAL_FAILURES ||
                   refusal == POP_REFUSAL_SASL;
    login_answered(server);
    /* The code stays also in the last answer (R3206-1). */
    struct pop_view code = refusal == POP_REFUSAL_AUTH ? POP_VIEW("[AUTH] ") : POP_VIEW("");
    if (!mistake || pop_mistake_allowed(server, out, code))
        pop_reply_refusal(out, refusal);
}
