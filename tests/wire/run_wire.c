/*
 * Runs transcripts against the server's side of libpop: each whole, octet by
 * octet, and cut at every place. The answers must be the same each time.
 *
 *   # comment
 *   message: Subject: a\n\n.x\n     a stored file; each line adds one
 *   login: ann                      starts logged in; else USER ann, PASS secret
 *   C: DELE 1                       the client's line, CRLF is added
 *   C- QUIT                         the client's octets, nothing is added
 *   S: +OK ...                      an answer's line; "..." at its end: anything
 *
 * Escapes: \n \r \0 \\ \xNN. Output is TAP, a line for each file.
 */
#include <pop/pop.h>
#include <stdio.h>
#include <stdlib.h>

enum { MESSAGES_MAX = 16, TEXT_MAX = 65536, LINES_MAX = 512 };

struct transcript {
    char stored[MESSAGES_MAX][1024];
    size_t stored_len[MESSAGES_MAX];
    uint32_t count;
    bool login;
    char client[TEXT_MAX];
    size_t client_len;
    char expected[LINES_MAX][600];
    size_t expected_count;
};

static size_t
unescape(const char *from, char *to, size_t cap)
{
    size_t len = 0;
    for (; *from != '\0' && *from != '\n' && len < cap; from++) {
        if (*from != '\\') {
            to[len++] = *from;
            continue;
        }
        from++;
        if (*from == 'x') {
            char digits[3] = {from[1], from[2], '\0'};
            to[len++] = (char)strtol(digits, NULL, 16);
            from += 2;
        } else {
            to[len++] = *from == 'n' ? '\n' : *from == 'r' ? '\r' : *from == '0' ? '\0' : *from;
        }
    }
    return len;
}

static bool
starts(const char *line, const char *with, const char **ret_rest)
{
    size_t len = strlen(with);
    *ret_rest = line + len;
    return strncmp(line, with, len) == 0;
}

static bool
read_transcript(const char *path, struct transcript *t)
{
    char line[2048];
    FILE *in = fopen(path, "r");
    bool good = in != NULL;
    while (good && fgets(line, sizeof line, in) != NULL) {
        const char *rest;
        char *to = t->client + t->client_len;
        size_t room = sizeof t->client - t->client_len - 2;
        if (starts(line, "message: ", &rest)) {
            t->stored_len[t->count] = unescape(rest, t->stored[t->count], 1024);
            t->count++;
        } else if (starts(line, "login: ", &rest)) {
            t->login = true;
        } else if (starts(line, "C: ", &rest)) {
            t->client_len += unescape(rest, to, room);
            memcpy(t->client + t->client_len, "\r\n", 2);
            t->client_len += 2;
        } else if (starts(line, "C- ", &rest)) {
            t->client_len += unescape(rest, to, room);
        } else if (starts(line, "S: ", &rest)) {
            char *want = t->expected[t->expected_count++];
            want[unescape(rest, want, 599)] = '\0';
        } else {
            good = line[0] == '#' || line[0] == '\n';
        }
    }
    if (in != NULL)
        (void)fclose(in);
    return good && t->count < MESSAGES_MAX && t->expected_count < LINES_MAX;
}

/* ---- the server's owner, as small as it can be ---- */

struct run {
    struct pop_server server;
    struct pop_maildrop maildrop;
    struct pop_message messages[MESSAGES_MAX];
    char uids[MESSAGES_MAX * 2];
    unsigned char marks[64];
    struct pop_buffer out;
    char octets[TEXT_MAX];
    bool closed;
};

static void
make_maildrop(const struct transcript *t, struct run *run)
{
    for (uint32_t i = 0; i < t->count; i++) {
        struct pop_wire_size size = {0};
        pop_wire_size_add(&size, (struct pop_view){t->stored[i], t->stored_len[i]});
        run->uids[i] = (char)('a' + i);
        run->messages[i] = (struct pop_message){
            .size = pop_wire_size_end(&size), .uid_offset = i, .uid_len = 1};
        run->maildrop.octets += run->messages[i].size;
    }
    run->maildrop.count = t->count;
    run->maildrop.messages = run->messages;
    run->maildrop.strings = (struct pop_view){run->uids, t->count};
}

static void
send_message(const struct transcript *t, struct run *run, uint32_t index)
{
    struct pop_view in = {t->stored[index], t->stored_len[index]};
    pop_server_message_begin(&run->server, &run->out);
    (void)pop_server_message_text(&run->server, &in, &run->out);
    if (!pop_server_message_end(&run->server, &run->out))
        abort();
}

/* Hands over some of the client's octets; all of them are used. */
static void
feed(const struct transcript *t, struct run *run, struct pop_view in)
{
    struct pop_server_event event;
    while (!run->closed) {
        switch (pop_server_next(&run->server, &in, &run->out, &event)) {
        case POP_SERVER_MORE:
            return;
        case POP_SERVER_LOGIN:
            if (pop_view_equal(event.user, POP_VIEW("ann")) &&
                pop_view_equal(event.password, POP_VIEW("secret")))
                pop_server_login_accepted(&run->server, &run->maildrop, run->marks, &run->out);
            else
                pop_server_login_refused(&run->server, POP_REFUSAL_AUTH, &run->out);
            break;
        case POP_SERVER_FETCH:
            send_message(t, run, event.index);
            break;
        case POP_SERVER_COMMIT:
            pop_server_commit_done(&run->server, 0, &run->out);
            break;
        case POP_SERVER_CLOSE:
            run->closed = true;
            break;
        case POP_SERVER_CHECK_USER:
        case POP_SERVER_ROOM:
            abort();
        }
    }
}

/* Cut after `cut` octets, or after every one when `every` is set. */
static struct run *
play(const struct transcript *t, size_t cut, bool every)
{
    static const struct pop_server_config config = {
        .hostname = {"pop.test", 8}, .implementation = {"restante", 8}, .user_allowed = true};
    struct run *run = calloc(1, sizeof *run);
    run->out = (struct pop_buffer){run->octets, 0, sizeof run->octets};
    make_maildrop(t, run);
    pop_server_init(&run->server, &config);
    pop_server_greet(&run->server, &run->out);
    if (t->login)
        feed(t, run, POP_VIEW("USER ann\r\nPASS secret\r\n"));
    if (t->login)
        run->out.len = 0;
    for (size_t from = 0; from < t->client_len;) {
        size_t to = every ? from + 1 : from < cut ? cut : t->client_len;
        /* A copy of its own, so that a sanitizer sees every octet read beyond the piece. */
        char *piece = malloc(to - from);
        memcpy(piece, t->client + from, to - from);
        feed(t, run, (struct pop_view){piece, to - from});
        free(piece);
        from = to;
    }
    return run;
}

static bool
line_matches(struct pop_view line, const char *want)
{
    size_t len = strlen(want);
    if (len >= 3 && strcmp(want + len - 3, "...") == 0)
        return line.len >= len - 3 && memcmp(line.data, want, len - 3) == 0;
    return line.len == len && memcmp(line.data, want, len) == 0;
}

/* Compares the answers with the transcript; says on standard error what differs. */
static bool
answers_match(const struct transcript *t, const struct run *run)
{
    struct pop_view rest = pop_buffer_view(&run->out);
    for (size_t i = 0; i < t->expected_count; i++) {
        const char *end = rest.len > 0 ? memmem(rest.data, rest.len, "\r\n", 2) : NULL;
        struct pop_view line = {rest.data, end != NULL ? (size_t)(end - rest.data) : 0};
        if (end == NULL || !line_matches(line, t->expected[i])) {
            (void)fprintf(
                stderr, "# answer %zu is '%.*s', wanted '%s'\n", i + 1, (int)line.len,
                line.data, t->expected[i]);
            return false;
        }
        pop_view_skip(&rest, line.len + 2);
    }
    if (rest.len > 0)
        (void)fprintf(stderr, "# more than wanted: '%.*s'\n", (int)rest.len, rest.data);
    return rest.len == 0;
}

static bool
run_transcript(const char *path)
{
    struct transcript *t = calloc(1, sizeof *t);
    bool good = read_transcript(path, t);
    for (size_t cut = 0; good && cut <= t->client_len + 1; cut++) {
        bool every = cut == t->client_len + 1;
        struct run *run = play(t, cut, every);
        good = answers_match(t, run);
        if (!good)
            (void)fprintf(stderr, "# %s, cut at %zu%s\n", path, cut, every ? " (all)" : "");
        free(run);
    }
    free(t);
    return good;
}

int
main(int argc, char **argv)
{
    bool all = argc > 1;
    (void)printf("1..%d\n", argc - 1);
    for (int i = 1; i < argc; i++) {
        bool good = run_transcript(argv[i]);
        (void)printf("%sok %d - %s\n", good ? "" : "not ", i, argv[i]);
        all = all && good;
    }
    return all ? EXIT_SUCCESS : EXIT_FAILURE;
}
