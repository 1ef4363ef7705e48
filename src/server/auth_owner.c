/*
 * Stores that run as the owners of maildrops: one for each, which the parent
 * starts when it is first needed and auth forgets when it is idle. Logins wait
 * here until it is there; each of them gets an answer.
 */
#include "server/auth.h"

#include "base/clock.h"
#include "base/log.h"
#include "server/role.h"

#include <pop/server.h>
#include <stdlib.h>

/* A login that is right, on its way to a store. */
struct owner_waiting {
    struct owner_waiting *next;
    struct owner *owner;
    int64_t due_ms;
    struct ipc_header header;
    struct ipc_open open;
};

struct owner {
    struct owner *next;
    uint32_t request; /* never used twice */
    uint32_t number;  /* of the store; 0: it is still to come */
    uint32_t uid;
    uint32_t gid;
    struct ipc_path home; /* empty: it does not matter */
};

static void
refuse(struct auth_role *role, const struct ipc_header *header, uint32_t refusal)
{
    struct auth_try try = {.front = header->number, .session = header->session};
    auth_refuse(role, &try, refusal);
}

/* ---- owners ---- */

static bool
is_owner(const struct owner *owner, const struct ipc_need_store *need)
{
    return owner->uid == need->uid && owner->gid == need->gid &&
           owner->home.len == need->home.len &&
           memcmp(owner->home.data, need->home.data, need->home.len) == 0;
}

/* Moves it to the front: the order is that of their last use. */
static struct owner *
owner_find(struct auth_role *role, const struct ipc_need_store *need)
{
    struct owner **place = &role->owner_list;
    while (*place != NULL && !is_owner(*place, need))
        place = &(*place)->next;
    struct owner *owner = *place;
    if (owner == NULL)
        return NULL;
    *place = owner->next;
    owner->next = role->owner_list;
    role->owner_list = owner;
    return owner;
}

/*
 * There are as many as there may be: the one that was used least recently is let
 * go of. If it still has a session it ends later, and the parent, which counts
 * processes, makes the new one wait. False: all are still to come themselves.
 */
static bool
owner_make_room(struct auth_role *role)
{
    uint32_t count = 0;
    const struct owner *last = NULL;
    for (const struct owner *owner = role->owner_list; owner != NULL; owner = owner->next) {
        count++;
        if (owner->number > 0)
            last = owner;
    }
    if (count < role->owner_processes)
        return true;
    if (last != NULL)
        auth_forget_store(role, last->number); /* and with that, of the owner */
    return last != NULL;
}

/* Asks the parent for its store. NULL: no room, no memory, or no parent. */
static struct owner *
owner_make(struct auth_role *role, struct ipc_need_store *need)
{
    struct ipc_header header = {.type = IPC_NEED_STORE};
    struct owner *owner = owner_make_room(role) ? calloc(1, sizeof *owner) : NULL;
    if (owner == NULL)
        return NULL;
    need->request = ++role->last_request;
    *owner = (struct owner){
        .next = role->owner_list,
        .request = need->request,
        .uid = need->uid,
        .gid = need->gid,
        .home = need->home,
    };
    if (ipc_send_wait(ROLE_CONTROL_FD, &header, need, sizeof *need, NULL, 0) != IPC_OK) {
        free(owner);
        return NULL;
    }
    role->owner_list = owner;
    return owner;
}

static void
owner_drop(struct auth_role *role, struct owner *owner)
{
    struct owner **place = &role->owner_list;
    while (*place != owner)
        place = &(*place)->next;
    *place = owner->next;
    free(owner);
}

static struct owner *
owner_of_request(struct auth_role *role, uint32_t request)
{
    struct owner *owner = role->owner_list;
    while (owner != NULL && owner->request != request)
        owner = owner->next;
    return owner;
}

/* ---- logins ---- */

/* Front hears first which store will answer, so that it can tell whose end concerns it. */
static void
deliver(
    struct auth_role *role, const struct owner *owner, const struct ipc_header *header,
    const struct ipc_open *open)
{
    struct ipc_store_number opening = {.number = owner->number};
    struct auth_channel *store = auth_channel_find(role, IPC_STORE, owner->number);
    if (auth_channel_find(role, IPC_FRONT, header->number) == NULL)
        return; /* it ended while the store was started, and the store may never have known it
                 */
    auth_answer(role, header->number, IPC_OPENING, header->session, &opening, sizeof opening);
    /* Nobody waits for it: who owns that process may have stopped it. */
    if (store == NULL ||
        ipc_send(store->source.fd, header, open, sizeof *open, NULL, 0) != IPC_OK)
        refuse(role, header, POP_REFUSAL_SYS_TEMP);
}

static void
wait_for(
    struct auth_role *role, struct owner *owner, const struct ipc_header *header,
    const struct ipc_open *open)
{
    struct owner_waiting **end = &role->owner_waiting;
    uint32_t count = 0;
    for (; *end != NULL; end = &(*end)->next)
        count++;
    struct owner_waiting *waiting =
        count < OWNER_WAITING_MAX ? calloc(1, sizeof *waiting) : NULL;
    if (waiting == NULL) {
        refuse(role, header, POP_REFUSAL_SYS_TEMP);
        return;
    }
    *waiting = (struct owner_waiting){
        .owner = owner,
        .due_ms = clock_ms() + OWNER_WAIT_MS,
        .header = *header,
        .open = *open,
    };
    *end = waiting;
}

/* Takes the first login that waits for this owner; NULL: none does. */
static struct owner_waiting *
waiting_take(struct auth_role *role, const struct owner *owner)
{
    struct owner_waiting **place = &role->owner_waiting;
    while (*place != NULL && (*place)->owner != owner)
        place = &(*place)->next;
    struct owner_waiting *taken = *place;
    if (taken != NULL)
        *place = taken->next;
    return taken;
}

void
auth_owner_open(
    struct auth_role *role, const struct ipc_header *header, const struct ipc_open *open)
{
    struct ipc_need_store need = {.uid = open->uid, .gid = open->gid, .user = open->user};
    if (role->owners == IPC_OWNERS_AND_HOME)
        need.home = open->home;
    struct owner *owner = owner_find(role, &need);
    if (owner == NULL)
        owner = owner_make(role, &need);
    if (owner == NULL)
        refuse(role, header, POP_REFUSAL_SYS_TEMP);
    else if (owner->number > 0)
        deliver(role, owner, header, open);
    else
        wait_for(role, owner, header, open);
}

bool
auth_owner_found(struct auth_role *role, uint32_t request, uint32_t number)
{
    struct owner *owner = owner_of_request(role, request);
    struct owner_waiting *waiting;
    if (owner == NULL)
        return false;
    owner->number = number;
    while ((waiting = waiting_take(role, owner)) != NULL) {
        deliver(role, owner, &waiting->header, &waiting->open);
        free(waiting);
    }
    return true;
}

void
auth_owner_refused(struct auth_role *role, const struct ipc_no_store *answer)
{
    struct owner *owner = owner_of_request(role, answer->request);
    struct owner_waiting *waiting;
    if (owner == NULL)
        return;
    while ((waiting = waiting_take(role, owner)) != NULL) {
        refuse(role, &waiting->header, answer->refusal);
        free(waiting);
    }
    owner_drop(role, owner);
}

void
auth_owner_lost(struct auth_role *role, uint32_t number)
{
    struct owner *owner = role->owner_list;
    while (owner != NULL && owner->number != number)
        owner = owner->next;
    if (owner != NULL) /* nobody waits for one that was there */
        owner_drop(role, owner);
}

int64_t
auth_owner_expire(struct auth_role *role)
{
    int64_t now = clock_ms();
    struct owner_waiting *first;
    /* The first has waited longest. The parent's answer may still come, for later logins. */
    while ((first = role->owner_waiting) != NULL && first->due_ms <= now) {
        role->owner_waiting = first->next;
        log_error("the store of uid %u was not there in time", first->owner->uid);
        refuse(role, &first->header, POP_REFUSAL_SYS_TEMP);
        free(first);
    }
    return first != NULL ? first->due_ms - now : -1;
}
