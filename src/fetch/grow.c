/* Arrays that grow by doubling. */
#include "fetch/grow.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum err_code
grow(void *array, size_t *cap, size_t wanted, size_t size, const char *what, struct err *err)
{
    if (wanted <= *cap)
        return ERR_OK;
    size_t next = *cap < 16 ? 16 : *cap;
    while (next < wanted)
        next += next;

    /* The caller's pointer has its own type: it is read and written as octets. */
    void *old;
    memcpy(&old, array, sizeof old);
    void *moved = next > SIZE_MAX / size ? NULL : realloc(old, next * size);
    if (moved == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %s", what);
    memcpy(array, &moved, sizeof moved);
    *cap = next;
    return ERR_OK;
}
