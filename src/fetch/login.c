/* The login by SASL. */
#include "fetch/login.h"

#include "base/check.h"
#include "fetch/oauth.h"
#include "fetch/refusal.h"

void
login_free(struct login *login)
{
    sasl_free(login->sasl);
    explicit_bzero(login, sizeof *login);
}

void
login_add_capability(struct login *login, struct pop_view line)
{
    struct pop_view word;
    if (!pop_capability_word(&line, &word) || !pop_view_same_word(word, POP_VIEW("SASL")))
        return;
    while (pop_capability_word(&line, &word)) {
        enum mechanism mechanism = mechanism_find(word);
        if (mechanism != MECHANISM_COUNT)
            login->mechanisms |= MECHANISM_BIT(mechanism);
    }
}

/* ---- the beginning ---- */

static void
fail_choice(const struct login *login, const struct account *account, struct report *report)
{
    enum mechanism wanted = login->choice.mechanism;
    char names[MECHANISM_NAMES_MAX + 1];
    names[mechanism_names(login->mechanisms, names)] = '\0';
    const char *listed = names[0] != '\0' ? names : "nothing that this side knows";
    if (wanted == MECHANISM_COUNT)
        report_fail(
            report, EX_UNAVAILABLE,
            "%s: the server offers no login with a token (OAUTHBEARER, XOAUTH2); it lists %s. "
            "Nothing secret was sent",
            account->label, listed);
    else if ((login->mechanisms & MECHANISM_BIT(wanted)) != 0)
        report_fail(
            report, EX_UNAVAILABLE,
            "%s: %s needs something to bind the login to, which TLS 1.3 has and this "
            "connection has not. Nothing secret was sent",
            account->label, mechanism_row(wanted)->name);
    else
        report_fail(
            report, EX_UNAVAILABLE,
            "%s: the server does not offer %s, which was asked for; it lists %s. Nothing "
            "secret was sent",
            account->label, mechanism_row(wanted)->name, listed);
}

static int
exit_of(const struct err *err)
{
    switch (err->code) {
    case ERR_DENIED:
        return EX_NOPERM;
    case ERR_PROTOCOL:
    case ERR_LIMIT:
        return EX_PROTOCOL;
    case ERR_INVALID:
        return EX_CONFIG;
    default:
        return EX_TEMPFAIL;
    }
}

static bool
start_exchange(struct login *login, const struct account *account, struct report *report)
{
    struct err err;
    enum mechanism mechanism = login->choice.mechanism;
    bool bearer = mechanism_row(mechanism)->bearer;
    struct sasl_identity identity = {
        .user = pop_view_of(account->url.user),
        .secret = bearer ? (struct pop_view){account->token.data, account->token.len}
                         : (struct pop_view){account->password.data, account->password.len},
        .host = pop_view_of(account->url.host),
        .port = account->url.port,
        .binding = {login->binding, login->choice.binds ? login->binding_len : 0},
    };
    if (sasl_new(&login->sasl, mechanism, &identity, &err) == ERR_OK)
        return true;
    report_fail(report, exit_of(&err), "%s: %s", account->label, err.text);
    return false;
}

bool
login_begin(
    struct login *login, const struct account *account, bool secure,
    const struct pop_capabilities *capabilities, struct report *report)
{
    struct login_terms terms = {
        .wish = account->login,
        .has_token = account->token.len > 0,
        .secure = secure,
        .can_bind = login->binding_len > 0,
        .user = capabilities->user,
        .mechanisms = login->mechanisms,
    };
    login->choice = login_choose(&terms);
    if (!login->choice.found) {
        fail_choice(login, account, report);
        return false;
    }
    report->auth = login_name(login);
    return !login->choice.sasl || start_exchange(login, account, report);
}

const char *
login_name(const struct login *login)
{
    return login->choice.sasl ? mechanism_row(login->choice.mechanism)->name : "password";
}

/* ---- the exchange ---- */

static void
fill_auth(struct login *login, struct pop_client *client, struct pop_buffer *out)
{
    struct pop_view initial = {"", 0};
    struct pop_view name = pop_view_of(login_name(login));
    struct pop_buffer storage = {login->storage, 0, sizeof login->storage};
    bool along = sasl_initial(login->sasl, &initial) &&
                 pop_client_auth_fits(name, initial.len); /* R5034-9 */
    enum pop_send result = pop_client_auth(client, name, along ? &initial : NULL, storage, out);
    CHECK(result != POP_SEND_BAD);
    login->sent = result == POP_SEND_OK;
    if (login->sent && along)
        sasl_started(login->sasl);
}

void
login_fill(struct login *login, struct pop_client *client, struct pop_buffer *out)
{
    if (login->sasl != NULL && !login->sent)
        fill_auth(login, client, out);
    if (!login->responds)
        return;
    enum pop_send result = login->cancels ? pop_client_cancel(client, out)
                                          : pop_client_respond(client, login->response, out);
    CHECK(result != POP_SEND_BAD); /* no mechanism has messages that long */
    login->responds = result != POP_SEND_OK;
}

static void
fail_impostor(const struct account *account, struct report *report, const char *what)
{
    report_fail(
        report, EX_NOPERM,
        "%s: %s that it knows the password: somebody may be answering in its place. The "
        "session ends here",
        account->label, what);
}

static void
cancel(
    struct login *login, const struct account *account, struct report *report, int exit_code,
    const char *reason)
{
    login->cancels = true;
    report_fail(report, exit_code, "%s: the login was given up: %s", account->label, reason);
}

bool
login_challenged(
    struct login *login, const struct account *account, const struct pop_client_event *event,
    struct report *report)
{
    struct err err;
    login->responds = true;
    if (event->problem != NULL) {
        cancel(login, account, report, EX_PROTOCOL, event->problem); /* R5034-6 */
        return true;
    }
    switch (sasl_next(login->sasl, event->text, &login->response, &err)) {
    case SASL_RESPOND:
        break;
    case SASL_CANCEL:
        cancel(login, account, report, exit_of(&err), err.text);
        break;
    case SASL_IMPOSTOR:
        fail_impostor(account, report, "the server does not prove");
        return false;
    }
    return true;
}

static void
fail_refused(
    const struct login *login, const struct account *account,
    const struct pop_client_event *event, struct report *report)
{
    char what[OAUTH_REFUSAL_MAX + 64] = "the server refuses the login";
    const char *reason = sasl_refusal(login->sasl);
    if (reason[0] != '\0')
        (void)snprintf(what, sizeof what, "the server refuses the token (%s)", reason);
    refusal_report(report, account, login->sasl, &event->status, EX_NOPERM, what);
}

bool
login_answered(
    struct login *login, const struct account *account, const struct pop_client_event *event,
    struct report *report)
{
    if (login->cancels)
        return false;
    if (!event->status.ok) {
        fail_refused(login, account, event, report);
        return false;
    }
    if (!sasl_is_through(login->sasl)) { /* R5802-4 */
        if (sasl_proves_server(login->sasl))
            fail_impostor(
                account, report, "the server says +OK to the login and has not shown");
        else
            report_fail(
                report, EX_NOPERM,
                "%s: the server says +OK before %s is through: that is no login",
                account->label, login_name(login));
        return false;
    }
    sasl_free(login->sasl);
    login->sasl = NULL;
    return true;
}
