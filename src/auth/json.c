/* What cJSON takes too kindly is refused here, before and after it has read. */
#include "auth/json.h"

#include "base/limits.h"

/* ---- before ---- */

enum scan_state {
    SCAN_BETWEEN,
    SCAN_TEXT,
    SCAN_ESCAPE, /* after a backslash */
};

struct scan {
    enum scan_state state;
    unsigned depth;
};

static bool
scan_between(struct scan *scan, char c)
{
    switch (c) {
    case '"':
        scan->state = SCAN_TEXT;
        return true;
    case '{':
    case '[':
        return ++scan->depth <= JSON_DEPTH_MAX;
    case '}':
    case ']':
        return scan->depth-- > 0;
    case '\t':
    case '\r':
    case '\n':
        return true;
    default:
        return (unsigned char)c >= 0x20;
    }
}

/* Depth, control characters and NULs, escaped or not. Whether it is JSON is for cJSON to say.
 */
static bool
is_tame(struct pop_view text)
{
    struct scan scan = {SCAN_BETWEEN, 0};
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        switch (scan.state) {
        case SCAN_BETWEEN:
            if (!scan_between(&scan, c))
                return false;
            break;
        case SCAN_TEXT:
            if ((unsigned char)c < 0x20)
                return false;
            scan.state = c == '"' ? SCAN_BETWEEN : c == '\\' ? SCAN_ESCAPE : SCAN_TEXT;
            break;
        case SCAN_ESCAPE:
            if (text.len - i >= 5 && memcmp(text.data + i, "u0000", 5) == 0)
                return false;
            scan.state = SCAN_TEXT;
            break;
        }
    }
    return true;
}

static bool
is_blank(struct pop_view text)
{
    for (size_t i = 0; i < text.len; i++)
        if (memchr(" \t\r\n", text.data[i], 4) == NULL)
            return false;
    return true;
}

/* ---- after ---- */

bool
json_is_clear(const cJSON *object)
{
    unsigned count = 0;
    const cJSON *member;
    cJSON_ArrayForEach(member, object)
    {
        if (++count > JSON_MEMBERS_MAX)
            return false;
        for (const cJSON *other = member->next; other != NULL; other = other->next)
            if (strcmp(member->string, other->string) == 0)
                return false;
    }
    return true;
}

cJSON *
json_object(struct pop_view text)
{
    const char *end = NULL;
    if (text.len == 0 || !is_tame(text))
        return NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(text.data, text.len, &end, false);
    if (json == NULL)
        return NULL;
    struct pop_view rest = {end, text.len - (size_t)(end - text.data)};
    if (cJSON_IsObject(json) && is_blank(rest) && json_is_clear(json))
        return json;
    cJSON_Delete(json);
    return NULL;
}

const cJSON *
json_member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

bool
json_text(const cJSON *object, const char *name, struct pop_view *ret_text)
{
    const cJSON *member = json_member(object, name);
    if (!cJSON_IsString(member))
        return false;
    *ret_text = pop_view_of(member->valuestring);
    return true;
}
