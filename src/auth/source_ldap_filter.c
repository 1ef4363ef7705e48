/* A user's name in a filter or a DN: one value, whatever octets it has. */
#include "auth/source_ldap.h"

#include <stdlib.h>

const char *
template_problem(const char *text)
{
    for (const char *c = strchr(text, '%'); c != NULL; c = strchr(c + 2, '%'))
        if (c[1] == '\0' || strchr("und%", c[1]) == NULL)
            return "after '%' there is one of u, n, d, %";
    return NULL;
}

/* Parentheses that stand for themselves are \28 and \29 in a filter, so each that is there
 * counts. */
const char *
template_filter_problem(const char *text)
{
    const char *problem = template_problem(text);
    unsigned depth = 0;
    if (problem != NULL)
        return problem;
    if (!template_is_personal(text))
        return "it has neither %u nor %n, so it would find the same entry for everybody";
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == ')' && depth == 0)
            return "it has a ')' too many";
        depth += *c == '(';
        depth -= *c == ')';
        if (depth == 0 && c[1] != '\0')
            return "it is not one filter in parentheses";
    }
    return depth == 0 && text[0] == '(' ? NULL : "it is not one filter in parentheses";
}

bool
template_is_personal(const char *text)
{
    for (const char *c = strchr(text, '%'); c != NULL && c[1] != '\0'; c = strchr(c + 2, '%'))
        if (c[1] == 'u' || c[1] == 'n')
            return true;
    return false;
}

static struct pop_view
part_of(char letter, struct pop_view name)
{
    const char *at = memrchr(name.data, '@', name.len);
    size_t local_len = at != NULL ? (size_t)(at - name.data) : name.len;
    switch (letter) {
    case 'u':
        return name;
    case 'n':
        return (struct pop_view){name.data, local_len};
    default: /* d; the settings were checked */
        return at != NULL ? (struct pop_view){at + 1, name.len - local_len - 1}
                          : (struct pop_view){"", 0};
    }
}

static bool
means_nothing(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '@' || c == '.' || c == '_' || c == '-';
}

/* At most 3 octets for one. */
static void
put_value(struct pop_buffer *out, struct pop_view value)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        const char escaped[] = {'\\', digits[c >> 4], digits[c & 15]};
        bool plain = means_nothing(value.data[i]);
        pop_buffer_put(
            out, plain ? (struct pop_view){&value.data[i], 1}
                       : (struct pop_view){escaped, sizeof escaped});
    }
}

static size_t
percents(const char *text)
{
    size_t count = 0;
    for (const char *c = strchr(text, '%'); c != NULL; c = strchr(c + 1, '%'))
        count++;
    return count;
}

enum err_code
template_fill(const char *text, struct pop_view name, char **ret_text, struct err *err)
{
    struct pop_buffer out = {.cap = strlen(text) + 3 * name.len * percents(text) + 1};
    out.data = malloc(out.cap);
    if (out.data == NULL)
        return err_set(err, ERR_NOMEM, "asking a directory");
    for (const char *c = text; *c != '\0'; c++) {
        if (*c != '%' || *++c == '%') {
            pop_buffer_put(&out, (struct pop_view){c, 1});
            continue;
        }
        struct pop_view part = part_of(*c, name);
        if (part.len == 0) {
            free(out.data);
            return err_set(err, ERR_NOT_FOUND, "the name has nothing for %%%c", *c);
        }
        put_value(&out, part);
    }
    out.data[out.len] = '\0';
    *ret_text = out.data;
    return ERR_OK;
}
