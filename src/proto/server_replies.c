/* The texts of the server. Input is never echoed (R1939-11). */
#include "proto/server_replies.h"

#include "base/number.h"

void
pop_reply_ok(struct pop_buffer *out, struct pop_view text)
{
    pop_buffer_put(out, POP_VIEW("+OK"));
    if (text.len > 0)
        pop_buffer_put(out, POP_VIEW(" "));
    pop_buffer_put(out, text);
    pop_buffer_put(out, POP_VIEW("\r\n"));
}

void
pop_reply_err(struct pop_buffer *out, struct pop_view text)
{
    pop_buffer_put(out, POP_VIEW("-ERR "));
    pop_buffer_put(out, text);
    pop_buffer_put(out, POP_VIEW("\r\n"));
}

void
pop_reply_refusal(struct pop_buffer *out, enum pop_refusal refusal)
{
    /* RFC 2449, section 8 and RFC 3206: the code is for the program, the text for its user. */
    static const char *const texts[POP_REFUSAL_COUNT] = {
        [POP_REFUSAL_AUTH] = "[AUTH] user name or password is wrong",
        [POP_REFUSAL_IN_USE] = "[IN-USE] another session has this maildrop open, try again "
                               "when it has ended",
        [POP_REFUSAL_SYS_TEMP] = "[SYS/TEMP] the server has a problem, try again later",
        [POP_REFUSAL_SYS_PERM] = "[SYS/PERM] this maildrop cannot be used, ask the "
                                 "postmaster",
        [POP_REFUSAL_CONNECTIONS] = "[SYS/TEMP] the server has all the connections it takes "
                                    "(limit: connections), try again later",
        [POP_REFUSAL_PER_ADDRESS] = "[SYS/TEMP] your address has all the connections it may "
                                    "have (limit: per-address), try again later",
        [POP_REFUSAL_USER_SESSIONS] = "[IN-USE] too many sessions of this user (limit: "
                                      "sessions-per-user), try again later",
        [POP_REFUSAL_FAILURES] = "[SYS/TEMP] too many refused logins from your address (limit: "
                                 "failures-per-address), try again later",
        [POP_REFUSAL_LOGIN_DELAY] = "[LOGIN-DELAY] too soon after your last login (limit: "
                                    "login-delay-seconds), try again later",
        [POP_REFUSAL_DISABLED] = "[SYS/PERM] POP3 is switched off for this user, ask the "
                                 "postmaster",
        [POP_REFUSAL_SASL] = "this is not how the mechanism works",
        [POP_REFUSAL_MESSAGE_GONE] = "this message was removed by another program",
        [POP_REFUSAL_MESSAGE_CHANGED] = "this message was changed by another program, log in "
                                        "again to get it",
    };
    assert(refusal < POP_REFUSAL_COUNT);
    pop_reply_err(out, pop_view_of(texts[refusal]));
}

void
pop_put_number(struct pop_buffer *out, uint64_t value)
{
    char digits[NUMBER_DIGITS_MAX];
    pop_buffer_put(out, (struct pop_view){digits, format_u64(digits, value)});
}

void
pop_put_count(struct pop_buffer *out, uint64_t count, struct pop_view noun)
{
    pop_put_number(out, count);
    pop_buffer_put(out, POP_VIEW(" "));
    pop_buffer_put(out, noun);
    if (count != 1)
        pop_buffer_put(out, POP_VIEW("s"));
}

void
pop_put_maildrop(struct pop_buffer *out, uint64_t count, uint64_t octets)
{
    pop_put_count(out, count, POP_VIEW("message"));
    pop_buffer_put(out, POP_VIEW(" ("));
    pop_put_count(out, octets, POP_VIEW("octet"));
    pop_buffer_put(out, POP_VIEW(")"));
}

void
pop_reply_capa(struct pop_buffer *out, const struct pop_server_config *config, bool login_done)
{
    pop_reply_ok(out, POP_VIEW("this server can"));
    pop_buffer_put(out, POP_VIEW("TOP\r\nUIDL\r\n"));
    if (config->user_allowed)
        pop_buffer_put(out, POP_VIEW("USER\r\n"));
    if (config->mechanisms.len > 0) { /* after the login too (R5034-2) */
        pop_buffer_put(out, POP_VIEW("SASL "));
        pop_buffer_put(out, config->mechanisms);
        pop_buffer_put(out, POP_VIEW("\r\n"));
    }
    if (config->stls && !login_done)
        pop_buffer_put(out, POP_VIEW("STLS\r\n"));
    if (config->login_delay > 0) {
        pop_buffer_put(out, POP_VIEW("LOGIN-DELAY "));
        pop_put_number(out, config->login_delay);
        pop_buffer_put(out, POP_VIEW("\r\n"));
    }
    /* RFC 2449, section 6.7: NEVER, because nothing is deleted by policy (R2449-15). */
    pop_buffer_put(
        out, POP_VIEW("PIPELINING\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nEXPIRE NEVER\r\n"
                      "IMPLEMENTATION "));
    pop_buffer_put(out, config->implementation);
    pop_buffer_put(out, POP_VIEW("\r\n.\r\n"));
}
