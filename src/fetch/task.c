/* One account being fetched: moves octets and events between those who know what to do. */
#include "fetch/task.h"

#include "base/check.h"
#include "base/clock.h"
#include "fetch/connect.h"
#include "fetch/task_plan.h"
#include "fetch/task_tls.h"

/* How often a bar is redrawn when nothing happens: the rate goes down. */
#define BAR_MS 250

static void
close_socket(struct task *task)
{
    if (task->socket.fd < 0)
        return;
    if (task->events != 0)
        loop_remove(task->loop, &task->socket);
    task->events = 0;
    task->socket.fd = -1;
    stream_close(&task->stream); /* nothing is awaited from it any more */
}

/* The report becomes final once the committer has nothing left. */
static void
finish_if_idle(struct task *task)
{
    if (task->state != TASK_DRAINING || !delivery_is_idle(task->delivery))
        return;
    task_settle(task);
    progress_clear(&task->progress);
    task->state = TASK_DONE;
}

/* The session is over, well or not. */
static void
drain(struct task *task)
{
    close_socket(task);
    delivery_abandon(task->delivery);
    if (task->state < TASK_DRAINING)
        task->state = TASK_DRAINING;
    finish_if_idle(task);
}

static void
fail_err(struct task *task, const struct err *err)
{
    report_fail_err(task->report, err);
    drain(task);
}

/* Watches the socket for what the task can use now. For nothing: not at all, else a connection
 * that was reset would wake the loop without end. */
static void
watch(struct task *task)
{
    uint32_t events = task->waits_for_disk ? 0 : EPOLLIN;
    bool has_output = task->state == TASK_TALKING && task->sent < task->retriever.out.len;
    bool wants_write = task->stream.wants_write && !task->waits_for_disk;
    if ((has_output && !task->stream.ended) || wants_write)
        events |= EPOLLOUT;
    if (task->socket.fd < 0 || events == task->events)
        return;
    struct err err;
    enum err_code code = ERR_OK;
    if (events == 0)
        loop_remove(task->loop, &task->socket);
    else if (task->events == 0)
        code = loop_add(task->loop, &task->socket, events, &err);
    else
        code = loop_modify(task->loop, &task->socket, events, &err);
    task->events = events;
    if (code != ERR_OK)
        fail_err(task, &err);
}

/* Broken off, or, with TLS, by somebody who changed octets on the way. */
static void
lost(struct task *task, const struct err *err)
{
    report_fail(
        task->report, err->code == ERR_PROTOCOL ? EX_PROTOCOL : EX_TEMPFAIL, "%s: %s",
        task->account->label, err->text);
    drain(task);
}

/* Sends what the socket takes. */
static void
send_out(struct task *task)
{
    struct pop_buffer *out = &task->retriever.out;
    while (task->socket.fd >= 0 && task->sent < out->len) {
        struct err err;
        size_t len = 0;
        struct pop_view rest = {out->data + task->sent, out->len - task->sent};
        switch (stream_write(&task->stream, rest, &len, &err)) {
        case STREAM_WAIT:
            return;
        case STREAM_LOST:
            lost(task, &err);
            return;
        case STREAM_DONE:
            break;
        }
        task->sent += len;
        task->progress_ms = clock_ms();
    }
    explicit_bzero(out->data, out->len); /* it may have held the password */
    out->len = task->sent = 0;
}

/* A message has come to its end: a known one after all, or one to be delivered. */
static void
submit(struct task *task, const struct retriever_event *event)
{
    struct err err;
    unsigned char digest[DIGEST_SIZE];
    if (delivery_end(task->delivery, digest, &err) != ERR_OK) {
        fail_err(task, &err);
        return;
    }
    struct delivery_job job;
    task_decide(task, event->item, digest, &job);
    job.octets = event->octets;
    delivery_submit(task->delivery, &job);
}

static void
write_text(struct task *task, struct pop_view text)
{
    struct err err;
    task->octets_received += text.len;
    if (delivery_text(task->delivery, text, &err) != ERR_OK)
        fail_err(task, &err);
}

static void
begin_message(struct task *task, size_t item)
{
    struct err err;
    const struct row *row = &task->ledger.rows[task->plan.items[item].row];
    if (delivery_begin(task->delivery, row->name, &err) != ERR_OK)
        fail_err(task, &err);
}

static void
make_plan(struct task *task)
{
    struct err err;
    enum err_code code = task_make_plan(task, &err);
    if (code == ERR_OK)
        code = retriever_start(&task->retriever, &task->plan, &err);
    if (code != ERR_OK)
        fail_err(task, &err);
    task->progress_ms = clock_ms(); /* the time was ours, not the server's */
}

static void begin_tls(struct task *task);

/* One event of the session. False: the input is used up. */
static bool
handle(struct task *task)
{
    struct retriever_event event;
    switch (retriever_next(&task->retriever, &task->in, &event)) {
    case RETRIEVER_STEP_AGAIN:
    case RETRIEVER_STEP_MORE:
        return false;
    case RETRIEVER_STEP_TLS:
        begin_tls(task);
        return false;
    case RETRIEVER_STEP_LISTED:
        make_plan(task);
        break;
    case RETRIEVER_STEP_BEGIN:
        begin_message(task, event.item);
        break;
    case RETRIEVER_STEP_TEXT:
        write_text(task, event.text);
        break;
    case RETRIEVER_STEP_END:
        submit(task, &event);
        break;
    case RETRIEVER_STEP_REFUSED:
        task->report->failed++;
        break;
    case RETRIEVER_STEP_FINISHED:
    case RETRIEVER_STEP_FAILED:
        drain(task);
        break;
    }
    return true;
}

/* Takes what has been read, as far as there is room for it, and answers. */
static void
handle_input(struct task *task)
{
    bool more = true;
    if (task->waits_for_disk)
        task->progress_ms = clock_ms(); /* the time was ours, not the server's */
    while (task->state == TASK_TALKING && more) {
        task->waits_for_disk = !delivery_has_room(task->delivery);
        if (task->waits_for_disk)
            break;
        more = handle(task);
    }
    if (task->state != TASK_TALKING)
        return;
    retriever_fill(&task->retriever);
    send_out(task);
    if (task->state == TASK_TALKING && task->stream.ended && !task->waits_for_disk) {
        if (task_tls_hint(task)[0] != '\0')
            report_fail(
                task->report, EX_TEMPFAIL,
                "%s: the server closed the connection without a greeting%s",
                task->account->label, task_tls_hint(task));
        else if (retriever_closed(&task->retriever))
            report_warn(
                task->report, EX_OK,
                "%s: the server closed the connection before its last answer",
                task->account->label);
        drain(task);
    }
    watch(task);
}

/* Reads once; called again as long as there is more. */
static void
read_in(struct task *task)
{
    if (task->in.len > 0 || task->stream.ended || task->waits_for_disk)
        return; /* what is there has to be taken first */
    struct err err;
    size_t len = 0;
    switch (stream_read(&task->stream, task->in_data, sizeof task->in_data, &len, &err)) {
    case STREAM_WAIT:
        return;
    case STREAM_LOST:
        lost(task, &err);
        return;
    case STREAM_DONE:
        break;
    }
    task->progress_ms = clock_ms();
    task->in = (struct pop_view){task->in_data, len};
    if (!task_tls_check_greeting(task))
        drain(task);
}

/* The session begins, or goes on inside TLS. */
static void
talk(struct task *task)
{
    task->state = TASK_TALKING;
    task->progress_ms = clock_ms();
    watch(task);
    if (task->state == TASK_TALKING && task->retriever.secure)
        handle_input(task); /* CAPA goes out; a greeting may have come with the handshake */
}

/* The login may be bound to this connection. */
static void
secured(struct task *task)
{
    char binding[TLS_BINDING_LEN];
    bool bound = tls_stream_binding(task->stream.tls, binding);
    retriever_secured(&task->retriever, (struct pop_view){binding, bound ? sizeof binding : 0});
    explicit_bzero(binding, sizeof binding);
}

/* The time that a handshake may take begins with it: no octet of the server prolongs it. */
static void
shake(struct task *task)
{
    switch (task_tls_shake(task)) {
    case STREAM_DONE:
        secured(task);
        talk(task);
        break;
    case STREAM_WAIT:
        watch(task);
        break;
    case STREAM_LOST:
        drain(task);
        break;
    }
}

static void
begin_tls(struct task *task)
{
    task->state = TASK_HANDSHAKING;
    task->progress_ms = clock_ms();
    if (task_tls_begin(task))
        shake(task);
    else
        drain(task);
}

static void try_next_address(struct task *task);

static void
on_connected(struct task *task)
{
    struct err err;
    if (connect_result(task->socket.fd, task->address, &err) == ERR_OK) {
        if (task->account->tls == ACCOUNT_TLS_IMPLICIT)
            begin_tls(task);
        else
            talk(task);
        return;
    }
    close_socket(task);
    task->address = task->address->ai_next;
    if (task->address == NULL)
        report_fail(task->report, EX_UNAVAILABLE, "%s: %s", task->account->label, err.text);
    try_next_address(task);
}

static void
on_socket(struct loop_source *source, uint32_t events)
{
    struct task *task = LOOP_OWNER(source, struct task, socket);
    if (task->state == TASK_CONNECTING) {
        on_connected(task);
        return;
    }
    if (task->state == TASK_HANDSHAKING) {
        shake(task);
        return;
    }
    bool may_read = (events & ~(uint32_t)EPOLLOUT) != 0 || task->stream.wants_write;
    if (task->state == TASK_TALKING && may_read)
        read_in(task);
    if (task->state == TASK_TALKING)
        handle_input(task);
}

/* A message is durable, or will never be. */
static void
on_report(struct task *task, const struct delivery_job *job)
{
    if (!job->ok) {
        task->report->failed++;
        report_fail_err(task->report, delivery_failure(task->delivery));
        return;
    }
    task_delivered(task, job);
    if (task->state == TASK_TALKING)
        retriever_resolve(&task->retriever, job->item, task->account->delete_known);
}

static void
on_delivered(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct task *task = LOOP_OWNER(source, struct task, delivered);
    struct delivery_job job;
    while (delivery_take(task->delivery, &job))
        on_report(task, &job);
    if (task->report->has_error && task->state < TASK_DRAINING)
        drain(task);
    if (task->state == TASK_TALKING)
        handle_input(task);
    finish_if_idle(task);
}

/* Connects to the addresses in turn; without any left the report has the reason. */
static void
try_next_address(struct task *task)
{
    struct err err = {0};
    for (; task->address != NULL; task->address = task->address->ai_next) {
        if (connect_begin(task->address, &task->socket.fd, &err) != ERR_OK)
            continue;
        task->stream = (struct stream){.fd = task->socket.fd};
        task->events = EPOLLOUT;
        if (loop_add(task->loop, &task->socket, task->events, &err) == ERR_OK)
            return;
        stream_close(&task->stream); /* nothing was sent */
        task->socket.fd = -1;
        break;
    }
    report_fail(task->report, EX_UNAVAILABLE, "%s: %s", task->account->label, err.text);
    drain(task);
}

void
task_start(struct task *task)
{
    struct err err;
    int64_t now_ms = clock_ms();
    task->state = TASK_CONNECTING;
    task->socket = (struct loop_source){.fd = -1, .ready = on_socket};
    task->delivered = (struct loop_source){
        .fd = delivery_event_fd(task->delivery),
        .ready = on_delivered,
    };
    task->address = task->addresses;
    task->progress_ms = now_ms;
    progress_init(&task->progress, task->show_progress, now_ms);
    retriever_init(&task->retriever, task->account, task->report);
    if (loop_add(task->loop, &task->delivered, EPOLLIN, &err) != ERR_OK) {
        task->delivered.fd = -1;
        fail_err(task, &err);
        return;
    }
    try_next_address(task);
}

static void
draw(struct task *task, int64_t now_ms)
{
    struct progress_state state = {
        .messages_done = task->report->fetched,
        .messages_all = task->plan.fetch_count,
        .octets_done = task->octets_received,
        .octets_all = task->plan.fetch_octets,
    };
    if (state.messages_all > 0)
        progress_draw(&task->progress, &state, now_ms);
}

/* It is the server's turn. Not while the disk is behind, nor when all is answered and the next
 * command waits for a message to be durable. */
static bool
is_on_server(const struct task *task)
{
    if (task->state != TASK_TALKING)
        return task->state < TASK_TALKING;
    return !task->waits_for_disk &&
           (pop_client_awaited(&task->retriever.client) > 0 || task->retriever.out.len > 0);
}

/* The server has let its time go by. */
static void
fail_late(struct task *task)
{
    uint32_t seconds = task->account->timeout_ms / 1000;
    if (task->state == TASK_HANDSHAKING)
        report_fail(
            task->report, EX_TEMPFAIL, "%s: the TLS handshake takes longer than %u seconds%s",
            task->account->label, seconds, task_tls_hint(task));
    else
        report_fail(
            task->report, task->state == TASK_CONNECTING ? EX_UNAVAILABLE : EX_TEMPFAIL,
            "%s: nothing came from the server for %u seconds%s", task->account->label, seconds,
            task_tls_hint(task));
}

int64_t
task_tick(struct task *task, int64_t now_ms)
{
    bool on_server = is_on_server(task);
    int64_t left = task->progress_ms + task->account->timeout_ms - now_ms;
    if (on_server && left <= 0) {
        fail_late(task);
        drain(task);
    }
    if (task->state < TASK_DONE)
        draw(task, now_ms);
    if (!on_server || left > BAR_MS)
        return task->progress.on ? BAR_MS : on_server ? left : -1;
    return left > 0 ? left : 0;
}

void
task_stop(struct task *task, const char *reason)
{
    if (task->state >= TASK_DRAINING)
        return;
    report_fail(task->report, EX_TEMPFAIL, "%s: %s", task->account->label, reason);
    drain(task);
}

void
task_finish(struct task *task)
{
    close_socket(task);
    if (task->delivered.fd >= 0 && task->loop != NULL)
        loop_remove(task->loop, &task->delivered);
    task->delivered.fd = -1;
    retriever_free(&task->retriever);
    plan_free(&task->plan);
    ledger_free(&task->ledger);
}
