/* The table of messages: every type between every two roles, and every length and field that
 * the receiver must refuse. What is expected is written down here a second time, on purpose. */
#include "ipc/messages.h"

#include "base/mechanism.h"
#include "base/source_kind.h"

#include <pop/server.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define BIT(value) (1u << (value))
#define PARENT     BIT(IPC_PARENT)
#define FRONT      BIT(IPC_FRONT)
#define AUTH       BIT(IPC_AUTH)
#define STORE      BIT(IPC_STORE)
#define KEYS       BIT(IPC_KEYS)
#define SOURCE     BIT(IPC_SOURCE)
#define ROLES      (FRONT | AUTH | STORE | KEYS | SOURCE)
#define NONE       BIT(IPC_STATE_NONE)
#define OPEN       BIT(IPC_STATE_OPEN)
#define COMMITTED  BIT(IPC_STATE_COMMITTED)
#define EXCHANGE   BIT(IPC_STATE_EXCHANGE)

#define SIZE(type)        sizeof(struct type), sizeof(struct type)
#define INLINE(type)      offsetof(struct type, snapshot), sizeof(struct type)
#define SASL(type)        offsetof(struct type, octets), sizeof(struct type)
#define PASSWORDS(octets) (offsetof(struct ipc_answer, passwords) + (octets))
#define MARKED(octet)     offsetof(struct ipc_marks, bits) + (octet)

static const struct expected {
    enum ipc_type type;
    unsigned from;
    unsigned to;
    unsigned states;
    size_t size_min;
    size_t size_max;
    size_t fds_min;
    size_t fds_max;
} table[] = {
    {IPC_FRONT_SETTINGS, PARENT, FRONT, 0, SIZE(ipc_front_settings), 0, 0},
    {IPC_AUTH_SETTINGS, PARENT, AUTH, 0, SIZE(ipc_auth_settings), 0, 0},
    {IPC_AUTH_SOURCE, PARENT, AUTH, 0, SIZE(ipc_auth_source), 0, 0},
    {IPC_SOURCE_OPTION, PARENT, SOURCE, 0, SIZE(ipc_source_option), 0, 0},
    {IPC_STORE_SETTINGS, PARENT, STORE, 0, SIZE(ipc_store_settings), 0, 0},
    {IPC_LISTENER, PARENT, FRONT, 0, SIZE(ipc_listener), 1, 1},
    {IPC_CLIENT_CA, PARENT, FRONT, 0, 0, 0, 1, 1},
    {IPC_CERTIFICATE, PARENT, FRONT, 0, SIZE(ipc_certificate), 1, 1},
    {IPC_TICKETS, PARENT, FRONT, 0, SIZE(ipc_tickets), 0, 0},
    {IPC_KEY, PARENT, KEYS, 0, SIZE(ipc_key), 2, 2},
    {IPC_TALLY, PARENT, FRONT, 0, 0, 0, 1, 1},
    {IPC_CHANNEL, PARENT, ROLES, 0, SIZE(ipc_channel_info), 1, 1},
    {IPC_START, PARENT, ROLES, 0, 0, 0, 0, 0},
    {IPC_NO_STORE, PARENT, AUTH, 0, SIZE(ipc_no_store), 0, 0},
    {IPC_FORGET_STORE, PARENT, AUTH, 0, SIZE(ipc_store_number), 0, 0},
    {IPC_DRAIN, PARENT, FRONT, 0, 0, 0, 0, 0},
    {IPC_READY, ROLES, PARENT, 0, 0, 0, 0, 0},
    {IPC_GIVE_WAY, PARENT, FRONT, 0, 0, 0, 0, 0},
    {IPC_TAKEN, FRONT, PARENT, 0, SIZE(ipc_taken), 0, 0},
    {IPC_KEY_JUDGED, KEYS, PARENT, 0, SIZE(ipc_key_judged), 0, 0},
    {IPC_BANNED, AUTH, PARENT, 0, SIZE(ipc_banned), 0, 0},
    {IPC_NEED_STORE, AUTH, PARENT, 0, SIZE(ipc_need_store), 0, 0},
    {IPC_IDLE, STORE, PARENT, 0, 0, 0, 0, 0},
    {IPC_CHECK, FRONT, AUTH, NONE, SIZE(ipc_check), 0, 0},
    {IPC_LOGIN, FRONT, AUTH, NONE, SIZE(ipc_login), 0, 0},
    {IPC_APOP, FRONT, AUTH, NONE, SIZE(ipc_apop), 0, 0},
    {IPC_SASL_BEGIN, FRONT, AUTH, NONE, SASL(ipc_sasl_begin), 0, 0},
    {IPC_SASL_RESPONSE, FRONT, AUTH, EXCHANGE, SASL(ipc_sasl), 0, 0},
    {IPC_SASL_CANCEL, FRONT, AUTH, NONE | EXCHANGE, 0, 0, 0, 0},
    {IPC_OFFER, AUTH, FRONT, 0, SIZE(ipc_offer), 0, 0},
    {IPC_CHECKED, AUTH, FRONT, 0, SIZE(ipc_checked), 0, 0},
    {IPC_SASL_CHALLENGE, AUTH, FRONT, 0, SASL(ipc_sasl), 0, 0},
    {IPC_OPENING, AUTH, FRONT, 0, SIZE(ipc_store_number), 0, 0},
    {IPC_LOGIN_REFUSED, AUTH, FRONT, 0, SIZE(ipc_refused), 0, 0},
    {IPC_ASK, AUTH, SOURCE, 0, SASL(ipc_ask), 0, 0},
    {IPC_SOURCE_MODE, SOURCE, AUTH, 0, SIZE(ipc_source_mode), 0, 0},
    {IPC_ANSWER, SOURCE, AUTH, 0, PASSWORDS(0), sizeof(struct ipc_answer), 0, 0},
    {IPC_OPEN, AUTH, STORE, 0, SIZE(ipc_open), 0, 0},
    {IPC_OPENED, STORE, FRONT, 0, INLINE(ipc_opened), 0, 1},
    {IPC_OPEN_REFUSED, STORE, FRONT, 0, SIZE(ipc_refused), 0, 0},
    {IPC_FETCHED, STORE, FRONT, 0, SIZE(ipc_fetched), 0, FETCH_BATCH_MAX},
    {IPC_COMMITTED, STORE, FRONT, 0, SIZE(ipc_committed), 0, 0},
    {IPC_SIGN, FRONT, KEYS, NONE, SIZE(ipc_sign), 0, 0},
    {IPC_SIGNED, KEYS, FRONT, 0, SIZE(ipc_signed), 0, 0},
    {IPC_FETCH, FRONT, STORE, OPEN, SIZE(ipc_fetch), 0, 0},
    {IPC_SUSPECT, FRONT, STORE, OPEN, SIZE(ipc_suspect), 0, 0},
    {IPC_MARKS, FRONT, STORE, OPEN, MARKED(1), sizeof(struct ipc_marks), 0, 0},
    {IPC_COMMIT, FRONT, STORE, OPEN, 0, 0, 0, 0},
    {IPC_CLOSE, FRONT, STORE, OPEN | COMMITTED, 0, 0, 0, 0},
};
static_assert(sizeof table / sizeof *table == IPC_TYPE_COUNT, "every type is in the table");

/* Room for a body whose end lies at a page that must not be touched. */
struct guarded {
    char *memory;
    size_t size;
    char *end;
};

static int
guarded_make(void **state)
{
    struct guarded *guarded = calloc(1, sizeof *guarded);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (IPC_BODY_MAX + 16 + page - 1) / page * page;
    assert_non_null(guarded);
    guarded->size = room + page;
    guarded->memory =
        mmap(NULL, guarded->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(guarded->memory, MAP_FAILED);
    guarded->end = guarded->memory + room;
    assert_int_equal(mprotect(guarded->end, page, PROT_NONE), 0);
    *state = guarded;
    return 0;
}

static int
guarded_remove(void **state)
{
    struct guarded *guarded = *state;
    (void)munmap(guarded->memory, guarded->size);
    free(guarded);
    return 0;
}

/* A zeroed body of that size, aligned as the receiver aligns it, so at most 7 octets before the
 * forbidden page. */
static void *
body_of(const struct guarded *guarded, size_t size)
{
    char *body = guarded->end - (size + 7) / 8 * 8;
    memset(body, 0, size);
    return body;
}

/* The same with the least that makes it valid for its type. */
static void *
good_body(const struct guarded *guarded, enum ipc_type type, size_t size)
{
    void *body = body_of(guarded, size);
    if (type == IPC_FRONT_SETTINGS && size >= sizeof(struct ipc_front_settings))
        ((struct ipc_front_settings *)body)->tally_rows = 1;
    if (type == IPC_AUTH_SETTINGS && size >= sizeof(struct ipc_auth_settings)) {
        ((struct ipc_auth_settings *)body)->failure_window_seconds = 1;
        ((struct ipc_auth_settings *)body)->owner_processes = 1;
    }
    if (type == IPC_BANNED && size >= sizeof(struct ipc_banned))
        ((struct ipc_banned *)body)->from.address.len = 4;
    if (type == IPC_CHANNEL && size >= sizeof(struct ipc_channel_info))
        ((struct ipc_channel_info *)body)->role = IPC_STORE;
    if (type == IPC_OPENED && size >= offsetof(struct ipc_opened, snapshot))
        ((struct ipc_opened *)body)->size = size - offsetof(struct ipc_opened, snapshot);
    if (type == IPC_CERTIFICATE && size >= sizeof(struct ipc_certificate))
        ((struct ipc_certificate *)body)->count = 1;
    if (type == IPC_SASL_BEGIN && size >= offsetof(struct ipc_sasl_begin, octets))
        ((struct ipc_sasl_begin *)body)->len =
            (uint32_t)(size - offsetof(struct ipc_sasl_begin, octets));
    if ((type == IPC_SASL_RESPONSE || type == IPC_SASL_CHALLENGE) &&
        size >= offsetof(struct ipc_sasl, octets))
        ((struct ipc_sasl *)body)->len = (uint32_t)(size - offsetof(struct ipc_sasl, octets));
    if (type == IPC_ASK && size >= offsetof(struct ipc_ask, octets))
        ((struct ipc_ask *)body)->len = (uint32_t)(size - offsetof(struct ipc_ask, octets));
    if (type == IPC_ANSWER && size >= PASSWORDS(0))
        ((struct ipc_answer *)body)->len = (uint32_t)(size - PASSWORDS(0));
    if (type == IPC_FETCH && size >= sizeof(struct ipc_fetch))
        ((struct ipc_fetch *)body)->count = 1;
    if (type == IPC_FETCHED && size >= sizeof(struct ipc_fetched))
        ((struct ipc_fetched *)body)->count = 1;
    if (type == IPC_MARKS && size > offsetof(struct ipc_marks, bits))
        ((struct ipc_marks *)body)->len = (uint32_t)(size - offsetof(struct ipc_marks, bits));
    return body;
}

static enum ipc_role
lowest(unsigned roles)
{
    return (enum ipc_role)__builtin_ctz(roles);
}

/* One message from its right sender to its right receiver. */
static bool
is_valid(const struct expected *row, const void *body, size_t size, size_t fds)
{
    return ipc_message_valid(lowest(row->from), lowest(row->to), row->type, body, size, fds);
}

static void
each_type_goes_between_its_roles_only(void **state)
{
    for (size_t i = 0; i < IPC_TYPE_COUNT; i++) {
        const struct expected *row = &table[i];
        const void *body = good_body(*state, row->type, row->size_max);
        for (enum ipc_role from = 0; from < IPC_ROLE_COUNT; from++)
            for (enum ipc_role to = 0; to < IPC_ROLE_COUNT; to++) {
                bool want = (row->from & BIT(from)) && (row->to & BIT(to));
                if (ipc_message_valid(from, to, row->type, body, row->size_max, row->fds_max) !=
                    want)
                    fail_msg(
                        "%s from %s to %s", ipc_type_name(row->type), ipc_role_name(from),
                        ipc_role_name(to));
            }
    }
}

static void
each_type_comes_in_its_states_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < IPC_TYPE_COUNT; i++)
        for (enum ipc_state s = IPC_STATE_NONE; s <= IPC_STATE_COMMITTED; s++)
            if (ipc_message_allowed(table[i].type, s) != !!(table[i].states & BIT(s)))
                fail_msg("%s in state %d", ipc_type_name(table[i].type), s);
}

static void
a_body_one_octet_short_or_long_is_refused(void **state)
{
    for (size_t i = 0; i < IPC_TYPE_COUNT; i++) {
        const struct expected *row = &table[i];
        const size_t sizes[] = {
            row->size_min - 1, row->size_min, row->size_max, row->size_max + 1};
        for (size_t k = row->size_min == 0; k < 4; k++) {
            const void *body = good_body(*state, row->type, sizes[k]);
            bool want = k == 1 || k == 2;
            if (is_valid(row, body, sizes[k], row->fds_min) != want)
                fail_msg("%s with %zu octets", ipc_type_name(row->type), sizes[k]);
        }
    }
}

static void
one_descriptor_too_few_or_many_is_refused(void **state)
{
    for (size_t i = 0; i < IPC_TYPE_COUNT; i++) {
        const struct expected *row = &table[i];
        const void *body = good_body(*state, row->type, row->size_max);
        for (size_t fds = 0; fds <= FETCH_BATCH_MAX + 1; fds++) {
            bool want = fds >= row->fds_min && fds <= row->fds_max;
            if (is_valid(row, body, row->size_max, fds) != want)
                fail_msg("%s with %zu descriptors", ipc_type_name(row->type), fds);
        }
    }
}

static void
a_number_that_is_no_type_is_refused(void **state)
{
    static const uint32_t types[] = {IPC_TYPE_COUNT, 255, INT32_MAX, UINT32_MAX};
    const void *body = body_of(*state, 8);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        for (enum ipc_role from = 0; from < IPC_ROLE_COUNT; from++)
            assert_false(ipc_message_valid(from, IPC_FRONT, types[i], body, 0, 0));
        assert_false(ipc_message_allowed(types[i], IPC_STATE_OPEN));
        assert_string_equal(ipc_type_name(types[i]), "unknown");
    }
}

/* A field of a body that is good otherwise: `value` where it is still good, and where not. */
static const struct field {
    enum ipc_type type;
    size_t size;
    size_t offset;
    size_t width;
    uint64_t good;
    uint64_t bad[3]; /* up to the first 0 after the first */
} fields[] = {
#define FIELD(type, structure, member)                                                         \
    type, sizeof(struct structure), offsetof(struct structure, member),                        \
        sizeof(((struct structure *)0)->member)
    {FIELD(IPC_FRONT_SETTINGS, ipc_front_settings, hostname.len), 255, {256, UINT16_MAX}},
    {FIELD(IPC_FRONT_SETTINGS, ipc_front_settings, tally_row), 0, {1, UINT32_MAX}},
    {FIELD(IPC_FRONT_SETTINGS, ipc_front_settings, tally_rows), 1, {0}},
    {FIELD(IPC_FRONT_SETTINGS, ipc_front_settings, tally_small), 1, {2, UINT32_MAX}},
    {FIELD(IPC_AUTH_SETTINGS, ipc_auth_settings, failure_window_seconds), 1, {0}},
    {FIELD(IPC_AUTH_SETTINGS, ipc_auth_settings, owner_processes), 1, {0}},
    {FIELD(IPC_AUTH_SETTINGS, ipc_auth_settings, owners),
     IPC_OWNERS_COUNT - 1,
     {IPC_OWNERS_COUNT}},
    {FIELD(IPC_NEED_STORE, ipc_need_store, user.len), 255, {256, UINT16_MAX}},
    {FIELD(IPC_NEED_STORE, ipc_need_store, home.len), PATH_LEN_MAX, {PATH_LEN_MAX + 1}},
    {FIELD(IPC_NO_STORE, ipc_no_store, refusal), POP_REFUSAL_COUNT - 1, {POP_REFUSAL_COUNT}},
    {FIELD(IPC_STORE_SETTINGS, ipc_store_settings, root.len), PATH_LEN_MAX, {PATH_LEN_MAX + 1}},
    {FIELD(IPC_STORE_SETTINGS, ipc_store_settings, owned), 1, {2, UINT32_MAX}},
    {FIELD(IPC_AUTH_SOURCE, ipc_auth_source, file.len), PATH_LEN_MAX, {PATH_LEN_MAX + 1}},
    {FIELD(IPC_AUTH_SOURCE, ipc_auth_source, kind),
     SOURCE_KIND_COUNT - 1,
     {SOURCE_KIND_COUNT, UINT32_MAX}},
    {FIELD(IPC_SOURCE_OPTION, ipc_source_option, option),
     SOURCE_OPTION_COUNT - 1,
     {SOURCE_OPTION_COUNT, UINT32_MAX}},
    {FIELD(IPC_SOURCE_OPTION, ipc_source_option, value.len), PATH_LEN_MAX, {4097}},
    {FIELD(IPC_ASK, ipc_ask, task), 2, {3, UINT32_MAX}},
    {FIELD(IPC_ASK, ipc_ask, from.len), 4, {1, 15, 255}},
    {FIELD(IPC_ASK, ipc_ask, user.len), 255, {256, UINT16_MAX}},
    {FIELD(IPC_ASK, ipc_ask, len), IPC_SASL_MAX, {1, 9215, UINT32_MAX}},
    {FIELD(IPC_ANSWER, ipc_answer, result), 4, {5, UINT32_MAX}},
    {FIELD(IPC_ANSWER, ipc_answer, disabled), 1, {2, UINT32_MAX}},
    {FIELD(IPC_ANSWER, ipc_answer, user.len), 255, {256, UINT16_MAX}},
    {FIELD(IPC_ANSWER, ipc_answer, error.len), 255, {256, UINT16_MAX}},
    {FIELD(IPC_ANSWER, ipc_answer, home.len), PATH_LEN_MAX, {4097}},
    {FIELD(IPC_ANSWER, ipc_answer, len), IPC_PASSWORDS_MAX, {1, UINT32_MAX}},
    {FIELD(IPC_STORE_SETTINGS, ipc_store_settings, engine.len), 255, {256, UINT16_MAX}},
    {FIELD(IPC_STORE_SETTINGS, ipc_store_settings, location.len), PATH_LEN_MAX, {4097}},
    {FIELD(IPC_CHANNEL, ipc_channel_info, role), IPC_FRONT, {0, IPC_ROLE_COUNT, UINT32_MAX}},
    {FIELD(IPC_LISTENER, ipc_listener, tls), 1, {2, UINT32_MAX}},
    {FIELD(IPC_LISTENER, ipc_listener, proxy_count),
     0,
     {1, PROXY_NETWORKS_MAX + 1, UINT32_MAX}},
    {FIELD(IPC_BANNED, ipc_banned, from.address.len), 16, {0, 5, 17}},
    {FIELD(IPC_BANNED, ipc_banned, from.bits), 32, {33, 255}},
    {FIELD(IPC_CERTIFICATE, ipc_certificate, index), 0, {1, UINT32_MAX}},
    {FIELD(IPC_CERTIFICATE, ipc_certificate, count), 64, {0, 65, UINT32_MAX}},
    {FIELD(IPC_KEY_JUDGED, ipc_key_judged, text.len), 255, {256, UINT16_MAX}},
    {FIELD(IPC_SIGN, ipc_sign, len), 512, {513, UINT32_MAX}},
    {FIELD(IPC_SIGN, ipc_sign, pss), 1, {2, UINT32_MAX}},
    {FIELD(IPC_SIGNED, ipc_signed, len), 1024, {1025, UINT32_MAX}},
    {FIELD(IPC_SASL_BEGIN, ipc_sasl_begin, from.len), 16, {5, 17, 255}},
    {FIELD(IPC_SASL_BEGIN, ipc_sasl_begin, mechanism),
     MECHANISM_COUNT - 1,
     {MECHANISM_COUNT, UINT32_MAX}},
    {FIELD(IPC_SASL_BEGIN, ipc_sasl_begin, certified.len), 255, {256, UINT16_MAX}},
    {FIELD(IPC_SASL_BEGIN, ipc_sasl_begin, binding_len), 32, {33, UINT32_MAX}},
    {FIELD(IPC_SASL_BEGIN, ipc_sasl_begin, len), IPC_SASL_MAX, {1, 9215, UINT32_MAX}},
    {FIELD(IPC_SASL_RESPONSE, ipc_sasl, len), IPC_SASL_MAX, {1, 9217, UINT32_MAX}},
    {FIELD(IPC_SASL_CHALLENGE, ipc_sasl, len), IPC_SASL_MAX, {1, 9217, UINT32_MAX}},
    {FIELD(IPC_OFFER, ipc_offer, mechanisms), MECHANISMS_ALL, {MECHANISMS_ALL + 1, UINT32_MAX}},
    {FIELD(IPC_OPENED, ipc_opened, user.len), 255, {256, UINT16_MAX}},
    {FIELD(IPC_CHECK, ipc_check, from.len), 4, {1, 15, 255}},
    {FIELD(IPC_LOGIN, ipc_login, from.len), 4, {1, 15, 255}},
    {FIELD(IPC_CHECK, ipc_check, user.len), 255, {256, UINT16_MAX}},
    {FIELD(IPC_LOGIN, ipc_login, user.len), 255, {256, UINT16_MAX}},
    {FIELD(IPC_LOGIN, ipc_login, password.len), 255, {256, UINT16_MAX}},
    {FIELD(IPC_APOP, ipc_apop, from.len), 4, {1, 15, 255}},
    {FIELD(IPC_APOP, ipc_apop, user.len), 255, {256, UINT16_MAX}},
    {FIELD(IPC_APOP, ipc_apop, timestamp.len), 255, {256, UINT16_MAX}},
    {FIELD(IPC_APOP, ipc_apop, digest.len), 255, {256, UINT16_MAX}},
    {FIELD(IPC_LOGIN_REFUSED, ipc_refused, refusal),
     POP_REFUSAL_COUNT - 1,
     {POP_REFUSAL_COUNT, UINT32_MAX}},
    {FIELD(IPC_OPEN_REFUSED, ipc_refused, refusal),
     POP_REFUSAL_COUNT - 1,
     {POP_REFUSAL_COUNT, UINT32_MAX}},
    {FIELD(IPC_OPEN, ipc_open, user.len), 255, {256, UINT16_MAX}},
    {FIELD(IPC_OPEN, ipc_open, home.len), PATH_LEN_MAX, {PATH_LEN_MAX + 1, UINT16_MAX}},
    {FIELD(IPC_OPENED, ipc_opened, size), SNAPSHOT_INLINE_MAX, {1, 16383, UINT64_MAX}},
    {FIELD(IPC_FETCH, ipc_fetch, count), FETCH_BATCH_MAX, {0, FETCH_BATCH_MAX + 1, UINT32_MAX}},
    {FIELD(IPC_FETCHED, ipc_fetched, count), 32, {0, FETCH_BATCH_MAX + 1, UINT32_MAX}},
    {FIELD(IPC_FETCHED, ipc_fetched, status[0]), 4, {IPC_FETCH_STATUS_COUNT, UINT8_MAX}},
    {FIELD(IPC_MARKS, ipc_marks, len), IPC_MARKS_MAX, {0, 8191, UINT32_MAX}},
#undef FIELD
};

static void
set_field(char *body, const struct field *field, uint64_t value)
{
    memcpy(body + field->offset, &value, field->width); /* the machine is little-endian */
}

static void
each_field_beyond_its_range_is_refused(void **state)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct field *field = &fields[i];
        const struct expected *row = &table[field->type];
        assert_int_equal(row->type, field->type);
        char *body = good_body(*state, field->type, field->size);
        set_field(body, field, field->good);
        if (!is_valid(row, body, field->size, row->fds_min))
            fail_msg("%s, row %zu: the good value", ipc_type_name(field->type), i);
        for (size_t k = 0; k < 3 && (k == 0 || field->bad[k] != 0); k++) {
            set_field(body, field, field->bad[k]);
            if (is_valid(row, body, field->size, row->fds_min))
                fail_msg("%s, row %zu: bad value %zu", ipc_type_name(field->type), i, k);
        }
    }
}

static void
the_status_of_each_counted_message_is_judged_and_no_other(void **state)
{
    struct ipc_fetched *fetched = good_body(*state, IPC_FETCHED, sizeof *fetched);
    for (uint32_t count = 1; count <= FETCH_BATCH_MAX; count++)
        for (uint32_t bad = 0; bad < FETCH_BATCH_MAX; bad++) {
            fetched->count = count;
            fetched->status[bad] = IPC_FETCH_STATUS_COUNT;
            assert_int_equal(
                is_valid(&table[IPC_FETCHED], fetched, sizeof *fetched, 0), bad >= count);
            fetched->status[bad] = IPC_FETCH_OPEN;
        }
}

static void
a_snapshot_by_value_is_as_long_as_it_says(void **state)
{
    const size_t before = offsetof(struct ipc_opened, snapshot);
    for (size_t size = 0; size <= 3; size++)
        for (size_t says = 0; says <= 4; says++) {
            struct ipc_opened *opened = good_body(*state, IPC_OPENED, before + size);
            opened->size = says;
            /* With nothing behind the size it is in the memfd, however large. */
            assert_int_equal(
                is_valid(&table[IPC_OPENED], opened, before + size, 0),
                size == 0 || size == says);
        }
}

/* So that whoever reads them can look for the NULs. */
static void
passwords_end_with_a_nul(void **state)
{
    struct ipc_answer *answer = good_body(*state, IPC_ANSWER, PASSWORDS(4));
    memcpy(answer->passwords, "\0abc", 4);
    assert_false(is_valid(&table[IPC_ANSWER], answer, PASSWORDS(4), 0));
    memcpy(answer->passwords, "\0ab", 4);
    assert_true(is_valid(&table[IPC_ANSWER], answer, PASSWORDS(4), 0));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_goes_between_its_roles_only),
        cmocka_unit_test(each_type_comes_in_its_states_only),
        cmocka_unit_test(a_body_one_octet_short_or_long_is_refused),
        cmocka_unit_test(one_descriptor_too_few_or_many_is_refused),
        cmocka_unit_test(a_number_that_is_no_type_is_refused),
        cmocka_unit_test(each_field_beyond_its_range_is_refused),
        cmocka_unit_test(the_status_of_each_counted_message_is_judged_and_no_other),
        cmocka_unit_test(a_snapshot_by_value_is_as_long_as_it_says),
        cmocka_unit_test(passwords_end_with_a_nul),
    };
    return cmocka_run_group_tests_name("ipc messages", tests, guarded_make, guarded_remove);
}
