/* Counting by reading, in pieces: memory is bounded whatever the message. Never by mmap: a
 * reader of the same mailbox may truncate the file, and that would be SIGBUS. */
#include "store/wire_size.h"

#include <errno.h>
#include <pop/body.h>
#include <unistd.h>

/* Most messages need one piece; larger pieces fall out of the first-level caches. */
#define PIECE_SIZE 32768

enum err_code
wire_size_count(int fd, struct wire_size *ret_size, struct err *err)
{
    char piece[PIECE_SIZE];
    struct pop_wire_size wire = {0};
    uint64_t stored = 0;
    for (;;) {
        ssize_t len = pread(fd, piece, sizeof piece, (off_t)stored);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return err_set(err, ERR_SYSTEM, "cannot read a message");
        if (len == 0)
            break;
        pop_wire_size_add(&wire, (struct pop_view){piece, (size_t)len});
        stored += (uint64_t)len;
    }
    *ret_size = (struct wire_size){pop_wire_size_end(&wire), stored};
    return ERR_OK;
}
