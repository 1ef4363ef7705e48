/*
 * Runs the simulation; see sim.h. Output is TAP, a line for each engine.
 *
 *   RESTANTE_SIM_SEED=7     one round with this seed, or the first of more
 *   RESTANTE_SIM_ROUNDS=500 so many rounds for each engine
 */
#include "sim.h"

#include "base/number.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 20, STEPS = 12000, STEPS_TO_END = 400000 };

/* splitmix64: any seed is as good as any other. */
static uint64_t
next_random(struct sim *sim)
{
    uint64_t z = sim->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t
sim_below(struct sim *sim, uint32_t bound)
{
    return bound == 0 ? 0 : (uint32_t)(next_random(sim) % bound);
}

void
sim_fail(const struct sim *sim, const char *format, ...)
{
    int number = errno;
    va_list args;
    (void)fprintf(
        stderr, "# engine %s, RESTANTE_SIM_SEED=%llu, step %llu: ", sim->ops->name,
        (unsigned long long)sim->seed, (unsigned long long)sim->step);
    errno = number;
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fprintf(stderr, "\n");
    for (size_t i = 0; sim->drops != NULL && i < DROPS; i++)
        (void)fprintf(stderr, "# maildrop %zu: %s\n", i, sim->drops[i].path);
    (void)printf("not ok - %s\n", sim->ops->name);
    exit(EXIT_FAILURE);
}

/* The coarse clock ticks every 4 ms; most steps are faster than a tick. */
static void
pass_time(struct sim *sim)
{
    if (sim_once_in(sim, 10))
        sim->now_ns += 4000000;
    if (sim_once_in(sim, 60))
        sim->now_ns += 40000000;
    if (sim_once_in(sim, 500))
        sim->now_ns += 3000000000;
}

static void
connection_step(struct sim *sim, struct connection *connection, bool disturbed)
{
    if (!connection->service.open && !connection->visitor.open) {
        connection_finish(connection);
        if (!disturbed)
            return; /* it comes to an end */
        service_open(connection);
        visitor_open(connection);
    }
    if (sim_once_in(sim, 2))
        service_step(connection);
    else
        visitor_step(connection);
    if (disturbed && connection->visitor.open && sim_once_in(sim, 1200))
        visitor_leave(connection);
    if (disturbed && connection->service.open && sim_once_in(sim, 3000))
        service_kill(connection);
}

static bool
all_ended(const struct sim *sim)
{
    for (size_t i = 0; i < CONNECTIONS; i++)
        if (sim->connections[i].service.open || sim->connections[i].visitor.open)
            return false;
    return true;
}

static void
run(struct sim *sim)
{
    for (uint32_t i = 0; i < DROPS; i++)
        drop_make(sim, &sim->drops[i], i);
    for (uint32_t i = 0; i < CONNECTIONS; i++)
        sim->connections[i].sim = sim;
    for (uint32_t i = 0; i < STEPS; i++, sim->step++) {
        pass_time(sim);
        connection_step(sim, &sim->connections[sim_below(sim, CONNECTIONS)], true);
        if (sim_once_in(sim, 100))
            drop_disturb(sim, &sim->drops[sim_below(sim, DROPS)]);
        if (sim_once_in(sim, 300))
            drop_check(sim, &sim->drops[sim_below(sim, DROPS)]);
    }
    /* Everything comes to an end when nobody disturbs it. */
    for (uint32_t i = 0; !all_ended(sim); i++, sim->step++) {
        SIM_CHECK(sim, i < STEPS_TO_END, "a session does not end");
        connection_step(sim, &sim->connections[i % CONNECTIONS], false);
    }
    for (size_t i = 0; i < CONNECTIONS; i++)
        connection_finish(&sim->connections[i]);
    for (size_t i = 0; i < DROPS; i++)
        drop_check(sim, &sim->drops[i]);
}

/* One run from its seed; its digest and counters stay in *sim. */
static void
run_seed(struct sim *sim, const struct store_ops *ops, uint64_t seed)
{
    *sim = (struct sim){.seed = seed, .random = seed, .ops = ops};
    sim->now_ns = 1500000000ll * 1000000000;
    sim->drops = calloc(DROPS, sizeof *sim->drops);
    sim->connections = calloc(CONNECTIONS, sizeof *sim->connections);
    SIM_CHECK(sim, sim->drops != NULL && sim->connections != NULL, "no memory");
    run(sim);
    drop_watch(sim, NULL);
    for (size_t i = 0; i < DROPS; i++)
        drop_free(sim, &sim->drops[i]);
    memory_reset();
    free(sim->drops);
    free(sim->connections);
    sim->drops = NULL;
}

static void
run_rounds(const struct store_ops *ops, uint64_t seed, uint64_t rounds)
{
    struct sim sim;
    struct sim again;
    uint64_t counted[SIM_COUNTERS] = {0};
    for (uint64_t k = 0; k < rounds; k++) {
        run_seed(&sim, ops, seed + k);
        for (size_t i = 0; i < SIM_COUNTERS; i++)
            counted[i] += sim.counted[i];
    }
    run_seed(&again, ops, sim.seed);
    SIM_CHECK(
        &again, again.digest == sim.digest && again.random == sim.random,
        "the same seed gave another run");
    for (size_t i = 0; i < SIM_COUNTERS; i++)
        SIM_CHECK(&sim, counted[i] > 0 || rounds < ROUNDS, "counter %zu: never", i);
    (void)printf(
        "# %s: %llu logins, %llu busy, %llu messages, %llu refused, %llu removed, %llu cut\n",
        ops->name, (unsigned long long)counted[SIM_LOGINS],
        (unsigned long long)counted[SIM_BUSY], (unsigned long long)counted[SIM_MESSAGES],
        (unsigned long long)counted[SIM_REFUSED], (unsigned long long)counted[SIM_REMOVALS],
        (unsigned long long)counted[SIM_CUT]);
}

/* A number from the environment, or `otherwise`. */
static uint64_t
setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    uint64_t value;
    if (text == NULL)
        return otherwise;
    if (!parse_u64(pop_view_of(text), &value)) {
        (void)printf("Bail out! %s is no number\n", name);
        exit(EXIT_FAILURE);
    }
    return value;
}

int
main(void)
{
    static const struct store_ops *const engines[] = {&store_memory, &store_maildir};
    uint64_t seed = setting("RESTANTE_SIM_SEED", 1);
    uint64_t rounds =
        setting("RESTANTE_SIM_ROUNDS", getenv("RESTANTE_SIM_SEED") != NULL ? 1 : ROUNDS);
    rounds = rounds > 0 ? rounds : 1;
    (void)printf("1..2\n");
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
        run_rounds(engines[i], seed, rounds);
        (void)printf("ok %zu - %s\n", i + 1, engines[i]->name);
        (void)fflush(stdout);
    }
    return EXIT_SUCCESS;
}
