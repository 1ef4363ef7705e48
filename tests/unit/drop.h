/* A server's session at the hands of a test, with a maildrop of its own. */
#ifndef TESTS_UNIT_DROP_H
#define TESTS_UNIT_DROP_H

#include "guard.h"

#include <pop/server.h>
#include <stdint.h>

enum { OUT_MAX = 1 << 16, LISTING_MAX = 1 << 22, UID_LEN = 7 };

/* A session and its maildrop of messages of 10, 11, 12 ... octets. The marks end at a guard
 * page. */
struct drop {
    struct pop_server server;
    struct pop_server_event event;
    struct pop_maildrop maildrop;
    struct pop_message *messages;
    char *uids;
    struct guard guard;
    unsigned char *marks;
    struct pop_buffer out;
    char octets[OUT_MAX];
};

/* What it is offered. */
extern const struct pop_server_config drop_config;

/* Greeted; and logged in. */
struct drop *drop_new(uint32_t count);
struct drop *drop_new_logged_in(uint32_t count);
void drop_free(struct drop *drop);

/* Octets from the client. */
enum pop_server_step drop_give(struct drop *drop, struct pop_view in);

/* What was written since the last time must start with this and be one line or more. */
void drop_check_said(struct drop *drop, const char *start);

/* A command that the session answers by itself. */
void drop_check_answer(struct drop *drop, const char *line, const char *start);

#endif
