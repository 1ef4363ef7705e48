/*
 * What auth remembers of logins that were right: the password, so that the same
 * one need not be hashed again, the place, so that its next login goes
 * before those of strangers, and when it was.
 *
 * Nothing of it can be turned back: both are digests under a key that is drawn
 * when the process starts. The memory is taken once; what is new takes the
 * place of what is old. For one thread. No clock: the time is an argument.
 */
#ifndef AUTH_MEMORY_H
#define AUTH_MEMORY_H

#include "base/err.h"
#include "base/network.h"
#include "base/secret.h"

#include <stdint.h>

struct auth_memory;

enum err_code auth_memory_new(struct auth_memory **ret_memory, struct err *err);
void auth_memory_free(struct auth_memory *memory); /* NULL is fine; wipes */

/* How long a password is remembered; 0: not at all. */
void auth_memory_set_seconds(struct auth_memory *memory, uint32_t seconds);

/* Was this password right for this user with just this stored? Whoever changes what is stored
 * makes it forgotten. */
bool auth_memory_knows(
    const struct auth_memory *memory, struct pop_view user, struct pop_view stored,
    const struct secret *secret, int64_t now_ms);
void auth_memory_learn(
    struct auth_memory *memory, struct pop_view user, struct pop_view stored,
    const struct secret *secret, int64_t now_ms);

/* Has the user logged in from this network lately? */
bool auth_memory_trusts(
    const struct auth_memory *memory, const struct network *from, struct pop_view user);
void
auth_memory_trust(struct auth_memory *memory, const struct network *from, struct pop_view user);

/* Milliseconds until this user may log in again after the last time, `delay_ms` ago at least;
 * 0: now, and this is remembered as the last time. A user who was forgotten for others may
 * always. */
int64_t auth_memory_login(
    struct auth_memory *memory, struct pop_view user, int64_t delay_ms, int64_t now_ms);

/* A number for the network that others cannot foresee. */
uint64_t auth_memory_place(const struct auth_memory *memory, const struct network *from);

#endif
