/* The hashing threads: every job comes back once with its own result, in whatever order, and
 * no more wait than there is room for. */
#include "auth/verifier.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The threads have no end of their own, so there is one verifier for all tests. */
static int
make(void **state)
{
    struct verifier *verifier;
    struct err err;
    if (verifier_new(&verifier, &err) != ERR_OK)
        fail_msg("%s", err.text);
    *state = verifier;
    return 0;
}

static struct verifier_job *
job_make(uint64_t session, const char *stored, const char *secret)
{
    struct verifier_job *job = calloc(1, sizeof *job);
    assert_non_null(job);
    job->session = session;
    (void)snprintf(job->user.stored, sizeof job->user.stored, "%s", stored);
    assert_true(secret_set(&job->secret, pop_view_of(secret)));
    return job;
}

/* The next finished job, however long it takes. */
static struct verifier_job *
take(struct verifier *verifier)
{
    for (;;) {
        struct verifier_job *job = verifier_take(verifier);
        if (job != NULL)
            return job;
        struct pollfd ready = {.fd = verifier_fd(verifier), .events = POLLIN};
        assert_int_equal(poll(&ready, 1, 60000), 1);
    }
}

static const struct {
    const char *stored;
    const char *secret;
    enum err_code result;
} kinds[] = {
    {"{PLAIN}right", "right", ERR_OK},
    {"{PLAIN}right", "wrong", ERR_DENIED},
    {"$1$saltsalt$9xy1btjgzLYfb7hivXtC//", "secret", ERR_OK},
    {"$1$saltsalt$9xy1btjgzLYfb7hivXtC//", "Secret", ERR_DENIED},
    {"$9$nothing", "secret", ERR_INVALID},
    {"*", "secret", ERR_DENIED},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void
each_job_comes_back_once_with_its_own_result(void **state)
{
    struct verifier *verifier = *state;
    enum { COUNT = 2000 };
    bool *seen = calloc(COUNT, sizeof *seen);
    unsigned back = 0;
    assert_non_null(seen);
    for (unsigned sent = 0; back < COUNT;) {
        struct verifier_job *job = NULL;
        if (sent < COUNT) {
            job = job_make(sent, kinds[sent % KINDS].stored, kinds[sent % KINDS].secret);
            if (verifier_submit(verifier, job) == NULL) {
                sent++;
                continue;
            }
            free(job);
        }
        job = take(verifier);
        assert_in_range(job->session, 0, COUNT - 1);
        assert_false(seen[job->session]);
        assert_int_equal(job->result, kinds[job->session % KINDS].result);
        seen[job->session] = true;
        back++;
        free(job);
    }
    assert_null(verifier_take(verifier));
    free(seen);
}

/* Jobs of milliseconds: the threads cannot keep up with one that only hands them in. */
static void
a_full_queue_refuses_and_takes_again_later(void **state)
{
    struct verifier *verifier = *state;
    static const char slow[] = "$6$rounds=20000$saltsalt$x";
    unsigned taken = 0;
    struct verifier_job *job;
    for (;;) {
        job = job_make(taken, slow, "secret");
        if (verifier_submit(verifier, job) != NULL)
            break;
        taken++;
        /* Those in the hands of threads do not wait; some were done meanwhile. */
        assert_in_range(taken, 1, 4 * VERIFIER_QUEUE_MAX);
    }
    assert_true(taken >= VERIFIER_QUEUE_MAX);
    assert_int_equal(job->session, taken); /* still the caller's, with its secret */
    assert_int_equal(job->secret.len, 6);
    unsigned back = 0;
    for (bool again = false; back < taken; back++) {
        struct verifier_job *done = take(verifier);
        assert_int_equal(done->result, ERR_DENIED);
        free(done);
        if (!again && verifier_submit(verifier, job) == NULL) {
            again = true;
            taken++;
        }
    }
    assert_null(verifier_take(verifier));
}

static void
a_job_can_be_run_at_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct verifier_job *job = job_make(i, kinds[i].stored, kinds[i].secret);
        verifier_run(job);
        assert_int_equal(job->result, kinds[i].result);
        free(job);
    }
}

/* The own password first, then those of single programs. */
static void
the_password_that_fits_is_told(void **state)
{
    (void)state;
    static const char *const stored[] = {"{PLAIN}laptop", "$9$nothing", "{PLAIN}phone"};
    static const struct {
        const char *secret;
        enum err_code result;
        uint32_t matched;
    } tries[] = {
        {"right", ERR_OK, 0},
        {"laptop", ERR_OK, 1},
        {"phone", ERR_OK, 3},
        {"other", ERR_DENIED, 0},
    };
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        struct verifier_job *job = job_make(i, "{PLAIN}right", tries[i].secret);
        for (size_t j = 0; j < 3; j++)
            (void)snprintf(
                job->user.others[job->user.other_count++].stored, HASH_TEXT_MAX, "%s",
                stored[j]);
        verifier_run(job);
        assert_int_equal(job->result, tries[i].result);
        assert_int_equal(job->matched, tries[i].matched);
        free(job);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_job_comes_back_once_with_its_own_result),
        cmocka_unit_test(a_full_queue_refuses_and_takes_again_later),
        cmocka_unit_test(a_job_can_be_run_at_once),
        cmocka_unit_test(the_password_that_fits_is_told),
    };
    return cmocka_run_group_tests_name("verifier", tests, make, NULL);
}
