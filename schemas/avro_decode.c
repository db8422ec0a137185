/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/utf8.h"
#include "schemas/avro_program.h"
#include "schemas/decimal.h"

/* What one message needs while it is read. */
typedef struct run {
    const uint8_t *next, *end, *mark;
    weir_arena *scratch;
    uint32_t items_left; /* of all arrays and maps of the message */
    uint32_t nulled;     /* bad numbers that became null          */
    bool bad_number;     /* one stands where nothing is optional  */
    const char *problem;
    const avro_program *outermost;
    const avro_instruction *failed; /* of the outermost program   */
} run;

static bool run_program(run *r, const avro_program *program, weir_value *slots);

static bool fail(run *r, const char *problem)
{
    r->problem = problem;
    return false;
}

static size_t left(const run *r) { return (size_t)(r->end - r->next); }

/*
 * -- Primitive values --
 *
 * read_x() take the place to read at and return the place behind, so that the interpreter's own
 * place stays in a register; NULL where the bytes do not fit, with r->next at the byte where that
 * was seen. take_x() are the same at r->next.
 */

static const uint8_t *refuse_at(run *r, const uint8_t *at, const char *problem)
{
    r->next = at;
    r->problem = problem;
    return NULL;
}

static const uint8_t *read_varint_slow(run *r, const uint8_t *at, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (at == r->end) return refuse_at(r, at, "the message ends within a number");
        uint8_t byte = *at++;
        if (shift == 63 && byte > 1) break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return at;
        }
    }
    return refuse_at(r, at, "a number is longer than 64 bits");
}

static inline const uint8_t *read_varint(run *r, const uint8_t *at, uint64_t *out)
{
    if (__builtin_expect(at < r->end && *at < 0x80, 1)) {
        *out = *at;
        return at + 1;
    }
    const uint8_t *behind = r->end - at < 8 ? NULL : weir_varint_get8(at, out);
    return __builtin_expect(behind != NULL, 1) ? behind : read_varint_slow(r, at, out);
}

static inline const uint8_t *read_long(run *r, const uint8_t *at, int64_t *out)
{
    uint64_t raw = 0;
    at = read_varint(r, at, &raw);
    *out = weir_unzigzag(raw);
    return at;
}

static inline const uint8_t *read_int(run *r, const uint8_t *at, int64_t *out)
{
    at = read_long(r, at, out);
    if (__builtin_expect(at == NULL || *out == (int32_t)*out, 1)) return at;
    return refuse_at(r, at, "an int has more than 32 bits");
}

static inline const uint8_t *read_bytes(run *r, const uint8_t *at, size_t size)
{
    if (__builtin_expect((size_t)(r->end - at) >= size, 1)) return at + size;
    return refuse_at(r, at, "the message ends too early");
}

static inline const uint8_t *read_blob(run *r, const uint8_t *at, weir_bytes *out)
{
    int64_t size = 0;
    at = read_long(r, at, &size);
    if (__builtin_expect(at == NULL, 0)) return NULL;
    if (__builtin_expect((uint64_t)size > WEIR_AVRO_STRING_MAX, 0))
        return refuse_at(r, at,
                         size < 0 ? "a negative length" : "a string or bytes longer than 64 KiB");
    *out = (weir_bytes){at, (size_t)size};
    return read_bytes(r, at, (size_t)size);
}

static inline const uint8_t *read_text(run *r, const uint8_t *at, weir_bytes *out)
{
    at = read_blob(r, at, out);
    if (__builtin_expect(at == NULL || weir_utf8_is_valid(out->data, out->size), 1)) return at;
    return refuse_at(r, at, "a string is not valid UTF-8");
}

static inline const uint8_t *read_index(run *r, const uint8_t *at, uint32_t count,
                                        const char *problem, uint32_t *out)
{
    int64_t index = 0;
    at = read_long(r, at, &index);
    *out = (uint32_t)index;
    if (__builtin_expect(at == NULL || (uint64_t)index < count, 1)) return at;
    return refuse_at(r, at, problem);
}

static bool move_to(run *r, const uint8_t *at)
{
    if (at == NULL) return false;
    r->next = at;
    return true;
}

static bool take_long(run *r, int64_t *out) { return move_to(r, read_long(r, r->next, out)); }
static bool take_int(run *r, int64_t *out) { return move_to(r, read_int(r, r->next, out)); }
static bool take_blob(run *r, weir_bytes *out) { return move_to(r, read_blob(r, r->next, out)); }
static bool take_text(run *r, weir_bytes *out) { return move_to(r, read_text(r, r->next, out)); }

static bool take_bytes(run *r, size_t size, const uint8_t **out)
{
    *out = r->next;
    return move_to(r, read_bytes(r, r->next, size));
}

static bool take_bool(run *r, bool *out)
{
    const uint8_t *byte;
    if (!take_bytes(r, 1, &byte)) return false;
    *out = *byte == 1;
    return *byte <= 1 || fail(r, "a boolean is neither 0 nor 1");
}

/* -- Bad numbers (R10): null where the field is optional, else the message is refused -- */

static void bad_number(run *r, const avro_instruction *at, weir_value *out, const char *problem)
{
    *out = weir_null();
    if (at->optional) {
        r->nulled++;
    } else if (!r->bad_number) {
        r->bad_number = true;
        r->problem = problem;
    }
}

/* After the items of a list, map or geo: what was bad inside is the field's affair. */
static bool settle(run *r, const avro_instruction *at, bool was_bad, weir_value *out)
{
    if (was_bad || !r->bad_number) return true;
    r->bad_number = false;
    const char *problem = r->problem;
    r->problem = NULL;
    bad_number(r, at, out, problem);
    return true;
}

/* Field by field: a whole value would be put together elsewhere and copied. */
static inline void put_head(weir_value *out, uint8_t kind, size_t size)
{
    out->kind = kind;
    out->size = (uint32_t)size;
}

static inline void put_integer(run *r, const avro_instruction *at, int64_t raw, weir_value *out)
{
    put_head(out, at->kind, 0);
    if (__builtin_expect(__builtin_mul_overflow(raw, at->as.unit, &out->as.integer), 0))
        bad_number(r, at, out, "a time beyond the range of 64-bit microseconds");
}

static inline void put_real(run *r, const avro_instruction *at, double value, weir_value *out)
{
    *out = weir_float(value);
    if (__builtin_expect(weir_is_null(out), 0)) bad_number(r, at, out, "NaN or an infinity");
}

/* Big-endian two's complement of any length; what is more than 16 bytes must be sign alone. */
static bool decode_decimal(weir_bytes bytes, unsigned precision, weir_int128 *out)
{
    if (bytes.size == 0) return false;
    uint8_t sign = bytes.data[0] & 0x80 ? 0xff : 0;
    while (bytes.size > 16) {
        if (*bytes.data != sign || (bytes.data[1] & 0x80) != (sign & 0x80)) return false;
        bytes = (weir_bytes){bytes.data + 1, bytes.size - 1};
    }
    weir_uint128 value = sign ? ~(weir_uint128)0 : 0;
    for (size_t i = 0; i < bytes.size; i++)
        value = value << 8 | bytes.data[i];
    *out = (weir_int128)value;
    return weir_decimal_fits(*out, precision);
}

/* The same for at most eight bytes, which is nearly all: in one word. */
static inline int64_t decode_small_decimal(const run *r, weir_bytes bytes)
{
    uint64_t word = 0;
    WEIR_DEBUG_ASSERT(bytes.size > 0 && bytes.size <= 8);
    unsigned unused = 64 - 8 * (unsigned)bytes.size;
    if ((size_t)(r->end - bytes.data) >= 8) {
        memcpy(&word, bytes.data, 8);
        return (int64_t)__builtin_bswap64(word) >> unused;
    }
    for (size_t i = 0; i < bytes.size; i++)
        word = word << 8 | bytes.data[i];
    return (int64_t)(word << unused) >> unused;
}

static void put_large_decimal(run *r, const avro_instruction *at, weir_bytes bytes, weir_value *out)
{
    weir_int128 unscaled = 0;
    if (decode_decimal(bytes, at->arg, &unscaled))
        *out = weir_decimal(unscaled);
    else
        bad_number(r, at, out, "a decimal with more digits than its precision, or without bytes");
}

/* The precision is `arg`, and 10^precision is `unit` where that is an int64. */
static inline void put_decimal(run *r, const avro_instruction *at, weir_bytes bytes,
                               weir_value *out)
{
    if (__builtin_expect(bytes.size - 1 < 8 && at->as.unit != 0, 1)) {
        int64_t small = decode_small_decimal(r, bytes);
        if (__builtin_expect(small < at->as.unit && small > -at->as.unit, 1)) {
            put_head(out, WEIR_DECIMAL, 0);
            out->as.decimal = small;
            return;
        }
    }
    put_large_decimal(r, at, bytes, out);
}

static bool put_fixed_decimal(run *r, const avro_instruction *at, weir_value *out)
{
    weir_bytes bytes = {.size = at->arg};
    avro_instruction decimal = *at;
    decimal.arg = (uint32_t)at->as.unit;
    decimal.as.unit = 0;
    if (!take_bytes(r, bytes.size, &bytes.data)) return false;
    put_decimal(r, &decimal, bytes, out);
    return true;
}

/* -- Arrays and maps -- */

/*
 * The count of the next block, 0 at the end. Items of no bytes (nulls) are why items are counted as
 * well as bytes: five bytes could announce fifty million.
 */
static bool take_block(run *r, uint32_t have, uint32_t *count_out)
{
    int64_t count = 0, bytes = 0;
    if (!take_long(r, &count)) return false;
    if (count < 0) {
        if (!take_long(r, &bytes)) return false;
        if (bytes < 0 || (uint64_t)bytes > left(r))
            return fail(r, "a block is longer than the message");
        if (count < -WEIR_AVRO_ITEMS_MAX)
            return fail(r, "an array or map has more than 10,000 items");
        count = -count;
    }
    if (count > WEIR_AVRO_ITEMS_MAX - (int64_t)have)
        return fail(r, "an array or map has more than 10,000 items");
    if (count > r->items_left) return fail(r, "the message has more than 100,000 items");
    r->items_left -= (uint32_t)count;
    *count_out = (uint32_t)count;
    return true;
}

/* Room for a block's items behind those that are there; doubles, since a block may be one item. */
static weir_value *reserve_items(run *r, weir_value *items, size_t have, size_t want,
                                 size_t *capacity)
{
    if (want <= *capacity) return items;
    *capacity = want < 2 * *capacity ? 2 * *capacity : want;
    weir_value *grown = weir_arena_alloc(r->scratch, *capacity * sizeof *grown);
    if (have > 0) memcpy(grown, items, have * sizeof *grown);
    return grown;
}

static bool take_pair(run *r, const avro_instruction *at, weir_value *to)
{
    weir_bytes key;
    if (at->op == AVRO_MAP) {
        if (!take_text(r, &key)) return false;
        *to++ = weir_string(key.data, key.size);
    }
    return run_program(r, at->as.sub, to);
}

static bool take_items(run *r, const avro_instruction *at, weir_value *out)
{
    size_t stride = at->op == AVRO_MAP ? 2 : 1;
    bool was_bad = r->bad_number;
    weir_value *items = NULL;
    size_t capacity = 0;
    uint32_t have = 0, more = 0;
    for (;;) {
        if (!take_block(r, have, &more)) return false;
        if (more == 0) break;
        items = reserve_items(r, items, have * stride, (have + more) * stride, &capacity);
        for (uint32_t i = 0; i < more; i++) {
            if (!take_pair(r, at, &items[(have + i) * stride])) return false;
        }
        have += more;
    }
    *out = (weir_value){
        .kind = at->op == AVRO_MAP ? WEIR_MAP : WEIR_LIST, .size = have, .as.items = items};
    return settle(r, at, was_bad, out);
}

static bool take_component(run *r, const avro_instruction *at, float *out)
{
    if (at->op == AVRO_VEC_FLOAT) {
        const uint8_t *bytes;
        if (!take_bytes(r, 4, &bytes)) return false;
        memcpy(out, bytes, 4);
    } else {
        weir_value item = weir_null();
        if (!run_program(r, at->as.sub, &item)) return false;
        *out = weir_is_null(&item)
                   ? 0
                   : (float)item.as.float64; /* null: a bad number, counted already */
    }
    *out += 0.0f;
    if (isfinite(*out)) return true;
    static const avro_instruction inside = {.optional = false};
    weir_value ignored;
    bad_number(r, &inside, &ignored, "NaN or an infinity in a vec");
    return true;
}

static bool take_vec(run *r, const avro_instruction *at, weir_value *out)
{
    bool was_bad = r->bad_number;
    float *vec = weir_arena_alloc(r->scratch, at->arg * sizeof *vec);
    uint32_t have = 0, more = 0;
    for (;;) {
        if (!take_block(r, have, &more)) return false;
        if (more == 0) break;
        if (more > at->arg - have)
            return fail(r, "an array has more items than the vec has components");
        for (uint32_t i = 0; i < more; i++) {
            if (!take_component(r, at, &vec[have + i])) return false;
        }
        have += more;
    }
    if (have != at->arg) return fail(r, "an array has fewer items than the vec has components");
    *out = (weir_value){.kind = WEIR_VEC, .size = have, .as.vec = vec};
    return settle(r, at, was_bad, out);
}

static bool take_geo(run *r, const avro_instruction *at, weir_value *out)
{
    bool was_bad = r->bad_number;
    weir_value parts[2] = {weir_null(), weir_null()};
    if (!run_program(r, at->as.sub, parts)) return false;
    *out = (weir_value){.kind = WEIR_GEO, .as.geo = {parts[0].as.float64, parts[1].as.float64}};
    return settle(r, at, was_bad, out);
}

static bool skip_items(run *r, const avro_instruction *at)
{
    uint32_t have = 0, more = 0;
    for (;;) {
        if (!take_block(r, have, &more)) return false;
        if (more == 0) return true;
        for (uint32_t i = 0; i < more; i++) {
            weir_bytes key;
            if (at->op == AVRO_SKIP_MAP && !take_text(r, &key)) return false;
            if (!run_program(r, at->as.sub, NULL)) return false;
        }
        have += more;
    }
}

/* -- The interpreter -- */

static const char enum_range[] = "an enum's index is out of range";
static const char union_range[] = "a union's index is out of range";

static const uint8_t *read_enum(run *r, const uint8_t *at, const avro_instruction *how,
                                weir_value *out)
{
    uint32_t index = 0;
    at = read_index(r, at, how->arg, enum_range, &index);
    if (at == NULL) return NULL;
    put_head(out, WEIR_ENUM, 0);
    out->as.integer = how->as.table[index];
    if (__builtin_expect(out->as.integer >= 0, 1)) return at;
    return refuse_at(r, at,
                     "an enum's symbol is not known to the reader, whose enum has no default");
}

/* Everything that is rarer than numbers and strings. */
static bool take_other(run *r, const avro_instruction *at, weir_value *out)
{
    weir_bytes bytes;
    bool flag = false;
    int64_t whole = 0;
    float single = 0;
    switch ((avro_op)at->op) {
    case AVRO_BOOL:
        if (!take_bool(r, &flag)) return false;
        *out = weir_bool(flag);
        return true;
    case AVRO_WHOLE_TO_REAL:
        if (!(at->arg & AVRO_FROM_INT ? take_int(r, &whole) : take_long(r, &whole))) return false;
        put_real(r, at, at->arg & AVRO_BY_FLOAT ? (double)(float)whole : (double)whole, out);
        return true;
    case AVRO_BYTES:
        if (!take_blob(r, &bytes)) return false;
        *out =
            (weir_value){.kind = WEIR_BYTES, .size = (uint32_t)bytes.size, .as.bytes = bytes.data};
        return true;
    case AVRO_FIXED:
        *out = (weir_value){.kind = WEIR_BYTES, .size = at->arg};
        return take_bytes(r, at->arg, &out->as.bytes);
    case AVRO_DECIMAL_FIXED: return put_fixed_decimal(r, at, out);
    case AVRO_FLOAT:
        if (!take_bytes(r, 4, &bytes.data)) return false;
        memcpy(&single, bytes.data, 4);
        put_real(r, at, (double)single, out);
        return true;
    case AVRO_LIST:
    case AVRO_MAP: return take_items(r, at, out);
    case AVRO_VEC:
    case AVRO_VEC_FLOAT: return take_vec(r, at, out);
    case AVRO_GEO: return take_geo(r, at, out);
    default: WEIR_UNREACHABLE();
    }
}

static bool skip(run *r, const avro_instruction *at)
{
    const uint8_t *ignored;
    weir_bytes bytes;
    bool flag;
    int64_t whole;
    uint32_t index;
    switch ((avro_op)at->op) {
    case AVRO_SKIP_BOOL: return take_bool(r, &flag);
    case AVRO_SKIP_INT: return take_int(r, &whole);
    case AVRO_SKIP_LONG: return take_long(r, &whole);
    case AVRO_SKIP_FIXED: return take_bytes(r, at->arg, &ignored);
    case AVRO_SKIP_STRING: return take_text(r, &bytes);
    case AVRO_SKIP_BYTES: return take_blob(r, &bytes);
    case AVRO_SKIP_ENUM: return move_to(r, read_index(r, r->next, at->arg, enum_range, &index));
    case AVRO_SKIP_LIST:
    case AVRO_SKIP_MAP: return skip_items(r, at);
    default: WEIR_UNREACHABLE();
    }
}

/*
 * Long because it is the loop: what is common stands here, so that it costs no call. A case that
 * can meet a bad number ends with `break`, the others go on at once.
 */
static bool run_program(run *r, const avro_program *program, weir_value *slots)
{
    const avro_instruction *at = program->instructions;
    const uint8_t *next = r->next;
    int64_t whole = 0;
    double real = 0;
    weir_bytes bytes;
    uint32_t index = 0;
    for (;; at++) {
        if (at->null_branch >= 0) {
            if ((next = read_index(r, next, 2, union_range, &index)) == NULL) goto failed;
            if ((int)index == at->null_branch) {
                if (at->op < AVRO_SKIP_BOOL) slots[at->slot] = weir_null();
                continue;
            }
        }
        switch ((avro_op)at->op) {
        case AVRO_END: r->next = next; return true;
        case AVRO_INT:
            if ((next = read_int(r, next, &whole)) == NULL) goto failed;
            put_integer(r, at, whole, &slots[at->slot]);
            break;
        case AVRO_LONG:
            if ((next = read_long(r, next, &whole)) == NULL) goto failed;
            put_integer(r, at, whole, &slots[at->slot]);
            break;
        case AVRO_DOUBLE:
            bytes.data = next;
            if ((next = read_bytes(r, next, 8)) == NULL) goto failed;
            memcpy(&real, bytes.data, 8);
            put_real(r, at, real, &slots[at->slot]);
            break;
        case AVRO_STRING:
            if ((next = read_text(r, next, &bytes)) == NULL) goto failed;
            put_head(&slots[at->slot], WEIR_STRING, bytes.size);
            slots[at->slot].as.bytes = bytes.data;
            continue;
        case AVRO_DECIMAL:
            if ((next = read_blob(r, next, &bytes)) == NULL) goto failed;
            put_decimal(r, at, bytes, &slots[at->slot]);
            break;
        case AVRO_ENUM:
            if ((next = read_enum(r, next, at, &slots[at->slot])) == NULL) goto failed;
            continue;
        case AVRO_SKIP_LONG:
            if ((next = read_long(r, next, &whole)) == NULL) goto failed;
            continue;
        case AVRO_SKIP_STRING:
            if ((next = read_text(r, next, &bytes)) == NULL) goto failed;
            continue;
        case AVRO_UNION:
            if ((next = read_index(r, next, at->arg, union_range, &index)) == NULL) goto failed;
            at = program->instructions + at->as.targets[index] - 1;
            continue;
        case AVRO_JUMP: at = program->instructions + at->arg - 1; continue;
        case AVRO_PUT_NULL: slots[at->slot] = weir_null(); continue;
        case AVRO_PUT_CONST: slots[at->slot] = *at->as.constant; continue;
        case AVRO_FAIL: (void)refuse_at(r, next, at->as.problem); goto failed;
        case AVRO_MARK: r->mark = next; continue;
        case AVRO_REWIND: next = r->mark; continue;
        default:
            r->next = next;
            if (!(at->op < AVRO_SKIP_BOOL ? take_other(r, at, &slots[at->slot]) : skip(r, at)))
                goto failed;
            next = r->next;
            break;
        }
        if (__builtin_expect(r->bad_number, 0) && program == r->outermost && r->failed == NULL)
            r->failed = at;
    }
failed:
    r->failed = at;
    r->bad_number = false;
    return false;
}

weir_decode_result weir_avro_run(const avro_program *program, weir_bytes bytes, weir_arena *scratch,
                                 weir_value *slots, size_t *used_out)
{
    static const uint8_t nothing[1];
    if (bytes.size == 0) bytes.data = nothing;
    run r = {.next = bytes.data,
             .end = bytes.data + bytes.size,
             .scratch = scratch,
             .items_left = WEIR_AVRO_MESSAGE_ITEMS_MAX,
             .outermost = program};
    weir_decode_result result = {0};
    bool ok = run_program(&r, program, slots);
    *used_out = (size_t)(r.next - bytes.data);
    result.offset = *used_out;
    result.nulled_numbers = r.nulled;
    if (ok && !r.bad_number) return result;
    result.reason = ok ? WEIR_DECODE_BAD_NUMBER : WEIR_DECODE_BAD_AVRO;
    result.problem = r.problem;
    result.path = program->paths[r.failed - program->instructions];
    return result;
}

weir_decode_result weir_decoder_decode_front(const weir_decoder *decoder, weir_bytes bytes,
                                             weir_arena *scratch, weir_value *slots,
                                             size_t *used_out)
{
    if (bytes.size > WEIR_AVRO_MESSAGE_MAX) bytes.size = WEIR_AVRO_MESSAGE_MAX;
    return weir_avro_run(&decoder->program, bytes, scratch, slots, used_out);
}

static weir_decode_result refuse(const char *problem, size_t offset)
{
    return (weir_decode_result){
        .reason = WEIR_DECODE_BAD_AVRO, .problem = problem, .offset = offset};
}

weir_decode_result weir_decoder_decode(const weir_decoder *decoder, weir_bytes body,
                                       weir_arena *scratch, weir_value *slots)
{
    if (body.size > WEIR_AVRO_MESSAGE_MAX) return refuse("the message is larger than 1 MiB", 0);
    size_t used = 0;
    weir_decode_result result = weir_avro_run(&decoder->program, body, scratch, slots, &used);
    if (result.reason != WEIR_DECODE_BAD_AVRO && used != body.size)
        return refuse("bytes follow behind the record", used);
    return result;
}

/* -- Confluent's frame -- */

bool weir_frame_read(weir_bytes message, int32_t *schema_id_out, weir_bytes *body_out)
{
    if (message.size < WEIR_FRAME_BYTES || message.data[0] != 0) return false;
    uint32_t id;
    memcpy(&id, message.data + 1, sizeof id);
    *schema_id_out = (int32_t)__builtin_bswap32(id);
    *body_out = (weir_bytes){message.data + WEIR_FRAME_BYTES, message.size - WEIR_FRAME_BYTES};
    return true;
}

void weir_frame_write(weir_buffer *out, int32_t schema_id)
{
    uint8_t *frame = weir_buffer_reserve(out, WEIR_FRAME_BYTES);
    uint32_t big_endian = __builtin_bswap32((uint32_t)schema_id);
    frame[0] = 0;
    memcpy(frame + 1, &big_endian, 4);
    out->size += WEIR_FRAME_BYTES;
}
