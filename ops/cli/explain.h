/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain.h - a plan in words: which way events take, what is kept per key, what a score reads.
 *
 * Owns: nothing. Threads: any.
 */
#pragma once

#include "compute/plan.h"

void weir_explain_project(const weir_plan *plan, weir_buffer *out);
/* The same for programs; of what bears that name only, if it is not NULL. False: nothing does. */
bool weir_explain_json(const weir_plan *plan, const char *name, weir_buffer *out);
/* What is stored of a key, about: of a view, while times are in whole seconds, and of the ids that
 * tell duplicates (0 for a stream without). */
typedef struct weir_explain_line {
    double event_bytes, key_bytes;
} weir_explain_line;
weir_explain_line weir_explain_view_bytes(const weir_plan *plan, uint32_t view);
weir_explain_line weir_explain_id_bytes(const weir_plan *plan, uint32_t stream);
/* Keys of so many events are shown: stored in one part, and in tiles. */
enum { WEIR_EXPLAIN_EVENTS = 100, WEIR_EXPLAIN_EVENTS_MANY = 1000 };
/* A stream, group, vector or feature (group.feature, group.feature[1h], its column). False:
 * unknown. */
bool weir_explain_name(const weir_plan *plan, const char *name, weir_buffer *out);
bool weir_explain_is_member(const weir_plan_member *member, const char *name);
/* An expression in the plan's own names: FIELD and CARRIED of `stream`, THIS of the same, COLUMN of
 * `columns` (or NULL). WEIR_NONE where no stream is meant. */
void weir_explain_expr(const weir_plan *plan, uint32_t stream, const weir_plan_source *columns,
                       const weir_expr *expr, weir_buffer *out);
void weir_explain_window(const weir_plan_window *window, weir_buffer *out); /* "1h delayed 10m" */
