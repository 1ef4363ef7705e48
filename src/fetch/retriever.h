/*
 * One session with a server, from the greeting to QUIT: octets in, events and
 * octets out. No descriptor, clock or file.
 *
 *   loop:
 *     retriever_next()  ->  MORE      read more from the server
 *                           LISTED    answer with retriever_start()
 *                           BEGIN     a message begins ...
 *                           TEXT      ... these are its octets ...
 *                           END       ... it is complete: answer, now or later, with
 *                                     retriever_resolve()
 *                           REFUSED   the server will not give this message; resolved
 *                           TLS       do the handshake, then retriever_secured()
 *                           FINISHED  QUIT was answered
 *                           FAILED    the report says why: close
 *     retriever_fill(), then send what is in `out`
 */
#ifndef FETCH_RETRIEVER_H
#define FETCH_RETRIEVER_H

#include "fetch/account.h"
#include "fetch/fetch_limits.h"
#include "fetch/login.h"
#include "fetch/plan.h"
#include "fetch/report.h"
#include "fetch/window.h"

#include <pop/client.h>

enum retriever_phase {
    RETRIEVER_GREETING,
    RETRIEVER_CAPA_BEFORE_TLS, /* with STLS only, as the two below */
    RETRIEVER_STLS,
    RETRIEVER_HANDSHAKE, /* the owner's */
    RETRIEVER_CAPA,
    RETRIEVER_SASL,  /* either this ... */
    RETRIEVER_LOGIN, /* ... or USER and PASS */
    RETRIEVER_LISTING,
    RETRIEVER_PLANNING, /* the owner makes the plan */
    RETRIEVER_TRANSFER,
    RETRIEVER_QUIT,
    RETRIEVER_DONE,
    RETRIEVER_PHASE_COUNT,
};

enum retriever_step {
    RETRIEVER_STEP_AGAIN, /* nothing to tell; never returned */
    RETRIEVER_STEP_MORE,
    RETRIEVER_STEP_TLS,
    RETRIEVER_STEP_LISTED,
    RETRIEVER_STEP_BEGIN,
    RETRIEVER_STEP_TEXT,
    RETRIEVER_STEP_END,
    RETRIEVER_STEP_REFUSED,
    RETRIEVER_STEP_FINISHED,
    RETRIEVER_STEP_FAILED,
};

struct retriever_event {
    size_t item;          /* BEGIN, TEXT, END, REFUSED: index in the plan */
    struct pop_view text; /* TEXT; borrows from the input */
    uint64_t octets;      /* END: of the whole message */
};

/* A deletion asked for. */
struct retriever_delete {
    size_t item;
    bool done; /* the server said +OK */
};

/* Made by retriever_init(), released by retriever_free(). */
struct retriever {
    enum retriever_phase phase;
    bool secure;             /* inside TLS */
    struct account *account; /* borrowed; its secrets are wiped once they were taken */
    struct report *report;   /* borrowed */
    struct pop_client client;
    struct pop_capabilities capabilities;
    struct pop_capabilities capabilities_next; /* being read */
    size_t capability_lines;                   /* of them so far */
    size_t sent;                               /* commands of this phase's script */
    struct login login;
    struct listing listing;
    const struct plan *plan; /* borrowed, from retriever_start() on */
    struct window window;
    size_t next_fetch; /* item to ask for next */
    size_t answering;  /* item whose RETR is answered next */
    uint64_t received; /* octets of it */
    size_t unresolved; /* messages to fetch that retriever_resolve() was not called for */
    struct retriever_delete *deletes;
    size_t delete_count;
    size_t deletes_sent;
    size_t deletes_answered;
    size_t deletes_refused;
    bool quit_ok; /* QUIT was answered +OK: what was deleted is gone (R1939-20) */
    struct pop_buffer out;
    char out_data[SEND_SIZE];
};

/* `account` and `report` must outlive the session. */
void
retriever_init(struct retriever *retriever, struct account *account, struct report *report);
void retriever_free(struct retriever *retriever); /* zeroed is fine */

/* Reads from *in until there is something to tell. */
enum retriever_step retriever_next(
    struct retriever *retriever, struct pop_view *in, struct retriever_event *ret_event);

/* The handshake is done and the server is the right one: after TLS, or before the greeting.
 * `binding`: tls_stream_binding()'s; empty: there is none. */
void retriever_secured(struct retriever *retriever, struct pop_view binding);

/* After LISTED: what to do. Its known messages to be deleted may be deleted from here on.
 * ERR_NOMEM. */
enum err_code
retriever_start(struct retriever *retriever, const struct plan *plan, struct err *err);

/* A message that was fetched is done with: durably here, so that it may be deleted on the
 * server if that is wanted; or not, so that it must stay there. */
void retriever_resolve(struct retriever *retriever, size_t item, bool may_delete);

/* Writes the commands that may be sent now into `out`: as many as the window allows if the
 * server pipelines, else one when no answer is awaited (R2449-18). */
void retriever_fill(struct retriever *retriever);

/* The connection has ended. True: all that mattered was done (QUIT had nothing to confirm);
 * false: the report says what is missing. */
bool retriever_closed(struct retriever *retriever);

#endif
