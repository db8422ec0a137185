/* SPDX-License-Identifier: Apache-2.0 */
/*
 * board.h - how far every consumed partition is, seen by all threads of a process.
 *
 * Alignment needs to know about partitions of other threads and other workers. Their owners pin it
 * to this board: one row per (topic, partition), made of atomics, written by the owner of the
 * partition (or by the thread that reads other workers' marks), read by everybody. Values may be a
 * moment old; they never promise too much: `mark_us` says that all copies of events with a smaller
 * order time are acknowledged.
 *
 * Who leaves a partition leaves its row as it is: what he told stays true, whoever has it next.
 *
 * `produced_end` is kept by whoever gets a delivery report: an at-end partition is only then truly
 * at its end when its position has reached what this process has written to it.
 *
 * Threads: any.
 */
#pragma once

#include <stdatomic.h>

#include "ingest/driver.h"

typedef enum weir_board_state {
    WEIR_BOARD_UNKNOWN, /* nobody has told */
    WEIR_BOARD_ACTIVE,
    WEIR_BOARD_AT_END,
    WEIR_BOARD_STOPPED,
    WEIR_BOARD_REPLAYING, /* from L to K, silently: the word of its last owner stands */
} weir_board_state;

typedef struct weir_board_row {
    _Atomic int64_t mark_us;
    _Atomic int64_t position;
    _Atomic int64_t produced_end;
    _Atomic int64_t told_us;  /* monotonic time when its owner was last heard */
    _Atomic int64_t moved_us; /* and when what he says was last something new */
    _Atomic int32_t state;
    _Atomic int32_t member; /* of this process: number + 1; 0: another worker's, or nobody's */
} weir_board_row;

/* What stands in a row, or shall. */
typedef struct weir_board_news {
    weir_board_state state;
    int64_t mark_us, position;
} weir_board_news;

typedef struct weir_board {
    weir_board_row **topics; /* per topic: rows, NULL where not consumed */
    _Atomic int32_t *counts; /* per topic: partitions; 0 until known */
    size_t topic_count;
} weir_board;

enum { WEIR_BOARD_PARTITIONS_MAX = 16384 };

weir_board *weir_board_create(size_t topic_count);
void weir_board_destroy(weir_board *board);
/* The row, made when asked for the first time. NULL where the partition is beyond the limit. */
weir_board_row *weir_board_at(weir_board *board, weir_topic topic, int32_t partition);
int32_t weir_board_count(const weir_board *board, weir_topic topic);
/* Tells the number of partitions of a topic; the first one to tell makes the rows. */
void weir_board_size(weir_board *board, weir_topic topic, int32_t partitions);
/* By a row's owner, or for him. True if state or mark are new. */
bool weir_board_tell(weir_board_row *row, const weir_board_news *news, int64_t now_us);
/* At its end only if it has come as far as anybody has told to have written to it. */
weir_board_news weir_board_look(const weir_board_row *row);
void weir_board_produced(weir_board *board, weir_topic topic, int32_t partition, int64_t end);
