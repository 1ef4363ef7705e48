/*
 * The client's side of SASL against a server that says anything: whatever it is, the login is
 * never through with SCRAM, for nobody here knows the password, and what is said of a refused
 * token is fit for a terminal. The first octet is the mechanism; challenges end with LF.
 */
#include "fuzz.h"

#include "fetch/oauth.h"
#include "fetch/scram.h"

#include <pop/limits.h>

/* Iterations are allowed up to ten million, which takes seconds each time. */
enum { DIGITS_MAX = 4 };

static bool
is_slow(struct pop_view challenge)
{
    size_t digits = 0;
    for (size_t i = 0; i < challenge.len && digits <= DIGITS_MAX; i++)
        digits = challenge.data[i] >= '0' && challenge.data[i] <= '9' ? digits + 1 : 0;
    return digits > DIGITS_MAX;
}

static struct pop_view
take_challenge(struct pop_view *in)
{
    const char *end = memchr(in->data, '\n', in->len);
    struct pop_view challenge = {in->data, end ? (size_t)(end - in->data) : in->len};
    pop_view_skip(in, challenge.len + (end ? 1 : 0));
    return challenge;
}

/* With a nonce that seeds can know. */
static void
scram(struct pop_view in, bool sha_256, bool binds)
{
    struct err err;
    struct scram *scram;
    struct scram_setup setup = {
        .sha_256 = sha_256,
        .binds = binds,
        .user = POP_VIEW("ann"),
        .password = POP_VIEW("secret"),
        .binding = POP_VIEW("0123456789abcdef0123456789abcdef"),
        .nonce = POP_VIEW("abc"),
    };
    CHECK(scram_new(&scram, &setup, &err) == ERR_OK);
    enum sasl_step step = SASL_RESPOND;
    while (in.len > 0 && step == SASL_RESPOND) {
        struct pop_view challenge = take_challenge(&in);
        struct pop_view response = {"", 0};
        if (is_slow(challenge))
            break;
        char *copy = fuzz_copy(challenge);
        challenge.data = copy;
        step = scram_next(scram, challenge, &response, &err);
        free(copy);
        CHECK(response.len <= POP_SASL_RESPONSE_MAX && !scram_is_through(scram));
    }
    scram_free(scram);
}

static void
other(struct pop_view in, enum mechanism mechanism)
{
    struct err err;
    struct sasl *sasl;
    struct sasl_identity identity = {
        .user = POP_VIEW("ann"),
        .secret = POP_VIEW("secret"),
        .host = POP_VIEW("pop.example.org"),
        .port = 995,
    };
    CHECK(sasl_new(&sasl, mechanism, &identity, &err) == ERR_OK);
    enum sasl_step step = SASL_RESPOND;
    for (int i = 0; in.len > 0 && step == SASL_RESPOND; i++) {
        struct pop_view challenge = take_challenge(&in);
        struct pop_view response = {"", 0};
        char *copy = fuzz_copy(challenge);
        challenge.data = copy;
        step = sasl_next(sasl, challenge, &response, &err);
        free(copy);
        CHECK(i < 3 && response.len <= POP_SASL_RESPONSE_MAX);
        (void)sasl_is_told(sasl, in);
    }
    for (const char *c = sasl_refusal(sasl); *c != '\0'; c++)
        CHECK(*c >= 0x20 && *c < 0x7F);
    sasl_free(sasl);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pop_view in = fuzz_view(data, size);
    enum mechanism mechanism = (enum mechanism)(fuzz_octet(&in) % MECHANISM_COUNT);
    if ((sasl_mechanisms() & MECHANISM_BIT(mechanism)) == 0)
        return 0;
    if (mechanism <= MECHANISM_SCRAM_SHA_1)
        scram(in, mechanism <= MECHANISM_SCRAM_SHA_256, mechanism_row(mechanism)->binds);
    else
        other(in, mechanism);
    return 0;
}
