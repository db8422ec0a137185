/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving K. A node's committable position is what Kafka has acknowledged; it is committed for the
 * group, without waiting, at most once per commit interval. Under transactional delivery the
 * positions of nodes that ever sent scores go into the scores' transaction instead: it is closed
 * when it is old enough and everything sent before is acknowledged, hop copies and dead letters
 * included. Records that give no score (duplicates, copies seen before) may stand at the end of a
 * journal: then a transaction is begun for their position alone.
 */
#include <stdlib.h>

#include "ingest/member_internal.h"
#include "ops/runtime/assert.h"

enum { TRANSACTION_US_LEAST = 10000, TRANSACTION_LOAD = 4, ACK_PATIENCE_US = 60000000 };

typedef struct commit_list {
    weir_lane *lanes[WEIR_MEMBER_NODES_MAX];
    member_node *nodes[WEIR_MEMBER_NODES_MAX];
    int64_t offsets[WEIR_MEMBER_NODES_MAX];
    size_t count;
} commit_list;

static void list_fill(const member *self, bool is_transactional, commit_list *into)
{
    into->count = 0;
    for (size_t i = 0; i < self->node_count; i++) {
        member_node *node = self->nodes[i];
        if (node == NULL || node->lane == NULL) continue;
        if (node->is_transactional != is_transactional) continue;
        if (node->lane->is_stopped && !is_transactional) continue; /* scores before it are sent */
        int64_t offset = node->node->ops->committable(node->node);
        if (offset <= node->committed) continue;
        into->lanes[into->count] = node->lane;
        into->nodes[into->count] = node;
        into->offsets[into->count++] = offset;
    }
}

static weir_error *node_committed(member *self, member_node *node, int64_t offset)
{
    if (offset <= node->committed) return NULL;
    node->committed = offset;
    MEMBER_COUNT(self, commits, 1);
    return member_node_damaged(self, node, node->node->ops->committed(node->node, offset));
}

/* The consumer tells that an asynchronous commit came through. */
void member_committed(void *context, weir_lane *lane, int64_t offset)
{
    member *self = context;
    member_node *node = lane->owner;
    if (node == NULL || self->failure != NULL) return;
    self->failure = node_committed(self, node, offset);
}

/* Serves acknowledgements until none is outstanding. */
static weir_error *acks_wait(member *self, int64_t patience_us)
{
    for (int64_t until = member_clock_us(self) + patience_us;;) {
        WEIR_TRY(weir_kafka_producer_hasten(self->scores));
        WEIR_TRY(member_send_serve(self));
        if (member_send_pending(self) == 0) return NULL;
        if (member_clock_us(self) >= until) {
            return weir_error_new(WEIR_E_TIMEOUT, "%zu records were not acknowledged in time",
                                  member_send_pending(self));
        }
        member_wait(self, 5000);
    }
}

static weir_error *transaction_close(member *self, int64_t patience_us)
{
    commit_list list;
    int64_t began = member_clock_us(self);
    WEIR_TRY(acks_wait(self, patience_us));
    list_fill(self, true, &list);
    weir_kafka_position *positions = calloc(list.count + 1, sizeof *positions);
    WEIR_ASSERT(positions != NULL);
    for (size_t i = 0; i < list.count; i++) {
        positions[i] =
            (weir_kafka_position){.topic = self->options->topics[list.nodes[i]->topic].name,
                                  .partition = list.nodes[i]->partition,
                                  .offset = list.offsets[i]};
    }
    weir_error *error =
        weir_kafka_transaction_commit(self->scores, self->consumer, positions, list.count);
    free(positions);
    WEIR_TRY(error);
    self->in_transaction = false;
    self->transaction_cost_us = member_clock_us(self) - began;
    for (size_t i = 0; i < list.count; i++) {
        WEIR_TRY(node_committed(self, list.nodes[i], list.offsets[i]));
    }
    return NULL;
}

weir_error *member_transaction_begin(member *self)
{
    if (self->in_transaction) return NULL;
    WEIR_TRY(weir_kafka_transaction_begin(self->scores));
    self->in_transaction = true;
    self->transaction_began_us = self->now_us;
    return NULL;
}

/* A position of a node that sends scores waits, and no score is on its way. */
static weir_error *tail_begin(member *self)
{
    commit_list list;
    if (!self->options->is_transactional || self->in_transaction) return NULL;
    list_fill(self, true, &list);
    return list.count == 0 ? NULL : member_transaction_begin(self);
}

/* Not sooner than a few times what closing the last one cost: paced by load. */
int64_t member_commit_due(const member *self)
{
    if (!self->in_transaction) return INT64_MAX;
    int64_t wait = self->transaction_cost_us * TRANSACTION_LOAD;
    if (wait < TRANSACTION_US_LEAST) wait = TRANSACTION_US_LEAST;
    if (wait > self->options->commit_interval_us) wait = self->options->commit_interval_us;
    return self->transaction_began_us + wait;
}

weir_error *member_commit_paced(member *self)
{
    commit_list list;
    weir_error *failure = self->failure;
    self->failure = NULL;
    WEIR_TRY(failure);
    /* A position that is on its way by the other road must not arrive after a later one. */
    bool is_committing = weir_kafka_consumer_is_committing(self->consumer);
    if (!is_committing && self->now_us >= member_commit_due(self)) {
        WEIR_TRY(transaction_close(self, ACK_PATIENCE_US));
    }
    if (self->now_us - self->committed_us < self->options->commit_interval_us || is_committing) {
        return NULL;
    }
    WEIR_TRY(tail_begin(self));
    list_fill(self, false, &list);
    bool is_sent = false;
    weir_error *error =
        weir_kafka_consumer_commit(self->consumer, list.lanes, list.offsets, list.count, &is_sent);
    if (is_sent || list.count == 0) self->committed_us = self->now_us;
    return error;
}

weir_error *member_commit_all(member *self, int64_t patience_us)
{
    commit_list list;
    WEIR_TRY(acks_wait(self, patience_us));
    list_fill(self, false, &list);
    WEIR_TRY(weir_kafka_consumer_commit_wait(self->consumer, list.lanes, list.offsets, list.count));
    WEIR_TRY(tail_begin(self));
    if (self->in_transaction) WEIR_TRY(transaction_close(self, patience_us));
    weir_error *failure = self->failure;
    self->failure = NULL;
    return failure;
}
