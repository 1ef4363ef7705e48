/* The journal's side of a session: no row changes without the journal knowing first, or in the
 * same transaction. */
#include "fetch/task_plan.h"

#include "fetch/mail_name.h"
#include "fetch/recovery.h"

#include <time.h>

/* Names for the rows that were reserved; those left over from a killed run keep theirs. */
static enum err_code
name_rows(struct task *task, struct pop_view identity, struct err *err)
{
    int64_t now = time(NULL);
    for (size_t i = 0; i < task->plan.count; i++) {
        const struct plan_item *item = &task->plan.items[i];
        struct row *row = &task->ledger.rows[item->row];
        if (row->name != NULL)
            continue;
        struct mail_key key;
        enum err_code code = mail_key_make(&key, identity, row->uid, row->occurrence, err);
        if (code != ERR_OK)
            return code;
        char name[FILE_NAME_MAX_LEN + 1];
        mail_name_make(name, &key, now, (uint32_t)i);
        row->first_seen = now;
        code = ledger_set_name(&task->ledger, item->row, name, err);
        if (code != ERR_OK)
            return code;
    }
    return ERR_OK;
}

enum err_code
task_make_plan(struct task *task, struct err *err)
{
    char storage[ACCOUNT_IDENTITY_MAX];
    struct pop_view identity = account_identity(task->account, storage);
    const struct listing *listing = &task->retriever.listing;

    enum err_code code = journal_load(task->journal, task->account_id, &task->ledger, err);
    if (code == ERR_OK)
        code = recover(&task->ledger, listing, identity, task->account->maildir, err);
    if (code == ERR_OK)
        code = plan_make(&task->plan, &task->ledger, listing, task->account->delete_known, err);
    if (code == ERR_OK && task->plan.any_doubtful)
        code = ledger_index_digests(&task->ledger, err);
    if (code == ERR_OK)
        code = name_rows(task, identity, err);
    if (code == ERR_OK)
        code = journal_store(task->journal, task->account_id, &task->ledger, err);
    if (code != ERR_OK)
        return code;
    task->report->on_server = listing->count;
    task->report->known = task->plan.known_count;
    task->report->fresh = task->plan.fetch_count;
    return ERR_OK;
}

void
task_decide(
    struct task *task, size_t item, const unsigned char digest[DIGEST_SIZE],
    struct delivery_job *ret_job)
{
    struct ledger *ledger = &task->ledger;
    struct plan *plan = &task->plan;
    struct row *reserved = &ledger->rows[plan->items[item].row];
    memcpy(reserved->digest, digest, DIGEST_SIZE);
    reserved->has_digest = true;

    size_t known;
    bool is_known = plan->items[item].doubtful &&
                    ledger_match(ledger, digest, reserved->uid, plan->anywhere, &known);
    *ret_job = (struct delivery_job){.item = item, .place = !is_known, .change_count = 1};
    if (is_known) {
        size_t superseded = plan_identify(plan, ledger, item, known);
        ret_job->changes[1] = (struct journal_change){true, ledger->rows[superseded]};
        ret_job->change_count = 2;
        /* It never existed, as far as later sessions are concerned. */
        ledger->rows[superseded].claimed = true;
        ledger->rows[superseded].state = ROW_GONE;
    }
    /* The ledger's own row follows when the committer has done it. */
    ret_job->changes[0] = (struct journal_change){false, ledger->rows[plan->items[item].row]};
    ret_job->changes[0].row.state =
        task->account->delete_known ? ROW_DELETE_PENDING : ROW_DELIVERED;
}

void
task_delivered(struct task *task, const struct delivery_job *job)
{
    task->ledger.rows[task->plan.items[job->item].row].state = job->changes[0].row.state;
    if (job->place) {
        task->report->fetched++;
        task->report->octets += job->octets;
    } else {
        task->report->known++;
        task->report->fresh--;
    }
}

/* Deletions that QUIT's +OK has confirmed (R1939-20). */
static void
settle_deletes(struct task *task)
{
    const struct retriever *retriever = &task->retriever;
    for (size_t i = 0; retriever->quit_ok && i < retriever->delete_count; i++) {
        if (!retriever->deletes[i].done)
            continue;
        size_t item = retriever->deletes[i].item;
        ledger_set_state(&task->ledger, task->plan.items[item].row, ROW_GONE);
        task->report->deleted++;
    }
}

void
task_settle(struct task *task)
{
    struct report *report = task->report;
    bool complete = task->retriever.phase >= RETRIEVER_QUIT && report->failed == 0;
    if (complete)
        plan_retire(&task->ledger);
    settle_deletes(task);
    for (size_t i = 0; i < task->ledger.count; i++)
        report->delete_pending += task->ledger.rows[i].state == ROW_DELETE_PENDING;

    struct err err;
    if (journal_store(task->journal, task->account_id, &task->ledger, &err) != ERR_OK)
        report_fail_err(report, &err);
}
