/* SPDX-License-Identifier: Apache-2.0 */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "ingest/member_internal.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/logger.h"

enum {
    PENDING_MAX = 400000,          /* messages on their way: then nothing more is taken */
    PENDING_BYTES_MAX = 128 << 20, /* and bytes                                          */
    TICK_US = 10000,
    IDLE_US = 500000, /* beyond `gather`, which lies between two waves of a busy worker, too */
    COMPANY = 20,     /* who was woken waits for a part of `gather`, one in so many */
    BACKOFF_MS_LEAST = 100,
    BACKOFF_MS_MOST = 5000,
};

static bool is_stopping(const member *self)
{
    return atomic_load_explicit(self->stop, memory_order_relaxed);
}

/* --- clients --- */

static weir_error *consumer_open(member *self)
{
    const weir_driver_options *options = self->options;
    char instance[300];
    bool is_named = options->worker_id != NULL && options->worker_id[0] != 0;
    (void)snprintf(instance, sizeof instance, "%s.%s.%u", options->group,
                   is_named ? options->worker_id : "", self->index);
    weir_consumer_options how = {.kafka = options->kafka,
                                 .group = options->group,
                                 .instance_id = is_named ? instance : NULL,
                                 .topics = self->names,
                                 .topic_numbers = self->numbers,
                                 .topic_count = self->consumed_count,
                                 .wake_fd = self->wake_fd,
                                 .gather_us = options->gather_us,
                                 .context = self,
                                 .assigned = member_nodes_assigned,
                                 .revoked = member_nodes_revoked,
                                 .committed = member_committed};
    return weir_kafka_consumer_open(&how, &self->consumer);
}

static weir_error *clients_open(member *self)
{
    const weir_node_factory *factory = &self->options->factory;
    if (factory->member_open != NULL && self->shared == NULL) {
        WEIR_TRY(factory->member_open(factory->context, self->index, &self->shared));
    }
    WEIR_TRY(member_send_open(self));
    return consumer_open(self);
}

/* Everything is thrown away: what was sent and not acknowledged is sent again from L and K. */
static void clients_discard(member *self)
{
    member_nodes_close(self, false); /* they point into the consumer's lanes */
    weir_kafka_consumer_close(self->consumer, true);
    self->consumer = NULL;
    member_send_close(self);
    weir_kafka_reader_close(self->looker);
    self->looker = NULL;
    weir_error_free(self->failure);
    self->failure = NULL;
    atomic_store(&self->counters.partitions, 0);
    atomic_store(&self->counters.is_ready, false);
}

/* The clean end: drain, commit, leave the group, write the state down. */
static void clients_close(member *self)
{
    self->is_draining = true;
    weir_kafka_consumer_close(self->consumer, false);
    self->consumer = NULL;
    member_nodes_close(self, true);
    member_send_close(self);
    weir_kafka_reader_close(self->looker);
    self->looker = NULL;
}

/* --- the loop --- */

static weir_error *nodes_tick(member *self)
{
    if (self->now_us - self->ticked_us < TICK_US) return NULL;
    bool is_idle = self->now_us - self->worked_us > IDLE_US + self->options->gather_us;
    self->ticked_us = self->now_us;
    weir_kafka_consumer_refresh(self->consumer);
    if (self->options->until_end) member_count_replaying(self);
    for (size_t i = 0; i < self->node_count; i++) {
        member_node *node = self->nodes[i];
        if (!member_node_is_open(node)) continue;
        weir_error *error = node->node->ops->tick(node->node, self->now_us, is_idle);
        WEIR_TRY(member_node_damaged(self, node, error));
    }
    return NULL;
}

/* Caught up: every partition has reached the end that it had when it was assigned. */
static void readiness_look(member *self)
{
    if (atomic_load_explicit(&self->counters.is_ready, memory_order_relaxed)) return;
    if (!weir_kafka_consumer_is_assigned(self->consumer)) return;
    for (size_t i = 0; i < self->node_count; i++) {
        const member_node *node = self->nodes[i];
        if (!member_node_is_open(node) || node->lane->is_stopped) continue;
        if (node->position < node->lane->log_end && !member_is_at_end(self, node)) return;
    }
    atomic_store(&self->counters.is_ready, true);
}

static bool is_loaded(const member *self)
{
    return member_send_pending(self) > PENDING_MAX ||
           weir_kafka_producer_pending_bytes(self->producer) +
                   weir_kafka_producer_pending_bytes(self->scores) >
               PENDING_BYTES_MAX;
}

static weir_error *step(member *self, size_t *events_out)
{
    size_t events = 0;
    self->now_us = member_clock_us(self);
    self->is_blocked = false;
    self->due_us = INT64_MAX;
    WEIR_TRY(weir_kafka_consumer_serve(self->consumer));
    WEIR_TRY(member_send_serve(self));
    if (!is_loaded(self)) {
        for (uint32_t group = self->group_count; group-- > 0 && events == 0;) {
            WEIR_TRY(member_turn(self, group, &events));
        }
    }
    *events_out = events;
    WEIR_TRY(member_commit_paced(self));
    if (events > 0) self->worked_us = self->now_us;
    WEIR_TRY(nodes_tick(self));
    member_tell(self);
    readiness_look(self);
    return NULL;
}

void member_wait(member *self, int64_t timeout_us)
{
    struct pollfd on = {.fd = self->wake_fd, .events = POLLIN};
    struct timespec most = {.tv_sec = timeout_us / 1000000, .tv_nsec = timeout_us % 1000000 * 1000};
    if (ppoll(&on, 1, &most, NULL) > 0) {
        uint64_t sum = 0;
        (void)!read(self->wake_fd, &sum, sizeof sum);
    }
}

/* Until something comes, or what gathers is due. */
static void rest(member *self)
{
    int64_t until_us = self->now_us + TICK_US, commit_us = member_commit_due(self);
    if (self->due_us < until_us) until_us = self->due_us;
    if (commit_us < until_us) until_us = commit_us;
    int64_t left_us = until_us - member_clock_us(self);
    if (left_us <= 0) return;
    member_wait(self, left_us);
    /* Acknowledgements of one wave come one by one: to wake for each would cost more than they. */
    int64_t rest_us = self->options->gather_us / COMPANY;
    if (until_us - member_clock_us(self) > rest_us) usleep((useconds_t)rest_us);
}

static weir_error *loop(member *self)
{
    while (!is_stopping(self)) {
        size_t events = 0;
        WEIR_TRY(step(self, &events));
        if (events == 0) rest(self);
    }
    return NULL;
}

/* --- life --- */

/* True if trying again may help. */
static bool is_passing(const member *self, const weir_error *error)
{
    switch (weir_error_class_of(error)) {
    case WEIR_CLASS_TRANSIENT: break;
    case WEIR_CLASS_RESOURCE: return atomic_load(&self->counters.was_assigned);
    default: return weir_error_code_of(error) == WEIR_E_LOG_GAP;
    }
    int64_t limit = self->options->start_timeout_us;
    return limit == 0 || atomic_load(&self->counters.was_assigned) ||
           member_clock_us(self) - self->started_us < limit;
}

static void back_off(member *self, int *backoff_ms)
{
    for (int waited = 0; waited < *backoff_ms && !is_stopping(self); waited += 20)
        usleep(20000);
    *backoff_ms = *backoff_ms * 2 > BACKOFF_MS_MOST ? BACKOFF_MS_MOST : *backoff_ms * 2;
}

void *member_main(void *context)
{
    member *self = context;
    int backoff_ms = BACKOFF_MS_LEAST;
    self->started_us = member_clock_us(self);
    do { /* once in any case: a predecessor may have left a transaction open */
        int64_t began = member_clock_us(self);
        weir_error *error = clients_open(self);
        if (error == NULL) error = loop(self);
        if (error == NULL) break;
        if (!is_passing(self, error)) {
            self->error = error;
            break;
        }
        WEIR_LOG(WARN, "member_restarts", WEIR_INT("member", self->index),
                 WEIR_INT("backoff_ms", backoff_ms),
                 WEIR_TEXT("reason", weir_error_message(error)));
        weir_error_free(error);
        clients_discard(self);
        MEMBER_COUNT(self, restarts, 1);
        if (member_clock_us(self) - began > 60 * 1000000) backoff_ms = BACKOFF_MS_LEAST;
        back_off(self, &backoff_ms);
    } while (!is_stopping(self));
    if (self->consumer != NULL && self->error == NULL) clients_close(self);
    clients_discard(self);
    const weir_node_factory *factory = &self->options->factory;
    if (factory->member_close != NULL && self->shared != NULL) {
        factory->member_close(factory->context, self->shared);
    }
    atomic_store(&self->is_done, true);
    return NULL;
}

/* Which topics share a journal downstream, and what flows into what. */
static void graph_make(member *self)
{
    const weir_driver_options *options = self->options;
    size_t n = options->topic_count;
    self->siblings = calloc(n + 1, sizeof(bool *));
    self->upstream = calloc(n + 1, sizeof(bool *));
    self->feeds = calloc(n + 1, sizeof(bool));
    WEIR_ASSERT(self->siblings != NULL && self->upstream != NULL && self->feeds != NULL);
    for (size_t i = 0; i < n; i++) {
        self->siblings[i] = calloc(n, sizeof(bool));
        self->upstream[i] = calloc(n, sizeof(bool));
        WEIR_ASSERT(self->siblings[i] != NULL && self->upstream[i] != NULL);
    }
    for (size_t to = 0; to < n; to++) {
        const weir_driver_topic *topic = &options->topics[to];
        for (size_t a = 0; a < topic->feeder_count; a++) {
            self->upstream[to][topic->feeders[a]] = true;
            self->feeds[topic->feeders[a]] = true;
            for (size_t b = 0; b < topic->feeder_count; b++) {
                self->siblings[topic->feeders[a]][topic->feeders[b]] = true;
            }
        }
    }
    for (size_t via = 0; via < n; via++) {
        for (size_t to = 0; to < n; to++) {
            for (size_t from = 0; from < n; from++) {
                if (self->upstream[to][via] && self->upstream[via][from]) {
                    self->upstream[to][from] = true;
                }
            }
        }
    }
}

static void downward_make(member *self)
{
    const weir_driver_options *options = self->options;
    size_t n = options->topic_count, made = 0;
    self->downward = calloc(n + 1, sizeof *self->downward);
    WEIR_ASSERT(self->downward != NULL);
    for (uint32_t level = 0; made < n; level++) {
        for (size_t i = 0; i < n; i++)
            if (options->topics[i].level == level) self->downward[made++] = (weir_topic)i;
    }
}

/* The greatest level in a topic's group. */
static uint32_t group_level(const member *self, uint32_t group)
{
    uint32_t level = 0;
    for (size_t i = 0; i < self->options->topic_count; i++) {
        if (self->groups[i] == group && self->options->topics[i].level > level) {
            level = self->options->topics[i].level;
        }
    }
    return level;
}

/* Siblings of which neither lies upstream of the other take turns; groups are then numbered by
 * their level. */
static void groups_make(member *self)
{
    size_t n = self->options->topic_count;
    for (size_t i = 0; i < n; i++)
        self->groups[i] = (uint32_t)i;
    for (size_t a = 0; a < n; a++) {
        for (size_t b = 0; b < n; b++) {
            if (!self->siblings[a][b] || self->upstream[a][b] || self->upstream[b][a]) continue;
            uint32_t from = self->groups[b], to = self->groups[a];
            for (size_t i = 0; i < n; i++) {
                if (self->groups[i] == from) self->groups[i] = to;
            }
        }
    }
    uint32_t *order = calloc(n + 1, sizeof *order);
    WEIR_ASSERT(order != NULL);
    for (uint32_t level = 0; self->group_count < n && level <= n; level++) {
        for (uint32_t group = 0; group < n; group++) {
            bool is_used = false;
            for (size_t i = 0; i < n; i++)
                is_used = is_used || self->groups[i] == group;
            if (is_used && group_level(self, group) == level) order[group] = self->group_count++;
        }
    }
    for (size_t i = 0; i < n; i++)
        self->groups[i] = order[self->groups[i]];
    free(order);
}

weir_error *member_create(const weir_driver_options *options, weir_board *board, uint32_t index,
                          atomic_bool *stop, member **member_out)
{
    member *self = calloc(1, sizeof *self);
    WEIR_ASSERT(self != NULL);
    self->options = options;
    self->board = board;
    self->index = index;
    self->stop = stop;
    self->over_us = INT64_MAX;
    self->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    self->nodes = calloc(WEIR_MEMBER_NODES_MAX, sizeof(member_node *));
    self->generations = calloc(WEIR_MEMBER_NODES_MAX, sizeof *self->generations);
    self->names = calloc(options->topic_count + 1, sizeof(char *));
    self->numbers = calloc(options->topic_count + 1, sizeof *self->numbers);
    WEIR_ASSERT(self->nodes != NULL && self->generations != NULL && self->names != NULL &&
                self->numbers != NULL);
    for (size_t i = 0; i < options->topic_count; i++) {
        if (!options->topics[i].is_consumed) continue;
        self->names[self->consumed_count] = options->topics[i].name;
        self->numbers[self->consumed_count++] = (weir_topic)i;
    }
    self->groups = calloc(options->topic_count + 1, sizeof *self->groups);
    self->blocked_us = calloc(options->topic_count + 1, sizeof *self->blocked_us);
    self->turned_us = calloc(options->topic_count + 1, sizeof *self->turned_us);
    self->packs_out = calloc(options->topic_count + 1, sizeof *self->packs_out);
    WEIR_ASSERT(self->groups != NULL && self->blocked_us != NULL && self->turned_us != NULL &&
                self->packs_out != NULL);
    graph_make(self);
    downward_make(self);
    groups_make(self);
    *member_out = self;
    if (self->wake_fd < 0) return weir_error_new(WEIR_E_IO, "no event descriptor is left");
    return NULL;
}

void member_destroy(member *self)
{
    if (self == NULL) return;
    for (size_t i = 0; i < self->options->topic_count; i++) {
        free(self->siblings[i]);
        free(self->upstream[i]);
    }
    free(self->siblings);
    free(self->upstream);
    free(self->feeds);
    free(self->downward);
    free(self->groups);
    free(self->blocked_us);
    free(self->turned_us);
    free(self->packs_out);
    free(self->names);
    free(self->numbers);
    free(self->nodes);
    free(self->generations);
    if (self->wake_fd >= 0) (void)close(self->wake_fd);
    weir_error_free(self->error);
    free(self);
}
