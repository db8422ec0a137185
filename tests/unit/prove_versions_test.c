/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "serve/evidence.h"
#include "serve/prove_versions.h"

/* Journal 3, partition 0: version a from 0 on, b from 10, a again from 20. Partition 1: a only. */
static weir_versions made_versions(uint8_t *a_out, uint8_t *b_out, uint8_t *c_out)
{
    weir_versions versions = {0};
    uint8_t digests[3][WEIR_DIGEST_BYTES], folds[3][WEIR_DIGEST_BYTES];
    for (uint8_t i = 0; i < 3; i++) {
        memset(digests[i], 'a' + i, WEIR_DIGEST_BYTES);
        memset(folds[i], 'A' + i, WEIR_DIGEST_BYTES);
    }
    const struct {
        int32_t partition;
        int64_t offset;
        int version;
    } places[] = {{0, 0, 0}, {0, 10, 1}, {0, 20, 0}, {1, 0, 0}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        weir_version_place place = {3, places[i].partition, places[i].offset, {0}, {0}};
        memcpy(place.digest, digests[places[i].version], WEIR_DIGEST_BYTES);
        memcpy(place.fold_digest, folds[places[i].version], WEIR_DIGEST_BYTES);
        weir_versions_add(&versions, &place);
    }
    /* A score names a version whole, a copy by the first bytes of its fold digest. */
    assert_true(weir_versions_number(&versions, (weir_bytes){digests[0], 32}, a_out));
    assert_true(weir_versions_number(&versions, (weir_bytes){folds[1], 8}, b_out));
    assert_true(weir_versions_number(&versions, (weir_bytes){folds[2], 8}, c_out));
    return versions;
}

static void an_event_is_taken_by_the_version_in_force_or_a_later_one(void **state)
{
    (void)state;
    uint8_t a, b, c;
    weir_versions versions = made_versions(&a, &b, &c);
    assert_true(weir_versions_may_take(&versions, a, 3, 0, 5));
    assert_true(weir_versions_may_take(&versions, b, 3, 0, 5));
    assert_true(weir_versions_may_take(&versions, a, 3, 0, 15));
    assert_true(weir_versions_may_take(&versions, b, 3, 0, 15));
    assert_true(weir_versions_may_take(&versions, a, 3, 0, 25));
    assert_false(weir_versions_may_take(&versions, b, 3, 0, 25)); /* in force only before */
    assert_false(weir_versions_may_take(&versions, b, 3, 1, 5));  /* never in this partition */
    assert_false(weir_versions_may_take(&versions, b, 4, 0, 5));
    assert_false(weir_versions_may_take(&versions, c, 3, 0, 5));
    weir_versions_deinit(&versions);
}

static void a_version_that_was_never_applied_is_not_known(void **state)
{
    (void)state;
    uint8_t a, b, c, again;
    weir_versions versions = made_versions(&a, &b, &c);
    uint8_t digest[WEIR_DIGEST_BYTES];
    memset(digest, 'B', sizeof digest);
    assert_true(weir_versions_knows(&versions, a) && weir_versions_knows(&versions, b));
    assert_false(weir_versions_knows(&versions, c));
    assert_true(weir_versions_number(&versions, (weir_bytes){digest, 8}, &again));
    assert_int_equal(again, b);
    memset(digest, 'b', sizeof digest);
    assert_true(weir_versions_number(&versions, (weir_bytes){digest, 32}, &again));
    assert_true(weir_versions_knows(&versions, again));
    digest[31] ^= 1; /* a score's name must fit whole */
    assert_true(weir_versions_number(&versions, (weir_bytes){digest, 32}, &again));
    assert_false(weir_versions_knows(&versions, again));
    weir_versions_deinit(&versions);
}

static void more_names_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    weir_versions versions = {0};
    uint8_t number = 0;
    for (uint32_t i = 0; i <= WEIR_VERSION_NAMES_MAX; i++) {
        uint8_t digest[8] = {(uint8_t)i, (uint8_t)(i >> 8), 1};
        assert_int_equal(weir_versions_number(&versions, (weir_bytes){digest, 8}, &number),
                         i < WEIR_VERSION_NAMES_MAX);
    }
    weir_versions_deinit(&versions);
}

static void the_record_of_another_version_is_neither_side(void **state)
{
    (void)state;
    weir_evidence evidence = {0};
    weir_evidence_entry *entry = NULL;
    weir_bytes id = {(const uint8_t *)"id", 2}, bytes = {(const uint8_t *)"bytes", 5};
    weir_evidence_note_other(&evidence, id, 7);
    assert_int_equal(weir_evidence_show(&evidence, WEIR_EVIDENCE_REPLAYED, id, bytes, &entry),
                     WEIR_EVIDENCE_NEW);
    assert_int_equal(entry->sides, WEIR_EVIDENCE_OTHER | WEIR_EVIDENCE_REPLAYED);
    weir_evidence_note_other(&evidence, id, 7);
    assert_int_equal(weir_evidence_show(&evidence, WEIR_EVIDENCE_FOUND, id, bytes, &entry),
                     WEIR_EVIDENCE_AGREES);
    bytes.size--;
    assert_int_equal(weir_evidence_show(&evidence, WEIR_EVIDENCE_FOUND, id, bytes, &entry),
                     WEIR_EVIDENCE_DIFFERS);
    assert_int_equal(entry->version, 7);
    assert_int_equal(evidence.count, 1);
    weir_evidence_deinit(&evidence);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_taken_by_the_version_in_force_or_a_later_one),
        cmocka_unit_test(a_version_that_was_never_applied_is_not_known),
        cmocka_unit_test(more_names_than_there_is_room_for_are_refused),
        cmocka_unit_test(the_record_of_another_version_is_neither_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
