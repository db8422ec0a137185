/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.h - the definitions of a project, compiled: what stream, backfill, export and lookup all
 * run.
 *
 * A plan is plain data, immutable, made by compute/lang and read by everybody else. Names are
 * resolved to indexes; the arrays below refer to each other by index only.
 *
 *   stream    a source of events: its schema, which fields are decoded into which slots, and the
 *             *hops* that one event makes, one per entity that observes it, in planned order (the
 *             first is never moved)
 *   view      what is stored per key of one entity: the projected rows of the events of some
 *             streams, and the cells computed from them. A `features` group gives one view for its
 *             plain aggregates and one more per composite key (`where merchant == this.merchant`
 *             keys a view by (card, merchant))
 *   cell      one aggregate over one window of one view
 *   member    one feature of one window ("card_vel.n[1h]"): a read expression over cells, `this`
 *             and carried values of other members
 *   carried   what a stream's events carry from hop to hop: members that its vectors, or row
 *             expressions of views at later hops, need. At each hop the members of that entity are
 *             read before the event is applied (R4)
 *   vector    named columns on a stream, evaluated after the last hop from carried values and
 *             `this`
 *   score     a model over a vector, with its decisions and its output topic
 *
 * Owns:     everything, the plan itself included, lives in plan->arena; a new plan has
 *           references = 1. Plans are reference-counted (weir_plan_ref/unref), swapped whole.
 * Threads:  immutable after compilation; any thread may read.
 * See also: docs/language/, docs/ARCHITECTURE.md
 */
#pragma once

#include "compute/agg/agg.h"
#include "compute/expr/expr.h"
#include "schemas/avro.h"

enum {
    WEIR_PLAN_STREAMS_MAX = 256,
    WEIR_PLAN_HOPS_MAX = 16,
    WEIR_PLAN_KEY_FIELDS_MAX = 8,
    WEIR_PLAN_VIEWS_MAX = 1024,
    WEIR_PLAN_CELLS_MAX = 8192,
    WEIR_PLAN_MEMBERS_MAX = 8192,
    WEIR_PLAN_COLUMNS_MAX = 64, /* of a view, per row */
    WEIR_DIGEST_BYTES = 32,
};
#define WEIR_NONE UINT32_MAX /* "no such index" */

/* The identity of an event within a shard's journal: offset of the record, index within a packed
 * one. */
typedef uint64_t weir_seq;
#define WEIR_SEQ_INDEX_BITS 20
static inline weir_seq weir_seq_of(int64_t offset, uint32_t index)
{
    return ((uint64_t)offset << WEIR_SEQ_INDEX_BITS) | index;
}
static inline int64_t weir_seq_offset(weir_seq seq)
{
    return (int64_t)(seq >> WEIR_SEQ_INDEX_BITS);
}
static inline uint32_t weir_seq_index(weir_seq seq)
{
    return (uint32_t)(seq & ((1u << WEIR_SEQ_INDEX_BITS) - 1));
}

typedef struct weir_plan_entity {
    const char *name; /* "card", or "card,merchant" for a key of two fields */
    uint32_t key_count;
    const char *const *key_names;
    weir_type key_types[WEIR_PLAN_KEY_FIELDS_MAX]; /* never optional */
} weir_plan_entity;

/* A view that a stream feeds at a hop. */
typedef struct weir_plan_feed {
    uint32_t view;
    uint32_t source; /* index into the view's sources: this stream's row expressions */
} weir_plan_feed;

/* A stop of a stream's events: one entity. */
typedef struct weir_plan_hop {
    uint32_t entity;
    uint32_t
        key_slots[WEIR_PLAN_KEY_FIELDS_MAX]; /* slots of the key fields; any null: no copy here */
    uint32_t read_count;
    const uint32_t *reads; /* indexes into stream->carried, rising                               */
    uint32_t cell_count;
    const uint32_t *cells; /* the distinct cells those reads need, grouped by view */
    uint32_t feed_count;
    const weir_plan_feed *feeds;
} weir_plan_hop;

/* A value that events of the stream carry: the member and where it was read. */
typedef struct weir_plan_carried {
    uint32_t member;
    uint32_t hop; /* index into stream->hops */
    weir_type type;
    const weir_expr *expr; /* the member's expression bound to this stream (THIS, CARRIED, CELL) */
} weir_plan_carried;

typedef struct weir_plan_stream {
    const char *name;
    const char *topic;
    const weir_schema *schema; /* the reader's schema */
    uint32_t slot_count;
    const char *const *slot_paths; /* wanted fields for weir_decoder_compile */
    const weir_type *slot_types;   /* their types in the language */
    uint32_t time_slot;
    uint32_t id_slot; /* WEIR_NONE: no id, no duplicates */
    int64_t late_us, future_us;
    uint32_t expect_count;
    const weir_expr *const *expects; /* FIELD; false or null: dead letter `expect` */
    const char *const *expect_texts; /* as written, for messages */
    uint32_t hop_count;
    const weir_plan_hop *hops;
    uint32_t carried_count;
    const weir_plan_carried *carried;
    const char *doc;
} weir_plan_stream;

typedef enum weir_window_kind {
    WEIR_WINDOW_TIME, /* tau - delay - width < et <= tau - delay */
    WEIR_WINDOW_EVER, /* et <= tau - delay                       */
    WEIR_WINDOW_LAST, /* the `count` greatest (et, seq) with et <= tau - delay */
    WEIR_WINDOW_SESSION,
    WEIR_WINDOW_SINCE,
    WEIR_WINDOW_CALENDAR,
    WEIR_WINDOW_SERIES,
} weir_window_kind;

typedef struct weir_plan_window {
    weir_window_kind kind;
    int64_t width_us; /* TIME, SESSION (gap), SERIES (element) */
    int64_t delay_us;
    int64_t step_us;        /* 0: none */
    uint32_t count;         /* LAST, SERIES */
    const weir_expr *since; /* SINCE: over columns */
    const weir_zone *zone;  /* CALENDAR */
    uint8_t calendar_unit;  /* 'h' 'd' 'w' 'm' */
} weir_plan_window;

typedef struct weir_plan_cell {
    uint32_t view;
    weir_agg_binding binding;
    uint32_t args[WEIR_AGG_ARGS_MAX]; /* columns of the view holding the arguments' values */
    uint32_t filter;                  /* bool column, or WEIR_NONE: `where` without `this` */
    const weir_expr *read_filter; /* or NULL: `where` that compares with `this` (COLUMN, THIS) */
    uint32_t by;                  /* column, or WEIR_NONE */
    uint32_t by_limit;
    weir_plan_window window;
    bool including_this;
} weir_plan_cell;

/* How the rows of one stream are projected into a view. */
typedef struct weir_plan_source {
    uint32_t stream;
    uint32_t hop;
    const weir_expr *where; /* the group's own where, row phase, or NULL */
    const weir_expr *const
        *columns; /* view->column_count row expressions (FIELD, CARRIED, CONST null) */
    const weir_expr *const *extra_keys; /* view->extra_key_count row expressions */
} weir_plan_source;

typedef struct weir_plan_view {
    const char *group; /* the features group it came from, for messages */
    uint32_t entity;
    uint32_t column_count;
    const weir_type *column_types; /* optional where the expression may be null */
    uint32_t source_count;
    const weir_plan_source *sources;
    uint32_t extra_key_count; /* composite key: appended to the entity's key */
    const weir_type *extra_key_types;
    uint32_t cell_count;
    const uint32_t *cells; /* all cells of the view */
    int64_t late_us;       /* greatest of the sources' */
    /* What must be kept, derived from the cells: */
    int64_t keep_us;  /* greatest width + delay of the time windows (0: none); late comes on top */
    int64_t delay_us; /* greatest delay of all cells                     */
    uint32_t keep_last; /* greatest n of `last n`                          */
    bool has_ever;
    uint8_t digest[WEIR_DIGEST_BYTES];
} weir_plan_view;

typedef struct weir_plan_member {
    const char *group, *feature,
        *suffix;        /* suffix "" where the feature has one member only and no family */
    const char *column; /* "card_vel_n_1h" */
    weir_type type;
    uint32_t entity;
    const weir_expr *expr; /* CELL and THIS; other members it uses are written out in place */
    bool uses_this;        /* then only offered with a trigger */
    uint32_t
        this_count; /* fields of `this` that it uses: names and types, for lookups that send them */
    const char *const *this_names;
    const weir_type *this_types;
    uint32_t this_stream; /* whose slots THIS in `expr` means: the group's first stream that has all
                             the fields; WEIR_NONE: it does not use `this` */
    /* Composite keys: the THIS values that key each composite view it reads are in view_keys[]
     * below. */
    const char *doc;
    uint8_t digest[WEIR_DIGEST_BYTES]; /* R15 */
} weir_plan_member;

typedef struct weir_plan_group {
    const char *name, *doc;
    uint32_t entity;
    uint32_t member_count;
    const uint32_t *members;
} weir_plan_group;

/* For a composite view: the read expressions (THIS) that give its extra key fields, per stream. */
typedef struct weir_plan_view_key {
    uint32_t view;
    uint32_t stream;
    const weir_expr *const *exprs; /* view->extra_key_count; null: no row matches */
} weir_plan_view_key;

typedef struct weir_plan_column {
    const char *name;
    weir_type type;
    const weir_expr *expr; /* CARRIED, THIS */
    uint32_t member;       /* the member it shows unchanged, or WEIR_NONE */
} weir_plan_column;

typedef struct weir_plan_vector {
    const char *name, *doc;
    uint32_t stream;
    uint32_t column_count;
    const weir_plan_column *columns;
    uint8_t digest[WEIR_DIGEST_BYTES];
} weir_plan_vector;

typedef struct weir_plan_decision {
    const char *name;
    const weir_expr *when; /* SCORE, CARRIED, THIS; NULL for else */
} weir_plan_decision;

typedef struct weir_plan_score {
    const char *name, *doc;
    uint32_t stream;
    uint32_t vector;
    const char *model;  /* name of a file in models/ without its ending */
    const char *topic;  /* output */
    const char *schema; /* full name of the output's Avro schema, "weir.Score" by default */
    const char *output; /* the model's output to read, or NULL */
    uint32_t reasons;
    uint32_t decision_count;
    const weir_plan_decision *decisions;
    const weir_expr *fallback; /* float64 or NULL */
    uint8_t digest[WEIR_DIGEST_BYTES];
} weir_plan_score;

typedef struct weir_plan_test weir_plan_test; /* compute/lang/test.h */

typedef struct weir_plan {
    weir_arena arena;
    uint32_t references;
    const char *package;
    uint32_t stream_count, entity_count, group_count, view_count, cell_count, member_count,
        vector_count, score_count, view_key_count, test_count;
    const weir_plan_stream *streams;
    const weir_plan_entity *entities;
    const weir_plan_group *groups;
    const weir_plan_view *views;
    const weir_plan_cell *cells;
    const weir_plan_member *members;
    const weir_plan_vector *vectors;
    const weir_plan_score *scores;
    const weir_plan_view_key *view_keys;
    const weir_plan_test *const *tests;
    const struct weir_plan
        *tests_plan;       /* what they run on: carries all that they expect; owned, may be NULL */
    const char *canonical; /* the canonical text of the package, what the digest is over */
    uint8_t digest[WEIR_DIGEST_BYTES];
    /* Of what is kept and carried alone: two plans that share it make the same state and the same
     * copies of the same events, whatever else they show or score. */
    uint8_t fold_digest[WEIR_DIGEST_BYTES];
    struct weir_layouts
        *layouts; /* the engine's own: made at first use, freed by weir_plan_unref; NULL at first */
} weir_plan;

const weir_plan *weir_plan_ref(const weir_plan *plan);
void weir_plan_unref(const weir_plan *plan); /* NULL is fine */

/* Whether the cell looks at that column of its view: argument, filter or `by`. */
bool weir_plan_cell_asks(const weir_plan_cell *cell, uint32_t column);

/* By name; WEIR_NONE when there is none. */
uint32_t weir_plan_find_stream(const weir_plan *plan, const char *name);
uint32_t weir_plan_find_group(const weir_plan *plan, const char *name);
uint32_t weir_plan_find_vector(const weir_plan *plan, const char *name);
uint32_t weir_plan_find_score(const weir_plan *plan, const char *name);
