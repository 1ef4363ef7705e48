/*
 * What OAUTHBEARER and XOAUTH2 bring: what is accepted, written out again in the one way that
 * there is, means the same; what is refused leaves the result alone. The first octet chooses.
 */
#include "auth/bearer.h"

#include "fuzz.h"

static void
put(struct fuzz_text *text, const char *string)
{
    fuzz_text_add(text, pop_view_of(string));
}

static void
put_escaped(struct fuzz_text *text, const char *name)
{
    for (const char *c = name; *c != '\0'; c++)
        if (*c == ',')
            put(text, "=2C");
        else if (*c == '=')
            put(text, "=3D");
        else
            fuzz_text_add(text, (struct pop_view){c, 1});
}

static struct fuzz_text
write_message(enum mechanism mechanism, const struct bearer_response *response)
{
    struct fuzz_text text = {0};
    if (mechanism == MECHANISM_XOAUTH2) {
        put(&text, "user=");
        put(&text, response->name);
    } else {
        put(&text, response->name[0] != '\0' ? "n,a=" : "n,");
        put_escaped(&text, response->name);
        put(&text, ",");
    }
    put(&text, "\1auth=Bearer ");
    fuzz_text_add(&text, response->token);
    put(&text, "\1\1");
    return text;
}

static void
check_again(enum mechanism mechanism, const struct bearer_response *response)
{
    struct bearer_response again;
    struct fuzz_text text = write_message(mechanism, response);
    char *copy = fuzz_copy(fuzz_text_view(&text));
    CHECK(bearer_parse(mechanism, (struct pop_view){copy, text.len}, &again));
    CHECK(strcmp(again.name, response->name) == 0);
    CHECK(pop_view_equal(again.token, response->token));
    /* One octet less or more is no message. */
    CHECK(!bearer_parse(mechanism, (struct pop_view){copy, text.len - 1}, &again));
    put(&text, "\1");
    CHECK(!bearer_parse(mechanism, fuzz_text_view(&text), &again));
    free(copy);
    free(text.data);
}

static void
check_challenge(enum mechanism mechanism, struct pop_view scope)
{
    char challenge[BEARER_CHALLENGE_MAX];
    size_t len = bearer_challenge(mechanism, scope, challenge);
    size_t quotes = 0;
    CHECK(len <= sizeof challenge && challenge[0] == '{' && challenge[len - 1] == '}');
    for (size_t i = 0; i < len; i++) {
        CHECK(challenge[i] > 0x20 && challenge[i] <= 0x7e && challenge[i] != '\\');
        quotes += challenge[i] == '"';
    }
    CHECK(quotes % 4 == 0); /* names and values */
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pop_view in = fuzz_view(data, size);
    enum mechanism mechanism =
        fuzz_octet(&in) % 2 == 0 ? MECHANISM_OAUTHBEARER : MECHANISM_XOAUTH2;
    char *copy = fuzz_copy(in);
    struct pop_view message = {copy, in.len};
    struct bearer_response response = {.name = "untouched"};
    if (bearer_parse(mechanism, message, &response)) {
        CHECK(bearer_is_token(response.token));
        CHECK(response.name[0] != '\0' || mechanism == MECHANISM_OAUTHBEARER);
        check_again(mechanism, &response);
    } else {
        CHECK(strcmp(response.name, "untouched") == 0);
    }
    check_challenge(mechanism, message);
    free(copy);
    return 0;
}
