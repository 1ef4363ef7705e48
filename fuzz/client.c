/*
 * The client's session against a server that sends anything: the same events however it is
 * cut, never more answers than were awaited, and nothing in a unique-id that could end a line.
 * The first octet gives the cuts, the second the number of commands, then one for each.
 */
#include "fuzz.h"

#include <pop/client.h>
#include <stdio.h>

enum { COMMANDS_MAX = 32 };

static enum pop_command
command_of(unsigned octet)
{
    return 1 + octet % (POP_COMMAND_COUNT - 1);
}

static void
send_command(struct pop_client *client, unsigned octet)
{
    char sent[POP_COMMAND_MAX];
    struct pop_buffer out = {sent, 0, sizeof sent};
    enum pop_command command = command_of(octet);
    enum pop_send result;
    switch (command) {
    case POP_COMMAND_USER:
    case POP_COMMAND_PASS:
    case POP_COMMAND_APOP:
        result = pop_client_send(client, command, POP_VIEW("ann"), &out);
        break;
    case POP_COMMAND_LIST_ONE:
    case POP_COMMAND_UIDL_ONE:
    case POP_COMMAND_RETR:
    case POP_COMMAND_TOP:
    case POP_COMMAND_DELE:
        result = pop_client_send_number(client, command, 1 + octet, 0, &out);
        break;
    default:
        result = pop_client_send(client, command, (struct pop_view){0}, &out);
        break;
    }
    CHECK(result == POP_SEND_OK);
    CHECK(out.len >= 6 && memchr(sent, '\n', out.len) == sent + out.len - 1);
}

/* Events as text; pieces of a message are joined, since where they end depends on the cuts. */
struct story {
    struct fuzz_text text;
    bool in_message;
    uint32_t answered;
    bool broken;
    bool wants_auth; /* when all is answered: it goes alone */
    bool challenged;
    char storage[POP_SASL_LINE_MAX];
};

static void
tell(struct story *story, const char *what, const struct pop_client_event *event)
{
    char line[200];
    int len = snprintf(
        line, sizeof line, "%s %d %u %d %d %llu %llu ", what, (int)event->command,
        event->message, event->multiline, event->status.ok, (unsigned long long)event->number,
        (unsigned long long)event->size);
    CHECK(len > 0 && (size_t)len < sizeof line);
    fuzz_text_add(&story->text, (struct pop_view){line, (size_t)len});
    fuzz_text_add(&story->text, event->status.code);
    fuzz_text_add(&story->text, POP_VIEW("\n"));
    fuzz_text_add(&story->text, event->status.text);
    fuzz_text_add(&story->text, POP_VIEW("\n"));
    fuzz_text_add(&story->text, event->uid);
    fuzz_text_add(&story->text, POP_VIEW("\n"));
    fuzz_text_add(&story->text, event->text);
    fuzz_text_add(&story->text, POP_VIEW("\n"));
    if (event->problem != NULL)
        fuzz_text_add(&story->text, pop_view_of(event->problem));
    for (size_t i = 0; i < event->uid.len; i++)
        CHECK((unsigned char)event->uid.data[i] >= 0x20 && event->uid.data[i] != 0x7f);
    CHECK(event->uid.len <= POP_CLIENT_UID_MAX);
}

static void
on_event(struct story *story, enum pop_client_step step, const struct pop_client_event *event)
{
    switch (step) {
    case POP_CLIENT_TEXT:
        CHECK(event->command == POP_COMMAND_RETR || event->command == POP_COMMAND_TOP);
        fuzz_text_add(&story->text, event->text);
        return;
    case POP_CLIENT_REPLY:
        tell(story, "reply", event);
        CHECK(!event->multiline || event->status.ok);
        story->answered += !event->multiline;
        return;
    case POP_CLIENT_ITEM:
        tell(story, "item", event);
        return;
    case POP_CLIENT_END:
        tell(story, "end", event);
        story->answered++;
        return;
    case POP_CLIENT_CHALLENGE:
        tell(story, "challenge", event);
        story->challenged = true;
        return;
    case POP_CLIENT_BROKEN:
        CHECK(event->problem != NULL);
        tell(story, "broken", event);
        story->broken = true;
        return;
    case POP_CLIENT_MORE:
        return;
    }
}

/* What the owner does between two events. Returns how many answers more are awaited. */
static uint32_t
take_turn(struct story *story, struct pop_client *client)
{
    char sent[POP_COMMAND_MAX];
    struct pop_buffer out = {sent, 0, sizeof sent};
    if (story->challenged) {
        bool gives_up = client->sasl == POP_CLIENT_SASL_UNREADABLE || story->answered % 2 == 1;
        enum pop_send result = gives_up ? pop_client_cancel(client, &out)
                                        : pop_client_respond(client, POP_VIEW("ann"), &out);
        CHECK(result == POP_SEND_OK);
        story->challenged = false;
    }
    if (!story->wants_auth || story->broken || pop_client_awaited(client) > 0 ||
        client->stls != POP_CLIENT_STLS_NONE)
        return 0;
    struct pop_buffer storage = {story->storage, 0, sizeof story->storage};
    CHECK(pop_client_auth(client, POP_VIEW("PLAIN"), NULL, storage, &out) == POP_SEND_OK);
    story->wants_auth = false;
    return 1;
}

static struct story
run(struct pop_view commands, struct pop_view in, uint32_t seed)
{
    struct fuzz_cuts cuts = {seed};
    struct story story = {0};
    struct pop_client *client = malloc(sizeof *client);
    pop_client_init(client);
    /* After STLS nothing goes out until it is answered. */
    for (size_t i = 0; i < commands.len && client->stls == POP_CLIENT_STLS_NONE; i++) {
        unsigned octet = (unsigned char)commands.data[i];
        if (command_of(octet) == POP_COMMAND_AUTH)
            story.wants_auth = true;
        else
            send_command(client, octet);
    }
    uint32_t awaited = pop_client_awaited(client);
    while (in.len > 0 && !story.broken) {
        struct pop_view piece = {in.data, fuzz_next_piece(&cuts, in.len)};
        char *copy = fuzz_copy(piece);
        pop_view_skip(&in, piece.len);
        piece.data = copy;
        struct pop_client_event event;
        enum pop_client_step step;
        do {
            step = pop_client_next(client, &piece, &event);
            on_event(&story, step, &event);
            awaited += take_turn(&story, client);
        } while (step != POP_CLIENT_MORE && step != POP_CLIENT_BROKEN);
        CHECK(story.broken || piece.len == 0);
        CHECK(story.broken || !client->line.overlong); /* an endless line is not waited for */
        CHECK(pop_client_awaited(client) + story.answered == awaited);
        if (story.broken)
            CHECK(pop_client_next(client, &piece, &event) == POP_CLIENT_BROKEN);
        free(copy);
    }
    free(client);
    return story;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pop_view in = fuzz_view(data, size);
    uint32_t seed = fuzz_octet(&in) + 1;
    size_t count = fuzz_octet(&in) % (COMMANDS_MAX + 1);
    struct pop_view commands = {in.data, count < in.len ? count : in.len};
    pop_view_skip(&in, commands.len);
    struct story whole = run(commands, in, 0);
    struct story cut = run(commands, in, seed);
    CHECK(pop_view_equal(fuzz_text_view(&whole.text), fuzz_text_view(&cut.text)));
    CHECK(whole.broken == cut.broken && whole.answered == cut.answered);
    free(whole.text.data);
    free(cut.text.data);
    return 0;
}
