/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops/runtime/nearest.h"
#include "ops/runtime/signal.h"

static void distance_counts_letters_and_swaps(void **state)
{
    (void)state;
    assert_int_equal(weir_edit_distance("check", "check"), 0);
    assert_int_equal(weir_edit_distance("check", "Chekc"), 1);
    assert_int_equal(weir_edit_distance("", "abc"), 3);
    assert_int_equal(weir_edit_distance("kitten", "sitting"), 3);
}

static void only_what_is_near_is_offered(void **state)
{
    (void)state;
    weir_nearest nearest = weir_nearest_of("brokrs");
    weir_nearest_offer(&nearest, "state_dir");
    assert_null(nearest.name);
    weir_nearest_offer(&nearest, "broken");
    weir_nearest_offer(&nearest, "brokers");
    assert_string_equal(nearest.name, "brokers");
}

static void a_signal_asks_for_a_stop_once(void **state)
{
    (void)state;
    weir_signals_install();
    assert_false(weir_stop_requested());
    assert_int_equal(raise(SIGTERM), 0);
    assert_true(weir_stop_requested());
    assert_true(weir_stop_fd() >= 0);
    weir_stop_reset();
    assert_false(weir_stop_requested());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distance_counts_letters_and_swaps),
        cmocka_unit_test(only_what_is_near_is_offered),
        cmocka_unit_test(a_signal_asks_for_a_stop_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
