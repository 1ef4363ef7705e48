/* TLS of a task, and the words for what goes wrong with it. */
#ifndef FETCH_TASK_TLS_H
#define FETCH_TASK_TLS_H

#include "fetch/task.h"

/* Nothing is under way in either direction: TLS begins. False: the report says why not. */
bool task_tls_begin(struct task *task);

/* The handshake, as far as it goes. STREAM_DONE: the server is the right one.
 * STREAM_LOST: the report says what is wrong, and what can be done. */
enum stream_result task_tls_shake(struct task *task);

/* The first octets of a greeting in plain text. False: they are TLS, which the report says. */
bool task_tls_check_greeting(struct task *task);

/* What a server without a greeting may be, to be put behind a text; empty: nothing to say. */
const char *task_tls_hint(const struct task *task);

#endif
