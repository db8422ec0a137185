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
/* What an event adds to a key's stored state, about: to a view, and to the ids that tell duplicates
 * (0 for a stream without). Either has WEIR_EXPLAIN_KEY_BYTES a key besides. */
double weir_explain_row_bytes(const weir_plan *plan, const weir_plan_view *view);
double weir_explain_id_bytes(const weir_plan_stream *stream);
enum { WEIR_EXPLAIN_KEY_BYTES = 24 };
/* A stream, group, vector or feature (group.feature, group.feature[1h], its column). False:
 * unknown. */
bool weir_explain_name(const weir_plan *plan, const char *name, weir_buffer *out);
/* An expression in the plan's own names: FIELD and CARRIED of `stream`, THIS of the same, COLUMN of
 * `columns` (or NULL). WEIR_NONE where no stream is meant. */
void weir_explain_expr(const weir_plan *plan, uint32_t stream, const weir_plan_source *columns,
                       const weir_expr *expr, weir_buffer *out);
void weir_explain_window(const weir_plan_window *window, weir_buffer *out); /* "1h delayed 10m" */
