/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes come and go with partitions. On revoke, what was sent is drained and committed, and the
 * nodes are parked, open but without a lane; the next assignment keeps those that came back with
 * the K at which they were parked. All others are closed, and opened anew by whoever has them now.
 */

#include <stdlib.h>

#include "ingest/member_internal.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/logger.h"

enum { SLOT_BITS = 12, GENERATIONS = 1 << 12, REVOKE_PATIENCE_US = 10000000 };

bool member_node_is_open(const member_node *node) { return node != NULL && node->lane != NULL; }

/* --- slots --- */

static member_node *node_new(member *self, const weir_lane *lane)
{
    size_t slot = 0;
    while (slot < self->node_count && self->nodes[slot] != NULL)
        slot++;
    if (slot == WEIR_MEMBER_NODES_MAX) return NULL;
    if (slot == self->node_count) self->node_count++;
    member_node *node = calloc(1, sizeof *node);
    WEIR_ASSERT(node != NULL);
    self->generations[slot] = (uint16_t)((self->generations[slot] + 1) % GENERATIONS);
    *node = (member_node){.owner = self,
                          .topic = lane->topic,
                          .partition = lane->partition,
                          .opened_us = self->assigned_us,
                          .number = (uint32_t)self->generations[slot] << SLOT_BITS | (uint32_t)slot,
                          .committed = lane->committed,
                          .front_us = INT64_MIN};
    member_port_make(node);
    self->nodes[slot] = node;
    return node;
}

void member_node_close(member *self, member_node *node)
{
    if (node->lane != NULL) node->lane->owner = NULL;
    if (node->node != NULL) node->node->ops->close(node->node);
    for (size_t i = 0; i < self->node_count; i++) {
        if (self->nodes[i] == node) self->nodes[i] = NULL;
    }
    free(node->epochs);
    free(node);
}

/* Our last word on our partitions, which stands until whoever has them next, perhaps elsewhere,
 * tells on. */
static void rows_leave(member *self)
{
    member_tell(self);
    for (size_t topic = 0; topic < self->options->topic_count; topic++) {
        int32_t count = weir_board_count(self->board, (weir_topic)topic);
        for (int32_t i = 0; i < count; i++) {
            weir_board_row *row = weir_board_at(self->board, (weir_topic)topic, i);
            if (atomic_load(&row->member) != (int32_t)self->index + 1) continue;
            if (atomic_load(&row->told_us) == INT64_MAX)
                atomic_store(&row->told_us, member_clock_us(self));
            atomic_store(&row->member, 0);
        }
    }
}

void member_nodes_close(member *self, bool settle)
{
    rows_leave(self);
    const weir_node_factory *factory = &self->options->factory;
    for (size_t i = 0; i < self->node_count; i++) {
        member_node *node = self->nodes[i];
        if (node == NULL) continue;
        if (settle && factory->settle != NULL && node->outstanding == 0) {
            weir_error *error = factory->settle(factory->context, node->node);
            if (error != NULL) {
                WEIR_LOG(WARN, "settle_failed", WEIR_TEXT("reason", weir_error_message(error)));
            }
            weir_error_free(error);
        }
        member_node_close(self, node);
    }
}

/* --- assignment --- */

static member_node *parked_find(member *self, const weir_lane *lane)
{
    for (size_t i = 0; i < self->node_count; i++) {
        member_node *node = self->nodes[i];
        if (node != NULL && node->topic == lane->topic && node->partition == lane->partition) {
            return node;
        }
    }
    return NULL;
}

/* Damage is the partition's own; everything else is a reason not to run. */
static bool stops_partition_only(const weir_error *error)
{
    weir_error_code code = weir_error_code_of(error);
    return code == WEIR_E_CORRUPT || code == WEIR_E_LOG_GAP;
}

static weir_error *node_open(member *self, weir_lane *lane)
{
    const weir_node_factory *factory = &self->options->factory;
    const char *topic = self->options->topics[lane->topic].name;
    member_node *node = node_new(self, lane);
    if (node == NULL) {
        return weir_error_new(WEIR_E_LIMIT,
                              "more than %d partitions on one thread; use more threads",
                              WEIR_MEMBER_NODES_MAX);
    }
    weir_node_position at = {
        .committed = lane->committed, .log_start = lane->log_start, .log_end = lane->log_end};
    int64_t start = -1;
    weir_error *error = factory->create(factory->context, self->shared, lane->topic,
                                        lane->partition, &node->port, &node->node);
    if (error == NULL) error = node->node->ops->open(node->node, &at, &start);
    if (error != NULL) {
        member_node_close(self, node);
        return weir_error_while(error, "opening %s[%d]", topic, lane->partition);
    }
    node->lane = lane;
    lane->owner = node;
    lane->next = node->position = start;
    WEIR_LOG(INFO, "partition_opened", WEIR_TEXT("topic", topic),
             WEIR_INT("partition", lane->partition), WEIR_INT("from", start),
             WEIR_INT("committed", lane->committed), WEIR_INT("end", lane->log_end));
    return NULL;
}

static void node_resume(member_node *node, weir_lane *lane)
{
    node->lane = lane;
    node->has_head = node->is_ignored = false;
    lane->owner = node;
    lane->next = node->position;
}

/* Nothing of the partition is read any more; the others go on without it. */
static void lane_stop(member *self, weir_lane *lane)
{
    lane->is_stopped = true;
    weir_board_row *row = weir_board_at(self->board, lane->topic, lane->partition);
    if (row != NULL) {
        atomic_store(&row->member, (int32_t)self->index + 1);
        atomic_store(&row->state, WEIR_BOARD_STOPPED);
        atomic_store(&row->told_us, INT64_MAX);
    }
    lane->next = lane->committed >= 0 ? lane->committed : lane->log_start;
    MEMBER_COUNT(self, stopped, 1);
}

static void log_stopped(const member *self, weir_topic topic, int32_t partition,
                        const weir_error *error)
{
    WEIR_LOG(ERROR, "partition_stopped", WEIR_TEXT("topic", self->options->topics[topic].name),
             WEIR_INT("partition", partition), WEIR_TEXT("reason", weir_error_message(error)));
}

/*
 * Damage that shows while the partition runs. What it sent may be on its way, so the member starts
 * again from L and K as after any failure, and then leaves this partition alone.
 */
weir_error *member_node_damaged(member *self, const member_node *node, weir_error *error)
{
    if (error == NULL || weir_error_code_of(error) != WEIR_E_CORRUPT) return error;
    if (self->damaged_count == WEIR_MEMBER_DAMAGED_MAX) return error;
    self->damaged[self->damaged_count++] = (member_damage){node->topic, node->partition};
    log_stopped(self, node->topic, node->partition, error);
    weir_error_free(error);
    return weir_error_new(WEIR_E_AGAIN, "%s[%d] is damaged; starting again without it",
                          self->options->topics[node->topic].name, node->partition);
}

static bool is_damaged(const member *self, const weir_lane *lane)
{
    for (size_t i = 0; i < self->damaged_count; i++) {
        const member_damage *damage = &self->damaged[i];
        if (damage->topic == lane->topic && damage->partition == lane->partition) return true;
    }
    return false;
}

static weir_error *lane_take(member *self, weir_lane *lane)
{
    if (is_damaged(self, lane)) {
        lane_stop(self, lane);
        return NULL;
    }
    member_node *parked = parked_find(self, lane);
    if (parked != NULL && parked->parked_committed == lane->committed &&
        parked->position >= lane->log_start && parked->position <= lane->log_end) {
        node_resume(parked, lane);
        return NULL;
    }
    if (parked != NULL) member_node_close(self, parked);
    weir_error *error = node_open(self, lane);
    if (error == NULL || !stops_partition_only(error)) return error;
    log_stopped(self, lane->topic, lane->partition, error);
    weir_error_free(error);
    lane_stop(self, lane);
    return NULL;
}

weir_error *member_nodes_assigned(void *context, weir_lane *lanes, size_t count)
{
    member *self = context;
    self->assigned_us = member_clock_us(self);
    self->gave_up_us = -1;
    atomic_store(&self->counters.stopped, 0);
    for (size_t i = 0; i < count; i++) {
        weir_error *error = lane_take(self, &lanes[i]);
        if (error == NULL) continue;
        member_nodes_close(self, false); /* the lanes go away */
        return error;
    }
    for (size_t i = 0; i < self->node_count; i++) { /* parked, and now somebody else's */
        member_node *node = self->nodes[i];
        if (node != NULL && node->lane == NULL) member_node_close(self, node);
    }
    atomic_store(&self->counters.partitions, (uint32_t)count);
    member_count_replaying(self);
    atomic_store(&self->counters.was_assigned, true);
    WEIR_LOG(INFO, "partitions_assigned", WEIR_INT("member", self->index),
             WEIR_INT("partitions", count));
    return NULL;
}

static void node_park(member_node *node)
{
    node->parked_committed = node->committed;
    node->lane = NULL;
    node->has_head = false;
}

weir_error *member_nodes_revoked(void *context, bool is_lost)
{
    member *self = context;
    int64_t patience = self->is_draining ? self->options->drain_timeout_us : REVOKE_PATIENCE_US;
    if (patience > REVOKE_PATIENCE_US && !self->is_draining) patience = REVOKE_PATIENCE_US;
    weir_error *error = is_lost ? NULL : member_commit_all(self, patience);
    if (error != NULL) {
        WEIR_LOG(WARN, "drain_failed", WEIR_INT("member", self->index),
                 WEIR_TEXT("reason", weir_error_message(error)));
    }
    rows_leave(self);
    for (size_t i = 0; i < self->node_count; i++) {
        member_node *node = self->nodes[i];
        if (node == NULL || node->lane == NULL) continue;
        if (node->outstanding == 0 && error == NULL && !is_lost) {
            node_park(node);
        } else {
            member_node_close(self, node);
        }
    }
    weir_error_free(error);
    atomic_store(&self->counters.partitions, 0);
    atomic_store(&self->counters.is_ready, false);
    if (!self->in_transaction) return NULL;
    /* Nothing is known of what is in it: the member starts again. */
    return weir_error_new(WEIR_E_AGAIN, "partitions went away amid a transaction");
}
