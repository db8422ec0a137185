/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop_probe.h - what benchmarks of the whole loop share: the worker as a child, what /proc says
 * about a process, staged records, and which event a score record is about.
 *
 * Failures end the program: a benchmark without its broker has nothing to say.
 */
#pragma once

#include <stdatomic.h>
#include <sys/types.h>

#include "ingest/kafka_reader.h"

enum { PROBE_FRAME = 5 /* Confluent's magic and schema id */, PROBE_THREAD_KINDS = 16 };

/* CPU seconds of a process, whole and by its threads' names without their numbers. */
typedef struct probe_cpu {
    double seconds;
    int64_t at_us;
    struct {
        char name[32];
        double seconds;
    } kinds[PROBE_THREAD_KINDS];
    size_t kind_count;
} probe_cpu;

void probe_ok(weir_error *error);
probe_cpu probe_cpu_of(pid_t pid);

/* Starts the program; ends it with the signal and waits. */
pid_t probe_start(char **words);
void probe_end(pid_t pid, int signal);

/* Avro's zig-zag number. */
int64_t probe_avro_long(weir_reader *reader);
/* The event's number in a score record (schemas/score.avsc); -1: none. */
int64_t probe_score_event(weir_bytes value);

/* Calls `take` for at most `most` records of the only partition of a topic, in order. */
void probe_staged_read(const weir_kafka_options *kafka, const char *topic, size_t most,
                       void (*take)(void *context, const weir_log_record *record), void *context);
/* A reader of all partitions of a topic, from their starts. */
weir_kafka_reader *probe_reader_open(const weir_kafka_options *kafka, const char *topic);

/* Calls `see` for each record of the topic, with the time it came in, until `stop` is true. */
void probe_watch(const weir_kafka_options *kafka, const char *topic, const atomic_bool *stop,
                 void (*see)(void *context, const weir_log_record *record, int64_t now_us),
                 void *context);
