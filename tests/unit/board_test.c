/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ingest/board.h"

static void a_partition_is_at_its_end_where_nobody_has_written_more(void **state)
{
    (void)state;
    weir_board *board = weir_board_create(1);
    weir_board_size(board, 0, 1);
    weir_board_row *row = weir_board_at(board, 0, 0);
    const weir_board_news news = {.state = WEIR_BOARD_AT_END, .mark_us = 5, .position = 7};
    (void)weir_board_tell(row, &news, 100);
    weir_board_produced(board, 0, 0, 7);
    assert_int_equal(weir_board_look(row).state, WEIR_BOARD_AT_END);
    weir_board_produced(board, 0, 0, 8);
    assert_int_equal(weir_board_look(row).state, WEIR_BOARD_ACTIVE);
    weir_board_destroy(board);
}

static void what_is_told_again_has_not_moved(void **state)
{
    (void)state;
    weir_board *board = weir_board_create(1);
    weir_board_size(board, 0, 1);
    weir_board_row *row = weir_board_at(board, 0, 0);
    weir_board_news news = {.state = WEIR_BOARD_ACTIVE, .mark_us = 5, .position = 7};
    assert_true(weir_board_tell(row, &news, 100));
    assert_false(weir_board_tell(row, &news, 200));
    assert_int_equal(row->moved_us, 100);
    assert_int_equal(row->told_us, 200);
    news.position = 8; /* no news for others, but it goes on */
    assert_false(weir_board_tell(row, &news, 300));
    assert_int_equal(row->moved_us, 300);
    news = (weir_board_news){.state = WEIR_BOARD_REPLAYING, .mark_us = 3, .position = 2};
    assert_true(weir_board_tell(row, &news, 400)); /* to be heard, but none of it comes to others */
    assert_int_equal(row->moved_us, 300);
    assert_int_equal(row->told_us, 400);
    assert_int_equal(weir_board_look(row).mark_us, 5);
    assert_int_equal(weir_board_look(row).position, 8);
    weir_board_destroy(board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_partition_is_at_its_end_where_nobody_has_written_more),
        cmocka_unit_test(what_is_told_again_has_not_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
