/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node_bench - CPU nanoseconds an event in each node of the handbook's loop: observe, fold of the
 * customer, fold of the terminal with its score. No Kafka, no store: what is left beside the engine
 * (fold_bench) is the nodes' own share.
 *
 *     node_bench [--events N] [--customers N] [--terminals N]
 *
 * Instructions an event by stage, without the making of the events:
 *
 *     valgrind --tool=callgrind --toggle-collect=run_stage --dump-after=run_stage node_bench
 * --events 20000
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/fold.h"
#include "ingest/observe.h"
#include "ingest/packer.h"
#include "ops/runtime/assert.h"
#include "tests/bench/bench.h"
#include "tests/unit/lang_fixture.h"

static const char definitions[] = "package h\n"
                                  "stream tx from kafka(\"tx\") avro(\"h.Tx\") { time ts id tx_id "
                                  "observed by customer, terminal late 1d }\n"
                                  "features cust per customer from tx {\n"
                                  "  n = count() over 1d, 7d, 30d including this\n"
                                  "  avg = mean(amount) over 1d, 7d, 30d including this\n"
                                  "}\n"
                                  "features term per terminal from tx {\n"
                                  "  n = count() over 1d, 7d, 30d delayed 7d\n"
                                  "  risk = share_of(fraud == 1) over 1d, 7d, 30d delayed 7d\n"
                                  "}\n"
                                  "vector v on tx { cust.* term.*  weekend = weekday(this.ts, "
                                  "\"UTC\") >= 6  night = hour(this.ts, \"UTC\") <= 6 }\n"
                                  "score s on tx using model \"m\" { input v to kafka(\"scores\") "
                                  "fallback if term.risk[7d] ?? 0.0 > 0.5 then 0.9 else 0.1 }\n";

static const char schema_json[] =
    "{\"type\":\"record\",\"name\":\"Tx\",\"namespace\":\"h\",\"fields\":["
    "{\"name\":\"tx_id\",\"type\":\"long\"},"
    "{\"name\":\"ts\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
    "{\"name\":\"customer\",\"type\":\"string\"},{\"name\":\"terminal\",\"type\":\"string\"},"
    "{\"name\":\"amount\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":"
    "10,\"scale\":2}},"
    "{\"name\":\"fraud\",\"type\":\"int\"}]}";

/* What a stage sends, kept as the journal's records. */
typedef struct stage {
    weir_node *node;
    weir_packer *packer;
    weir_buffer bytes; /* records one behind the other */
    size_t *ends;
    size_t count, capacity, sent_bytes;
} stage;

static weir_error *keep_pack(void *context, const weir_pack *pack)
{
    stage *s = context;
    if (s->count == s->capacity) {
        s->capacity = s->capacity == 0 ? 1024 : s->capacity * 2;
        s->ends = realloc(s->ends, s->capacity * sizeof *s->ends);
        WEIR_ASSERT(s->ends != NULL);
    }
    weir_buffer_put(&s->bytes, pack->value.data, pack->value.size);
    s->ends[s->count++] = s->bytes.size;
    for (size_t i = 0; i < pack->share_count; i++)
        s->node->ops->acked(s->node, pack->shares[i].epoch, pack->shares[i].count);
    return NULL;
}

static weir_error *port_send(void *context, const weir_output *output)
{
    stage *s = context;
    weir_output placed = *output;
    placed.partition = 0;
    s->sent_bytes += output->value.size;
    if (output->is_copy) return weir_packer_add(s->packer, 1, &placed);
    s->node->ops->acked(s->node, output->epoch, 1);
    return NULL;
}

static int32_t partition_count(void *context, weir_topic topic)
{
    (void)context, (void)topic;
    return 1;
}

static void check(weir_error *error)
{
    if (error == NULL) return;
    fprintf(stderr, "node_bench: %s\n", weir_error_message(error));
    exit(1);
}

/* ---- a store without anything, schemas of one id ---- */

static const weir_schema *schema;

static weir_error *writer(void *context, const char *topic, int32_t id,
                          const weir_schema **schema_out)
{
    (void)context, (void)topic, (void)id;
    *schema_out = schema;
    return NULL;
}

static weir_error *output_id(void *context, const char *topic, const char *json, int32_t *id_out)
{
    (void)context, (void)topic, (void)json;
    *id_out = 1;
    return NULL;
}

static weir_error *store_write(void *context, uint32_t slice, const weir_store_item *items,
                               size_t count, weir_bytes record)
{
    (void)context, (void)slice, (void)items, (void)count, (void)record;
    return NULL;
}

static weir_error *store_read_slices(void *context, weir_bytes records_out[WEIR_SLICE_COUNT])
{
    (void)context;
    memset(records_out, 0, WEIR_SLICE_COUNT * sizeof *records_out);
    return NULL;
}

static weir_error *store_read_identity(void *context, weir_bytes *identity_out)
{
    (void)context;
    *identity_out = (weir_bytes){0};
    return NULL;
}

static weir_error *store_write_identity(void *context, weir_bytes identity)
{
    (void)context, (void)identity;
    return NULL;
}

/* ---- events ---- */

static uint64_t seed = 11;

static uint32_t below(uint32_t bound) { return (uint32_t)(bench_random(&seed) % bound); }

static void put_event(weir_buffer *out, size_t i, int64_t time_us, uint32_t customers,
                      uint32_t terminals)
{
    char customer[16], terminal[16];
    (void)snprintf(customer, sizeof customer, "%u", below(customers));
    (void)snprintf(terminal, sizeof terminal, "%u", below(terminals));
    weir_value values[6] = {weir_int((int64_t)i),
                            weir_time(time_us),
                            weir_string(customer, strlen(customer)),
                            weir_string(terminal, strlen(terminal)),
                            weir_decimal(below(50000)),
                            weir_int(below(100) == 0)};
    weir_frame_write(out, 1);
    check(weir_schema_encode(schema, values, out));
}

enum { BATCH = 1000 };
#define BEGIN_US    INT64_C(1522540800000000)
#define APPENDED_US (BEGIN_US + INT64_C(184) * 86400000000) /* all records: a backfill */

/* One stage: records in batches, as a driver hands them over. Never inlined: profiles name it. */
__attribute__((noinline)) static double run_stage(stage *s, const weir_buffer *bytes,
                                                  const size_t *ends, size_t count, bool is_source)
{
    weir_node_position at = {.committed = 0, .log_start = 0, .log_end = INT64_MAX};
    int64_t start = 0;
    check(s->node->ops->open(s->node, &at, &start));
    size_t batch = is_source ? BATCH : 1;
    weir_log_record records[BATCH];
    double begin = bench_cpu_seconds();
    for (size_t i = 0; i < count; i += batch) {
        size_t n = count - i < batch ? count - i : batch;
        for (size_t k = 0; k < n; k++) {
            size_t from = i + k == 0 ? 0 : ends[i + k - 1];
            records[k] = (weir_log_record){.offset = (int64_t)(i + k),
                                           .timestamp_us = APPENDED_US,
                                           .value = {bytes->data + from, ends[i + k] - from}};
        }
        weir_node_turn turn = {.until_us = INT64_MAX};
        check(s->node->ops->apply(s->node, records, n, &turn));
        check(s->node->ops->flush(s->node));
        check(weir_packer_flush(s->packer));
        check(s->node->ops->committed(s->node, s->node->ops->committable(s->node)));
    }
    return bench_cpu_seconds() - begin;
}

static void free_stage(stage *s)
{
    s->node->ops->close(s->node);
    weir_packer_destroy(s->packer);
    weir_buffer_deinit(&s->bytes);
    free(s->ends);
}

typedef struct world {
    const weir_plan *plan;
    weir_topics *topics;
    weir_schema_source schemas;
    weir_store_port store;
    weir_engine *engine;
    weir_scorer *scorer;
    weir_output_port ports[3];
    stage stages[3];
} world;

static weir_error *load_schema(void *context, const char *full_name, const weir_schema **schema_out)
{
    (void)context, (void)full_name;
    *schema_out = schema;
    return NULL;
}

static void make_fold(world *w, size_t index, uint32_t entity)
{
    weir_fold_options options = {.topics = w->topics,
                                 .topic = w->topics->journals[entity],
                                 .port = &w->ports[index],
                                 .schemas = &w->schemas,
                                 .store = &w->store,
                                 .engine = w->engine,
                                 .scorers = &w->scorer,
                                 .table_bytes = SIZE_MAX / 4,
                                 .freeze_every_events = UINT32_MAX};
    check(weir_fold_create(&options, &w->stages[index].node));
}

static void make_world(world *w)
{
    check(weir_topics_create(w->plan, &w->topics));
    w->schemas = (weir_schema_source){NULL, writer, output_id};
    w->store = (weir_store_port){.write = store_write,
                                 .read_slices = store_read_slices,
                                 .read_identity = store_read_identity,
                                 .write_identity = store_write_identity};
    w->engine = weir_engine_create(w->plan);
    check(weir_scorer_create(w->plan, 0, NULL, &w->scorer));
    for (size_t i = 0; i < 3; i++) {
        w->stages[i].packer = weir_packer_create(keep_pack, &w->stages[i]);
        w->ports[i] = (weir_output_port){&w->stages[i], port_send, partition_count};
    }
    weir_observe_options options = {.topics = w->topics,
                                    .topic = w->topics->sources[0],
                                    .port = &w->ports[0],
                                    .schemas = &w->schemas};
    check(weir_observe_create(&options, &w->stages[0].node));
    make_fold(w, 1, w->plan->streams[0].hops[0].entity);
    make_fold(w, 2, w->plan->streams[0].hops[1].entity);
}

static void run_world(world *w, const weir_buffer *source, const size_t *ends, size_t events)
{
    static const char *const names[] = {"observe", "fold of the customer",
                                        "fold of the terminal, and score"};
    double total = 0;
    for (size_t i = 0; i < 3; i++) {
        stage *from = i == 0 ? NULL : &w->stages[i - 1];
        double seconds = run_stage(&w->stages[i], from == NULL ? source : &from->bytes,
                                   from == NULL ? ends : from->ends,
                                   from == NULL ? events : from->count, from == NULL);
        total += seconds;
        printf("%s: %.0f ns an event, %.0f bytes sent\n", names[i], seconds * 1e9 / (double)events,
               (double)w->stages[i].sent_bytes / (double)events);
    }
    printf("all nodes: %.0f ns an event\n", total * 1e9 / (double)events);
}

int main(int argc, char **argv)
{
    size_t events = 1000000;
    uint32_t customers = 5000, terminals = 10000;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--events") == 0) events = strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--customers") == 0)
            customers = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--terminals") == 0)
            terminals = (uint32_t)strtoul(argv[i + 1], NULL, 10);
    }
    weir_arena arena = {0};
    check(weir_schema_parse(schema_json, sizeof schema_json - 1, "Tx.avsc", &arena, &schema));
    weir_source_text text = {"bench.weir", definitions, sizeof definitions - 1};
    weir_lang_host host = *weir_fixture_host();
    host.load_schema = load_schema;
    weir_compilation *compilation = weir_lang_compile(&text, 1, &host);
    if (compilation->plan == NULL)
        check(
            weir_error_new(WEIR_E_DEFINITION, "%s", weir_fixture_print(compilation, definitions)));
    world w = {.plan = compilation->plan};
    make_world(&w);
    weir_buffer source = {0};
    size_t *ends = calloc(events + 1, sizeof *ends);
    WEIR_ASSERT(ends != NULL);
    /* Half a year, as in the handbook. */
    int64_t step_us = events == 0 ? 0 : INT64_C(183) * 86400000000 / (int64_t)events;
    for (size_t i = 0; i < events; i++) {
        put_event(&source, i, BEGIN_US + (int64_t)i * step_us / 1000 * 1000, customers, terminals);
        ends[i] = source.size;
    }
    run_world(&w, &source, ends, events);
    for (size_t i = 0; i < 3; i++)
        free_stage(&w.stages[i]);
    weir_scorer_destroy(w.scorer);
    weir_engine_destroy(w.engine);
    weir_topics_destroy(w.topics);
    weir_compilation_destroy(compilation);
    weir_buffer_deinit(&source);
    free(ends);
    weir_arena_deinit(&arena);
    weir_fixture_reset();
    return 0;
}
