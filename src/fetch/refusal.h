/* A server's -ERR: what it means for the run, and how it is told. */
#ifndef FETCH_REFUSAL_H
#define FETCH_REFUSAL_H

#include "fetch/account.h"
#include "fetch/report.h"
#include "fetch/sasl.h"

#include <pop/reply.h>

/* It passes by itself: to be tried later (R2449-12, R3206-4). */
bool refusal_is_temporary(const struct pop_status *status);

/*
 * Ends the run with `what`, and what the server said. `otherwise` is the exit code if no
 * response code says another. The secrets of the account and of the exchange (NULL: none) are
 * not repeated, whatever the server has done with them.
 */
void refusal_report(
    struct report *report, const struct account *account, const struct sasl *sasl,
    const struct pop_status *status, int otherwise, const char *what);

#endif
