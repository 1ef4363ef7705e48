/* What happened in a run, in order, to be compared with what a transcript wants. */
#include "base/number.h"
#include "wire.h"

#include <stdlib.h>

void
trace_add(struct wire_trace *trace, const char *kind, struct pop_view text)
{
    if (trace->count == WIRE_ENTRIES_MAX)
        abort();
    struct wire_entry *entry = &trace->entries[trace->count++];
    *entry = (struct wire_entry){.text = {trace->octets + trace->len, 0}};
    memcpy(entry->kind, kind, 2);
    trace_put(trace, text);
}

void
trace_put(struct wire_trace *trace, struct pop_view text)
{
    if (text.len > sizeof trace->octets - trace->len)
        abort();
    if (text.len > 0)
        memcpy(trace->octets + trace->len, text.data, text.len);
    trace->len += text.len;
    trace->entries[trace->count - 1].text.len += text.len;
}

void
trace_put_number(struct wire_trace *trace, uint64_t number)
{
    char digits[NUMBER_DIGITS_MAX];
    trace_put(trace, (struct pop_view){digits, format_u64(digits, number)});
}

void
trace_output(struct wire_trace *trace, struct pop_view octets)
{
    for (size_t i = 0; i < octets.len; i++) {
        struct pop_view octet = {octets.data + i, 1};
        struct wire_entry *last = trace->count > 0 ? &trace->entries[trace->count - 1] : NULL;
        if (last == NULL || last->kind[1] != '-') {
            trace_add(trace, "S-", octet);
            continue;
        }
        trace_put(trace, octet);
        size_t len = last->text.len;
        if (len >= 2 && memcmp(last->text.data + len - 2, "\r\n", 2) == 0) {
            last->kind[1] = ':';
            last->text.len -= 2;
        }
    }
}

static bool
entry_matches(const struct wire_entry *wanted, const struct wire_entry *got)
{
    struct pop_view text = got->text;
    if (strcmp(wanted->kind, got->kind) != 0)
        return false;
    if (wanted->open && text.len > wanted->text.len)
        text.len = wanted->text.len;
    return pop_view_equal(wanted->text, text);
}

long
trace_compare(const struct wire_trace *wanted, const struct wire_trace *got)
{
    size_t both = wanted->count < got->count ? wanted->count : got->count;
    for (size_t i = 0; i < both; i++)
        if (!entry_matches(&wanted->entries[i], &got->entries[i]))
            return (long)i;
    return wanted->count == got->count ? -1 : (long)both;
}
