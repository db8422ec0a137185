/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ops/runtime/config.h"

static weir_config *config;

static int create(void **state)
{
    (void)state;
    config = weir_config_create();
    return 0;
}

static int destroy(void **state)
{
    (void)state;
    weir_config_destroy(config);
    return 0;
}

static void refused(weir_error *error, const char *message)
{
    assert_non_null(error);
    assert_string_equal(weir_error_message(error), message);
    weir_error_free(error);
}

static weir_error *yaml(const char *text)
{
    return weir_config_add_yaml(config, "weir.yaml", text, strlen(text));
}

static void flag_beats_environment_beats_file_beats_default(void **state)
{
    (void)state;
    const char *const environment[] = {"HOME=/",
                                       "WEIR_ALIGN=2min",
                                       "WEIR_THREADS=3",
                                       "WEIR_KAFKA_SASL_USERNAME=me",
                                       "WEIR_TEST_KAFKA=1",
                                       NULL};
    assert_true(weir_config_is_default(config, WEIR_SETTING_ALIGN));
    assert_null(weir_config_add_assignment(config, "threads=4"));
    assert_null(weir_config_add_environment(config, environment));
    assert_null(
        yaml("align: 3min\nthreads: 5\nbrokers: [a:1, b:2]\nkafka:\n  security.protocol: SSL\n"));
    assert_int_equal(weir_config_int(config, WEIR_SETTING_THREADS), 4);
    assert_int_equal(weir_config_int(config, WEIR_SETTING_ALIGN), 120000000);
    assert_string_equal(weir_config_text(config, WEIR_SETTING_BROKERS), "a:1,b:2");
    assert_string_equal(weir_config_origin(config, WEIR_SETTING_BROKERS), "weir.yaml:3");
    assert_string_equal(weir_config_origin(config, WEIR_SETTING_ALIGN), "WEIR_ALIGN");
    assert_int_equal(weir_config_int(config, WEIR_SETTING_COMMIT_INTERVAL), 100000);
    assert_int_equal(weir_config_choice(config, WEIR_SETTING_DELIVERY), 0);
    const char *key = NULL, *value = NULL;
    assert_int_equal(weir_config_kafka_count(config), 2);
    weir_config_kafka_at(config, 1, &key, &value);
    assert_string_equal(key, "security.protocol");
    assert_string_equal(value, "SSL");
}

static void what_is_wrong_is_named_with_place_and_cure(void **state)
{
    (void)state;
    refused(yaml("\nbrokrs: x"),
            "weir.yaml:2:1: there is no setting `brokrs`; did you mean `brokers`?");
    refused(yaml("zzz: x"), "weir.yaml:1:1: there is no setting `zzz`; `weir settings` lists them");
    refused(yaml("threads: many"), "weir.yaml:1:1: threads is `many`, wants a whole number");
    refused(yaml("threads: 0"), "weir.yaml:1:1: threads is 0, wants 1 to 256");
    refused(yaml("align: 3 parsecs"),
            "weir.yaml:1:1: align is `3 parsecs`, wants a duration such as 10s");
    refused(yaml("state_memory: 1KiB"), "weir.yaml:1:1: state_memory is 1KiB, wants 1MiB to 1TiB");
    refused(yaml("delivery: maybe"),
            "weir.yaml:1:1: delivery is `maybe`, wants idempotent|transactional");
    refused(yaml("state_dir: ''"), "weir.yaml:1:1: state_dir may not be empty");
    refused(yaml("align: 1s\nalign: 2s"), "weir.yaml:2:1: this key stands twice");
    refused(yaml("align: &a 1s\nthreads: *a"),
            "weir.yaml:2:10: aliases are not supported; write the value out");
    refused(yaml("- a"), "weir.yaml:1:1: wants `key: value` lines");
    refused(yaml("a: {b: {c: {d: {e: {f: {g: {h: {i: 1}}}}}}}}"),
            "weir.yaml:1:32: nested too deep");
    refused(yaml("a: [1"), "weir.yaml:2:1: did not find expected ',' or ']'");
    refused(yaml("\"a\\0b\": 1"), "weir.yaml:1:1: the value holds a zero byte");
    refused(yaml("align: 1s\n---\nalign: 2s"), "weir.yaml:2:1: a second document is not supported");
    refused(weir_config_add_assignment(config, "align"), "--set wants key=value, not `align`");
    refused(weir_config_add_assignment(config, "aling=1s"),
            "--set: there is no setting `aling`; did you mean `align`?");
    const char *const environment[] = {"WEIR_THREDS=3", NULL};
    refused(
        weir_config_add_environment(config, environment),
        "environment variable WEIR_THREDS: there is no setting `threds`; did you mean `threads`?");
}

static void variables_of_others_set_nothing(void **state)
{
    (void)state;
    const char *const environment[] = {"WEIR_BIN=build/release/weir", "WEIR_TEST_ROOT=/", "WEIR=1",
                                       "WEIR_THREADS=3", NULL};
    assert_null(weir_config_add_environment(config, environment));
    assert_int_equal(weir_config_int(config, WEIR_SETTING_THREADS), 3);
}

static void empty_files_say_nothing(void **state)
{
    (void)state;
    assert_null(yaml(""));
    assert_null(yaml("# nothing\n"));
    assert_null(yaml("---\n...\n"));
    assert_null(weir_config_add_file(config, "/no/such/weir.yaml"));
}

static void durations_and_sizes_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } durations[] = {{"0", 0},
                     {"250ms", 250000},
                     {"1min 30s", 90000000},
                     {"1h30m", 5400000000},
                     {"7 days", 604800000000},
                     {"forever", INT64_MAX},
                     {"9223372036854775807us", INT64_MAX}};
    int64_t number = 0;
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        assert_true(weir_duration_parse(durations[i].text, &number));
        assert_true(number == durations[i].us);
    }
    static const char *const wrong[] = {
        "", "s", "10", "-1s", "1.5s", "1s x", "9223372036854775808us", "9999999999999w"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(weir_duration_parse(wrong[i], &number));
    assert_true(weir_bytes_parse("64KiB", &number) && number == 65536);
    assert_true(weir_bytes_parse("10GB", &number) && number == 10000000000);
    assert_true(weir_bytes_parse("12", &number) && number == 12);
    assert_false(weir_bytes_parse("12 apples", &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(flag_beats_environment_beats_file_beats_default, create,
                                        destroy),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_named_with_place_and_cure, create,
                                        destroy),
        cmocka_unit_test_setup_teardown(variables_of_others_set_nothing, create, destroy),
        cmocka_unit_test_setup_teardown(empty_files_say_nothing, create, destroy),
        cmocka_unit_test(durations_and_sizes_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
