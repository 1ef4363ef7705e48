/* The threads of a helper: a question in, an answer out. */
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/source.h"

#include "auth/penalty.h"

#include <stdlib.h>
#include <sysexits.h>
#include <xxhash.h>

static void
put_text(char *to, uint16_t *ret_len, size_t max, struct pop_view text)
{
    *ret_len = (uint16_t)(text.len < max ? text.len : max);
    memcpy(to, text.data, *ret_len);
}

static void
put_password(struct ipc_answer *answer, const char *label, const char *stored)
{
    const char *const texts[] = {label, stored};
    for (size_t i = 0; i < 2; i++) {
        size_t size = strlen(texts[i]) + 1;
        CHECK(size <= sizeof answer->passwords - answer->len);
        memcpy(answer->passwords + answer->len, texts[i], size);
        answer->len += (uint32_t)size;
    }
}

static void
put_user(struct ipc_answer *answer, const struct auth_user *user)
{
    answer->disabled = user->disabled;
    answer->uid = user->uid;
    answer->gid = user->gid;
    put_text(
        answer->user.data, &answer->user.len, sizeof answer->user.data,
        pop_view_of(user->name));
    put_text(
        answer->home.data, &answer->home.len, sizeof answer->home.data,
        pop_view_of(user->home));
    if (user->stored[0] != '\0')
        put_password(answer, "", user->stored);
    for (uint32_t i = 0; i < user->other_count; i++)
        put_password(answer, user->others[i].label, user->others[i].stored);
}

static uint32_t
result_of(enum err_code code)
{
    switch (code) {
    case ERR_OK:
        return IPC_ANSWER_FOUND;
    case ERR_NOT_FOUND:
        return IPC_ANSWER_UNKNOWN;
    case ERR_DENIED:
        return IPC_ANSWER_DENIED;
    case ERR_INVALID:
        return IPC_ANSWER_INVALID;
    default:
        return IPC_ANSWER_AWAY;
    }
}

static enum err_code
ask_source(struct source *source, struct question *question, struct err *err)
{
    struct secret secret;
    struct pop_view octets = {question->octets, question->len};
    enum err_code code = ERR_INVALID;
    if (clock_ms() >= question->due_ms)
        return err_set(err, ERR_BUSY, "more questions wait than it can answer in time");
    switch ((enum ipc_ask_task)question->task) {
    case IPC_ASK_LOOK_UP:
        CHECK(source_ops->look_up != NULL);
        return source_ops->look_up(source, &question->user, err);
    case IPC_ASK_VERIFY:
        CHECK(source_ops->verify != NULL);
        if (!secret_set(&secret, octets))
            return err_set(err, ERR_DENIED, "no such password");
        code = source_ops->verify(source, &secret, &question->from, &question->user, err);
        secret_finish(&secret);
        return code;
    case IPC_ASK_TOKEN:
        CHECK(source_ops->check_token != NULL);
        return source_ops->check_token(source, octets, &question->user, err);
    case IPC_ASK_TASK_COUNT:
        break;
    }
    BUG("the table lets no other task through");
}

static void
answer(const struct source_role *role, struct source *source, struct question *question)
{
    struct err err = {.text = ""};
    struct ipc_answer answer = {.uid = AUTH_ID_NONE, .gid = AUTH_ID_NONE};
    enum err_code code = ask_source(source, question, &err);
    answer.result = result_of(code);
    if (code == ERR_OK)
        put_user(&answer, &question->user);
    else
        put_text(
            answer.error.data, &answer.error.len, sizeof answer.error.data,
            pop_view_of(err.text));
    struct ipc_header header = {.type = IPC_ANSWER, .session = question->id};
    (void)ipc_send_wait(/* an auth that is gone shows in the main thread */
                        role->auth_fd, &header, &answer,
                        offsetof(struct ipc_answer, passwords) + answer.len, NULL, 0);
    explicit_bzero(&answer, sizeof answer);
}

static void
question_free(struct question *question)
{
    explicit_bzero(question, sizeof *question);
    free(question);
}

static struct question *
take(struct source_role *role)
{
    struct fair_item *item;
    (void)pthread_mutex_lock(&role->lock);
    while ((item = fair_queue_take(&role->queue)) == NULL)
        (void)pthread_cond_wait(&role->more, &role->lock);
    (void)pthread_mutex_unlock(&role->lock);
    return (struct question *)(void *)item; /* its first member */
}

struct thread_start {
    struct source_role *role;
    struct source *source;
};

static void *
answering_thread(void *argument)
{
    struct thread_start start = *(struct thread_start *)argument;
    free(argument);
    for (;;) {
        struct question *question = take(start.role);
        answer(start.role, start.source, question);
        question_free(question);
    }
    return NULL;
}

void
source_start_threads(struct source_role *role)
{
    for (size_t i = 0; i < SOURCE_THREADS; i++) {
        pthread_t thread;
        struct thread_start *start = malloc(sizeof *start);
        CHECK(start != NULL);
        *start = (struct thread_start){role, role->sources[i]};
        if (pthread_create(&thread, NULL, answering_thread, start) != 0) {
            log_error("cannot start the threads that ask");
            exit(EX_OSERR);
        }
        (void)pthread_detach(thread);
    }
}

void
source_ask(struct source_role *role, uint64_t id, const struct ipc_ask *ask)
{
    struct network place = penalty_prefix(&ask->from);
    struct question *question = malloc(sizeof *question);
    CHECK(question != NULL);
    question->item = (struct fair_item){
        .place = XXH3_64bits_withSeed(&place.address, sizeof place.address, role->seed)};
    question->id = id;
    question->due_ms = clock_ms() + 1000 * SOURCE_SECONDS_MAX;
    question->task = ask->task;
    question->from = ask->from;
    auth_user_begin(&question->user, (struct pop_view){ask->user.data, ask->user.len});
    question->len = ask->len;
    memcpy(question->octets, ask->octets, ask->len);
    (void)pthread_mutex_lock(&role->lock);
    struct fair_item *out = fair_queue_put(&role->queue, &question->item);
    (void)pthread_cond_signal(&role->more);
    (void)pthread_mutex_unlock(&role->lock);
    CHECK(out == NULL); /* auth asks no more than there is room for */
}
