/*
 * JSON from outside, read strictly through cJSON: what two programs could
 * read as two things is refused.
 */
#ifndef AUTH_JSON_H
#define AUTH_JSON_H

#include <cjson/cJSON.h>
#include <pop/view.h>

/*
 * An object, and nothing before or behind it but white space; the caller
 * frees it with cJSON_Delete(). NULL: it is none, a name stands in it twice,
 * a text has a NUL (cJSON would end it there: "ann\u0000@example.org" is not
 * ann) or another control character, or a limit is reached (JSON_DEPTH_MAX,
 * JSON_MEMBERS_MAX). So it is NULL too when there is no memory.
 */
cJSON *json_object(struct pop_view text);

/* No name stands twice in the object, and there are at most JSON_MEMBERS_MAX. json_object() has
 * checked the outermost; objects inside are for who uses them to check. */
bool json_is_clear(const cJSON *object);

/* NULL: there is no such member. */
const cJSON *json_member(const cJSON *object, const char *name);

/* False: there is no such member, or it is no text. */
bool json_text(const cJSON *object, const char *name, struct pop_view *ret_text);

static inline void
json_freep(cJSON **json)
{
    cJSON_Delete(*json);
}

#endif
