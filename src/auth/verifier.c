/* Hashing threads with one fair queue in and one list out. */
#include "auth/verifier.h"

#include "auth/password.h"
#include "base/check.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

struct verifier {
    pthread_mutex_t lock;
    pthread_cond_t more;
    pthread_barrier_t begun; /* all threads, and who starts them */
    struct fair_queue queue;
    struct verifier_job *done;
    int event_fd;
};

static void
derive(struct verifier_job *job)
{
    struct password password;
    job->result = password_parse(pop_view_of(job->user.stored), &password, &job->err);
    if (job->result == ERR_OK)
        job->result = scram_derive(&job->request, password.text, &job->keys, &job->err);
}

/* Every one is tried, the user's own first: nothing tells which one a program was given. */
static void
judge(struct verifier_job *job)
{
    const struct auth_user *user = &job->user;
    job->result = password_verify(pop_view_of(user->stored), &job->secret, &job->err);
    for (uint32_t i = 0; job->result != ERR_OK && i < user->other_count; i++) {
        struct err err;
        const char *stored = user->others[i].stored;
        enum err_code result = password_verify(pop_view_of(stored), &job->secret, &err);
        if (result == ERR_NOMEM)
            job->err = err;
        if (result == ERR_NOMEM || result == ERR_OK)
            job->result = result; /* "try again" is said rather than "wrong" */
        if (result == ERR_OK)
            job->matched = i + 1;
    }
}

#define VERIFIER_JOB_OF(it)                                                                    \
    ((struct verifier_job *)(void *)((char *)(it)-offsetof(struct verifier_job, item)))

void
verifier_run(struct verifier_job *job)
{
    (job->derives ? derive : judge)(job);
}

static void
put_done(struct verifier *verifier, struct verifier_job *job)
{
    (void)pthread_mutex_lock(&verifier->lock);
    job->next = verifier->done;
    verifier->done = job;
    (void)pthread_mutex_unlock(&verifier->lock);
    (void)eventfd_write(verifier->event_fd, 1); /* cannot overflow: taken in batches */
}

static void *
hashing_thread(void *argument)
{
    struct verifier *verifier = argument;
    (void)setpriority(PRIO_PROCESS, 0, VERIFIER_NICE); /* of this thread; else as before */
    (void)pthread_barrier_wait(&verifier->begun);
    for (;;) {
        struct fair_item *item;
        (void)pthread_mutex_lock(&verifier->lock);
        while ((item = fair_queue_take(&verifier->queue)) == NULL)
            (void)pthread_cond_wait(&verifier->more, &verifier->lock);
        (void)pthread_mutex_unlock(&verifier->lock);
        struct verifier_job *job = VERIFIER_JOB_OF(item);
        verifier_run(job);
        put_done(verifier, job);
    }
    return NULL;
}

/* Those that we may run on. sysconf() would open a file for it, which is out of reach here. */
static unsigned
cores(void)
{
    cpu_set_t set;
    unsigned count = VERIFIER_THREADS_MAX; /* more than the set can name */
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        count = (unsigned)CPU_COUNT(&set);
    return count < VERIFIER_THREADS_MAX ? count : VERIFIER_THREADS_MAX;
}

enum err_code
verifier_new(struct verifier **ret_verifier, struct err *err)
{
    struct verifier *verifier = calloc(1, sizeof *verifier);
    if (verifier == NULL)
        return err_set(err, ERR_NOMEM, "starting the hashing threads");
    (void)pthread_mutex_init(&verifier->lock, NULL);
    (void)pthread_cond_init(&verifier->more, NULL);
    verifier->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    verifier->queue.max = VERIFIER_QUEUE_MAX;
    unsigned threads = cores();
    bool ok = verifier->event_fd >= 0 &&
              pthread_barrier_init(&verifier->begun, NULL, threads + 1) == 0;
    for (unsigned i = 0; i < threads && ok; i++) {
        pthread_t thread;
        ok = pthread_create(&thread, NULL, hashing_thread, verifier) == 0;
        if (ok)
            (void)pthread_detach(thread);
    }
    if (!ok) /* the process ends on this; threads that did start end with it */
        return err_set(err, ERR_SYSTEM, "cannot start the hashing threads");
    (void)pthread_barrier_wait(&verifier->begun);
    *ret_verifier = verifier;
    return ERR_OK;
}

int
verifier_fd(const struct verifier *verifier)
{
    return verifier->event_fd;
}

struct verifier_job *
verifier_submit(struct verifier *verifier, struct verifier_job *job)
{
    (void)pthread_mutex_lock(&verifier->lock);
    struct fair_item *out = fair_queue_put(&verifier->queue, &job->item);
    (void)pthread_cond_signal(&verifier->more);
    (void)pthread_mutex_unlock(&verifier->lock);
    return out != NULL ? VERIFIER_JOB_OF(out) : NULL;
}

struct verifier_job *
verifier_take(struct verifier *verifier)
{
    eventfd_t count;
    (void)eventfd_read(verifier->event_fd, &count); /* only a wake-up */
    (void)pthread_mutex_lock(&verifier->lock);
    struct verifier_job *job = verifier->done;
    if (job != NULL)
        verifier->done = job->next;
    (void)pthread_mutex_unlock(&verifier->lock);
    return job;
}
