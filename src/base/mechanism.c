/* The table of mechanisms. */
#include "base/mechanism.h"

#include "base/check.h"

static const struct mechanism_row rows[MECHANISM_COUNT] = {
    [MECHANISM_SCRAM_SHA_256_PLUS] = {.name = "SCRAM-SHA-256-PLUS", .binds = true},
    [MECHANISM_SCRAM_SHA_256] = {.name = "SCRAM-SHA-256"},
    [MECHANISM_SCRAM_SHA_1_PLUS] = {.name = "SCRAM-SHA-1-PLUS", .binds = true},
    [MECHANISM_SCRAM_SHA_1] = {.name = "SCRAM-SHA-1"},
    [MECHANISM_CRAM_MD5] = {.name = "CRAM-MD5", .server_first = true},
    [MECHANISM_OAUTHBEARER] = {.name = "OAUTHBEARER", .bearer = true, .plaintext = true},
    [MECHANISM_XOAUTH2] = {.name = "XOAUTH2", .bearer = true, .plaintext = true},
    [MECHANISM_PLAIN] = {.name = "PLAIN", .plaintext = true},
    [MECHANISM_LOGIN] = {.name = "LOGIN", .plaintext = true, .server_first = true},
    [MECHANISM_EXTERNAL] = {.name = "EXTERNAL", .certified = true},
};

const struct mechanism_row *
mechanism_row(enum mechanism mechanism)
{
    CHECK(mechanism < MECHANISM_COUNT);
    return &rows[mechanism];
}

enum mechanism
mechanism_find(struct pop_view name)
{
    unsigned i = 0;
    while (i < MECHANISM_COUNT && !pop_view_same_word(name, pop_view_of(rows[i].name)))
        i++;
    return (enum mechanism)i;
}

size_t
mechanism_names(uint32_t set, char ret_names[MECHANISM_NAMES_MAX])
{
    struct pop_buffer out = {.data = ret_names, .cap = MECHANISM_NAMES_MAX};
    for (unsigned i = 0; i < MECHANISM_COUNT; i++) {
        if ((set & MECHANISM_BIT(i)) == 0)
            continue;
        if (out.len > 0)
            pop_buffer_put(&out, POP_VIEW(" "));
        pop_buffer_put(&out, pop_view_of(rows[i].name));
    }
    return out.len;
}
