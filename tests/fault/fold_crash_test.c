/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fold node over a real RocksDB is killed, cut off from power and refused by its disk at every
 * single I/O call of a small journal's fold. Each time a new node opens what is left at the K that
 * the broker had, goes on to the journal's end, and is compared with the plain fold of the whole
 * journal: the same states, clock and counters, and outputs that are the plain ones, each at least
 * once. Where a power cut left a store that is refused as damaged, the cure that the message names
 * (remove the folder) must lead to the same.
 *
 * The journal is what a calm simulation wrote (tests/sim), so the child makes the same one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/checksum.h"
#include "ops/runtime/file.h"
#include "tests/fault/crash.h"
#include "tests/sim/sim.h"

enum { SENT_MAX = 4096, EVENTS = 30 };

/* What outlives the child: the broker's side of things. */
typedef struct broker {
    volatile int64_t committed;
    volatile int64_t replayed; /* records between L and K at the last open */
    volatile uint32_t sent_count;
    volatile uint64_t sent[SENT_MAX]; /* hashes of outputs */
} broker;

typedef struct world {
    sim_setup setup;
    sim_world *sim;
    weir_topic topic;
    sim_partition *journal; /* its fullest partition */
    int32_t partition;
} world;

typedef struct shard {
    world *of;
    broker *to;
    weir_engine *engine;
    weir_scorer *scorers[2];
    weir_output_port port;
    weir_node *node;
    int64_t next;
} shard;

static world the_world;

static void make_world(void)
{
    world *w = &the_world;
    if (w->sim != NULL) return;
    sim_options calm = {.seed = 4, .events = EVENTS, .blow_point = -1};
    weir_error *error = sim_setup_init(&w->setup);
    WEIR_ASSERT(error == NULL);
    w->sim = sim_world_create(&w->setup, &calm);
    error = sim_world_run(w->sim);
    WEIR_ASSERT(error == NULL);
    w->topic = w->setup.topics->journals[0];
    for (int32_t p = 0; p < SIM_PARTITIONS; p++) {
        sim_partition *one = sim_world_partition(w->sim, w->topic, p);
        if (w->journal != NULL && one->count <= w->journal->count) continue;
        w->journal = one;
        w->partition = p;
    }
}

/* ---- a node and its broker ---- */

static weir_error *take_output(void *context, const weir_output *output)
{
    shard *s = context;
    uint64_t hash = weir_xxh64(output->value.data, output->value.size, output->topic);
    hash = weir_xxh64(output->key.data, output->key.size, hash);
    WEIR_ASSERT(s->to->sent_count < SENT_MAX);
    s->to->sent[s->to->sent_count] = hash;
    s->to->sent_count++;
    s->node->ops->acked(s->node, output->epoch, 1);
    return NULL;
}

static int32_t partition_count(void *context, weir_topic topic)
{
    (void)context, (void)topic;
    return SIM_PARTITIONS;
}

static weir_error *open_shard(shard *s, broker *to, weir_store_port *store)
{
    world *w = &the_world;
    *s = (shard){.of = w, .to = to, .engine = weir_engine_create(w->setup.plan)};
    s->port = (weir_output_port){s, take_output, partition_count};
    for (uint32_t i = 0; i < 2; i++)
        WEIR_TRY(weir_scorer_create(w->setup.plan, i, NULL, &s->scorers[i]));
    weir_fold_options options = {.topics = w->setup.topics,
                                 .topic = w->topic,
                                 .partition = w->partition,
                                 .port = &s->port,
                                 .schemas = &w->setup.schemas,
                                 .store = store,
                                 .engine = s->engine,
                                 .scorers = s->scorers,
                                 .table_bytes = 2048,
                                 .freeze_every_us = 1,
                                 .freeze_every_events = 1,
                                 .checkpoint_every_us = 150};
    WEIR_TRY(weir_fold_create(&options, &s->node));
    weir_node_position at = {.committed = to->committed, .log_end = (int64_t)w->journal->count};
    WEIR_TRY(s->node->ops->open(s->node, &at, &s->next));
    to->replayed = to->committed - s->next;
    return NULL;
}

static void close_shard(shard *s)
{
    if (s->node != NULL) s->node->ops->close(s->node);
    weir_scorer_destroy(s->scorers[0]);
    weir_scorer_destroy(s->scorers[1]);
    if (s->engine != NULL) weir_engine_destroy(s->engine);
    *s = (shard){0};
}

/* One record: applied, acknowledged, committed; and a few slices are written down. */
static weir_error *take_record(shard *s)
{
    const weir_node_ops *ops = s->node->ops;
    const sim_record *from = &s->of->journal->records[s->next];
    weir_log_record record = {.offset = s->next,
                              .timestamp_us = from->timestamp_us,
                              .key = {from->key.data, from->key.size},
                              .value = {from->value.data, from->value.size}};
    weir_node_turn turn = {.until_us = INT64_MAX};
    WEIR_TRY(ops->apply(s->node, &record, 1, &turn));
    s->next++;
    WEIR_TRY(ops->flush(s->node));
    int64_t committable = ops->committable(s->node);
    if (committable > s->to->committed) s->to->committed = committable;
    WEIR_TRY(ops->committed(s->node, committable));
    for (int64_t tick = 0; tick < 12; tick++)
        WEIR_TRY(ops->tick(s->node, 10 + s->next * 12 + tick, false));
    return NULL;
}

static weir_error *take_until(shard *s, int64_t end)
{
    while (s->next < end)
        WEIR_TRY(take_record(s));
    return weir_fold_settle(s->node);
}

/* ---- the workload: the journal, with a clean restart in the middle ---- */

static weir_error *run_part(const char *root, broker *to, int64_t end)
{
    shard s;
    weir_store_port store;
    WEIR_TRY(crash_store_open(root, &store));
    weir_error *error = open_shard(&s, to, &store);
    if (error == NULL) error = take_until(&s, end);
    close_shard(&s);
    return error;
}

static weir_error *run_workload(const char *root, void *shared)
{
    make_world();
    int64_t end = (int64_t)the_world.journal->count;
    WEIR_TRY(run_part(root, shared, end / 2));
    return run_part(root, shared, end);
}

/* ---- the judge ---- */

static int compare_hashes(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static size_t distinct(const broker *from, uint64_t *out)
{
    size_t count = from->sent_count, kept = 0;
    for (size_t i = 0; i < count; i++)
        out[i] = from->sent[i];
    qsort(out, count, sizeof *out, compare_hashes);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || out[i] != out[kept - 1]) out[kept++] = out[i];
    return kept;
}

/* The plain fold, once: in memory, undisturbed, from the beginning. */
static const broker *plain(sim_disk **disk_out)
{
    static broker to;
    static sim_disk *disk;
    if (disk == NULL) {
        shard s;
        weir_store_port store;
        disk = sim_disk_create();
        sim_disk_port(disk, NULL, NULL, &store);
        weir_error *error = open_shard(&s, &to, &store);
        if (error == NULL) error = take_until(&s, (int64_t)the_world.journal->count);
        WEIR_ASSERT(error == NULL);
        close_shard(&s);
        sim_disk_sync(disk);
    }
    *disk_out = disk;
    return &to;
}

static void compare_outputs(const crash_run *run, const broker *want, const broker *got)
{
    uint64_t there[SENT_MAX], wanted[SENT_MAX];
    size_t count = distinct(got, there), wanted_count = distinct(want, wanted);
    if (count != wanted_count || memcmp(there, wanted, count * sizeof *there) != 0)
        crash_fail(run, "what was sent is not what the plain fold sends");
}

static void compare_states(const crash_run *run, const sim_disk *want)
{
    weir_store_port store;
    weir_buffer had = {0}, plain_text = {0};
    weir_error *error = crash_store_open(run->root, &store);
    if (error == NULL) error = sim_disk_print_stored(want, the_world.setup.plan, &store, &had);
    if (error != NULL) crash_fail(run, weir_error_message(error));
    sim_disk_print(want, the_world.setup.plan, &plain_text);
    if (had.size != plain_text.size || memcmp(had.data, plain_text.data, had.size) != 0)
        crash_fail(run, "the state is not that of the plain fold");
    weir_buffer_deinit(&had);
    weir_buffer_deinit(&plain_text);
    store.close(store.context);
}

static void judge(const crash_run *run, crash_tally *sum)
{
    sim_disk *want = NULL;
    make_world();
    const broker *wanted = plain(&want);
    int64_t end = (int64_t)the_world.journal->count;
    weir_error *error = run_part(run->root, run->shared, end);
    if (error != NULL && crash_is_power(run) && weir_error_code_of(error) == WEIR_E_CORRUPT) {
        sum->refused++;
        weir_error_free(error);
        weir_error_free(weir_dir_remove(run->root));
        error = run_part(run->root, run->shared, end);
    }
    if (error != NULL) crash_fail(run, weir_error_message(error));
    sum->lost += ((const broker *)run->shared)->replayed;
    compare_outputs(run, wanted, run->shared);
    compare_states(run, want);
}

int main(int argc, char **argv)
{
    static const crash_test test = {.shared_bytes = sizeof(broker),
                                    .lost = "records",
                                    .workload = run_workload,
                                    .judge = judge};
    return crash_main(argc, argv, &test);
}
