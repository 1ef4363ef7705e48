/* Values as written, turned into what the fields of struct conf hold. */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "conf/conf.h"
#include "conf/option.h"

/*
 * Puts the value into its field of `target`, the section's struct. Relative
 * paths are made absolute from `folder`. What the field owned before is freed.
 *
 * ERR_INVALID: the text says what is wrong and what is allowed, without
 * file and line. ERR_NOMEM. The field is unchanged on failure.
 */
enum err_code conf_value_set(
    const struct conf_option *option, const char *text, const char *folder, void *target,
    struct err *err);

/* Frees what the field of `target` owns. */
void conf_value_finish(const struct conf_option *option, void *target);

#endif
