/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro_program.h - what the compiler of decoders makes and the decoder runs.
 *
 * A program reads one Avro value from front to back. There is an instruction for every leaf that is
 * wanted (it writes a slot) or not (it steps over it, checking as much); records leave no trace.
 * Unions jump. Arrays, maps and geo run a program of their own for each item, so the depth of
 * recursion is that of the schema. Adjacent skips could be merged; it has not paid.
 */
#pragma once

#include "schemas/avro_internal.h"

typedef enum avro_op {
    AVRO_END,
    /* Leaves: slots[slot] = value. If null_branch >= 0, a union's index comes first. */
    AVRO_BOOL,
    AVRO_INT,           /* 32 bits, times `unit`, as an integer of `kind` */
    AVRO_LONG,          /* likewise, 64 bits                              */
    AVRO_WHOLE_TO_REAL, /* int or long, promoted to a real; arg: AVRO_BY_FLOAT, AVRO_FROM_INT */
    AVRO_FLOAT,
    AVRO_DOUBLE,
    AVRO_STRING,
    AVRO_BYTES,
    AVRO_FIXED,         /* arg: size */
    AVRO_DECIMAL,       /* arg: precision, unit: 10^precision, or 0 where that is too large */
    AVRO_DECIMAL_FIXED, /* arg: size, unit: precision */
    AVRO_ENUM,          /* arg: the writer's count of symbols; table: reader's index, or -1 */
    AVRO_LIST,          /* sub: one item into slot 0 */
    AVRO_MAP,           /* sub: one value into slot 0 */
    AVRO_VEC,           /* sub: one float64 into slot 0; arg: components */
    AVRO_VEC_FLOAT,     /* array of float as it stands; arg: components */
    AVRO_GEO,           /* sub: latitude and longitude into slots 0 and 1 */
    /* The same without a slot. */
    AVRO_SKIP_BOOL,
    AVRO_SKIP_INT,
    AVRO_SKIP_LONG,
    AVRO_SKIP_FIXED, /* arg: bytes; float and double too */
    AVRO_SKIP_STRING,
    AVRO_SKIP_BYTES,
    AVRO_SKIP_ENUM, /* arg: count of symbols */
    AVRO_SKIP_LIST, /* sub */
    AVRO_SKIP_MAP,  /* sub */
    /* Control. */
    AVRO_UNION, /* arg: branches; targets: where each goes on */
    AVRO_JUMP,  /* arg: target */
    AVRO_PUT_NULL,
    AVRO_PUT_CONST, /* constant */
    AVRO_FAIL,      /* problem: what the reader can not take */
    AVRO_MARK,      /* remember this place... */
    AVRO_REWIND,    /* ...and return to it: the same bytes are wanted twice */
} avro_op;

enum { AVRO_BY_FLOAT = 1, AVRO_FROM_INT = 2 };

typedef struct avro_program avro_program;

typedef struct avro_instruction {
    uint8_t op;         /* avro_op                                                     */
    uint8_t kind;       /* weir_kind of the result, where the op leaves it open        */
    bool optional;      /* a bad number becomes null                                   */
    int8_t null_branch; /* of a union of two: the index that means null; -1: no union  */
    uint32_t slot;
    uint32_t arg;
    union {
        int64_t unit;
        const int32_t *table;
        uint32_t *targets;
        const avro_program *sub;
        const weir_value *constant;
        const char *problem;
    } as;
} avro_instruction;
_Static_assert(sizeof(avro_instruction) == 24, "three words an instruction");

struct avro_program {
    avro_instruction *instructions;
    const char **paths; /* beside each instruction: the field that it reads, or NULL */
    uint32_t count, capacity;
};

struct weir_decoder {
    avro_program program;
    size_t slot_count;
};

/* Runs a program over the front of `bytes`; *used_out is how many it read. */
weir_decode_result weir_avro_run(const avro_program *program, weir_bytes bytes, weir_arena *scratch,
                                 weir_value *slots, size_t *used_out);
