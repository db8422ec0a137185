/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test.h - `test` blocks, compiled.
 *
 * A test has a plan of its own kind: the project's, in which streams carry every feature that some
 * test expects, whether or not a vector has it. Events are given as values in that plan's slots.
 *
 * Owns: everything lives in the arena of the plan that holds the test.
 */
#pragma once

#include "compute/lang/lang.h"

typedef struct weir_test_event {
    uint32_t stream;
    bool is_at;               /* `at`: what is expected is read here */
    const weir_value *fields; /* the stream's slots */
} weir_test_event;

typedef struct weir_test_expectation {
    uint32_t stream;  /* of the `at` before it */
    uint32_t carried; /* of that stream, or WEIR_NONE: */
    uint32_t vector, column;
    weir_type type;
    weir_value value;
    const char *text; /* "card_vel.n[1m]" */
} weir_test_expectation;

typedef struct weir_test_step {
    uint32_t source, line;
    bool is_expectation;
    union {
        weir_test_event event;
        weir_test_expectation expectation;
    } as;
} weir_test_step;

struct weir_plan_test {
    const char *title;
    uint32_t source, line;
    const weir_plan *plan; /* the plan for tests */
    uint32_t step_count;
    const weir_test_step *steps;
};
