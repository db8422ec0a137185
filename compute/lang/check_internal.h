/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_internal.h - what the checker knows while it turns trees into a plan.
 *
 * Way of working: declarations are collected first, then streams, groups and features are resolved
 * on demand (order is free, a circle is found by marks). A feature's member is *instantiated* once
 * for each stream whose events are its `this` (once at all if it does not use `this`): that gives a
 * bound read expression over cells. An aggregate asks for columns (row expressions, one per source
 * stream), a view that has them, and a cell; each is interned by its digest, so that what is
 * structurally equal exists once. Indexes in the leaves are provisional and are renumbered at the
 * end (plan_build.c).
 *
 * A NULL expression means "reported already": whoever meets one hands it up in silence.
 *
 * Owns: infos live in `scratch`; expressions in `into`, the plan's arena.
 */
#pragma once

#include "compute/lang/ast.h"
#include "compute/lang/digest.h"
#include "ops/runtime/digest.h"

typedef struct weir_checker weir_checker;
typedef struct weir_member_info weir_member_info;
typedef struct weir_group_info weir_group_info;
typedef struct weir_vector_info weir_vector_info;

enum {
    WEIR_LAST_COUNT_MAX = 100000,
    WEIR_EXPR_SIZE_MAX = 10000,
    WEIR_CHECK_STEPS_MAX = 40000,
    WEIR_CHECK_NESTING_MAX = 250,
    WEIR_GROUP_STREAMS_MAX = 16,
};
#define WEIR_DURATION_MAX_US (INT64_C(36500) * 86400000000)

/* A growing array of pointers in the scratch arena. */
typedef struct weir_pointers {
    uint32_t count, capacity;
    void **items;
} weir_pointers;

typedef struct weir_entity_info {
    const char *name; /* interned: "card" or "card,merchant" */
    uint32_t index, key_count;
    const char *const *key_names;
    weir_type key_types[WEIR_PLAN_KEY_FIELDS_MAX];
    bool typed;
} weir_entity_info;

/* A value that events of a stream carry. */
typedef struct weir_carried_info {
    weir_member_info *member;
    const weir_expr *expr; /* instantiated for the stream */
    uint32_t hop;          /* in declared order */
    weir_span at;          /* where it was first asked for */
    uint32_t final_index;
} weir_carried_info;

typedef struct weir_stream_info {
    const weir_ast_decl *decl;
    const char *name;
    uint32_t index;
    bool is_table, is_broken;
    const weir_schema *schema;
    weir_pointers slots; /* const char * paths, interned */
    weir_pointers slot_types;
    uint32_t time_slot, id_slot;
    int64_t late_us, future_us;
    uint32_t hop_count; /* entities, as declared */
    weir_entity_info *entities[WEIR_PLAN_HOPS_MAX];
    uint32_t key_slots[WEIR_PLAN_HOPS_MAX][WEIR_PLAN_KEY_FIELDS_MAX];
    /* must[a][b]: hop a is visited before hop b, because of that carried value */
    const weir_carried_info *must[WEIR_PLAN_HOPS_MAX][WEIR_PLAN_HOPS_MAX];
    uint32_t hop_order[WEIR_PLAN_HOPS_MAX]; /* planned place -> declared hop */
    uint32_t hop_place[WEIR_PLAN_HOPS_MAX]; /* declared hop -> planned place */
    weir_pointers carried;
    uint32_t expect_count;
    const weir_expr **expects;
    const char **expect_texts;
    uint8_t digest[WEIR_DIGEST_BYTES];
} weir_stream_info;

/* A member bound to one `this`. */
typedef struct weir_instance {
    const weir_stream_info *self; /* NULL: it does not use `this` */
    const weir_expr *expr;        /* NULL: failed */
    bool is_visiting;
} weir_instance;

typedef struct weir_feature_info {
    const weir_ast_feature *ast;
    weir_group_info *group;
    bool is_scanned, is_scanning;
    bool has_aggregate;       /* a call of one stands in its own text */
    weir_pointers this_paths; /* interned, of everything it is made of */
    uint32_t member_count;    /* 1, or one per window of a family */
    weir_member_info **members;
} weir_feature_info;

struct weir_member_info {
    weir_feature_info *feature;
    const weir_ast_window *window; /* NULL: the feature has no aggregate */
    const char *suffix, *column;
    weir_pointers instances;
    weir_stream_info *home; /* the stream that the default instance is bound to, or NULL */
    uint32_t index;         /* in the plan */
    bool has_digest;
    uint8_t digest[WEIR_DIGEST_BYTES];
};

struct weir_group_info {
    const weir_ast_decl *decl;
    const char *name;
    bool is_broken, is_resolved, is_resolving;
    weir_entity_info *entity;
    uint32_t stream_count;
    weir_stream_info *streams[WEIR_GROUP_STREAMS_MAX];
    uint32_t hops[WEIR_GROUP_STREAMS_MAX]; /* declared hop of the entity in each stream */
    const weir_expr *own_wheres[WEIR_GROUP_STREAMS_MAX]; /* as written                        */
    const weir_expr *wheres[WEIR_GROUP_STREAMS_MAX]; /* of what is kept: it or its overflow (R12) */
    uint8_t digest[WEIR_DIGEST_BYTES];               /* of entity, streams and where */
    weir_pointers features; /* weir_feature_info, in order, lets left out */
};

/* A row expression, one per source stream of the groups with that digest. */
typedef struct weir_column_info {
    weir_type type;
    uint32_t id;
    const weir_expr *exprs[WEIR_GROUP_STREAMS_MAX];
    uint8_t digest[WEIR_DIGEST_BYTES];
} weir_column_info;

typedef struct weir_view_info {
    weir_group_info *group; /* the first that asked for it */
    uint32_t key_count;
    weir_column_info *keys[WEIR_PLAN_KEY_FIELDS_MAX];
    weir_pointers columns; /* weir_column_info */
    weir_pointers cells;
    weir_pointers bindings; /* weir_view_binding */
    uint8_t identity[WEIR_DIGEST_BYTES];
    uint8_t digest[WEIR_DIGEST_BYTES];
    uint32_t final_index;
} weir_view_info;

/* How `this` of a stream gives a composite view's key. */
typedef struct weir_view_binding {
    const weir_stream_info *self;
    const weir_expr *exprs[WEIR_PLAN_KEY_FIELDS_MAX];
} weir_view_binding;

typedef struct weir_cell_info {
    weir_view_info *view;
    weir_agg_binding binding;
    weir_column_info *args[WEIR_AGG_ARGS_MAX];
    weir_column_info *filter;
    const weir_expr *read_filter;
    weir_plan_window window;
    bool including_this;
    uint32_t id, final_index;
    uint8_t digest[WEIR_DIGEST_BYTES];
} weir_cell_info;

typedef struct weir_vector_column {
    const char *name;
    weir_span span;
    const weir_expr *expr;
    const weir_member_info *member;
} weir_vector_column;

struct weir_vector_info {
    const weir_ast_decl *decl;
    weir_stream_info *stream;
    weir_pointers columns;
    bool is_broken;
    uint32_t index;
    uint8_t digest[WEIR_DIGEST_BYTES];
};

typedef struct weir_score_info {
    const weir_ast_decl *decl;
    weir_vector_info *vector;
    const weir_expr **whens;
    const weir_expr *fallback;
    bool is_broken;
} weir_score_info;

typedef enum weir_symbol_kind {
    WEIR_SYMBOL_ENUM,
    WEIR_SYMBOL_STREAM,
    WEIR_SYMBOL_GROUP,
    WEIR_SYMBOL_VECTOR,
    WEIR_SYMBOL_SCORE,
    WEIR_SYMBOL_BROKEN,
} weir_symbol_kind;

typedef struct weir_symbol {
    weir_symbol_kind kind;
    const weir_ast_decl *decl;
    union {
        weir_stream_info *stream;
        weir_group_info *group;
        weir_vector_info *vector;
        const weir_enum_type *enumeration;
    } as;
} weir_symbol;

struct weir_checker {
    weir_arena *into, *scratch;
    weir_diagnostics *diagnostics;
    weir_intern *intern;
    const weir_lang_host *host;
    const weir_ast_unit *units;
    size_t unit_count;
    bool for_tests;    /* what tests expect is carried, too */
    weir_map symbols;  /* (NULL, name) -> weir_symbol */
    weir_map members;  /* (group, name) -> weir_feature_info; (group's decl, name) -> let
                          (weir_ast_feature); (vector's decl, name) -> weir_ast_item; (enum's
                          decl, name) -> it has that value */
    weir_map slots;    /* (stream, path) -> slot + 1 */
    weir_map interned; /* (kind, digest) -> column, cell */
    weir_map digests;  /* (NULL, expr) -> digest */
    weir_map sizes;    /* (NULL, expr) -> weir_expr_size */
    weir_pointers streams, tables, entities, groups, vectors, scores, columns, views, cells,
        all_members, enums;
    uint32_t steps, nesting;
    weir_pointers open; /* lets and columns being looked through, to find circles */
    weir_pointers way;  /* const char * names of them and of the features around them */
};

/* Where an expression stands: decides what names mean and which leaves may appear. */
typedef enum weir_phase {
    WEIR_PHASE_EVENT,  /* `expect`: fields of one stream's event                          */
    WEIR_PHASE_ROW,    /* a past event: fields, lets, nested features, streams as arguments */
    WEIR_PHASE_FILTER, /* a past event against `this`: columns and THIS                    */
    WEIR_PHASE_READ,   /* a feature, outside of aggregates                                 */
    WEIR_PHASE_VECTOR, /* columns, decisions, fallbacks                                    */
    WEIR_PHASE_TEST,   /* constants                                                        */
} weir_phase;

typedef struct weir_scope {
    weir_phase phase;
    weir_group_info *group;          /* ROW, FILTER, READ */
    const weir_stream_info *source;  /* ROW, EVENT: the stream whose fields are read */
    uint32_t source_index;           /* ROW: its place in the group */
    weir_stream_info *self;          /* what `this` is; NULL: not known here */
    const weir_ast_feature *feature; /* READ: for its clauses */
    const weir_ast_window *window;   /* READ: of its aggregates */
    weir_vector_info *vector;        /* VECTOR: its lets and columns may be named */
    bool in_aggregate;               /* inside an aggregate's argument (R12) */
    bool allow_score;
    bool no_this_here; /* `this` is an error, not merely unknown */
} weir_scope;

/* ---- check_names.c ---- */
void weir_pointers_push(weir_checker *c, weir_pointers *list, void *item);
const char *weir_intern_text(weir_checker *c, const char *text);
/* "a.b" of nested FIELD nodes over a NAME or THIS; NULL if it is none. *root_out: the first node.
 */
const char *weir_path_of(weir_checker *c, const weir_ast_expr *node,
                         const weir_ast_expr **root_out);
const weir_schema_field *weir_stream_field(const weir_stream_info *stream, const char *path);
/* Says that the stream's schema has the path, but nothing that can be named there. False: it has
 * not. */
bool weir_report_unnamable(weir_checker *c, const weir_stream_info *stream, const char *path,
                           weir_span at);
uint32_t weir_stream_slot(weir_checker *c, weir_stream_info *stream, const char *path);
weir_symbol *weir_symbol_find(weir_checker *c, const char *name);
/* Or reports, and gives the one whose name is nearest; NULL if none is near. */
weir_stream_info *weir_stream_named(weir_checker *c, weir_ast_name name);
const weir_ast_feature *weir_let_find(weir_checker *c, const weir_group_info *group,
                                      const char *name);
weir_feature_info *weir_feature_find(weir_checker *c, const weir_group_info *group,
                                     const char *name);
/* Which of ROW and THIS the text reads, lets looked through. */
enum { WEIR_USES_ROW = 1, WEIR_USES_THIS = 2 };
unsigned weir_ast_uses(weir_checker *c, const weir_group_info *group, const weir_ast_expr *node);
/* True if the group's events have a field of that path, in any stream. */
bool weir_group_has_field(const weir_group_info *group, const char *path);
bool weir_is_aggregate_call(const weir_ast_expr *node);
bool weir_language_has_aggregate(const char *name); /* of the whole language, run or not */
bool weir_language_has_function(const char *name);
const char *weir_suggest_name(weir_checker *c, const weir_scope *scope, const char *name);
/* The member that a path and an optional window mean. Reports; NULL. */
weir_member_info *weir_member_of(weir_checker *c, weir_feature_info *feature,
                                 const weir_ast_expr *at, const weir_ast_window *window);
bool weir_window_equal(const weir_ast_window *a, const weir_ast_window *b);
weir_feature_info *weir_group_feature(weir_checker *c, weir_group_info *group, const char *name,
                                      weir_span at);

/* ---- check_expr.c ---- */
/* Types and binds. `hint` (or NULL) is the type wanted, for enum values and times. NULL: reported.
 */
const weir_expr *weir_check_expr(weir_checker *c, const weir_scope *scope,
                                 const weir_ast_expr *node, const weir_type *hint);
/* The same for a condition. */
const weir_expr *weir_check_condition(weir_checker *c, const weir_scope *scope,
                                      const weir_ast_expr *node);
const weir_expr *weir_bind(weir_checker *c, const weir_scope *scope, weir_span at, const char *name,
                           const weir_expr *const *args, size_t count);
bool weir_expr_is_small(weir_checker *c, const weir_expr *expr); /* within size and depth */

/* Says that there is no such function or aggregate, or that it is not supported yet. NULL. */
const weir_expr *weir_report_function(weir_checker *c, const weir_ast_expr *node);

/* ---- check_leaf.c ---- */
/* A literal, a name or a path. NULL: reported. */
const weir_expr *weir_check_leaf(weir_checker *c, const weir_scope *scope,
                                 const weir_ast_expr *node, const weir_type *hint);
/* Whether it means nothing by itself here, but may be an enum value or a time, if the other side of
 * an operator is. */
bool weir_leaf_waits(weir_checker *c, const weir_scope *scope, const weir_ast_expr *node);
/* A number as written, as a constant. NULL: reported. */
const weir_expr *weir_number_const(weir_checker *c, const weir_ast_expr *node, bool negative);
/* Says that `name` is defined through itself, and through what: it stands on c->way. */
void weir_report_circle(weir_checker *c, const char *name, weir_span at);
/* A let or column that is wrong wherever it is used: said once. */
void weir_mark_bad(weir_checker *c, const void *let);
bool weir_is_bad(const weir_checker *c, const void *let);

/* ---- check_stream.c ---- */
void weir_check_stream_schema(weir_checker *c, weir_stream_info *stream);
void weir_check_stream(weir_checker *c, weir_stream_info *stream);
uint32_t weir_stream_hop(const weir_stream_info *stream,
                         const weir_entity_info *entity); /* or WEIR_NONE */
weir_entity_info *weir_entity_of(weir_checker *c, const weir_ast_names *names, bool create);

/* ---- check_features.c ---- */
void weir_group_collect(weir_checker *c, weir_group_info *group); /* names and members */
void weir_group_resolve(weir_checker *c, weir_group_info *group); /* streams, entity, where */
void weir_group_check(weir_checker *c, weir_group_info *group);   /* all members */
const weir_expr *weir_member_instance(weir_checker *c, weir_member_info *member,
                                      weir_stream_info *self, weir_span at);
void weir_feature_scan(weir_checker *c, weir_feature_info *feature);
/* The member's value as carried by events of `stream`: a CARRIED leaf. NULL: reported. */
const weir_expr *weir_member_carried(weir_checker *c, weir_member_info *member,
                                     weir_stream_info *stream, weir_span at);

/* ---- check_aggregate.c ---- */
const weir_expr *weir_check_aggregate(weir_checker *c, const weir_scope *scope,
                                      const weir_ast_expr *call);
/* A row expression for every source of the group, as a column. NULL: reported. */
weir_column_info *weir_check_column(weir_checker *c, const weir_scope *scope,
                                    const weir_ast_expr *node, bool in_aggregate);

/* ---- check_vector.c ---- */
void weir_check_vector(weir_checker *c, weir_vector_info *vector);
void weir_check_score(weir_checker *c, weir_score_info *score);
void weir_check_label(weir_checker *c, const weir_ast_decl *decl);

/* ---- check_test.c ---- */
void weir_check_test(weir_checker *c, const weir_ast_decl *decl);
/* After the plan is built for tests: the tests of all units, with their values in slots. */
void weir_build_tests(weir_checker *c, weir_plan *plan);

/* ---- compile.c ---- */
const char *weir_keep_text(weir_checker *c,
                           const char *text); /* in the plan's arena; NULL stays NULL */

/* ---- plan_build.c ---- */
bool weir_order_hops(weir_checker *c);
weir_plan *weir_build_plan(weir_checker *c);
