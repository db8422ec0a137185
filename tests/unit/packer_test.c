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
    weir_pack_reader reader;
    weir_packed copy;
    assert_true(weir_pack_open(&reader, pack->value));
    while (weir_pack_next(&reader, &copy, &bad)) {
        weir_buffer_put(&into->text, copy.head.data, copy.head.size);
        weir_buffer_put(&into->text, copy.rest.data, copy.rest.size < 4 ? copy.rest.size : 4);
        weir_buffer_put_text(&into->text, ",");
    }
    assert_false(bad);
    for (size_t i = 0; i < pack->share_count; i++) {
        into->count_of_owner[pack->shares[i].owner] += pack->shares[i].count;
    }
    return NULL;
}

static void add_under(weir_packer *packer, const char *head, const char *text)
{
    weir_output copy = {.topic = 1,
                        .value = {(const uint8_t *)text, strlen(text)},
                        .head = {(const uint8_t *)head, strlen(head)},
                        .is_copy = true};
    assert_null(weir_packer_add(packer, 0, &copy));
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

static void a_head_is_said_once_and_belongs_to_each_of_its_copies(void **state)
{
    (void)state;
    sink into = {0};
    weir_packer *packer = weir_packer_create(sink_send, &into);
    char head[] = "A";
    for (int i = 0; i < 3 * WEIR_PACK_HEADS_MAX; i++) { /* more than one pack takes */
        head[0] = (char)('0' + i);
        add_under(packer, head, "x");
        add_under(packer, "0", "y");
        add_under(packer, head, "z");
    }
    assert_null(weir_packer_flush(packer));
    assert_in_range(into.packs, 3, 4);
    weir_buffer want = {0}, found = {0};
    for (int i = 0; i < 3 * WEIR_PACK_HEADS_MAX; i++)
        weir_buffer_printf(&want, "%cx,0y,%cz,", '0' + i, '0' + i);
    weir_buffer_put_u8(&into.text, 0);
    for (const char *at = (char *)into.text.data; *at != '\0';) /* leave out "topic/partition:" */
        if (memcmp(at, "1/0:", 4) == 0)
            at += 4;
        else
            weir_buffer_put_u8(&found, (uint8_t)*at++);
    assert_int_equal(found.size, want.size);
    assert_memory_equal(found.data, want.data, want.size);
    weir_packer_destroy(packer);
    weir_buffer_deinit(&into.text);
    weir_buffer_deinit(&want);
    weir_buffer_deinit(&found);
}

static void reading_goes_on_at_a_mark_wherever_the_pack_stands(void **state)
{
    (void)state;
    static const uint8_t pack[] = {
        WEIR_PACK_MAGIC, 0, 1, 'a', 1, 'x', 1, 1, 'b', 1, 'y', 0, 1, 'z'};
    uint8_t elsewhere[sizeof pack];
    memcpy(elsewhere, pack, sizeof pack);
    bool bad = false;
    weir_pack_reader reader;
    weir_packed copy;
    assert_true(weir_pack_open(&reader, (weir_bytes){pack, sizeof pack}));
    assert_true(weir_pack_next(&reader, &copy, &bad));
    weir_pack_mark mark = weir_pack_tell(&reader);
    while (weir_pack_next(&reader, &copy, &bad)) {
    }
    assert_false(bad);
    weir_pack_seek(&reader, (weir_bytes){elsewhere, sizeof elsewhere}, mark);
    assert_true(weir_pack_next(&reader, &copy, &bad));
    assert_true(copy.head.data == elsewhere + 8 && copy.rest.data == elsewhere + 10);
    assert_true(weir_pack_next(&reader, &copy, &bad));
    assert_true(copy.head.data == elsewhere + 3 && copy.head_number == 0);
    assert_false(weir_pack_next(&reader, &copy, &bad) || bad);
}

static void bytes_that_are_no_pack_are_refused(void **state)
{
    (void)state;
    bool bad = false;
    static const uint8_t other[] = {2, 1, 'a'}, truncated[] = {WEIR_PACK_MAGIC, 0, 1, 'h', 9, 'a'},
                         skipped[] = {WEIR_PACK_MAGIC, 1, 1, 'h', 1, 'a'};
    weir_pack_reader reader;
    weir_packed copy;
    assert_false(weir_pack_open(&reader, (weir_bytes){other, sizeof other}));
    assert_false(weir_pack_open(&reader, (weir_bytes){NULL, 0}));
    assert_true(weir_pack_open(&reader, (weir_bytes){truncated, sizeof truncated}));
    assert_false(weir_pack_next(&reader, &copy, &bad));
    assert_true(bad);
    assert_true(weir_pack_open(&reader, (weir_bytes){skipped, sizeof skipped}));
    assert_false(weir_pack_next(&reader, &copy, &bad)); /* a number without its head */
    assert_true(bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_of_a_partition_keep_the_order_of_all_senders),
        cmocka_unit_test(a_pack_of_a_busy_partition_stays_open_and_grows),
        cmocka_unit_test(a_full_pack_is_sent_before_the_next_copy),
        cmocka_unit_test(a_head_is_said_once_and_belongs_to_each_of_its_copies),
        cmocka_unit_test(reading_goes_on_at_a_mark_wherever_the_pack_stands),
        cmocka_unit_test(bytes_that_are_no_pack_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
