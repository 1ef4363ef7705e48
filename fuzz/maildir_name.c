/*
 * Maildir file names, up to three in one input with '/' between them: flags change nothing that
 * identifies a message, and the order of messages is one (total, equal for equal base names
 * only, names of one unique part together).
 */
#include "store/maildir_name.h"
#include "base/limits.h"
#include "fuzz.h"

#include <stdio.h>

enum { NAMES = 3 };

/* A name that a folder can have; false: the input has no more. */
static bool
take_name(struct pop_view *in, struct pop_view *ret_name)
{
    if (in->len == 0)
        return false;
    const char *slash = memchr(in->data, '/', in->len);
    *ret_name = (struct pop_view){in->data, slash ? (size_t)(slash - in->data) : in->len};
    pop_view_skip(in, ret_name->len + (slash ? 1 : 0));
    return ret_name->len >= 1 && ret_name->len <= FILE_NAME_MAX_LEN &&
           memchr(ret_name->data, '\0', ret_name->len) == NULL;
}

static bool
starts(struct pop_view whole, struct pop_view start)
{
    return start.data == whole.data && start.len <= whole.len;
}

static void
check_name(struct pop_view text, const struct maildir_name *name)
{
    CHECK(starts(text, name->base) && starts(name->base, name->unique));
    CHECK(name->base.len == text.len || text.data[name->base.len] == ':');
    CHECK(memchr(name->base.data, ':', name->base.len) == NULL);

    char other[2 * FILE_NAME_MAX_LEN];
    int len = snprintf(other, sizeof other, "%.*s:2,FS", (int)name->base.len, name->base.data);
    CHECK(len > 0 && (size_t)len < sizeof other);
    struct maildir_name again = maildir_name_parse((struct pop_view){other, (size_t)len});
    CHECK(maildir_name_compare(name, &again) == 0 && name->time == again.time);
    CHECK(pop_view_equal(name->unique, again.unique) && pop_view_equal(name->base, again.base));

    uint64_t size = 77;
    if (maildir_name_wire_size(name->base, &size))
        CHECK(size <= WIRE_CLAIM_MAX);
    else
        CHECK(size == 77);
    size = 77;
    CHECK(maildir_name_file_size(name->base, &size) || size == 77);
}

static int
sign(int order)
{
    return (order > 0) - (order < 0);
}

static void
check_order(const struct maildir_name *a, const struct maildir_name *b)
{
    int order = sign(maildir_name_compare(a, b));
    CHECK(order == -sign(maildir_name_compare(b, a)));
    CHECK((order == 0) == pop_view_equal(a->base, b->base));
}

/* For a < b < c. */
static void
check_three(
    const struct maildir_name *a, const struct maildir_name *b, const struct maildir_name *c)
{
    if (maildir_name_compare(a, b) > 0 || maildir_name_compare(b, c) > 0)
        return;
    CHECK(maildir_name_compare(a, c) <= 0);
    if (pop_view_equal(a->unique, c->unique))
        CHECK(pop_view_equal(a->unique, b->unique));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pop_view in = fuzz_view(data, size);
    struct pop_view text;
    struct maildir_name names[NAMES];
    char *copies[NAMES];
    size_t count = 0;
    for (; count < NAMES && take_name(&in, &text); count++) {
        copies[count] = fuzz_copy(text);
        text.data = copies[count];
        names[count] = maildir_name_parse(text);
        check_name(text, &names[count]);
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            check_order(&names[i], &names[j]);
    for (size_t i = 0; i < count && count == NAMES; i++)
        for (size_t j = 0; j < count; j++)
            if (i != j)
                check_three(&names[i], &names[j], &names[NAMES - i - j]);
    for (size_t i = 0; i < count; i++)
        free(copies[i]);
    return 0;
}
