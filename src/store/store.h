/*
 * A maildrop, whatever holds it. One table of functions per engine; the
 * in-memory engine is the test double and the proof that the table is not
 * shaped by one backend.
 *
 * A struct store belongs to one session and is used by one thread at a time.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/err.h"
#include "base/snapshot.h"

#include <pop/view.h>

struct store; /* each engine's own; its first member is `const struct store_ops *ops` */

struct store_ops {
    const char *name; /* as the configuration says it */

    /*
     * Takes the lock and the snapshot a session works on: order, sizes and
     * unique-ids stay fixed until close, whatever is delivered meanwhile
     * (R1939-24, R1939-26, R1939-51). `location` is the expanded path of the
     * configuration.
     *
     * ERR_BUSY: another session holds this maildrop. ERR_SYSTEM: see
     * err_is_permanent(). A maildrop that does not exist is ERR_SYSTEM with
     * ENOENT. Nothing is held or changed on failure.
     */
    enum err_code (*open)(struct store **ret_store, const char *location, struct err *err);

    /* The session's snapshot for front (without file records); borrowed until close. */
    struct pop_view (*snapshot)(const struct store *store);

    /*
     * A descriptor at the start of the message, read only, CLOEXEC, the
     * caller's to close.
     *
     * ERR_NOT_FOUND: removed by another program (R1939-52). ERR_CHANGED: the
     * file is not what the snapshot promised any more. ERR_SYSTEM otherwise.
     */
    enum err_code (*message_open)(
        struct store *store, uint32_t index, int *ret_fd, struct err *err);

    /* Front read octets that do not add up to the size: count the message again and remember
     * the truth for the next session. */
    void (*message_suspect)(struct store *store, uint32_t index);

    /*
     * Removes the messages whose bit is set in `marks` (least significant bit
     * first) and makes that durable. A message that is gone already counts as
     * removed (R1939-52). *ret_left is how many are still there; it is set on
     * failure too. Each message is either wholly there or wholly gone.
     */
    enum err_code (*commit)(
        struct store *store, const unsigned char *marks, uint32_t *ret_left, struct err *err);

    /* Releases the lock. NULL is fine; without commit nothing changes. */
    void (*close)(struct store *store);
};

/* The engine of that name, or NULL. */
const struct store_ops *store_engine(const char *name);

extern const struct store_ops store_memory;
extern const struct store_ops store_maildir;

#endif
