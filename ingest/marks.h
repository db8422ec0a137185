/* SPDX-License-Identifier: Apache-2.0 */
/*
 * marks.h - alignment across workers: what stands on this board is told to the others, and theirs
 * is put on it.
 *
 * A thread of its own reads the package's marks topic (one partition, compacted) from its end and
 * writes to it what has changed, as long as other workers own partitions. Two kinds of records,
 * besides those of ingest/applied.h:
 *
 *   key "end/<topic>/<partition>/<teller>"   value  0x11, end i64      I have written to this
 * journal up to here key "mark/<topic>/<partition>"           value  0x10, state u8, mark i64,
 * position i64
 *
 * A worker writes its ends before its marks: who reads that all copies before a mark are
 * acknowledged has already read how long the journals are by them. All is advice: what is lost or
 * late makes others wait, up to align_patience.
 *
 * Owns:    its thread, reader and producer. Threads: create and destroy from one.
 */
#pragma once

#include "ingest/board.h"

typedef struct weir_marks weir_marks;

/* `wake` is called from the thread when another worker's row has changed. */
weir_marks *weir_marks_create(const weir_driver_options *options, weir_board *board,
                              void (*wake)(void *context), void *context);
void weir_marks_destroy(weir_marks *marks); /* NULL is fine */
