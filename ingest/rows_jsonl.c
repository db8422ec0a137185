/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Lines: one object a line. A want "a.b" is the member b of the object a, or a member called
 * "a.b". A member that is absent is null where the type is optional. Empty lines are skipped.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "ingest/rows_internal.h"
#include "ops/runtime/assert.h"

enum { PATH_DEPTH_MAX = 16 };

typedef struct jsonl {
    rows_text text;
    bool is_peeked; /* the first line was read to name its members, and comes again */
    weir_bytes peeked;
    uint64_t peeked_line;
    rows_record peeked_status;
    bool *seen; /* one a want */
} jsonl;

static weir_error *open_jsonl(weir_rows *rows)
{
    jsonl *j = weir_arena_new(&rows->arena, jsonl);
    rows->state = j;
    rows_text_open(rows, &j->text);
    return NULL;
}

static void close_jsonl(weir_rows *rows)
{
    jsonl *j = rows->state;
    if (j != NULL) rows_text_close(&j->text);
}

static bool is_blank(weir_bytes line)
{
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r') return false;
    }
    return true;
}

static weir_error *next_record(weir_rows *rows, weir_bytes *line_out, weir_row *row)
{
    jsonl *j = rows->state;
    rows_record status = ROWS_RECORD_OK;
    if (j->is_peeked) {
        j->is_peeked = false;
        *line_out = j->peeked;
        status = j->peeked_status;
        row->line = j->peeked_line;
    } else {
        do {
            WEIR_TRY(rows_text_next(&j->text, 0, line_out, &status));
            if (j->text.line == 1 && line_out->size >= 3 &&
                memcmp(line_out->data, "\xef\xbb\xbf", 3) == 0) {
                line_out->data += 3;
                line_out->size -= 3;
            }
        } while (status == ROWS_RECORD_OK && is_blank(*line_out));
        row->line = j->text.line;
    }
    row->status = status == ROWS_RECORD_END ? WEIR_ROW_END : WEIR_ROW_OK;
    if (status == ROWS_RECORD_TOO_LONG) {
        rows_problem(row, "line %" PRIu64 ": longer than %d bytes", row->line, WEIR_ROWS_LINE_MAX);
    }
    return NULL;
}

/* What the walk through a line's objects needs. */
typedef struct walk {
    const weir_rows *rows;
    jsonl *j;
    weir_json *json;
    weir_arena *scratch;
    weir_value *values;
    weir_row *row;
    const char *prefix; /* "a." */
    size_t prefix_size;
    unsigned depth;
    size_t guess; /* members mostly come in the order of the wants */
} walk;

static bool is_named(const walk *w, const weir_rows_want *want, weir_bytes key)
{
    const char *name = want->name;
    if (strncmp(name, w->prefix, w->prefix_size) != 0) return false;
    name += w->prefix_size;
    return strlen(name) == key.size && memcmp(name, key.data, key.size) == 0;
}

static size_t find_want(walk *w, weir_bytes key)
{
    size_t count = w->rows->want_count;
    for (size_t n = 0; n < count; n++) {
        size_t i = w->guess + n < count ? w->guess + n : w->guess + n - count;
        if (!is_named(w, &w->rows->wants[i], key)) continue;
        w->guess = i + 1 < count ? i + 1 : 0;
        return i;
    }
    return SIZE_MAX;
}

/* True if some want lies below this member. */
static bool leads_on(const walk *w, weir_bytes key)
{
    for (size_t i = 0; i < w->rows->want_count && w->depth < PATH_DEPTH_MAX; i++) {
        const char *name = w->rows->wants[i].name;
        if (strncmp(name, w->prefix, w->prefix_size) != 0) continue;
        name += w->prefix_size;
        if (strlen(name) > key.size && memcmp(name, key.data, key.size) == 0 &&
            name[key.size] == '.')
            return true;
    }
    return false;
}

static bool read_member(walk *w, size_t index)
{
    const weir_rows_want *want = &w->rows->wants[index];
    const char *problem = NULL;
    bool bad_number = false;
    const uint8_t *from = w->json->next;
    if (w->j->seen[index]) {
        rows_bad_value(w->rows, w->row, want, (weir_bytes){0},
                       "the member stands twice; leave one out");
        return false;
    }
    w->j->seen[index] = true;
    if (weir_json_read_value(w->json, want->type, want->unit, w->scratch, &w->values[index],
                             &bad_number, &problem)) {
        w->row->nulled_numbers += bad_number;
        return true;
    }
    while (from < w->json->next && (*from == ' ' || *from == ':' || *from == '\t'))
        from++;
    weir_bytes text = {from, (size_t)(w->json->next - from)};
    w->row->bad_number = bad_number;
    rows_bad_value(w->rows, w->row, want, text, problem);
    return false;
}

static bool read_object(walk *w);

/* The object of the member whose key was just read. */
static bool read_inner(walk *w)
{
    walk inner = *w;
    inner.prefix = weir_arena_printf(w->scratch, "%s%.*s.", w->prefix, (int)w->json->text.size,
                                     (const char *)w->json->text.data);
    inner.prefix_size = strlen(inner.prefix);
    inner.depth++;
    inner.guess = 0;
    return weir_json_expect(w->json, WEIR_JSON_OBJECT_BEGIN) && read_object(&inner);
}

static bool read_object(walk *w)
{
    while (weir_json_next_key(w->json)) {
        size_t index = find_want(w, w->json->text);
        if (index != SIZE_MAX) {
            if (!read_member(w, index)) return false;
            continue;
        }
        if (weir_json_peek(w->json) == WEIR_JSON_OBJECT_BEGIN && leads_on(w, w->json->text)) {
            if (!read_inner(w)) return false;
        } else if (!weir_json_skip(w->json)) {
            return true; /* the caller tells the document's problem */
        }
    }
    return true;
}

static void check_absent(walk *w)
{
    for (size_t i = 0; i < w->rows->want_count; i++) {
        const weir_rows_want *want = &w->rows->wants[i];
        if (w->j->seen[i]) continue;
        w->values[i] = weir_null();
        if (want->type.optional || want->may_be_absent) continue;
        rows_bad_value(w->rows, w->row, want, (weir_bytes){0},
                       "missing, and the field is not optional");
        return;
    }
}

static weir_error *next_jsonl(weir_rows *rows, weir_arena *scratch, weir_value *values,
                              weir_row *row)
{
    jsonl *j = rows->state;
    weir_bytes line = {0};
    WEIR_TRY(next_record(rows, &line, row));
    if (row->status != WEIR_ROW_OK) return NULL;
    memset(j->seen, 0, rows->want_count * sizeof *j->seen);
    weir_json json;
    weir_json_init(&json, line.data, line.size, scratch);
    walk w = {.rows = rows,
              .j = j,
              .json = &json,
              .scratch = scratch,
              .values = values,
              .row = row,
              .prefix = ""};
    bool good = weir_json_expect(&json, WEIR_JSON_OBJECT_BEGIN) && read_object(&w) &&
                row->status == WEIR_ROW_OK;
    if (good) (void)weir_json_expect(&json, WEIR_JSON_END);
    if (row->status != WEIR_ROW_OK) return NULL; /* a value was wrong */
    if (json.problem != NULL) {
        rows_problem(row, "line %" PRIu64 ", character %zu: %s", row->line,
                     (size_t)(json.next - json.start) + 1, json.problem);
        return NULL;
    }
    check_absent(&w);
    return NULL;
}

static weir_error *bind_jsonl(weir_rows *rows)
{
    jsonl *j = rows->state;
    j->seen = weir_arena_array(&rows->arena, bool, rows->want_count);
    return NULL;
}

static weir_error *next_line_jsonl(weir_rows *rows, weir_bytes *text_out, weir_row *row)
{
    return next_record(rows, text_out, row);
}

/* The members of the first object, for who asks for columns. */
void weir_rows_peek_members(weir_rows *rows)
{
    jsonl *j = rows->state;
    weir_row row = {0};
    weir_bytes line = {0};
    if (j->is_peeked || rows->index > 0) return;
    weir_error *error = next_record(rows, &line, &row);
    if (error != NULL || row.status == WEIR_ROW_END) {
        weir_error_free(error); /* comes again with the first row */
        return;
    }
    j->is_peeked = true;
    j->peeked_status = row.status == WEIR_ROW_OK ? ROWS_RECORD_OK : ROWS_RECORD_TOO_LONG;
    j->peeked_line = row.line;
    j->peeked = (weir_bytes){weir_arena_copy(&rows->arena, line.data, line.size), line.size};
    weir_json json;
    weir_json_init(&json, j->peeked.data, j->peeked.size, &rows->arena);
    weir_rows_column *columns =
        weir_arena_array(&rows->arena, weir_rows_column, WEIR_ROWS_COLUMNS_MAX);
    size_t count = 0;
    if (weir_json_expect(&json, WEIR_JSON_OBJECT_BEGIN)) {
        while (count < WEIR_ROWS_COLUMNS_MAX && weir_json_next_key(&json)) {
            columns[count++].name =
                weir_arena_string(&rows->arena, (const char *)json.text.data, json.text.size);
            if (!weir_json_skip(&json)) break;
        }
    }
    rows->columns = columns;
    rows->column_count = count;
}

const rows_form weir_rows_form_jsonl = {
    .name = "JSON Lines",
    .open = open_jsonl,
    .bind = bind_jsonl,
    .next = next_jsonl,
    .next_line = next_line_jsonl,
    .close = close_jsonl,
};
