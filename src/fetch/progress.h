/* The progress bar: one line, redrawn in place, on a terminal only. */
#ifndef FETCH_PROGRESS_H
#define FETCH_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress_state {
    uint64_t messages_done;
    uint64_t messages_all;
    uint64_t octets_done;
    uint64_t octets_all;
    int64_t elapsed_ms;
};

#define PROGRESS_WIDTH_MIN 40
#define PROGRESS_WIDTH_MAX 200

/* Writes the line for a terminal of `width` columns (40 to 200), one column less than that, so
 * that the cursor does not wrap. Printable ASCII, with a NUL. */
void progress_format(
    char ret_line[PROGRESS_WIDTH_MAX + 1], int width, const struct progress_state *state);

struct progress {
    bool on;
    bool drawn; /* a line is on the screen */
    int64_t started_ms;
    int64_t drawn_ms;
};

/* `wanted`: and standard error is a terminal. */
void progress_init(struct progress *progress, bool wanted, int64_t now_ms);

/* Draws, at most ten times a second. `state->elapsed_ms` is filled in. */
void progress_draw(struct progress *progress, struct progress_state *state, int64_t now_ms);

/* Takes the line off the screen. */
void progress_clear(struct progress *progress);

#endif
