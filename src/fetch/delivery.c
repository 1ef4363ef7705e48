/* The writer's half of delivery, and the queues between it and the committer. */
#include "fetch/delivery_queue.h"

#include "base/check.h"
#include "base/cleanup.h"

#include <errno.h>
#include <sys/eventfd.h>

static void
delivery_freep(struct delivery **delivery)
{
    delivery_free(*delivery);
}

enum err_code
delivery_new(struct delivery **ret_delivery, const char *maildir, struct err *err)
{
    CLEANUP(delivery_freep) struct delivery *delivery = calloc(1, sizeof *delivery);
    if (delivery == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the delivery");
    delivery->event_fd = -1;
    delivery->file.fd = -1;
    CHECK(pthread_mutex_init(&delivery->mutex, NULL) == 0);
    CHECK(pthread_cond_init(&delivery->wake, NULL) == 0);

    enum err_code code = maildir_target_open(&delivery->target, maildir, err);
    if (code != ERR_OK)
        return code;
    delivery->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (delivery->event_fd < 0)
        return err_set(err, ERR_SYSTEM, "cannot make an eventfd");
    *ret_delivery = delivery;
    delivery = NULL;
    return ERR_OK;
}

enum err_code
delivery_start(
    struct delivery *delivery, struct journal *journal, int64_t account, struct err *err)
{
    delivery->journal = journal;
    delivery->account = account;
    errno = pthread_create(&delivery->thread, NULL, delivery_commit_all, delivery);
    if (errno != 0)
        return err_set(err, ERR_SYSTEM, "cannot start a thread");
    delivery->started = true;
    return ERR_OK;
}

int
delivery_event_fd(const struct delivery *delivery)
{
    return delivery->event_fd;
}

bool
delivery_has_room(const struct delivery *delivery)
{
    return delivery->unreported < COMMIT_QUEUE_MAX;
}

bool
delivery_is_idle(const struct delivery *delivery)
{
    return delivery->unreported == 0;
}

enum err_code
delivery_begin(struct delivery *delivery, const char *name, struct err *err)
{
    CHECK(delivery->file.fd < 0 && delivery_has_room(delivery));
    delivery->line_ends = (struct line_ends){0};
    delivery->written.len = 0;
    delivery->written.data = delivery->written_data;
    delivery->written.cap = sizeof delivery->written_data;
    enum err_code code = digest_begin(&delivery->digest, err);
    if (code != ERR_OK)
        return code;
    /* A file of this name in tmp is a rest of a run that was killed: the account is locked. */
    return maildir_file_create(&delivery->target, name, true, &delivery->file, err);
}

/* Writes out what is gathered. */
static enum err_code
flush(struct delivery *delivery, struct err *err)
{
    struct pop_view rest = pop_buffer_view(&delivery->written);
    enum err_code code = digest_add(&delivery->digest, rest, err);
    if (code != ERR_OK)
        return code;
    while (rest.len > 0) {
        ssize_t len = write(delivery->file.fd, rest.data, rest.len);
        if (len < 0 && errno != EINTR)
            return err_set(err, ERR_SYSTEM, "cannot write 'tmp/%s'", delivery->file.name);
        if (len > 0)
            pop_view_skip(&rest, (size_t)len);
    }
    delivery->written.len = 0;
    return ERR_OK;
}

enum err_code
delivery_text(struct delivery *delivery, struct pop_view text, struct err *err)
{
    while (text.len > 0) {
        line_ends_next(&delivery->line_ends, &text, &delivery->written);
        if (pop_buffer_room(&delivery->written) > 0)
            continue;
        enum err_code code = flush(delivery, err);
        if (code != ERR_OK)
            return code;
    }
    return ERR_OK;
}

enum err_code
delivery_end(struct delivery *delivery, unsigned char ret_digest[DIGEST_SIZE], struct err *err)
{
    enum err_code code = ERR_OK;
    if (pop_buffer_room(&delivery->written) == 0)
        code = flush(delivery, err);
    if (code != ERR_OK)
        return code;
    line_ends_finish(&delivery->line_ends, &delivery->written);
    code = flush(delivery, err);
    return code == ERR_OK ? digest_end(&delivery->digest, ret_digest, err) : code;
}

void
delivery_submit(struct delivery *delivery, const struct delivery_job *job)
{
    CHECK(delivery->file.fd >= 0 && delivery_has_room(delivery));
    struct delivery_task task = {.job = *job, .file = delivery->file};
    delivery->file.fd = -1;
    delivery->unreported++;

    CHECK(pthread_mutex_lock(&delivery->mutex) == 0);
    delivery->waiting[delivery->waiting_count++] = task;
    CHECK(pthread_cond_signal(&delivery->wake) == 0);
    CHECK(pthread_mutex_unlock(&delivery->mutex) == 0);
}

void
delivery_abandon(struct delivery *delivery)
{
    if (delivery->file.fd >= 0)
        maildir_file_abandon(&delivery->target, &delivery->file);
}

bool
delivery_take(struct delivery *delivery, struct delivery_job *ret_job)
{
    uint64_t count;
    (void)!read(delivery->event_fd, &count, sizeof count); /* only wakes; the queue counts */

    CHECK(pthread_mutex_lock(&delivery->mutex) == 0);
    bool any = delivery->done_first < delivery->done_count;
    if (any)
        *ret_job = delivery->done[delivery->done_first++];
    if (delivery->done_first == delivery->done_count)
        delivery->done_first = delivery->done_count = 0;
    CHECK(pthread_mutex_unlock(&delivery->mutex) == 0);

    if (any)
        delivery->unreported--;
    return any;
}

const struct err *
delivery_failure(const struct delivery *delivery)
{
    return &delivery->failure;
}

void
delivery_free(struct delivery *delivery)
{
    if (delivery == NULL)
        return;
    if (delivery->started) {
        CHECK(pthread_mutex_lock(&delivery->mutex) == 0);
        delivery->stopping = true;
        CHECK(pthread_cond_signal(&delivery->wake) == 0);
        CHECK(pthread_mutex_unlock(&delivery->mutex) == 0);
        CHECK(pthread_join(delivery->thread, NULL) == 0);
    }
    delivery_abandon(delivery);
    digest_finish(&delivery->digest);
    fd_closep(&delivery->event_fd);
    maildir_target_close(&delivery->target);
    (void)pthread_cond_destroy(&delivery->wake);
    (void)pthread_mutex_destroy(&delivery->mutex);
    free(delivery);
}
