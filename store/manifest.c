/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content hash: SHA-256 over "weir snapshot content 1\n" and then, each text as a varint length and
 * its bytes, each number as a varint: title, definition, mode; grades a, b, c; ranges (count;
 * topic, partition, from, to); models (count; name, digest); extra facts (count; key, value); parts
 * (count; rows, content hash as text).
 */
#include "store/manifest.h"

#include <inttypes.h>
#include <string.h>

#include "ops/runtime/file.h"
#include "ops/runtime/json.h"

enum { DIGEST_DIGITS = WEIR_SHA256_TEXT_SIZE - 1, VERSION = 1 };

static const char kind_text[] = "weir.snapshot";

const char *weir_manifest_path(const char *folder, weir_arena *into)
{
    const char *path = weir_arena_printf(into, "%s/" WEIR_MANIFEST_NAME, folder);
    const char *old = weir_arena_printf(into, "%s/" WEIR_MANIFEST_NAME_OLD, folder);
    return weir_file_exists(path) || !weir_file_exists(old) ? path : old;
}

static void add_text(weir_buffer *out, const char *text)
{
    size_t size = text == NULL ? 0 : strlen(text);
    weir_buffer_put_varint(out, size);
    weir_buffer_put(out, text, size);
}

void weir_manifest_content(const weir_manifest *manifest, char text_out[WEIR_SHA256_TEXT_SIZE])
{
    const weir_snapshot_facts *facts = &manifest->facts;
    weir_buffer all = {0};
    weir_buffer_put_text(&all, "weir snapshot content 1\n");
    add_text(&all, manifest->title);
    add_text(&all, manifest->definition);
    add_text(&all, facts->mode);
    weir_buffer_put_varint(&all, facts->grade_a);
    weir_buffer_put_varint(&all, facts->grade_b);
    weir_buffer_put_varint(&all, facts->grade_c);
    weir_buffer_put_varint(&all, facts->range_count);
    for (size_t i = 0; i < facts->range_count; i++) {
        add_text(&all, facts->ranges[i].topic);
        weir_buffer_put_zigzag(&all, facts->ranges[i].partition);
        weir_buffer_put_zigzag(&all, facts->ranges[i].from);
        weir_buffer_put_zigzag(&all, facts->ranges[i].to);
    }
    weir_buffer_put_varint(&all, facts->model_count);
    for (size_t i = 0; i < facts->model_count; i++) {
        add_text(&all, facts->models[i].name);
        add_text(&all, facts->models[i].digest);
    }
    weir_buffer_put_varint(&all, facts->extra_count);
    for (size_t i = 0; i < facts->extra_count; i++) {
        add_text(&all, facts->extra[i].key);
        add_text(&all, facts->extra[i].value);
    }
    weir_buffer_put_varint(&all, manifest->part_count);
    for (size_t i = 0; i < manifest->part_count; i++) {
        weir_buffer_put_varint(&all, manifest->parts[i].rows);
        add_text(&all, manifest->parts[i].content_sha256);
    }
    uint8_t digest[WEIR_SHA256_BYTES];
    weir_sha256_of(all.data, all.size, digest);
    weir_sha256_print(digest, text_out);
    weir_buffer_deinit(&all);
}

/* --- Writing --- */

static void put_text(weir_json_writer *json, const char *key, const char *text)
{
    weir_json_write_key(json, key);
    weir_json_write_text(json, text == NULL ? "" : text);
}

static void put_number(weir_json_writer *json, const char *key, int64_t number)
{
    weir_json_write_key(json, key);
    weir_json_write_int(json, number);
}

static void put_columns(weir_json_writer *json, const weir_manifest *manifest)
{
    weir_arena scratch = {0};
    weir_json_write_key(json, "columns");
    weir_json_write_begin(json, '[');
    for (size_t i = 0; i < manifest->column_count; i++) {
        const weir_parquet_column *column = &manifest->columns[i];
        weir_json_write_begin(json, '{');
        put_text(json, "name", column->name);
        put_text(json, "type", weir_type_print(column->type, &scratch));
        weir_json_write_end(json, '}');
    }
    weir_json_write_end(json, ']');
    weir_arena_deinit(&scratch);
}

static void put_facts(weir_json_writer *json, const weir_snapshot_facts *facts)
{
    weir_json_write_key(json, "grades");
    weir_json_write_begin(json, '{');
    put_number(json, "a", (int64_t)facts->grade_a);
    put_number(json, "b", (int64_t)facts->grade_b);
    put_number(json, "c", (int64_t)facts->grade_c);
    weir_json_write_end(json, '}');
    weir_json_write_key(json, "ranges");
    weir_json_write_begin(json, '[');
    for (size_t i = 0; i < facts->range_count; i++) {
        weir_json_write_begin(json, '{');
        put_text(json, "topic", facts->ranges[i].topic);
        put_number(json, "partition", facts->ranges[i].partition);
        put_number(json, "from", facts->ranges[i].from);
        put_number(json, "to", facts->ranges[i].to);
        weir_json_write_end(json, '}');
    }
    weir_json_write_end(json, ']');
    weir_json_write_key(json, "models");
    weir_json_write_begin(json, '[');
    for (size_t i = 0; i < facts->model_count; i++) {
        weir_json_write_begin(json, '{');
        put_text(json, "name", facts->models[i].name);
        put_text(json, "digest", facts->models[i].digest);
        weir_json_write_end(json, '}');
    }
    weir_json_write_end(json, ']');
    weir_json_write_key(json, "extra");
    weir_json_write_begin(json, '{');
    for (size_t i = 0; i < facts->extra_count; i++)
        put_text(json, facts->extra[i].key, facts->extra[i].value);
    weir_json_write_end(json, '}');
}

static void put_parts(weir_json_writer *json, const weir_manifest *manifest)
{
    weir_json_write_key(json, "parts");
    weir_json_write_begin(json, '[');
    for (size_t i = 0; i < manifest->part_count; i++) {
        const weir_manifest_part *part = &manifest->parts[i];
        weir_json_write_begin(json, '{');
        put_text(json, "file", part->file);
        put_number(json, "rows", (int64_t)part->rows);
        put_number(json, "bytes", (int64_t)part->bytes);
        put_number(json, "row_groups", part->row_groups);
        put_text(json, "content_sha256", part->content_sha256);
        put_text(json, "sha256", part->file_sha256);
        weir_json_write_end(json, '}');
    }
    weir_json_write_end(json, ']');
}

/* Where the last 64 digits in a row stand: those of `manifest_sha256`. */
static uint8_t *own_digits(uint8_t *data, size_t size)
{
    size_t run = 0;
    for (size_t i = size; i-- > 0;) {
        bool is_digit = (data[i] >= '0' && data[i] <= '9') || (data[i] >= 'a' && data[i] <= 'f');
        run = is_digit ? run + 1 : 0;
        if (run == DIGEST_DIGITS) return data + i;
    }
    return NULL;
}

void weir_manifest_print(weir_manifest *manifest, weir_buffer *out)
{
    manifest->rows = manifest->bytes = 0;
    for (size_t i = 0; i < manifest->part_count; i++) {
        manifest->rows += manifest->parts[i].rows;
        manifest->bytes += manifest->parts[i].bytes;
    }
    weir_manifest_content(manifest, manifest->content_sha256);
    size_t start = out->size;
    weir_json_writer json = {.out = out, .pretty = true};
    weir_json_write_begin(&json, '{');
    put_text(&json, "kind", kind_text);
    put_number(&json, "version", VERSION);
    put_text(&json, "created_by", "weir version " WEIR_VERSION);
    put_text(&json, "title", manifest->title);
    put_text(&json, "definition", manifest->definition);
    put_text(&json, "mode", manifest->facts.mode);
    put_text(&json, "content_sha256", manifest->content_sha256);
    put_number(&json, "rows", (int64_t)manifest->rows);
    put_number(&json, "bytes", (int64_t)manifest->bytes);
    put_columns(&json, manifest);
    put_facts(&json, &manifest->facts);
    put_parts(&json, manifest);
    char zeros[WEIR_SHA256_TEXT_SIZE];
    memset(zeros, '0', DIGEST_DIGITS);
    zeros[DIGEST_DIGITS] = '\0';
    put_text(&json, "manifest_sha256", zeros);
    weir_json_write_end(&json, '}');
    weir_buffer_put_u8(out, '\n');
    uint8_t digest[WEIR_SHA256_BYTES];
    weir_sha256_of(out->data + start, out->size - start, digest);
    weir_sha256_print(digest, zeros);
    memcpy(own_digits(out->data + start, out->size - start), zeros, DIGEST_DIGITS);
}

/* --- Reading --- */

static const char *take_text(weir_json *json, weir_arena *into)
{
    weir_bytes text = {0};
    if (!weir_json_string(json, &text)) return "";
    return weir_arena_string(into, (const char *)text.data, text.size);
}

static uint64_t take_count(weir_json *json)
{
    int64_t number = 0;
    if (weir_json_int64(json, &number) && number < 0) weir_json_fail(json, "a count is negative");
    return (uint64_t)number;
}

/* An array that grows in the arena: doubles, copying. */
static void *grow(weir_arena *into, void *items, size_t count, size_t item_bytes)
{
    if (count > 0 && (count & (count - 1)) != 0)
        return items; /* room up to the next power of two */
    void *more = weir_arena_calloc(into, count == 0 ? 1 : 2 * count, item_bytes);
    if (count > 0) memcpy(more, items, count * item_bytes);
    return more;
}

static void take_part(weir_json *json, weir_arena *into, weir_manifest_part *part)
{
    *part = (weir_manifest_part){.file = "", .content_sha256 = "", .file_sha256 = ""};
    if (!weir_json_expect(json, WEIR_JSON_OBJECT_BEGIN)) return;
    while (weir_json_next_key(json)) {
        if (weir_json_key_is(json, "file"))
            part->file = take_text(json, into);
        else if (weir_json_key_is(json, "rows"))
            part->rows = take_count(json);
        else if (weir_json_key_is(json, "bytes"))
            part->bytes = take_count(json);
        else if (weir_json_key_is(json, "row_groups"))
            part->row_groups = (uint32_t)take_count(json);
        else if (weir_json_key_is(json, "content_sha256"))
            part->content_sha256 = take_text(json, into);
        else if (weir_json_key_is(json, "sha256"))
            part->file_sha256 = take_text(json, into);
        else
            (void)weir_json_skip(json);
    }
}

static void take_parts(weir_json *json, weir_arena *into, weir_manifest *manifest)
{
    weir_manifest_part *parts = NULL;
    size_t count = 0;
    if (!weir_json_expect(json, WEIR_JSON_ARRAY_BEGIN)) return;
    while (weir_json_next_item(json)) {
        if (count == WEIR_MANIFEST_PARTS_MAX) weir_json_fail(json, "too many parts");
        parts = grow(into, parts, count, sizeof *parts);
        take_part(json, into, &parts[count++]);
    }
    manifest->parts = parts;
    manifest->part_count = count;
}

static void take_range(weir_json *json, weir_arena *into, weir_snapshot_range *range)
{
    int64_t partition = 0;
    *range = (weir_snapshot_range){.topic = ""};
    if (!weir_json_expect(json, WEIR_JSON_OBJECT_BEGIN)) return;
    while (weir_json_next_key(json)) {
        if (weir_json_key_is(json, "topic"))
            range->topic = take_text(json, into);
        else if (weir_json_key_is(json, "partition"))
            (void)weir_json_int64(json, &partition);
        else if (weir_json_key_is(json, "from"))
            (void)weir_json_int64(json, &range->from);
        else if (weir_json_key_is(json, "to"))
            (void)weir_json_int64(json, &range->to);
        else
            (void)weir_json_skip(json);
    }
    range->partition = (int32_t)partition;
}

static void take_ranges(weir_json *json, weir_arena *into, weir_snapshot_facts *facts)
{
    weir_snapshot_range *ranges = NULL;
    if (!weir_json_expect(json, WEIR_JSON_ARRAY_BEGIN)) return;
    while (weir_json_next_item(json)) {
        ranges = grow(into, ranges, facts->range_count, sizeof *ranges);
        take_range(json, into, &ranges[facts->range_count++]);
    }
    facts->ranges = ranges;
}

static void take_models(weir_json *json, weir_arena *into, weir_snapshot_facts *facts)
{
    weir_snapshot_model *models = NULL;
    if (!weir_json_expect(json, WEIR_JSON_ARRAY_BEGIN)) return;
    while (weir_json_next_item(json)) {
        models = grow(into, models, facts->model_count, sizeof *models);
        weir_snapshot_model *model = &models[facts->model_count++];
        *model = (weir_snapshot_model){"", ""};
        if (!weir_json_expect(json, WEIR_JSON_OBJECT_BEGIN)) return;
        while (weir_json_next_key(json)) {
            if (weir_json_key_is(json, "name"))
                model->name = take_text(json, into);
            else if (weir_json_key_is(json, "digest"))
                model->digest = take_text(json, into);
            else
                (void)weir_json_skip(json);
        }
    }
    facts->models = models;
}

static void take_extra(weir_json *json, weir_arena *into, weir_snapshot_facts *facts)
{
    weir_parquet_pair *pairs = NULL;
    if (!weir_json_expect(json, WEIR_JSON_OBJECT_BEGIN)) return;
    while (weir_json_next_key(json)) {
        pairs = grow(into, pairs, facts->extra_count, sizeof *pairs);
        weir_parquet_pair *pair = &pairs[facts->extra_count++];
        pair->key = weir_arena_string(into, (const char *)json->text.data, json->text.size);
        pair->value = take_text(json, into);
    }
    facts->extra = pairs;
}

static void take_grades(weir_json *json, weir_snapshot_facts *facts)
{
    if (!weir_json_expect(json, WEIR_JSON_OBJECT_BEGIN)) return;
    while (weir_json_next_key(json)) {
        if (weir_json_key_is(json, "a"))
            facts->grade_a = take_count(json);
        else if (weir_json_key_is(json, "b"))
            facts->grade_b = take_count(json);
        else if (weir_json_key_is(json, "c"))
            facts->grade_c = take_count(json);
        else
            (void)weir_json_skip(json);
    }
}

typedef struct heading {
    const char *kind, *content;
    uint64_t version;
} heading;

static void take_member(weir_json *json, weir_arena *into, weir_manifest *manifest, heading *head)
{
    if (weir_json_key_is(json, "kind"))
        head->kind = take_text(json, into);
    else if (weir_json_key_is(json, "version"))
        head->version = take_count(json);
    else if (weir_json_key_is(json, "content_sha256"))
        head->content = take_text(json, into);
    else if (weir_json_key_is(json, "title"))
        manifest->title = take_text(json, into);
    else if (weir_json_key_is(json, "definition"))
        manifest->definition = take_text(json, into);
    else if (weir_json_key_is(json, "mode"))
        manifest->facts.mode = take_text(json, into);
    else if (weir_json_key_is(json, "rows"))
        manifest->rows = take_count(json);
    else if (weir_json_key_is(json, "bytes"))
        manifest->bytes = take_count(json);
    else if (weir_json_key_is(json, "grades"))
        take_grades(json, &manifest->facts);
    else if (weir_json_key_is(json, "ranges"))
        take_ranges(json, into, &manifest->facts);
    else if (weir_json_key_is(json, "models"))
        take_models(json, into, &manifest->facts);
    else if (weir_json_key_is(json, "extra"))
        take_extra(json, into, &manifest->facts);
    else if (weir_json_key_is(json, "parts"))
        take_parts(json, into, manifest);
    else
        (void)weir_json_skip(json);
}

/* The hash of the file with its own digits as zeros. */
static weir_error *check_own_hash(const char *name, weir_bytes file, weir_arena *into)
{
    uint8_t *copy = weir_arena_copy(into, file.data, file.size);
    uint8_t *digits = own_digits(copy, file.size);
    uint8_t digest[WEIR_SHA256_BYTES];
    char stands[WEIR_SHA256_TEXT_SIZE] = {0}, text[WEIR_SHA256_TEXT_SIZE];
    if (digits != NULL) {
        memcpy(stands, digits, DIGEST_DIGITS);
        memset(digits, '0', DIGEST_DIGITS);
    }
    weir_sha256_of(copy, file.size, digest);
    weir_sha256_print(digest, text);
    if (digits != NULL && strcmp(stands, text) == 0) return NULL;
    return weir_error_new(WEIR_E_CORRUPT,
                          "%s: the manifest's own hash differs (it says %s, its bytes give %s): "
                          "the file was changed; export again",
                          name, digits == NULL ? "nothing" : stands, text);
}

weir_error *weir_manifest_parse(const char *name, weir_bytes file, weir_arena *into,
                                weir_manifest *manifest_out)
{
    *manifest_out = (weir_manifest){.title = "", .definition = "", .facts.mode = ""};
    heading head = {"", "", 0};
    weir_json json;
    weir_json_init(&json, file.data, file.size, into);
    if (weir_json_expect(&json, WEIR_JSON_OBJECT_BEGIN)) {
        while (weir_json_next_key(&json))
            take_member(&json, into, manifest_out, &head);
        (void)weir_json_expect(&json, WEIR_JSON_END);
    }
    WEIR_TRY(weir_json_error(&json, WEIR_E_CORRUPT, name));
    WEIR_TRY(check_own_hash(name, file, into));
    if (strcmp(head.kind, kind_text) != 0) {
        return weir_error_new(WEIR_E_DATA, "%s is no manifest of a snapshot (its kind is `%s`)",
                              name, head.kind);
    }
    if (head.version != VERSION) {
        return weir_error_new(
            WEIR_E_DATA, "%s: version %" PRIu64 " of the manifest is not known; use a newer weir",
            name, head.version);
    }
    weir_manifest_content(manifest_out, manifest_out->content_sha256);
    if (strcmp(manifest_out->content_sha256, head.content) == 0) return NULL;
    return weir_error_new(WEIR_E_CORRUPT,
                          "%s: content_sha256 is %s, but its facts and parts give %s; export again",
                          name, head.content, manifest_out->content_sha256);
}
