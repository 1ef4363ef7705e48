/* What a run did, for the summary: counts, warnings, the error that ended it, the exit code. */
#ifndef FETCH_REPORT_H
#define FETCH_REPORT_H

#include "base/err.h"
#include "fetch/fetch_limits.h"
#include "net/tls_stream.h"

#include <stdint.h>
#include <stdio.h>
#include <sysexits.h>

struct report {
    const char *label;       /* of the account; borrowed */
    uint64_t on_server;      /* messages in the listing */
    uint64_t fresh;          /* of these, not known before */
    uint64_t fetched;        /* delivered by this run */
    uint64_t octets;         /* on the wire, of those delivered */
    uint64_t known;          /* here already */
    uint64_t deleted;        /* gone from the server, which has confirmed it */
    uint64_t delete_pending; /* to be deleted, not confirmed yet */
    uint64_t failed;         /* messages that could not be fetched or stored */
    int64_t seconds_ms;
    char tls[TLS_NAME_MAX]; /* version and cipher suite; empty: none (R8314-5) */
    const char *auth;       /* how the login was made, as --auth has it; NULL: not begun */
    int exit_code;          /* sysexits; EX_OK so far */
    bool has_error;
    char error[REPORT_ERROR_MAX];
    uint32_t warning_count; /* those beyond WARNINGS_MAX are counted only */
    char warnings[WARNINGS_MAX][ERR_TEXT_MAX];
};

/* What ended the run. The first one counts. */
void report_fail(struct report *report, int exit_code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for an error of the disk, the journal or memory. */
void report_fail_err(struct report *report, const struct err *err);

/* The run goes on. With an exit code other than EX_OK the run ends with that, unless it fails.
 */
void report_warn(struct report *report, int exit_code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The exit code of an error of the disk, the journal or memory. */
int exit_code_of(const struct err *err);

/* One line for people, or one JSON object. False: it could not be written. */
bool report_print(const struct report *report, FILE *out);
bool report_print_json(const struct report *report, FILE *out);

/* Warnings and the error, for people. */
void report_print_problems(const struct report *report, FILE *out);

#endif
