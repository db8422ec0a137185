/* SPDX-License-Identifier: Apache-2.0 */
/* Which column goes where in a model's inputs, and what is said when it does not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingest/binding.h"

static weir_plan_column columns[] = {
    {.name = "n", .type = {.kind = WEIR_INT64}},
    {.name = "avg", .type = {.kind = WEIR_FLOAT64, .optional = true}},
    {.name = "amount", .type = {.kind = WEIR_DECIMAL, .precision = 38, .scale = 2}},
    {.name = "night", .type = {.kind = WEIR_BOOL}},
};
static const weir_plan_vector vector = {.name = "v", .column_count = 4, .columns = columns};

static weir_error *bind(weir_binding *binding, const weir_model_port *ports, size_t count)
{
    static weir_model_info info;
    info = (weir_model_info){.inputs = ports, .input_count = count};
    return weir_binding_init(binding, &vector, &info, 1);
}

static bool fill(weir_binding *binding, const weir_value *values)
{
    const weir_value *views[4] = {NULL};
    for (uint32_t i = 0; i < binding->vector->column_count; i++)
        views[i] = &values[i];
    return weir_binding_fill(binding, 0, views);
}

static void assert_says(weir_error *error, const char *part)
{
    assert_non_null(error);
    assert_int_equal(weir_error_code_of(error), WEIR_E_MODEL);
    if (strstr(weir_error_message(error), part) == NULL) fail_msg("%s", weir_error_message(error));
    weir_error_free(error);
}

static void one_unnamed_tensor_takes_the_columns_in_order(void **state)
{
    (void)state;
    weir_binding binding;
    weir_model_port port = {
        .name = "input", .kind = WEIR_TENSOR_FLOAT32, .width = 4, .accepts_missing = true};
    weir_value values[4] = {weir_int(16777217), weir_null(), weir_decimal(1234), weir_bool(true)};
    assert_null(bind(&binding, &port, 1));
    assert_true(fill(&binding, values));
    const float *row = binding.tensors[0].data;
    assert_true(row[0] == 16777216.0F && isnan(row[1]) && row[2] == 12.34F && row[3] == 1.0F);
    weir_binding_deinit(&binding);
    port.width = 5;
    assert_says(bind(&binding, &port, 1), "takes 5 numbers, vector `v` has 4");
}

static void named_inputs_take_their_columns_and_ignore_the_others(void **state)
{
    (void)state;
    weir_binding binding;
    weir_model_port ports[] = {{.name = "night", .kind = WEIR_TENSOR_BOOL, .width = 1},
                               {.name = "n", .kind = WEIR_TENSOR_INT64, .width = 1}};
    weir_value values[4] = {weir_int(INT64_MIN), weir_null(), weir_decimal(0), weir_bool(true)};
    assert_null(bind(&binding, ports, 2));
    assert_true(fill(&binding, values));
    assert_int_equal(*(const uint8_t *)binding.tensors[0].data, 1);
    assert_true(*(const int64_t *)binding.tensors[1].data == INT64_MIN);
    values[0] = weir_null(); /* an overflow: the model is not asked */
    assert_false(fill(&binding, values));
    weir_binding_deinit(&binding);
    ports[1].name = "m";
    assert_says(bind(&binding, ports, 2), "no such column; add `m = ...`");
    ports[1] = (weir_model_port){.name = "amount", .kind = WEIR_TENSOR_INT64, .width = 1};
    assert_says(bind(&binding, ports, 2),
                "is decimal(38,2), but the model's input `amount` takes int64");
}

static void names_in_the_file_bind_and_generic_ones_do_not(void **state)
{
    (void)state;
    weir_binding binding;
    const char *names[] = {"amount", "n"};
    weir_model_port port = {.name = "x",
                            .kind = WEIR_TENSOR_FLOAT64,
                            .width = 2,
                            .accepts_missing = true,
                            .column_names = names};
    weir_value values[4] = {weir_int(7), weir_null(), weir_decimal(150), weir_bool(false)};
    assert_null(bind(&binding, &port, 1));
    assert_true(fill(&binding, values));
    const double *row = binding.tensors[0].data;
    assert_true(row[0] == 1.5 && row[1] == 7.0);
    weir_binding_deinit(&binding);
    names[0] = "spend";
    assert_says(bind(&binding, &port, 1), "an input `spend`");
    const char *generic[] = {"Column_0", "Column_1", "Column_2", "Column_3"};
    port = (weir_model_port){.name = "x",
                             .kind = WEIR_TENSOR_FLOAT32,
                             .width = 4,
                             .accepts_missing = true,
                             .column_names = generic};
    assert_null(bind(&binding, &port, 1));
    assert_int_equal(binding.places[2].column, 2);
    weir_binding_deinit(&binding);
}

static void a_null_that_the_model_does_not_accept_is_refused_at_load(void **state)
{
    (void)state;
    weir_binding binding;
    weir_model_port port = {.name = "input", .kind = WEIR_TENSOR_FLOAT32, .width = 4};
    assert_says(bind(&binding, &port, 1), "give the column a default: `avg ?? 0.0`");
}

/* The nearest float32 of a decimal, rounded once. Each of these lies so near to a tie between two
 * floats that its nearest double is that tie: going through it would round to the even float,
 * whatever side the decimal is on. */
static void decimals_are_rounded_once(void **state)
{
    (void)state;
    weir_binding binding;
    weir_model_port port = {.name = "amount", .kind = WEIR_TENSOR_FLOAT32, .width = 1};
    weir_model_port ports[] = {port, {.name = "n", .kind = WEIR_TENSOR_INT64, .width = 1}};
    weir_value values[4] = {weir_int(0), weir_null(), weir_null(), weir_bool(false)};
    assert_null(bind(&binding, ports, 2));
    const float *row = binding.tensors[0].data;
    /* 2^60 + 2^36 is the tie between 2^60 and the next float, 2^60 + 2^37. */
    weir_int128 tie = ((weir_int128)1 << 60) + ((weir_int128)1 << 36);
    const float low = 1152921504606846976.0F, high = 1152921642045800448.0F;
    struct {
        weir_int128 unscaled;
        float want;
    } cases[] = {
        {tie * 100, low},
        {tie * 100 + 1, high},
        {tie * 100 - 1, low},
        {-(tie * 100), -low},
        {-(tie * 100 + 1), -high},
        {-(tie * 100 - 1), -low},
        {0, 0.0F},
        {10, 0.1F},
        {-1, -0.01F},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        values[2] = weir_decimal(cases[i].unscaled);
        assert_true(fill(&binding, values));
        assert_true(row[0] == cases[i].want);
    }
    weir_binding_deinit(&binding);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_unnamed_tensor_takes_the_columns_in_order),
        cmocka_unit_test(named_inputs_take_their_columns_and_ignore_the_others),
        cmocka_unit_test(names_in_the_file_bind_and_generic_ones_do_not),
        cmocka_unit_test(a_null_that_the_model_does_not_accept_is_refused_at_load),
        cmocka_unit_test(decimals_are_rounded_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
