/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/guess.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ingest/rows.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/checksum.h"
#include "schemas/avro_file.h"

enum {
    COLUMNS_MAX = 1000,
    DEPTH_MAX = 8,
    DECIMAL_PLACES_MAX = 6,
    DECIMAL_DIGITS_MAX = 30,
};
/* Integers that count a time: the years 2000 to 2100 in milliseconds. */
static const int64_t ms_least = 946684800000, ms_most = 4102444800000;

/* What the values of one column have been so far. */
typedef struct evidence {
    uint64_t count;   /* values that are not null, and no objects */
    uint64_t objects; /* told by their members */
    bool has_number, has_text, has_bool, has_other;
    bool not_bool, not_int, not_float, not_time; /* some text or number is none */
    bool has_places, places_differ, too_long;
    uint8_t places, digits; /* behind the point; before it at most */
    bool is_list, items_are_text, items_are_numbers;
    bool has_point;      /* a member of this name, which reads like one of an inner object */
    int64_t least, most; /* of integers */
} evidence;

typedef struct reader {
    weir_guess *guess;
    evidence *evidence;
    weir_arena scratch;
    bool is_envelope; /* lines are {"stream":.., "value":{..}} */
} reader;

static bool is_name(const char *path)
{
    bool at_start = true;
    for (const char *at = path; *at != '\0'; at++) {
        bool is_letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || *at == '_';
        bool is_digit = *at >= '0' && *at <= '9';
        if (*at == '.' ? at_start : !is_letter && (at_start || !is_digit)) return false;
        at_start = *at == '.';
    }
    return !at_start;
}

static size_t column_of(reader *r, const char *path)
{
    weir_guess *guess = r->guess;
    for (size_t i = 0; i < guess->count; i++)
        if (strcmp(guess->columns[i].path, path) == 0) return i;
    if (guess->count == COLUMNS_MAX) return SIZE_MAX;
    guess->columns[guess->count] =
        (weir_guess_column){.path = weir_arena_string(guess->into, path, strlen(path))};
    r->evidence[guess->count] = (evidence){.least = INT64_MAX, .most = INT64_MIN};
    return guess->count++;
}

/* ---- text ---- */

static bool text_is(const char *text, size_t size, const char *want)
{
    return size == strlen(want) && memcmp(text, want, size) == 0;
}

static bool is_bool(const char *text, size_t size)
{
    return text_is(text, size, "true") || text_is(text, size, "false") ||
           text_is(text, size, "True") || text_is(text, size, "False") ||
           text_is(text, size, "TRUE") || text_is(text, size, "FALSE");
}

static bool reads_as(reader *r, const char *text, size_t size, weir_kind kind, weir_value *value)
{
    bool bad_number = false;
    const char *problem = NULL;
    return weir_text_read_value(text, size, weir_type_of(kind), WEIR_UNIT_US, &r->scratch, value,
                                &bad_number, &problem) &&
           !bad_number;
}

/* "-12.30": digits before and behind the point; false: something else, such as 1e3 or 007. */
static bool count_digits(const char *text, size_t size, size_t *whole_out, size_t *places_out)
{
    size_t i = size > 0 && text[0] == '-', start = i;
    while (i < size && text[i] >= '0' && text[i] <= '9')
        i++;
    *whole_out = i - start;
    *places_out = 0;
    bool leads_with_zero = *whole_out > 1 && text[start] == '0';
    if (*whole_out == 0 || leads_with_zero) return false;
    if (i == size) return true;
    if (text[i] != '.') return false;
    size_t point = i++;
    while (i < size && text[i] >= '0' && text[i] <= '9')
        i++;
    *places_out = i - point - 1;
    return i == size && *places_out > 0;
}

static bool begins_as_number(const char *text, size_t size)
{
    size_t i = size > 0 && text[0] == '-';
    bool leads_with_zero =
        i + 1 < size && text[i] == '0' && text[i + 1] >= '0' && text[i + 1] <= '9';
    return i < size && !leads_with_zero && ((text[i] >= '0' && text[i] <= '9') || text[i] == '.');
}

static void take_number(reader *r, evidence *e, const char *text, size_t size)
{
    size_t whole = 0, places = 0;
    weir_value value;
    bool is_plain = count_digits(text, size, &whole, &places);
    bool is_int = is_plain && places == 0 && reads_as(r, text, size, WEIR_INT64, &value);
    if (!is_int) e->not_int = true;
    if (is_int && value.as.integer < e->least) e->least = value.as.integer;
    if (is_int && value.as.integer > e->most) e->most = value.as.integer;
    if (!begins_as_number(text, size) || !reads_as(r, text, size, WEIR_FLOAT64, &value))
        e->not_float = true;
    if (!is_plain || places > DECIMAL_PLACES_MAX || whole + places > DECIMAL_DIGITS_MAX)
        e->too_long = true;
    if (e->too_long) return;
    if (e->count > 0 && places != e->places) e->places_differ = true;
    e->places = (uint8_t)places;
    e->has_places |= places > 0;
    if (whole > e->digits) e->digits = (uint8_t)whole;
}

static void take_text(reader *r, evidence *e, const char *text, size_t size)
{
    weir_value value;
    if (!is_bool(text, size)) e->not_bool = true;
    take_number(r, e, text, size);
    bool is_written = memchr(text, 'T', size) != NULL || memchr(text, 't', size) != NULL;
    if (!is_written || !reads_as(r, text, size, WEIR_TIME, &value)) e->not_time = true;
    e->has_text = true;
    e->count++;
}

/* ---- JSON ---- */

static void take_json(reader *r, weir_json *json, const char *path, unsigned depth);

static void take_object(reader *r, weir_json *json, const char *path, unsigned depth)
{
    size_t index = path[0] == '\0' ? SIZE_MAX : column_of(r, path);
    if (index != SIZE_MAX) r->evidence[index].objects++;
    (void)weir_json_next(json);
    while (weir_json_next_key(json)) {
        bool has_point = memchr(json->text.data, '.', json->text.size) != NULL;
        const char *inner =
            weir_arena_printf(&r->scratch, "%s%s%.*s", path, path[0] == '\0' ? "" : ".",
                              (int)json->text.size, (const char *)json->text.data);
        size_t member = has_point ? column_of(r, inner) : SIZE_MAX;
        if (member != SIZE_MAX) r->evidence[member].has_point = true;
        take_json(r, json, inner, depth + 1);
    }
}

static void take_list(weir_json *json, evidence *e)
{
    e->is_list = true;
    (void)weir_json_next(json);
    while (weir_json_next_item(json)) {
        weir_json_token token = weir_json_peek(json);
        e->items_are_text |= token == WEIR_JSON_STRING;
        e->items_are_numbers |= token == WEIR_JSON_NUMBER;
        e->has_other |= token != WEIR_JSON_STRING && token != WEIR_JSON_NUMBER;
        if (!weir_json_skip(json)) return;
    }
}

static void take_json(reader *r, weir_json *json, const char *path, unsigned depth)
{
    weir_json_token token = weir_json_peek(json);
    if (token == WEIR_JSON_OBJECT_BEGIN && depth < DEPTH_MAX) {
        take_object(r, json, path, depth);
        return;
    }
    size_t index = column_of(r, path);
    if (index == SIZE_MAX || token == WEIR_JSON_NULL) {
        (void)weir_json_skip(json);
        return;
    }
    evidence *e = &r->evidence[index];
    if (token == WEIR_JSON_ARRAY_BEGIN) {
        take_list(json, e);
        e->count++;
        return;
    }
    (void)weir_json_next(json);
    switch (token) {
    case WEIR_JSON_STRING: take_text(r, e, (const char *)json->text.data, json->text.size); return;
    case WEIR_JSON_NUMBER:
        e->has_number = true;
        if (!begins_as_number((const char *)json->text.data, json->text.size)) {
            e->not_int = true; /* NaN and infinities are null in an optional double (R10) */
            return;
        }
        take_number(r, e, (const char *)json->text.data, json->text.size);
        break;
    case WEIR_JSON_TRUE:
    case WEIR_JSON_FALSE: e->has_bool = true; break;
    default: e->has_other = true; break;
    }
    e->count++;
}

static bool take_envelope(reader *r, weir_json *json)
{
    while (weir_json_next_key(json)) {
        if (weir_json_key_is(json, "value")) {
            take_json(r, json, "", 0);
        } else if (weir_json_key_is(json, "stream") && weir_json_peek(json) == WEIR_JSON_STRING) {
            weir_bytes name;
            (void)weir_json_string(json, &name);
            const char *text = weir_arena_string(&r->scratch, (const char *)name.data, name.size);
            if (r->guess->stream == NULL)
                r->guess->stream = weir_arena_string(r->guess->into, text, name.size);
            if (strcmp(r->guess->stream, text) != 0) return false;
        } else {
            (void)weir_json_skip(json);
        }
    }
    return true;
}

/* A line that has an object `value` and a text `stream`. */
static bool looks_like_envelope(weir_bytes line, weir_arena *scratch)
{
    weir_json json;
    bool has_stream = false, has_value = false;
    weir_json_init(&json, line.data, line.size, scratch);
    if (!weir_json_expect(&json, WEIR_JSON_OBJECT_BEGIN)) return false;
    while (weir_json_next_key(&json)) {
        bool is_stream = weir_json_key_is(&json, "stream"),
             is_value = weir_json_key_is(&json, "value");
        weir_json_token token = weir_json_peek(&json);
        has_stream |= is_stream && token == WEIR_JSON_STRING;
        has_value |= is_value && token == WEIR_JSON_OBJECT_BEGIN;
        if (!weir_json_skip(&json)) return false;
    }
    return has_stream && has_value;
}

static void note_bad_row(weir_guess *guess, const char *problem)
{
    guess->bad_rows++;
    if (guess->first_problem == NULL)
        guess->first_problem = weir_arena_string(guess->into, problem, strlen(problem));
}

/* Why a line is no object, or NULL: what it says is taken only if all of it can be read. */
static const char *line_problem(weir_bytes line, weir_arena *scratch)
{
    weir_json json;
    weir_json_init(&json, line.data, line.size, scratch);
    json.allow_nonfinite = true;
    if (weir_json_peek(&json) != WEIR_JSON_OBJECT_BEGIN) return "no JSON object";
    if (weir_json_skip(&json)) (void)weir_json_expect(&json, WEIR_JSON_END);
    return json.problem;
}

static weir_error *take_line(reader *r, weir_bytes line, const weir_row *row, const char *path)
{
    weir_json json;
    const char *problem = line_problem(line, &r->scratch);
    if (problem != NULL) {
        note_bad_row(r->guess, weir_arena_printf(&r->scratch, "line %llu: %s",
                                                 (unsigned long long)row->line, problem));
        return NULL;
    }
    weir_json_init(&json, line.data, line.size, &r->scratch);
    json.allow_nonfinite = true;
    if (r->guess->rows == 0) r->is_envelope = looks_like_envelope(line, &r->scratch);
    bool is_object = weir_json_peek(&json) == WEIR_JSON_OBJECT_BEGIN;
    if (is_object && r->is_envelope) {
        (void)weir_json_next(&json);
        if (!take_envelope(r, &json))
            return weir_error_new(WEIR_E_DATA,
                                  "%s: line %llu is of another stream than `%s`; weir init --from "
                                  "wants events of one stream: split the file",
                                  path, (unsigned long long)row->line, r->guess->stream);
    } else if (is_object) {
        take_object(r, &json, "", 0);
    }
    return NULL;
}

static weir_error *read_lines(reader *r, weir_rows *rows, const char *path)
{
    for (;;) {
        weir_row row;
        weir_bytes line;
        weir_arena_reset(&r->scratch);
        WEIR_TRY(weir_rows_next_line(rows, &line, &row));
        if (row.status == WEIR_ROW_END) return NULL;
        if (row.status == WEIR_ROW_BAD)
            note_bad_row(r->guess, row.problem);
        else
            WEIR_TRY(take_line(r, line, &row, path));
        r->guess->rows++;
    }
}

static weir_error *read_cells(reader *r, weir_rows *rows)
{
    size_t count = 0;
    const weir_rows_column *columns = weir_rows_columns(rows, &count);
    if (count > COLUMNS_MAX) count = COLUMNS_MAX;
    weir_rows_want *wants = weir_arena_array(r->guess->into, weir_rows_want, count + 1);
    weir_value *values = weir_arena_array(r->guess->into, weir_value, count + 1);
    for (size_t i = 0; i < count; i++) {
        (void)column_of(r, columns[i].name);
        wants[i] = (weir_rows_want){.name = columns[i].name,
                                    .type = weir_type_optional(weir_type_of(WEIR_STRING))};
    }
    WEIR_TRY(weir_rows_bind(rows, wants, count));
    for (;;) {
        weir_row row;
        weir_arena_reset(&r->scratch);
        WEIR_TRY(weir_rows_next(rows, &r->scratch, values, &row));
        if (row.status == WEIR_ROW_END) return NULL;
        if (row.status == WEIR_ROW_BAD) note_bad_row(r->guess, row.problem);
        for (size_t i = 0; row.status == WEIR_ROW_OK && i < count; i++) {
            if (values[i].kind == WEIR_STRING)
                take_text(r, &r->evidence[i], (const char *)values[i].as.bytes, values[i].size);
        }
        r->guess->rows++;
    }
}

/* ---- the verdict ---- */

static weir_type decimal_type(const evidence *e)
{
    weir_type type = weir_type_of(WEIR_DECIMAL);
    type.scale = e->places;
    type.precision = (uint8_t)(e->digits + e->places + 2);
    if (type.precision < 12) type.precision = 12;
    return type;
}

/* All with the same places; whole numbers beyond 64 bits, too. */
static bool is_decimal(const evidence *e)
{
    return (e->has_places || e->not_int) && !e->places_differ && !e->too_long && !e->not_float;
}

static weir_type text_type(const evidence *e)
{
    if (!e->not_bool) return weir_type_of(WEIR_BOOL);
    if (!e->not_int) return weir_type_of(WEIR_INT64);
    if (is_decimal(e)) return decimal_type(e);
    if (!e->not_float) return weir_type_of(WEIR_FLOAT64);
    return weir_type_of(e->not_time ? WEIR_STRING : WEIR_TIME);
}

/* Text of a JSON file is a string of digits only where it could be money: "12.30". */
static weir_type json_text_type(const evidence *e)
{
    if (is_decimal(e)) return decimal_type(e);
    return weir_type_of(e->not_time ? WEIR_STRING : WEIR_TIME);
}

static weir_type list_type(weir_guess *guess, const evidence *e)
{
    weir_type item = weir_type_of(e->items_are_text ? WEIR_STRING : WEIR_FLOAT64);
    weir_type type = weir_type_of(WEIR_LIST);
    type.item = weir_arena_copy(guess->into, &item, sizeof item);
    return type;
}

static void judge(weir_guess *guess, weir_guess_column *column, const evidence *e, bool is_json)
{
    int kinds = e->has_number + e->has_text + e->has_bool + e->is_list + (e->objects > 0);
    column->type = weir_type_of(WEIR_NULL);
    if (!is_name(column->path))
        column->problem = "its name is none in Avro: letters, digits and _ only";
    else if (e->has_point)
        column->problem = "its name has a point, which leads to a member of an inner object";
    else if (e->has_other || kinds > 1 || (e->items_are_text && e->items_are_numbers))
        column->problem = "its values are of more than one kind";
    else if (e->count == 0)
        column->problem = e->objects > 0 ? NULL : "it never has a value";
    else if (e->is_list)
        column->type = list_type(guess, e);
    else if (e->has_bool)
        column->type = weir_type_of(WEIR_BOOL);
    else if (e->has_number)
        column->type = !e->not_int                       ? weir_type_of(WEIR_INT64)
                       : is_decimal(e) && !e->has_places ? decimal_type(e)
                                                         : weir_type_of(WEIR_FLOAT64);
    else
        column->type = is_json ? json_text_type(e) : text_type(e);
    column->is_record = e->objects > 0 && column->problem == NULL;
    column->nulls = guess->rows - guess->bad_rows - e->count - e->objects;
}

static bool name_says_time(const char *path)
{
    static const char *const words[] = {"ts",   "time", "timestamp", "datetime",
                                        "date", "when", "at"};
    const char *name = strrchr(path, '.') == NULL ? path : strrchr(path, '.') + 1;
    const char *last = strrchr(name, '_') == NULL ? name : strrchr(name, '_') + 1;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(last, words[i]) == 0 || strcmp(name, words[i]) == 0) return true;
    return strcmp(last, "ms") == 0 || strcmp(last, "us") == 0 || strstr(name, "time") != NULL;
}

/* Whole numbers of milliseconds or microseconds that lie in this century, under a fitting name. */
static void judge_time(weir_guess_column *column, const evidence *e)
{
    if (column->type.kind != WEIR_INT64 || !name_says_time(column->path)) return;
    bool is_ms = e->least >= ms_least && e->most <= ms_most;
    bool is_us = e->least >= ms_least * 1000 && e->most <= ms_most * 1000;
    if (!is_ms && !is_us) return;
    column->type = weir_type_of(WEIR_TIME);
    column->unit = is_ms ? WEIR_UNIT_MS : WEIR_UNIT_US;
}

/* Of the column `path`, or of what it stands in. */
static bool is_inside(const char *path, const char *outer)
{
    size_t size = strlen(outer);
    return strncmp(path, outer, size) == 0 && path[size] == '.';
}

/* What is an object here and a number there is left out; so are its members, then. */
static void drop_members_of_mixed(weir_guess *guess)
{
    for (size_t i = 0; i < guess->count; i++) {
        for (size_t k = 0; guess->columns[i].problem != NULL && k < guess->count; k++) {
            weir_guess_column *column = &guess->columns[k];
            if (column->problem != NULL || !is_inside(column->path, guess->columns[i].path))
                continue;
            column->type.kind = WEIR_NULL;
            column->problem = "what it stands in is left out";
        }
    }
}

static weir_error *guess_text(weir_guess *guess, weir_rows *rows, const char *path)
{
    reader r = {.guess = guess, .evidence = calloc(COLUMNS_MAX, sizeof(evidence))};
    WEIR_ASSERT(r.evidence != NULL);
    bool is_json = weir_rows_format_of(rows) == WEIR_ROWS_JSONL;
    guess->columns = weir_arena_array(guess->into, weir_guess_column, COLUMNS_MAX);
    weir_error *error = is_json ? read_lines(&r, rows, path) : read_cells(&r, rows);
    for (size_t i = 0; error == NULL && i < guess->count; i++) {
        judge(guess, &guess->columns[i], &r.evidence[i], is_json);
        judge_time(&guess->columns[i], &r.evidence[i]);
    }
    if (error == NULL) drop_members_of_mixed(guess);
    weir_arena_deinit(&r.scratch);
    free(r.evidence);
    return error;
}

/* ---- files that say their types ---- */

static bool has_avro(weir_type type)
{
    if (type.kind == WEIR_LIST)
        return type.item->kind == WEIR_STRING || type.item->kind == WEIR_FLOAT64;
    return type.kind != WEIR_NULL && type.kind != WEIR_MAP && type.kind != WEIR_VEC;
}

static void take_types(weir_guess *guess, weir_rows *rows)
{
    size_t count = 0;
    const weir_rows_column *columns = weir_rows_columns(rows, &count);
    guess->columns = weir_arena_array(guess->into, weir_guess_column, count + 1);
    for (size_t i = 0; i < count; i++) {
        weir_guess_column *column = &guess->columns[guess->count++];
        *column = (weir_guess_column){
            .path = weir_arena_string(guess->into, columns[i].name, strlen(columns[i].name)),
            .type = columns[i].type};
        if (!has_avro(column->type)) column->problem = "weir init can not write its type down";
        if (!is_name(column->path))
            column->problem = "its name is none in Avro: letters, digits and _ only";
        if (column->problem != NULL) column->type.kind = WEIR_NULL;
        if (column->type.kind == WEIR_ENUM) column->type.kind = WEIR_STRING;
        if (column->type.item != NULL) {
            weir_type item = *column->type.item;
            column->type.item = weir_arena_copy(guess->into, &item, sizeof item);
        }
    }
}

/* ---- how many values ---- */

/* A set of hashes, open addressing, at most half full. */
typedef struct value_set {
    uint64_t slots[2 * WEIR_GUESS_DISTINCT_MAX];
    uint64_t count;
} value_set;

/* False where the value was there already. What comes when the set is full is new each time. */
static bool add_value(value_set *set, uint64_t hash)
{
    hash |= hash == 0; /* 0 is a free slot */
    for (size_t i = hash % (2 * WEIR_GUESS_DISTINCT_MAX);;
         i = (i + 1) % (2 * WEIR_GUESS_DISTINCT_MAX)) {
        if (set->slots[i] == hash) return false;
        if (set->slots[i] != 0) continue;
        if (set->count == WEIR_GUESS_DISTINCT_MAX) return true;
        set->slots[i] = hash;
        set->count++;
        return true;
    }
}

enum { COUNTED_MAX = 64 };

static bool is_countable(const weir_guess_column *column)
{
    return column->type.kind == WEIR_STRING || column->type.kind == WEIR_INT64;
}

/* Of all that is guessed from. */
static uint64_t row_hash(const weir_rows_want *wants, const weir_value *values, size_t count,
                         weir_buffer *bytes)
{
    weir_buffer_clear(bytes);
    for (size_t i = 0; i < count; i++)
        weir_value_encode(wants[i].type, &values[i], bytes);
    return weir_xxh64(bytes->data, bytes->size, 0);
}

/* sets: one a column, NULL where it is not counted; behind them one of whole rows. */
static weir_error *count_rows(weir_guess *guess, weir_rows *rows, const size_t *indexes,
                              value_set *const *sets, size_t count, const char *prefix)
{
    weir_arena scratch = {0};
    weir_buffer bytes = {0};
    weir_error *error = NULL;
    weir_rows_want *wants = weir_arena_array(guess->into, weir_rows_want, count + 1);
    weir_value *values = weir_arena_array(guess->into, weir_value, count + 1);
    for (size_t i = 0; i < count; i++) {
        const weir_guess_column *column = &guess->columns[indexes[i]];
        wants[i] = (weir_rows_want){weir_arena_printf(guess->into, "%s%s", prefix, column->path),
                                    weir_type_optional(column->type), column->unit, true};
    }
    WEIR_TRY_OUT(weir_rows_bind(rows, wants, count));
    uint64_t total = 0, bad = 0;
    for (weir_row row;; total++) {
        weir_arena_reset(&scratch);
        WEIR_TRY_OUT(weir_rows_next(rows, &scratch, values, &row));
        if (row.status == WEIR_ROW_END) break;
        bad += row.status == WEIR_ROW_BAD;
        if (row.status == WEIR_ROW_OK)
            guess->repeats += !add_value(sets[count], row_hash(wants, values, count, &bytes));
        for (size_t i = 0; row.status == WEIR_ROW_OK && i < count; i++) {
            weir_guess_column *column = &guess->columns[indexes[i]];
            if (guess->rows == 0) column->nulls += weir_is_null(&values[i]);
            if (sets[i] == NULL || weir_is_null(&values[i])) continue;
            uint64_t hash = values[i].kind == WEIR_STRING
                                ? weir_xxh64(values[i].as.bytes, values[i].size, 0)
                                : weir_xxh64(&values[i].as.integer, sizeof(int64_t), 0);
            column->repeats += !add_value(sets[i], hash);
        }
    }
    if (guess->rows == 0) {
        guess->rows = total;
        guess->bad_rows = bad;
    }
out:
    weir_buffer_deinit(&bytes);
    weir_arena_deinit(&scratch);
    return error;
}

static weir_error *count_values(weir_guess *guess, weir_rows *rows)
{
    size_t *indexes = weir_arena_array(guess->into, size_t, guess->count + 1);
    value_set **sets = weir_arena_array(guess->into, value_set *, guess->count + 1);
    size_t count = 0, counted = 0;
    for (size_t i = 0; i < guess->count; i++) {
        weir_guess_column *column = &guess->columns[i];
        if (column->type.kind == WEIR_NULL || column->type.kind == WEIR_LIST) continue;
        if (is_countable(column) && counted < COUNTED_MAX) {
            sets[count] = calloc(1, sizeof(value_set));
            WEIR_ASSERT(sets[count] != NULL);
            counted++;
        }
        column->is_counted = sets[count] != NULL;
        indexes[count++] = i;
    }
    sets[count] = calloc(1, sizeof(value_set));
    WEIR_ASSERT(sets[count] != NULL);
    weir_error *error =
        count_rows(guess, rows, indexes, sets, count, guess->stream == NULL ? "" : "value.");
    for (size_t i = 0; i < count; i++) {
        weir_guess_column *column = &guess->columns[indexes[i]];
        if (sets[i] != NULL) column->distinct = sets[i]->count;
        free(sets[i]);
    }
    free(sets[count]);
    return error;
}

static weir_error *take_schema(weir_guess *guess, const char *path)
{
    weir_avro_reader *file = NULL;
    WEIR_TRY(weir_avro_reader_open(path, &file));
    const weir_schema *schema = weir_avro_reader_schema(file);
    guess->schema_json = weir_arena_string(guess->into, schema->json, schema->json_size);
    guess->schema_name =
        weir_arena_string(guess->into, schema->full_name, strlen(schema->full_name));
    for (size_t i = 0; i < guess->count; i++) {
        const weir_schema_field *field = weir_schema_find(schema, guess->columns[i].path);
        if (field != NULL) guess->columns[i].unit = field->unit;
    }
    weir_avro_reader_close(file);
    return NULL;
}

/* The file is read twice. */
static weir_error *check_file(const char *path)
{
    struct stat info;
    bool is_there = stat(path, &info) == 0;
    if (strcmp(path, "-") != 0 && (!is_there || S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)))
        return NULL;
    return weir_error_new(WEIR_E_USAGE,
                          "%s: a guess reads the rows twice, which wants a file, not a pipe", path);
}

weir_error *weir_guess_file(weir_guess *guess, const char *path)
{
    weir_rows *rows = NULL;
    WEIR_TRY(check_file(path));
    WEIR_TRY(weir_rows_open(path, NULL, &rows));
    weir_rows_format format = weir_rows_format_of(rows);
    bool has_types = format == WEIR_ROWS_AVRO || format == WEIR_ROWS_PARQUET;
    weir_error *error = NULL;
    if (has_types)
        take_types(guess, rows);
    else
        error = guess_text(guess, rows, path);
    weir_rows_close(rows);
    rows = NULL;
    if (error == NULL && format == WEIR_ROWS_AVRO) error = take_schema(guess, path);
    if (error == NULL) error = weir_rows_open(path, NULL, &rows);
    if (error == NULL) error = count_values(guess, rows);
    weir_rows_close(rows);
    /* Parquet calls a column nullable that never is null. An Avro file's schema is taken as it is.
     */
    for (size_t i = 0; i < guess->count && format != WEIR_ROWS_AVRO; i++) {
        weir_guess_column *column = &guess->columns[i];
        if (!has_types || column->type.kind != WEIR_LIST) column->type.optional = column->nulls > 0;
    }
    return error;
}

/* ---- the schema ---- */

static void write_bare(weir_json_writer *writer, weir_type type, weir_time_unit unit,
                       const char *path);

static void write_logical(weir_json_writer *writer, const char *type, const char *logical)
{
    weir_json_write_begin(writer, '{');
    weir_json_write_key(writer, "type");
    weir_json_write_text(writer, type);
    weir_json_write_key(writer, "logicalType");
    weir_json_write_text(writer, logical);
}

static void write_geo(weir_json_writer *writer, const char *path)
{
    weir_json_write_begin(writer, '{');
    weir_json_write_key(writer, "type");
    weir_json_write_text(writer, "record");
    weir_json_write_key(writer, "name");
    weir_json_write_text(writer, path);
    weir_json_write_key(writer, "fields");
    weir_json_write_begin(writer, '[');
    for (size_t i = 0; i < 2; i++) {
        weir_json_write_begin(writer, '{');
        weir_json_write_key(writer, "name");
        weir_json_write_text(writer, i == 0 ? "lat" : "lon");
        weir_json_write_key(writer, "type");
        weir_json_write_text(writer, "double");
        weir_json_write_end(writer, '}');
    }
    weir_json_write_end(writer, ']');
    weir_json_write_end(writer, '}');
}

static void write_bare(weir_json_writer *writer, weir_type type, weir_time_unit unit,
                       const char *path)
{
    switch (type.kind) {
    case WEIR_BOOL: weir_json_write_text(writer, "boolean"); return;
    case WEIR_INT64: weir_json_write_text(writer, "long"); return;
    case WEIR_FLOAT64: weir_json_write_text(writer, "double"); return;
    case WEIR_STRING: weir_json_write_text(writer, "string"); return;
    case WEIR_BYTES: weir_json_write_text(writer, "bytes"); return;
    case WEIR_TIME:
        write_logical(writer, "long",
                      unit == WEIR_UNIT_MS ? "timestamp-millis" : "timestamp-micros");
        break;
    case WEIR_DURATION: write_logical(writer, "long", "time-micros"); break;
    case WEIR_DECIMAL:
        write_logical(writer, "bytes", "decimal");
        weir_json_write_key(writer, "precision");
        weir_json_write_int(writer, type.precision);
        weir_json_write_key(writer, "scale");
        weir_json_write_int(writer, type.scale);
        break;
    case WEIR_LIST:
        weir_json_write_begin(writer, '{');
        weir_json_write_key(writer, "type");
        weir_json_write_text(writer, "array");
        weir_json_write_key(writer, "items");
        write_bare(writer, *type.item, WEIR_UNIT_US, path);
        break;
    case WEIR_GEO: write_geo(writer, path); return;
    default: WEIR_UNREACHABLE();
    }
    weir_json_write_end(writer, '}');
}

/* The record of that path where it was seen itself, as in JSON, or NULL. size: of the path. */
static const weir_guess_column *find_record(const weir_guess *guess, const char *path, size_t size)
{
    for (size_t i = 0; i < guess->count; i++) {
        const weir_guess_column *column = &guess->columns[i];
        if (column->is_record && strncmp(column->path, path, size) == 0 &&
            column->path[size] == '\0')
            return column;
    }
    return NULL;
}

/* Absent although the record that it stands in is there. */
static bool is_absent_inside(const weir_guess *guess, const weir_guess_column *column)
{
    const char *point = strrchr(column->path, '.');
    const weir_guess_column *outer =
        point == NULL ? NULL : find_record(guess, column->path, (size_t)(point - column->path));
    return outer == NULL ? column->type.optional : column->nulls > outer->nulls;
}

/* {"name": .., "type": T} around what writes T, or the union of null and T. */
static void begin_member(weir_json_writer *writer, const char *name, bool is_optional)
{
    weir_json_write_begin(writer, '{');
    weir_json_write_key(writer, "name");
    weir_json_write_text(writer, name);
    weir_json_write_key(writer, "type");
    if (!is_optional) return;
    weir_json_write_begin(writer, '[');
    weir_json_write_text(writer, "null");
}

static void end_member(weir_json_writer *writer, bool is_optional)
{
    if (is_optional) {
        weir_json_write_end(writer, ']');
        weir_json_write_key(writer, "default");
        weir_json_write_null(writer);
    }
    weir_json_write_end(writer, '}');
}

static void write_field(const weir_guess *guess, weir_json_writer *writer,
                        const weir_guess_column *column, const char *name)
{
    bool is_optional = is_absent_inside(guess, column);
    begin_member(writer, name, is_optional);
    write_bare(writer, column->type, column->unit, name);
    end_member(writer, is_optional);
}

static bool is_below(const weir_guess_column *column, const char *prefix)
{
    return column->type.kind != WEIR_NULL && strncmp(column->path, prefix, strlen(prefix)) == 0;
}

/* The first column below `prefix`, whose place an inner record takes. */
static size_t first_below(const weir_guess *guess, const char *prefix)
{
    size_t i = 0;
    while (i < guess->count && !is_below(&guess->columns[i], prefix))
        i++;
    return i;
}

/* Of CSV and Parquet only the members are seen: what none of them is in every row may be null. */
static bool may_be_null(const weir_guess *guess, const char *prefix)
{
    const weir_guess_column *record = find_record(guess, prefix, strlen(prefix) - 1);
    if (record != NULL) return is_absent_inside(guess, record);
    for (size_t i = 0; i < guess->count; i++) {
        if (is_below(&guess->columns[i], prefix) && !guess->columns[i].type.optional) return false;
    }
    return true;
}

static void write_fields(const weir_guess *guess, weir_json_writer *writer, const char *prefix);

/* prefix: "a.b."; name: "b". */
static void write_record(const weir_guess *guess, weir_json_writer *writer, const char *prefix,
                         const char *name)
{
    bool is_optional = may_be_null(guess, prefix);
    begin_member(writer, name, is_optional);
    weir_json_write_begin(writer, '{');
    weir_json_write_key(writer, "type");
    weir_json_write_text(writer, "record");
    weir_json_write_key(writer, "name");
    weir_json_write_text(
        writer, weir_arena_printf(guess->into, "R%zu_%s", first_below(guess, prefix), name));
    weir_json_write_key(writer, "fields");
    write_fields(guess, writer, prefix);
    weir_json_write_end(writer, '}');
    end_member(writer, is_optional);
}

/* The columns below `prefix`, in order; an inner record where its first member stands. */
static void write_fields(const weir_guess *guess, weir_json_writer *writer, const char *prefix)
{
    size_t skip = strlen(prefix);
    weir_json_write_begin(writer, '[');
    for (size_t i = 0; i < guess->count; i++) {
        const weir_guess_column *column = &guess->columns[i];
        if (!is_below(column, prefix)) continue;
        const char *name = column->path + skip, *point = strchr(name, '.');
        if (point == NULL) {
            write_field(guess, writer, column, name);
            continue;
        }
        const char *inner =
            weir_arena_printf(guess->into, "%.*s.", (int)(point - column->path), column->path);
        if (first_below(guess, inner) != i) continue;
        name = weir_arena_string(guess->into, name, (size_t)(point - name));
        write_record(guess, writer, inner, name);
    }
    weir_json_write_end(writer, ']');
}

void weir_guess_print_schema(const weir_guess *guess, const char *space, const char *name,
                             weir_buffer *out)
{
    weir_json_writer writer = {.out = out, .pretty = true};
    weir_json_write_begin(&writer, '{');
    weir_json_write_key(&writer, "type");
    weir_json_write_text(&writer, "record");
    weir_json_write_key(&writer, "name");
    weir_json_write_text(&writer, name);
    weir_json_write_key(&writer, "namespace");
    weir_json_write_text(&writer, space);
    weir_json_write_key(&writer, "fields");
    write_fields(guess, &writer, "");
    weir_json_write_end(&writer, '}');
    weir_buffer_put_u8(out, '\n');
}
