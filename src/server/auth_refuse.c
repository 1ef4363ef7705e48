/* Refused logins: every one has its line in the log, counts, and the next one waits longer. The
 * lines are matched by contrib/fail2ban: a change here is one there. */
#include "base/clock.h"
#include "base/log.h"
#include "server/auth.h"
#include "server/role.h"

#include <pop/server.h>

static void
send_refusal(
    struct auth_role *role, const struct auth_try *try, uint32_t refusal, uint32_t delay_ms)
{
    struct ipc_refused refused = {.refusal = refusal, .delay_ms = delay_ms};
    auth_answer(role, try->front, IPC_LOGIN_REFUSED, try->session, &refused, sizeof refused);
}

static void
log_refused(const struct auth_try *try, struct pop_view user, const char *reason)
{
    char name[LOG_NAME_MAX];
    char from[NETWORK_TEXT_MAX];
    log_name(user, name);
    network_address_text(&try->from, from);
    log_info("login refused: user=\"%s\" from=%s reason=%s", name, from, reason);
}

/* The parent has the operator's program run. If it does not listen now, the line in the log is
 * all there is: a login must not wait for it. */
static void
begin_ban(struct auth_role *role, const struct auth_try *try, uint32_t failures)
{
    char from[NETWORK_TEXT_MAX];
    struct ipc_header header = {.type = IPC_BANNED};
    struct ipc_banned banned = {
        .from = penalty_prefix(&try->from), .seconds = role->failure_window_seconds};
    network_text(&banned.from, from);
    log_info("banned: from=%s seconds=%u failures=%u", from, banned.seconds, failures);
    if (ipc_send(ROLE_CONTROL_FD, &header, &banned, sizeof banned, NULL, 0) == IPC_AGAIN)
        log_warning("ban-command is not told of %s: too many at once", from);
}

static uint32_t
count(struct auth_role *role, const struct auth_try *try, struct pop_view user)
{
    struct penalty_verdict verdict =
        penalty_failed(role->penalty, &try->from, user, clock_ms());
    if (verdict.bans)
        begin_ban(role, try, verdict.failures);
    return verdict.delay_ms;
}

bool
auth_refuse_banned(struct auth_role *role, const struct auth_try *try, struct pop_view user)
{
    if (penalty_ban_left(role->penalty, &try->from, clock_ms()) == 0)
        return false;
    log_refused(try, user, "banned");
    send_refusal(role, try, POP_REFUSAL_FAILURES, role->failure_delay_ms);
    return true;
}

void
auth_refuse_wrong(
    struct auth_role *role, const struct auth_try *try, struct pop_view user, bool known)
{
    log_refused(try, user, known ? "wrong-password" : "unknown-user");
    send_refusal(role, try, POP_REFUSAL_AUTH, count(role, try, user));
}

void
auth_refuse_disabled(struct auth_role *role, const struct auth_try *try, struct pop_view user)
{
    log_refused(try, user, "disabled");
    send_refusal(role, try, POP_REFUSAL_DISABLED, 0);
}

void
auth_refuse_busy(struct auth_role *role, const struct auth_try *try, struct pop_view user)
{
    log_refused(try, user, "busy");
    send_refusal(role, try, POP_REFUSAL_SYS_TEMP, 0);
}

uint32_t
auth_count_unknown(struct auth_role *role, const struct auth_try *try, struct pop_view user)
{
    log_refused(try, user, "unknown-user");
    return count(role, try, user);
}

uint32_t
auth_count_token(struct auth_role *role, const struct auth_try *try, struct pop_view user)
{
    log_refused(try, user, "wrong-token");
    return count(role, try, user);
}

void
auth_refuse_counted(struct auth_role *role, const struct auth_try *try, uint32_t delay_ms)
{
    send_refusal(role, try, POP_REFUSAL_AUTH, delay_ms);
}

void
auth_refuse(struct auth_role *role, const struct auth_try *try, uint32_t refusal)
{
    send_refusal(role, try, refusal, 0);
}
