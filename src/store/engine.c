/* The engines that this build has. */
#include "store/store.h"

#include <string.h>

const struct store_ops *
store_engine(const char *name)
{
    static const struct store_ops *const engines[] = {&store_maildir, &store_memory};
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++)
        if (strcmp(engines[i]->name, name) == 0)
            return engines[i];
    return NULL;
}
