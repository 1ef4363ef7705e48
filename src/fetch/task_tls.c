/*
 * TLS of a task. What fails here ends the session before anything secret was
 * sent; a person has to find the way on, so the texts name it.
 */
#include "fetch/task_tls.h"

/* A record of TLS begins with its kind, 20 to 24, and 3 for the version. No POP3 does. */
#define RECORD_FIRST   20
#define RECORD_LAST    24
#define RECORD_VERSION 3

static bool
is_record(unsigned char octet)
{
    return octet >= RECORD_FIRST && octet <= RECORD_LAST;
}

bool
task_tls_begin(struct task *task)
{
    struct err err;
    /* STLS was answered, so it is on its way: an answer that was faster than it is none. */
    if (task->retriever.out.len > 0) {
        report_fail(
            task->report, EX_PROTOCOL, "%s: the answer to STLS came before it was sent",
            task->account->label);
        return false;
    }
    if (tls_client_connect(
            task->tls_client, task->socket.fd, task->account->url.host, &task->verdict,
            &task->stream.tls, &err) == ERR_OK)
        return true;
    report_fail(
        task->report, err.code == ERR_INVALID ? EX_CONFIG : EX_TEMPFAIL, "%s: %s",
        task->account->label, err.text);
    return false;
}

/* ---- what is wrong ---- */

static void
fail_certificate(struct task *task)
{
    const struct tls_verdict *verdict = &task->verdict;
    if (verdict->pinned) {
        report_fail(
            task->report, EX_CONFIG,
            "%s: the server's key is not the one of --pin; its fingerprint is\n"
            "    %s\n"
            "No password was sent. Ways on:\n"
            "  - learn the server's fingerprint by another way than this connection, and give "
            "it with --pin\n"
            "  - leave --pin out, so that the certificate is verified; --ca FILE names its "
            "issuer",
            task->account->label, verdict->pin);
        return;
    }
    report_fail(
        task->report, EX_CONFIG,
        "%s: the server's certificate is not accepted: %s.\n"
        "No password was sent. Ways on:\n"
        "  - correct the host name in the URL, or this machine's clock\n"
        "  - give the certificate of its issuer with --ca FILE\n"
        "  - compare the fingerprint with the server's by another way than this connection, "
        "then\n"
        "    --pin %s",
        task->account->label, verdict->problem, verdict->pin);
}

static void
fail_handshake(struct task *task, const struct err *err)
{
    bool cut = err->code != ERR_PROTOCOL;
    if (task->verdict.refused)
        fail_certificate(task);
    else
        report_fail(
            task->report, cut ? EX_TEMPFAIL : EX_PROTOCOL, "%s: no password was sent: %s%s",
            task->account->label, err->text, cut ? "" : " (this side speaks TLS 1.2 and 1.3)");
}

static void
fail_plain(struct task *task)
{
    if (task->account->tls == ACCOUNT_TLS_IMPLICIT)
        report_fail(
            task->report, EX_PROTOCOL,
            "%s: the server speaks plain text on port %u, where TLS was expected first; no "
            "password was sent. pop:// is for such a port: TLS begins there with STLS",
            task->account->label, task->account->url.port);
    else
        report_fail(
            task->report, EX_PROTOCOL,
            "%s: plain text came behind the answer to STLS: somebody may have put it there; no "
            "password was sent",
            task->account->label);
}

/* ---- the handshake ---- */

enum stream_result
task_tls_shake(struct task *task)
{
    struct err err;
    enum tls_result result = tls_stream_handshake(task->stream.tls, &err);
    task->stream.wants_write = result == TLS_WANT_WRITE;
    switch (result) {
    case TLS_DONE:
        tls_stream_name(task->stream.tls, task->report->tls);
        return STREAM_DONE;
    case TLS_WANT_READ:
    case TLS_WANT_WRITE:
        return STREAM_WAIT;
    case TLS_CLOSED:
    case TLS_FAILED:
        break;
    }
    /* OpenSSL's word for plain text would be "wrong version number". */
    bool plain = err.code == ERR_PROTOCOL &&
                 tls_stream_received(task->stream.tls) == TLS_RECORD_HEADER_SIZE;
    if (plain)
        fail_plain(task);
    else
        fail_handshake(task, &err);
    return STREAM_LOST;
}

/* ---- the greeting ---- */

bool
task_tls_check_greeting(struct task *task)
{
    if (task->heard || task->in.len == 0)
        return true;
    task->heard = true;
    bool tls = is_record((unsigned char)task->in.data[0]) &&
               (task->in.len == 1 || task->in.data[1] == RECORD_VERSION);
    if (task->stream.tls != NULL || !tls)
        return true;
    report_fail(
        task->report, EX_PROTOCOL,
        "%s: the server speaks TLS at once on port %u: pops:// is for such a port",
        task->account->label, task->account->url.port);
    return false;
}

const char *
task_tls_hint(const struct task *task)
{
    bool implicit = task->account->tls == ACCOUNT_TLS_IMPLICIT;
    if (task->state == TASK_HANDSHAKING && implicit &&
        tls_stream_received(task->stream.tls) == 0)
        return "; pops:// is for ports where TLS comes first, pop:// for others";
    if (task->state == TASK_TALKING && !implicit && !task->heard)
        return "; a port where TLS comes first is silent like that: try pops://";
    return "";
}
