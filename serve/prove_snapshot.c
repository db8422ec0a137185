/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/prove_snapshot.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/digest.h"
#include "ops/runtime/file.h"
#include "schemas/json_value.h"
#include "serve/export.h"
#include "store/manifest.h"
#include "store/parquet/reader.h"

enum { ENTRIES_MAX = 65536, DEPTH_MAX = 3 };

typedef struct snapshot_job {
    const weir_replay_options *replay;
    const char *path;
    weir_arena *into;
    weir_proof *proof;
    weir_arena arena;
    weir_manifest manifest; /* of the snapshot */
    const char *again;      /* folder of the same export, made anew */
    weir_manifest again_manifest;
    uint64_t row; /* that is being compared */
} snapshot_job;

__attribute__((format(printf, 2, 3))) static void tell(snapshot_job *job, const char *format, ...)
{
    job->proof->differing++;
    va_list arguments;
    va_start(arguments, format);
    weir_proof_vtell(job->proof, job->into, format, arguments);
    va_end(arguments);
}

/* --- rows of a folder --- */

/* The parts of a snapshot, of which there is one at least, as one sequence of rows. */
typedef struct row_source {
    const char *folder;
    const weir_manifest *manifest;
    weir_arena arena;
    size_t part; /* that is open, plus one */
    weir_parquet_reader *reader;
    weir_value *const *columns; /* of the batch */
    size_t batch, at;
    bool is_end;
} row_source;

static weir_error *open_part(row_source *rows)
{
    weir_parquet_reader_close(rows->reader);
    rows->reader = NULL;
    const char *file = rows->manifest->parts[rows->part++].file;
    return weir_parquet_reader_open(weir_arena_printf(&rows->arena, "%s/%s", rows->folder, file),
                                    &rows->reader);
}

static weir_error *next_row(row_source *rows)
{
    if (++rows->at < rows->batch) return NULL;
    for (;;) {
        WEIR_TRY(weir_parquet_reader_next(rows->reader, &rows->columns, &rows->batch));
        rows->at = 0;
        if (rows->batch > 0) return NULL;
        rows->is_end = rows->part == rows->manifest->part_count;
        if (rows->is_end) return NULL;
        WEIR_TRY(open_part(rows));
    }
}

static weir_error *rows_open(row_source *rows, const char *folder, const weir_manifest *manifest)
{
    *rows = (row_source){.folder = folder, .manifest = manifest};
    return open_part(rows);
}

static void rows_close(row_source *rows)
{
    weir_parquet_reader_close(rows->reader);
    weir_arena_deinit(&rows->arena);
}

/* --- telling --- */

/* "row 17 (journal partition 0, offset 12, index 3)". */
static const char *name_row(snapshot_job *job, const row_source *rows)
{
    static const char *const places[] = {"journal_partition", "journal_offset", "journal_index"};
    weir_buffer out = {0};
    size_t count = weir_parquet_reader_column_count(rows->reader);
    const weir_parquet_column *columns = weir_parquet_reader_columns(rows->reader);
    weir_buffer_printf(&out, "row %" PRIu64 " (", job->row);
    for (size_t p = 0; p < 3; p++) {
        for (size_t c = 0; c < count; c++) {
            const weir_value *value = &rows->columns[c][rows->at];
            if (strcmp(columns[c].name, places[p]) != 0 || value->kind != WEIR_INT64) continue;
            weir_buffer_printf(&out, "%s%s %" PRId64, p > 0 ? ", " : "", places[p],
                               value->as.integer);
        }
    }
    weir_buffer_put_text(&out, ")");
    const char *text = weir_arena_string(&job->arena, (const char *)out.data, out.size);
    weir_buffer_deinit(&out);
    return text;
}

static const char *print_value(snapshot_job *job, weir_type type, const weir_value *value)
{
    weir_buffer out = {0};
    weir_json_writer writer = {.out = &out};
    if (value->kind == WEIR_PARQUET_BAD_VALUE)
        weir_buffer_put_text(&out, (const char *)value->as.bytes);
    else
        weir_json_write_value(&writer, type, value);
    const char *text = weir_arena_string(&job->arena, (const char *)out.data, out.size);
    weir_buffer_deinit(&out);
    return text;
}

/* --- comparing --- */

static bool values_are_same(const weir_value *a, const weir_value *b)
{
    if (a->kind == WEIR_PARQUET_BAD_VALUE || b->kind == WEIR_PARQUET_BAD_VALUE) return false;
    return weir_value_equal(a, b);
}

static bool columns_are_same(snapshot_job *job, const row_source *there, const row_source *again)
{
    size_t had = weir_parquet_reader_column_count(there->reader);
    size_t want = weir_parquet_reader_column_count(again->reader);
    const weir_parquet_column *left = weir_parquet_reader_columns(there->reader);
    const weir_parquet_column *right = weir_parquet_reader_columns(again->reader);
    for (size_t i = 0; i < had && i < want; i++) {
        if (strcmp(left[i].name, right[i].name) == 0 &&
            weir_type_equal(left[i].type, right[i].type))
            continue;
        tell(job, "snapshot %s: column %zu is `%s` there, `%s` in the replay, or has another type",
             job->path, i, left[i].name, right[i].name);
        return false;
    }
    if (had == want) return true;
    tell(job, "snapshot %s: there %zu columns, replayed %zu", job->path, had, want);
    return false;
}

/* One row of both; every value that differs is counted. */
static void compare_row(snapshot_job *job, const row_source *there, const row_source *again)
{
    size_t count = weir_parquet_reader_column_count(there->reader);
    const weir_parquet_column *columns = weir_parquet_reader_columns(there->reader);
    for (size_t c = 0; c < count; c++) {
        const weir_value *had = &there->columns[c][there->at];
        const weir_value *want = &again->columns[c][again->at];
        if (values_are_same(had, want)) continue;
        tell(job, "snapshot %s: %s, column %s: there %s, replayed %s", job->path,
             name_row(job, again), columns[c].name, print_value(job, columns[c].type, had),
             print_value(job, columns[c].type, want));
    }
    job->proof->exported++;
    job->proof->values += count;
}

static weir_error *compare_rows(snapshot_job *job)
{
    weir_error *error = NULL;
    row_source there = {0}, again = {0};
    WEIR_TRY_OUT(rows_open(&there, job->path, &job->manifest));
    WEIR_TRY_OUT(rows_open(&again, job->again, &job->again_manifest));
    if (!columns_are_same(job, &there, &again)) goto out;
    WEIR_TRY_OUT(next_row(&there));
    WEIR_TRY_OUT(next_row(&again));
    for (size_t parts = 2; !there.is_end && !again.is_end; job->row++) {
        bool is_new_part = there.part + again.part != parts;
        if (is_new_part && !columns_are_same(job, &there, &again)) goto out;
        parts = there.part + again.part;
        weir_arena_reset(&job->arena);
        compare_row(job, &there, &again);
        WEIR_TRY_OUT(next_row(&there));
        WEIR_TRY_OUT(next_row(&again));
    }
    if (!there.is_end) {
        tell(job, "snapshot %s: %s is in no replay; there %" PRIu64 " rows, replayed %" PRIu64,
             job->path, name_row(job, &there), job->manifest.rows, job->again_manifest.rows);
    } else if (!again.is_end) {
        tell(job, "snapshot %s: %s is missing; there %" PRIu64 " rows, replayed %" PRIu64,
             job->path, name_row(job, &again), job->manifest.rows, job->again_manifest.rows);
    }
out:
    rows_close(&there);
    rows_close(&again);
    return error;
}

/* --- making it again --- */

static const char *extra_of(const weir_manifest *manifest, const char *key)
{
    for (size_t i = 0; i < manifest->facts.extra_count; i++) {
        if (strcmp(manifest->facts.extra[i].key, key) == 0) return manifest->facts.extra[i].value;
    }
    return NULL;
}

static void take_with(snapshot_job *job, weir_export_options *options)
{
    const char *all = extra_of(&job->manifest, WEIR_EXPORT_WITH);
    if (all == NULL) return;
    size_t most = 1;
    for (const char *at = all; *at != '\0'; at++)
        most += *at == ',';
    const char **with = weir_arena_array(job->into, const char *, most);
    for (const char *at = all; at != NULL;) {
        const char *comma = strchr(at, ',');
        size_t size = comma == NULL ? strlen(at) : (size_t)(comma - at);
        with[options->with_count++] = weir_arena_string(job->into, at, size);
        at = comma == NULL ? NULL : comma + 1;
    }
    options->with = with;
}

static void take_times(const snapshot_job *job, weir_export_options *options)
{
    const char *from = extra_of(&job->manifest, WEIR_EXPORT_FROM);
    const char *to = extra_of(&job->manifest, WEIR_EXPORT_TO);
    if (from != NULL) options->from_us = strtoll(from, NULL, 10);
    if (to != NULL) options->to_us = strtoll(to, NULL, 10);
}

/* The parts of a spine's snapshot are the spine. */
static void take_spine(snapshot_job *job, weir_export_options *options)
{
    if (extra_of(&job->manifest, WEIR_EXPORT_SPINE) == NULL) return;
    const char **paths = weir_arena_array(job->into, const char *, job->manifest.part_count + 1);
    for (size_t i = 0; i < job->manifest.part_count; i++)
        paths[i] = weir_arena_printf(job->into, "%s/%s", job->path, job->manifest.parts[i].file);
    options->spine = paths;
    options->spine_count = job->manifest.part_count;
    options->spine_time = "event_time";
}

static void take_limits(snapshot_job *job, weir_export_options *options)
{
    const weir_topics *topics = job->replay->topics;
    size_t count = job->manifest.facts.range_count;
    weir_replay_range *limits = weir_arena_array(job->into, weir_replay_range, count + 1);
    for (size_t i = 0; i < count; i++) {
        const weir_snapshot_range *range = &job->manifest.facts.ranges[i];
        weir_topic topic = weir_topics_find(topics, range->topic);
        if (topic == WEIR_NONE) continue;
        limits[options->limit_count++] =
            (weir_replay_range){.topic = topic, .partition = range->partition, .to = range->to};
    }
    options->limits = limits;
}

/* Both must have folded the same records. */
static bool ranges_are_same(snapshot_job *job)
{
    const weir_snapshot_facts *had = &job->manifest.facts, *want = &job->again_manifest.facts;
    for (size_t i = 0; i < had->range_count; i++) {
        const weir_snapshot_range *range = &had->ranges[i], *other = NULL;
        for (size_t k = 0; k < want->range_count && other == NULL; k++) {
            if (strcmp(want->ranges[k].topic, range->topic) == 0 &&
                want->ranges[k].partition == range->partition)
                other = &want->ranges[k];
        }
        if (other != NULL && other->from == range->from && other->to == range->to) continue;
        tell(job,
             "snapshot %s: it was made from %s/%d, offsets %" PRId64 " to %" PRId64
             "; of these the journal now holds %" PRId64 " to %" PRId64,
             job->path, range->topic, range->partition, range->from, range->to,
             other == NULL ? 0 : other->from, other == NULL ? 0 : other->to);
        return false;
    }
    return true;
}

static weir_error *read_manifest(const char *folder, weir_arena *into, weir_manifest *manifest_out)
{
    weir_bytes text;
    const char *path = weir_manifest_path(folder, into);
    WEIR_TRY(weir_file_read(path, WEIR_MANIFEST_BYTES_MAX, into, &text));
    return weir_manifest_parse(path, text, into, manifest_out);
}

/* "package.vector"; NULL: of another package, or of other definitions. */
static const char *vector_of(const snapshot_job *job)
{
    const weir_plan *plan = job->replay->topics->plan;
    char digest[WEIR_SHA256_BYTES * 2 + 1];
    const char *title = job->manifest.title;
    size_t package = strlen(plan->package);
    weir_sha256_print(plan->digest, digest);
    if (strcmp(job->manifest.definition, digest) != 0) return NULL;
    if (strncmp(title, plan->package, package) != 0 || title[package] != '.') return NULL;
    title += package + 1;
    return weir_plan_find_vector(plan, title) == WEIR_NONE ? NULL : title;
}

static weir_error *prove_again(snapshot_job *job, const char *vector)
{
    weir_export_summary summary;
    weir_export_options options = {.replay = job->replay,
                                   .vector = vector,
                                   .is_asof = strcmp(job->manifest.facts.mode, "as-of") == 0,
                                   .from_us = INT64_MIN,
                                   .to_us = INT64_MAX,
                                   .out = job->again};
    take_with(job, &options);
    take_times(job, &options);
    take_spine(job, &options);
    take_limits(job, &options);
    WEIR_TRY(weir_export(&options, &summary));
    WEIR_TRY(read_manifest(job->again, job->into, &job->again_manifest));
    job->proof->snapshots++;
    return ranges_are_same(job) ? compare_rows(job) : NULL;
}

static weir_error *prove(snapshot_job *job)
{
    weir_snapshot_verdict verdict;
    WEIR_TRY(weir_snapshot_verify(job->path, &verdict));
    WEIR_TRY(read_manifest(job->path, job->into, &job->manifest));
    const char *vector = vector_of(job);
    if (vector == NULL) {
        job->proof->skipped++;
        return NULL;
    }
    job->again = weir_arena_printf(job->into, "%s/prove-%ld", job->replay->scratch, (long)getpid());
    WEIR_TRY(weir_dir_make(job->replay->scratch));
    WEIR_TRY(weir_dir_remove(job->again));
    weir_error *error = prove_again(job, vector);
    weir_error *removed = weir_dir_remove(job->again);
    if (error == NULL) return removed;
    weir_error_free(removed);
    return weir_error_while(error, "making snapshot %s again", job->path);
}

weir_error *weir_snapshot_prove(const weir_replay_options *replay, const char *path,
                                weir_arena *into, weir_proof *proof)
{
    snapshot_job job = {.replay = replay, .path = path, .into = into, .proof = proof};
    weir_error *error = prove(&job);
    if (error != NULL && weir_error_code_of(error) == WEIR_E_CORRUPT) {
        tell(&job, "snapshot %s: %s", path, weir_error_message(error));
        weir_error_free(error);
        error = NULL;
    }
    weir_arena_deinit(&job.arena);
    return error;
}

/* --- finding snapshots --- */

typedef struct search {
    const char *skip;
    weir_arena *into;
    const char **paths;
    size_t count, capacity;
} search;

static bool is_folder(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static void add_path(search *found, const char *path)
{
    if (found->count == found->capacity) {
        size_t more = found->capacity == 0 ? 16 : found->capacity * 2;
        const char **paths = weir_arena_array(found->into, const char *, more);
        if (found->count > 0) memcpy(paths, found->paths, found->count * sizeof *paths);
        found->paths = paths;
        found->capacity = more;
    }
    found->paths[found->count++] = path;
}

static weir_error *search_folder(search *found, const char *folder, int depth)
{
    const char *const *names = NULL;
    size_t count = 0;
    bool is_snapshot =
        weir_file_exists(weir_manifest_path(folder, found->into)) &&
        weir_file_exists(weir_arena_printf(found->into, "%s/part-00000.parquet", folder));
    if (is_snapshot) {
        add_path(found, folder);
        return NULL;
    }
    if (depth == DEPTH_MAX) return NULL;
    WEIR_TRY(weir_dir_list(folder, "", ENTRIES_MAX, found->into, &names, &count));
    for (size_t i = 0; i < count; i++) {
        const char *path = strcmp(folder, ".") == 0
                               ? names[i]
                               : weir_arena_printf(found->into, "%s/%s", folder, names[i]);
        if (!is_folder(path) || strcmp(path, found->skip) == 0) continue;
        WEIR_TRY(search_folder(found, path, depth + 1));
    }
    return NULL;
}

weir_error *weir_snapshots_find(const char *folder, const char *skip, weir_arena *into,
                                const char *const **paths_out, size_t *count_out)
{
    search found = {.skip = skip, .into = into};
    WEIR_TRY(search_folder(&found, folder, 0));
    *paths_out = found.paths;
    *count_out = found.count;
    return NULL;
}
