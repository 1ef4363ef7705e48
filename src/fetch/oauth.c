/* OAUTHBEARER and XOAUTH2. */
#include "fetch/oauth.h"

#include "base/number.h"
#include "fetch/escape.h"

#include <cjson/cJSON.h>
#include <pop/limits.h>
#include <stdio.h>

static_assert(OAUTH_MESSAGE_MAX <= POP_SASL_RESPONSE_MAX, "a response holds it");
/* As much as any of the two could need: port and punctuation are the 64. */
static bool
fits(const struct sasl_identity *identity)
{
    return 3 * identity->user.len + identity->host.len + identity->secret.len + 64 <=
           OAUTH_MESSAGE_MAX;
}

/* R7628-1 */
bool
oauth_bearer_message(const struct sasl_identity *identity, struct pop_buffer *out)
{
    char port[NUMBER_DIGITS_MAX];
    if (!fits(identity))
        return false;
    pop_buffer_put(out, POP_VIEW("n,a="));
    sasl_put_name(out, identity->user);
    pop_buffer_put(out, POP_VIEW(",\1host="));
    pop_buffer_put(out, identity->host);
    pop_buffer_put(out, POP_VIEW("\1port="));
    pop_buffer_put(out, (struct pop_view){port, format_u64(port, identity->port)});
    pop_buffer_put(out, POP_VIEW("\1auth=Bearer "));
    pop_buffer_put(out, identity->secret);
    pop_buffer_put(out, POP_VIEW("\1\1"));
    return true;
}

bool
oauth_x_message(const struct sasl_identity *identity, struct pop_buffer *out)
{
    if (!fits(identity))
        return false;
    pop_buffer_put(out, POP_VIEW("user="));
    pop_buffer_put(out, identity->user);
    pop_buffer_put(out, POP_VIEW("\1auth=Bearer "));
    pop_buffer_put(out, identity->secret);
    pop_buffer_put(out, POP_VIEW("\1\1"));
    return true;
}

static void
say(const cJSON *error, const char *name, char text[OAUTH_REFUSAL_MAX])
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(error, name));
    size_t len = strlen(text);
    if (value == NULL)
        return;
    struct shown shown = escape_text(pop_view_of(value));
    (void)snprintf(
        text + len, OAUTH_REFUSAL_MAX - len, "%s%s %s", len > 0 ? ", " : "", name, shown.text);
}

void
oauth_read_error(struct pop_view challenge, char ret_text[OAUTH_REFUSAL_MAX])
{
    ret_text[0] = '\0';
    cJSON *error = cJSON_ParseWithLength(challenge.data, challenge.len);
    say(error, "status", ret_text);
    say(error, "scope", ret_text);
    cJSON_Delete(error);
    if (ret_text[0] != '\0')
        return;
    struct shown shown = escape_text(challenge);
    (void)snprintf(ret_text, OAUTH_REFUSAL_MAX, "%s", shown.text);
}
