/* Reading file names. They are made by whoever may deliver, so nothing in them is believed
 * beyond what the header of this module says. */
#include "store/maildir_name.h"

#include "base/number.h"

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The time that the name starts with: decimal digits up to the first '.'. */
static uint64_t
delivery_time(struct pop_view base)
{
    const char *dot = memchr(base.data, '.', base.len);
    if (dot == NULL || dot == base.data)
        return 0;
    struct pop_view digits = {base.data, (size_t)(dot - base.data)};
    for (size_t i = 0; i < digits.len; i++)
        if (!is_digit(digits.data[i]))
            return 0;
    uint64_t time = UINT64_MAX;
    (void)parse_u64(digits, &time); /* untouched when too large */
    return time;
}

/* How many octets come before the first attribute: a comma, a letter and '='. */
static size_t
unique_len(struct pop_view base)
{
    for (size_t i = 0; i + 2 < base.len; i++) {
        char letter = base.data[i + 1];
        if (base.data[i] == ',' && letter >= 'A' && letter <= 'Z' && base.data[i + 2] == '=')
            return i;
    }
    return base.len;
}

struct maildir_name
maildir_name_parse(struct pop_view name)
{
    const char *colon = memchr(name.data, ':', name.len);
    struct pop_view base = {name.data, colon == NULL ? name.len : (size_t)(colon - name.data)};
    return (struct maildir_name){
        .time = delivery_time(base),
        .unique = {base.data, unique_len(base)},
        .base = base,
    };
}

static int
view_compare(struct pop_view a, struct pop_view b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

int
maildir_name_compare(const struct maildir_name *a, const struct maildir_name *b)
{
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    int order = view_compare(a->unique, b->unique);
    return order != 0 ? order : view_compare(a->base, b->base);
}

/* The number after ",X=", up to the next comma or the end. */
static bool
attribute(struct pop_view base, char letter, uint64_t *ret_value)
{
    const char key[3] = {',', letter, '='};
    const char *start = memmem(base.data, base.len, key, sizeof key);
    if (start == NULL)
        return false;
    struct pop_view value = base;
    pop_view_skip(&value, (size_t)(start - base.data) + sizeof key);
    const char *comma = memchr(value.data, ',', value.len);
    if (comma != NULL)
        value.len = (size_t)(comma - value.data);
    return parse_u64(value, ret_value);
}

bool
maildir_name_wire_size(struct pop_view base, uint64_t *ret_size)
{
    uint64_t size;
    if (!attribute(base, 'W', &size) || size > WIRE_CLAIM_MAX)
        return false;
    *ret_size = size;
    return true;
}

bool
maildir_name_file_size(struct pop_view base, uint64_t *ret_size)
{
    return attribute(base, 'S', ret_size);
}
