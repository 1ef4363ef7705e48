/* libpop: the Post Office Protocol without the I/O. Includes everything. */
#ifndef POP_POP_H
#define POP_POP_H

#include <pop/base64.h>
#include <pop/body.h>
#include <pop/client.h>
#include <pop/limits.h>
#include <pop/line.h>
#include <pop/maildrop.h>
#include <pop/reply.h>
#include <pop/server.h>
#include <pop/view.h>

#endif
