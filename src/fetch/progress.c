/* The progress bar. */
#include "fetch/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_MS 100

/* Before this the rate says nothing. */
#define RATE_FROM_MS 500

#define FIELD_MAX 32

/* "824", "67.0K", "1.2M": four figures at most. */
static void
format_octets(char ret_text[FIELD_MAX], uint64_t octets)
{
    static const char units[] = " KMGTPE";
    double value = (double)octets;
    size_t unit = 0;
    while (value >= 999.95 && unit < sizeof units - 2) {
        value /= 1000;
        unit++;
    }
    if (unit == 0)
        (void)snprintf(ret_text, FIELD_MAX, "%" PRIu64, octets);
    else
        (void)snprintf(ret_text, FIELD_MAX, "%.1f%c", value, units[unit]);
}

/* "12s", "3m05s", "2h07m"; beyond 99 hours nobody counts. */
static void
format_seconds(char ret_text[FIELD_MAX], uint64_t seconds)
{
    if (seconds < 60)
        (void)snprintf(ret_text, FIELD_MAX, "%us", (unsigned)seconds);
    else if (seconds < 3600)
        (void)snprintf(
            ret_text, FIELD_MAX, "%um%02us", (unsigned)(seconds / 60),
            (unsigned)(seconds % 60));
    else if (seconds < 100 * 3600)
        (void)snprintf(
            ret_text, FIELD_MAX, "%uh%02um", (unsigned)(seconds / 3600),
            (unsigned)(seconds / 60 % 60));
    else
        (void)snprintf(ret_text, FIELD_MAX, ">99h");
}

/* The share that is done, 0 to 1. LIST may lie: never more than all. */
static double
share(const struct progress_state *state)
{
    if (state->octets_all == 0)
        return state->messages_done >= state->messages_all ? 1 : 0;
    double part = (double)state->octets_done / (double)state->octets_all;
    return part < 1 ? part : 1;
}

/* " 1.2M/s 12s left", or nothing yet. */
static void
format_rate(char ret_text[3 * FIELD_MAX], const struct progress_state *state)
{
    ret_text[0] = '\0';
    if (state->elapsed_ms < RATE_FROM_MS || state->octets_done == 0)
        return;
    double rate = (double)state->octets_done * 1000 / (double)state->elapsed_ms;
    uint64_t left =
        state->octets_all > state->octets_done ? state->octets_all - state->octets_done : 0;
    char rate_text[FIELD_MAX];
    char left_text[FIELD_MAX];
    format_octets(rate_text, (uint64_t)rate);
    double seconds = (double)left / rate;
    format_seconds(left_text, seconds < 1e9 ? (uint64_t)(seconds + 0.5) : 1000000000);
    (void)snprintf(ret_text, 3 * FIELD_MAX, "  %s/s  %s left", rate_text, left_text);
}

/* Puts "[####....] " before the text, as wide as there is room. */
static void
put_bar(char line[PROGRESS_WIDTH_MAX + 1], size_t room, double part)
{
    size_t inner = room - 3;
    size_t full = (size_t)(part * (double)inner);
    line[0] = '[';
    memset(line + 1, '#', full);
    memset(line + 1 + full, '.', inner - full);
    line[1 + inner] = ']';
    line[2 + inner] = ' ';
    line[3 + inner] = '\0';
}

void
progress_format(
    char ret_line[PROGRESS_WIDTH_MAX + 1], int width, const struct progress_state *state)
{
    size_t columns = (size_t)width - 1;
    char octets[FIELD_MAX];
    char rate[3 * FIELD_MAX];
    char text[PROGRESS_WIDTH_MAX + 1];
    format_octets(octets, state->octets_done);
    format_rate(rate, state);
    (void)snprintf(
        text, sizeof text, "%" PRIu64 "/%" PRIu64 "  %s%s", state->messages_done,
        state->messages_all, octets, rate);
    text[columns] = '\0'; /* a narrow terminal loses the end */

    size_t len = strlen(text);
    ret_line[0] = '\0';
    size_t bar = columns - len < 43 ? columns - len : 43;
    if (bar >= 8)
        put_bar(ret_line, bar, share(state));
    memcpy(ret_line + strlen(ret_line), text, len + 1);
}

void
progress_init(struct progress *progress, bool wanted, int64_t now_ms)
{
    *progress = (struct progress){
        .on = wanted && isatty(STDERR_FILENO),
        .started_ms = now_ms,
        .drawn_ms = now_ms - REDRAW_MS,
    };
}

static int
terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    if (size.ws_col < PROGRESS_WIDTH_MIN)
        return PROGRESS_WIDTH_MIN;
    return size.ws_col < PROGRESS_WIDTH_MAX ? size.ws_col : PROGRESS_WIDTH_MAX;
}

void
progress_draw(struct progress *progress, struct progress_state *state, int64_t now_ms)
{
    if (!progress->on || now_ms - progress->drawn_ms < REDRAW_MS)
        return;
    char line[PROGRESS_WIDTH_MAX + 1];
    state->elapsed_ms = now_ms - progress->started_ms;
    progress_format(line, terminal_width(), state);
    (void)dprintf(STDERR_FILENO, "\r%s\x1b[K", line);
    progress->drawn = true;
    progress->drawn_ms = now_ms;
}

void
progress_clear(struct progress *progress)
{
    if (progress->drawn)
        (void)dprintf(STDERR_FILENO, "\r\x1b[K");
    progress->drawn = false;
}
