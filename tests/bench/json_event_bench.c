/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_event_bench - nanoseconds an event of 275 bytes of JSON, decoded into slots: int64 and
 * decimals exact, times and doubles correctly rounded, UTF-8 checked.
 *
 *     json_event_bench [RECORDS]
 *
 * CPU time of this thread, the median of five runs. Run tiny by every test run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/json_event.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/clock.h"

enum { FIELDS = 12, SAMPLES = 1000, RUNS = 5, SAMPLE_BYTES = 400 };

static const char schema_json[] =
    "{\"type\":\"record\",\"name\":\"Tx\",\"namespace\":\"pay\",\"fields\":["
    "{\"name\":\"tx_id\",\"type\":\"long\"},{\"name\":\"card\",\"type\":\"string\"},"
    "{\"name\":\"merchant\",\"type\":\"string\"},"
    "{\"name\":\"amount\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":"
    "12,\"scale\":2}},"
    "{\"name\":\"fee\",\"type\":[\"null\",\"double\"]},{\"name\":\"currency\",\"type\":\"string\"},"
    "{\"name\":\"status\",\"type\":{\"type\":\"enum\",\"name\":\"S\",\"symbols\":[\"approved\","
    "\"declined\"]}},"
    "{\"name\":\"ts\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}},"
    "{\"name\":\"booked\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-"
    "millis\"}]},"
    "{\"name\":\"mcc\",\"type\":\"int\"},{\"name\":\"online\",\"type\":\"boolean\"},"
    "{\"name\":\"note\",\"type\":[\"null\",\"string\"]}]}";

static char samples[SAMPLES][SAMPLE_BYTES];
static size_t sizes[SAMPLES], total_bytes;

static void make_samples(void)
{
    for (int i = 0; i < SAMPLES; i++) {
        int n = snprintf(samples[i], SAMPLE_BYTES,
                         "{\"tx_id\":%lld,\"card\":\"card-%08d\",\"merchant\":\"merchant-%05d\","
                         "\"amount\":\"%d.%02d\",\"fee\":%.4f,\"currency\":\"EUR\",\"status\":\"%s"
                         "\",\"ts\":\"2026-03-01T12:%02d:%02d.%06dZ\",\"booked\":%lld,\"mcc\":%d,"
                         "\"online\":%s,\"note\":\"contactless at a terminal\"}",
                         9007199254740993LL + i, i * 31 % 5000, i * 7 % 3000, i % 900 + 1, i % 100,
                         i / 7.0, i % 9 == 0 ? "declined" : "approved", i % 60, i % 59, i * 997,
                         1772366400000LL + i, 5411 + i % 100, i % 2 == 0 ? "true" : "false");
        WEIR_ASSERT(n > 0 && n < SAMPLE_BYTES);
        total_bytes += sizes[i] = (size_t)n;
    }
}

static double decode(const weir_json_event *event, weir_arena *scratch, size_t records)
{
    weir_value values[FIELDS];
    int64_t start = weir_clock_thread_cpu_ns();
    for (size_t i = 0; i < records; i++) {
        weir_json json;
        weir_arena_reset(scratch);
        weir_json_init(&json, samples[i % SAMPLES], sizes[i % SAMPLES], scratch);
        weir_json_event_result result = weir_json_event_read(event, &json, scratch, values);
        WEIR_ASSERT(result.is_ok &&
                    values[0].as.integer == 9007199254740993LL + (int)(i % SAMPLES));
    }
    return (double)(weir_clock_thread_cpu_ns() - start) / (double)records;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    size_t records = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    weir_arena arena = {0}, scratch = {0};
    const weir_schema *schema = NULL;
    weir_error *error =
        weir_schema_parse(schema_json, sizeof schema_json - 1, "bench", &arena, &schema);
    WEIR_ASSERT(records > 0 && error == NULL && schema->field_count == FIELDS);
    const weir_json_event *event = weir_json_event_create(schema, &arena);
    make_samples();
    double runs[RUNS];
    for (int i = 0; i < RUNS; i++)
        runs[i] = decode(event, &scratch, records);
    qsort(runs, RUNS, sizeof *runs, by_value);
    printf("json_event records=%zu bytes=%.1f ns=%.1f\n", records, (double)total_bytes / SAMPLES,
           runs[RUNS / 2]);
    weir_arena_deinit(&scratch);
    weir_arena_deinit(&arena);
    return 0;
}
