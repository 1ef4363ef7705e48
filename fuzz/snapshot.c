/*
 * snapshot_open(): what it lets through is safe to use, and building a block from it gives the
 * same octets. The last eight octets are replaced by a right checksum unless the first one is
 * odd: chance never makes one.
 */
#include "base/snapshot.h"
#include "base/limits.h"
#include "fuzz.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static void
check_use(const struct snapshot *snapshot)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < snapshot->maildrop.count; i++) {
        struct pop_view uid = pop_maildrop_uid(&snapshot->maildrop, i);
        CHECK(uid.len >= 1 && uid.len <= POP_UID_MAX);
        for (size_t j = 0; j < uid.len; j++)
            CHECK(uid.data[j] >= 0x21 && uid.data[j] <= 0x7e);
        CHECK(snapshot->maildrop.messages[i].size <= UINT64_MAX - sum);
        sum += snapshot->maildrop.messages[i].size;
    }
    CHECK(sum == snapshot->maildrop.octets);
    for (uint32_t i = 0; i < snapshot->file_count; i++) {
        struct pop_view name = snapshot_file_name(snapshot, i);
        CHECK(name.len >= 1 && name.len <= FILE_NAME_MAX_LEN && name.data[0] != '.');
        for (size_t j = 0; j < name.len; j++)
            CHECK(name.data[j] != '/' && name.data[j] != '\0');
        CHECK(snapshot->files[i].folder <= SNAPSHOT_CUR);
        CHECK(snapshot->files[i].known <= SNAPSHOT_COUNTED);
    }
}

static void
check_rebuilt(const struct snapshot *snapshot)
{
    struct pop_view block;
    CHECK(
        snapshot_build(
            snapshot->maildrop.messages, snapshot->file_count > 0 ? snapshot->files : NULL,
            snapshot->maildrop.count, snapshot->maildrop.strings, &snapshot->times, &block,
            NULL) == ERR_OK);
    CHECK(pop_view_equal(block, snapshot->block));
    free((void *)(uintptr_t)block.data);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pop_view in = fuzz_view(data, size);
    bool keep = fuzz_octet(&in) & 1;
    char *block = fuzz_copy(in); /* from malloc: aligned */
    if (!keep && in.len >= sizeof(uint64_t)) {
        uint64_t checksum = XXH3_64bits(block, in.len - sizeof checksum);
        memcpy(block + in.len - sizeof checksum, &checksum, sizeof checksum);
    }
    struct snapshot snapshot = {.file_count = 77};
    struct err err = {0};
    enum err_code code = snapshot_open((struct pop_view){block, in.len}, &snapshot, &err);
    if (code == ERR_OK) {
        check_use(&snapshot);
        check_rebuilt(&snapshot);
    } else {
        CHECK(code == ERR_INVALID && err.text[0] != '\0' && snapshot.file_count == 77);
    }
    free(block);
    return 0;
}
