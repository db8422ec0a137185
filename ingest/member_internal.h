/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member_internal.h - one thread of the driver: a member of the group with its clients and nodes.
 *
 * member.c is the loop, member_nodes.c opens, parks and closes nodes, member_send.c is the way out
 * (port, packs, acknowledgements), member_turn.c decides who may take what (alignment),
 * member_commit.c moves K.
 */
#pragma once

#include <pthread.h>

#include "ingest/board.h"
#include "ingest/driver.h"
#include "ingest/kafka_consumer.h"
#include "ingest/kafka_producer.h"
#include "ingest/kafka_reader.h"
#include "ingest/packer.h"

enum {
    WEIR_MEMBER_NODES_MAX = 4096,
    WEIR_MEMBER_PACK_FLAG_BIT = 63,
    WEIR_MEMBER_GAP_TRIES = 3,
};

typedef struct member member;

/* What one epoch of a node still waits for. */
typedef struct member_epoch {
    uint64_t epoch;
    uint64_t outstanding;
    int64_t first_us; /* order time at which it began */
} member_epoch;

typedef struct member_node {
    weir_node *node;
    member *owner;
    weir_output_port port;
    weir_lane *lane; /* NULL while parked */
    weir_topic topic;
    int32_t partition;
    uint32_t number;          /* slot and generation: comes back with acknowledgements */
    int64_t opened_us;        /* when the partition came to us */
    int64_t position;         /* first offset not wholly taken */
    int64_t committed;        /* K as we know it; -1: none */
    int64_t parked_committed; /* K when it was parked */
    bool has_head;
    int64_t head_us;       /* order time of the next event */
    int64_t front_us;      /* greatest order time taken */
    bool is_touched;       /* took something since the last flush */
    bool is_transactional; /* has sent scores: K moves in transactions only */
    bool is_ignored;       /* others have lost patience with it */
    int64_t retry_us;      /* not before this monotonic time: the world was away */
    int64_t told_us;       /* when the log last said so */
    uint64_t outstanding;
    member_epoch *epochs; /* [epoch_first .. epoch_end), oldest first */
    size_t epoch_first, epoch_end, epoch_capacity;
} member_node;

/* Who waits for a packed record. */
typedef struct member_pack {
    weir_pack_share *shares;
    size_t share_count, share_capacity;
    uint32_t next_free;
} member_pack;

/* A gap met in a journal: how often at this place. Survives restarts of the member. */
typedef struct member_gap {
    weir_topic topic;
    int32_t partition;
    int64_t offset;
    uint32_t tries;
} member_gap;

enum { WEIR_MEMBER_DAMAGED_MAX = 64 };

/* A partition whose state or journal turned out damaged. */
typedef struct member_damage {
    weir_topic topic;
    int32_t partition;
} member_damage;

typedef struct member_counters {
    _Atomic uint64_t source_events, journal_events, outputs, packs, copies, commits, restarts, gaps,
        waits_given_up, lag;
    _Atomic uint32_t partitions, stopped;
    _Atomic uint32_t replaying; /* of those that count for --until-end */
    _Atomic bool is_ready, was_assigned;
} member_counters;

/* One writer, many readers: no locked instruction is needed. */
#define MEMBER_COUNT(self_, field_, n_)                                                            \
    atomic_store_explicit(&(self_)->counters.field_,                                               \
                          atomic_load_explicit(&(self_)->counters.field_, memory_order_relaxed) +  \
                              (n_),                                                                \
                          memory_order_relaxed)

struct member {
    const weir_driver_options *options;
    weir_board *board;
    uint32_t index;
    pthread_t thread;
    atomic_bool *stop; /* the driver's */
    weir_error *error; /* why it ended; read after join */
    atomic_bool is_done;
    /* When the driver saw that all is committed: partitions that come later are what workers that
     * ended have left, and whether their state is whole is not ours to mend. */
    _Atomic int64_t over_us; /* INT64_MAX: not yet */

    void *shared; /* the factory's */
    int wake_fd;
    weir_kafka_consumer *consumer;
    weir_kafka_producer *producer; /* of packs, one at a time, and dead letters */
    weir_kafka_producer *scores;   /* many at a time; in transactions, where delivery says so */
    weir_kafka_reader *looker;     /* second look at gaps */
    weir_packer *packer;
    const char **names; /* of consumed topics, for the subscription */
    weir_topic *numbers;
    size_t consumed_count;
    uint32_t *groups; /* per topic: which take turns; greater is further downstream, served first */
    uint32_t group_count;
    bool **siblings;      /* [topic][topic]: both feed some journal directly */
    bool **upstream;      /* [topic][topic]: transitively feeds */
    bool *feeds;          /* [topic]: some journal directly */
    weir_topic *downward; /* all topics, sources first, then by level */

    member_node **nodes; /* open or parked; by slot; NULL where free */
    uint16_t *generations;
    size_t node_count; /* slots in use or free below this */

    member_pack *packs;
    uint32_t pack_count, pack_capacity, pack_free; /* pack_free: index + 1 of the first free one */
    uint32_t *packs_out;                           /* per topic: packs on their way */
    uint64_t ack_tag; /* acknowledgements of one sender in a row are handed on together */
    uint32_t ack_count;
    weir_error *failure; /* met inside a callback */

    bool is_draining, in_transaction;
    int64_t worked_us;      /* when it last took events */
    bool has_told;          /* something new stands on the board */
    atomic_bool is_blocked; /* holds events that it may not take yet: wants to hear of others */
    void (*wake_others)(void *context, const member *self);
    void *wake_context;
    int64_t assigned_us;  /* when our partitions were dealt */
    int64_t wait_told_us; /* when the log last said whom we wait for */
    int64_t gave_up_us;   /* who has not moved since then is not waited for; -1: nobody */
    int64_t started_us, now_us, transaction_began_us, transaction_cost_us, committed_us, ticked_us;
    int64_t *blocked_us; /* per group: since when it has heads but may not take them; 0: not */
    int64_t *turned_us;  /* per group: when it last took something */
    int64_t due_us;      /* when a group that gathers may take what it has; INT64_MAX: none does */
    member_gap gaps[16];
    member_damage
        damaged[WEIR_MEMBER_DAMAGED_MAX]; /* partitions that stand still until a restart */
    size_t damaged_count;
    member_counters counters;
};

static inline int64_t member_clock_us(const member *self)
{
    return self->options->env->monotonic_us(self->options->env->context);
}

/* member_nodes.c */
weir_error *member_nodes_assigned(void *context, weir_lane *lanes, size_t count);
weir_error *member_nodes_revoked(void *context, bool is_lost);
void member_node_close(member *self, member_node *node);
/* What a node's call gave: damage is noted and becomes a reason to start again without it. */
weir_error *member_node_damaged(member *self, const member_node *node, weir_error *error);
void member_nodes_close(member *self, bool settle);
bool member_node_is_open(const member_node *node);

/* member_send.c */
weir_error *member_send_open(member *self);
void member_send_close(member *self);
void member_port_make(member_node *node);
weir_error *member_send_batch(member *self); /* packs and messages at hand go out */
weir_error *member_send_few(member *self);   /* scores, if they are few, do not linger */
weir_error *member_send_serve(
    member *self); /* learn what was acknowledged, send what waited for it */
size_t member_send_pending(const member *self);
void member_delivered(void *context, const weir_delivery *delivery);
member_node *member_node_of(member *self, uint32_t number);
/* The open node of a partition, or NULL. */
member_node *member_node_at(const member *self, weir_topic topic, int32_t partition);

/* member_turn.c */
weir_error *member_turn(member *self, uint32_t group, size_t *events_out);
void member_tell(member *self); /* pins positions and marks to the board */
bool member_is_at_end(const member *self, const member_node *node);
void member_count_replaying(member *self);

/* member_commit.c */
weir_error *member_commit_paced(member *self);
int64_t member_commit_due(const member *self);      /* when an open transaction may close */
weir_error *member_transaction_begin(member *self); /* unless one is open */
weir_error *member_commit_all(member *self,
                              int64_t patience_us); /* drains, then commits and waits */
void member_committed(void *context, weir_lane *lane, int64_t offset);

/* member.c */
weir_error *member_create(const weir_driver_options *options, weir_board *board, uint32_t index,
                          atomic_bool *stop, member **member_out);
void *member_main(void *self);
void member_wait(member *self, int64_t timeout_us); /* until something comes for us */
void member_destroy(member *self);
