/* `restante fetch`, from settings to the summary. */
#ifndef FETCH_FETCH_H
#define FETCH_FETCH_H

#include "fetch/account.h"

struct fetch_settings {
    struct account account;       /* without its secrets */
    const char *state;            /* the journal's file; NULL: the default one */
    const char *password_command; /* NULL: none */
    const char *token_command; /* prints an access token, instead of a password; NULL: none */
    bool show_progress;        /* if standard error is a terminal */
    bool json;                 /* the summary as one JSON object */
};

/* Fetches, prints the summary to standard output and problems to standard error. Returns the
 * exit code (sysexits). Wipes the secrets. To be called once, from a single thread. */
int fetch_run(struct fetch_settings *settings);

#endif
