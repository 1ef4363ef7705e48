/* libconfuse, with our table of options and our messages about mistakes. */
#ifndef CONF_PARSE_H
#define CONF_PARSE_H

#include "base/err.h"
#include "base/source_kind.h"
#include "conf/text.h"

#include <confuse.h>

/*
 * Reads the text of the file `path` into libconfuse's tree, in which every
 * value is a string that conf_value_set() accepts, every section has what it
 * needs, and nothing is there twice. *ret_cfg is the caller's, for cfg_free().
 *
 * ERR_INVALID with "FILE:LINE: ..." for the first mistake; ERR_NOMEM.
 */
enum err_code conf_parse(
    const char *path, const char *folder, const struct conf_text *text, cfg_t **ret_cfg,
    struct err *err);

/* Of a section auth that was parsed: "ldap:staff" is an "ldap". */
enum source_kind conf_source_kind(const char *title);

/* The line on which an option of the section was set; 0: it was not. */
int conf_parse_line(cfg_t *section, const char *name);

#endif
