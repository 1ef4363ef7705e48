/* From a name to what is known of the user: one source after the other. */
#include "base/check.h"
#include "base/log.h"
#include "server/auth.h"

#include <pop/server.h>
#include <stdlib.h>

/* A refusal that is nobody's fault at the other end. CHECK has no other answer than CHECKED. */
static void
refuse_try(
    struct auth_role *role, enum auth_goal goal, const struct auth_try *try, uint32_t refusal)
{
    struct ipc_checked checked = {.known = true}; /* PASS will hear of the problem */
    if (goal == AUTH_GOAL_NAME)
        auth_answer(role, try->front, IPC_CHECKED, try->session, &checked, sizeof checked);
    else
        auth_refuse(role, try, refusal);
}

struct auth_seek *
auth_seek_new(
    struct auth_role *role, enum auth_goal goal, const struct auth_try *try,
    struct pop_view user)
{
    struct auth_seek *seek = malloc(sizeof *seek); /* large: only what is used is written */
    if (seek == NULL) {
        refuse_try(role, goal, try, POP_REFUSAL_SYS_TEMP);
        return NULL;
    }
    struct network place = penalty_prefix(&try->from);
    seek->next = NULL;
    seek->id = 0;
    seek->exchange = 0;
    seek->goal = goal;
    seek->source = 0;
    seek->token = NULL;
    seek->token_len = 0;
    seek->job.item = (struct fair_item){
        .place = auth_memory_place(role->memory, &place),
        .trusted = auth_memory_trusts(role->memory, &place, user),
    };
    seek->job.next = NULL;
    seek->job.secret.len = 0;
    seek->job.known = false;
    seek->job.front = try->front;
    seek->job.session = try->session;
    seek->job.from = try->from;
    seek->job.matched = 0;
    seek->job.derives = false;
    auth_user_begin(&seek->job.user, user); /* at most USER_NAME_MAX, as every name here */
    return seek;
}

void
auth_seek_free(struct auth_seek *seek)
{
    secret_finish(&seek->job.secret);
    if (seek->token != NULL)
        explicit_bzero(seek->token, seek->token_len);
    free(seek->token);
    free(seek);
}

struct auth_try
auth_seek_try(const struct auth_seek *seek)
{
    return (struct auth_try){
        .front = seek->job.front, .session = seek->job.session, .from = seek->job.from};
}

static void
refuse(struct auth_role *role, struct auth_seek *seek, uint32_t refusal)
{
    struct auth_try try = auth_seek_try(seek);
    auth_sasl_drop(role, seek);
    refuse_try(role, seek->goal, &try, refusal);
    auth_seek_free(seek);
}

static void
refuse_wrong(struct auth_role *role, struct auth_seek *seek, bool known)
{
    struct auth_try try = auth_seek_try(seek);
    auth_sasl_drop(role, seek);
    auth_refuse_wrong(role, &try, pop_view_of(seek->job.user.name), known);
    auth_seek_free(seek);
}

static void
answer_name(struct auth_role *role, struct auth_seek *seek, bool known)
{
    struct auth_try try = auth_seek_try(seek);
    struct ipc_checked checked = {.known = known};
    if (!known)
        checked.delay_ms = auth_count_unknown(role, &try, pop_view_of(seek->job.user.name));
    auth_answer(role, try.front, IPC_CHECKED, try.session, &checked, sizeof checked);
    auth_seek_free(seek);
}

static void
accept(struct auth_role *role, struct auth_seek *seek)
{
    struct auth_try try = auth_seek_try(seek);
    auth_sasl_drop(role, seek);
    auth_accept(role, &try, &seek->job.user);
    auth_seek_free(seek);
}

static void
refuse_token(struct auth_role *role, struct auth_seek *seek)
{
    auth_sasl_token_refused(role, seek);
    auth_seek_free(seek);
}

/* Some source can say whether a name is there. */
static bool
some_can_tell(const struct auth_role *role)
{
    bool some = false;
    for (size_t i = 0; i < role->source_count; i++)
        some |= !source_kind_row(role->sources[i].kind)->tokens && !role->sources[i].verifies;
    return some;
}

/* The user is there, or is in no source and has a dummy's password. */
static void
found(struct auth_role *role, struct auth_seek *seek, bool known)
{
    seek->job.known = known;
    if (!known)
        auth_source_dummy(role, seek->job.user.stored);
    switch (seek->goal) {
    case AUTH_GOAL_PASSWORD:
        auth_verify(role, seek);
        break;
    case AUTH_GOAL_NAME:
        answer_name(role, seek, known);
        break;
    case AUTH_GOAL_EXCHANGE:
        auth_sasl_found(role, seek);
        break;
    case AUTH_GOAL_APOP:
        auth_apop_judge(role, seek);
        break;
    case AUTH_GOAL_TOKEN:
        refuse_token(role, seek);
        break;
    case AUTH_GOAL_PROVED:
        if (known || !some_can_tell(role))
            accept(role, seek);
        else
            refuse_wrong(role, seek, false);
        break;
    }
}

/* A source that judges passwords itself cannot say what is stored, or whether the name is
 * there: an exchange fails; at USER, and if it is proved who it is, the name passes. */
static bool
cannot_tell(const struct auth_source *source, const struct auth_seek *seek)
{
    return source->verifies && seek->goal != AUTH_GOAL_PASSWORD;
}

/* True: the seek has come to its end, or waits for a helper's answer. */
static bool
ask(struct auth_role *role, struct auth_seek *seek, struct auth_source *source)
{
    bool for_tokens = source_kind_row(source->kind)->tokens;
    if (for_tokens != (seek->goal == AUTH_GOAL_TOKEN))
        return false;
    if (source->kind == SOURCE_PASSWD_FILE) {
        struct pop_view name = pop_view_of(seek->job.user.name);
        if (source->file == NULL ||
            passwd_file_lookup(source->file, name, &seek->job.user, NULL) != ERR_OK)
            return false;
        found(role, seek, true);
        return true;
    }
    if (source->spoke && !for_tokens && cannot_tell(source, seek)) {
        found(role, seek, seek->goal == AUTH_GOAL_NAME || seek->goal == AUTH_GOAL_PROVED);
        return true;
    }
    if (!auth_source_ask(role, seek))
        refuse(role, seek, POP_REFUSAL_SYS_TEMP);
    return true;
}

void
auth_seek_go(struct auth_role *role, struct auth_seek *seek)
{
    while (seek->source < role->source_count) {
        if (ask(role, seek, &role->sources[seek->source]))
            return;
        seek->source++;
    }
    found(role, seek, false);
}

/* ---- a helper's answer ---- */

/* The helper does not let the user in, or what it has for the user cannot be used. */
static void
refuse_unusable(struct auth_role *role, struct auth_seek *seek)
{
    if (seek->goal == AUTH_GOAL_TOKEN) { /* another server's, maybe */
        seek->source++;
        auth_seek_go(role, seek);
    } else if (seek->goal == AUTH_GOAL_PASSWORD) {
        refuse_wrong(role, seek, true);
    } else {
        found(role, seek, false);
    }
}

/* An earlier source has a user of the name that the answer gives. Of helpers it is not known.
 */
static bool
is_of_earlier_file(const struct auth_role *role, const struct auth_seek *seek)
{
    struct auth_user user;
    struct pop_view name = pop_view_of(seek->job.user.name);
    for (size_t i = 0; i < seek->source; i++) {
        struct passwd_file *file = role->sources[i].file;
        if (file != NULL && passwd_file_lookup(file, name, &user, NULL) == ERR_OK)
            return true;
    }
    return false;
}

/* Names may have an alias or another spelling. But a helper speaks for whom it is asked about:
 * with another name it must not get past a file that comes first, and the token of somebody
 * else is none of the user that the client has named. */
static bool
may_be_called(const struct auth_role *role, const struct auth_seek *seek, const char *asked)
{
    if (strcmp(seek->job.user.name, asked) == 0)
        return true;
    return seek->goal == AUTH_GOAL_TOKEN ? asked[0] == '\0' : !is_of_earlier_file(role, seek);
}

/* On failure nothing of the answer is left. */
static enum err_code
read_found(
    const struct auth_role *role, struct auth_seek *seek, const struct ipc_answer *answer,
    struct err *err)
{
    struct auth_user *user = &seek->job.user;
    char asked[USER_NAME_MAX + 1];
    memcpy(asked, user->name, strlen(user->name) + 1);
    enum err_code code = auth_source_read(answer, user, err);
    if (code == ERR_OK && !may_be_called(role, seek, asked))
        code = err_set(err, ERR_INVALID, "its source answers about '%s'", user->name);
    if (code != ERR_OK)
        auth_user_begin(user, pop_view_of(asked));
    return code;
}

static void
found_by_helper(struct auth_role *role, struct auth_seek *seek, const struct ipc_answer *answer)
{
    struct err err;
    struct auth_source *source = &role->sources[seek->source];
    if (read_found(role, seek, answer, &err) != ERR_OK) {
        log_error("user %s: %s", seek->job.user.name, err.text);
        refuse_unusable(role, seek);
        return;
    }
    seek->job.known = true;
    if (seek->goal == AUTH_GOAL_TOKEN) {
        seek->goal = AUTH_GOAL_PROVED;
        seek->source = 0;
        auth_seek_go(role, seek);
    } else if (source->verifies) {
        accept(role, seek);
    } else {
        auth_source_learn(source, &seek->job.user);
        found(role, seek, true);
    }
}

void
auth_seek_answered(
    struct auth_role *role, struct auth_seek *seek, const struct ipc_answer *answer)
{
    const char *name = seek->job.user.name;
    switch ((enum ipc_answer_result)answer->result) {
    case IPC_ANSWER_FOUND:
        found_by_helper(role, seek, answer);
        break;
    case IPC_ANSWER_UNKNOWN:
        seek->source++;
        auth_seek_go(role, seek);
        break;
    case IPC_ANSWER_INVALID:
        log_error("user %s: %.*s", name, (int)answer->error.len, answer->error.data);
        refuse_unusable(role, seek);
        break;
    case IPC_ANSWER_DENIED:
        refuse_unusable(role, seek);
        break;
    case IPC_ANSWER_AWAY:
    case IPC_ANSWER_RESULT_COUNT: /* the table lets none through */
        log_error(
            "%s: %.*s", source_kind_row(role->sources[seek->source].kind)->name,
            (int)answer->error.len, answer->error.data);
        refuse(role, seek, POP_REFUSAL_SYS_TEMP);
        break;
    }
}
