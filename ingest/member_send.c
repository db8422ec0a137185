/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way out. A tag of a plain record is (0, number of the node, epoch), of a pack (1, index of
 * its shares).
 */
#include <stdio.h>
#include <stdlib.h>

#include "ingest/member_internal.h"
#include "ingest/topics.h"
#include "ops/runtime/assert.h"

enum { EPOCH_BITS = 39, NUMBER_BITS = 24, SLOT_BITS = 12 };
#define PACK_FLAG (UINT64_C(1) << WEIR_MEMBER_PACK_FLAG_BIT)

static uint64_t tag_of(uint32_t number, uint64_t epoch)
{
    WEIR_ASSERT(number < 1u << NUMBER_BITS && epoch < UINT64_C(1) << EPOCH_BITS);
    return (uint64_t)number << EPOCH_BITS | epoch;
}

member_node *member_node_of(member *self, uint32_t number)
{
    uint32_t slot = number & ((1u << SLOT_BITS) - 1);
    if (slot >= self->node_count || self->nodes[slot] == NULL) return NULL;
    return self->nodes[slot]->number == number ? self->nodes[slot] : NULL;
}

/* --- epochs --- */

static void epoch_sent(member_node *node, uint64_t epoch)
{
    node->outstanding++;
    if (node->epoch_end > node->epoch_first && node->epochs[node->epoch_end - 1].epoch == epoch) {
        node->epochs[node->epoch_end - 1].outstanding++;
        return;
    }
    if (node->epoch_end == node->epoch_capacity) {
        size_t live = node->epoch_end - node->epoch_first;
        if (node->epoch_first < live + 8) {
            node->epoch_capacity = node->epoch_capacity == 0 ? 32 : node->epoch_capacity * 2;
            node->epochs = realloc(node->epochs, node->epoch_capacity * sizeof *node->epochs);
            WEIR_ASSERT(node->epochs != NULL);
        }
        memmove(node->epochs, node->epochs + node->epoch_first, live * sizeof *node->epochs);
        node->epoch_first = 0;
        node->epoch_end = live;
    }
    node->epochs[node->epoch_end++] =
        (member_epoch){.epoch = epoch, .outstanding = 1, .first_us = node->head_us};
}

static void epoch_acked(member_node *node, uint64_t epoch, uint32_t count)
{
    WEIR_ASSERT(node->outstanding >= count);
    node->outstanding -= count;
    for (size_t i = node->epoch_first; i < node->epoch_end; i++) {
        if (node->epochs[i].epoch != epoch) continue;
        WEIR_ASSERT(node->epochs[i].outstanding >= count);
        node->epochs[i].outstanding -= count;
        break;
    }
    while (node->epoch_first < node->epoch_end &&
           node->epochs[node->epoch_first].outstanding == 0) {
        node->epoch_first++;
    }
    if (node->epoch_first == node->epoch_end) node->epoch_first = node->epoch_end = 0;
}

static void ack(member *self, uint32_t number, uint64_t epoch, uint32_t count)
{
    member_node *node = member_node_of(self, number);
    if (node == NULL) return; /* closed since */
    epoch_acked(node, epoch, count);
    node->node->ops->acked(node->node, epoch, count);
}

static void ack_flush(member *self)
{
    if (self->ack_count == 0) return;
    ack(self, (uint32_t)(self->ack_tag >> EPOCH_BITS),
        self->ack_tag & ((UINT64_C(1) << EPOCH_BITS) - 1), self->ack_count);
    self->ack_count = 0;
}

static void pack_acked(member *self, uint32_t index)
{
    member_pack *pack = &self->packs[index];
    for (size_t i = 0; i < pack->share_count; i++) {
        const weir_pack_share *share = &pack->shares[i];
        ack(self, share->owner, share->epoch, share->count);
        MEMBER_COUNT(self, copies, share->count);
    }
    pack->share_count = 0;
    pack->next_free = self->pack_free;
    self->pack_free = index + 1;
}

void member_delivered(void *context, const weir_delivery *delivery)
{
    member *self = context;
    weir_board_produced(self->board, delivery->topic, delivery->partition, delivery->offset + 1);
    if ((delivery->tag & PACK_FLAG) != 0) {
        MEMBER_COUNT(self, packs, 1);
        self->packs_out[delivery->topic]--;
        const member_node *node = member_node_at(self, delivery->topic, delivery->partition);
        if (node != NULL) {
            weir_lane_echo(node->lane, delivery->offset, delivery->timestamp_us, delivery->value);
        }
        pack_acked(self, (uint32_t)(delivery->tag & ~PACK_FLAG));
        return;
    }
    MEMBER_COUNT(self, outputs, 1);
    if (self->ack_count > 0 && self->ack_tag != delivery->tag) ack_flush(self);
    self->ack_tag = delivery->tag;
    self->ack_count++;
}

/* --- the port of a node --- */

static weir_error *scores_add(member *self, member_node *node, const weir_output *output,
                              int32_t partition)
{
    if (self->options->is_transactional) {
        WEIR_TRY(member_transaction_begin(self));
        node->is_transactional = true;
    }
    return weir_kafka_producer_add(self->scores, output->topic, partition, output->key,
                                   output->value, 0, tag_of(node->number, output->epoch));
}

static weir_error *port_send(void *context, const weir_output *output)
{
    member_node *node = context;
    member *self = node->owner;
    WEIR_ASSERT(output->topic < self->options->topic_count);
    weir_output placed = *output;
    if (output->partition == WEIR_PARTITION_BY_KEY) {
        placed.partition = weir_partition_of(
            output->key, weir_kafka_producer_partitions(self->producer, output->topic));
    }
    epoch_sent(node, output->epoch);
    if (output->is_copy) return weir_packer_add(self->packer, node->number, &placed);
    if (output->is_transactional) {
        return scores_add(self, node, output, placed.partition);
    }
    return weir_kafka_producer_add(self->producer, output->topic, placed.partition, output->key,
                                   output->value, 0, tag_of(node->number, output->epoch));
}

static int32_t port_partition_count(void *context, weir_topic topic)
{
    member_node *node = context;
    return weir_kafka_producer_partitions(node->owner->producer, topic);
}

void member_port_make(member_node *node)
{
    node->port = (weir_output_port){
        .context = node, .send = port_send, .partition_count = port_partition_count};
}

static uint32_t pack_take(member *self)
{
    if (self->pack_free > 0) {
        uint32_t index = self->pack_free - 1;
        self->pack_free = self->packs[index].next_free;
        return index;
    }
    if (self->pack_count == self->pack_capacity) {
        uint32_t capacity = self->pack_capacity == 0 ? 64 : self->pack_capacity * 2;
        self->packs = realloc(self->packs, capacity * sizeof *self->packs);
        WEIR_ASSERT(self->packs != NULL);
        memset(self->packs + self->pack_capacity, 0,
               (capacity - self->pack_capacity) * sizeof *self->packs);
        self->pack_capacity = capacity;
    }
    return self->pack_count++;
}

static weir_error *pack_send(void *context, const weir_pack *pack)
{
    member *self = context;
    uint32_t index = pack_take(self);
    member_pack *sent = &self->packs[index];
    if (pack->share_count > sent->share_capacity) {
        sent->share_capacity = pack->share_count;
        sent->shares = realloc(sent->shares, sent->share_capacity * sizeof *sent->shares);
        WEIR_ASSERT(sent->shares != NULL);
    }
    memcpy(sent->shares, pack->shares, pack->share_count * sizeof *sent->shares);
    sent->share_count = pack->share_count;
    self->packs_out[pack->topic]++;
    return weir_kafka_producer_add(self->producer, pack->topic, pack->partition, (weir_bytes){0},
                                   pack->value, 0, PACK_FLAG | index);
}

/* --- clients --- */

/* Static members have an id of their own, others a new one every time. */
static void transactional_id(const member *self, char id[300])
{
    enum { SIZE = 300 };
    const weir_driver_options *options = self->options;
    bool is_named = options->worker_id != NULL && options->worker_id[0] != 0;
    (void)snprintf(id, SIZE, "%s.%s.%u", options->group, is_named ? options->worker_id : "worker",
                   self->index);
    if (!is_named) {
        size_t length = strlen(id);
        (void)snprintf(id + length, SIZE - length, ".%016llx",
                       (unsigned long long)options->env->random(options->env->context));
    }
}

static weir_error *scores_open(member *self)
{
    const weir_driver_options *options = self->options;
    char id[300];
    transactional_id(self, id);
    weir_producer_options how = {.kafka = options->kafka,
                                 .transactional_id = options->is_transactional ? id : NULL,
                                 .transaction_timeout_ms =
                                     (int)(options->transaction_timeout_us / 1000),
                                 .context = self,
                                 .delivered = member_delivered,
                                 .wake_fd = self->wake_fd};
    return weir_kafka_producer_open(&how, &self->scores);
}

static weir_error *topics_name(member *self, weir_kafka_producer *producer)
{
    for (size_t i = 0; i < self->options->topic_count; i++) {
        const weir_driver_topic *topic = &self->options->topics[i];
        if (!topic->is_written && !topic->is_consumed) continue;
        WEIR_TRY(weir_kafka_producer_topic(producer, (weir_topic)i, topic->name));
        if (topic->is_consumed) {
            weir_board_size(self->board, (weir_topic)i,
                            weir_kafka_producer_partitions(producer, (weir_topic)i));
        }
    }
    return NULL;
}

/* The scores' producer first: opening it ends what a predecessor under our name left open, which
 * hides all later scores from read_committed readers. */
weir_error *member_send_open(member *self)
{
    WEIR_TRY(scores_open(self));
    weir_producer_options how = {.kafka = self->options->kafka,
                                 .context = self,
                                 .delivered = member_delivered,
                                 .wake_fd = self->wake_fd,
                                 .is_prompt = true};
    WEIR_TRY(weir_kafka_producer_open(&how, &self->producer));
    WEIR_TRY(topics_name(self, self->producer));
    self->packer = weir_packer_create(pack_send, self);
    return topics_name(self, self->scores);
}

void member_send_close(member *self)
{
    weir_kafka_producer_close(self->scores);
    weir_kafka_producer_close(self->producer);
    weir_packer_destroy(self->packer);
    self->scores = self->producer = NULL;
    self->packer = NULL;
    for (uint32_t i = 0; i < self->pack_count; i++)
        free(self->packs[i].shares);
    free(self->packs);
    self->packs = NULL;
    self->pack_count = self->pack_capacity = self->pack_free = 0;
    memset(self->packs_out, 0, self->options->topic_count * sizeof *self->packs_out);
    self->ack_count = 0;
    self->in_transaction = false;
}

/* A partition with a pack on its way gets the next one later, and fuller. */
static bool pack_may_go(void *context, weir_topic topic, int32_t partition)
{
    const member *self = context;
    return weir_kafka_producer_is_free(self->producer, topic, partition);
}

weir_error *member_send_batch(member *self)
{
    WEIR_TRY(weir_packer_flush_where(self->packer, pack_may_go));
    WEIR_TRY(weir_kafka_producer_send(self->producer));
    return weir_kafka_producer_send(self->scores);
}

/* Handing over a few scores takes less than their linger: they go out at once. */
weir_error *member_send_few(member *self)
{
    enum { FEW = 256 };
    size_t count = weir_kafka_producer_pending(self->scores);
    return count == 0 || count > FEW ? NULL : weir_kafka_producer_hasten(self->scores);
}

weir_error *member_send_serve(member *self)
{
    weir_error *error = weir_kafka_producer_poll(self->producer, 0);
    if (error == NULL) error = weir_kafka_producer_poll(self->scores, 0);
    ack_flush(self);
    return error == NULL ? member_send_batch(self) : error;
}

size_t member_send_pending(const member *self)
{
    return weir_packer_open_count(self->packer) + weir_kafka_producer_pending(self->producer) +
           weir_kafka_producer_pending(self->scores);
}
