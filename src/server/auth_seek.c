/* From a name to what is known of the user: one source after the other. */
#include "base/check.h"
#include "base/log.h"
#include "server/auth.h"

#include <pop/server.h>
#include <stdlib.h>

struct auth_seek *
auth_seek_new(
    struct auth_role *role, enum auth_goal goal, const struct auth_try *try,
    struct pop_view user)
{
    struct auth_seek *seek = malloc(sizeof *seek); /* large: only what is used is written */
    if (seek == NULL) {
        auth_refuse(role, try, POP_REFUSAL_SYS_TEMP);
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

/* The login ends with a refusal that is nobody's fault at the other end. */
static void
refuse(struct auth_role *role, struct auth_seek *seek, uint32_t refusal)
{
    struct auth_try try = auth_seek_try(seek);
    struct ipc_checked checked = {.known = true}; /* PASS will hear of the problem */
    auth_sasl_drop(role, seek);
    if (seek->goal == AUTH_GOAL_NAME)
        auth_answer(role, try.front, IPC_CHECKED, try.session, &checked, sizeof checked);
    else
        auth_refuse(role, &try, refusal);
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

static void
found_by_helper(struct auth_role *role, struct auth_seek *seek, const struct ipc_answer *answer)
{
    struct err err;
    struct auth_source *source = &role->sources[seek->source];
    if (auth_source_read(answer, &seek->job.user, &err) != ERR_OK) {
        log_error("user %s: %s", seek->job.user.name, err.text);
        refuse_wrong(role, seek, true);
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

static void
denied_by_helper(struct auth_role *role, struct auth_seek *seek)
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
        denied_by_helper(role, seek);
        break;
    case IPC_ANSWER_DENIED:
        denied_by_helper(role, seek);
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
