/*
 * The PROXY header: the same comes of it however it is cut, nothing behind it is taken, and an
 * address comes only with the step that says so. The first octet gives the cuts.
 */
#include "net/proxy_header.h"

#include "fuzz.h"

#include <string.h>

struct outcome {
    enum proxy_step step;
    size_t used;
    struct sockaddr_storage client;
};

static struct outcome
read_header(struct pop_view in, uint32_t seed)
{
    struct fuzz_cuts cuts = {seed};
    struct proxy_header header = {0};
    struct outcome outcome = {.step = PROXY_MORE};
    while (in.len > 0 && outcome.step == PROXY_MORE) {
        struct pop_view piece = {in.data, seed == 0 ? in.len : fuzz_next_piece(&cuts, in.len)};
        struct pop_view rest = {fuzz_copy(piece), piece.len};
        void *copy = (void *)(uintptr_t)rest.data;
        outcome.step = proxy_header_next(&header, &rest, &outcome.client);
        CHECK(outcome.step != PROXY_MORE || rest.len == 0);
        outcome.used += piece.len - rest.len;
        pop_view_skip(&in, piece.len);
        free(copy);
    }
    return outcome;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pop_view in = fuzz_view(data, size);
    uint32_t seed = fuzz_octet(&in) + 1;
    struct outcome whole = read_header(in, 0);
    struct outcome cut = read_header(in, seed);
    CHECK(whole.step == cut.step && whole.used == cut.used);
    CHECK(memcmp(&whole.client, &cut.client, sizeof whole.client) == 0);
    CHECK((whole.step == PROXY_CLIENT) == (whole.client.ss_family != 0));
    CHECK(whole.step == PROXY_BAD || whole.used <= 16 + 65535);
    return 0;
}
