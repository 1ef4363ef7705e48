/*
 * owner = "user": a store for each owner of maildrops, started when auth needs
 * it. It runs under that uid and that gid alone; which ids those may be is
 * judged here, by the one process that can give them.
 */
#include "base/clock.h"
#include "base/log.h"
#include "server/parent.h"

#include <pop/server.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool
owners_wanted(const struct conf *conf)
{
    return conf->store.owner == CONF_OWNER_USER;
}

enum err_code
owners_check(const struct conf *conf, const char *path, struct err *err)
{
    if (!owners_wanted(conf) || geteuid() == 0)
        return ERR_OK;
    return err_set(
        err, ERR_INVALID,
        "%s:%d: owner = \"user\" needs a server that is started as root: nobody else can "
        "become "
        "those users",
        path, conf->store.owner_line);
}

enum err_code
owners_prepare(struct parent *parent, struct err *err)
{
    parent->owners = calloc(OWNER_STORES_MAX, sizeof *parent->owners);
    if (parent->owners == NULL)
        return err_set(err, ERR_NOMEM, "starting");
    for (uint32_t i = 0; i < OWNER_STORES_MAX; i++)
        parent->owners[i] = (struct child){.role = IPC_STORE, .owner = true, .control = -1};
    return ERR_OK;
}

uint32_t
owners_mode(const struct conf *conf)
{
    if (!owners_wanted(conf))
        return IPC_OWNERS_NONE;
    bool home = strncmp(conf->store.path, "%h", 2) == 0;
    return home ? IPC_OWNERS_AND_HOME : IPC_OWNERS_IDS;
}

static void
refuse(struct child *auth, uint32_t request, enum pop_refusal refusal)
{
    struct ipc_no_store answer = {.request = request, .refusal = refusal};
    role_tell(auth, IPC_NO_STORE, &answer, sizeof answer, NULL, 0);
}

/* Group 0 has files of root's, and is not given to anybody either. */
static bool
may_be(const struct parent *parent, const struct ipc_need_store *need)
{
    char name[LOG_NAME_MAX];
    log_name((struct pop_view){need->user.data, need->user.len}, name);
    if (need->uid == UINT32_MAX || need->gid == UINT32_MAX)
        log_error("user \"%s\": no uid and gid is known; owner = \"user\" needs them", name);
    else if (need->uid == 0 || need->uid < parent->conf.first_uid)
        log_error(
            "user \"%s\": no maildrop is served as uid %u (first-uid = %u)", name, need->uid,
            parent->conf.first_uid);
    else if (need->gid == 0)
        log_error("user \"%s\": no maildrop is served as gid 0", name);
    else if (
        owners_mode(&parent->conf) == IPC_OWNERS_AND_HOME &&
        (need->home.len == 0 || need->home.data[0] != '/'))
        log_error("user \"%s\": no home that begins with '/' is known", name);
    else
        return true;
    return false;
}

static struct child *
free_place(struct parent *parent)
{
    for (uint32_t i = 0; i < parent->conf.limits.owner_processes; i++) {
        if (parent->owners[i].pid != 0)
            continue;
        if (i >= parent->owner_end)
            parent->owner_end = i + 1;
        return &parent->owners[i];
    }
    return NULL;
}

/* Fronts have their channel before auth has its own: who hears of the store from auth then has
 * only to look. */
static enum err_code
start_owner(
    struct parent *parent, struct child *store, const struct ipc_need_store *need,
    struct err *err)
{
    store->as = (struct role_user){true, need->uid, need->gid};
    store->number = ++parent->next_number;
    store->draining = false;
    if (role_spawn(parent, store, err) != ERR_OK)
        return err->code;
    if (roles_connect_fronts(parent, store, err) != ERR_OK ||
        role_connect_for(&parent->auth, store, need->request, err) != ERR_OK) {
        (void)close(store->control); /* this ends it */
        store->control = -1;
        return err->code;
    }
    store_tell(parent, store, &need->home);
    return ERR_OK;
}

/* Auth has let go of a store that is still to end. */
static void
wait_for_place(struct parent *parent, const struct ipc_need_store *need)
{
    struct owner_need **end = &parent->owner_needs;
    while (*end != NULL)
        end = &(*end)->next;
    *end = calloc(1, sizeof **end);
    if (*end == NULL) {
        log_error("no memory for a process of uid %u", need->uid);
        refuse(&parent->auth, need->request, POP_REFUSAL_SYS_TEMP);
        return;
    }
    (*end)->due_ms = clock_ms() + OWNER_WAIT_MS;
    (*end)->need = *need;
}

static struct owner_need *
take_need(struct parent *parent)
{
    struct owner_need *first = parent->owner_needs;
    parent->owner_needs = first->next;
    return first;
}

static void
start_or_refuse(struct parent *parent, struct child *store, const struct ipc_need_store *need)
{
    struct err err;
    if (start_owner(parent, store, need, &err) == ERR_OK)
        return;
    log_error("%s", err.text);
    refuse(&parent->auth, need->request, POP_REFUSAL_SYS_TEMP);
}

void
owners_look(struct parent *parent)
{
    struct child *store;
    while (parent->owner_needs != NULL && (store = free_place(parent)) != NULL) {
        struct owner_need *first = take_need(parent);
        start_or_refuse(parent, store, &first->need);
        free(first);
    }
    int64_t now = clock_ms();
    while (parent->owner_needs != NULL && parent->owner_needs->due_ms <= now) {
        struct owner_need *first = take_need(parent);
        log_error(
            "no process for uid %u: none of the %u ended in time (limit: owner-processes)",
            first->need.uid, parent->conf.limits.owner_processes);
        refuse(&parent->auth, first->need.request, POP_REFUSAL_SYS_TEMP);
        free(first);
    }
}

int64_t
owners_wait_ms(const struct parent *parent)
{
    if (parent->owner_needs == NULL)
        return -1;
    int64_t left = parent->owner_needs->due_ms - clock_ms();
    return left > 0 ? left : 0;
}

void
owner_need(struct parent *parent, struct child *auth, const struct ipc_need_store *need)
{
    if (auth != &parent->auth || !owners_wanted(&parent->conf)) {
        refuse(auth, need->request, POP_REFUSAL_SYS_TEMP); /* a reload came in between */
        return;
    }
    if (!may_be(parent, need)) {
        refuse(auth, need->request, POP_REFUSAL_SYS_PERM);
        return;
    }
    struct child *store = free_place(parent);
    if (store == NULL)
        wait_for_place(parent, need);
    else
        start_or_refuse(parent, store, need);
}

void
owner_idle(struct parent *parent, struct child *store)
{
    struct ipc_store_number number = {.number = store->number};
    if (store->draining || parent->auth.pid == 0)
        return; /* it ends when its auth does */
    store->draining = true;
    role_tell(&parent->auth, IPC_FORGET_STORE, &number, sizeof number, NULL, 0);
}

enum err_code
owners_connect(struct parent *parent, struct child *front, struct err *err)
{
    for (uint32_t i = 0; i < parent->owner_end; i++) {
        struct child *store = &parent->owners[i];
        if (store->control >= 0 && !store->draining &&
            role_connect(front, store, err) != ERR_OK)
            return err->code;
    }
    return ERR_OK;
}

void
owners_retire(struct parent *parent)
{
    while (parent->owner_needs !=
           NULL) /* its logins are refused when they have waited enough */
        free(take_need(parent));
    for (uint32_t i = 0; i < parent->owner_end; i++)
        parent->owners[i].draining = true;
}

void
owner_ended(struct parent *parent, struct child *store)
{
    store->draining = false;
    while (parent->owner_end > 0 && parent->owners[parent->owner_end - 1].pid == 0)
        parent->owner_end--;
}
