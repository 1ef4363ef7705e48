/* The size of a stored message on the wire, counted by reading it. */
#ifndef STORE_WIRE_SIZE_H
#define STORE_WIRE_SIZE_H

#include "base/err.h"

#include <stdint.h>

struct wire_size {
    uint64_t wire;   /* octets with CRLF line ends (R1939-39, R5322-1) */
    uint64_t stored; /* octets that were read */
};

/* Reads the file from its start to its end. The position of `fd` stays where it is. ERR_SYSTEM:
 * it cannot be read. */
enum err_code wire_size_count(int fd, struct wire_size *ret_size, struct err *err);

#endif
