/* What a run did, and how it is told. Texts of the server arrive here escaped. */
#include "fetch/report.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

void
report_fail(struct report *report, int exit_code, const char *format, ...)
{
    if (report->has_error)
        return;
    report->has_error = true;
    report->exit_code = exit_code;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(report->error, sizeof report->error, format, args);
    va_end(args);
}

int
exit_code_of(const struct err *err)
{
    switch (err->code) {
    case ERR_SYSTEM:
        return err->number == EIO ? EX_IOERR : EX_CANTCREAT;
    case ERR_NOMEM:
    case ERR_BUSY:
        return EX_TEMPFAIL;
    case ERR_OK:
    case ERR_PROTOCOL:
    case ERR_LIMIT:
    case ERR_NOT_FOUND:
    case ERR_CHANGED:
    case ERR_INVALID:
    case ERR_DENIED:
    case ERR_CLOSED:
        break;
    }
    return EX_CANTCREAT;
}

void
report_fail_err(struct report *report, const struct err *err)
{
    report_fail(report, exit_code_of(err), "%s", err->text);
}

void
report_warn(struct report *report, int exit_code, const char *format, ...)
{
    if (report->exit_code == EX_OK)
        report->exit_code = exit_code;
    if (report->warning_count++ >= WARNINGS_MAX)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(report->warnings[report->warning_count - 1], ERR_TEXT_MAX, format, args);
    va_end(args);
}

static const char *
plural(uint64_t count, const char *one, const char *many)
{
    return count == 1 ? one : many;
}

bool
report_print(const struct report *report, FILE *out)
{
    (void)fprintf(
        out,
        "%s: %" PRIu64 " new %s (%" PRIu64 " %s) fetched, %" PRIu64 " already here, %" PRIu64
        " deleted on the server",
        report->label, report->fetched, plural(report->fetched, "message", "messages"),
        report->octets, plural(report->octets, "octet", "octets"), report->known,
        report->deleted);
    if (report->delete_pending > 0)
        (void)fprintf(out, ", %" PRIu64 " still to be deleted there", report->delete_pending);
    if (report->failed > 0)
        (void)fprintf(out, ", %" PRIu64 " failed", report->failed);
    (void)fputc('\n', out);
    return fflush(out) == 0 && !ferror(out);
}

void
report_print_problems(const struct report *report, FILE *out)
{
    uint32_t kept = report->warning_count < WARNINGS_MAX ? report->warning_count : WARNINGS_MAX;
    for (uint32_t i = 0; i < kept; i++)
        (void)fprintf(out, "restante: warning: %s\n", report->warnings[i]);
    if (report->warning_count > kept)
        (void)fprintf(
            out, "restante: warning: and %" PRIu32 " more\n", report->warning_count - kept);
    if (report->has_error)
        (void)fprintf(out, "restante: %s\n", report->error);
}

static bool
add_number(cJSON *object, const char *name, uint64_t value)
{
    return cJSON_AddNumberToObject(object, name, (double)value) != NULL;
}

static bool
add_warnings(cJSON *object, const struct report *report)
{
    cJSON *list = cJSON_AddArrayToObject(object, "warnings");
    bool ok = list != NULL;
    for (uint32_t i = 0; ok && i < report->warning_count && i < WARNINGS_MAX; i++)
        ok = cJSON_AddItemToArray(list, cJSON_CreateString(report->warnings[i]));
    return ok;
}

/* null if it is empty. */
static bool
add_text(cJSON *object, const char *name, const char *text)
{
    if (text[0] == '\0')
        return cJSON_AddNullToObject(object, name) != NULL;
    return cJSON_AddStringToObject(object, name, text) != NULL;
}

static bool
add_error(cJSON *object, const struct report *report)
{
    return add_text(object, "error", report->has_error ? report->error : "");
}

bool
report_print_json(const struct report *report, FILE *out)
{
    cJSON *object = cJSON_CreateObject();
    bool ok =
        cJSON_AddStringToObject(object, "account", report->label) != NULL &&
        add_number(object, "on_server", report->on_server) &&
        add_number(object, "new", report->fresh) &&
        add_number(object, "fetched", report->fetched) &&
        add_number(object, "octets", report->octets) &&
        add_number(object, "known", report->known) &&
        add_number(object, "deleted", report->deleted) &&
        add_number(object, "delete_pending", report->delete_pending) &&
        add_number(object, "failed", report->failed) && add_text(object, "tls", report->tls) &&
        add_text(object, "auth", report->auth != NULL ? report->auth : "") &&
        add_warnings(object, report) &&
        cJSON_AddNumberToObject(object, "seconds", (double)report->seconds_ms / 1000) != NULL &&
        cJSON_AddNumberToObject(object, "exit", report->exit_code) != NULL &&
        add_error(object, report);
    char *text = ok ? cJSON_PrintUnformatted(object) : NULL;
    cJSON_Delete(object);
    if (text == NULL)
        return false;
    (void)fprintf(out, "%s\n", text);
    cJSON_free(text);
    return fflush(out) == 0 && !ferror(out);
}
