/*
 * One SASL exchange, the client's side: octets in, octets out. The mechanisms
 * are our own, see doc/decisions/0007.
 *
 *   sasl_new(), then with AUTH sasl_initial() or nothing
 *   each challenge: sasl_next()
 *   +OK: sasl_is_through() says whether that may be
 */
#ifndef FETCH_SASL_H
#define FETCH_SASL_H

#include "base/err.h"
#include "base/mechanism.h"

/* Borrowed; has to outlive the exchange. */
struct sasl_identity {
    struct pop_view user;
    struct pop_view secret; /* the password, or the token for a mechanism that is a bearer's */
    struct pop_view host;   /* OAUTHBEARER tells them */
    uint16_t port;
    struct pop_view binding; /* tls-exporter's octets; empty: this connection has none, or the
                                server can and we are to do without (R5802-7) */
};

enum sasl_step {
    SASL_RESPOND,  /* *ret_response answers the challenge, maybe empty */
    SASL_CANCEL,   /* it cannot go on, for the reason in *err: ERR_PROTOCOL and ERR_LIMIT, the
                      server does what it must not; ERR_DENIED, it refuses the login; else ours */
    SASL_IMPOSTOR, /* who is there does not know the password: nothing more must be sent */
};

struct sasl;

/* Those that there are on this side: bits by enum mechanism. */
uint32_t sasl_mechanisms(void);

/* ERR_INVALID: the name or the password cannot be used with this mechanism. ERR_NOMEM. */
enum err_code sasl_new(
    struct sasl **ret_sasl, enum mechanism mechanism, const struct sasl_identity *identity,
    struct err *err);

void sasl_free(struct sasl *sasl); /* wipes; NULL is fine */

/* The message that may go along with AUTH; false: this mechanism begins with the server's. Who
 * sends it along says so with sasl_started(), else it answers the first challenge. Responses,
 * this one and the others, hold until the next call. */
bool sasl_initial(const struct sasl *sasl, struct pop_view *ret_message);
void sasl_started(struct sasl *sasl);

enum sasl_step sasl_next(
    struct sasl *sasl, struct pop_view challenge, struct pop_view *ret_response,
    struct err *err);

/* The mechanism has nothing more to hear; with SCRAM, the server has proved that it knows the
 * password. Before that +OK means nothing (R5802-4). */
bool sasl_is_through(const struct sasl *sasl);

/* True: it has the proof in it, so that an early +OK is somebody else's. */
bool sasl_proves_server(const struct sasl *sasl);

/* What the server said why it refuses the token, fit for a terminal; empty: nothing. */
const char *sasl_refusal(const struct sasl *sasl);

/* Writes a name as GS2 has it (RFC 5801, section 4); up to three octets for each. */
void sasl_put_name(struct pop_buffer *out, struct pop_view name);

/* True: the text has a secret of this exchange in it, as it went over the line. */
bool sasl_is_told(const struct sasl *sasl, struct pop_view text);

#endif
