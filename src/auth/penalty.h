/*
 * Refused logins, counted by where they came from (an IPv4 address, the /64 of
 * an IPv6 address) and by the name they were for. More of them make the answer
 * wait longer; too many from one place, and no password of it is looked at for
 * a while.
 *
 * The memory is taken once and never grows: an old count gives way to a new
 * one. Places in the tables depend on a seed, so that nobody can choose names
 * or addresses that push out a certain count. No clock: the time is an argument.
 */
#ifndef AUTH_PENALTY_H
#define AUTH_PENALTY_H

#include "base/err.h"
#include "base/network.h"

#include <stdint.h>

struct penalty;

struct penalty_rules {
    uint32_t delay_ms;     /* before the first refusal is answered; 0: never a delay */
    uint32_t delay_max_ms; /* what it grows to; less than delay_ms: it does not grow */
    uint32_t failures_max; /* of a prefix within the window, then it is banned; 0: never */
    uint32_t window_ms;    /* over which is counted, and how long a ban lasts; not 0 */
};

enum err_code penalty_new(struct penalty **ret_penalty, uint64_t seed, struct err *err);
void penalty_free(struct penalty *penalty); /* NULL is fine */

/* For what comes; the counts stay. */
void penalty_set_rules(struct penalty *penalty, const struct penalty_rules *rules);

/* What is counted together with this address. */
struct network penalty_prefix(const struct network_address *address);

/* Milliseconds until the ban of this address ends; 0: it is not banned. Asked before a password
 * is looked at, so that the answer tells nothing about it. */
int64_t penalty_ban_left(
    struct penalty *penalty, const struct network_address *address, int64_t now_ms);

struct penalty_verdict {
    uint32_t delay_ms; /* before the refusal is to be answered */
    uint32_t failures; /* of the prefix, with this one */
    bool bans;         /* with this one a ban begins */
};

/*
 * A login was refused. The delay doubles with each failure of the prefix, and
 * with every second one of the user, whichever is more. An address without
 * octets and an empty name are not counted.
 */
struct penalty_verdict penalty_failed(
    struct penalty *penalty, const struct network_address *address, struct pop_view user,
    int64_t now_ms);

/* A login was right: the prefix starts anew, unless it is banned. What was counted for the user
 * stays: it may be the work of others. */
void penalty_succeeded(
    struct penalty *penalty, const struct network_address *address, int64_t now_ms);

#endif
