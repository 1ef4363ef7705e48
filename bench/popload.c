/* Load for a POP3 server: the command line, and one line of JSON that tells what came of it. */
#include "base/check.h"
#include "base/number.h"
#include "load.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sysexits.h>

static const struct option options[] = {
    {"port", required_argument, NULL, 'p'},     {"mode", required_argument, NULL, 'm'},
    {"user", required_argument, NULL, 'u'},     {"password", required_argument, NULL, 'w'},
    {"users", required_argument, NULL, 'U'},    {"connections", required_argument, NULL, 'c'},
    {"sessions", required_argument, NULL, 'n'}, {"milliseconds", required_argument, NULL, 's'},
    {"pipeline", no_argument, NULL, 'P'},       {0},
};

static _Noreturn void
usage(void)
{
    (void)fputs(
        "usage: popload --port PORT --mode session|login|idle --user PREFIX\n"
        "               --password PASSWORD --users N --connections N\n"
        "               [--sessions N] [--milliseconds N] [--pipeline]\n"
        "Talks to 127.0.0.1 as PREFIX0, PREFIX1 ... and checks every answer; idle prints its\n"
        "line when all are logged in, and holds them until standard input (a pipe) ends.\n"
        "--pipeline uses PIPELINING where it is announced.\n",
        stderr);
    exit(EX_USAGE);
}

static uint32_t
number(const char *text, uint32_t max)
{
    uint32_t value;
    if (!parse_u32(pop_view_of(text), &value) || value == 0 || value > max)
        usage();
    return value;
}

static enum load_mode
mode_named(const char *name)
{
    static const char *const names[] = {
        [LOAD_LOGIN] = "login", [LOAD_SESSION] = "session", [LOAD_IDLE] = "idle"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    usage();
}

static void
read_option(struct load *load, int letter, const char *value)
{
    switch (letter) {
    case 'p':
        load->port = (uint16_t)number(value, UINT16_MAX);
        break;
    case 'm':
        load->mode = mode_named(value);
        break;
    case 'u':
        load->user = value;
        break;
    case 'w':
        load->password = value;
        break;
    case 'U':
        load->users = number(value, LOAD_SESSIONS_MAX);
        break;
    case 'c':
        load->connection_count = number(value, LOAD_SESSIONS_MAX);
        break;
    case 'n':
        load->sessions_wanted = number(value, LOAD_SESSIONS_MAX);
        break;
    case 's':
        load->milliseconds = number(value, UINT32_MAX);
        break;
    case 'P':
        load->pipelining = true;
        break;
    default:
        usage();
    }
}

static void
read_options(struct load *load, int argc, char **argv)
{
    int letter;
    while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1)
        read_option(load, letter, optarg);
    bool complete = load->port > 0 && load->user != NULL && load->password != NULL &&
                    load->connection_count > 0;
    if (!complete || optind != argc || load->users < load->connection_count)
        usage();
}

static int
compare_us(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The latencies are in order. */
static double
latency_ms(const struct load *load, unsigned percent)
{
    size_t index = (size_t)load->sessions * percent / 100;
    return load->sessions == 0 ? 0 : load->latencies_us[index] / 1000.0;
}

static double
cpu_seconds(void)
{
    struct rusage used;
    CHECK(getrusage(RUSAGE_SELF, &used) == 0);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void
print_result(struct load *load, uint32_t sessions)
{
    qsort(load->latencies_us, load->sessions, sizeof *load->latencies_us, compare_us);
    (void)printf(
        "{\"sessions\": %" PRIu32 ", \"messages\": %" PRIu64 ", \"octets\": %" PRIu64
        ", \"errors\": %" PRIu32 ", \"seconds\": %.4f, \"cpu_seconds\": %.4f"
        ", \"latency_ms_median\": %.3f, \"latency_ms_p99\": %.3f}\n",
        sessions, load->messages, load->octets, load->errors, load->seconds, cpu_seconds(),
        latency_ms(load, 50), latency_ms(load, 99));
    (void)fflush(stdout); /* somebody waits for the line while the idle sessions are held */
}

int
main(int argc, char **argv)
{
    struct load load = {.mode = LOAD_SESSION, .sessions_wanted = LOAD_SESSIONS_MAX};
    read_options(&load, argc, argv);
    load_init(&load);
    if (load.mode == LOAD_IDLE) {
        load_hold(&load);
        print_result(&load, load.held);
        load_release(&load);
    } else {
        load_run(&load);
        print_result(&load, load.sessions);
    }
    bool good = load.errors == 0;
    load_finish(&load);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
