/*
 * The login by SASL: the mechanism is chosen, and the exchange is led over the
 * session. One attempt; what fails ends the session (R5802-12).
 */
#ifndef FETCH_LOGIN_H
#define FETCH_LOGIN_H

#include "fetch/account.h"
#include "fetch/login_choice.h"
#include "fetch/report.h"
#include "fetch/sasl.h"
#include "net/tls_stream.h"

#include <pop/client.h>

/* Zeroed = nothing known, nothing begun. */
struct login {
    uint32_t mechanisms; /* that CAPA lists */
    char binding[TLS_BINDING_LEN];
    size_t binding_len; /* 0: this connection has none */
    struct login_choice choice;
    struct sasl *sasl; /* NULL: not begun, or over */
    bool sent;         /* AUTH was */
    bool responds;     /* a response is to be sent */
    bool cancels;      /* instead: the report has the reason */
    struct pop_view response;
    char storage[POP_SASL_LINE_MAX];
};

void login_free(struct login *login); /* wipes; zeroed is fine */

/* One line of CAPA. */
void login_add_capability(struct login *login, struct pop_view line);

/* CAPA was answered: sets the choice, and begins with a mechanism that was chosen. False: the
 * report says why there is no login. `account` has to outlive it. */
bool login_begin(
    struct login *login, const struct account *account, bool secure,
    const struct pop_capabilities *capabilities, struct report *report);

/* Writes what is due now, if there is room for it. */
void login_fill(struct login *login, struct pop_client *client, struct pop_buffer *out);

/* CHALLENGE has come. False: the session must end here, without another octet; the report
 * says why. */
bool login_challenged(
    struct login *login, const struct account *account, const struct pop_client_event *event,
    struct report *report);

/* AUTH was answered. False: the report says how it failed. */
bool login_answered(
    struct login *login, const struct account *account, const struct pop_client_event *event,
    struct report *report);

/* For the report: what --auth calls the login. */
const char *login_name(const struct login *login);

#endif
