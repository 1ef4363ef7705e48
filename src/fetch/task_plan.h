/* What a task does with its ledger and plan: the journal's side of a session. */
#ifndef FETCH_TASK_PLAN_H
#define FETCH_TASK_PLAN_H

#include "fetch/task.h"

/* After the listing: recovers, plans, names what will be delivered, and stores all that in the
 * journal before anything is asked for or deleted. */
enum err_code task_make_plan(struct task *task, struct err *err);

/* A message was fetched: fills in what the committer has to do, all but the octets. */
void task_decide(
    struct task *task, size_t item, const unsigned char digest[DIGEST_SIZE],
    struct delivery_job *ret_job);

/* The committer has done it. */
void task_delivered(struct task *task, const struct delivery_job *job);

/* The session is over and nothing is being committed: what the server has confirmed is stored,
 * and the report gets its last figures. */
void task_settle(struct task *task);

#endif
