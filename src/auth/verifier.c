/* Hashing threads with one queue in and one list out. */
#include "auth/verifier.h"

#include "auth/password.h"
#include "base/check.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct verifier {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct verifier_job *first; /* waiting, in order */
    struct verifier_job *last;
    struct verifier_job *done;
    uint32_t waiting;
    int event_fd;
};

void
verifier_run(struct verifier_job *job)
{
    job->result = password_verify(pop_view_of(job->user.stored), &job->secret, &job->err);
    secret_finish(&job->secret);
}

static void *
hashing_thread(void *argument)
{
    struct verifier *verifier = argument;
    for (;;) {
        (void)pthread_mutex_lock(&verifier->lock);
        while (verifier->first == NULL)
            (void)pthread_cond_wait(&verifier->more, &verifier->lock);
        struct verifier_job *job = verifier->first;
        verifier->first = job->next;
        if (verifier->first == NULL)
            verifier->last = NULL;
        verifier->waiting--;
        (void)pthread_mutex_unlock(&verifier->lock);

        verifier_run(job);

        (void)pthread_mutex_lock(&verifier->lock);
        job->next = verifier->done;
        verifier->done = job;
        (void)pthread_mutex_unlock(&verifier->lock);
        (void)eventfd_write(verifier->event_fd, 1); /* cannot overflow: taken in batches */
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
    unsigned threads = cores();
    bool ok = verifier->event_fd >= 0;
    for (unsigned i = 0; i < threads && ok; i++) {
        pthread_t thread;
        ok = pthread_create(&thread, NULL, hashing_thread, verifier) == 0;
        if (ok)
            (void)pthread_detach(thread);
    }
    if (!ok) /* the process ends on this; threads that did start end with it */
        return err_set(err, ERR_SYSTEM, "cannot start the hashing threads");
    *ret_verifier = verifier;
    return ERR_OK;
}

int
verifier_fd(const struct verifier *verifier)
{
    return verifier->event_fd;
}

bool
verifier_submit(struct verifier *verifier, struct verifier_job *job)
{
    (void)pthread_mutex_lock(&verifier->lock);
    bool room = verifier->waiting < VERIFIER_QUEUE_MAX;
    if (room) {
        job->next = NULL;
        if (verifier->last == NULL)
            verifier->first = job;
        else
            verifier->last->next = job;
        verifier->last = job;
        verifier->waiting++;
        (void)pthread_cond_signal(&verifier->more);
    }
    (void)pthread_mutex_unlock(&verifier->lock);
    return room;
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
