/* One session of the load generator: a script of commands, and a check of every answer. */
#include "load_session.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* Commands sent without an answer. Their answers may be large, which is safe: the caller reads
 * whatever comes before it waits for room to write. */
#define WINDOW 32u

/* Beyond the commands of libpop. */
enum { SCRIPT_HOLD = POP_COMMAND_COUNT, SCRIPT_END };

#define SCRIPT_MAX 9

/* CAPA is left out where nobody wants to know. RETR stands for every message. */
static const unsigned char scripts[][SCRIPT_MAX] = {
    [LOAD_LOGIN] =
        {POP_COMMAND_CAPA, POP_COMMAND_USER, POP_COMMAND_PASS, POP_COMMAND_STAT,
         POP_COMMAND_QUIT, SCRIPT_END},
    [LOAD_SESSION] =
        {POP_COMMAND_CAPA, POP_COMMAND_USER, POP_COMMAND_PASS, POP_COMMAND_STAT,
         POP_COMMAND_UIDL, POP_COMMAND_LIST, POP_COMMAND_RETR, POP_COMMAND_QUIT, SCRIPT_END},
    [LOAD_IDLE] =
        {POP_COMMAND_CAPA, POP_COMMAND_USER, POP_COMMAND_PASS, POP_COMMAND_STAT, SCRIPT_HOLD,
         POP_COMMAND_QUIT, SCRIPT_END},
};

void
load_session_init(
    struct load_session *session, enum load_mode mode, const char *user, const char *password,
    bool pipelining)
{
    *session = (struct load_session){
        .mode = mode,
        .user = user,
        .password = password,
        .position = pipelining ? 0 : 1,
        .next_message = 1,
    };
    session->out = (struct pop_buffer){session->out_data, 0, sizeof session->out_data};
    pop_client_init(&session->client);
}

static unsigned
next_in_script(const struct load_session *session)
{
    return scripts[session->mode][session->position];
}

bool
load_session_is_held(const struct load_session *session)
{
    return next_in_script(session) == SCRIPT_HOLD && pop_client_awaited(&session->client) == 0;
}

/* ---- sending ---- */

static bool
may_send(const struct load_session *session)
{
    uint32_t awaited = pop_client_awaited(&session->client);
    return awaited == 0 || (session->pipelining && awaited < WINDOW);
}

static enum pop_send
send_command(struct load_session *session, enum pop_command command)
{
    struct pop_view argument = {"", 0};
    if (command == POP_COMMAND_USER)
        argument = pop_view_of(session->user);
    if (command == POP_COMMAND_PASS)
        argument = pop_view_of(session->password);
    return pop_client_send(&session->client, command, argument, &session->out);
}

/* False: nothing more can be sent now. */
static bool
fill_one(struct load_session *session)
{
    unsigned next = next_in_script(session);
    if (next == SCRIPT_END || !may_send(session))
        return false;
    if (next == SCRIPT_HOLD) {
        session->position += session->released;
        return session->released;
    }
    if (next != POP_COMMAND_RETR) {
        bool sent = send_command(session, next) == POP_SEND_OK;
        session->position += sent;
        return sent;
    }
    if (!session->listed)
        return false;
    if (session->next_message > session->count) {
        session->position++;
        return true;
    }
    if (pop_client_send_number(
            &session->client, POP_COMMAND_RETR, session->next_message, 0, &session->out) !=
        POP_SEND_OK)
        return false;
    session->next_message++;
    return true;
}

void
load_session_fill(struct load_session *session)
{
    while (fill_one(session)) {
    }
}

/* ---- checking ---- */

static bool __attribute__((format(printf, 2, 3)))
failed(struct load_session *session, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(session->problem, sizeof session->problem, format, arguments);
    va_end(arguments);
    return false;
}

static bool
on_reply(struct load_session *session, const struct pop_client_event *event)
{
    const struct pop_status *status = &event->status;
    /* A server may do without CAPA: then one command at a time. */
    if (!status->ok && event->command != POP_COMMAND_CAPA)
        return failed(
            session, "%s: command %d was refused: %.*s", session->user, event->command,
            (int)status->text.len, status->text.data);
    session->lines = 0;
    session->received = 0;
    if (event->command == POP_COMMAND_STAT) {
        if (event->number > LOAD_MESSAGES_MAX)
            return failed(session, "%s: more messages than I remember", session->user);
        session->count = (uint32_t)event->number;
        session->total = event->size;
    }
    return true;
}

static bool
on_item(struct load_session *session, const struct pop_client_event *event)
{
    session->lines++;
    if (event->command == POP_COMMAND_CAPA) {
        struct pop_capabilities told = {0};
        pop_capabilities_add(&told, event->text);
        session->pipelining |= told.pipelining;
        return true;
    }
    if (event->number != session->lines || event->number > session->count)
        return failed(session, "%s: a listing names other messages", session->user);
    if (event->command == POP_COMMAND_LIST) {
        session->sizes[event->number - 1] = event->size;
        session->sum += event->size;
    }
    return true;
}

static bool
on_end(struct load_session *session, const struct pop_client_event *event)
{
    if (event->command == POP_COMMAND_RETR) {
        uint64_t size = session->sizes[event->message - 1];
        session->retrieved++;
        session->octets += session->received;
        return session->received == size ||
               failed(
                   session,
                   "%s: message %" PRIu32 " has %" PRIu64 " octets, LIST said %" PRIu64,
                   session->user, event->message, session->received, size);
    }
    if (event->command == POP_COMMAND_CAPA)
        return true;
    if (session->lines != session->count)
        return failed(session, "%s: a listing is not complete", session->user);
    if (event->command == POP_COMMAND_LIST) {
        session->listed = true;
        if (session->sum != session->total)
            return failed(session, "%s: STAT and LIST differ", session->user);
    }
    return true;
}

enum load_step
load_session_next(struct load_session *session, struct pop_view *in)
{
    for (;;) {
        struct pop_client_event event;
        bool good = true;
        switch (pop_client_next(&session->client, in, &event)) {
        case POP_CLIENT_MORE:
            return LOAD_STEP_MORE;
        case POP_CLIENT_REPLY:
            good = on_reply(session, &event);
            if (good && event.command == POP_COMMAND_QUIT)
                return LOAD_STEP_DONE;
            break;
        case POP_CLIENT_ITEM:
            good = on_item(session, &event);
            break;
        case POP_CLIENT_TEXT:
            session->received += event.text.len;
            break;
        case POP_CLIENT_END:
            good = on_end(session, &event);
            break;
        case POP_CLIENT_CHALLENGE:
            good = failed(session, "%s: a challenge without AUTH", session->user);
            break;
        case POP_CLIENT_BROKEN:
            good = failed(session, "%s: %s", session->user, event.problem);
            break;
        }
        if (!good)
            return LOAD_STEP_FAILED;
    }
}
