/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/follower.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/admin.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/metrics.h"
#include "schemas/value.h"
#include "store/shard.h"

enum { SETTLE_EVERY_RECORDS = 4096 };

typedef struct follow_shard {
    weir_topic topic;
    int32_t partition;
    uint32_t entity;
    uint32_t source; /* of the reader */
    int64_t goal;    /* end of the partition when the follower was opened */
    int64_t end;     /* as last seen */
    weir_node *node;
    weir_store_port store;
    bool has_store;
    weir_metric_cell *lag;
} follow_shard;

struct weir_follower {
    weir_follower_options options;
    weir_store_shared *shared;
    weir_engine *engine;
    weir_kafka_reader *reader;
    follow_shard *shards;
    size_t shard_count;
    int32_t *partition_counts; /* per entity */
    weir_output_port nowhere;
    weir_lookup_port port;
    weir_buffer key;
    uint64_t events;
    bool is_away;
};

/* A follower replays silently, so nothing is ever sent. */
static weir_error *send_nothing(void *context, const weir_output *output)
{
    (void)context;
    (void)output;
    WEIR_UNREACHABLE();
}

static int32_t count_partitions(void *context, weir_topic topic)
{
    const weir_follower *follower = context;
    uint32_t entity = follower->options.topics->items[topic].entity;
    return entity == WEIR_NONE ? 1 : follower->partition_counts[entity];
}

static weir_error *find_partitions(weir_follower *follower, weir_admin *admin, weir_arena *scratch)
{
    const weir_topics *topics = follower->options.topics;
    size_t total = 0;
    for (uint32_t e = 0; e < topics->plan->entity_count; e++) {
        if (topics->journals[e] == WEIR_NONE) continue;
        const char *name = topics->items[topics->journals[e]].name;
        weir_topic_state *state = NULL;
        WEIR_TRY(weir_admin_topics(admin, &name, 1, scratch, &state));
        if (!state->exists) {
            return weir_error_new(WEIR_E_NOT_APPLIED,
                                  "topic %s does not exist; make it with `weir apply`", name);
        }
        follower->partition_counts[e] = state->partitions;
        total += (size_t)state->partitions;
    }
    follower->shards = calloc(total + 1, sizeof(follow_shard));
    WEIR_ASSERT(follower->shards != NULL);
    for (uint32_t e = 0; e < topics->plan->entity_count; e++) {
        for (int32_t p = 0; p < follower->partition_counts[e]; p++) {
            follower->shards[follower->shard_count++] =
                (follow_shard){.topic = topics->journals[e], .partition = p, .entity = e};
        }
    }
    return NULL;
}

static weir_error *open_store(weir_follower *follower, follow_shard *shard)
{
    char directory[4096];
    int length = snprintf(directory, sizeof directory, "%s/%s-%d", follower->options.state,
                          follower->options.topics->items[shard->topic].name, shard->partition);
    if (length < 0 || (size_t)length >= sizeof directory) {
        return weir_error_new(WEIR_E_SETTINGS, "state_dir is too long: %s",
                              follower->options.state);
    }
    weir_shard_store_options options = {.shared = follower->shared,
                                        .directory = directory,
                                        .free_bytes_min = follower->options.free_bytes_min};
    int64_t restored = 0;
    WEIR_TRY(weir_shard_store_open(&options, &shard->store, &restored));
    shard->has_store = true;
    return NULL;
}

static weir_error *open_shard(weir_follower *follower, weir_admin *admin, follow_shard *shard)
{
    const char *name = follower->options.topics->items[shard->topic].name;
    WEIR_TRY(open_store(follower, shard));
    weir_fold_options options = {
        .topics = follower->options.topics,
        .topic = shard->topic,
        .partition = shard->partition,
        .port = &follower->nowhere,
        .schemas = follower->options.schemas,
        .store = &shard->store,
        .engine = follower->engine,
        .table_bytes = follower->options.table_bytes,
        .state_path = follower->options.state,
        .follows = true,
    };
    WEIR_TRY(weir_fold_create(&options, &shard->node));
    weir_node_position at = {.committed = INT64_MAX};
    WEIR_TRY(weir_admin_ends(admin, name, shard->partition, &at.log_start, &at.log_end));
    shard->goal = shard->end = at.log_end;
    char partition[16];
    (void)snprintf(partition, sizeof partition, "%d", shard->partition);
    shard->lag = weir_metric_cell_create2(WEIR_METRIC_SERVE_LAG, name, partition);
    int64_t start = 0;
    WEIR_TRY(shard->node->ops->open(shard->node, &at, &start));
    weir_metric_set(shard->lag, at.log_end - start);
    return weir_kafka_reader_add(follower->reader, name, shard->partition, start, &shard->source);
}

static weir_error *open_all(weir_follower *follower)
{
    weir_admin *admin = NULL;
    weir_arena scratch = {0};
    weir_error *error = NULL;
    WEIR_TRY_OUT(weir_admin_open(follower->options.kafka, &admin));
    WEIR_TRY_OUT(find_partitions(follower, admin, &scratch));
    WEIR_TRY_OUT(weir_kafka_reader_open(follower->options.kafka, &follower->reader));
    for (size_t i = 0; i < follower->shard_count; i++) {
        WEIR_TRY_OUT(open_shard(follower, admin, &follower->shards[i]));
        WEIR_ASSERT(follower->shards[i].source == i);
    }
out:
    weir_admin_close(admin);
    weir_arena_deinit(&scratch);
    return error;
}

static weir_error *settle(weir_follower *follower, follow_shard *shard)
{
    const weir_node_ops *ops = shard->node->ops;
    WEIR_TRY(ops->flush(shard->node));
    weir_metric_set(shard->lag, shard->end - weir_fold_next(shard->node));
    WEIR_TRY(ops->committed(shard->node, ops->committable(shard->node)));
    return ops->tick(shard->node,
                     follower->options.env->monotonic_us(follower->options.env->context), false);
}

weir_error *weir_follower_poll(weir_follower *follower, size_t max, int timeout_ms,
                               size_t *applied_out)
{
    *applied_out = 0;
    const weir_fetched *items = NULL;
    size_t count = 0;
    WEIR_TRY(weir_kafka_reader_poll(follower->reader, max, timeout_ms, &items, &count,
                                    &follower->is_away));
    for (size_t i = 0; i < count; i++) {
        follow_shard *shard = &follower->shards[items[i].source];
        if (items[i].is_end) continue;
        weir_node_turn turn = {.until_us = INT64_MAX};
        WEIR_TRY(shard->node->ops->apply(shard->node, &items[i].record, 1, &turn));
        follower->events += turn.event_count;
        if (items[i].record.offset >= shard->end) shard->end = items[i].record.offset + 1;
        if (i + 1 == count || items[i + 1].source != items[i].source)
            WEIR_TRY(settle(follower, shard));
        *applied_out += 1;
    }
    return NULL;
}

void weir_follower_describe(const weir_follower *follower, weir_follower_status *status_out)
{
    *status_out = (weir_follower_status){.is_ready = true,
                                         .is_away = follower->is_away,
                                         .events = follower->events,
                                         .greatest_et_us = INT64_MAX};
    for (size_t i = 0; i < follower->shard_count; i++) {
        const follow_shard *shard = &follower->shards[i];
        int64_t next = weir_fold_next(shard->node);
        if (next < shard->goal) status_out->is_ready = false;
        if (next < shard->end) status_out->records_behind += shard->end - next;
        int64_t et_us = weir_fold_clock(shard->node)->greatest_et_us;
        if (et_us != INT64_MIN && et_us < status_out->greatest_et_us)
            status_out->greatest_et_us = et_us;
    }
    if (status_out->greatest_et_us == INT64_MAX) status_out->greatest_et_us = INT64_MIN;
}

/* Whether any group of the members has a state for the key. */
static weir_error *find_known(const weir_plan *plan, const weir_state_port *states, weir_bytes key,
                              const weir_lookup_request *request, bool *known_out)
{
    for (uint32_t v = 0; v < plan->view_count; v++) {
        const weir_plan_view *view = &plan->views[v];
        if (view->entity != request->entity || view->extra_key_count > 0) continue;
        bool is_asked = false;
        for (size_t i = 0; i < request->member_count && !is_asked; i++) {
            is_asked = strcmp(plan->members[request->members[i]].group, view->group) == 0;
        }
        if (!is_asked) continue;
        weir_key_state *state = NULL;
        WEIR_TRY(states->find(states->context, v, key, &state));
        if (state != NULL) *known_out = true;
    }
    return NULL;
}

weir_error *weir_lookup_in(const weir_plan *plan, weir_engine *engine, weir_node *fold,
                           weir_bytes key, const weir_lookup_request *request,
                           weir_lookup_answer *answer)
{
    const weir_state_port *states = weir_fold_states(fold, key);
    const weir_shard_clock *clock = weir_fold_clock(fold);
    answer->is_known = false;
    WEIR_TRY(find_known(plan, states, key, request, &answer->is_known));
    weir_lookup lookup = {.members = request->members,
                          .member_count = request->member_count,
                          .key = key,
                          .tau_us = request->tau_us,
                          .stream = WEIR_NONE};
    WEIR_TRY(weir_engine_lookup(engine, states, clock, &lookup, answer->values, answer->overflow));
    answer->tau_us = request->tau_us;
    answer->position = weir_seq_of(weir_fold_next(fold), 0);
    if (!weir_engine_horizon(engine, clock, request->members, request->member_count,
                             &answer->horizon_us))
        answer->horizon_us = INT64_MIN;
    return NULL;
}

static const follow_shard *find_shard(const weir_follower *follower, uint32_t entity,
                                      weir_bytes key)
{
    int32_t partition = weir_partition_of(key, follower->partition_counts[entity]);
    for (size_t i = 0; i < follower->shard_count; i++) {
        const follow_shard *shard = &follower->shards[i];
        if (shard->entity == entity && shard->partition == partition) return shard;
    }
    WEIR_UNREACHABLE();
}

static weir_error *read_hop(void *context, weir_event *event, weir_hop_answer *answer)
{
    weir_follower *follower = context;
    const weir_plan_stream *stream = &follower->options.topics->plan->streams[event->stream];
    uint32_t entity = stream->hops[event->hop].entity;
    WEIR_ASSERT(follower->partition_counts[entity] > 0);
    const follow_shard *shard = find_shard(follower, entity, event->key);
    answer->partition = shard->partition;
    answer->position = event->seq = weir_seq_of(weir_fold_next(shard->node), 0);
    const weir_shard_clock *clock = weir_fold_clock(shard->node);
    if (!weir_engine_hop_horizon(follower->engine, clock, event, &answer->horizon_us))
        answer->horizon_us = INT64_MIN;
    return weir_engine_read(follower->engine, weir_fold_states(shard->node, event->key), clock,
                            event, &answer->beyond_horizon);
}

static weir_error *look_up(void *context, const weir_lookup_request *request,
                           weir_lookup_answer *answer)
{
    weir_follower *follower = context;
    const weir_plan *plan = follower->options.topics->plan;
    const weir_plan_entity *entity = &plan->entities[request->entity];
    if (follower->partition_counts[request->entity] == 0) {
        return weir_error_new(WEIR_E_DATA, "no stream is observed by %s, so it has no features",
                              entity->name);
    }
    weir_buffer_clear(&follower->key);
    if (!weir_key_encode(entity->key_types, request->key, entity->key_count, &follower->key)) {
        return weir_error_new(WEIR_E_DATA, "a key of %s is null", entity->name);
    }
    weir_bytes key = {follower->key.data, follower->key.size};
    weir_lookup_request at = *request;
    if (at.is_now) at.tau_us = weir_follower_now(follower);
    const follow_shard *shard = find_shard(follower, request->entity, key);
    answer->partition = shard->partition;
    return weir_lookup_in(plan, follower->engine, shard->node, key, &at, answer);
}

int64_t weir_follower_now(const weir_follower *follower)
{
    return follower->options.env->now_us(follower->options.env->context);
}

weir_engine *weir_follower_engine(weir_follower *follower) { return follower->engine; }

const weir_lookup_port *weir_follower_port(weir_follower *follower) { return &follower->port; }

weir_error *weir_follower_open(const weir_follower_options *options, weir_follower **follower_out)
{
    *follower_out = NULL;
    weir_follower *follower = calloc(1, sizeof *follower);
    WEIR_ASSERT(follower != NULL);
    follower->options = *options;
    follower->shared = weir_store_shared_create(options->cache_bytes);
    follower->engine = weir_engine_create(options->topics->plan);
    follower->nowhere = (weir_output_port){follower, send_nothing, count_partitions};
    follower->port = (weir_lookup_port){follower, look_up, read_hop};
    follower->partition_counts = calloc(options->topics->plan->entity_count + 1, sizeof(int32_t));
    WEIR_ASSERT(follower->partition_counts != NULL);
    weir_error *error = open_all(follower);
    if (error != NULL) {
        weir_follower_close(follower);
        return error;
    }
    *follower_out = follower;
    return NULL;
}

void weir_follower_close(weir_follower *follower)
{
    if (follower == NULL) return;
    for (size_t i = 0; i < follower->shard_count; i++) {
        follow_shard *shard = &follower->shards[i];
        weir_metric_cell_destroy(shard->lag);
        if (shard->node != NULL) {
            weir_error_free(weir_fold_settle(shard->node));
            shard->node->ops->close(shard->node);
        } else if (shard->has_store) {
            shard->store.close(shard->store.context);
        }
    }
    weir_kafka_reader_close(follower->reader);
    if (follower->engine != NULL) weir_engine_destroy(follower->engine);
    weir_store_shared_destroy(follower->shared);
    weir_buffer_deinit(&follower->key);
    free(follower->partition_counts);
    free(follower->shards);
    free(follower);
}
