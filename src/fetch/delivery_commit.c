/* The committer: makes batches of messages durable, in the order that delivery.h promises. */
#include "fetch/delivery_queue.h"

#include "base/check.h"
#include "base/cleanup.h"

#include <fcntl.h>

/* Keeps the first failure, which is the one to be reported. */
static void
job_failed(struct delivery *delivery, struct delivery_task *task, const struct err *err)
{
    task->job.ok = false;
    if (delivery->failure.code == ERR_OK)
        delivery->failure = *err;
}

static void
batch_failed(struct delivery *delivery, size_t count, const struct err *err)
{
    for (size_t i = 0; i < count; i++)
        job_failed(delivery, &delivery->batch[i], err);
}

/* The disk starts on all files before the first fsync waits for one of them. */
static void
start_writing(struct delivery *delivery, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (delivery->batch[i].job.place)
            (void)sync_file_range(/* a hint: the fsync that follows is what counts */
                                  delivery->batch[i].file.fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

/* Whether the file that already has this name is the same message. */
static bool
is_same_message(const struct delivery *delivery, const struct delivery_task *task)
{
    unsigned char digest[DIGEST_SIZE];
    CLEANUP(fd_closep)
    int fd =
        openat(delivery->target.new_fd, task->file.name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && digest_of_file(fd, digest, NULL) == ERR_OK &&
           memcmp(digest, task->job.changes[0].row.digest, DIGEST_SIZE) == 0;
}

/* Names are ours alone, so a file in the way is our own message or a stranger's doing. Then the
 * row is forgotten: the next run finds the file, compares, and takes another name. */
static void
name_is_taken(struct delivery *delivery, struct delivery_task *task, const struct err *err)
{
    bool same = is_same_message(delivery, task);
    maildir_file_abandon(&delivery->target, &task->file);
    if (same)
        return;
    struct journal_change forget = task->job.changes[0];
    forget.remove = true;
    (void)journal_apply(delivery->journal, delivery->account, &forget, 1, NULL);
    job_failed(delivery, task, err);
}

static void
place(struct delivery *delivery, struct delivery_task *task)
{
    struct err err;
    enum err_code code = maildir_file_sync(&task->file, &err);
    if (code == ERR_OK)
        code = maildir_file_place(&delivery->target, &task->file, &err);
    if (code == ERR_BUSY) {
        name_is_taken(delivery, task, &err);
    } else if (code != ERR_OK) {
        maildir_file_abandon(&delivery->target, &task->file);
        job_failed(delivery, task, &err);
    }
}

/* One transaction for all that went well. */
static enum err_code
store_changes(struct delivery *delivery, size_t count, struct err *err)
{
    struct journal_change changes[2 * COMMIT_QUEUE_MAX];
    size_t change_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct delivery_job *job = &delivery->batch[i].job;
        for (size_t j = 0; job->ok && j < job->change_count; j++)
            changes[change_count++] = job->changes[j];
    }
    if (change_count == 0)
        return ERR_OK;
    return journal_apply(delivery->journal, delivery->account, changes, change_count, err);
}

static void
commit(struct delivery *delivery, size_t count)
{
    struct err err;
    bool any = false;
    start_writing(delivery, count);
    for (size_t i = 0; i < count; i++) {
        struct delivery_task *task = &delivery->batch[i];
        task->job.ok = true;
        any |= task->job.place;
        if (task->job.place)
            place(delivery, task);
        else
            maildir_file_abandon(&delivery->target, &task->file);
    }
    enum err_code code = any ? maildir_target_sync(&delivery->target, &err) : ERR_OK;
    if (code == ERR_OK)
        code = store_changes(delivery, count, &err);
    if (code != ERR_OK)
        batch_failed(delivery, count, &err); /* the next run finds what was renamed */
}

/* Waits for work and takes all of it. 0: there will be no more. */
static size_t
take_batch(struct delivery *delivery)
{
    CHECK(pthread_mutex_lock(&delivery->mutex) == 0);
    while (delivery->waiting_count == 0 && !delivery->stopping)
        CHECK(pthread_cond_wait(&delivery->wake, &delivery->mutex) == 0);
    size_t count = delivery->waiting_count;
    memcpy(delivery->batch, delivery->waiting, count * sizeof delivery->batch[0]);
    delivery->waiting_count = 0;
    CHECK(pthread_mutex_unlock(&delivery->mutex) == 0);
    return count;
}

static void
report_batch(struct delivery *delivery, size_t count)
{
    CHECK(pthread_mutex_lock(&delivery->mutex) == 0);
    CHECK(count <= COMMIT_QUEUE_MAX - delivery->done_count);
    for (size_t i = 0; i < count; i++)
        delivery->done[delivery->done_count++] = delivery->batch[i].job;
    CHECK(pthread_mutex_unlock(&delivery->mutex) == 0);

    uint64_t one = 1;
    (void)!write(delivery->event_fd, &one, sizeof one); /* cannot fail below 2^64 wakes */
}

void *
delivery_commit_all(void *context)
{
    struct delivery *delivery = context;
    for (size_t count; (count = take_batch(delivery)) > 0;) {
        commit(delivery, count);
        report_batch(delivery, count);
    }
    return NULL;
}
