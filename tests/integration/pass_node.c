/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/pass_node.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "ingest/packer.h"
#include "ops/runtime/assert.h"

enum { EPOCHS_MAX = 65536 };

typedef struct pass_epoch {
    uint64_t epoch, outstanding;
    int64_t position;
} pass_epoch;

typedef struct pass_node {
    weir_node base;
    pass_options options;
    int64_t committed, position, committable;
    uint32_t index; /* events of the record at `position` that were taken */
    uint64_t epoch, sent;
    pass_epoch epochs[EPOCHS_MAX];
    uint64_t first, end; /* ring */
} pass_node;

int64_t pass_event_time(weir_bytes event)
{
    char text[32] = {0};
    memcpy(text, event.data, event.size < 31 ? event.size : 31);
    char *end = NULL;
    long long time = strtoll(text, &end, 10);
    return end == text ? INT64_MIN : time;
}

static weir_bytes key_of(weir_bytes event)
{
    const uint8_t *from = memchr(event.data, ' ', event.size);
    WEIR_ASSERT(from != NULL);
    const uint8_t *to = memchr(from + 1, ' ', event.size - (size_t)(from + 1 - event.data));
    WEIR_ASSERT(to != NULL);
    return (weir_bytes){from + 1, (size_t)(to - from - 1)};
}

static weir_error *pass_open(weir_node *base, const weir_node_position *at, int64_t *start_out)
{
    pass_node *node = (pass_node *)base;
    node->committed = at->committed;
    node->committable = at->committed >= 0 ? at->committed : at->log_start;
    *start_out = node->position = node->options.replays ? at->log_start : node->committable;
    return NULL;
}

static weir_error *pass_one(pass_node *node, weir_bytes event)
{
    if (node->options.before != NULL)
        WEIR_TRY(node->options.before(node->options.to, pass_event_time(event)));
    if (node->position < node->committed) return NULL;
    weir_output output = {.topic = node->options.to,
                          .partition = WEIR_PARTITION_BY_KEY,
                          .key = key_of(event),
                          .value = event,
                          .epoch = node->epoch,
                          .is_transactional = !node->options.writes_packs,
                          .is_copy = node->options.writes_packs};
    node->sent++;
    (*node->options.events)++;
    return node->options.port->send(node->options.port->context, &output);
}

/* False when the record was not taken to its end. */
static weir_error *record_take(pass_node *node, const weir_log_record *record, weir_node_turn *turn,
                               bool *whole_out)
{
    bool bad = false, is_pack = node->options.reads_packs;
    weir_pack_reader reader;
    weir_packed packed = {0};
    WEIR_ASSERT(!is_pack || weir_pack_open(&reader, record->value));
    *whole_out = false;
    for (uint32_t i = 0;; i++) {
        weir_bytes event = record->value;
        if (is_pack ? !weir_pack_next(&reader, &packed, &bad) : i > 0) break;
        if (is_pack) event = packed.rest;
        WEIR_ASSERT(!bad);
        if (i < node->index) continue;
        turn->next_us = pass_event_time(event);
        if (turn->next_us > turn->until_us) return NULL;
        WEIR_TRY(pass_one(node, event));
        node->index++;
        turn->event_count++;
        if (turn->next_us > turn->greatest_us) turn->greatest_us = turn->next_us;
    }
    node->index = 0;
    *whole_out = true;
    return NULL;
}

static weir_error *pass_apply(weir_node *base, const weir_log_record *records, size_t count,
                              weir_node_turn *turn)
{
    pass_node *node = (pass_node *)base;
    turn->taken = 0;
    turn->event_count = 0;
    turn->greatest_us = INT64_MIN;
    for (; turn->taken < count; turn->taken++) {
        WEIR_ASSERT(records[turn->taken].offset == node->position);
        bool whole = false;
        WEIR_TRY(record_take(node, &records[turn->taken], turn, &whole));
        if (!whole) return NULL;
        node->position++;
    }
    turn->next_us = INT64_MAX;
    return NULL;
}

static weir_error *pass_skip(weir_node *base, int64_t first, int64_t next)
{
    pass_node *node = (pass_node *)base;
    WEIR_ASSERT(first == node->position && next > first);
    node->position = next;
    (*node->options.skips)++;
    return NULL;
}

static void settle(pass_node *node)
{
    while (node->first < node->end && node->epochs[node->first % EPOCHS_MAX].outstanding == 0) {
        int64_t position = node->epochs[node->first++ % EPOCHS_MAX].position;
        if (position > node->committable) node->committable = position;
    }
}

static weir_error *pass_flush(weir_node *base)
{
    pass_node *node = (pass_node *)base;
    WEIR_ASSERT(node->end - node->first < EPOCHS_MAX);
    node->epochs[node->end++ % EPOCHS_MAX] =
        (pass_epoch){.epoch = node->epoch, .outstanding = node->sent, .position = node->position};
    node->sent = 0;
    node->epoch++;
    settle(node);
    return NULL;
}

static void pass_acked(weir_node *base, uint64_t epoch, uint32_t count)
{
    pass_node *node = (pass_node *)base;
    for (uint64_t i = node->first; i < node->end; i++) {
        pass_epoch *one = &node->epochs[i % EPOCHS_MAX];
        if (one->epoch != epoch) continue;
        WEIR_ASSERT(one->outstanding >= count);
        one->outstanding -= count;
        settle(node);
        return;
    }
    WEIR_ASSERT(epoch == node->epoch && node->sent >= count); /* before its flush */
    node->sent -= count;
}

static int64_t pass_committable(const weir_node *base)
{
    return ((const pass_node *)base)->committable;
}

static weir_error *pass_committed(weir_node *base, int64_t position)
{
    pass_node *node = (pass_node *)base;
    WEIR_ASSERT(position > node->committed && position <= node->committable);
    node->committed = position;
    return NULL;
}

static int64_t pass_order_time(weir_node *base, const weir_log_record *record)
{
    pass_node *node = (pass_node *)base;
    if (!node->options.reads_packs) return pass_event_time(record->value);
    bool bad = false;
    weir_pack_reader reader;
    weir_packed packed;
    WEIR_ASSERT(weir_pack_open(&reader, record->value));
    for (uint32_t i = 0; weir_pack_next(&reader, &packed, &bad); i++) {
        if (record->offset != node->position || i == node->index)
            return pass_event_time(packed.rest);
    }
    return INT64_MIN;
}

static weir_error *pass_tick(weir_node *base, int64_t monotonic_us, bool idle)
{
    (void)monotonic_us;
    const pass_options *options = &((const pass_node *)base)->options;
    if (options->rests != NULL && idle) atomic_fetch_add(options->rests, 1);
    if (options->ticks != NULL) atomic_fetch_add(options->ticks, 1);
    return NULL;
}

static void pass_close(weir_node *base) { free(base); }

static const weir_node_ops pass_ops = {
    .kind = "pass",
    .open = pass_open,
    .apply = pass_apply,
    .skip = pass_skip,
    .flush = pass_flush,
    .acked = pass_acked,
    .committable = pass_committable,
    .committed = pass_committed,
    .order_time = pass_order_time,
    .tick = pass_tick,
    .close = pass_close,
};

weir_node *pass_node_create(const pass_options *options)
{
    pass_node *node = calloc(1, sizeof *node);
    WEIR_ASSERT(node != NULL);
    node->base.ops = &pass_ops;
    node->options = *options;
    return &node->base;
}
