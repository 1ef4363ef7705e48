/* Reading what follows a verb: every mistake has an answer of its own. */
#include "base/number.h"
#include "proto/server_command.h"
#include "proto/server_replies.h"

struct pop_view
pop_take_word(struct pop_view *rest, bool *ret_more)
{
    const char *blank = rest->len > 0 ? memchr(rest->data, ' ', rest->len) : NULL;
    struct pop_view word = {rest->data, blank ? (size_t)(blank - rest->data) : rest->len};
    pop_view_skip(rest, word.len + (blank ? 1 : 0));
    *ret_more = blank != NULL;
    return word;
}

/* A message number that may be used, or the reason why not (R1939-40). */
static bool
take_message(struct pop_server *server, struct command *command, struct pop_view word)
{
    uint32_t count = server->maildrop.count;
    for (size_t i = 0; i < word.len; i++) {
        if ((unsigned)(unsigned char)word.data[i] - '0' > 9) {
            pop_mistake(server, command->out, POP_VIEW("a message number is digits only"));
            return false;
        }
    }
    if (word.len == 0) {
        pop_mistake(
            server, command->out, POP_VIEW("a message number is missing, or a blank too many"));
        return false;
    }
    uint32_t number;
    if (!parse_u32(word, &number) || number == 0 || number > count) {
        if (!pop_mistake_allowed(server, command->out, POP_VIEW("")))
            return false;
        pop_buffer_put(command->out, POP_VIEW("-ERR no such message, "));
        if (count == 0)
            pop_buffer_put(command->out, POP_VIEW("the maildrop is empty"));
        else
            pop_buffer_put(command->out, POP_VIEW("only "));
        if (count > 0)
            pop_put_number(command->out, count);
        if (count > 0)
            pop_buffer_put(command->out, POP_VIEW(" here"));
        pop_buffer_put(command->out, POP_VIEW("\r\n"));
        return false;
    }
    command->index = number - 1;
    command->has_message = true;
    if (pop_is_marked(server, command->index)) { /* gone, which is no mistake */
        pop_buffer_put(command->out, POP_VIEW("-ERR message "));
        pop_put_number(command->out, number);
        pop_buffer_put(command->out, POP_VIEW(" is deleted\r\n"));
        return false;
    }
    return true;
}

/* TOP's second argument; a number that is too large for us is simply "all" (R1939-45). */
static bool
take_lines(struct command *command, struct pop_view word)
{
    for (size_t i = 0; i < word.len; i++)
        if ((unsigned)(unsigned char)word.data[i] - '0' > 9)
            return false;
    if (word.len == 0)
        return false;
    if (!parse_u64(word, &command->lines) || command->lines == POP_LINES_ALL)
        command->lines = POP_LINES_ALL - 1;
    return true;
}

static bool
refuse(struct pop_server *server, struct command *command, struct pop_view text)
{
    pop_mistake(server, command->out, text);
    return false;
}

bool
pop_take_arguments(
    struct pop_server *server, struct command *command, enum arguments arguments,
    struct pop_view rest, bool more)
{
    if (!more && (arguments == ARGS_NONE || arguments == ARGS_OPTIONAL_MESSAGE ||
                  arguments == ARGS_OPTIONAL_WORDS))
        return true;
    if (arguments == ARGS_NONE)
        return refuse(server, command, POP_VIEW("this command takes no argument"));
    if (!more)
        return refuse(server, command, POP_VIEW("an argument is missing"));
    if (arguments == ARGS_REST) { /* a password may have blanks anywhere (R1939-29) */
        command->word = rest;
        return rest.len > 0 || refuse(server, command, POP_VIEW("the password is missing"));
    }

    command->word = pop_take_word(&rest, &more);
    bool two = arguments == ARGS_MESSAGE_LINES || arguments == ARGS_WORDS ||
               (arguments == ARGS_OPTIONAL_WORDS && more);
    if (two && !more)
        return refuse(server, command, POP_VIEW("the second argument is missing"));
    if (two)
        command->second = pop_take_word(&rest, &more);
    if (more)
        return refuse(server, command, POP_VIEW("too many arguments, or a blank too many"));

    if (arguments == ARGS_WORD || arguments == ARGS_WORDS || arguments == ARGS_OPTIONAL_WORDS) {
        bool empty = command->word.len == 0 || (two && command->second.len == 0);
        return !empty || refuse(server, command, POP_VIEW("an argument is missing"));
    }
    if (two && !take_lines(command, command->second))
        return refuse(server, command, POP_VIEW("the number of lines is digits only"));
    return take_message(server, command, command->word);
}
