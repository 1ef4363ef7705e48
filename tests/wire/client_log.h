/*
 * What libpop tells a client, written into the trace of a run:
 *
 *   E: GREETING ok ready
 *   E: timestamp <1.2@pop.test>           follows a greeting that has one
 *   E: DELE 1 err [SYS/TEMP] try later    the code as it is understood; "?" if it is not
 *   E: RETR 1 ok+ 120 octets              "+": lines follow
 *   E: RETR 1 text Subject: a\r\n         all the pieces in one
 *   E: RETR 1 end
 *   E: STAT ok 2 320                      what was read; LIST and UIDL of one alike
 *   E: LIST item 1 120
 *   E: CAPA item TOP
 *   E: CAPA end: TOP UIDL                 what is known now
 *   E: AUTH challenge <1.2@pop.test>      decoded
 *   E: AUTH challenge: the server's challenge is no base64
 *   E: broken: the answer is neither +OK nor -ERR
 *   E: awaits 2                           at the end of the input, if it is not 0
 */
#ifndef TESTS_CLIENT_LOG_H
#define TESTS_CLIENT_LOG_H

#include "wire.h"

extern const char *const client_verbs[POP_COMMAND_COUNT];

struct client_log {
    struct wire_trace *trace;
    struct pop_capabilities capabilities;
    bool text_open; /* the last entry is text of a message, and there may be more */
};

void client_log_reply(struct client_log *log, const struct pop_client_event *event);
void client_log_item(struct client_log *log, const struct pop_client_event *event);
void client_log_text(struct client_log *log, const struct pop_client_event *event);
void client_log_challenge(struct client_log *log, const struct pop_client_event *event);
void client_log_end(struct client_log *log, const struct pop_client_event *event);

#endif
