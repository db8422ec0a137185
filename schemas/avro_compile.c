/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From two schemas and a list of wanted paths to a program (avro_program.h). The data decide the
 * order, so the compiler walks the writer's tree and carries the reader's beside it; what is not
 * wanted becomes skips, what was not written becomes constants. weir_avro_resolve has said before
 * that the two fit.
 */
#include <string.h>

#include "ops/runtime/assert.h"
#include "schemas/avro_program.h"
#include "schemas/avro_resolve.h"
#include "schemas/decimal.h"

/* Where wanted values go: slot i takes the field at paths[i] as types[i]. */
typedef struct wanted_fields {
    const char *const *paths;
    const weir_type *types;
    size_t count;
} wanted_fields;

typedef struct compiler {
    wanted_fields wanted;
    avro_program *program;
    weir_arena *into;
    weir_error *error; /* the first one: a default that does not decode */
} compiler;

/* One value to be read: how the writer has it, how the reader sees it, where it goes. */
typedef struct reading {
    const weir_schema_node *writer, *reader; /* reader: without its null */
    bool nullable;                           /* the reader takes null    */
    weir_type type;
    uint32_t slot;
    const char *path;
} reading;

static void emit_skip(compiler *c, const weir_schema_node *writer, const char *path);
static void emit_value(compiler *c, const reading *r);
static void emit_record(compiler *c, const weir_schema_node *writer, const weir_schema_node *reader,
                        const char *prefix);

/* -- Instructions -- */

static uint32_t emit(compiler *c, avro_instruction instruction, const char *path)
{
    avro_program *p = c->program;
    if (p->count == p->capacity) {
        uint32_t capacity = p->capacity == 0 ? 16 : 2 * p->capacity;
        avro_instruction *grown = weir_arena_array(c->into, avro_instruction, capacity);
        const char **paths = weir_arena_array(c->into, const char *, capacity);
        if (p->count > 0) {
            memcpy(grown, p->instructions, p->count * sizeof *grown);
            memcpy(paths, p->paths, p->count * sizeof *paths);
        }
        *p = (avro_program){grown, paths, p->count, capacity};
    }
    p->instructions[p->count] = instruction;
    p->paths[p->count] = path;
    return p->count++;
}

static avro_instruction operation(avro_op op)
{
    return (avro_instruction){.op = (uint8_t)op, .null_branch = -1};
}

static void emit_end(compiler *c) { (void)emit(c, operation(AVRO_END), NULL); }

static void emit_fail(compiler *c, const char *problem, const char *path)
{
    avro_instruction fail = operation(AVRO_FAIL);
    fail.as.problem = problem;
    (void)emit(c, fail, path);
}

static const char no_null[] = "null stands where the schema allows none";
static const char no_branch[] = "a union holds a type that the schema does not take";

/* A program of its own for items, compiled with targets of its own. */
static compiler inner_compiler(compiler *c, avro_program **program_out)
{
    *program_out = weir_arena_new(c->into, avro_program);
    return (compiler){.program = *program_out, .into = c->into};
}

/* Begins a union: returns its jump table, which the branches fill; end_union closes it. */
static uint32_t *begin_union(compiler *c, const weir_schema_node *writer, const char *path)
{
    avro_instruction choose = operation(AVRO_UNION);
    choose.arg = (uint32_t)writer->count;
    choose.as.targets = weir_arena_array(c->into, uint32_t, writer->count);
    (void)emit(c, choose, path);
    return choose.as.targets;
}

static void end_branch(compiler *c, uint32_t *jumps, size_t branch)
{
    jumps[branch] = emit(c, operation(AVRO_JUMP), NULL);
}

static void end_union(compiler *c, const uint32_t *jumps, size_t count)
{
    for (size_t i = 0; i < count; i++)
        c->program->instructions[jumps[i]].arg = c->program->count;
}

/* -- Skipping -- */

static avro_op skip_op(weir_avro_kind kind)
{
    switch (kind) {
    case WEIR_AVRO_BOOLEAN: return AVRO_SKIP_BOOL;
    case WEIR_AVRO_INT: return AVRO_SKIP_INT;
    case WEIR_AVRO_LONG: return AVRO_SKIP_LONG;
    case WEIR_AVRO_FLOAT:
    case WEIR_AVRO_DOUBLE:
    case WEIR_AVRO_FIXED: return AVRO_SKIP_FIXED;
    case WEIR_AVRO_BYTES: return AVRO_SKIP_BYTES;
    case WEIR_AVRO_STRING: return AVRO_SKIP_STRING;
    case WEIR_AVRO_ENUM: return AVRO_SKIP_ENUM;
    case WEIR_AVRO_ARRAY: return AVRO_SKIP_LIST;
    case WEIR_AVRO_MAP: return AVRO_SKIP_MAP;
    default: WEIR_UNREACHABLE();
    }
}

static uint32_t skip_arg(const weir_schema_node *writer)
{
    switch (writer->kind) {
    case WEIR_AVRO_FLOAT: return 4;
    case WEIR_AVRO_DOUBLE: return 8;
    case WEIR_AVRO_FIXED: return writer->size;
    case WEIR_AVRO_ENUM: return (uint32_t)writer->count;
    default: return 0;
    }
}

static void emit_skip_leaf(compiler *c, const weir_schema_node *writer, int null_branch,
                           const char *path)
{
    avro_instruction skip = operation(skip_op(writer->kind));
    skip.null_branch = (int8_t)null_branch;
    skip.arg = skip_arg(writer);
    if (writer->item != NULL) {
        avro_program *program;
        compiler inner = inner_compiler(c, &program);
        emit_skip(&inner, writer->item, NULL);
        emit_end(&inner);
        skip.as.sub = program;
    }
    (void)emit(c, skip, path);
}

static bool is_leaf(const weir_schema_node *node)
{
    return node->kind != WEIR_AVRO_NULL && node->kind != WEIR_AVRO_RECORD &&
           node->kind != WEIR_AVRO_UNION;
}

/* The index of null in a union of two, -1 where it is no such union. */
static int null_branch_of(const weir_schema_node *writer)
{
    if (writer->kind != WEIR_AVRO_UNION || writer->count != 2) return -1;
    if (writer->branches[0]->kind == WEIR_AVRO_NULL) return 0;
    return writer->branches[1]->kind == WEIR_AVRO_NULL ? 1 : -1;
}

static void emit_skip_union(compiler *c, const weir_schema_node *writer, const char *path)
{
    int null_branch = null_branch_of(writer);
    if (null_branch >= 0 && is_leaf(writer->branches[1 - null_branch])) {
        emit_skip_leaf(c, writer->branches[1 - null_branch], null_branch, path);
        return;
    }
    uint32_t *targets = begin_union(c, writer, path);
    uint32_t *jumps = weir_arena_array(c->into, uint32_t, writer->count);
    for (size_t i = 0; i < writer->count; i++) {
        targets[i] = c->program->count;
        emit_skip(c, writer->branches[i], path);
        end_branch(c, jumps, i);
    }
    end_union(c, jumps, writer->count);
}

static void emit_skip(compiler *c, const weir_schema_node *writer, const char *path)
{
    switch (writer->kind) {
    case WEIR_AVRO_NULL: break;
    case WEIR_AVRO_RECORD:
        for (size_t i = 0; i < writer->count; i++)
            emit_skip(c, writer->members[i].node, path == NULL ? writer->members[i].name : path);
        break;
    case WEIR_AVRO_UNION: emit_skip_union(c, writer, path); break;
    default: emit_skip_leaf(c, writer, -1, path); break;
    }
}

/* -- Wanted values that are no record -- */

static void emit_whole(const reading *r, avro_instruction *at)
{
    bool to_real = r->reader->kind == WEIR_AVRO_FLOAT || r->reader->kind == WEIR_AVRO_DOUBLE;
    if (to_real) {
        at->op = AVRO_WHOLE_TO_REAL;
        at->arg = (r->reader->kind == WEIR_AVRO_FLOAT ? AVRO_BY_FLOAT : 0) |
                  (r->writer->kind == WEIR_AVRO_INT ? AVRO_FROM_INT : 0);
    } else {
        at->op = r->writer->kind == WEIR_AVRO_INT ? AVRO_INT : AVRO_LONG;
        at->as.unit = weir_avro_unit(r->writer, r->reader);
    }
}

static void emit_blob(const reading *r, avro_instruction *at)
{
    bool is_fixed = r->writer->kind == WEIR_AVRO_FIXED;
    if (r->type.kind == WEIR_DECIMAL) {
        unsigned precision = r->type.precision;
        at->op = is_fixed ? AVRO_DECIMAL_FIXED : AVRO_DECIMAL;
        at->arg = is_fixed ? r->writer->size : precision;
        at->as.unit = is_fixed          ? precision
                      : precision <= 18 ? (int64_t)weir_decimal_pow10(precision)
                                        : 0;
    } else {
        at->op = is_fixed ? AVRO_FIXED : r->type.kind == WEIR_STRING ? AVRO_STRING : AVRO_BYTES;
        at->arg = r->writer->size;
    }
}

static void emit_enum(compiler *c, const reading *r, avro_instruction *at)
{
    int32_t *table = weir_arena_array(c->into, int32_t, r->writer->count);
    weir_avro_symbol_table(r->writer, r->reader, table);
    at->op = AVRO_ENUM;
    at->arg = (uint32_t)r->writer->count;
    at->as.table = table;
}

static const avro_program *item_program(compiler *c, const reading *r, weir_type type)
{
    avro_program *program;
    compiler inner = inner_compiler(c, &program);
    reading item = {.writer = r->writer->item, .type = type, .path = r->path};
    item.reader = weir_avro_strip_null(r->reader->item, &item.nullable);
    emit_value(&inner, &item);
    emit_end(&inner);
    if (inner.error != NULL && c->error == NULL) c->error = inner.error;
    return program;
}

static void emit_items(compiler *c, const reading *r, avro_instruction *at)
{
    bool plain =
        r->writer->item->kind == WEIR_AVRO_FLOAT && r->reader->item->kind == WEIR_AVRO_FLOAT;
    if (r->type.kind == WEIR_VEC) {
        at->op = plain ? AVRO_VEC_FLOAT : AVRO_VEC;
        at->arg = r->type.length;
        if (!plain) at->as.sub = item_program(c, r, weir_type_of(WEIR_FLOAT64));
    } else {
        at->op = r->writer->kind == WEIR_AVRO_MAP ? AVRO_MAP : AVRO_LIST;
        at->as.sub = item_program(c, r, *r->type.item);
    }
}

static void emit_geo(compiler *c, const reading *r, avro_instruction *at)
{
    static const char *const paths[2] = {"lat", "lon"};
    static const weir_type types[2] = {{.kind = WEIR_FLOAT64}, {.kind = WEIR_FLOAT64}};
    avro_program *program;
    compiler inner = inner_compiler(c, &program);
    inner.wanted = (wanted_fields){paths, types, 2};
    emit_record(&inner, r->writer, r->reader, "");
    emit_end(&inner);
    if (inner.error != NULL && c->error == NULL) c->error = inner.error;
    at->op = AVRO_GEO;
    at->as.sub = program;
}

/* The writer's type is neither null nor a union here. */
static void emit_plain(compiler *c, const reading *r, int null_branch)
{
    avro_instruction at = operation(AVRO_END);
    at.null_branch = (int8_t)null_branch;
    at.kind = r->type.kind;
    at.optional = r->type.optional;
    at.slot = r->slot;
    switch (r->writer->kind) {
    case WEIR_AVRO_BOOLEAN: at.op = AVRO_BOOL; break;
    case WEIR_AVRO_INT:
    case WEIR_AVRO_LONG: emit_whole(r, &at); break;
    case WEIR_AVRO_FLOAT: at.op = AVRO_FLOAT; break;
    case WEIR_AVRO_DOUBLE: at.op = AVRO_DOUBLE; break;
    case WEIR_AVRO_BYTES:
    case WEIR_AVRO_STRING:
    case WEIR_AVRO_FIXED: emit_blob(r, &at); break;
    case WEIR_AVRO_ENUM: emit_enum(c, r, &at); break;
    case WEIR_AVRO_ARRAY:
    case WEIR_AVRO_MAP: emit_items(c, r, &at); break;
    case WEIR_AVRO_RECORD: emit_geo(c, r, &at); break;
    default: WEIR_UNREACHABLE();
    }
    (void)emit(c, at, r->path);
}

static void emit_null(compiler *c, const reading *r)
{
    if (!r->nullable) {
        emit_fail(c, no_null, r->path);
        return;
    }
    avro_instruction put = operation(AVRO_PUT_NULL);
    put.slot = r->slot;
    (void)emit(c, put, r->path);
}

static void emit_branch(compiler *c, const reading *r, const weir_schema_node *branch)
{
    reading below = *r;
    below.writer = branch;
    if (branch->kind == WEIR_AVRO_NULL) {
        emit_null(c, r);
    } else if (weir_avro_resolves(branch, r->reader)) {
        emit_plain(c, &below, -1);
    } else {
        emit_fail(c, no_branch, r->path);
    }
}

static void emit_value_union(compiler *c, const reading *r)
{
    int null_branch = null_branch_of(r->writer);
    if (null_branch >= 0 && r->nullable &&
        weir_avro_resolves(r->writer->branches[1 - null_branch], r->reader)) {
        reading below = *r;
        below.writer = r->writer->branches[1 - null_branch];
        emit_plain(c, &below, null_branch);
        return;
    }
    uint32_t *targets = begin_union(c, r->writer, r->path);
    uint32_t *jumps = weir_arena_array(c->into, uint32_t, r->writer->count);
    for (size_t i = 0; i < r->writer->count; i++) {
        targets[i] = c->program->count;
        emit_branch(c, r, r->writer->branches[i]);
        end_branch(c, jumps, i);
    }
    end_union(c, jumps, r->writer->count);
}

static void emit_value(compiler *c, const reading *r)
{
    switch (r->writer->kind) {
    case WEIR_AVRO_UNION: emit_value_union(c, r); break;
    case WEIR_AVRO_NULL: emit_null(c, r); break;
    default: emit_plain(c, r, -1); break;
    }
}

/* -- Records -- */

typedef enum wanting { WANTED_NOT, WANTED_HERE, WANTED_BELOW } wanting;

static wanting wanting_of(const char *wanted, const char *path)
{
    size_t length = strlen(path);
    if (strncmp(wanted, path, length) != 0) return WANTED_NOT;
    return wanted[length] == '\0' ? WANTED_HERE : wanted[length] == '.' ? WANTED_BELOW : WANTED_NOT;
}

static wanting how_wanted(const compiler *c, const char *path)
{
    for (size_t i = 0; i < c->wanted.count; i++) {
        wanting w = wanting_of(c->wanted.paths[i], path);
        if (w != WANTED_NOT) return w;
    }
    return WANTED_NOT;
}

/* The same field may be wanted by several slots: its bytes are then read again. */
static void emit_leaf_slots(compiler *c, const weir_schema_node *writer,
                            const weir_schema_node *reader, const char *path)
{
    reading r = {.writer = writer, .path = path};
    r.reader = weir_avro_strip_null(reader, &r.nullable);
    size_t done = 0, total = 0;
    for (size_t i = 0; i < c->wanted.count; i++)
        total += wanting_of(c->wanted.paths[i], path) == WANTED_HERE;
    for (size_t i = 0; i < c->wanted.count; i++) {
        if (wanting_of(c->wanted.paths[i], path) != WANTED_HERE) continue;
        if (total > 1) (void)emit(c, operation(done == 0 ? AVRO_MARK : AVRO_REWIND), path);
        r.type = c->wanted.types[i];
        r.slot = (uint32_t)i;
        emit_value(c, &r);
        done++;
    }
}

static void emit_nulls_below(compiler *c, const char *path)
{
    for (size_t i = 0; i < c->wanted.count; i++) {
        if (wanting_of(c->wanted.paths[i], path) != WANTED_BELOW) continue;
        avro_instruction put = operation(AVRO_PUT_NULL);
        put.slot = (uint32_t)i;
        (void)emit(c, put, path);
    }
}

/* Fields below `path` are wanted, so the reader has a record there, perhaps one that may be null.
 */
static void emit_record_branch(compiler *c, const weir_schema_node *writer,
                               const weir_schema_node *reader, const char *path)
{
    bool nullable = false;
    const weir_schema_node *record = weir_avro_strip_null(reader, &nullable);
    if (writer->kind == WEIR_AVRO_NULL) {
        if (nullable) {
            emit_nulls_below(c, path);
        } else {
            emit_fail(c, no_null, path);
        }
    } else if (weir_avro_resolves(writer, record)) {
        emit_record(c, writer, record, path);
    } else {
        emit_fail(c, no_branch, path);
    }
}

static void emit_record_union(compiler *c, const weir_schema_node *writer,
                              const weir_schema_node *reader, const char *path)
{
    uint32_t *targets = begin_union(c, writer, path);
    uint32_t *jumps = weir_arena_array(c->into, uint32_t, writer->count);
    for (size_t i = 0; i < writer->count; i++) {
        targets[i] = c->program->count;
        emit_record_branch(c, writer->branches[i], reader, path);
        end_branch(c, jumps, i);
    }
    end_union(c, jumps, writer->count);
}

static void emit_member(compiler *c, const weir_schema_node *writer, const weir_schema_node *reader,
                        const char *path)
{
    switch (how_wanted(c, path)) {
    case WANTED_NOT: emit_skip(c, writer, path); break;
    case WANTED_HERE: emit_leaf_slots(c, writer, reader, path); break;
    case WANTED_BELOW:
        if (writer->kind == WEIR_AVRO_UNION) {
            emit_record_union(c, writer, reader, path);
        } else {
            emit_record_branch(c, writer, reader, path);
        }
        break;
    }
}

/* Decodes a member's default; slots that it does not reach keep the mark of a kind that no value
 * has. */
enum { KIND_UNTOUCHED = 0xff };

static weir_value *decode_default(compiler *c, const weir_schema_member *member, const char *path)
{
    avro_program *program;
    compiler inner = inner_compiler(c, &program);
    inner.wanted = c->wanted;
    emit_member(&inner, member->node, member->node, path);
    emit_end(&inner);
    weir_value *slots = weir_arena_array(c->into, weir_value, c->wanted.count);
    for (size_t i = 0; i < c->wanted.count; i++)
        slots[i].kind = KIND_UNTOUCHED;
    size_t used = 0;
    weir_decode_result result =
        weir_avro_run(program, member->default_bytes, c->into, slots, &used);
    if (result.reason != WEIR_DECODE_OK && inner.error == NULL)
        inner.error = weir_error_new(WEIR_E_SCHEMA, "the default of %s: %s", path, result.problem);
    if (inner.error == NULL) return slots;
    if (c->error == NULL) c->error = inner.error;
    return NULL;
}

static void emit_default(compiler *c, const weir_schema_member *member, const char *path)
{
    if (how_wanted(c, path) == WANTED_NOT) return;
    WEIR_ASSERT(member->has_default);
    const weir_value *slots = decode_default(c, member, path);
    for (size_t i = 0; slots != NULL && i < c->wanted.count; i++) {
        if (slots[i].kind == KIND_UNTOUCHED) continue;
        avro_instruction put = operation(AVRO_PUT_CONST);
        put.slot = (uint32_t)i;
        put.as.constant = &slots[i];
        (void)emit(c, put, path);
    }
}

static const char *join(compiler *c, const char *prefix, const char *name)
{
    return *prefix == '\0' ? name : weir_arena_printf(c->into, "%s.%s", prefix, name);
}

static void emit_record(compiler *c, const weir_schema_node *writer, const weir_schema_node *reader,
                        const char *prefix)
{
    bool *is_written = weir_arena_array(c->into, bool, reader->count);
    for (size_t i = 0; i < writer->count; i++) {
        size_t member = weir_avro_member_for(reader, writer, i);
        if (member == SIZE_MAX || is_written[member]) {
            emit_skip(c, writer->members[i].node, join(c, prefix, writer->members[i].name));
            continue;
        }
        is_written[member] = true;
        emit_member(c, writer->members[i].node, reader->members[member].node,
                    join(c, prefix, reader->members[member].name));
    }
    for (size_t i = 0; i < reader->count; i++) {
        if (!is_written[i])
            emit_default(c, &reader->members[i], join(c, prefix, reader->members[i].name));
    }
}

/* -- The whole -- */

static weir_error *type_error(const char *path, weir_type have, weir_type want)
{
    weir_arena scratch = {0};
    weir_error *error = weir_error_new(
        WEIR_E_SCHEMA,
        "field %s is %s in the schema, wanted as %s; declare it so in one of the two", path,
        weir_type_print(have, &scratch), weir_type_print(want, &scratch));
    weir_arena_deinit(&scratch);
    return error;
}

/* What a field may be wanted as: its own type, a vec for a list of numbers, `T?` for T. */
static bool is_fitting(weir_type have, weir_type want)
{
    if (have.optional && !want.optional) return false;
    bool is_list_of_real =
        have.kind == WEIR_LIST && have.item->kind == WEIR_FLOAT64 && !have.item->optional;
    if (want.kind == WEIR_VEC && is_list_of_real) return want.length <= WEIR_AVRO_ITEMS_MAX;
    if (have.kind == WEIR_DECIMAL && want.kind == WEIR_DECIMAL)
        return have.scale == want.scale && have.precision <= want.precision;
    have.optional = want.optional;
    return weir_type_equal(have, want);
}

static weir_error *choose_types(const weir_schema *reader, const char *const *wanted,
                                const weir_type *as_types, size_t count, weir_type *types_out)
{
    for (size_t i = 0; i < count; i++) {
        const weir_schema_field *field = weir_schema_find(reader, wanted[i]);
        if (field == NULL)
            return weir_error_new(
                WEIR_E_SCHEMA,
                "%s has no field %s that can be named (unions of several types can not)",
                reader->full_name, wanted[i]);
        types_out[i] = as_types == NULL ? field->type : as_types[i];
        if (!is_fitting(field->type, types_out[i]))
            return type_error(wanted[i], field->type, types_out[i]);
    }
    return NULL;
}

weir_error *weir_decoder_compile(const weir_schema *writer, const weir_schema *reader,
                                 const char *const *wanted, const weir_type *as_types,
                                 size_t slot_count, weir_arena *into,
                                 const weir_decoder **decoder_out)
{
    weir_error *error = weir_avro_resolve(writer->root, reader->root, "");
    if (error != NULL)
        return weir_error_while(error, "reading %s as %s", writer->full_name, reader->full_name);
    weir_type *types = weir_arena_array(into, weir_type, slot_count);
    WEIR_TRY(choose_types(reader, wanted, as_types, slot_count, types));
    weir_decoder *decoder = weir_arena_new(into, weir_decoder);
    decoder->slot_count = slot_count;
    compiler c = {
        .wanted = {wanted, types, slot_count}, .program = &decoder->program, .into = into};
    emit_record(&c, writer->root, reader->root, "");
    emit_end(&c);
    WEIR_TRY(c.error);
    *decoder_out = decoder;
    return NULL;
}

weir_error *weir_avro_default_value(const weir_schema_member *member, const char *path,
                                    weir_type type, weir_arena *into, weir_value *value_out)
{
    compiler c = {.wanted = {&path, &type, 1}, .into = into};
    weir_value *slots = decode_default(&c, member, member->name);
    if (slots == NULL) return c.error;
    WEIR_ASSERT(slots[0].kind != KIND_UNTOUCHED);
    *value_out = slots[0];
    return NULL;
}
