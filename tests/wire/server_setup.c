/* The rows of a server's transcript that say what its owner and the store answer. */
#include "base/number.h"
#include "wire.h"

typedef bool row(struct wire_setup *setup, struct pop_view value);

static bool
take_refusal(struct pop_view name, enum pop_refusal *ret_refusal)
{
    static const char *const names[POP_REFUSAL_COUNT] = {
        [POP_REFUSAL_AUTH] = "auth",
        [POP_REFUSAL_IN_USE] = "in-use",
        [POP_REFUSAL_SYS_TEMP] = "temp",
        [POP_REFUSAL_SYS_PERM] = "perm",
        [POP_REFUSAL_CONNECTIONS] = "connections",
        [POP_REFUSAL_PER_ADDRESS] = "per-address",
        [POP_REFUSAL_USER_SESSIONS] = "user-sessions",
        [POP_REFUSAL_FAILURES] = "failures",
        [POP_REFUSAL_LOGIN_DELAY] = "login-delay",
        [POP_REFUSAL_DISABLED] = "disabled",
        [POP_REFUSAL_SASL] = "sasl",
        [POP_REFUSAL_MESSAGE_GONE] = "gone",
        [POP_REFUSAL_MESSAGE_CHANGED] = "changed",
    };
    for (unsigned i = 0; i < POP_REFUSAL_COUNT; i++) {
        if (pop_view_equal(name, pop_view_of(names[i]))) {
            *ret_refusal = (enum pop_refusal)i;
            return true;
        }
    }
    return false;
}

static bool
take_yes(struct pop_view value, bool *ret_yes)
{
    *ret_yes = pop_view_equal(value, POP_VIEW("yes"));
    return *ret_yes || pop_view_equal(value, POP_VIEW("no"));
}

static bool
on_login(struct wire_setup *setup, struct pop_view value)
{
    return take_yes(value, &setup->login);
}

static bool
on_user_allowed(struct wire_setup *setup, struct pop_view value)
{
    return take_yes(value, &setup->config.user_allowed);
}

static bool
on_mechanisms(struct wire_setup *setup, struct pop_view value)
{
    setup->config.mechanisms = value;
    return true;
}

static bool
on_stls(struct wire_setup *setup, struct pop_view value)
{
    return take_yes(value, &setup->config.stls);
}

static bool
on_check_user(struct wire_setup *setup, struct pop_view value)
{
    return take_yes(value, &setup->config.check_user);
}

static bool
on_mistakes(struct wire_setup *setup, struct pop_view value)
{
    return parse_u32(value, &setup->config.mistakes_per_session);
}

static bool
on_login_delay(struct wire_setup *setup, struct pop_view value)
{
    return parse_u32(value, &setup->config.login_delay);
}

static bool
on_commands(struct wire_setup *setup, struct pop_view value)
{
    return parse_u32(value, &setup->config.commands_before_login);
}

static bool
on_hold(struct wire_setup *setup, struct pop_view value)
{
    return take_yes(value, &setup->hold);
}

static bool
on_timestamp(struct wire_setup *setup, struct pop_view value)
{
    setup->timestamp = value;
    return true;
}

static bool
on_password(struct wire_setup *setup, struct pop_view value)
{
    setup->password = value;
    return true;
}

static bool
on_digest(struct wire_setup *setup, struct pop_view value)
{
    setup->digest = value;
    return true;
}

static bool
on_greeting(struct wire_setup *setup, struct pop_view value)
{
    setup->turned_away = true;
    return take_refusal(value, &setup->greeting);
}

static bool
on_refuse(struct wire_setup *setup, struct pop_view value)
{
    return setup->login_count < WIRE_LOGINS_MAX &&
           take_refusal(value, &setup->logins[setup->login_count++]);
}

static bool
on_left(struct wire_setup *setup, struct pop_view value)
{
    return parse_u32(value, &setup->left);
}

static bool
on_message(struct wire_setup *setup, struct pop_view value)
{
    static const char letters[WIRE_MESSAGES_MAX + 1] = "abcdefghijklmnopqrstuvwxyzABCDEF";
    if (setup->count == WIRE_MESSAGES_MAX)
        return false;
    setup->messages[setup->count] =
        (struct wire_message){.stored = value, .uid = {letters + setup->count, 1}};
    setup->count++;
    return true;
}

static bool
on_uid(struct wire_setup *setup, struct pop_view value)
{
    if (setup->count == 0 || value.len == 0 || value.len > POP_UID_MAX)
        return false;
    setup->messages[setup->count - 1].uid = value;
    return true;
}

static bool
on_promised(struct wire_setup *setup, struct pop_view value)
{
    struct wire_message *message = &setup->messages[setup->count - 1];
    if (setup->count == 0)
        return false;
    message->has_promise = true;
    return parse_u64(value, &message->promised);
}

static bool
on_refused(struct wire_setup *setup, struct pop_view value)
{
    struct wire_message *message = &setup->messages[setup->count - 1];
    if (setup->count == 0)
        return false;
    message->refused = true;
    return take_refusal(value, &message->refusal);
}

bool
setup_row(struct wire_setup *setup, struct pop_view name, struct pop_view value)
{
    static const struct {
        const char *name;
        row *take;
    } rows[] = {
        {"login", on_login},               /* yes: starts logged in */
        {"user-allowed", on_user_allowed}, /* no: USER and PASS are not offered */
        {"mechanisms", on_mechanisms},     /* SASL: what is offered */
        {"stls", on_stls},                 /* yes: STLS is offered */
        {"check-user", on_check_user},     /* yes: USER is refused for anybody but ann */
        {"mistakes-per-session", on_mistakes},
        {"commands-before-login", on_commands},
        {"login-delay", on_login_delay},
        {"hold", on_hold},           /* yes: an answer is sent when it is complete */
        {"timestamp", on_timestamp}, /* APOP is offered with this */
        {"password", on_password},   /* ann's; else "secret" */
        {"digest", on_digest},       /* what APOP has to bring */
        {"greeting", on_greeting},   /* turned away for this reason */
        {"refuse", on_refuse},
        {"left", on_left}, /* so many messages could not be removed */
        {"message", on_message},
        {"uid", on_uid},
        {"promised", on_promised},
        {"refused", on_refused},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (pop_view_equal(name, pop_view_of(rows[i].name)))
            return rows[i].take(setup, value);
    return false;
}
