/* The table of everything that may stand in the configuration. The parser, the messages about
 * mistakes, the list for --help-config and the manual all come from it. */
#ifndef CONF_OPTION_H
#define CONF_OPTION_H

#include "base/source_kind.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_kind {
    CONF_KIND_NUMBER,     /* uint32_t: decimal, `min` to `max` */
    CONF_KIND_CHOICE,     /* an enum: the index into `choices` */
    CONF_KIND_HOSTNAME,   /* char * */
    CONF_KIND_ADDRESS,    /* struct conf_address */
    CONF_KIND_FILE,       /* char *: made absolute */
    CONF_KIND_TEMPLATE,   /* char *: see conf/template.h; made absolute */
    CONF_KIND_ACCOUNT,    /* struct conf_account */
    CONF_KIND_NETWORKS,   /* struct conf_networks: with blanks between */
    CONF_KIND_TEXT,       /* char *: printable; of `choices` if there are any */
    CONF_KIND_MECHANISMS, /* uint32_t: a set of enum mechanism; "auto" is 0 */
};

struct conf_option {
    const char *section; /* CONF_ROOT, or the section that it stands in */
    const char *name;
    enum conf_kind kind;
    const char *const *choices; /* CHOICE: the words, NULL at the end */
    uint32_t min, max;          /* NUMBER */
    size_t offset;              /* of the field in the section's struct */
    const char *fallback;       /* the default as one would write it, or NULL: none */
    bool needed;                /* refused without it */
    const char *help;           /* one line */
};

/* What libconfuse calls the top level. */
#define CONF_ROOT "root"

struct conf_section {
    const char *name;
    const char *const *kinds; /* the titles that it may have; NULL: see `title` */
    const char *title;        /* what its title is, for messages; NULL: it has none */
    unsigned count_max;
    const char *help;
};

/* Both end with a row without a name. */
extern const struct conf_section conf_sections[];
extern const struct conf_option conf_options[];

/* The option of that name in that section, or NULL. */
const struct conf_option *conf_option_find(const char *section, const char *name);

/* May an option of section "auth" stand in one of this kind, and must it? */
bool conf_option_fits(const struct conf_option *option, enum source_kind kind);
bool conf_option_needed(const struct conf_option *option, enum source_kind kind);

/* The section of that name, or NULL. */
const struct conf_section *conf_section_find(const char *name);

/* The option or section of `section` that was most likely meant by `name`, or NULL when
 * nothing comes near. */
const char *conf_option_nearest(const char *section, const char *name);

/* The section that has an option of this name, or NULL. */
const char *conf_option_home(const char *name);

/* Edits (insert, remove, replace, swap two neighbours) between two words. */
size_t conf_distance(const char *a, const char *b);

#endif
