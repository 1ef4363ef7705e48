/* The table of sessions: who holds one keeps it, and no other thread works for it meanwhile. */
#include "server/store.h"

#include <stdio.h>
#include <stdlib.h>

static struct store_session **
bucket_of(struct store_role *role, uint64_t id)
{
    return &role->buckets[(id ^ (id >> 29)) % STORE_BUCKETS];
}

struct store_session *
store_session_hold(struct store_role *role, struct store_channel *front, uint64_t id)
{
    (void)pthread_mutex_lock(&role->lock);
    struct store_session *session = *bucket_of(role, id);
    while (session != NULL && (session->id != id || session->front != front))
        session = session->next;
    if (session != NULL)
        session->users++;
    (void)pthread_mutex_unlock(&role->lock);
    if (session != NULL)
        (void)pthread_mutex_lock(&session->lock);
    return session;
}

static void
session_free(struct store_role *role, struct store_session *session)
{
    store_channel_release(role, session->front);
    (void)pthread_mutex_destroy(&session->lock);
    free(session->marks);
    free(session);
    store_done(role);
}

void
store_session_release(struct store_role *role, struct store_session *session)
{
    (void)pthread_mutex_unlock(&session->lock);
    (void)pthread_mutex_lock(&role->lock);
    bool last = --session->users == 0 && session->gone;
    (void)pthread_mutex_unlock(&role->lock);
    if (last)
        session_free(role, session);
}

bool
store_session_add(struct store_role *role, struct store_session *session)
{
    (void)pthread_mutex_lock(&role->lock);
    struct store_session **bucket = bucket_of(role, session->id);
    bool taken = false;
    for (struct store_session *other = *bucket; other != NULL; other = other->next)
        taken |= other->id == session->id && other->front == session->front;
    bool usable = !taken && !session->front->closed;
    if (usable) {
        session->next = *bucket;
        *bucket = session;
    }
    (void)pthread_mutex_unlock(&role->lock);
    return usable;
}

void
store_session_remove(struct store_role *role, struct store_session *session)
{
    (void)pthread_mutex_lock(&role->lock);
    struct store_session **place = bucket_of(role, session->id);
    while (*place != NULL && *place != session)
        place = &(*place)->next;
    if (*place == session)
        *place = session->next;
    session->gone = true;
    (void)pthread_mutex_unlock(&role->lock);
}

struct store_session *
store_session_make(
    struct store_role *role, struct store_channel *front, uint64_t id, const char *user,
    const char *location)
{
    struct store_session *session = calloc(1, sizeof *session);
    if (session == NULL)
        return NULL;
    store_begin(role);
    (void)pthread_mutex_init(&session->lock, NULL);
    (void)pthread_mutex_lock(&session->lock);
    session->users = 1;
    store_channel_hold(role, front);
    session->front = front;
    session->id = id;
    session->state = IPC_STATE_OPEN;
    (void)snprintf(session->user, sizeof session->user, "%s", user);
    (void)snprintf(session->location, sizeof session->location, "%s", location);
    return session;
}

struct store_session *
store_session_hold_any(struct store_role *role, struct store_channel *front)
{
    struct store_session *found = NULL;
    (void)pthread_mutex_lock(&role->lock);
    for (size_t i = 0; i < STORE_BUCKETS && found == NULL; i++)
        for (found = role->buckets[i]; found != NULL && found->front != front;)
            found = found->next;
    if (found != NULL)
        found->users++;
    (void)pthread_mutex_unlock(&role->lock);
    if (found != NULL)
        (void)pthread_mutex_lock(&found->lock);
    return found;
}
