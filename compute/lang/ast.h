/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ast.h - a definition as it was written.
 *
 * The tree keeps the order, the spelling and the places of the text: the formatter prints it back,
 * the checker reads it. Names are interned, so they compare by pointer. Lists are arrays with a
 * count. A part that did not parse is NULL (an expression) or left out (an item); the parser has
 * said why.
 *
 * Owns: everything lives in the compilation's arena.
 */
#pragma once

#include "compute/lang/lexer.h"

typedef struct weir_ast_name {
    const char *name; /* interned; NULL: did not parse */
    weir_span span;
} weir_ast_name;

typedef struct weir_ast_names {
    uint32_t count;
    weir_ast_name *items;
} weir_ast_names;

typedef struct weir_ast_expr weir_ast_expr;

typedef struct weir_ast_duration {
    int64_t us;
    weir_span span; /* as written; empty: absent */
} weir_ast_duration;

typedef struct weir_ast_window {
    weir_span span;
    weir_window_kind kind;
    weir_ast_duration width;
    int64_t count; /* LAST, SERIES; -1: too large */
    const weir_ast_expr *since;
    char unit;        /* CALENDAR: 'h' 'd' 'w' 'm' */
    const char *zone; /* CALENDAR */
} weir_ast_window;

typedef enum weir_ast_kind {
    WEIR_AST_NUMBER, /* digits in the text at span, is_percent */
    WEIR_AST_STRING,
    WEIR_AST_DURATION,
    WEIR_AST_TIME,
    WEIR_AST_BOOL,
    WEIR_AST_NULL,
    WEIR_AST_NAME,
    WEIR_AST_THIS,
    WEIR_AST_CALL,    /* name(args) */
    WEIR_AST_FIELD,   /* args[0].name */
    WEIR_AST_ELEMENT, /* args[0].3 */
    WEIR_AST_INDEX,   /* args[0][window] */
    WEIR_AST_UNARY,   /* name is "-", "not", "has" */
    WEIR_AST_BINARY,
    WEIR_AST_IF,
    WEIR_AST_BRACKETS,
    WEIR_AST_RECORD, /* {lat: 1.0, lon: 2.0}: values of tests only; names of the args in parameters
                      */
    WEIR_AST_LIST,   /* [1, 2]: values of tests only */
} weir_ast_kind;

struct weir_ast_expr {
    uint8_t kind;
    bool is_percent; /* NUMBER */
    bool is_approx;  /* CALL */
    uint16_t depth;
    weir_span span;
    weir_span name_span;
    const char *name; /* NAME, CALL, FIELD; the operator; STRING: its text */
    uint32_t size;    /* STRING: bytes */
    uint32_t arg_count;
    const weir_ast_expr **args;
    const char **parameters; /* CALL: per argument its name, or NULL */
    int64_t integer;         /* DURATION, TIME: us; BOOL; ELEMENT */
    const weir_ast_window *window;
};

typedef struct weir_ast_feature {
    bool is_let;
    weir_span span, name_span;
    const char *name, *doc;
    const weir_ast_expr *expr;
    const weir_ast_expr *where;
    weir_span clause_span; /* of the first clause; empty: none */
    const weir_ast_expr *by;
    int64_t by_limit; /* -1: none */
    weir_span by_span;
    uint32_t window_count;
    weir_ast_window *windows;
    bool has_over; /* written, whether or not the windows parsed */
    weir_ast_duration delayed, step;
    bool including_this;
    weir_span including_span;
    bool is_broken; /* something in it did not parse: it is known by name only */
} weir_ast_feature;

typedef enum weir_ast_source_kind { WEIR_AST_AVRO = 1, WEIR_AST_JSON } weir_ast_source_kind;

typedef struct weir_ast_stream { /* and tables */
    bool is_table;
    weir_ast_name source; /* kafka, file */
    const char *topic;
    weir_ast_name format; /* avro, json, or no name */
    const char *schema;
    weir_span schema_span;
    weir_ast_names key;
    weir_ast_duration refresh;
    bool has_block;
    bool has_mistakes; /* a clause did not parse: what is missing may be that one */
    weir_span block_span;
    weir_ast_name time, id;
    weir_span observed_span;
    uint32_t entity_count;
    weir_ast_names *entities;
    weir_ast_duration late, future;
    uint32_t expect_count;
    const weir_ast_expr **expects;
} weir_ast_stream;

typedef struct weir_ast_group {
    weir_ast_names per, streams;
    const weir_ast_expr *where;
    uint32_t feature_count;
    weir_ast_feature *features; /* lets too, in order */
} weir_ast_group;

typedef enum weir_ast_item_kind {
    WEIR_ITEM_NAMED, /* name = expr      */
    WEIR_ITEM_LET,   /* let name = expr  */
    WEIR_ITEM_STAR,  /* group.*          */
    WEIR_ITEM_SET,   /* group.{a, b}     */
    WEIR_ITEM_PATH,  /* this.a, group.feature[1h] */
} weir_ast_item_kind;

typedef struct weir_ast_item {
    weir_ast_item_kind kind;
    weir_span span;
    weir_ast_name name; /* NAMED, LET: the name; STAR, SET: the group */
    weir_ast_names set;
    const weir_ast_expr *expr;
    const char *doc;
} weir_ast_item;

typedef struct weir_ast_vector {
    weir_ast_name stream;
    weir_ast_name candidates; /* or no name */
    int64_t candidates_max;
    uint32_t item_count;
    weir_ast_item *items;
} weir_ast_vector;

typedef struct weir_ast_decision {
    weir_ast_name name;
    const weir_ast_expr *when; /* NULL: else */
    bool is_else;
} weir_ast_decision;

typedef struct weir_ast_score {
    weir_ast_name stream;
    const char *model;
    weir_span model_span;
    weir_ast_name input;
    weir_ast_name to;
    const char *topic, *schema, *output;
    weir_span output_span;
    int64_t reasons, top; /* -1: none */
    weir_span top_span, reasons_span;
    bool has_decide;
    weir_span decide_span;
    uint32_t decision_count;
    weir_ast_decision *decisions;
    const weir_ast_expr *fallback;
    uint8_t clause_order[8]; /* as written, first letters: i t o r p d f */
    uint32_t clause_count;
} weir_ast_score;

typedef struct weir_ast_label {
    weir_ast_names path; /* vector, name */
    weir_ast_name aggregate, stream;
    const weir_ast_expr *where;
    weir_ast_duration within;
} weir_ast_label;

typedef enum weir_ast_step_kind {
    WEIR_STEP_GIVEN,
    WEIR_STEP_AT,
    WEIR_STEP_EXPECT
} weir_ast_step_kind;

typedef struct weir_ast_step {
    weir_ast_step_kind kind;
    weir_span span;
    weir_ast_name stream;         /* GIVEN, AT */
    uint32_t field_count;         /* GIVEN, AT */
    const weir_ast_expr **paths;  /* the fields' names, as NAME and FIELD nodes */
    const weir_ast_expr **values; /* per field */
    const weir_ast_expr *path;    /* EXPECT: NAME . FIELD [INDEX] */
    const weir_ast_expr *value;
} weir_ast_step;

typedef struct weir_ast_test {
    const char *title;
    uint32_t step_count;
    weir_ast_step *steps;
} weir_ast_test;

typedef enum weir_ast_decl_kind {
    WEIR_DECL_ENUM,
    WEIR_DECL_STREAM,
    WEIR_DECL_FEATURES,
    WEIR_DECL_VECTOR,
    WEIR_DECL_SCORE,
    WEIR_DECL_LABEL,
    WEIR_DECL_TEST,
    WEIR_DECL_UNKNOWN,
} weir_ast_decl_kind;

typedef struct weir_ast_decl {
    weir_ast_decl_kind kind;
    bool is_broken; /* did not parse: known by name only, so that its users are not blamed */
    weir_span span;
    weir_ast_name name; /* label, test: none */
    const char *doc;
    union {
        weir_ast_names symbols; /* enum */
        weir_ast_stream stream;
        weir_ast_group group;
        weir_ast_vector vector;
        weir_ast_score score;
        weir_ast_label label;
        weir_ast_test test;
    } as;
} weir_ast_decl;

typedef struct weir_ast_unit {
    uint32_t source;
    const char *package; /* "card" or "shop.card"; NULL: did not parse */
    weir_span package_span;
    uint32_t decl_count;
    weir_ast_decl *decls;
    weir_lexed lexed;
} weir_ast_unit;
