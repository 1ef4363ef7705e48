/*
 * Building and judging snapshot blocks.
 *
 * A block comes from the file system or from another process, so snapshot_open()
 * believes nothing: sizes first (nothing outside the block is read), then the
 * checksum (chance), then every field (malice). What it lets through can be
 * used without further checks.
 */
#include "base/snapshot.h"

#include "base/limits.h"

#define XXH_INLINE_ALL
#include <stdalign.h>
#include <stdlib.h>
#include <xxhash.h>

static const char magic[8] = {'r', 'e', 's', 't', 'a', 'n', 't', '1'};

/* The byte order of the machine is part of the format: a block never leaves the machine that
 * made it, or it is rebuilt there. On the wrong one `count` and the sizes do not fit. */
static_assert(sizeof(struct snapshot_header) == 56, "the format has no padding");
static_assert(sizeof(struct pop_message) == 16, "the format has no padding");
static_assert(sizeof(struct snapshot_file) == 24, "the format has no padding");

/* Where the parts of a block lie. */
struct layout {
    size_t files;
    size_t strings;
    size_t checksum;
    size_t total;
};

/* The parts for these counts, which are within their limits: no sum can overflow 64 bits. */
static struct layout
layout_of(uint32_t count, uint32_t file_count, uint64_t strings_size)
{
    struct layout layout;
    layout.files = sizeof(struct snapshot_header) + count * sizeof(struct pop_message);
    layout.strings = layout.files + file_count * sizeof(struct snapshot_file);
    layout.checksum = layout.strings + ((strings_size + 7) & ~(size_t)7);
    layout.total = layout.checksum + sizeof(uint64_t);
    return layout;
}

static enum err_code
bad(struct err *err, const char *what)
{
    return err_set(err, ERR_INVALID, "damaged snapshot: %s", what);
}

static enum err_code
check_sizes(
    struct pop_view block, struct snapshot_header *ret_header, struct layout *ret_layout,
    struct err *err)
{
    struct snapshot_header header;
    if (block.len < sizeof header)
        return bad(err, "shorter than its header");
    if ((uintptr_t)block.data % alignof(struct snapshot_header) != 0)
        return bad(err, "not aligned");
    memcpy(&header, block.data, sizeof header);
    if (memcmp(header.magic, magic, sizeof magic) != 0)
        return bad(err, "wrong magic");
    if (header.count > MAILDROP_MESSAGES_MAX || header.strings_size > UINT32_MAX)
        return bad(err, "counts beyond their limits");
    if (header.file_count != 0 && header.file_count != header.count)
        return bad(err, "neither no file nor one for each message");

    struct layout layout = layout_of(header.count, header.file_count, header.strings_size);
    if (block.len != layout.total)
        return bad(err, "its counts do not match its length");
    *ret_header = header;
    *ret_layout = layout;
    return ERR_OK;
}

static enum err_code
check_checksum(struct pop_view block, const struct layout *layout, struct err *err)
{
    uint64_t stored;
    memcpy(&stored, block.data + layout->checksum, sizeof stored);
    if (stored != XXH3_64bits(block.data, layout->checksum))
        return bad(err, "wrong checksum");
    return ERR_OK;
}

static bool
range_fits(uint32_t offset, uint32_t len, struct pop_view strings)
{
    return offset <= strings.len && len <= strings.len - offset;
}

/* R1939-47. */
static bool
uid_is_valid(struct pop_view uid)
{
    if (uid.len < 1 || uid.len > POP_UID_MAX)
        return false;
    for (size_t i = 0; i < uid.len; i++)
        if (uid.data[i] < 0x21 || uid.data[i] > 0x7e)
            return false;
    return true;
}

static enum err_code
check_messages(const struct pop_maildrop *maildrop, struct err *err)
{
    static const uint8_t zeros[sizeof maildrop->messages->reserved];
    uint64_t octets = 0;
    for (uint32_t i = 0; i < maildrop->count; i++) {
        const struct pop_message *message = &maildrop->messages[i];
        if (__builtin_add_overflow(octets, message->size, &octets))
            return bad(err, "the sum of the sizes overflows");
        if (!range_fits(message->uid_offset, message->uid_len, maildrop->strings))
            return bad(err, "a unique-id outside of the strings");
        if (!uid_is_valid(pop_maildrop_uid(maildrop, i)))
            return bad(err, "a unique-id that is none");
        if (memcmp(message->reserved, zeros, sizeof zeros) != 0)
            return bad(err, "reserved octets are not zero");
    }
    if (octets != maildrop->octets)
        return bad(err, "the sum of the sizes is wrong");
    return ERR_OK;
}

/* A name is used with openat() and unlinkat(): it must stay inside its folder. */
static bool
name_is_safe(struct pop_view name)
{
    return name.len >= 1 && name.len <= FILE_NAME_MAX_LEN && name.data[0] != '.' &&
           memchr(name.data, '/', name.len) == NULL &&
           memchr(name.data, '\0', name.len) == NULL;
}

static enum err_code
check_files(const struct snapshot *snapshot, struct err *err)
{
    for (uint32_t i = 0; i < snapshot->file_count; i++) {
        const struct snapshot_file *file = &snapshot->files[i];
        if (!range_fits(file->name_offset, file->name_len, snapshot->maildrop.strings))
            return bad(err, "a file name outside of the strings");
        if (!name_is_safe(snapshot_file_name(snapshot, i)))
            return bad(err, "a file name that leaves its folder");
        if (file->folder > SNAPSHOT_CUR || file->known > SNAPSHOT_COUNTED)
            return bad(err, "an unknown kind of file");
    }
    return ERR_OK;
}

/* Between the strings and the checksum: zeros only, so that one maildrop has one block. */
static enum err_code
check_padding(
    struct pop_view block, const struct layout *layout, uint64_t strings_size, struct err *err)
{
    for (size_t i = layout->strings + strings_size; i < layout->checksum; i++)
        if (block.data[i] != 0)
            return bad(err, "padding is not zero");
    return ERR_OK;
}

enum err_code
snapshot_open(struct pop_view block, struct snapshot *ret_snapshot, struct err *err)
{
    struct snapshot_header header = {0};
    struct layout layout = {0};
    enum err_code code = check_sizes(block, &header, &layout, err);
    if (code == ERR_OK)
        code = check_checksum(block, &layout, err);
    if (code == ERR_OK)
        code = check_padding(block, &layout, header.strings_size, err);
    if (code != ERR_OK)
        return code;

    /* The block is aligned for these, and their sizes keep it so. */
    const void *messages = block.data + sizeof header;
    const void *files = block.data + layout.files;
    struct snapshot snapshot = {
        .maildrop =
            {.count = header.count,
             .octets = header.octets,
             .messages = messages,
             .strings = {block.data + layout.strings, header.strings_size}},
        .times = header.times,
        .file_count = header.file_count,
        .files = files,
        .block = block,
    };
    code = check_messages(&snapshot.maildrop, err);
    if (code == ERR_OK)
        code = check_files(&snapshot, err);
    if (code == ERR_OK)
        *ret_snapshot = snapshot;
    return code;
}

static enum err_code
sum_sizes(
    const struct pop_message *messages, uint32_t count, uint64_t *ret_octets, struct err *err)
{
    uint64_t octets = 0;
    for (uint32_t i = 0; i < count; i++)
        if (__builtin_add_overflow(octets, messages[i].size, &octets))
            return err_set(err, ERR_LIMIT, "the sizes of the messages sum up beyond 64 bits");
    *ret_octets = octets;
    return ERR_OK;
}

/* memcpy() must not see NULL, not even for no octets. */
static void
put(char *to, const void *from, size_t size)
{
    if (size > 0)
        memcpy(to, from, size);
}

enum err_code
snapshot_build(
    const struct pop_message *messages, const struct snapshot_file *files, uint32_t count,
    struct pop_view strings, const struct snapshot_times *times, struct pop_view *ret_block,
    struct err *err)
{
    if (count > MAILDROP_MESSAGES_MAX)
        return err_set(
            err, ERR_LIMIT, "more than %u messages in a maildrop", MAILDROP_MESSAGES_MAX);
    if (strings.len > UINT32_MAX)
        return err_set(err, ERR_LIMIT, "more than 4 GiB of names in a maildrop");
    uint64_t octets = 0;
    enum err_code code = sum_sizes(messages, count, &octets, err);
    if (code != ERR_OK)
        return code;

    uint32_t file_count = files == NULL ? 0 : count;
    struct layout layout = layout_of(count, file_count, strings.len);
    char *data = calloc(1, layout.total); /* zeroed: the padding */
    if (data == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a snapshot of %u messages", count);

    struct snapshot_header header = {
        .count = count,
        .file_count = file_count,
        .octets = octets,
        .strings_size = strings.len,
        .times = *times,
    };
    memcpy(header.magic, magic, sizeof magic);
    put(data, &header, sizeof header);
    put(data + sizeof header, messages, count * sizeof *messages);
    put(data + layout.files, files, file_count * sizeof *files);
    put(data + layout.strings, strings.data, strings.len);
    uint64_t checksum = XXH3_64bits(data, layout.checksum);
    put(data + layout.checksum, &checksum, sizeof checksum);
    *ret_block = (struct pop_view){data, layout.total};
    return ERR_OK;
}
