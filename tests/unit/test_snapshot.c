/* The snapshot block as hostile input: what snapshot_open() lets through can be used blindly.
 */
#include "base/limits.h"
#include "base/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define MESSAGES 3

static const char strings[] = "1.a:2,S"
                              "2.b"
                              "h0123";

static const struct pop_message messages[MESSAGES] = {
    {.size = 120, .uid_offset = 0, .uid_len = 3},
    {.size = 0, .uid_offset = 7, .uid_len = 3},
    {.size = 5000000000, .uid_offset = 10, .uid_len = 5},
};

static const struct snapshot_file files[MESSAGES] = {
    {.name_offset = 0, .name_len = 7, .folder = SNAPSHOT_CUR, .known = SNAPSHOT_CLAIMED},
    {.name_offset = 7, .name_len = 3, .folder = SNAPSHOT_NEW, .known = SNAPSHOT_COUNTED},
    {.file_size = 9, .mtime_ns = -7, .name_offset = 7, .name_len = 3, .folder = SNAPSHOT_CUR},
};

static const struct snapshot_times times = {11, 22, 33};

/* A block whose last octet lies before a page that must not be touched. */
struct guarded {
    char *pages;
    size_t size;
    struct pop_view block;
};

static struct guarded
guard(struct pop_view block)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t used = (block.len + page - 1) / page * page;
    struct guarded guarded = {.size = used + page};
    guarded.pages =
        mmap(NULL, guarded.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(guarded.pages, MAP_FAILED);
    assert_int_equal(mprotect(guarded.pages + used, page, PROT_NONE), 0);
    char *start = guarded.pages + used - block.len;
    if (block.len > 0)
        memcpy(start, block.data, block.len);
    guarded.block = (struct pop_view){start, block.len};
    return guarded;
}

static void
unguard(struct guarded *guarded)
{
    (void)munmap(guarded->pages, guarded->size);
}

static char *
octets_of(struct guarded *guarded)
{
    return guarded->pages + (guarded->block.data - guarded->pages);
}

static struct guarded
sample(const struct snapshot_file *with_files)
{
    struct pop_view block;
    struct err err;
    assert_int_equal(
        snapshot_build(
            messages, with_files, MESSAGES, (struct pop_view){strings, sizeof strings - 1},
            &times, &block, &err),
        ERR_OK);
    struct guarded guarded = guard(block);
    free((void *)(uintptr_t)block.data);
    return guarded;
}

/* Makes chance's check pass, so that only the others are left. */
static void
refresh_checksum(struct guarded *guarded)
{
    size_t len = guarded->block.len - sizeof(uint64_t);
    uint64_t checksum = XXH3_64bits(guarded->block.data, len);
    memcpy(octets_of(guarded) + len, &checksum, sizeof checksum);
}

/* Reads all that a user of the snapshot reads. */
static void
check_is_safe(const struct snapshot *snapshot)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < snapshot->maildrop.count; i++) {
        struct pop_view uid = pop_maildrop_uid(&snapshot->maildrop, i);
        assert_in_range(uid.len, 1, POP_UID_MAX);
        for (size_t j = 0; j < uid.len; j++)
            assert_in_range(uid.data[j], 0x21, 0x7e);
        sum += snapshot->maildrop.messages[i].size;
    }
    assert_true(sum == snapshot->maildrop.octets);
    for (uint32_t i = 0; i < snapshot->file_count; i++) {
        struct pop_view name = snapshot_file_name(snapshot, i);
        assert_in_range(name.len, 1, FILE_NAME_MAX_LEN);
        assert_null(memchr(name.data, '/', name.len));
        assert_null(memchr(name.data, 0, name.len));
        assert_in_range(snapshot->files[i].folder, SNAPSHOT_NEW, SNAPSHOT_CUR);
        assert_in_range(snapshot->files[i].known, SNAPSHOT_CLAIMED, SNAPSHOT_COUNTED);
    }
}

static void
a_built_block_opens_to_what_was_put_in(void **state)
{
    (void)state;
    struct guarded guarded = sample(files);
    struct snapshot snapshot;
    struct err err;
    assert_int_equal(snapshot_open(guarded.block, &snapshot, &err), ERR_OK);
    assert_int_equal(snapshot.maildrop.count, MESSAGES);
    assert_int_equal(snapshot.file_count, MESSAGES);
    assert_true(snapshot.maildrop.octets == 5000000120);
    assert_memory_equal(snapshot.maildrop.messages, messages, sizeof messages);
    assert_memory_equal(snapshot.files, files, sizeof files);
    assert_memory_equal(&snapshot.times, &times, sizeof times);
    assert_true(pop_view_equal(pop_maildrop_uid(&snapshot.maildrop, 2), POP_VIEW("h0123")));
    assert_true(pop_view_equal(snapshot_file_name(&snapshot, 0), POP_VIEW("1.a:2,S")));
    assert_true(pop_view_equal(snapshot.block, guarded.block));
    unguard(&guarded);
}

static void
a_block_for_front_has_no_files(void **state)
{
    (void)state;
    struct guarded guarded = sample(NULL);
    struct snapshot snapshot;
    assert_int_equal(snapshot_open(guarded.block, &snapshot, NULL), ERR_OK);
    assert_int_equal(snapshot.file_count, 0);
    assert_int_equal(snapshot.maildrop.count, MESSAGES);
    unguard(&guarded);
}

static void
an_empty_maildrop_is_a_block_too(void **state)
{
    (void)state;
    struct pop_view block;
    struct snapshot snapshot;
    assert_int_equal(
        snapshot_build(NULL, NULL, 0, (struct pop_view){NULL, 0}, &times, &block, NULL),
        ERR_OK);
    assert_int_equal(snapshot_open(block, &snapshot, NULL), ERR_OK);
    assert_int_equal(snapshot.maildrop.count, 0);
    assert_true(snapshot.maildrop.octets == 0);
    free((void *)(uintptr_t)block.data);
}

static void
sizes_that_overflow_their_sum_are_refused(void **state)
{
    (void)state;
    struct pop_message large[2] = {
        {.size = UINT64_MAX, .uid_len = 1}, {.size = 1, .uid_offset = 1, .uid_len = 1}};
    struct pop_view block = {0};
    assert_int_equal(
        snapshot_build(large, NULL, 2, POP_VIEW("ab"), &times, &block, NULL), ERR_LIMIT);
    assert_null(block.data);
}

static void
any_changed_octet_is_noticed(void **state)
{
    (void)state;
    struct guarded guarded = sample(files);
    for (size_t i = 0; i < guarded.block.len; i++) {
        for (unsigned change = 1; change < 256; change++) {
            struct snapshot untouched = {.file_count = 77};
            octets_of(&guarded)[i] ^= (char)change;
            assert_int_equal(snapshot_open(guarded.block, &untouched, NULL), ERR_INVALID);
            assert_int_equal(untouched.file_count, 77);
            octets_of(&guarded)[i] ^= (char)change;
        }
    }
    unguard(&guarded);
}

static void
a_changed_octet_under_a_right_checksum_is_refused_or_safe(void **state)
{
    (void)state;
    struct guarded guarded = sample(files);
    unsigned refused = 0;
    for (size_t i = 0; i < guarded.block.len - sizeof(uint64_t); i++) {
        for (unsigned change = 1; change < 256; change++) {
            struct snapshot snapshot;
            octets_of(&guarded)[i] ^= (char)change;
            refresh_checksum(&guarded);
            if (snapshot_open(guarded.block, &snapshot, NULL) == ERR_OK)
                check_is_safe(&snapshot);
            else
                refused++;
            octets_of(&guarded)[i] ^= (char)change;
        }
    }
    assert_true(refused > 10000);
    unguard(&guarded);
}

static void
a_block_cut_at_any_length_is_refused(void **state)
{
    (void)state;
    struct guarded whole = sample(files);
    for (size_t len = 0; len < whole.block.len; len++) {
        struct snapshot snapshot;
        struct guarded cut = guard((struct pop_view){whole.block.data, len});
        if (len >= sizeof(uint64_t))
            refresh_checksum(&cut);
        assert_int_equal(snapshot_open(cut.block, &snapshot, NULL), ERR_INVALID);
        unguard(&cut);
    }
    unguard(&whole);
}

static void
octets_after_the_block_are_refused(void **state)
{
    (void)state;
    struct guarded whole = sample(files);
    char longer[1024] __attribute__((aligned(8))) = {0};
    struct snapshot snapshot;
    memcpy(longer, whole.block.data, whole.block.len);
    struct pop_view block = {longer, whole.block.len + 8};
    assert_int_equal(snapshot_open(block, &snapshot, NULL), ERR_INVALID);
    unguard(&whole);
}

static void
a_misaligned_block_is_refused(void **state)
{
    (void)state;
    struct guarded whole = sample(files);
    char shifted[1024] __attribute__((aligned(8))) = {0};
    struct snapshot snapshot;
    memcpy(shifted + 4, whole.block.data, whole.block.len);
    struct pop_view block = {shifted + 4, whole.block.len};
    assert_int_equal(snapshot_open(block, &snapshot, NULL), ERR_INVALID);
    unguard(&whole);
}

/* One field each, overwritten under a right checksum. */
struct lie {
    const char *what;
    size_t offset;
    uint64_t value;
    size_t size;
};

#define HEADER(field, value)                                                                   \
    {                                                                                          \
        "header " #field " " #value, offsetof(struct snapshot_header, field), value,           \
            sizeof(((struct snapshot_header *)NULL)->field)                                    \
    }
#define MESSAGE(field, value)                                                                  \
    {                                                                                          \
        "message " #field " " #value,                                                          \
            sizeof(struct snapshot_header) + offsetof(struct pop_message, field), value,       \
            sizeof(((struct pop_message *)NULL)->field)                                        \
    }
#define FILE_RECORD(field, value)                                                              \
    {                                                                                          \
        "file " #field " " #value,                                                             \
            sizeof(struct snapshot_header) + sizeof messages +                                 \
                offsetof(struct snapshot_file, field),                                         \
            value, sizeof(((struct snapshot_file *)NULL)->field)                               \
    }
#define STRINGS_AT (sizeof(struct snapshot_header) + sizeof messages + sizeof files)
#define STRING(offset, octet)                                                                  \
    {                                                                                          \
        "string octet " #octet, STRINGS_AT + (offset), octet, 1                                \
    }

static const struct lie lies[] = {
    HEADER(magic, 0),
    HEADER(count, 0),
    HEADER(count, 2),
    HEADER(count, 4),
    HEADER(count, UINT32_MAX),
    HEADER(count, MAILDROP_MESSAGES_MAX + 1),
    HEADER(file_count, 0),
    HEADER(file_count, 1),
    HEADER(file_count, 4),
    HEADER(file_count, UINT32_MAX),
    HEADER(octets, 1),
    HEADER(octets, UINT64_MAX),
    HEADER(strings_size, 0),
    HEADER(strings_size, 8),
    HEADER(strings_size, 17),
    HEADER(strings_size, UINT32_MAX),
    HEADER(strings_size, UINT64_MAX),
    HEADER(strings_size, UINT64_MAX - 6),
    HEADER(strings_size, (uint64_t)1 << 63),
    MESSAGE(size, 121),
    MESSAGE(size, UINT64_MAX),
    MESSAGE(uid_offset, 13),
    MESSAGE(uid_offset, 15),
    MESSAGE(uid_offset, UINT32_MAX),
    MESSAGE(uid_offset, UINT32_MAX - 2),
    MESSAGE(uid_len, 0),
    MESSAGE(uid_len, 16),
    MESSAGE(uid_len, 71),
    MESSAGE(uid_len, 255),
    MESSAGE(reserved, 1),
    FILE_RECORD(name_offset, 9),
    FILE_RECORD(name_offset, UINT32_MAX),
    FILE_RECORD(name_len, 0),
    FILE_RECORD(name_len, 16),
    FILE_RECORD(name_len, UINT16_MAX),
    FILE_RECORD(folder, 2),
    FILE_RECORD(known, 2),
    STRING(0, '\0'),
    STRING(0, ' '),
    STRING(0, 0x7f),
    STRING(0, 0x80),
    STRING(0, 0xff),
    STRING(0, '.'),
    STRING(4, '/'),
    STRING(4, '\0'),
    STRING(15, 1), /* the padding */
};

static void
each_lie_under_a_right_checksum_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct guarded guarded = sample(files);
        struct snapshot snapshot;
        struct err err;
        memcpy(octets_of(&guarded) + lies[i].offset, &lies[i].value, lies[i].size);
        refresh_checksum(&guarded);
        if (snapshot_open(guarded.block, &snapshot, &err) != ERR_INVALID)
            fail_msg("believed: %s", lies[i].what);
        unguard(&guarded);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_built_block_opens_to_what_was_put_in),
        cmocka_unit_test(a_block_for_front_has_no_files),
        cmocka_unit_test(an_empty_maildrop_is_a_block_too),
        cmocka_unit_test(sizes_that_overflow_their_sum_are_refused),
        cmocka_unit_test(any_changed_octet_is_noticed),
        cmocka_unit_test(a_changed_octet_under_a_right_checksum_is_refused_or_safe),
        cmocka_unit_test(a_block_cut_at_any_length_is_refused),
        cmocka_unit_test(octets_after_the_block_are_refused),
        cmocka_unit_test(a_misaligned_block_is_refused),
        cmocka_unit_test(each_lie_under_a_right_checksum_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
