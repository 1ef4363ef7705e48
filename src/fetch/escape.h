/* Octets from the server made fit for a terminal. */
#ifndef FETCH_ESCAPE_H
#define FETCH_ESCAPE_H

#include "fetch/fetch_limits.h"

#include <pop/view.h>

struct shown {
    char text[SHOWN_TEXT_MAX];
};

/* Printable ASCII stays, every other octet becomes \xNN; what is too long ends in "...". So no
 * server steers a terminal or forges a line. */
struct shown escape_text(struct pop_view text);

#endif
