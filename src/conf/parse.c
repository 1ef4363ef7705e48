/*
 * libconfuse reads every value as a string; the callbacks here refuse a bad
 * one while libconfuse still knows its line.
 */
#include "conf/parse.h"

#include "base/limits.h"
#include "conf/conf.h"
#include "conf/option.h"
#include "conf/value.h"

#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* What a callback needs to know. libconfuse hands nothing of ours to callbacks, so this
 * travels in the first option of every section, which has no name that could be set. */
struct parsing {
    void *self;
    const char *path;
    const char *folder;
    struct err *err;
    bool told; /* *err has the first mistake */
};

static struct parsing *
parsing_of(cfg_t *cfg)
{
    return *cfg->opts[0].simple_value.ptr;
}

/* The first mistake is the cause; what follows are its effects. */
static int
tell(cfg_t *cfg, enum err_code code, const char *text)
{
    struct parsing *parsing = parsing_of(cfg);
    if (!parsing->told)
        (void)err_set(parsing->err, code, "%s:%d: %s", parsing->path, cfg->line, text);
    parsing->told = true;
    return -1;
}

static int tellf(cfg_t *cfg, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int
tellf(cfg_t *cfg, const char *format, ...)
{
    char text[ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return tell(cfg, ERR_INVALID, text);
}

/* "address, tls": what may stand in this section. */
static void
list_options(const char *section, char *list, size_t cap)
{
    size_t len = 0;
    list[0] = '\0';
    for (const struct conf_option *option = conf_options; option->name != NULL; option++) {
        if (strcmp(option->section, section) == 0 && len < cap)
            len += (size_t)snprintf(
                list + len, cap - len, "%s%s", len > 0 ? ", " : "", option->name);
    }
}

static int
tell_unknown(cfg_t *cfg, const char *name)
{
    const char *home = conf_option_home(name);
    if (home != NULL && strcmp(home, CONF_ROOT) == 0)
        return tellf(
            cfg, "'%s' does not belong in a section; is the } of '%s' missing before it?", name,
            cfg->name);
    if (home != NULL)
        return tellf(cfg, "'%s' belongs in the section '%s'", name, home);

    const char *nearest = conf_option_nearest(cfg->name, name);
    if (nearest != NULL)
        return tellf(cfg, "unknown option '%.100s', did you mean '%s'?", name, nearest);
    if (strcmp(cfg->name, CONF_ROOT) == 0)
        return tellf(cfg, "unknown option '%.100s'; --help-config lists what there is", name);

    char list[256];
    list_options(cfg->name, list, sizeof list);
    return tellf(
        cfg, "unknown option '%.100s' in '%s', which can have %s", name, cfg->name, list);
}

/* What libconfuse says about a name, and how a person would: before and after the name. */
static const struct {
    const char *said;
    const char *before;
    const char *after;
} wordings[] = {
    {"missing equal sign after option '%s'", "after '",
     "' an equal sign and a value are needed"},
    {"attempt to append to non-list option '%s'", "'", "' is no list: use = to set it"},
    {"missing opening brace for section '%s'", "'", "' is a section: a { is needed here"},
    {"missing title for section '%s'", "a section '", "' needs a title in quotes before its {"},
    {"found duplicate title '%s'", "there is already a section with the title '", "'"},
};

static const char no_such_option[] = "no such option '%s'";

/* Whatever libconfuse says is said in English: conf_parse() sets the C locale. */
__attribute__((format(printf, 2, 0))) static void
on_complaint(cfg_t *cfg, const char *format, va_list args)
{
    if (strcmp(format, no_such_option) == 0) {
        (void)tell_unknown(cfg, va_arg(args, const char *));
        return;
    }
    for (size_t i = 0; i < sizeof wordings / sizeof *wordings; i++) {
        if (strcmp(format, wordings[i].said) == 0) {
            (void)tellf(
                cfg, "%s%.100s%s", wordings[i].before, va_arg(args, const char *),
                wordings[i].after);
            return;
        }
    }
    char text[ERR_TEXT_MAX];
    (void)vsnprintf(text, sizeof text, format, args);
    (void)tell(cfg, ERR_INVALID, text);
}

/* Tries the value on a struct that is thrown away; the tree keeps its text. */
static enum err_code
value_check(
    const struct conf_option *option, const char *value, const char *folder, struct err *err)
{
    union {
        struct conf root;
        struct conf_listener listener;
        struct conf_auth auth;
        struct conf_tls tls;
        struct conf_store store;
        struct conf_limits limits;
    } scratch;
    memset(&scratch, 0, sizeof scratch);
    enum err_code code = conf_value_set(option, value, folder, &scratch, err);
    conf_value_finish(option, &scratch);
    return code;
}

static int
on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    /* libconfuse would take "limits|connections" for a path into a section. */
    const struct conf_option *option = conf_option_find(cfg->name, opt->name);
    if (option == NULL)
        return tell_unknown(cfg, opt->name);
    if (opt->def.number != 0)
        return tellf(cfg, "'%s' is set twice, first on line %ld", opt->name, opt->def.number);

    struct err why;
    enum err_code code = value_check(option, value, parsing_of(cfg)->folder, &why);
    if (code != ERR_OK)
        return tell(cfg, code, why.text);
    opt->def.number = cfg->line; /* of no use to libconfuse: there are no defaults in it */
    *(const char **)result = value;
    return 0;
}

/* "ldap", and of sections that there may be several of, "ldap:staff". */
static bool
is_kind(const struct conf_section *row, const char *kind, const char *title)
{
    size_t len = strlen(kind);
    return strncmp(kind, title, len) == 0 &&
           (title[len] == '\0' ||
            (row->count_max > 1 && title[len] == ':' && title[len + 1] != '\0'));
}

static int
check_title(cfg_t *cfg, const struct conf_section *row, const char *title)
{
    if (title[0] == '\0')
        return tellf(cfg, "a section '%s' needs a title that is not empty", row->name);
    if (row->kinds == NULL)
        return 0;

    char known[160];
    size_t len = 0;
    for (size_t i = 0; row->kinds[i] != NULL; i++) {
        if (is_kind(row, row->kinds[i], title))
            return 0;
        len += (size_t)snprintf(
            known + len, sizeof known - len, "%s\"%s\"", i > 0 ? ", " : "", row->kinds[i]);
    }
    return tellf(
        cfg, "unknown %s \"%.100s\" of '%s': it can be %s", row->title, title, row->name,
        known);
}

static int
tell_missing(
    cfg_t *cfg, const struct conf_section *row, const cfg_t *section,
    const struct conf_option *option)
{
    return tellf(
        cfg, "%s%s%.100s%s has no %s: %s", row->name, section->title ? " \"" : "",
        section->title ? section->title : "", section->title ? "\"" : "", option->name,
        option->help);
}

/* What a source may and must be told depends on its kind. */
static int
check_source(cfg_t *cfg, const struct conf_section *row, cfg_t *section)
{
    enum source_kind kind = conf_source_kind(section->title);
    for (const struct conf_option *option = conf_options; option->name != NULL; option++) {
        if (strcmp(option->section, row->name) != 0)
            continue;
        bool given = cfg_getstr(section, option->name) != NULL;
        if (given && !conf_option_fits(option, kind)) {
            cfg->line = conf_parse_line(section, option->name);
            return tellf(
                cfg, "%s is not for auth \"%s\"", option->name, source_kind_row(kind)->name);
        }
        if (!given && conf_option_needed(option, kind))
            return tell_missing(cfg, row, section, option);
    }
    return 0;
}

/* Called at the closing brace. */
static int
on_section(cfg_t *cfg, cfg_opt_t *opt)
{
    const struct conf_section *row = conf_section_find(opt->name);
    unsigned count = cfg_opt_size(opt);
    cfg_t *section = cfg_opt_getnsec(opt, count - 1);
    if (count > row->count_max)
        return tellf(cfg, "too many sections '%s': %u at most", row->name, row->count_max);
    if (row->title != NULL && check_title(cfg, row, section->title) != 0)
        return -1;

    for (const struct conf_option *option = conf_options; option->name != NULL; option++) {
        if (option->needed && strcmp(option->section, row->name) == 0 &&
            cfg_getstr(section, option->name) == NULL)
            return tell_missing(cfg, row, section, option);
    }
    return strcmp(row->name, "auth") == 0 ? check_source(cfg, row, section) : 0;
}

/* libconfuse's options of one section, malloc'ed; NULL: no memory. At the top level the last
 * ones are the sections, without their options. */
static cfg_opt_t *
options_make(const char *section, struct parsing *parsing)
{
    size_t count = 2; /* the carrier of `parsing`, and the end */
    for (const struct conf_option *row = conf_options; row->name != NULL; row++)
        count++;
    for (const struct conf_section *row = conf_sections; row->name != NULL; row++)
        count++;
    cfg_opt_t *options = calloc(count, sizeof *options);
    if (options == NULL)
        return NULL;

    cfg_opt_t *next = options;
    *next++ = (cfg_opt_t){
        .name = "",
        .type = CFGT_PTR,
        .flags = CFGF_NODEFAULT,
        .simple_value = {.ptr = &parsing->self},
    };
    for (const struct conf_option *row = conf_options; row->name != NULL; row++) {
        if (strcmp(row->section, section) == 0)
            *next++ = (cfg_opt_t){
                .name = row->name,
                .type = CFGT_STR,
                .flags = CFGF_NODEFAULT,
                .parsecb = on_value,
            };
    }
    return options;
}

static void
options_free(cfg_opt_t *options)
{
    for (cfg_opt_t *option = options; option != NULL && option->name != NULL; option++)
        free(option->subopts);
    free(options);
}

/* Adds the sections to the top level's options. False: no memory. */
static bool
sections_add(cfg_opt_t *options, struct parsing *parsing)
{
    cfg_opt_t *next = options;
    while (next->name != NULL)
        next++;
    for (const struct conf_section *row = conf_sections; row->name != NULL; row++, next++) {
        *next = (cfg_opt_t){
            .name = row->name,
            .type = CFGT_SEC,
            .flags = (row->title != NULL ? CFGF_TITLE | CFGF_NO_TITLE_DUPES : CFGF_NONE) |
                     (row->title != NULL || row->count_max > 1 ? CFGF_MULTI : CFGF_NONE),
            .subopts = options_make(row->name, parsing),
            .validcb = on_section,
        };
        if (next->subopts == NULL)
            return false;
    }
    return true;
}

static cfg_t *
cfg_make(struct parsing *parsing)
{
    cfg_opt_t *options = options_make(CONF_ROOT, parsing);
    cfg_t *cfg = NULL;
    if (options != NULL && sections_add(options, parsing))
        cfg = cfg_init(options, CFGF_NONE); /* makes a copy of the options */
    options_free(options);
    if (cfg != NULL)
        (void)cfg_set_error_function(cfg, on_complaint);
    return cfg;
}

static bool
parse_text(cfg_t *cfg, const struct conf_text *text)
{
    /* fmemopen needs an octet at least; the NUL behind the text is not one of it. */
    if (text->len == 0)
        return true;
    FILE *file = fmemopen(text->data, text->len, "r");
    if (file == NULL)
        return false;
    errno = 0;
    bool parsed = cfg_parse_fp(cfg, file) == CFG_SUCCESS;
    /* An empty name is the one mistake that libconfuse does not complain about. */
    if (!parsed && errno == EINVAL)
        (void)tell(
            cfg, ERR_INVALID,
            "an option without a name, here or in the section that begins here");
    (void)fclose(file); /* memory only */
    return parsed;
}

enum err_code
conf_parse(
    const char *path, const char *folder, const struct conf_text *text, cfg_t **ret_cfg,
    struct err *err)
{
    struct err why = {.code = ERR_NOMEM};
    struct parsing parsing = {.path = path, .folder = folder, .err = &why};
    parsing.self = &parsing;
    cfg_t *cfg = cfg_make(&parsing);
    if (cfg == NULL)
        return err_set(err, ERR_NOMEM, "no memory for configuration '%s'", path);

    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = uselocale(plain);
    bool parsed = parse_text(cfg, text);
    (void)uselocale(before);
    freelocale(plain);

    if (parsed && text->open_line == 0) {
        /* The carriers must not be followed from here: `parsing` is about to go. */
        *ret_cfg = cfg;
        return ERR_OK;
    }
    (void)cfg_free(cfg);
    if (parsed)
        return err_set(
            err, ERR_INVALID, "%s:%d: the section is not closed: } is missing", path,
            text->open_line);
    if (!parsing.told)
        return err_set(err, ERR_NOMEM, "no memory for configuration '%s'", path);
    return err_set(err, why.code, "%s", why.text);
}

enum source_kind
conf_source_kind(const char *title)
{
    return source_kind_find((struct pop_view){title, strcspn(title, ":")});
}

int
conf_parse_line(cfg_t *section, const char *name)
{
    const cfg_opt_t *opt = cfg_getopt(section, name);
    return opt != NULL ? (int)opt->def.number : 0;
}
