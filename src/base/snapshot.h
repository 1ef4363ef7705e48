/*
 * The snapshot: a maildrop as one immutable, checksummed block.
 *
 * store makes it, front reads it: sizes and unique-ids of a session, so that
 * STAT, LIST, UIDL, DELE and RSET need no request. With a record per file in
 * addition it is what lies on disk as `restante.index`.
 * It lives in base because store and front share it and nothing else.
 *
 * Layout, in the byte order of the machine, everything 8-aligned:
 *
 *   struct snapshot_header
 *   struct pop_message  messages[count]
 *   struct snapshot_file files[file_count]     0, or count: an index
 *   char strings[strings_size], padded with zero octets to 8
 *   uint64_t checksum                          XXH3 of all before it
 */
#ifndef BASE_SNAPSHOT_H
#define BASE_SNAPSHOT_H

#include "base/err.h"

#include <pop/maildrop.h>

/* Where a message's file was when the index was written. */
enum snapshot_folder {
    SNAPSHOT_NEW,
    SNAPSHOT_CUR,
};

/* How much is known of a file's size on the wire. */
enum snapshot_known {
    SNAPSHOT_CLAIMED, /* the name says so (,W=); proved when it is sent */
    SNAPSHOT_COUNTED, /* the file was read */
};

struct snapshot_file {
    uint64_t file_size;   /* octets on disk when counted; 0 for SNAPSHOT_CLAIMED */
    int64_t mtime_ns;     /* of the file when counted; 0 for SNAPSHOT_CLAIMED */
    uint32_t name_offset; /* of the file name with its flags, in strings */
    uint16_t name_len;
    uint8_t folder; /* enum snapshot_folder */
    uint8_t known;  /* enum snapshot_known */
};

/* What an index says about the moment it was made; zero in a snapshot for front. */
struct snapshot_times {
    int64_t new_mtime_ns; /* of the folders, before the scan */
    int64_t cur_mtime_ns;
    int64_t scanned_ns; /* coarse real-time clock, before the scan */
};

struct snapshot_header {
    char magic[8]; /* "restant1" */
    uint32_t count;
    uint32_t file_count;
    uint64_t octets; /* sum of all sizes */
    uint64_t strings_size;
    struct snapshot_times times;
};

/* A view of a block; borrows from it. */
struct snapshot {
    struct pop_maildrop maildrop;
    struct snapshot_times times;
    uint32_t file_count;
    const struct snapshot_file *files;
    struct pop_view block;
};

/*
 * Checks everything: magic, sizes, checksum, every offset, every unique-id
 * (1 to 70 octets of 0x21 to 0x7E), the sum. ERR_INVALID says what is wrong;
 * *ret_snapshot is then untouched. `block` must be 8-aligned.
 */
enum err_code
snapshot_open(struct pop_view block, struct snapshot *ret_snapshot, struct err *err);

/* Makes a block from arrays. `files` may be NULL. *ret_block is malloc'ed, the caller's.
 * ERR_NOMEM, or ERR_LIMIT beyond MAILDROP_MESSAGES_MAX or 4 GiB of strings. */
enum err_code snapshot_build(
    const struct pop_message *messages, const struct snapshot_file *files, uint32_t count,
    struct pop_view strings, const struct snapshot_times *times, struct pop_view *ret_block,
    struct err *err);

static inline struct pop_view
snapshot_file_name(const struct snapshot *snapshot, uint32_t index)
{
    const struct snapshot_file *file = &snapshot->files[index];
    return (struct pop_view){
        snapshot->maildrop.strings.data + file->name_offset, file->name_len};
}

#endif
