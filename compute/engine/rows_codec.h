/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows_codec.h - rows of a log to bytes and back (docs/formats/state.md).
 */
#pragma once

#include "compute/engine/state_internal.h"

/* Appends the rows [from, from + count). The same rows give the same bytes. */
void weir_rows_encode(const weir_key_state *state, uint32_t from, uint32_t count, weir_buffer *out);
/* Appends rows to the end of the log; NULL, or what is wrong with the bytes (static text). */
const char *weir_rows_decode(weir_key_state *state, weir_reader *reader);
