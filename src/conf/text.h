/*
 * The configuration file as text, made safe for libconfuse.
 *
 * libconfuse's lexer passes over characters it does not know, takes an open
 * comment or section at the end of the file for a closed one, miscounts lines
 * after a C comment and replaces ${NAME} from the environment. So the text is
 * checked first, and comments are blanked out: what is left is what libconfuse
 * reads exactly.
 */
#ifndef CONF_TEXT_H
#define CONF_TEXT_H

#include "base/err.h"

#include <stddef.h>

struct conf_text {
    char *data; /* NUL-terminated; owned */
    size_t len;
    int line_count;
    int open_line; /* of a '{' without its '}', or 0 */
};

/* Reads and cleans. ERR_SYSTEM, ERR_NOMEM, or ERR_INVALID with "FILE:LINE: ...". */
enum err_code conf_text_read(const char *path, struct conf_text *ret_text, struct err *err);
void conf_text_finish(struct conf_text *text);

#endif
