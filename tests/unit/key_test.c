/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schemas/key.h"

/* The vectors of Apache Kafka's own UtilsTest. */
static void murmur2_is_that_of_kafkas_java_client(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int32_t hash;
    } vectors[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        size_t size = strlen(vectors[i].text);
        assert_int_equal((int32_t)weir_murmur2(vectors[i].text, size), vectors[i].hash);
        weir_bytes key = {(const uint8_t *)vectors[i].text, size};
        assert_int_equal(weir_key_partition(key, 7), (uint32_t)(vectors[i].hash & 0x7fffffff) % 7);
    }
}

static const char *const symbols[] = {"red", "green"};
static const weir_enum_type colours = {"Colour", symbols, 2};

static void check(weir_type type, weir_value value, const char *want)
{
    weir_buffer out = {0};
    assert_true(weir_key_encode(&type, &value, 1, &out));
    assert_int_equal(out.size, strlen(want));
    assert_memory_equal(out.data, want, out.size);
    weir_value back;
    assert_null(weir_key_decode(&type, 1, (weir_bytes){out.data, out.size}, &back));
    assert_true(weir_value_equal(&value, &back));
    weir_buffer_deinit(&out);
}

static void single_keys_are_their_text(void **state)
{
    (void)state;
    check(weir_type_of(WEIR_STRING), weir_string("c1", 2), "c1");
    check(weir_type_optional(weir_type_of(WEIR_STRING)), weir_string("", 0), "");
    check(weir_type_of(WEIR_INT64), weir_int(INT64_MIN), "-9223372036854775808");
    check(weir_type_of(WEIR_BOOL), weir_bool(true), "true");
    check(weir_type_decimal(6, 2), weir_decimal(-5), "-0.05");
    check(weir_type_of(WEIR_FLOAT64), weir_float(2), "2.0");
    check(weir_type_of(WEIR_TIME), weir_time(0), "1970-01-01T00:00:00.000000Z");
    check((weir_type){.kind = WEIR_ENUM, .symbols = &colours},
          (weir_value){.kind = WEIR_ENUM, .as.integer = 1}, "green");
}

static void composite_keys_are_length_prefixed(void **state)
{
    (void)state;
    weir_type types[2] = {weir_type_of(WEIR_STRING), weir_type_of(WEIR_INT64)};
    weir_value values[2] = {weir_string("ab", 2), weir_int(-7)}, back[2];
    weir_buffer out = {0};
    assert_true(weir_key_encode(types, values, 2, &out));
    assert_int_equal(out.size, 6);
    assert_memory_equal(out.data, "\2ab\2-7", 6);
    assert_null(weir_key_decode(types, 2, (weir_bytes){out.data, out.size}, back));
    assert_true(weir_value_equal(&values[0], &back[0]) && weir_value_equal(&values[1], &back[1]));
    for (size_t size = 0; size < out.size; size++) {
        weir_error *error = weir_key_decode(types, 2, (weir_bytes){out.data, size}, back);
        assert_non_null(error);
        weir_error_free(error);
    }
    weir_buffer_clear(&out);
    values[1] = weir_null();
    assert_false(weir_key_encode(types, values, 2, &out));
    assert_int_equal(out.size, 0);
    weir_buffer_deinit(&out);
}

static void other_forms_of_a_key_are_refused(void **state)
{
    (void)state;
    static const struct {
        weir_kind kind;
        const char *text;
    } cases[] = {
        {WEIR_INT64, "+1"},  {WEIR_INT64, "01"},    {WEIR_INT64, "1.0"},
        {WEIR_INT64, ""},    {WEIR_INT64, "x"},     {WEIR_INT64, "-0"},
        {WEIR_FLOAT64, "2"}, {WEIR_FLOAT64, "nan"}, {WEIR_BOOL, "1"},
        {WEIR_TIME, "0"},    {WEIR_STRING, "\x80"}, {WEIR_TIME, "1970-01-01T00:00:00Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_type type = weir_type_of(cases[i].kind);
        weir_value back;
        weir_bytes key = {(const uint8_t *)cases[i].text, strlen(cases[i].text)};
        weir_error *error = weir_key_decode(&type, 1, key, &back);
        if (error == NULL) fail_msg("accepted: %s", cases[i].text);
        weir_error_free(error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(murmur2_is_that_of_kafkas_java_client),
        cmocka_unit_test(single_keys_are_their_text),
        cmocka_unit_test(composite_keys_are_length_prefixed),
        cmocka_unit_test(other_forms_of_a_key_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
