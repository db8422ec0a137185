/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint.h - checkpoint folders: complete or invisible.
 *
 * A checkpoint at position L is the folder <checkpoints>/<L>. It is made as <L>.partial, gets a
 * file CHECKSUMS (size and xxHash64 of every file) and is renamed; a folder without a right
 * CHECKSUMS is not a checkpoint. The newest valid one is restored by hard links of its immutable
 * tables (a copy where links can not be made) and copies of the rest.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/runtime/error.h"

/* Removes what earlier attempts left and gives the folder to create the checkpoint in. */
weir_error *weir_checkpoint_begin(const char *checkpoints, int64_t position, char *partial_out,
                                  size_t partial_size);
/* Writes CHECKSUMS, renames, and removes all but the newest `kept`. `stop` is looked at between two
 * files: WEIR_E_AGAIN. */
weir_error *weir_checkpoint_publish(const char *checkpoints, int64_t position, uint32_t kept,
                                    const atomic_bool *stop);
/* Restores the newest valid checkpoint into the empty folder `directory`; *position_out is its L or
 * -1. */
weir_error *weir_checkpoint_restore(const char *checkpoints, const char *directory,
                                    int64_t *position_out);
/* Compares every file with CHECKSUMS. WEIR_E_CORRUPT names the file. */
weir_error *weir_checkpoint_verify(const char *folder);
