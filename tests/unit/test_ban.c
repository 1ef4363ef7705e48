/* The operator's program for bans: one at a time, in order, and not for ever. */
#include "base/clock.h"
#include "server/parent.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static int64_t later_seconds;

int __real_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);

int
__wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    int result = __real_clock_gettime(clock, ret_time);
    ret_time->tv_sec += later_seconds;
    return result;
}

/* The program writes what it is told into a pipe with a name; 192.0.2.1 makes it hang. */
struct place {
    char folder[32];
    char program[64];
    char pipe[64];
    int fd;
    struct parent parent;
};

static int
place_make(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    char script[256];
    if (place == NULL)
        return -1;
    (void)snprintf(place->folder, sizeof place->folder, "/tmp/restante-ban-XXXXXX");
    if (mkdtemp(place->folder) == NULL)
        return -1;
    (void)snprintf(place->program, sizeof place->program, "%s/ban", place->folder);
    (void)snprintf(place->pipe, sizeof place->pipe, "%s/pipe", place->folder);
    int len = snprintf(
        script, sizeof script,
        "#!/bin/sh\necho \"$# $1 $2\" >%s\n[ $1 != 192.0.2.1 ] || sleep 1000 & wait\n",
        place->pipe);
    int fd = open(place->program, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    if (fd < 0 || write(fd, script, (size_t)len) != len || close(fd) < 0 ||
        mkfifo(place->pipe, 0600) < 0)
        return -1;
    place->fd = open(place->pipe, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    place->parent.conf.ban_command = place->program;
    later_seconds = 0;
    *state = place;
    return place->fd < 0 ? -1 : 0;
}

static int
place_remove(void **state)
{
    struct place *place = *state;
    ban_finish(&place->parent);
    (void)close(place->fd);
    (void)unlink(place->program);
    (void)unlink(place->pipe);
    (void)rmdir(place->folder);
    free(place);
    return 0;
}

static void
ban(struct place *place, const char *address)
{
    struct ipc_banned banned = {.seconds = 600};
    assert_null(network_parse(pop_view_of(address), &banned.from));
    ban_add(&place->parent, &banned);
}

static void
assert_told(struct place *place, const char *wanted)
{
    char line[128] = "";
    struct pollfd readable = {.fd = place->fd, .events = POLLIN};
    assert_int_equal(poll(&readable, 1, 10000), 1);
    assert_true(read(place->fd, line, sizeof line - 1) > 0);
    assert_string_equal(line, wanted);
}

/* What the parent does on SIGCHLD. */
static int
wait_for_end(struct place *place)
{
    int status;
    pid_t pid = place->parent.bans.pid;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(ban_ended(&place->parent, pid, status));
    return status;
}

static void
program_runs_once_for_each_ban_in_order(void **state)
{
    struct place *place = *state;
    struct parent_bans *bans = &place->parent.bans;
    assert_int_equal(ban_wait_ms(&place->parent), -1);
    ban(place, "192.0.2.2");
    pid_t first = bans->pid;
    ban(place, "2001:db8:1:2::/64");
    ban(place, "192.0.2.4");
    assert_int_equal(bans->pid, first);
    assert_false(ban_ended(&place->parent, first + 1, 0));
    assert_told(place, "2 192.0.2.2 600\n");
    assert_int_equal(wait_for_end(place), 0);
    assert_told(place, "2 2001:db8:1:2::/64 600\n");
    assert_int_equal(wait_for_end(place), 0);
    assert_told(place, "2 192.0.2.4 600\n");
    assert_int_equal(wait_for_end(place), 0);
    assert_int_equal(bans->pid, 0);
    assert_int_equal(ban_wait_ms(&place->parent), -1);
}

static void
program_that_hangs_is_killed_and_the_next_one_runs(void **state)
{
    struct place *place = *state;
    struct parent_bans *bans = &place->parent.bans;
    ban(place, "192.0.2.1");
    for (unsigned i = 0; i < 2 * BAN_QUEUE_MAX; i++)
        ban(place, "192.0.2.2");
    assert_int_equal(bans->count, BAN_QUEUE_MAX);
    assert_told(place, "2 192.0.2.1 600\n");
    later_seconds = 9;
    assert_in_range(ban_wait_ms(&place->parent), 1, 1000);
    ban_look(&place->parent);
    assert_int_equal(kill(bans->pid, 0), 0);
    later_seconds = 10;
    assert_int_equal(ban_wait_ms(&place->parent), 0);
    ban_look(&place->parent);
    assert_int_equal(ban_wait_ms(&place->parent), -1);
    int status = wait_for_end(place);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_told(place, "2 192.0.2.2 600\n");
    assert_int_equal(bans->count, BAN_QUEUE_MAX - 1);
}

static void
program_is_not_run_without_one_or_after_the_stop(void **state)
{
    struct place *place = *state;
    place->parent.conf.ban_command = NULL;
    ban(place, "192.0.2.2");
    place->parent.conf.ban_command = place->program;
    place->parent.stopping = true;
    ban(place, "192.0.2.2");
    assert_int_equal(place->parent.bans.pid, 0);
    assert_int_equal(place->parent.bans.count, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            program_runs_once_for_each_ban_in_order, place_make, place_remove),
        cmocka_unit_test_setup_teardown(
            program_that_hangs_is_killed_and_the_next_one_runs, place_make, place_remove),
        cmocka_unit_test_setup_teardown(
            program_is_not_run_without_one_or_after_the_stop, place_make, place_remove),
    };
    return cmocka_run_group_tests_name("ban", tests, NULL, NULL);
}
