/* The session and its maildrop. */
#include "drop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

const struct pop_server_config drop_config = {
    .hostname = {"pop.test", 8}, .implementation = {"restante", 8}, .user_allowed = true};

enum pop_server_step
drop_give(struct drop *drop, struct pop_view in)
{
    enum pop_server_step step = pop_server_next(&drop->server, &in, &drop->out, &drop->event);
    assert_true(in.len == 0 || step != POP_SERVER_MORE);
    return step;
}

void
drop_check_said(struct drop *drop, const char *start)
{
    size_t len = strlen(start);
    if (drop->out.len < len || memcmp(drop->out.data, start, len) != 0)
        fail_msg("said '%.*s', wanted '%s'", (int)drop->out.len, drop->out.data, start);
    assert_true(len == 0 || memcmp(drop->out.data + drop->out.len - 2, "\r\n", 2) == 0);
    drop->out.len = 0;
}

void
drop_check_answer(struct drop *drop, const char *line, const char *start)
{
    char command[POP_COMMAND_MAX];
    int len = snprintf(command, sizeof command, "%s\r\n", line);
    enum pop_server_step step = drop_give(drop, (struct pop_view){command, (size_t)len});
    if (step != POP_SERVER_MORE)
        fail_msg("'%s' gives step %d", line, (int)step);
    drop_check_said(drop, start);
}

static void
make_maildrop(struct drop *drop, uint32_t count)
{
    drop->messages = calloc(count + 1, sizeof *drop->messages);
    drop->uids = malloc((size_t)count * UID_LEN + UID_LEN + 1);
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(drop->uids + (size_t)i * UID_LEN, UID_LEN + 1, "u%06u", i % 1000000);
        drop->messages[i] =
            (struct pop_message){.size = i + 10, .uid_offset = i * UID_LEN, .uid_len = UID_LEN};
        drop->maildrop.octets += i + 10;
    }
    drop->maildrop.count = count;
    drop->maildrop.messages = drop->messages;
    drop->maildrop.strings = (struct pop_view){drop->uids, (size_t)count * UID_LEN};
}

struct drop *
drop_new(uint32_t count)
{
    struct drop *drop = calloc(1, sizeof *drop);
    drop->out = (struct pop_buffer){drop->octets, 0, sizeof drop->octets};
    make_maildrop(drop, count);
    size_t marks_size = pop_server_marks_size(count);
    guard_init(&drop->guard, marks_size);
    drop->marks = (unsigned char *)guard_room(&drop->guard, marks_size, 0).data;
    pop_server_init(&drop->server, &drop_config);
    pop_server_greet(&drop->server, &drop->out);
    drop_check_said(drop, "+OK pop.test");
    return drop;
}

struct drop *
drop_new_logged_in(uint32_t count)
{
    struct drop *drop = drop_new(count);
    drop_check_answer(drop, "USER ann", "+OK");
    assert_int_equal(drop_give(drop, POP_VIEW("PASS secret\r\n")), POP_SERVER_LOGIN);
    pop_server_login_accepted(&drop->server, &drop->maildrop, drop->marks, &drop->out);
    drop_check_said(drop, "+OK");
    return drop;
}

void
drop_free(struct drop *drop)
{
    guard_finish(&drop->guard);
    free(drop->messages);
    free(drop->uids);
    free(drop);
}
