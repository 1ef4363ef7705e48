/* The list of options for people. */
#include "base/mechanism.h"
#include "conf/conf.h"
#include "conf/option.h"

#include <string.h>

static void
print_choices(FILE *out, const struct conf_option *option)
{
    for (size_t i = 0; option->choices[i] != NULL; i++)
        (void)fprintf(out, "%s\"%s\"", i > 0 ? " | " : "", option->choices[i]);
}

/* "never | loopback | always", "0 to 256", ... */
static void
print_values(FILE *out, const struct conf_option *option)
{
    char names[MECHANISM_NAMES_MAX];
    switch (option->kind) {
    case CONF_KIND_NUMBER:
        (void)fprintf(out, "%u to %u", option->min, option->max);
        return;
    case CONF_KIND_TEXT:
        if (option->choices == NULL)
            (void)fputs("text", out);
        else
            print_choices(out, option);
        return;
    case CONF_KIND_CHOICE:
        print_choices(out, option);
        return;
    case CONF_KIND_HOSTNAME:
        (void)fputs("host name", out);
        return;
    case CONF_KIND_ADDRESS:
        (void)fputs("address:port", out);
        return;
    case CONF_KIND_FILE:
    case CONF_KIND_TEMPLATE:
        (void)fputs("path", out);
        return;
    case CONF_KIND_ACCOUNT:
        (void)fputs("user[:group]", out);
        return;
    case CONF_KIND_NETWORKS:
        (void)fputs("\"address/bits ...\"", out);
        return;
    case CONF_KIND_MECHANISMS:
        (void)fprintf(
            out, "\"auto\" | some of \"%.*s\"", (int)mechanism_names(MECHANISMS_ALL, names),
            names);
        return;
    }
}

/* "(ldap, sql)": what is not for all sources. */
static void
print_sources(FILE *out, const struct conf_option *option)
{
    const char *before = " (for ";
    if (strcmp(option->section, "auth") != 0)
        return;
    for (unsigned i = 0; i < SOURCE_KIND_COUNT; i++) {
        if (!conf_option_fits(option, (enum source_kind)i))
            continue;
        (void)fprintf(out, "%s%s", before, source_kind_row((enum source_kind)i)->name);
        before = ", ";
    }
    (void)fputs(")", out);
}

static void
print_options(FILE *out, const char *section, const char *indent)
{
    for (const struct conf_option *option = conf_options; option->name != NULL; option++) {
        if (strcmp(option->section, section) != 0)
            continue;
        (void)fprintf(out, "%s%s = ", indent, option->name);
        print_values(out, option);
        (void)fprintf(out, "\n%s    %s", indent, option->help);
        print_sources(out, option);
        if (option->fallback != NULL)
            (void)fprintf(out, " (default: %s)", option->fallback);
        (void)fputs(option->needed ? " (needed)\n" : "\n", out);
    }
}

void
conf_options_print(FILE *out)
{
    print_options(out, CONF_ROOT, "");
    for (const struct conf_section *row = conf_sections; row->name != NULL; row++) {
        (void)fputs(row->name, out);
        for (size_t i = 0; row->kinds != NULL && row->kinds[i] != NULL; i++)
            (void)fprintf(out, "%s\"%s\"", i > 0 ? " | " : " ", row->kinds[i]);
        if (row->kinds == NULL && row->title != NULL)
            (void)fputs(" \"NAME\"", out);
        (void)fprintf(out, " { ... }\n    %s\n", row->help);
        print_options(out, row->name, "    ");
    }
}
