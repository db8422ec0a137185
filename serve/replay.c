/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ingest/admin.h"
#include "ingest/kafka_range.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/file.h"
#include "store/shard.h"

enum {
    FREEZE_EVENTS = 8 << 20, /* only what the table's budget forces out is written */
};

/* One partition: the node that folds it, if it is a journal. */
typedef struct replay_shard {
    weir_replay_range range;
    int64_t next; /* offset to be read next */
    weir_node *node;
    weir_store_port store;
    bool has_store;
    bool is_ours, is_kin; /* of the version in force here, until a notice says another */
    weir_error *blocked;  /* why it ends before its end, or NULL */
} replay_shard;

typedef struct replay_scorer {
    uint32_t score;
    const weir_model *model;
    weir_scorer *scorer;
} replay_scorer;

struct weir_replay {
    weir_replay_options options;
    const weir_replay_sinks *sinks;
    replay_shard *shards;
    weir_replay_range *ranges; /* the same ranges, for callers */
    size_t shard_count, shard_capacity;
    weir_engine *engine;
    weir_scorer **scorers; /* per score of the plan: the one that answers now */
    replay_scorer *made;   /* all that ever answered */
    size_t made_count;
    weir_store_shared *shared;
    weir_output_port port;
    weir_fold_row_sink rows;
    weir_fold_watch watch;
    char scratch[1024];
    /* While a node runs: who it is, where, and what it sent. */
    weir_replay_place place;
    uint64_t epoch;
    uint32_t sent;
    uint64_t behind;
};

static const weir_topic_info *topic_info(const weir_replay *replay, weir_topic topic)
{
    return &replay->options.topics->items[topic];
}

static bool is_wanted(const weir_replay *replay, weir_topic topic)
{
    weir_topic_role role = topic_info(replay, topic)->role;
    if (replay->options.is_wanted != NULL) return replay->options.is_wanted[topic];
    return role != WEIR_TOPIC_MARKS;
}

static void add_shard(weir_replay *replay, weir_replay_range range)
{
    if (replay->shard_count == replay->shard_capacity) {
        replay->shard_capacity = replay->shard_capacity == 0 ? 16 : replay->shard_capacity * 2;
        replay->shards = realloc(replay->shards, replay->shard_capacity * sizeof(replay_shard));
        replay->ranges =
            realloc(replay->ranges, replay->shard_capacity * sizeof(weir_replay_range));
        WEIR_ASSERT(replay->shards != NULL && replay->ranges != NULL);
    }
    replay->ranges[replay->shard_count] = range;
    replay->shards[replay->shard_count++] =
        (replay_shard){.range = range, .next = range.from, .is_ours = true, .is_kin = true};
}

/* K is asked for before the ends: what lies below K was acknowledged, so it lies below the ends
 * found later. */
static weir_error *find_committed(weir_replay *replay, weir_admin *admin, weir_topic topic,
                                  int32_t count, int64_t *committed)
{
    for (int32_t p = 0; p < count; p++)
        committed[p] = -1;
    if (replay->options.group == NULL || !topic_info(replay, topic)->is_consumed) return NULL;
    return weir_admin_committed(admin, replay->options.group, topic_info(replay, topic)->name,
                                count, committed);
}

static weir_error *find_topic(weir_replay *replay, weir_admin *admin, weir_topic topic,
                              weir_arena *scratch)
{
    const char *name = topic_info(replay, topic)->name;
    weir_topic_state *state = NULL;
    WEIR_TRY(weir_admin_topics(admin, &name, 1, scratch, &state));
    if (!state->exists) {
        if (topic_info(replay, topic)->role == WEIR_TOPIC_SERVED)
            return NULL; /* nothing was sampled yet */
        return weir_error_new(WEIR_E_NOT_APPLIED,
                              "topic %s does not exist; make it with `weir apply`", name);
    }
    int64_t *committed = weir_arena_array(scratch, int64_t, (size_t)state->partitions + 1);
    WEIR_TRY(find_committed(replay, admin, topic, state->partitions, committed));
    for (int32_t p = 0; p < state->partitions; p++) {
        add_shard(replay,
                  (weir_replay_range){.topic = topic, .partition = p, .committed = committed[p]});
    }
    return NULL;
}

static weir_error *find_ranges(weir_replay *replay)
{
    weir_admin *admin = NULL;
    weir_arena scratch = {0};
    weir_error *error = NULL;
    WEIR_TRY_OUT(weir_admin_open(replay->options.kafka, &admin));
    for (weir_topic topic = 0; topic < replay->options.topics->count; topic++) {
        if (is_wanted(replay, topic)) WEIR_TRY_OUT(find_topic(replay, admin, topic, &scratch));
    }
    for (size_t i = 0; i < replay->shard_count; i++) {
        weir_replay_range *range = &replay->shards[i].range;
        WEIR_TRY_OUT(weir_admin_ends(admin, topic_info(replay, range->topic)->name,
                                     range->partition, &range->from, &range->to));
        replay->shards[i].next = range->from;
        replay->ranges[i] = *range;
    }
out:
    weir_admin_close(admin);
    weir_arena_deinit(&scratch);
    return error;
}

static int32_t partition_count(void *context, weir_topic topic)
{
    weir_replay *replay = context;
    int32_t count = 0;
    for (size_t i = 0; i < replay->shard_count; i++)
        count += replay->shards[i].range.topic == topic;
    return count > 0 ? count : 1;
}

static weir_error *catch_output(void *context, const weir_output *output)
{
    weir_replay *replay = context;
    replay->epoch = output->epoch;
    replay->sent++;
    if (replay->sinks->output == NULL) return NULL;
    return replay->sinks->output(replay->sinks->context, &replay->place, output);
}

static weir_error *catch_row(void *context, const weir_fold_row *row)
{
    weir_replay *replay = context;
    if (replay->sinks->row == NULL) return NULL;
    replay->place.offset = weir_seq_offset(row->event->seq);
    return replay->sinks->row(replay->sinks->context, &replay->place, row);
}

static bool catch_wants(void *context, const weir_event *event)
{
    weir_replay *replay = context;
    return replay->sinks->wants == NULL || replay->sinks->wants(replay->sinks->context, event);
}

static weir_error *catch_begin(void *context, const weir_fold_row *row)
{
    weir_replay *replay = context;
    if (replay->sinks->begin == NULL) return NULL;
    return replay->sinks->begin(replay->sinks->context, &replay->place, row);
}

static weir_error *catch_event(void *context, weir_node *fold, weir_seq seq, int64_t ingest_us)
{
    weir_replay *replay = context;
    return replay->sinks->event(replay->sinks->context, &replay->place, fold, seq, ingest_us);
}

weir_error *weir_replay_open(const weir_replay_options *options, weir_replay **replay_out)
{
    weir_replay *replay = calloc(1, sizeof *replay);
    WEIR_ASSERT(replay != NULL);
    replay->options = *options;
    replay->port = (weir_output_port){replay, catch_output, partition_count};
    replay->rows = (weir_fold_row_sink){
        .context = replay, .take = catch_row, .wants = catch_wants, .begin = catch_begin};
    replay->watch = (weir_fold_watch){replay, catch_event};
    replay->engine = weir_engine_create(options->topics->plan);
    weir_error *error = find_ranges(replay);
    if (error != NULL) {
        weir_replay_close(replay);
        return error;
    }
    *replay_out = replay;
    return NULL;
}

static void close_shard(replay_shard *shard)
{
    if (shard->node != NULL) {
        shard->node->ops->close(shard->node); /* closes its store */
    } else if (shard->has_store) {
        shard->store.close(shard->store.context);
    }
    shard->node = NULL;
    shard->has_store = false;
    weir_error_free(shard->blocked);
    shard->blocked = NULL;
}

void weir_replay_close(weir_replay *replay)
{
    if (replay == NULL) return;
    for (size_t i = 0; i < replay->shard_count; i++)
        close_shard(&replay->shards[i]);
    for (size_t i = 0; i < replay->made_count; i++)
        weir_scorer_destroy(replay->made[i].scorer);
    free(replay->made);
    free(replay->scorers);
    if (replay->engine != NULL) weir_engine_destroy(replay->engine);
    weir_store_shared_destroy(replay->shared);
    if (replay->scratch[0] != '\0') weir_error_free(weir_dir_remove(replay->scratch));
    free(replay->shards);
    free(replay->ranges);
    free(replay);
}

const weir_replay_range *weir_replay_ranges(const weir_replay *replay, size_t *count_out)
{
    *count_out = replay->shard_count;
    return replay->ranges;
}

uint64_t weir_replay_behind(const weir_replay *replay) { return replay->behind; }

weir_engine *weir_replay_engine(weir_replay *replay) { return replay->engine; }

const weir_store_port *weir_replay_store(const weir_replay *replay, weir_topic topic,
                                         int32_t partition)
{
    for (size_t i = 0; i < replay->shard_count; i++) {
        const replay_shard *shard = &replay->shards[i];
        if (shard->range.topic == topic && shard->range.partition == partition) {
            WEIR_ASSERT(shard->has_store);
            return &shard->store;
        }
    }
    WEIR_UNREACHABLE();
}

void weir_replay_limit(weir_replay *replay, weir_topic topic, int32_t partition, int64_t to)
{
    for (size_t i = 0; i < replay->shard_count; i++) {
        weir_replay_range *range = &replay->shards[i].range;
        if (range->topic == topic && range->partition == partition && to < range->to)
            range->to = to;
        replay->ranges[i] = *range;
    }
}

weir_error *weir_replay_score_with(weir_replay *replay, uint32_t score, const weir_model *model)
{
    for (size_t i = 0; i < replay->made_count; i++) {
        if (replay->made[i].score != score || replay->made[i].model != model) continue;
        replay->scorers[score] = replay->made[i].scorer;
        return NULL;
    }
    size_t bytes = (replay->made_count + 1) * sizeof *replay->made;
    replay_scorer *made = realloc(replay->made, bytes);
    WEIR_ASSERT(made != NULL);
    replay->made = made;
    made[replay->made_count] = (replay_scorer){score, model, NULL};
    WEIR_TRY(weir_scorer_create(replay->options.topics->plan, score, model,
                                &made[replay->made_count].scorer));
    replay->scorers[score] = made[replay->made_count++].scorer;
    return NULL;
}

static weir_error *make_scorers(weir_replay *replay)
{
    const weir_plan *plan = replay->options.topics->plan;
    if (replay->sinks->output == NULL) return NULL; /* nobody looks at scores */
    replay->scorers = calloc(plan->score_count + 1, sizeof(weir_scorer *));
    WEIR_ASSERT(replay->scorers != NULL);
    for (uint32_t i = 0; i < plan->score_count; i++)
        WEIR_TRY(weir_replay_score_with(
            replay, i, replay->options.models != NULL ? replay->options.models[i] : NULL));
    return NULL;
}

static weir_error *open_shard(weir_replay *replay, replay_shard *shard)
{
    char directory[1200];
    (void)snprintf(directory, sizeof directory, "%s/%u-%d", replay->scratch, shard->range.topic,
                   shard->range.partition);
    weir_shard_store_options store_options = {
        .shared = replay->shared, .directory = directory, .free_bytes_min = 64 << 20};
    int64_t restored = 0;
    bool sends = replay->sinks->output != NULL;
    WEIR_TRY(weir_shard_store_open(&store_options, &shard->store, &restored));
    shard->has_store = true;
    weir_fold_options options = {
        .topics = replay->options.topics,
        .topic = shard->range.topic,
        .partition = shard->range.partition,
        .port = &replay->port,
        .schemas = replay->options.schemas,
        .store = &shard->store,
        .engine = replay->engine,
        .scorers = replay->scorers,
        .rows = &replay->rows,
        .replay_rows = replay->sinks->row != NULL,
        .follows = !sends,
        .spans_versions = true,
        .watch = replay->sinks->event != NULL ? &replay->watch : NULL,
        .table_bytes = replay->options.table_bytes,
        .freeze_every_us = INT64_MAX,
        .freeze_every_events = FREEZE_EVENTS,
    };
    WEIR_TRY(weir_fold_create(&options, &shard->node));
    weir_node_position at = {.committed = sends ? shard->range.from : INT64_MAX,
                             .log_start = shard->range.from,
                             .log_end = shard->range.to};
    return shard->node->ops->open(shard->node, &at, &shard->next);
}

/* Everything sent is acknowledged at once, so the position follows and memory stays bounded. */
static weir_error *settle_batch(weir_replay *replay, replay_shard *shard)
{
    const weir_node_ops *ops = shard->node->ops;
    WEIR_TRY(ops->flush(shard->node));
    if (replay->sent > 0) ops->acked(shard->node, replay->epoch, replay->sent);
    replay->sent = 0;
    return ops->committed(shard->node, ops->committable(shard->node));
}

/* Definitions that came into force here. */
static void note_version(const weir_replay *replay, replay_shard *shard, weir_bytes value)
{
    weir_journal_notice notice;
    if (!weir_journal_definition_decode(value, &notice)) return;
    const weir_plan *plan = replay->options.topics->plan;
    shard->is_ours = memcmp(notice.digest, plan->digest, WEIR_DIGEST_BYTES) == 0;
    shard->is_kin = memcmp(notice.fold_digest, plan->fold_digest, WEIR_DIGEST_BYTES) == 0;
}

/* What this version can not fold ends the journal for it, unless one of its kin was in force again
 * later: then that is the trouble. */
static weir_error *pass_behind(weir_replay *replay, replay_shard *shard)
{
    weir_error *error = shard->blocked;
    replay->behind++;
    if (!shard->is_kin) return NULL;
    shard->blocked = NULL;
    return error;
}

static void end_here(weir_replay *replay, replay_shard *shard, weir_error *blocked)
{
    shard->blocked = blocked;
    replay->behind++;
    replay->ranges[shard - replay->shards].to = replay->place.offset;
}

static weir_error *fold_record(weir_replay *replay, replay_shard *shard,
                               const weir_log_record *record)
{
    if (replay->sinks->before != NULL) {
        WEIR_TRY(replay->sinks->before(replay->sinks->context, &replay->place, shard->node));
    }
    weir_node_turn turn = {.until_us = INT64_MAX};
    weir_error *error = shard->node->ops->apply(shard->node, record, 1, &turn);
    bool is_end = error != NULL && replay->options.may_end_early && !shard->is_kin &&
                  weir_error_code_of(error) == WEIR_E_NOT_APPLIED;
    if (is_end) {
        end_here(replay, shard, error);
        return NULL;
    }
    WEIR_TRY(error);
    WEIR_ASSERT(turn.taken == 1);
    return settle_batch(replay, shard);
}

static weir_error *take_record(weir_replay *replay, replay_shard *shard,
                               const weir_log_record *record)
{
    replay->place = (weir_replay_place){.topic = shard->range.topic,
                                        .partition = shard->range.partition,
                                        .offset = record->offset,
                                        .is_committed = record->offset < shard->range.committed,
                                        .is_ours = shard->is_ours,
                                        .is_kin = shard->is_kin,
                                        .is_behind = shard->blocked != NULL};
    shard->next = record->offset + 1;
    if (replay->sinks->record != NULL) {
        WEIR_TRY(replay->sinks->record(replay->sinks->context, &replay->place, record));
    }
    if (shard->node == NULL) return NULL;
    note_version(replay, shard, record->value);
    return shard->blocked != NULL ? pass_behind(replay, shard) : fold_record(replay, shard, record);
}

typedef struct shard_reading {
    weir_replay *replay;
    replay_shard *shard;
} shard_reading;

static weir_error *visit_record(void *context, const weir_log_record *record, bool *is_over_out)
{
    shard_reading *reading = context;
    (void)is_over_out;
    return take_record(reading->replay, reading->shard, record);
}

/* Reads one partition to its end; folds it if it has a node. */
static weir_error *read_shard(weir_replay *replay, replay_shard *shard)
{
    shard_reading reading = {replay, shard};
    weir_kafka_range range = {.topic = topic_info(replay, shard->range.topic)->name,
                              .partition = shard->range.partition,
                              .from = shard->next,
                              .end = shard->range.to};
    return weir_kafka_range_read(replay->options.kafka, &range, visit_record, &reading);
}

static weir_error *fold_shard(weir_replay *replay, replay_shard *shard)
{
    WEIR_TRY(open_shard(replay, shard));
    WEIR_TRY(read_shard(replay, shard));
    if (replay->sinks->end != NULL) {
        weir_replay_place end = {.topic = shard->range.topic,
                                 .partition = shard->range.partition,
                                 .offset = replay->ranges[shard - replay->shards].to,
                                 .is_committed = true,
                                 .is_ours = shard->is_ours,
                                 .is_kin = shard->is_kin};
        WEIR_TRY(replay->sinks->end(replay->sinks->context, &end, shard->node));
    }
    close_shard(shard);
    return NULL;
}

weir_error *weir_replay_journals(weir_replay *replay, const weir_replay_sinks *sinks)
{
    WEIR_ASSERT(replay->scratch[0] == '\0'); /* once */
    replay->sinks = sinks;
    replay->rows.ignores_values = sinks->ignores_values;
    (void)snprintf(replay->scratch, sizeof replay->scratch, "%s/replay-%ld",
                   replay->options.scratch, (long)getpid());
    replay->shared = weir_store_shared_create((size_t)32 << 20);
    WEIR_TRY(make_scorers(replay));
    for (size_t i = 0; i < replay->shard_count; i++) {
        if (topic_info(replay, replay->shards[i].range.topic)->role != WEIR_TOPIC_JOURNAL) continue;
        WEIR_TRY(fold_shard(replay, &replay->shards[i]));
    }
    return NULL;
}

weir_error *weir_replay_read(weir_replay *replay, weir_topic topic, const weir_replay_sinks *sinks)
{
    replay->sinks = sinks;
    for (size_t i = 0; i < replay->shard_count; i++) {
        if (replay->shards[i].range.topic == topic)
            WEIR_TRY(read_shard(replay, &replay->shards[i]));
    }
    return NULL;
}
