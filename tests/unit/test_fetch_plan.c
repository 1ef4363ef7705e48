/* What to do with each message: doubtful ones must be neither lost nor doubled. */
#include "fetch/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct world {
    struct ledger ledger;
    struct listing listing;
    struct plan plan;
};

static int
world_make(void **state)
{
    *state = calloc(1, sizeof(struct world));
    return *state == NULL ? -1 : 0;
}

static int
world_remove(void **state)
{
    struct world *world = *state;
    plan_free(&world->plan);
    listing_free(&world->listing);
    ledger_free(&world->ledger);
    free(world);
    return 0;
}

/* A row of an earlier session; its digest is all `content`. */
static void
row(struct world *world, const char *uid, uint32_t occurrence, enum row_state state,
    uint64_t size, int content)
{
    struct row row = {
        .uid = pop_view_of(uid),
        .occurrence = occurrence,
        .state = state,
        .size = size,
        .has_digest = content != 0,
        .name = "name",
    };
    memset(row.digest, content, sizeof row.digest);
    assert_int_equal(ledger_add(&world->ledger, &row, NULL), ERR_OK);
}

/* A message of this session. */
static void
message(struct world *world, uint64_t number, const char *uid, uint64_t size)
{
    assert_int_equal(listing_add_size(&world->listing, number, size, NULL), ERR_OK);
    if (uid[0] != '\0')
        assert_int_equal(
            listing_add_uid(&world->listing, number, pop_view_of(uid), NULL), ERR_OK);
}

static void
make(struct world *world, bool delete_known)
{
    assert_int_equal(listing_finish(&world->listing), 0);
    ledger_sort(&world->ledger);
    assert_int_equal(
        plan_make(&world->plan, &world->ledger, &world->listing, delete_known, NULL), ERR_OK);
}

static const struct row *
find(const struct world *world, const char *uid, uint32_t occurrence)
{
    for (size_t i = 0; i < world->ledger.count; i++) {
        const struct row *row = &world->ledger.rows[i];
        if (pop_view_equal(row->uid, pop_view_of(uid)) && row->occurrence == occurrence)
            return row;
    }
    fail_msg("no row %s/%u", uid, occurrence);
    return NULL;
}

/* Item `index` fetches message `number` into a reserved row. */
static void
check_fetch(
    const struct world *world, size_t index, uint32_t number, const char *uid,
    uint32_t occurrence, bool doubtful)
{
    assert_true(index < world->plan.count);
    const struct plan_item *item = &world->plan.items[index];
    const struct row *row = &world->ledger.rows[item->row];
    assert_int_equal(item->action, PLAN_FETCH);
    assert_int_equal(item->number, number);
    assert_int_equal(item->doubtful, doubtful);
    assert_int_equal(row->state, ROW_DELIVERING);
    assert_true(row->claimed && row->dirty);
    assert_ptr_equal(row, find(world, uid, occurrence));
}

/* Looks for the digest all `content` as message `index` of the plan would. */
static bool
match(struct world *world, size_t index, int content, size_t *ret_known)
{
    unsigned char digest[DIGEST_SIZE];
    memset(digest, content, sizeof digest);
    const struct row *reserved = &world->ledger.rows[world->plan.items[index].row];
    return ledger_match(&world->ledger, digest, reserved->uid, world->plan.anywhere, ret_known);
}

static void
unknown_messages_are_fetched_in_the_order_of_their_numbers(void **state)
{
    struct world *world = *state;
    message(world, 3, "a", 30);
    message(world, 1, "c", 10);
    message(world, 2, "b", 20);
    make(world, false);
    check_fetch(world, 0, 1, "c", 0, false);
    check_fetch(world, 1, 2, "b", 0, false);
    check_fetch(world, 2, 3, "a", 0, false);
    assert_int_equal(world->plan.fetch_count, 3);
    assert_int_equal(world->plan.fetch_octets, 60);
}

static void
known_messages_of_the_same_size_need_nothing(void **state)
{
    struct world *world = *state;
    row(world, "a", 0, ROW_DELIVERED, 10, 1);
    row(world, "b", 0, ROW_DELETE_PENDING, 20, 2);
    message(world, 1, "a", 10);
    message(world, 2, "b", 20);
    make(world, false);
    assert_int_equal(world->plan.count, 0);
    assert_int_equal(world->plan.known_count, 2);
    assert_int_equal(find(world, "b", 0)->state, ROW_DELETE_PENDING);
}

static void
known_messages_are_deleted_when_that_is_wanted(void **state)
{
    struct world *world = *state;
    row(world, "a", 0, ROW_DELIVERED, 10, 1);
    row(world, "b", 0, ROW_DELETE_PENDING, 20, 2);
    message(world, 1, "a", 10);
    message(world, 2, "b", 20);
    make(world, true);
    assert_int_equal(world->plan.count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(world->plan.items[i].action, PLAN_DELETE);
    assert_int_equal(find(world, "a", 0)->state, ROW_DELETE_PENDING);
    assert_true(find(world, "a", 0)->dirty);
    assert_false(find(world, "b", 0)->dirty);
}

static void
another_size_makes_a_message_doubtful(void **state)
{
    struct world *world = *state;
    row(world, "a", 0, ROW_DELIVERED, 10, 1);
    message(world, 1, "a", 11);
    make(world, true);
    check_fetch(world, 0, 1, "a", 1, true);
    assert_int_equal(find(world, "a", 0)->state, ROW_DELIVERED);
    assert_false(find(world, "a", 0)->claimed);
}

static void
an_unknown_size_makes_a_message_doubtful(void **state)
{
    struct world *world = *state;
    row(world, "a", 0, ROW_DELIVERED, ROW_SIZE_UNKNOWN, 1);
    message(world, 1, "a", UINT64_MAX);
    make(world, true);
    check_fetch(world, 0, 1, "a", 1, true);
}

static void
a_unique_id_that_had_gone_makes_a_message_doubtful(void **state)
{
    struct world *world = *state;
    row(world, "a", 0, ROW_GONE, 10, 1);
    message(world, 1, "a", 10);
    make(world, true);
    check_fetch(world, 0, 1, "a", 1, true);
}

static void
a_unique_id_listed_twice_makes_both_doubtful(void **state)
{
    struct world *world = *state;
    row(world, "a", 0, ROW_DELIVERED, 10, 1);
    message(world, 1, "a", 10);
    message(world, 2, "a", 10);
    make(world, true);
    check_fetch(world, 0, 1, "a", 1, true);
    check_fetch(world, 1, 2, "a", 2, true);
}

static void
a_new_unique_id_listed_twice_is_two_new_messages(void **state)
{
    struct world *world = *state;
    message(world, 1, "a", 10);
    message(world, 2, "a", 10);
    make(world, true);
    check_fetch(world, 0, 1, "a", 0, false);
    check_fetch(world, 1, 2, "a", 1, false);
}

static void
the_row_of_a_killed_run_is_used_again(void **state)
{
    struct world *world = *state;
    row(world, "a", 0, ROW_DELIVERING, 9, 0);
    message(world, 1, "a", 10);
    make(world, false);
    check_fetch(world, 0, 1, "a", 0, false);
    assert_int_equal(world->ledger.count, 1);
    assert_int_equal(find(world, "a", 0)->size, 10);
}

static void
one_of_two_rows_of_a_unique_id_is_known_by_its_size(void **state)
{
    struct world *world = *state;
    row(world, "a", 0, ROW_DELIVERED, 10, 1);
    row(world, "a", 1, ROW_DELIVERED, 20, 2);
    message(world, 1, "a", 20);
    make(world, false);
    assert_int_equal(world->plan.count, 0);
    assert_true(find(world, "a", 1)->claimed);
    assert_false(find(world, "a", 0)->claimed);
}

static void
messages_without_unique_id_are_all_doubtful_and_may_be_any_row(void **state)
{
    struct world *world = *state;
    row(world, "a", 0, ROW_DELIVERED, 10, 1);
    row(world, "", 0, ROW_DELIVERED, 10, 2);
    message(world, 1, "", 10);
    message(world, 2, "", 10);
    make(world, true);
    assert_true(world->plan.anywhere);
    check_fetch(world, 0, 1, "", 1, true);
    check_fetch(world, 1, 2, "", 2, true);
}

static void
unique_ids_that_all_changed_at_once_are_doubtful(void **state)
{
    struct world *world = *state;
    row(world, "a", 0, ROW_DELIVERED, 10, 1);
    row(world, "b", 0, ROW_DELIVERED, 20, 2);
    message(world, 1, "x", 10);
    message(world, 2, "y", 20);
    make(world, true);
    assert_true(world->plan.anywhere);
    check_fetch(world, 0, 1, "x", 0, true);
    assert_int_equal(find(world, "a", 0)->state, ROW_DELIVERED);
}

static void
one_unique_id_that_stays_makes_the_others_new(void **state)
{
    struct world *world = *state;
    row(world, "a", 0, ROW_DELIVERED, 10, 1);
    row(world, "b", 0, ROW_DELIVERED, 20, 2);
    message(world, 1, "b", 20);
    message(world, 2, "y", 20);
    make(world, false);
    assert_false(world->plan.anywhere);
    check_fetch(world, 0, 2, "y", 0, false);
}

static void
rows_that_the_listing_lacks_are_gone(void **state)
{
    struct world *world = *state;
    row(world, "a", 0, ROW_DELIVERED, 10, 1);
    row(world, "b", 0, ROW_DELETE_PENDING, 10, 2);
    row(world, "c", 0, ROW_DELIVERING, 10, 0);
    row(world, "d", 0, ROW_DELIVERED, 10, 3);
    message(world, 1, "d", 10);
    make(world, false);
    assert_int_equal(find(world, "a", 0)->state, ROW_GONE);
    assert_int_equal(find(world, "b", 0)->state, ROW_GONE);
    assert_int_equal(find(world, "c", 0)->state, ROW_GONE);
    assert_int_equal(find(world, "d", 0)->state, ROW_DELIVERED);
}

static void
an_empty_listing_is_no_reason_to_forget_before_the_session_went_well(void **state)
{
    struct world *world = *state;
    row(world, "a", 0, ROW_DELETE_PENDING, 10, 1);
    make(world, true);
    assert_int_equal(find(world, "a", 0)->state, ROW_DELETE_PENDING);
    plan_retire(&world->ledger);
    assert_int_equal(find(world, "a", 0)->state, ROW_GONE);
}

static void
equal_digests_match_rows_of_the_unique_id_once_each(void **state)
{
    struct world *world = *state;
    size_t first;
    size_t second;
    row(world, "a", 0, ROW_DELIVERED, 10, 7);
    row(world, "a", 1, ROW_DELIVERED, 10, 7);
    row(world, "b", 0, ROW_DELIVERED, 10, 7);
    message(world, 1, "a", 10);
    message(world, 2, "a", 10);
    message(world, 3, "a", 10);
    message(world, 4, "b", 10);
    make(world, true);
    assert_int_equal(ledger_index_digests(&world->ledger, NULL), ERR_OK);

    assert_false(match(world, 0, 8, &first));
    assert_true(match(world, 0, 7, &first));
    assert_int_equal(
        plan_identify(&world->plan, &world->ledger, 0, first),
        find(world, "a", 2) - world->ledger.rows);
    assert_true(match(world, 1, 7, &second));
    assert_int_not_equal(first, second);
    (void)plan_identify(&world->plan, &world->ledger, 1, second);
    assert_false(match(world, 2, 7, &second)); /* the third is another message */
}

static void
rows_that_are_being_delivered_match_nothing(void **state)
{
    struct world *world = *state;
    size_t known;
    row(world, "a", 0, ROW_GONE, 10, 7);
    row(world, "a", 1, ROW_DELIVERING, 9, 8);
    row(world, "a", 2, ROW_DELIVERING, 10, 9);
    message(world, 1, "a", 10);
    make(world, false);
    assert_int_equal(ledger_index_digests(&world->ledger, NULL), ERR_OK);
    check_fetch(world, 0, 1, "a", 1, true);
    assert_false(match(world, 0, 9, &known));
    assert_true(match(world, 0, 7, &known));
}

static void
a_renamed_message_keeps_its_file_under_the_new_unique_id(void **state)
{
    struct world *world = *state;
    size_t known;
    row(world, "a", 0, ROW_DELIVERED, 10, 7);
    message(world, 1, "x", 10);
    make(world, true);
    assert_int_equal(ledger_index_digests(&world->ledger, NULL), ERR_OK);
    assert_true(match(world, 0, 7, &known));
    size_t superseded = plan_identify(&world->plan, &world->ledger, 0, known);
    assert_ptr_equal(&world->ledger.rows[superseded], find(world, "a", 0));
    assert_string_equal(find(world, "x", 0)->name, "name");
}

static void
sums_of_lying_sizes_do_not_overflow(void **state)
{
    struct world *world = *state;
    message(world, 1, "a", UINT64_MAX);
    message(world, 2, "b", UINT64_MAX);
    message(world, 3, "c", 1);
    make(world, false);
    assert_int_equal(world->plan.fetch_octets, INT64_MAX);
}

#define PLAN_TEST(function) cmocka_unit_test_setup_teardown(function, world_make, world_remove)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        PLAN_TEST(unknown_messages_are_fetched_in_the_order_of_their_numbers),
        PLAN_TEST(known_messages_of_the_same_size_need_nothing),
        PLAN_TEST(known_messages_are_deleted_when_that_is_wanted),
        PLAN_TEST(another_size_makes_a_message_doubtful),
        PLAN_TEST(an_unknown_size_makes_a_message_doubtful),
        PLAN_TEST(a_unique_id_that_had_gone_makes_a_message_doubtful),
        PLAN_TEST(a_unique_id_listed_twice_makes_both_doubtful),
        PLAN_TEST(a_new_unique_id_listed_twice_is_two_new_messages),
        PLAN_TEST(the_row_of_a_killed_run_is_used_again),
        PLAN_TEST(one_of_two_rows_of_a_unique_id_is_known_by_its_size),
        PLAN_TEST(messages_without_unique_id_are_all_doubtful_and_may_be_any_row),
        PLAN_TEST(unique_ids_that_all_changed_at_once_are_doubtful),
        PLAN_TEST(one_unique_id_that_stays_makes_the_others_new),
        PLAN_TEST(rows_that_the_listing_lacks_are_gone),
        PLAN_TEST(an_empty_listing_is_no_reason_to_forget_before_the_session_went_well),
        PLAN_TEST(equal_digests_match_rows_of_the_unique_id_once_each),
        PLAN_TEST(rows_that_are_being_delivered_match_nothing),
        PLAN_TEST(a_renamed_message_keeps_its_file_under_the_new_unique_id),
        PLAN_TEST(sums_of_lying_sizes_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
