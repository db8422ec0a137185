/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops/runtime/metrics.h"

static char *text(void)
{
    static weir_buffer out;
    weir_buffer_clear(&out);
    weir_metrics_print(&out);
    weir_buffer_put_u8(&out, '\0');
    return (char *)out.data;
}

static int reset(void **state)
{
    (void)state;
    weir_metrics_reset();
    return 0;
}

static void cells_of_equal_labels_are_summed_and_outlive_their_writer(void **state)
{
    (void)state;
    weir_metric_cell *one = weir_metric_cell_create(WEIR_METRIC_LOOKUP_KEYS, "card");
    weir_metric_cell *two = weir_metric_cell_create(WEIR_METRIC_LOOKUP_KEYS, "card");
    weir_metric_cell *lag = weir_metric_cell_create2(WEIR_METRIC_SERVE_LAG, "a\"b\\c\n", "3");
    weir_metric_add(one, 5);
    weir_metric_add(two, 7);
    weir_metric_set(lag, 40);
    assert_non_null(strstr(text(), "weir_lookup_keys_total{status=\"card\"} 12\n"));
    assert_non_null(
        strstr(text(), "weir_serve_lag_records{topic=\"a\\\"b\\\\c\\n\",partition=\"3\"} 40\n"));
    weir_metric_cell_destroy(one);
    weir_metric_cell_destroy(lag);
    assert_non_null(strstr(text(), "weir_lookup_keys_total{status=\"card\"} 12\n"));
    assert_non_null(strstr(text(), "partition=\"3\"} 0\n"));
    assert_int_equal(weir_metric_total(WEIR_METRIC_LOOKUP_KEYS), 12);
    weir_metric_cell_destroy(two);
}

static void a_histogram_shows_seconds(void **state)
{
    (void)state;
    weir_metric_cell *cell = weir_metric_cell_create0(WEIR_METRIC_HTTP_SECONDS);
    weir_metric_observe(cell, 10);
    weir_metric_observe(cell, 1500);
    weir_metric_observe(cell, 99000000);
    assert_non_null(strstr(text(), "weir_http_answer_duration_seconds_bucket{le=\"0.00001\"} 1\n"));
    assert_non_null(strstr(text(), "weir_http_answer_duration_seconds_bucket{le=\"0.0025\"} 2\n"));
    assert_non_null(strstr(text(), "weir_http_answer_duration_seconds_bucket{le=\"30\"} 2\n"));
    assert_non_null(strstr(text(), "weir_http_answer_duration_seconds_bucket{le=\"+Inf\"} 3\n"));
    assert_non_null(strstr(text(), "weir_http_answer_duration_seconds_sum 99.00151\n"));
    assert_non_null(strstr(text(), "weir_http_answer_duration_seconds_count 3\n"));
    weir_metric_cell_destroy(cell);
}

static void series_are_bounded(void **state)
{
    (void)state;
    for (int i = 0; i < WEIR_METRIC_SERIES_MAX + 10; i++) {
        char reason[16];
        (void)snprintf(reason, sizeof reason, "r%d", i);
        weir_metric_count(WEIR_METRIC_REGISTRY_REQUESTS, reason, 1);
    }
    assert_non_null(strstr(text(), "weir_registry_requests_total{result=\"other\"} 10\n"));
    assert_non_null(strstr(text(), "weir_metric_series_dropped_total 10\n"));
    assert_int_equal(weir_metric_total(WEIR_METRIC_REGISTRY_REQUESTS), WEIR_METRIC_SERIES_MAX + 10);
}

/* promtool is the judge of the format; ops/test installs it. */
static void promtool_finds_nothing(void **state)
{
    (void)state;
    if (system("command -v promtool >/dev/null 2>&1") != 0) skip();
    weir_metric_cell *cells[WEIR_METRIC_COUNT];
    for (int i = 0; i < WEIR_METRIC_COUNT; i++) {
        cells[i] = weir_metric_cell_create3((weir_metric)i, "a b", "c\"", "d");
        weir_metric_add(cells[i], 1);
    }
    FILE *judge = popen("promtool check metrics 2>&1", "w");
    assert_non_null(judge);
    assert_true(fputs(text(), judge) >= 0);
    assert_int_equal(pclose(judge), 0);
    for (int i = 0; i < WEIR_METRIC_COUNT; i++)
        weir_metric_cell_destroy(cells[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(cells_of_equal_labels_are_summed_and_outlive_their_writer, reset),
        cmocka_unit_test_setup(a_histogram_shows_seconds, reset),
        cmocka_unit_test_setup(series_are_bounded, reset),
        cmocka_unit_test_setup(promtool_finds_nothing, reset),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    weir_metrics_reset();
    return failed;
}
