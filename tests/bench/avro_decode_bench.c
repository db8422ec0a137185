/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro_decode_bench - nanoseconds a record of ten fields, decoded by us and by avro-c's generic
 * values.
 *
 *     avro_decode_bench [RECORDS]
 *
 * The record is that of the card example: two ids, amount, fee, currency, status, two times, a flag
 * and a score. Ours fills an array of slots, all ten of them or three; avro-c its own value. CPU
 * time of this thread, the median of five runs. Run tiny by every test run.
 */
#include <avro.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/clock.h"
#include "schemas/avro.h"

enum { FIELDS = 10, SAMPLES = 1000, RUNS = 5 };

static const char json[] =
    "{\"type\":\"record\",\"name\":\"Tx\",\"namespace\":\"pay\",\"fields\":["
    "{\"name\":\"tx_id\",\"type\":\"string\"},{\"name\":\"card\",\"type\":\"string\"},"
    "{\"name\":\"amount\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":"
    "12,\"scale\":2}},"
    "{\"name\":\"fee\",\"type\":[\"null\",\"double\"]},{\"name\":\"currency\",\"type\":\"string\"},"
    "{\"name\":\"status\",\"type\":{\"type\":\"enum\",\"name\":\"S\",\"symbols\":[\"A\",\"B\","
    "\"C\"]}},"
    "{\"name\":\"ts\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}},"
    "{\"name\":\"booked\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-"
    "millis\"}]},"
    "{\"name\":\"mcc\",\"type\":\"int\"},{\"name\":\"online\",\"type\":\"boolean\"}]}";

static const char *const names[FIELDS] = {"tx_id",  "card", "amount", "fee", "currency",
                                          "status", "ts",   "booked", "mcc", "online"};

typedef struct sample {
    size_t offset, size;
} sample;

static weir_arena arena;
static weir_buffer bodies;
static sample samples[SAMPLES];

static void make_samples(const weir_schema *schema)
{
    for (int i = 0; i < SAMPLES; i++) {
        char id[32], card[32];
        weir_value v[FIELDS];
        v[0] = weir_string(id, (size_t)snprintf(id, sizeof id, "tx-%010d", i * 7919));
        v[1] = weir_string(card, (size_t)snprintf(card, sizeof card, "card-%06d", i * 31 % 5000));
        v[2] = weir_decimal(1000 + i * 37);
        v[3] = i % 3 == 0 ? weir_null() : weir_float(i / 7.0);
        v[4] = weir_string("EUR", 3);
        v[5] = (weir_value){.kind = WEIR_ENUM, .as.integer = i % 3};
        v[6] = weir_time(INT64_C(1772366400000000) + i * 1000003);
        v[7] = i % 2 == 0 ? weir_null() : weir_time(INT64_C(1772366400000000) + i * 1000);
        v[8] = weir_int(5411 + i % 100);
        v[9] = weir_bool(i % 2 == 0);
        samples[i].offset = bodies.size;
        WEIR_ASSERT(weir_schema_encode(schema, v, &bodies) == NULL);
        samples[i].size = bodies.size - samples[i].offset;
    }
}

static double decode_ours(const weir_decoder *decoder, size_t records)
{
    weir_value slots[FIELDS];
    int64_t start = weir_clock_thread_cpu_ns();
    for (size_t i = 0; i < records; i++) {
        const sample *s = &samples[i % SAMPLES];
        weir_decode_result result = weir_decoder_decode(
            decoder, (weir_bytes){bodies.data + s->offset, s->size}, &arena, slots);
        WEIR_ASSERT(result.reason == WEIR_DECODE_OK);
    }
    return (double)(weir_clock_thread_cpu_ns() - start) / (double)records;
}

static double decode_avro_c(avro_value_iface_t *iface, size_t records)
{
    avro_value_t value;
    WEIR_ASSERT(avro_generic_value_new(iface, &value) == 0);
    avro_reader_t reader = avro_reader_memory((const char *)bodies.data, (int64_t)bodies.size);
    int64_t start = weir_clock_thread_cpu_ns();
    for (size_t i = 0; i < records; i++) {
        const sample *s = &samples[i % SAMPLES];
        avro_reader_memory_set_source(reader, (const char *)bodies.data + s->offset,
                                      (int64_t)s->size);
        WEIR_ASSERT(avro_value_read(reader, &value) == 0);
    }
    double ns = (double)(weir_clock_thread_cpu_ns() - start) / (double)records;
    avro_reader_free(reader);
    avro_value_decref(&value);
    return ns;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *runs)
{
    qsort(runs, RUNS, sizeof *runs, by_value);
    return runs[RUNS / 2];
}

int main(int argc, char **argv)
{
    size_t records = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000000;
    const weir_schema *schema = NULL;
    const weir_decoder *all = NULL, *three = NULL;
    WEIR_ASSERT(records > 0 &&
                weir_schema_parse(json, strlen(json), "bench", &arena, &schema) == NULL);
    WEIR_ASSERT(weir_decoder_compile(schema, schema, names, NULL, FIELDS, &arena, &all) == NULL);
    WEIR_ASSERT(weir_decoder_compile(schema, schema, names, NULL, 3, &arena, &three) == NULL);
    make_samples(schema);
    avro_schema_t theirs = NULL;
    WEIR_ASSERT(avro_schema_from_json_length(json, strlen(json), &theirs) == 0);
    avro_value_iface_t *iface = avro_generic_class_from_schema(theirs);
    double ten[RUNS], few[RUNS], avro_c[RUNS];
    for (int i = 0; i < RUNS; i++) {
        ten[i] = decode_ours(all, records);
        few[i] = decode_ours(three, records);
        avro_c[i] = decode_avro_c(iface, records);
    }
    printf("avro_decode records=%zu bytes=%.1f ns_10_fields=%.1f ns_3_of_10=%.1f ns_avro_c=%.1f\n",
           records, (double)bodies.size / SAMPLES, median(ten), median(few), median(avro_c));
    avro_value_iface_decref(iface);
    avro_schema_decref(theirs);
    weir_buffer_deinit(&bodies);
    weir_arena_deinit(&arena);
    return 0;
}
