/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows_codec.c - rows by column: varint count; then, unless it is 0, times and columns.
 *
 * Times: u8 unit (index into 1 us, 1 ms, 1 s, 1 min, 1 h: the greatest that divides all), zigzag
 * varint of the first, varints of the differences, in units.
 *
 * Column: u8 header, bit 7: nulls; then, if so, a bitmap of the rows (1: null); then the values
 * that are there, by the layout of the type, with the mode in the header's low bits:
 *
 *   bool     bitmap
 *   int32, int64 (mode = number form): 0 zigzag varints; 1 zigzag varint of the least, u8 width,
 * differences to it in `width` bits each, low bits first; 2 nothing: each equals its row's time
 *   int128   varints of the zigzag form, up to 19 bytes
 *   float64  0 raw; 1 u8 digits, u8 number form, numbers: value = number / 10^digits as a double
 *   text     varint count of different texts in order of appearance, each varint length and bytes;
 * then, unless all are different (mode 1), u8 number form and their numbers geo, vec raw
 *
 * Of two forms the shorter is taken, at equal length the one with the lower number: same rows, same
 * bytes.
 */
#include "compute/engine/rows_codec.h"

#include "ops/runtime/assert.h"
#include "ops/runtime/memory.h"
#include "ops/runtime/utf8.h"
#include "schemas/decimal.h"

enum { HAS_NULLS = 0x80, MODE_MASK = 0x0f, DIGITS_MAX = 6 };
enum { FORM_VARINT = 0, FORM_PACKED = 1, FORM_TIME = 2 };

static const int64_t units[] = {1, 1000, 1000000, 60000000, 3600000000};
enum { UNIT_COUNT = 5 };

/* Bits, low first */

static void put_bits(weir_buffer *out, const uint64_t *values, size_t count, unsigned width)
{
    size_t bytes = (count * width + 7) / 8;
    uint8_t *to = weir_buffer_reserve(out, bytes);
    memset(to, 0, bytes);
    size_t bit = 0;
    for (size_t i = 0; i < count; i++) {
        for (unsigned b = 0; b < width;) { /* a byte at a time */
            unsigned at = (unsigned)(bit & 7), room = 8 - at,
                     take = width - b < room ? width - b : room;
            to[bit >> 3] |= (uint8_t)((values[i] >> b & ((1u << take) - 1)) << at);
            b += take;
            bit += take;
        }
    }
    out->size += bytes;
}

static uint64_t get_bits(const uint8_t *from, size_t bit, unsigned width)
{
    uint64_t value = 0;
    for (unsigned b = 0; b < width;) {
        unsigned at = (unsigned)(bit & 7), room = 8 - at,
                 take = width - b < room ? width - b : room;
        value |= (uint64_t)(from[bit >> 3] >> at & ((1u << take) - 1)) << b;
        b += take;
        bit += take;
    }
    return value;
}

/* Are the bits behind `bits` up to the byte's end zero? */
static bool is_padded(const uint8_t *from, size_t bits)
{
    return bits % 8 == 0 || from[bits / 8] >> (bits % 8) == 0;
}

/* Numbers */

static size_t varint_size(uint64_t value)
{
    size_t size = 1;
    for (; value >= 0x80; value >>= 7)
        size++;
    return size;
}

/* Writes numbers in the shorter form and returns it. */
static uint8_t put_numbers(weir_buffer *out, const int64_t *values, size_t count)
{
    if (count == 0) return FORM_VARINT;
    int64_t least = values[0], most = values[0];
    size_t plain = 0;
    for (size_t i = 0; i < count; i++) {
        least = values[i] < least ? values[i] : least;
        most = values[i] > most ? values[i] : most;
        plain += varint_size(weir_zigzag(values[i]));
    }
    uint64_t range = (uint64_t)most - (uint64_t)least;
    unsigned width = range == 0 ? 0 : 64 - (unsigned)__builtin_clzll(range);
    size_t packed = varint_size(weir_zigzag(least)) + 1 + (count * width + 7) / 8;
    if (plain <= packed) {
        for (size_t i = 0; i < count; i++)
            weir_buffer_put_zigzag(out, values[i]);
        return FORM_VARINT;
    }
    weir_buffer_put_zigzag(out, least);
    weir_buffer_put_u8(out, (uint8_t)width);
    uint64_t *offsets = weir_memory_alloc(count * sizeof *offsets);
    WEIR_ASSERT(offsets != NULL);
    for (size_t i = 0; i < count; i++)
        offsets[i] = (uint64_t)values[i] - (uint64_t)least;
    put_bits(out, offsets, count, width);
    weir_memory_free(offsets);
    return FORM_PACKED;
}

static bool get_numbers(weir_reader *reader, uint8_t form, int64_t *values, size_t count)
{
    if (count == 0) return form == FORM_VARINT;
    if (form == FORM_VARINT) {
        for (size_t i = 0; i < count; i++)
            values[i] = weir_reader_zigzag(reader);
        return !reader->bad;
    }
    if (form != FORM_PACKED) return false;
    int64_t least = weir_reader_zigzag(reader);
    uint8_t width = weir_reader_u8(reader);
    if (reader->bad || width > 64) return false;
    const uint8_t *bits = weir_reader_take(reader, (count * width + 7) / 8);
    if (bits == NULL || !is_padded(bits, count * width)) return false;
    for (size_t i = 0; i < count; i++) {
        uint64_t offset = get_bits(bits, i * width, width);
        if (offset > (uint64_t)INT64_MAX - (uint64_t)least) return false;
        values[i] = (int64_t)((uint64_t)least + offset);
    }
    return true;
}

static void put_wide(weir_buffer *out, weir_int128 value)
{
    weir_uint128 zigzag = ((weir_uint128)value << 1) ^ (weir_uint128)(value >> 127);
    for (; zigzag >= 0x80; zigzag >>= 7)
        weir_buffer_put_u8(out, (uint8_t)(zigzag | 0x80));
    weir_buffer_put_u8(out, (uint8_t)zigzag);
}

static bool get_wide(weir_reader *reader, weir_int128 *value_out)
{
    weir_uint128 zigzag = 0;
    for (unsigned shift = 0; shift < 128; shift += 7) {
        uint8_t byte = weir_reader_u8(reader);
        if (reader->bad || (shift == 126 && byte > 3)) return false;
        zigzag |= (weir_uint128)(byte & 0x7f) << shift;
        if (byte >= 0x80) continue;
        *value_out = (weir_int128)(zigzag >> 1) ^ -(weir_int128)(zigzag & 1);
        return weir_decimal_fits(*value_out, WEIR_DECIMAL_PRECISION_MAX);
    }
    return false;
}

/* Times */

static void put_times(const int64_t *times, uint32_t count, weir_buffer *out)
{
    uint8_t unit = UNIT_COUNT - 1;
    for (uint32_t i = 0; i < count && unit > 0; i++) {
        while (times[i] % units[unit] != 0)
            unit--;
    }
    weir_buffer_put_u8(out, unit);
    weir_buffer_put_zigzag(out, times[0] / units[unit]);
    for (uint32_t i = 1; i < count; i++) {
        uint64_t difference = (uint64_t)times[i] - (uint64_t)times[i - 1];
        weir_buffer_put_varint(out, difference / (uint64_t)units[unit]);
    }
}

static const char *get_times(weir_reader *reader, int64_t *times, uint32_t count, bool has_before)
{
    uint8_t unit = weir_reader_u8(reader);
    int64_t time = weir_reader_zigzag(reader);
    if (reader->bad || unit >= UNIT_COUNT || __builtin_mul_overflow(time, units[unit], &time))
        return "bad times";
    if (has_before && times[-1] > time) return "times go back";
    for (uint32_t i = 0; i < count; i++) {
        uint64_t difference = i == 0 ? 0 : weir_reader_varint(reader);
        if (reader->bad || __builtin_mul_overflow(difference, (uint64_t)units[unit], &difference))
            return "bad times";
        if (difference > (uint64_t)INT64_MAX - (uint64_t)time) return "times go beyond";
        time = (int64_t)((uint64_t)time + difference);
        times[i] = time;
    }
    return NULL;
}

/* Columns */

typedef struct run { /* the rows at hand of one column */
    const weir_key_state *state;
    uint32_t column, from, count;
    uint32_t *present; /* rows that are not null, from 0 */
    uint32_t present_count;
    int64_t *numbers; /* room for count */
} run;

static weir_column column_of(const run *r) { return weir_state_column(r->state, r->column); }

static bool equals_times(const run *r, const int64_t *values)
{
    const int64_t *times = weir_state_times(r->state) + r->from;
    for (uint32_t i = 0; i < r->present_count; i++) {
        if (values[r->present[i]] != times[r->present[i]]) return false;
    }
    return r->present_count > 0;
}

static uint8_t put_int64(const run *r, const int64_t *values, weir_buffer *out)
{
    weir_kind kind = r->state->layout->columns[r->column].type.kind;
    if (kind == WEIR_TIME && equals_times(r, values)) return FORM_TIME;
    for (uint32_t i = 0; i < r->present_count; i++)
        r->numbers[i] = values[r->present[i]];
    return put_numbers(out, r->numbers, r->present_count);
}

static double power_of_ten(unsigned digits)
{
    static const double powers[] = {1.0, 10.0, 100.0, 1000.0, 10000.0, 100000.0, 1000000.0};
    return powers[digits];
}

/* number / 10^digits gives the value back, bit for bit? */
static bool as_number(double value, unsigned digits, int64_t *number_out)
{
    double scaled = value * power_of_ten(digits);
    if (!(scaled > -0x1p50 && scaled < 0x1p50)) return false;
    *number_out = (int64_t)(scaled + (scaled < 0 ? -0.5 : 0.5));
    double back = (double)*number_out / power_of_ten(digits);
    return memcmp(&back, &value, sizeof value) == 0;
}

static uint8_t put_floats(const run *r, const double *values, weir_buffer *out)
{
    unsigned digits = 0;
    for (uint32_t i = 0; i < r->present_count && digits <= DIGITS_MAX; i++) {
        while (digits <= DIGITS_MAX && !as_number(values[r->present[i]], digits, &r->numbers[i]))
            digits++;
    }
    bool fits = digits <= DIGITS_MAX && r->present_count > 0;
    for (uint32_t i = 0; i < r->present_count && fits;
         i++) { /* again, now that the digits of all are known */
        fits = as_number(values[r->present[i]], digits, &r->numbers[i]);
    }
    if (fits) {
        weir_buffer_put_u8(out, (uint8_t)digits);
        size_t form_at = out->size;
        weir_buffer_put_u8(out, 0);
        uint8_t form = put_numbers(out, r->numbers, r->present_count);
        out->data[form_at] = form;
        return 1;
    }
    for (uint32_t i = 0; i < r->present_count; i++)
        weir_buffer_put(out, &values[r->present[i]], sizeof(double));
    return 0;
}

/* Numbers texts in order of appearance; how many are different. */
static uint32_t number_texts(const run *r, const uint32_t *values)
{
    uint32_t *number_of = weir_memory_calloc(weir_state_rest_of(r->state)->texts->entry_count + 1,
                                             sizeof *number_of); /* 0: not seen */
    WEIR_ASSERT(number_of != NULL);
    uint32_t different = 0;
    for (uint32_t i = 0; i < r->present_count; i++) {
        uint32_t text = values[r->present[i]];
        if (number_of[text] == 0) number_of[text] = ++different;
        r->numbers[i] = number_of[text] - 1;
    }
    weir_memory_free(number_of);
    return different;
}

static uint8_t put_texts(const run *r, const uint32_t *values, weir_buffer *out)
{
    bool is_of_ids = weir_state_is_of_ids(r->state);
    uint32_t different = is_of_ids
                             ? weir_ids_number(r->state, r->from, r->present_count, r->numbers)
                             : number_texts(r, values);
    weir_buffer_put_varint(out, different);
    uint32_t next = 0;
    for (uint32_t i = 0; i < r->present_count; i++) {
        if (r->numbers[i] != next) continue;
        weir_bytes bytes =
            is_of_ids ? weir_ids_of_row(r->state, r->from + i)
                      : weir_texts_get(weir_state_rest_of(r->state)->texts, values[r->present[i]]);
        weir_buffer_put_varint(out, bytes.size);
        weir_buffer_put(out, bytes.data, bytes.size);
        next++;
    }
    if (different == r->present_count) return 1;
    size_t form_at = out->size;
    weir_buffer_put_u8(out, 0);
    uint8_t form = put_numbers(out, r->numbers, r->present_count);
    out->data[form_at] = form;
    return 0;
}

static void put_flags(weir_buffer *out, const uint8_t *values, const uint32_t *rows, uint32_t count,
                      uint8_t is_set)
{
    size_t bytes = (count + 7) / 8;
    uint8_t *to = weir_buffer_reserve(out, bytes);
    memset(to, 0, bytes);
    for (uint32_t i = 0; i < count; i++) {
        if (values[rows == NULL ? i : rows[i]] == is_set) to[i / 8] |= (uint8_t)(1u << (i % 8));
    }
    out->size += bytes;
}

static uint8_t put_values(const run *r, const weir_column *column, weir_buffer *out)
{
    size_t width = r->state->layout->columns[r->column].width;
    const uint8_t *values = (const uint8_t *)column->values + r->from * width;
    switch (column->layout) {
    case WEIR_LAYOUT_BOOL: put_flags(out, values, r->present, r->present_count, 1); return 0;
    case WEIR_LAYOUT_INT32:
        for (uint32_t i = 0; i < r->present_count; i++) {
            r->numbers[i] = ((const uint32_t *)(const void *)values)[r->present[i]];
        }
        return put_numbers(out, r->numbers, r->present_count);
    case WEIR_LAYOUT_INT64: return put_int64(r, (const int64_t *)(const void *)values, out);
    case WEIR_LAYOUT_FLOAT64: return put_floats(r, (const double *)(const void *)values, out);
    case WEIR_LAYOUT_TEXT: return put_texts(r, (const uint32_t *)(const void *)values, out);
    case WEIR_LAYOUT_INT128:
        for (uint32_t i = 0; i < r->present_count; i++) {
            put_wide(out, ((const weir_int128_unaligned *)(const void *)values)[r->present[i]]);
        }
        return 0;
    case WEIR_LAYOUT_GEO:
    case WEIR_LAYOUT_VEC:
        for (uint32_t i = 0; i < r->present_count; i++)
            weir_buffer_put(out, values + r->present[i] * width, width);
        return 0;
    }
    WEIR_UNREACHABLE();
}

static void put_column(run *r, weir_buffer *out)
{
    weir_column column = column_of(r);
    size_t header_at = out->size;
    weir_buffer_put_u8(out, 0);
    r->present_count = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        if (!weir_column_is_null(&column, r->from + i)) r->present[r->present_count++] = i;
    }
    uint8_t header = 0;
    if (r->present_count < r->count) {
        const uint8_t *flags = column.layout == WEIR_LAYOUT_BOOL ? column.values : column.nulls;
        put_flags(out, flags + r->from, NULL, r->count,
                  column.layout == WEIR_LAYOUT_BOOL ? WEIR_BOOL_NULL : 1);
        header = HAS_NULLS;
    }
    header |= put_values(r, &column, out);
    out->data[header_at] = header;
}

void weir_rows_encode(const weir_key_state *state, uint32_t from, uint32_t count, weir_buffer *out)
{
    weir_buffer_put_varint(out, count);
    if (count == 0) return;
    put_times(weir_state_times(state) + from, count, out);
    run r = {.state = state, .from = from, .count = count};
    r.present = weir_memory_alloc(count * sizeof *r.present);
    r.numbers = weir_memory_alloc(count * sizeof *r.numbers);
    WEIR_ASSERT(r.present != NULL && r.numbers != NULL);
    for (r.column = 0; r.column < state->layout->column_count; r.column++)
        put_column(&r, out);
    weir_memory_free(r.present);
    weir_memory_free(r.numbers);
}

/* Decoding: values go to the rows [from, from + count), which are there but not filled. */

static const char *get_int64(run *r, weir_reader *reader, uint8_t mode, weir_type type,
                             int64_t *values)
{
    if (mode == FORM_TIME) {
        if (type.kind != WEIR_TIME || r->present_count == 0) return "times that are no times";
        const int64_t *times = weir_state_times(r->state) + r->from;
        for (uint32_t i = 0; i < r->present_count; i++)
            values[r->present[i]] = times[r->present[i]];
        return NULL;
    }
    if (!get_numbers(reader, mode, r->numbers, r->present_count)) return "bad numbers";
    for (uint32_t i = 0; i < r->present_count; i++) {
        bool fits = type.kind != WEIR_DECIMAL || weir_decimal_fits(r->numbers[i], type.precision);
        if (!fits) return "a decimal with too many digits";
        values[r->present[i]] = r->numbers[i];
    }
    return NULL;
}

static const char *get_floats(run *r, weir_reader *reader, uint8_t mode, double *values)
{
    if (mode > 1) return "bad float64 mode";
    if (mode == 1) {
        uint8_t digits = weir_reader_u8(reader), form = weir_reader_u8(reader);
        if (reader->bad || digits > DIGITS_MAX ||
            !get_numbers(reader, form, r->numbers, r->present_count)) {
            return "bad float64 numbers";
        }
        for (uint32_t i = 0; i < r->present_count; i++) {
            values[r->present[i]] = (double)r->numbers[i] / power_of_ten(digits);
        }
        return NULL;
    }
    for (uint32_t i = 0; i < r->present_count; i++) {
        const uint8_t *at = weir_reader_take(reader, sizeof(double));
        if (at == NULL) return "float64 values are cut off";
        double value;
        memcpy(&value, at, sizeof value);
        if (!isfinite(value) || (value == 0.0 && __builtin_signbit(value)))
            return "a float64 that can not be";
        values[r->present[i]] = value;
    }
    return NULL;
}

/* A string is UTF-8; a list or map opens. */
static bool is_valid_text(weir_type type, weir_bytes text)
{
    if (type.kind == WEIR_STRING) return weir_utf8_is_valid(text.data, text.size);
    if (type.kind != WEIR_LIST && type.kind != WEIR_MAP) return true;
    weir_arena scratch = {0};
    weir_reader reader = weir_reader_of(text.data, text.size);
    type.optional = false;
    (void)weir_value_decode(type, &reader, &scratch);
    weir_arena_deinit(&scratch);
    return !reader.bad && weir_reader_left(&reader) == 0;
}

static const char *get_texts(run *r, weir_reader *reader, uint8_t mode, weir_type type,
                             uint32_t *values)
{
    uint64_t different = weir_reader_varint(reader);
    if (reader->bad || mode > 1 || different > r->present_count ||
        (mode == 1) != (different == r->present_count)) {
        return "bad texts";
    }
    weir_bytes *texts = weir_memory_alloc((different + 1) * sizeof *texts);
    WEIR_ASSERT(texts != NULL);
    const char *problem = NULL;
    for (uint64_t d = 0; d < different && problem == NULL; d++) {
        texts[d] = weir_reader_string(reader);
        bool fits = !reader->bad && texts[d].size <= WEIR_TEXT_BYTES_MAX;
        if (!fits || !is_valid_text(type, texts[d])) problem = "a text that can not be";
    }
    uint8_t form = mode == 1 || problem != NULL ? 0 : weir_reader_u8(reader);
    if (problem == NULL && mode == 0 && !get_numbers(reader, form, r->numbers, r->present_count))
        problem = "bad texts";
    for (uint32_t i = 0; i < r->present_count && problem == NULL; i++) {
        int64_t number = mode == 1 ? (int64_t)i : r->numbers[i];
        if (number < 0 || (uint64_t)number >= different) problem = "a text that is not there";
    }
    for (uint32_t i = 0; i < r->present_count && problem == NULL; i++) {
        weir_bytes text = texts[mode == 1 ? (int64_t)i : r->numbers[i]];
        if (weir_state_is_of_ids(r->state))
            weir_ids_set(r->state, r->from + i, text); /* none is null */
        else
            values[r->present[i]] =
                weir_texts_add(weir_state_rest_of(r->state)->texts, text.data, text.size);
    }
    weir_memory_free(texts);
    return problem;
}

static const char *get_enums(run *r, weir_reader *reader, uint8_t mode, weir_type type,
                             uint32_t *values)
{
    if (!get_numbers(reader, mode, r->numbers, r->present_count)) return "bad numbers";
    for (uint32_t i = 0; i < r->present_count; i++) {
        if (r->numbers[i] < 0 || r->numbers[i] >= type.symbols->symbol_count)
            return "an enum's symbol out of range";
        values[r->present[i]] = (uint32_t)r->numbers[i];
    }
    return NULL;
}

static const char *get_raw(run *r, weir_reader *reader, weir_type type, uint8_t *values,
                           size_t width)
{
    for (uint32_t i = 0; i < r->present_count; i++) {
        const uint8_t *at = weir_reader_take(reader, width);
        if (at == NULL) return "values are cut off";
        memcpy(values + r->present[i] * width, at, width);
        for (size_t b = 0; b < width; b += type.kind == WEIR_GEO ? sizeof(double) : sizeof(float)) {
            double number = 0;
            float single = 0;
            if (type.kind == WEIR_GEO) {
                memcpy(&number, at + b, sizeof number);
            } else {
                memcpy(&single, at + b, sizeof single);
            }
            if (!isfinite(number) || !isfinite(single)) return "a number that can not be";
        }
    }
    return NULL;
}

static const char *get_values(run *r, weir_reader *reader, uint8_t mode)
{
    const weir_layout_column *column = &r->state->layout->columns[r->column];
    uint8_t *values =
        (uint8_t *)weir_state_values(r->state, r->column) + (size_t)r->from * column->width;
    memset(values, column->layout == WEIR_LAYOUT_BOOL ? WEIR_BOOL_NULL : 0,
           (size_t)r->count * column->width);
    switch (column->layout) {
    case WEIR_LAYOUT_BOOL: {
        const uint8_t *bits = weir_reader_take(reader, (r->present_count + 7) / 8);
        if (bits == NULL || !is_padded(bits, r->present_count) || mode != 0) return "bad bools";
        for (uint32_t i = 0; i < r->present_count; i++)
            values[r->present[i]] = bits[i / 8] >> (i % 8) & 1;
        return NULL;
    }
    case WEIR_LAYOUT_INT32:
        return get_enums(r, reader, mode, column->type, (uint32_t *)(void *)values);
    case WEIR_LAYOUT_INT64:
        return get_int64(r, reader, mode, column->type, (int64_t *)(void *)values);
    case WEIR_LAYOUT_FLOAT64: return get_floats(r, reader, mode, (double *)(void *)values);
    case WEIR_LAYOUT_TEXT:
        return get_texts(r, reader, mode, column->type, (uint32_t *)(void *)values);
    case WEIR_LAYOUT_INT128:
        for (uint32_t i = 0; i < r->present_count; i++) {
            weir_int128 value = 0;
            if (!get_wide(reader, &value)) return "a decimal that can not be";
            ((weir_int128_unaligned *)(void *)values)[r->present[i]] = value;
        }
        return mode == 0 ? NULL : "bad decimal mode";
    case WEIR_LAYOUT_GEO:
    case WEIR_LAYOUT_VEC:
        return mode == 0 ? get_raw(r, reader, column->type, values, column->width) : "bad mode";
    }
    WEIR_UNREACHABLE();
}

static const char *get_column(run *r, weir_reader *reader)
{
    const weir_layout_column *column = &r->state->layout->columns[r->column];
    uint8_t *nulls = weir_state_nulls(r->state, r->column);
    if (nulls != NULL) memset(nulls + r->from, 0, r->count);
    uint8_t header = weir_reader_u8(reader);
    const uint8_t *flags = NULL;
    if ((header & HAS_NULLS) != 0) {
        flags = weir_reader_take(reader, (r->count + 7) / 8);
        if (flags == NULL || !is_padded(flags, r->count)) return "nulls are cut off";
        if (nulls == NULL && column->layout != WEIR_LAYOUT_BOOL)
            return "nulls in a column that has none";
    }
    if (reader->bad || (header & ~(HAS_NULLS | MODE_MASK)) != 0) return "bad column";
    r->present_count = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        bool is_null = flags != NULL && (flags[i / 8] >> (i % 8) & 1) != 0;
        if (is_null && nulls != NULL) nulls[r->from + i] = 1;
        if (!is_null) r->present[r->present_count++] = i;
    }
    return get_values(r, reader, header & MODE_MASK);
}

const char *weir_rows_decode(weir_key_state *state, weir_reader *reader)
{
    uint64_t count = weir_reader_varint(reader);
    /* Each row's time takes a byte at least, which bounds what hostile bytes can make us allocate.
     */
    if (reader->bad || count > weir_reader_left(reader)) return "more rows than bytes";
    if (count == 0) return NULL;
    if (count > UINT32_MAX / 4 - state->count) return "too many rows";
    run r = {.state = state, .from = state->count, .count = (uint32_t)count};
    weir_state_grow(state, (uint32_t)count);
    const char *problem = get_times(reader, weir_state_times(state) + r.from, r.count, r.from > 0);
    if (problem != NULL) return problem;
    r.present = weir_memory_alloc(count * sizeof *r.present);
    r.numbers = weir_memory_alloc(count * sizeof *r.numbers);
    WEIR_ASSERT(r.present != NULL && r.numbers != NULL);
    for (r.column = 0; r.column < state->layout->column_count && problem == NULL; r.column++) {
        problem = get_column(&r, reader);
    }
    weir_memory_free(r.present);
    weir_memory_free(r.numbers);
    if (problem == NULL) state->count += r.count;
    return problem;
}
