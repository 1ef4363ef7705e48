/*
 * Runs transcripts (wire.h has their form) against libpop: each whole, octet
 * by octet, cut in two at every place, and with buffers as small as may be.
 * What comes out must be the same each time. Output is TAP, a line for each transcript.
 *
 *   run_wire FILE...
 *   run_wire --wrong FILE...    each transcript has to fail
 */
#include "wire.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

static void
print_octets(struct pop_view text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (isprint(c) && c != '\\')
            (void)fputc(c, stderr);
        else
            (void)fprintf(stderr, c == '\r' ? "\\r" : c == '\n' ? "\\n" : "\\x%02x", c);
    }
}

static void
print_entry(const char *name, const struct wire_trace *trace, size_t index)
{
    (void)fprintf(stderr, "#   %s ", name);
    if (index < trace->count) {
        const struct wire_entry *entry = &trace->entries[index];
        (void)fprintf(stderr, "%s ", entry->kind);
        print_octets(entry->text);
        (void)fputs(entry->open ? "..." : "", stderr);
    } else {
        (void)fputs("nothing more", stderr);
    }
    (void)fputc('\n', stderr);
}

static void
print_cut(const struct wire_transcript *t, size_t cut)
{
    if (cut > t->input_len) {
        (void)fprintf(stderr, "octet by octet, small buffers");
    } else if (cut == 0 || cut == t->input_len) {
        (void)fprintf(stderr, cut == 0 ? "whole" : "whole, small buffers");
    } else {
        size_t left = t->input_len - cut;
        (void)fprintf(stderr, "cut after %zu octets, before '", cut);
        print_octets((struct pop_view){t->input + cut, left < 16 ? left : 16});
        (void)fprintf(stderr, "'");
    }
}

static void
explain(
    const char *path, const struct wire_transcript *t, const struct wire_trace *got,
    size_t index, size_t cut)
{
    const struct wire_trace *wanted = &t->wanted;
    size_t near = index < wanted->count ? index : wanted->count - 1;
    (void)fprintf(stderr, "# %s:%u: %s: ", path, wanted->entries[near].line, t->title);
    print_cut(t, cut);
    (void)fputc('\n', stderr);
    print_entry("expected", wanted, index);
    print_entry("got     ", got, index);
}

/* Cut after `cut` octets; beyond the input: after each one. Small buffers if that is no cut. */
static void
play(const struct wire_transcript *t, size_t cut, struct wire_trace *trace)
{
    const struct wire_side *side = t->client ? &client_side : &server_side;
    bool every = cut > t->input_len;
    void *run = side->start(t, trace, cut > 0 && cut >= t->input_len);
    for (size_t from = 0; from < t->input_len;) {
        size_t to = every ? from + 1 : from < cut ? cut : t->input_len;
        /* A copy of its own, so that a sanitizer sees every octet read beyond the piece. */
        char *piece = malloc(to - from);
        if (piece == NULL)
            abort();
        memcpy(piece, t->input + from, to - from);
        side->feed(run, (struct pop_view){piece, to - from});
        free(piece);
        from = to;
    }
    side->finish(run);
}

static bool
run_transcript(const char *path, const struct wire_transcript *t)
{
    struct wire_trace *trace = malloc(sizeof *trace);
    long wrong = -1;
    if (trace == NULL)
        abort();
    for (size_t cut = 0; wrong < 0 && cut <= t->input_len + 1; cut++) {
        trace->count = 0;
        trace->len = 0;
        play(t, cut, trace);
        wrong = trace_compare(&t->wanted, trace);
        if (wrong >= 0)
            explain(path, t, trace, (size_t)wrong, cut);
    }
    free(trace);
    return wrong < 0;
}

/* All transcripts of a file. */
static bool
run_file(const char *path, bool wrong, unsigned *count)
{
    struct wire_transcript *t = malloc(sizeof *t);
    struct wire_reader *reader = reader_open(path);
    bool all = true;
    int more;
    if (t == NULL)
        abort();
    unsigned before = *count;
    while ((more = reader_next(reader, t)) > 0) {
        bool good = run_transcript(path, t) != wrong;
        (void)printf("%sok %u - %s: %s\n", good ? "" : "not ", ++*count, path, t->title);
        all = all && good;
    }
    if (more < 0 || *count == before) {
        (void)printf("not ok %u - %s cannot be read\n", ++*count, path);
        all = false;
    }
    reader_close(reader);
    free(t);
    return all;
}

int
main(int argc, char **argv)
{
    bool wrong = argc > 1 && strcmp(argv[1], "--wrong") == 0;
    bool all = argc > 1 + wrong;
    unsigned count = 0;
    for (int i = 1 + wrong; i < argc; i++)
        all = run_file(argv[i], wrong, &count) && all;
    (void)printf("1..%u\n", count);
    return all ? EXIT_SUCCESS : EXIT_FAILURE;
}
