/* SPDX-License-Identifier: Apache-2.0 */
/* width.h - how many columns an input has where its shape does not say: from what reads it. */
#pragma once

#include "compute/model/graph.h"

/* The width that a reader of `value` asks for (weights, offsets, coefficients), or -1. */
int64_t weir_width_guess(const weir_graph *graph, uint32_t value);
