/*
 * The parts of the attack: attack_target.c makes what there is to act on,
 * attack_calls.c has the acts of more than one system call, attack_acts.c the
 * table of all, attack.c tries them.
 */
#ifndef SERVER_ATTACK_ACT_H
#define SERVER_ATTACK_ACT_H

#include "ipc/messages.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/types.h>

/* What there is to act on, made before the sandbox. */
struct target {
    enum ipc_role role;
    pid_t parent;
    pid_t victim; /* another process of the same user, which does nothing */
    int victim_fd;
    int tcp;
    int udp;
    int pair[2];
    int program; /* opened for execution */
    int memory;  /* a memfd */
    int folder;  /* the maildrops' root */
    void *page;
    size_t page_size;
    char users[PATH_LEN_MAX];
    char users_folder[PATH_LEN_MAX];
    char mail[PATH_LEN_MAX];      /* the maildrops' root */
    char maildrop[PATH_LEN_MAX];  /* one of them */
    char message[PATH_LEN_MAX];   /* in it */
    char fresh[PATH_LEN_MAX];     /* does not exist, in the root */
    char elsewhere[PATH_LEN_MAX]; /* does not exist, outside of the root */
    char moved[PATH_LEN_MAX];     /* does not exist, in the maildrop */
};

struct act {
    const char *name;
    unsigned roles;   /* those that must not */
    int also_refused; /* an errno that is a refusal too */
    /* Either a function, which returns 0 or an errno, or one system call. */
    int (*run)(const struct target *target);
    long number;
    uintptr_t arguments[6];
};

/* The flags that auth opens with: so Landlock has the word, not seccomp. */
enum { READING = O_RDONLY | O_NONBLOCK | O_CLOEXEC };
enum { MAKING = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC };

/* ---- attack_target.c ---- */

/* False: there is no maildrop with a message, or the system refuses something. */
bool attack_target_make(struct target *target, enum ipc_role role);

/* Away with what an act has made. */
void attack_target_tidy(const struct target *target);

void attack_target_finish(struct target *target);

/* ---- attack_calls.c: 0, or the errno that an act ended with ---- */

int attack_move_out(const struct target *target);
int attack_move_to_another_user(const struct target *target);
int attack_link_own(const struct target *target);
int attack_truncate_own(const struct target *target);
int attack_truncate_own_by_opening(const struct target *target);
int attack_make_own_setuid(const struct target *target);
int attack_give_own_away(const struct target *target);
int attack_date_own(const struct target *target);
int attack_label_own(const struct target *target);
int attack_leave_by_dots(const struct target *target);
int attack_share_memory(const struct target *target);
int attack_start_thread(const struct target *target);
int attack_run_program(const struct target *target);
int attack_run_descriptor(const struct target *target);
int attack_forge_credentials(const struct target *target);
int attack_call_x32(const struct target *target);
int attack_call_32_bit(const struct target *target);

/* ---- attack_acts.c ---- */

/* The act of that number, with its arguments as they are in this process, and if `ret_reason`
 * is not NULL what came of trying it. False: there are not so many. */
bool
attack_act(const struct target *target, size_t index, struct act *ret_act, int *ret_reason);

#endif
