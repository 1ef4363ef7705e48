/*
 * What a Maildir file name says.
 *
 *   1700000000.M42P7.host,S=1024,W=1050:2,FS
 *   |--- unique part ---|               |
 *   |----------- base name ------------|  flags
 *
 * Readers change what follows ':' and move the file from new to cur; the base
 * name stays, and in it the unique part is what the deliverer made unique.
 */
#ifndef STORE_MAILDIR_NAME_H
#define STORE_MAILDIR_NAME_H

#include <pop/view.h>
#include <stdint.h>

struct maildir_name {
    uint64_t time;          /* of delivery, in seconds; 0 if the name does not start with one */
    struct pop_view unique; /* the start of the base name */
    struct pop_view base;   /* the start of the name */
};

/* Borrows from `name`. A time beyond 64 bits counts as the largest. */
struct maildir_name maildir_name_parse(struct pop_view name);

/*
 * The order of messages: by time, then unique part, then base name; < 0, 0, > 0.
 * Only equal base names compare equal, and names of one unique part are
 * neighbours.
 */
int maildir_name_compare(const struct maildir_name *a, const struct maildir_name *b);

/* A size on the wire larger than this is not believed. No file system holds such a message,
 * and the sum over MAILDROP_MESSAGES_MAX messages stays within 64 bits. */
#define WIRE_CLAIM_MAX (1ull << 39)

/* What `,W=` and `,S=` claim: the size on the wire and on disk. False: no such attribute, or no
 * sane number. */
bool maildir_name_wire_size(struct pop_view base, uint64_t *ret_size);
bool maildir_name_file_size(struct pop_view base, uint64_t *ret_size);

#endif
