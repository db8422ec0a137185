/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/echo.h"

enum { RECORDS = 8 };

static bool offer(weir_echo *echo, int64_t next, int64_t offset)
{
    char text[16];
    int size = snprintf(text, sizeof text, "at %lld", (long long)offset);
    return weir_echo_offer(echo, next, offset, offset * 1000,
                           (weir_bytes){(const uint8_t *)text, (size_t)size});
}

/* An echo that has stood its test: record `offset` was read back as it was told. */
static weir_echo trusted_at(int64_t offset)
{
    weir_echo echo = {0};
    static const uint8_t byte = 'x';
    weir_log_record record = {.offset = offset, .timestamp_us = offset * 1000, .value = {&byte, 1}};
    assert_false(weir_echo_offer(&echo, offset, offset, offset * 1000, record.value));
    weir_echo_check(&echo, &record);
    assert_int_equal(echo.trust, WEIR_ECHO_TRUSTED);
    return echo;
}

static void assert_records(const weir_log_record *records, size_t count, int64_t first)
{
    for (size_t i = 0; i < count; i++) {
        char text[16];
        int size = snprintf(text, sizeof text, "at %lld", (long long)first + (long long)i);
        assert_int_equal(records[i].offset, first + (int64_t)i);
        assert_int_equal(records[i].timestamp_us, (first + (int64_t)i) * 1000);
        assert_int_equal(records[i].value.size, size);
        assert_memory_equal(records[i].value.data, text, (size_t)size);
    }
}

static void what_follows_on_is_given_in_order(void **state)
{
    (void)state;
    weir_echo echo = trusted_at(4);
    weir_log_record records[RECORDS];
    for (int64_t offset = 5; offset < 11; offset++)
        assert_true(offer(&echo, 5, offset));
    assert_int_equal(weir_echo_take(&echo, 5, records, 4), 4);
    assert_records(records, 4, 5);
    assert_true(offer(&echo, 9, 11)); /* what is lent stays where it is */
    assert_records(records, 4, 5);
    assert_int_equal(weir_echo_take(&echo, 9, records, RECORDS), 3);
    assert_records(records, 3, 9);
    assert_true(weir_echo_is_empty(&echo));
    weir_echo_deinit(&echo);
}

static void a_record_behind_those_of_others_is_let_go(void **state)
{
    (void)state;
    weir_echo echo = trusted_at(4);
    weir_log_record records[RECORDS];
    assert_false(offer(&echo, 5, 6));
    assert_true(offer(&echo, 5, 5));
    assert_false(offer(&echo, 5, 7)); /* 6 is somebody else's */
    assert_int_equal(weir_echo_take(&echo, 5, records, RECORDS), 1);
    assert_false(offer(&echo, 6, 8));
    assert_int_equal(weir_echo_take(&echo, 6, records, RECORDS), 0);
    assert_true(offer(&echo, 9, 9)); /* the others' were read */
    assert_int_equal(weir_echo_take(&echo, 9, records, RECORDS), 1);
    assert_records(records, 1, 9);
    weir_echo_deinit(&echo);
}

static void what_was_read_back_sooner_is_forgotten(void **state)
{
    (void)state;
    weir_echo echo = trusted_at(4);
    weir_log_record records[RECORDS];
    assert_true(offer(&echo, 5, 5));
    assert_true(offer(&echo, 5, 6));
    assert_true(offer(&echo, 5, 7));
    assert_int_equal(weir_echo_take(&echo, 7, records, RECORDS), 1);
    assert_records(records, 1, 7);
    assert_false(offer(&echo, 8, 7));
    weir_echo_deinit(&echo);
}

static void what_was_not_taken_up_is_read_back(void **state)
{
    (void)state;
    weir_echo echo = trusted_at(4);
    weir_log_record records[RECORDS];
    assert_true(offer(&echo, 5, 5));
    assert_true(offer(&echo, 5, 6));
    assert_int_equal(weir_echo_take(&echo, 5, records, 1), 1);
    assert_int_equal(weir_echo_take(&echo, 5, records, RECORDS), 0); /* 5 is gone */
    assert_int_equal(weir_echo_take(&echo, 6, records, RECORDS), 1);
    assert_records(records, 1, 6);
    weir_echo_deinit(&echo);
}

static void a_record_whose_time_the_broker_does_not_tell_is_let_go(void **state)
{
    (void)state;
    weir_echo echo = trusted_at(4);
    assert_false(weir_echo_offer(&echo, 5, 5, INT64_MIN, (weir_bytes){(const uint8_t *)"x", 1}));
    assert_true(weir_echo_is_empty(&echo));
    weir_echo_deinit(&echo);
}

static void nothing_is_given_before_one_came_back_as_it_was_told(void **state)
{
    (void)state;
    weir_echo echo = {0};
    weir_log_record records[RECORDS];
    static const uint8_t bytes[3] = "abc";
    weir_log_record read = {.offset = 6, .timestamp_us = 6000, .value = {bytes, 3}};
    assert_false(offer(&echo, 6, 5)); /* was read before its acknowledgement came */
    assert_int_equal(echo.trust, WEIR_ECHO_UNTRIED);
    assert_false(offer(&echo, 6, 6));
    assert_false(offer(&echo, 6, 7));
    assert_int_equal(weir_echo_take(&echo, 6, records, RECORDS), 0);
    weir_echo_check(&echo, &read); /* another size */
    assert_int_equal(echo.trust, WEIR_ECHO_REFUTED);
    assert_false(offer(&echo, 7, 7));
    assert_int_equal(echo.trust, WEIR_ECHO_REFUTED);
    weir_echo_deinit(&echo);
}

static void a_broker_that_tells_another_time_than_the_log_is_not_believed(void **state)
{
    (void)state;
    weir_echo echo = {0};
    weir_log_record read = {
        .offset = 6, .timestamp_us = 6001, .value = {(const uint8_t *)"at 6", 4}};
    assert_false(offer(&echo, 6, 6));
    weir_echo_check(&echo, &read);
    assert_int_equal(echo.trust, WEIR_ECHO_REFUTED);
    weir_echo_deinit(&echo);
}

static void memory_is_bounded(void **state)
{
    (void)state;
    static const uint8_t large[1 << 20];
    weir_echo echo = trusted_at(0);
    weir_log_record records[RECORDS];
    int64_t next = 0;
    while (weir_echo_offer(&echo, 0, next, 1000, (weir_bytes){large, sizeof large}))
        next++;
    assert_int_equal(next, WEIR_ECHO_BYTES_MAX / sizeof large);
    assert_int_equal(weir_echo_take(&echo, 0, records, RECORDS), next);
    assert_true(weir_echo_offer(&echo, next, next, 1000, (weir_bytes){large, sizeof large}));
    weir_echo_deinit(&echo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_follows_on_is_given_in_order),
        cmocka_unit_test(a_record_behind_those_of_others_is_let_go),
        cmocka_unit_test(what_was_read_back_sooner_is_forgotten),
        cmocka_unit_test(what_was_not_taken_up_is_read_back),
        cmocka_unit_test(a_record_whose_time_the_broker_does_not_tell_is_let_go),
        cmocka_unit_test(nothing_is_given_before_one_came_back_as_it_was_told),
        cmocka_unit_test(a_broker_that_tells_another_time_than_the_log_is_not_believed),
        cmocka_unit_test(memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
