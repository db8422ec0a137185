/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain.h - a plan in words: which way events take, what is kept per key, what a score reads.
 *
 * Owns: nothing. Threads: any.
 */
#pragma once

#include "compute/plan.h"

void weir_explain_project(const weir_plan *plan, weir_buffer *out);
void weir_explain_json(const weir_plan *plan, weir_buffer *out); /* the same for programs */
/* What an event adds to a key's stored state, about. */
double weir_explain_row_bytes(const weir_plan *plan, const weir_plan_view *view);
/* A stream, group, vector or feature (group.feature, group.feature[1h], its column). False:
 * unknown. */
bool weir_explain_name(const weir_plan *plan, const char *name, weir_buffer *out);
