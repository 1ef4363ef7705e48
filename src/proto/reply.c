/* Reading what a server sends. Lenient in the text, strict in what steers the session. */
#include "base/number.h"

#include <pop/limits.h>
#include <pop/reply.h>

/* Drops `prefix` and one blank after it; the end of the line counts as a blank. */
static bool
take_word(struct pop_view *text, struct pop_view prefix)
{
    if (text->len < prefix.len || memcmp(text->data, prefix.data, prefix.len) != 0)
        return false;
    struct pop_view rest = *text;
    pop_view_skip(&rest, prefix.len);
    if (rest.len > 0 && rest.data[0] != ' ')
        return false;
    if (rest.len > 0)
        pop_view_skip(&rest, 1);
    *text = rest;
    return true;
}

/* "[CODE] text" (RFC 2449, section 8). Text in brackets that is no code stays text. */
static void
take_code(struct pop_status *status)
{
    struct pop_view text = status->text;
    if (text.len == 0 || text.data[0] != '[')
        return;
    size_t bound = text.len < POP_CODE_MAX + 2 ? text.len : POP_CODE_MAX + 2;
    const char *end = memchr(text.data, ']', bound);
    if (end == NULL)
        return;
    status->code = (struct pop_view){text.data + 1, (size_t)(end - text.data) - 1};
    pop_view_skip(&status->text, status->code.len + 2);
    if (status->text.len > 0 && status->text.data[0] == ' ')
        pop_view_skip(&status->text, 1);
}

bool
pop_status_parse(struct pop_view line, struct pop_status *ret_status)
{
    bool ok = take_word(&line, POP_VIEW("+OK"));
    if (!ok && !take_word(&line, POP_VIEW("-ERR")))
        return false;
    *ret_status = (struct pop_status){.ok = ok, .code = {line.data, 0}, .text = line};
    take_code(ret_status);
    return true;
}

bool
pop_code_is(struct pop_view code, const char *name)
{
    size_t len = strlen(name);
    if (code.len > len && code.data[len] == '/')
        code.len = len;
    return pop_view_same_word(code, (struct pop_view){name, len});
}

static void
skip_blanks(struct pop_view *text)
{
    while (text->len > 0 && text->data[0] == ' ')
        pop_view_skip(text, 1);
}

/* The next field up to a blank, and the blanks. */
static struct pop_view
take_field(struct pop_view *text)
{
    const char *blank = text->len > 0 ? memchr(text->data, ' ', text->len) : NULL;
    struct pop_view field = {text->data, blank ? (size_t)(blank - text->data) : text->len};
    pop_view_skip(text, field.len);
    skip_blanks(text);
    return field;
}

bool
pop_pair_parse(struct pop_view text, uint64_t *ret_first, uint64_t *ret_second)
{
    uint64_t first;
    uint64_t second;
    skip_blanks(&text);
    if (!parse_u64(take_field(&text), &first) || !parse_u64(take_field(&text), &second))
        return false;
    *ret_first = first;
    *ret_second = second;
    return true;
}

bool
pop_uidl_parse(struct pop_view text, uint64_t *ret_number, struct pop_view *ret_uid)
{
    uint64_t number;
    skip_blanks(&text);
    if (!parse_u64(take_field(&text), &number))
        return false;
    while (text.len > 0 && text.data[text.len - 1] == ' ')
        text.len--;
    if (text.len == 0 || text.len > POP_CLIENT_UID_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7F)
            return false;
    *ret_number = number;
    *ret_uid = text;
    return true;
}

/* A msg-id is "<local@host>" of printable ASCII; anything else could make the client hash what
 * an attacker chose freely (R1939-36). */
struct pop_view
pop_greeting_timestamp(struct pop_view greeting)
{
    struct pop_view none = {greeting.data, 0};
    const char *open = greeting.len > 0 ? memchr(greeting.data, '<', greeting.len) : NULL;
    if (open == NULL)
        return none;
    size_t left = greeting.len - (size_t)(open - greeting.data);
    const char *close = memchr(open, '>', left);
    if (close == NULL)
        return none;

    struct pop_view id = {open, (size_t)(close - open) + 1};
    size_t at_signs = 0;
    for (size_t i = 0; i < id.len; i++) {
        unsigned char c = (unsigned char)id.data[i];
        if (c <= 0x20 || c >= 0x7F || (c == '<' && i > 0))
            return none;
        at_signs += c == '@';
    }
    bool sides = id.len >= 5 && id.data[1] != '@' && id.data[id.len - 2] != '@';
    return at_signs == 1 && sides ? id : none;
}

void
pop_capabilities_add(struct pop_capabilities *capabilities, struct pop_view line)
{
    struct pop_view word = take_field(&line);
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"TOP", &capabilities->top},
        {"UIDL", &capabilities->uidl},
        {"USER", &capabilities->user},
        {"PIPELINING", &capabilities->pipelining},
        {"RESP-CODES", &capabilities->resp_codes},
        {"AUTH-RESP-CODE", &capabilities->auth_resp_code},
        {"STLS", &capabilities->stls},
        {"SASL", &capabilities->sasl},
        {"LOGIN-DELAY", &capabilities->login_delay},
    };
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (pop_view_same_word(word, pop_view_of(flags[i].name)))
            *flags[i].flag = true;
    if (pop_view_same_word(word, POP_VIEW("LOGIN-DELAY")))
        (void)parse_u32(take_field(&line), &capabilities->login_delay_seconds);
}

bool
pop_capability_word(struct pop_view *line, struct pop_view *ret_word)
{
    skip_blanks(line);
    if (line->len == 0)
        return false;
    *ret_word = take_field(line);
    return true;
}
