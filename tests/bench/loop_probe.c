/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/loop_probe.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/clock.h"

void probe_ok(weir_error *error)
{
    if (error == NULL) return;
    (void)fprintf(stderr, "%s\n", weir_error_message(error));
    exit(1);
}

/* --- what /proc says --- */

/* User and system seconds of a stat file, and the thread's name without its number. */
static double stat_read(const char *path, char name[32])
{
    char text[1024] = "";
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    size_t size = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[size] = 0;
    const char *open = strchr(text, '('), *close = strrchr(text, ')');
    if (open == NULL || close == NULL) return 0;
    size_t length = 0;
    for (const char *c = open + 1; c < close && length < 31; c++) {
        if (*c < '0' || *c > '9') name[length++] = *c;
    }
    name[length] = 0;
    unsigned long user = 0, system = 0;
    if (sscanf(close + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) !=
        2) {
        return 0;
    }
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static void kind_add(probe_cpu *sample, const char *name, double seconds)
{
    size_t i = 0;
    while (i < sample->kind_count && strcmp(sample->kinds[i].name, name) != 0)
        i++;
    if (i == PROBE_THREAD_KINDS) return;
    if (i == sample->kind_count) {
        (void)snprintf(sample->kinds[i].name, sizeof sample->kinds[i].name, "%s", name);
        sample->kinds[i].seconds = 0;
        sample->kind_count++;
    }
    sample->kinds[i].seconds += seconds;
}

probe_cpu probe_cpu_of(pid_t pid)
{
    probe_cpu sample = {.at_us = weir_clock_monotonic_us()};
    char path[300], name[32] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    sample.seconds = stat_read(path, name);
    (void)snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    for (struct dirent *entry; tasks != NULL && (entry = readdir(tasks)) != NULL;) {
        if (entry->d_name[0] == '.') continue;
        (void)snprintf(path, sizeof path, "/proc/%d/task/%.20s/stat", pid, entry->d_name);
        double seconds = stat_read(path, name);
        kind_add(&sample, name, seconds);
    }
    if (tasks != NULL) (void)closedir(tasks);
    return sample;
}

/* --- the worker --- */

pid_t probe_start(char **words)
{
    pid_t pid = fork();
    WEIR_ASSERT(pid >= 0);
    if (pid > 0) return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* a bench that is stopped leaves no worker behind */
    (void)execvp(words[0], words);
    perror(words[0]);
    _exit(127);
}

void probe_end(pid_t pid, int signal)
{
    int status = 0;
    (void)kill(pid, signal);
    (void)waitpid(pid, &status, 0);
}

/* --- records --- */

int64_t probe_avro_long(weir_reader *reader)
{
    uint64_t raw = weir_reader_varint(reader);
    return (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
}

static void avro_skip(weir_reader *reader)
{
    (void)weir_reader_take(reader, (size_t)probe_avro_long(reader));
}

int64_t probe_score_event(weir_bytes value)
{
    char text[24] = "";
    weir_reader reader = weir_reader_of(value.data + PROBE_FRAME, value.size - (size_t)PROBE_FRAME);
    avro_skip(&reader);             /* id */
    (void)probe_avro_long(&reader); /* time */
    for (int64_t n = probe_avro_long(&reader); n != 0 && !reader.bad;
         n = probe_avro_long(&reader)) {
        if (n < 0) (void)probe_avro_long(&reader), n = -n;
        for (int64_t i = 0; i < 2 * n; i++)
            avro_skip(&reader);
    }
    if (probe_avro_long(&reader) != 1) return -1;
    size_t size = (size_t)probe_avro_long(&reader);
    if (reader.bad || size >= sizeof text || weir_reader_left(&reader) < size) return -1;
    memcpy(text, reader.next, size);
    return strtoll(text, NULL, 10);
}

void probe_staged_read(const weir_kafka_options *kafka, const char *topic, size_t most,
                       void (*take)(void *context, const weir_log_record *record), void *context)
{
    weir_kafka_reader *reader = probe_reader_open(kafka, topic);
    size_t taken = 0;
    for (bool is_end = false; !is_end && taken < most;) {
        const weir_fetched *items = NULL;
        size_t count = 0;
        probe_ok(weir_kafka_reader_poll(reader, 10000, 1000, &items, &count, NULL));
        for (size_t i = 0; i < count && taken < most; i++) {
            is_end = items[i].is_end;
            if (is_end) continue;
            take(context, &items[i].record);
            taken++;
        }
    }
    weir_kafka_reader_close(reader);
}

weir_kafka_reader *probe_reader_open(const weir_kafka_options *kafka, const char *topic)
{
    weir_kafka_reader *reader = NULL;
    int32_t partitions = 0;
    probe_ok(weir_kafka_reader_open(kafka, &reader));
    probe_ok(weir_kafka_reader_count(reader, topic, &partitions));
    for (int32_t i = 0; i < partitions; i++) {
        uint32_t source = 0;
        probe_ok(weir_kafka_reader_add(reader, topic, i, WEIR_OFFSET_START, &source));
    }
    return reader;
}

void probe_watch(const weir_kafka_options *kafka, const char *topic, const atomic_bool *stop,
                 void (*see)(void *context, const weir_log_record *record, int64_t now_us),
                 void *context)
{
    weir_kafka_reader *reader = probe_reader_open(kafka, topic);
    while (!*stop) {
        const weir_fetched *items = NULL;
        size_t count = 0;
        probe_ok(weir_kafka_reader_poll(reader, 5000, 20, &items, &count, NULL));
        int64_t now_us = weir_clock_monotonic_us();
        for (size_t i = 0; i < count; i++)
            if (!items[i].is_end) see(context, &items[i].record, now_us);
    }
    weir_kafka_reader_close(reader);
}
