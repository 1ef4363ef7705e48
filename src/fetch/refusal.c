/* A server's -ERR. */
#include "fetch/refusal.h"

#include "fetch/escape.h"

bool
refusal_is_temporary(const struct pop_status *status)
{
    return pop_code_is(status->code, "IN-USE") || pop_code_is(status->code, "LOGIN-DELAY") ||
           pop_code_is(status->code, "SYS/TEMP");
}

static int
exit_of(const struct pop_status *status, int otherwise)
{
    if (refusal_is_temporary(status))
        return EX_TEMPFAIL;
    if (pop_code_is(status->code, "SYS/PERM"))
        return EX_UNAVAILABLE;
    return pop_code_is(status->code, "AUTH") ? EX_NOPERM : otherwise;
}

static bool
contains(struct pop_view text, const char *secret, size_t len)
{
    return len > 0 && text.len > 0 && memmem(text.data, text.len, secret, len) != NULL;
}

/* Servers exist that repeat a command that they do not like: the password is not for a report.
 */
static bool
has_secret(const struct account *account, const struct sasl *sasl, struct pop_view text)
{
    return contains(text, account->password.data, account->password.len) ||
           contains(text, account->token.data, account->token.len) ||
           (sasl != NULL && sasl_is_told(sasl, text));
}

void
refusal_report(
    struct report *report, const struct account *account, const struct sasl *sasl,
    const struct pop_status *status, int otherwise, const char *what)
{
    bool coded = status->code.len > 0 && !has_secret(account, sasl, status->code);
    struct pop_view said = status->text.len > 0 ? status->text : POP_VIEW("no reason given");
    if (has_secret(account, sasl, status->text))
        said = account->token.len > 0 ? POP_VIEW("(its answer has the token in it)")
                                      : POP_VIEW("(its answer has the password in it)");
    struct shown code = coded ? escape_text(status->code) : (struct shown){{0}};
    struct shown text = escape_text(said);
    report_fail(
        report, exit_of(status, otherwise), "%s: %s: %s%s%s%s", account->label, what,
        coded ? "[" : "", code.text, coded ? "] " : "", text.text);
}
