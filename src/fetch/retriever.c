/* One session with a server. Every phase but the transfer is a fixed script of commands. */
#include "fetch/retriever.h"

#include "base/check.h"
#include "base/limits.h"
#include "fetch/escape.h"
#include "fetch/refusal.h"

#include <inttypes.h>
#include <stdlib.h>

#define SCRIPT_MAX 4

/* What each phase sends; it is over when all is answered. UIDL comes before LIST, and both are
 * asked for even if CAPA does not announce them: it may lie (R1957-2). */
static const struct script {
    size_t count;
    enum pop_command commands[SCRIPT_MAX];
} scripts[RETRIEVER_PHASE_COUNT] = {
    [RETRIEVER_CAPA_BEFORE_TLS] = {1, {POP_COMMAND_CAPA}},
    [RETRIEVER_STLS] = {1, {POP_COMMAND_STLS}},
    [RETRIEVER_CAPA] = {1, {POP_COMMAND_CAPA}},
    [RETRIEVER_LOGIN] = {2, {POP_COMMAND_USER, POP_COMMAND_PASS}},
    /* CAPA again: values may differ after the login (R2449-3). */
    [RETRIEVER_LISTING] =
        {4, {POP_COMMAND_CAPA, POP_COMMAND_STAT, POP_COMMAND_UIDL, POP_COMMAND_LIST}},
    [RETRIEVER_QUIT] = {1, {POP_COMMAND_QUIT}},
};

void
retriever_init(struct retriever *retriever, struct account *account, struct report *report)
{
    *retriever = (struct retriever){.account = account, .report = report};
    retriever->out = (struct pop_buffer){retriever->out_data, 0, sizeof retriever->out_data};
    pop_client_init(&retriever->client);
}

void
retriever_free(struct retriever *retriever)
{
    explicit_bzero(retriever->out_data, sizeof retriever->out_data); /* a PASS not sent yet */
    login_free(&retriever->login);
    listing_free(&retriever->listing);
    free(retriever->deletes);
    retriever->deletes = NULL;
}

static void
enter(struct retriever *retriever, enum retriever_phase next)
{
    CHECK(next > retriever->phase);
    retriever->phase = next;
    retriever->sent = 0;
}

/* What the server said, for a report. */
static struct shown
shown_status(const struct pop_status *status)
{
    return escape_text(status->text.len > 0 ? status->text : POP_VIEW("no reason given"));
}

static enum retriever_step
refused(
    struct retriever *retriever, const struct pop_status *status, int otherwise,
    const char *what)
{
    refusal_report(retriever->report, retriever->account, NULL, status, otherwise, what);
    return RETRIEVER_STEP_FAILED;
}

static enum retriever_step
on_greeting(struct retriever *retriever, const struct pop_client_event *event)
{
    if (!event->status.ok)
        return refused(retriever, &event->status, EX_UNAVAILABLE, "the server is not ready");
    bool stls = retriever->account->tls == ACCOUNT_TLS_STLS;
    enter(retriever, stls ? RETRIEVER_CAPA_BEFORE_TLS : RETRIEVER_CAPA);
    return RETRIEVER_STEP_AGAIN;
}

/* R2595-8 */
static enum retriever_step
on_stls(struct retriever *retriever, const struct pop_client_event *event)
{
    if (!event->status.ok)
        return refused(
            retriever, &event->status, EX_UNAVAILABLE,
            "the server refuses STLS, and no password goes out without TLS");
    return RETRIEVER_STEP_AGAIN;
}

/* CAPA is answered. Somebody on the way may have taken STLS out of it: that is no reason to go
 * on without (R2595-8). */
static enum retriever_step
on_capabilities_before_tls(struct retriever *retriever)
{
    if (retriever->capabilities.stls) {
        enter(retriever, RETRIEVER_STLS);
        return RETRIEVER_STEP_AGAIN;
    }
    report_fail(
        retriever->report, EX_UNAVAILABLE,
        "%s: the server does not offer STLS, and no password goes out without TLS. Ways on: "
        "pops:// if it has a port where TLS comes first (%u); --tls off if everybody on the "
        "way may read the password and the mail",
        retriever->account->label, URL_PORT_POPS);
    return RETRIEVER_STEP_FAILED;
}

/* CAPA is answered, the last one before the login. */
static enum retriever_step
on_capabilities(struct retriever *retriever)
{
    struct login *login = &retriever->login;
    if (!login_begin(
            login, retriever->account, retriever->secure, &retriever->capabilities,
            retriever->report))
        return RETRIEVER_STEP_FAILED;
    enter(retriever, login->choice.sasl ? RETRIEVER_SASL : RETRIEVER_LOGIN);
    return RETRIEVER_STEP_AGAIN;
}

/* The secrets are not needed any more. */
static void
forget_secrets(struct retriever *retriever)
{
    secret_finish(&retriever->account->password);
    token_finish(&retriever->account->token);
}

static enum retriever_step
on_login(struct retriever *retriever, const struct pop_client_event *event)
{
    if (!event->status.ok)
        return refused(retriever, &event->status, EX_NOPERM, "the server refuses the login");
    if (event->command == POP_COMMAND_PASS)
        forget_secrets(retriever);
    return RETRIEVER_STEP_AGAIN;
}

static enum retriever_step
on_auth(struct retriever *retriever, const struct pop_client_event *event)
{
    if (!login_answered(&retriever->login, retriever->account, event, retriever->report))
        return RETRIEVER_STEP_FAILED;
    forget_secrets(retriever);
    enter(retriever, RETRIEVER_LISTING);
    return RETRIEVER_STEP_AGAIN;
}

static enum retriever_step
on_challenge(struct retriever *retriever, const struct pop_client_event *event)
{
    bool goes_on =
        login_challenged(&retriever->login, retriever->account, event, retriever->report);
    return goes_on ? RETRIEVER_STEP_AGAIN : RETRIEVER_STEP_FAILED;
}

static enum retriever_step
on_capa(struct retriever *retriever, const struct pop_client_event *event)
{
    retriever->capabilities_next = (struct pop_capabilities){.known = event->status.ok};
    retriever->capability_lines = 0;
    retriever->login.mechanisms = 0;
    return RETRIEVER_STEP_AGAIN; /* -ERR: only the minimum is assumed (R2449-4) */
}

static enum retriever_step
on_stat(struct retriever *retriever, const struct pop_client_event *event)
{
    if (!event->status.ok)
        return refused(retriever, &event->status, EX_PROTOCOL, "the server refuses STAT");
    return RETRIEVER_STEP_AGAIN;
}

static enum retriever_step
on_list(struct retriever *retriever, const struct pop_client_event *event)
{
    if (!event->status.ok)
        return refused(retriever, &event->status, EX_PROTOCOL, "the server refuses LIST");
    return RETRIEVER_STEP_AGAIN;
}

/* A server may be without UIDL (R1939-50); one that has it and cannot answer now is left alone,
 * else every message would be fetched again to be compared. */
static enum retriever_step
on_uidl(struct retriever *retriever, const struct pop_client_event *event)
{
    if (event->status.ok)
        return RETRIEVER_STEP_AGAIN;
    if (refusal_is_temporary(&event->status))
        return refused(retriever, &event->status, EX_TEMPFAIL, "the server refuses UIDL");
    report_warn(
        retriever->report, EX_OK,
        "%s: the server has no UIDL: every message is fetched and compared",
        retriever->account->label);
    return RETRIEVER_STEP_AGAIN;
}

/* The next item that is to be fetched, from `at` on. */
static size_t
skip_to_fetch(const struct plan *plan, size_t at)
{
    while (at < plan->count && plan->items[at].action != PLAN_FETCH)
        at++;
    return at;
}

/* RETR is answered in the order in which it was sent. */
static enum retriever_step
on_retr(
    struct retriever *retriever, const struct pop_client_event *event,
    struct retriever_event *ret_event)
{
    const struct plan_item *item = &retriever->plan->items[retriever->answering];
    CHECK(item->number == event->message);
    ret_event->item = retriever->answering;
    retriever->received = 0;
    window_begin(&retriever->window, item->size);
    if (event->status.ok)
        return RETRIEVER_STEP_BEGIN;

    struct shown text = shown_status(&event->status);
    report_warn(
        retriever->report, EX_TEMPFAIL, "%s: the server does not give message %" PRIu32 ": %s",
        retriever->account->label, item->number, text.text);
    window_end(&retriever->window);
    retriever->answering = skip_to_fetch(retriever->plan, retriever->answering + 1);
    retriever->unresolved--;
    return RETRIEVER_STEP_REFUSED;
}

static enum retriever_step
on_dele(struct retriever *retriever, const struct pop_client_event *event)
{
    struct retriever_delete *asked = &retriever->deletes[retriever->deletes_answered++];
    asked->done = event->status.ok;
    if (event->status.ok)
        return RETRIEVER_STEP_AGAIN;
    struct shown text = shown_status(&event->status);
    retriever->deletes_refused++;
    report_warn(
        retriever->report, EX_TEMPFAIL,
        "%s: the server does not delete message %" PRIu32 ": %s", retriever->account->label,
        event->message, text.text);
    return RETRIEVER_STEP_AGAIN;
}

static enum retriever_step
on_quit(struct retriever *retriever, const struct pop_client_event *event)
{
    retriever->quit_ok = event->status.ok;
    if (!event->status.ok) {
        struct shown text = shown_status(&event->status);
        report_warn(
            retriever->report, EX_TEMPFAIL, "%s: the server does not confirm the deletions: %s",
            retriever->account->label, text.text);
    }
    enter(retriever, RETRIEVER_DONE);
    return RETRIEVER_STEP_FINISHED;
}

static enum retriever_step
on_reply(
    struct retriever *retriever, const struct pop_client_event *event,
    struct retriever_event *ret_event)
{
    if (event->command == POP_COMMAND_RETR)
        return on_retr(retriever, event, ret_event);

    static enum retriever_step (*const handlers[POP_COMMAND_COUNT])(
        struct retriever * retriever, const struct pop_client_event *event) = {
        [POP_COMMAND_GREETING] = on_greeting, [POP_COMMAND_CAPA] = on_capa,
        [POP_COMMAND_STLS] = on_stls,         [POP_COMMAND_USER] = on_login,
        [POP_COMMAND_PASS] = on_login,        [POP_COMMAND_AUTH] = on_auth,
        [POP_COMMAND_STAT] = on_stat,         [POP_COMMAND_LIST] = on_list,
        [POP_COMMAND_UIDL] = on_uidl,         [POP_COMMAND_DELE] = on_dele,
        [POP_COMMAND_QUIT] = on_quit,
    };
    CHECK(handlers[event->command] != NULL);
    return handlers[event->command](retriever, event);
}

static enum err_code
add_capability(struct retriever *retriever, struct pop_view line, struct err *err)
{
    if (retriever->capability_lines++ == CAPABILITY_LINES_MAX)
        return err_set(err, ERR_LIMIT, "the server lists capabilities without end");
    pop_capabilities_add(&retriever->capabilities_next, line);
    login_add_capability(&retriever->login, line);
    return ERR_OK;
}

static enum retriever_step
on_item(struct retriever *retriever, const struct pop_client_event *event)
{
    struct err err;
    enum err_code code = ERR_OK;
    if (event->command == POP_COMMAND_CAPA)
        code = add_capability(retriever, event->text, &err);
    else if (event->command == POP_COMMAND_LIST)
        code = listing_add_size(&retriever->listing, event->number, event->size, &err);
    else
        code = listing_add_uid(&retriever->listing, event->number, event->uid, &err);
    if (code == ERR_OK)
        return RETRIEVER_STEP_AGAIN;
    int exit_code = code == ERR_NOMEM ? EX_TEMPFAIL : EX_PROTOCOL;
    report_fail(retriever->report, exit_code, "%s: %s", retriever->account->label, err.text);
    return RETRIEVER_STEP_FAILED;
}

/* The most octets that are taken for a message of this size (R1939-53). */
static uint64_t
overrun(uint64_t size)
{
    uint64_t most = UINT64_MAX / (2 * OVERRUN_FACTOR);
    return (size < most ? size : most) * OVERRUN_FACTOR + OVERRUN_MAX;
}

static enum retriever_step
on_text(
    struct retriever *retriever, const struct pop_client_event *event,
    struct retriever_event *ret_event)
{
    const struct plan_item *item = &retriever->plan->items[retriever->answering];
    retriever->received += event->text.len;
    window_received(&retriever->window, event->text.len);
    if (retriever->received > overrun(item->size)) {
        report_fail(
            retriever->report, EX_PROTOCOL,
            "%s: message %" PRIu32 " does not end: LIST said %" PRIu64
            " octets, more than %" PRIu64 " came",
            retriever->account->label, item->number, item->size, overrun(item->size));
        return RETRIEVER_STEP_FAILED;
    }
    ret_event->item = retriever->answering;
    ret_event->text = event->text;
    return RETRIEVER_STEP_TEXT;
}

static enum retriever_step
on_message_end(struct retriever *retriever, struct retriever_event *ret_event)
{
    const struct plan_item *item = &retriever->plan->items[retriever->answering];
    if (retriever->received != item->size)
        report_warn(
            retriever->report, EX_OK,
            "%s: LIST said that message %" PRIu32 " has %" PRIu64 " octets, %" PRIu64 " came",
            retriever->account->label, item->number, item->size, retriever->received);
    window_end(&retriever->window);
    ret_event->item = retriever->answering;
    ret_event->octets = retriever->received;
    retriever->answering = skip_to_fetch(retriever->plan, retriever->answering + 1);
    return RETRIEVER_STEP_END;
}

static enum retriever_step
on_end(
    struct retriever *retriever, const struct pop_client_event *event,
    struct retriever_event *ret_event)
{
    if (event->command == POP_COMMAND_RETR)
        return on_message_end(retriever, ret_event);
    if (event->command == POP_COMMAND_CAPA)
        retriever->capabilities = retriever->capabilities_next;
    return RETRIEVER_STEP_AGAIN;
}

static enum retriever_step
on_listed(struct retriever *retriever)
{
    size_t dropped = listing_finish(&retriever->listing);
    if (dropped > 0)
        report_warn(
            retriever->report, EX_OK,
            "%s: %zu lines of LIST and UIDL contradict the others and were passed over",
            retriever->account->label, dropped);
    enter(retriever, RETRIEVER_PLANNING);
    return RETRIEVER_STEP_LISTED;
}

/* After an answer: a phase whose script is answered is over. */
static enum retriever_step
advance(struct retriever *retriever)
{
    const struct script *script = &scripts[retriever->phase];
    bool answered = script->count > 0 && retriever->sent == script->count &&
                    pop_client_awaited(&retriever->client) == 0;
    if (!answered)
        return RETRIEVER_STEP_AGAIN;
    if (retriever->phase == RETRIEVER_LISTING)
        return on_listed(retriever);
    if (retriever->phase == RETRIEVER_CAPA_BEFORE_TLS)
        return on_capabilities_before_tls(retriever);
    if (retriever->phase == RETRIEVER_CAPA)
        return on_capabilities(retriever);
    enter(retriever, retriever->phase + 1);
    return RETRIEVER_STEP_AGAIN;
}

enum retriever_step
retriever_next(
    struct retriever *retriever, struct pop_view *in, struct retriever_event *ret_event)
{
    *ret_event = (struct retriever_event){0};
    enum retriever_step step = RETRIEVER_STEP_AGAIN;
    while (step == RETRIEVER_STEP_AGAIN) {
        struct pop_client_event event;
        switch (pop_client_next(&retriever->client, in, &event)) {
        case POP_CLIENT_MORE:
            return retriever->phase == RETRIEVER_HANDSHAKE ? RETRIEVER_STEP_TLS
                                                           : RETRIEVER_STEP_MORE;
        case POP_CLIENT_REPLY:
            step = on_reply(retriever, &event, ret_event);
            break;
        case POP_CLIENT_ITEM:
            step = on_item(retriever, &event);
            break;
        case POP_CLIENT_TEXT:
            step = on_text(retriever, &event, ret_event);
            break;
        case POP_CLIENT_END:
            step = on_end(retriever, &event, ret_event);
            break;
        case POP_CLIENT_CHALLENGE:
            step = on_challenge(retriever, &event);
            break;
        case POP_CLIENT_BROKEN:
            report_fail(
                retriever->report, EX_PROTOCOL, "%s: %s", retriever->account->label,
                event.problem);
            return RETRIEVER_STEP_FAILED;
        }
        if (step == RETRIEVER_STEP_AGAIN)
            step = advance(retriever);
    }
    return step;
}

void
retriever_secured(struct retriever *retriever, struct pop_view binding)
{
    CHECK(!retriever->secure && binding.len <= TLS_BINDING_LEN);
    retriever->secure = true;
    memcpy(retriever->login.binding, binding.data, binding.len);
    retriever->login.binding_len = binding.len;
    if (retriever->phase == RETRIEVER_GREETING)
        return;
    CHECK(retriever->phase == RETRIEVER_HANDSHAKE);
    pop_client_tls_started(&retriever->client);
    retriever->capabilities = (struct pop_capabilities){0}; /* R2595-5 */
    retriever->login.mechanisms = 0;
    enter(retriever, RETRIEVER_CAPA);
}

enum err_code
retriever_start(struct retriever *retriever, const struct plan *plan, struct err *err)
{
    CHECK(retriever->phase == RETRIEVER_PLANNING);
    retriever->deletes = calloc(plan->count + 1, sizeof *retriever->deletes);
    if (retriever->deletes == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the deletions");
    for (size_t i = 0; i < plan->count; i++)
        if (plan->items[i].action == PLAN_DELETE)
            retriever->deletes[retriever->delete_count++].item = i;
    retriever->plan = plan;
    retriever->unresolved = plan->fetch_count;
    retriever->next_fetch = skip_to_fetch(plan, 0);
    retriever->answering = retriever->next_fetch;
    enter(retriever, RETRIEVER_TRANSFER);
    return ERR_OK;
}

void
retriever_resolve(struct retriever *retriever, size_t item, bool may_delete)
{
    CHECK(retriever->unresolved > 0);
    retriever->unresolved--;
    if (may_delete)
        retriever->deletes[retriever->delete_count++].item = item;
}

/* One command outstanding, unless the server pipelines. */
static bool
may_send(const struct retriever *retriever)
{
    return retriever->capabilities.pipelining || pop_client_awaited(&retriever->client) == 0;
}

/* What is secret goes to the right server over TLS, or where that was not wanted (R8314-9). */
static void
check_line(const struct retriever *retriever)
{
    CHECK(retriever->secure || retriever->account->tls == ACCOUNT_TLS_OFF);
}

static enum pop_send
send_script(struct retriever *retriever)
{
    enum pop_command command = scripts[retriever->phase].commands[retriever->sent];
    struct account *account = retriever->account;
    struct pop_view argument = {"", 0};
    if (retriever->phase == RETRIEVER_LOGIN)
        check_line(retriever);
    if (command == POP_COMMAND_USER)
        argument = pop_view_of(account->url.user);
    if (command == POP_COMMAND_PASS)
        argument = (struct pop_view){account->password.data, account->password.len};
    return pop_client_send(&retriever->client, command, argument, &retriever->out);
}

static void
fill_script(struct retriever *retriever)
{
    while (retriever->sent < scripts[retriever->phase].count && may_send(retriever)) {
        enum pop_send result = send_script(retriever);
        CHECK(result != POP_SEND_BAD); /* both were checked when they were set */
        if (result == POP_SEND_FULL)
            return;
        retriever->sent++;
    }
}

/* The next command about a message: deletions first, they cost the server nothing. False: there
 * is none to send now. */
static bool
fill_one(struct retriever *retriever)
{
    const struct plan *plan = retriever->plan;
    bool is_delete = retriever->deletes_sent < retriever->delete_count;
    bool is_fetch = retriever->next_fetch < plan->count && window_is_open(&retriever->window);
    if (!may_send(retriever) || (!is_delete && !is_fetch))
        return false;

    size_t index =
        is_delete ? retriever->deletes[retriever->deletes_sent].item : retriever->next_fetch;
    const struct plan_item *item = &plan->items[index];
    enum pop_send result = pop_client_send_number(
        &retriever->client, is_delete ? POP_COMMAND_DELE : POP_COMMAND_RETR, item->number, 0,
        &retriever->out);
    if (result != POP_SEND_OK)
        return false;
    if (is_delete) {
        retriever->deletes_sent++;
        return true;
    }
    window_sent(&retriever->window, item->size);
    retriever->next_fetch = skip_to_fetch(plan, index + 1);
    return true;
}

static void
fill_transfer(struct retriever *retriever)
{
    while (fill_one(retriever)) {
    }
    bool over = retriever->unresolved == 0 &&
                retriever->deletes_answered == retriever->delete_count &&
                pop_client_awaited(&retriever->client) == 0;
    if (over)
        enter(retriever, RETRIEVER_QUIT);
}

void
retriever_fill(struct retriever *retriever)
{
    if (retriever->phase == RETRIEVER_TRANSFER)
        fill_transfer(retriever);
    if (retriever->phase == RETRIEVER_SASL) {
        check_line(retriever);
        login_fill(&retriever->login, &retriever->client, &retriever->out);
    }
    fill_script(retriever);
}

bool
retriever_closed(struct retriever *retriever)
{
    bool nothing_to_confirm =
        retriever->phase == RETRIEVER_QUIT && retriever->delete_count == 0;
    if (retriever->phase == RETRIEVER_DONE || nothing_to_confirm)
        return true;
    report_fail(
        retriever->report, EX_TEMPFAIL, "%s: the server closed the connection %s",
        retriever->account->label,
        retriever->phase == RETRIEVER_QUIT     ? "without confirming the deletions"
        : retriever->phase < RETRIEVER_LISTING ? "before the login was done"
                                               : "in the middle of the session");
    return false;
}
