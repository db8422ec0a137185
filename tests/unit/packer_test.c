/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingest/packer.h"

/* Collects the packs as "topic/partition:copy,copy;" and sums the shares. */
typedef struct sink {
    weir_buffer text;
    uint32_t count_of_owner[4];
    size_t packs;
} sink;

static weir_error *sink_send(void *context, const weir_pack *pack)
{
    sink *into = context;
    into->packs++;
    weir_buffer_printf(&into->text, "%u/%d:", pack->topic, pack->partition);
    bool bad = false;
    weir_reader reader = weir_pack_open(pack->value, &bad);
    assert_false(bad);
    weir_bytes copy;
    while (weir_pack_next(&reader, &copy, &bad)) {
        weir_buffer_put(&into->text, copy.data, copy.size < 4 ? copy.size : 4);
        weir_buffer_put_text(&into->text, ",");
    }
    assert_false(bad);
    for (size_t i = 0; i < pack->share_count; i++) {
        into->count_of_owner[pack->shares[i].owner] += pack->shares[i].count;
    }
    return NULL;
}

static void add(weir_packer *packer, uint32_t owner, uint32_t topic, int32_t partition,
                const char *text)
{
    weir_output copy = {.topic = topic,
                        .partition = partition,
                        .value = {(const uint8_t *)text, strlen(text)},
                        .epoch = 7,
                        .is_copy = true};
    assert_null(weir_packer_add(packer, owner, &copy));
}

static void copies_of_a_partition_keep_the_order_of_all_senders(void **state)
{
    (void)state;
    sink into = {0};
    weir_packer *packer = weir_packer_create(sink_send, &into);
    for (int batch = 0; batch < 2; batch++) {
        add(packer, 0, 1, 0, "a");
        add(packer, 1, 1, 0, "b");
        add(packer, 1, 1, 3, "c");
        add(packer, 0, 1, 0, "d");
        assert_null(weir_packer_flush(packer));
    }
    weir_buffer_put_u8(&into.text, 0);
    assert_string_equal((char *)into.text.data, "1/0:a,b,d,1/3:c,1/0:a,b,d,1/3:c,");
    assert_int_equal(into.count_of_owner[0], 4);
    assert_int_equal(into.count_of_owner[1], 4);
    weir_packer_destroy(packer);
    weir_buffer_deinit(&into.text);
}

static bool is_even(void *context, weir_topic topic, int32_t partition)
{
    (void)context, (void)topic;
    return partition % 2 == 0;
}

static void a_pack_of_a_busy_partition_stays_open_and_grows(void **state)
{
    (void)state;
    sink into = {0};
    weir_packer *packer = weir_packer_create(sink_send, &into);
    add(packer, 0, 1, 1, "a");
    add(packer, 0, 1, 0, "b");
    add(packer, 0, 1, 3, "c");
    assert_null(weir_packer_flush_where(packer, is_even));
    assert_int_equal(weir_packer_open_count(packer), 2);
    add(packer, 1, 1, 3, "d");
    add(packer, 1, 1, 2, "e");
    assert_null(weir_packer_flush_where(packer, is_even));
    assert_int_equal(weir_packer_open_count(packer), 2);
    assert_null(weir_packer_flush(packer));
    assert_int_equal(weir_packer_open_count(packer), 0);
    weir_buffer_put_u8(&into.text, 0);
    assert_string_equal((char *)into.text.data, "1/0:b,1/2:e,1/1:a,1/3:c,d,");
    assert_int_equal(into.count_of_owner[0], 3);
    assert_int_equal(into.count_of_owner[1], 2);
    weir_packer_destroy(packer);
    weir_buffer_deinit(&into.text);
}

static void a_full_pack_is_sent_before_the_next_copy(void **state)
{
    (void)state;
    sink into = {0};
    weir_packer *packer = weir_packer_create(sink_send, &into);
    char *big = malloc(WEIR_PACK_BYTES + 1);
    memset(big, 'x', WEIR_PACK_BYTES);
    big[WEIR_PACK_BYTES] = 0;
    add(packer, 0, 1, 0, "small");
    add(packer, 0, 1, 0, big);
    add(packer, 0, 1, 0, "last");
    assert_null(weir_packer_flush(packer));
    assert_int_equal(into.packs, 3);
    assert_int_equal(into.count_of_owner[0], 3);
    free(big);
    weir_packer_destroy(packer);
    weir_buffer_deinit(&into.text);
}

static void bytes_that_are_no_pack_are_refused(void **state)
{
    (void)state;
    bool bad = false;
    static const uint8_t other[] = {2, 1, 'a'}, truncated[] = {WEIR_PACK_MAGIC, 9, 'a'};
    (void)weir_pack_open((weir_bytes){other, sizeof other}, &bad);
    assert_true(bad);
    (void)weir_pack_open((weir_bytes){NULL, 0}, &bad);
    assert_true(bad);
    weir_reader reader = weir_pack_open((weir_bytes){truncated, sizeof truncated}, &bad);
    assert_false(bad);
    weir_bytes copy;
    assert_false(weir_pack_next(&reader, &copy, &bad));
    assert_true(bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_of_a_partition_keep_the_order_of_all_senders),
        cmocka_unit_test(a_pack_of_a_busy_partition_stays_open_and_grows),
        cmocka_unit_test(a_full_pack_is_sent_before_the_next_copy),
        cmocka_unit_test(bytes_that_are_no_pack_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
