/* SPDX-License-Identifier: Apache-2.0 */
/* A plan as one JSON document: what `weir explain -o json` prints. */
#include "ops/cli/explain.h"

#include <string.h>

#include "compute/engine/specimen.h"
#include "ops/runtime/digest.h"
#include "ops/runtime/json.h"

static void put_text(weir_json_writer *writer, const char *key, const char *text)
{
    weir_json_write_key(writer, key);
    if (text == NULL)
        weir_json_write_null(writer);
    else
        weir_json_write_text(writer, text);
}

static void put_int(weir_json_writer *writer, const char *key, int64_t value)
{
    weir_json_write_key(writer, key);
    weir_json_write_int(writer, value);
}

static void put_double(weir_json_writer *writer, const char *key, double value)
{
    weir_json_write_key(writer, key);
    weir_json_write_double(writer, value);
}

static void put_digest(weir_json_writer *writer, const uint8_t digest[WEIR_DIGEST_BYTES])
{
    char text[WEIR_SHA256_TEXT_SIZE];
    weir_sha256_print(digest, text);
    put_text(writer, "digest", text);
}

/* An estimate has no more digits. */
static double hundredths(double value) { return (double)(int64_t)(value * 100 + 0.5) / 100; }

static void put_type(weir_json_writer *writer, weir_type type)
{
    weir_arena scratch = {0};
    put_text(writer, "type", weir_type_print(type, &scratch));
    weir_arena_deinit(&scratch);
}

static void put_stream(weir_json_writer *writer, const weir_plan *plan,
                       const weir_plan_stream *stream)
{
    weir_json_write_begin(writer, '{');
    put_text(writer, "name", stream->name);
    put_text(writer, "topic", stream->topic);
    put_text(writer, "schema", stream->schema->full_name);
    put_int(writer, "late_us", stream->late_us);
    put_int(writer, "future_us", stream->future_us);
    weir_explain_line ids = weir_explain_id_bytes(plan, (uint32_t)(stream - plan->streams));
    put_double(writer, "id_bytes_per_event", hundredths(ids.event_bytes));
    put_double(writer, "id_bytes_per_key", hundredths(ids.key_bytes));
    weir_json_write_key(writer, "hops");
    weir_json_write_begin(writer, '[');
    for (uint32_t i = 0; i < stream->hop_count; i++) {
        weir_json_write_begin(writer, '{');
        put_text(writer, "entity", plan->entities[stream->hops[i].entity].name);
        put_int(writer, "features_read", stream->hops[i].read_count);
        put_int(writer, "cells_read", stream->hops[i].cell_count);
        put_int(writer, "views_fed", stream->hops[i].feed_count);
        weir_json_write_end(writer, '}');
    }
    weir_json_write_end(writer, ']');
    weir_json_write_end(writer, '}');
}

static void put_member(weir_json_writer *writer, const weir_plan *plan,
                       const weir_plan_member *member)
{
    weir_json_write_begin(writer, '{');
    put_text(writer, "group", member->group);
    put_text(writer, "feature", member->feature);
    put_text(writer, "window", member->suffix[0] == '\0' ? NULL : member->suffix);
    put_text(writer, "column", member->column);
    put_type(writer, member->type);
    put_text(writer, "entity", plan->entities[member->entity].name);
    put_digest(writer, member->digest);
    weir_json_write_key(writer, "this");
    weir_json_write_begin(writer, '[');
    for (uint32_t i = 0; i < member->this_count; i++)
        weir_json_write_text(writer, member->this_names[i]);
    weir_json_write_end(writer, ']');
    put_text(writer, "doc", member->doc);
    weir_json_write_end(writer, '}');
}

static void put_sizes(weir_json_writer *writer, const weir_plan *plan, uint32_t view)
{
    static const uint32_t counts[] = {WEIR_EXPLAIN_EVENTS, WEIR_EXPLAIN_EVENTS_MANY};
    weir_explain_line line = weir_explain_view_bytes(plan, view);
    put_double(writer, "bytes_per_event", hundredths(line.event_bytes));
    put_double(writer, "bytes_per_key", hundredths(line.key_bytes));
    weir_json_write_key(writer, "keys");
    weir_json_write_begin(writer, '[');
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        weir_state_sizes sizes = weir_specimen_weigh(plan, view, counts[i], WEIR_SPECIMEN_SECOND);
        weir_json_write_begin(writer, '{');
        put_int(writer, "events", counts[i]);
        put_int(writer, "stored_bytes", (int64_t)sizes.stored_bytes);
        put_int(writer, "memory_bytes", (int64_t)sizes.memory_bytes);
        weir_json_write_end(writer, '}');
    }
    weir_json_write_end(writer, ']');
}

static void put_view(weir_json_writer *writer, const weir_plan *plan, const weir_plan_view *view)
{
    weir_json_write_begin(writer, '{');
    put_text(writer, "group", view->group);
    put_text(writer, "entity", plan->entities[view->entity].name);
    put_int(writer, "further_keys", view->extra_key_count);
    put_int(writer, "columns", view->column_count);
    put_int(writer, "cells", view->cell_count);
    put_int(writer, "keep_us", view->keep_us);
    put_int(writer, "late_us", view->late_us);
    put_int(writer, "keep_last", view->keep_last);
    weir_json_write_key(writer, "ever");
    weir_json_write_bool(writer, view->has_ever);
    put_sizes(writer, plan, (uint32_t)(view - plan->views));
    put_digest(writer, view->digest);
    weir_json_write_end(writer, '}');
}

static void put_vector(weir_json_writer *writer, const weir_plan *plan,
                       const weir_plan_vector *vector)
{
    weir_json_write_begin(writer, '{');
    put_text(writer, "name", vector->name);
    put_text(writer, "stream", plan->streams[vector->stream].name);
    put_digest(writer, vector->digest);
    weir_json_write_key(writer, "columns");
    weir_json_write_begin(writer, '[');
    for (uint32_t i = 0; i < vector->column_count; i++) {
        weir_json_write_begin(writer, '{');
        put_text(writer, "name", vector->columns[i].name);
        put_type(writer, vector->columns[i].type);
        weir_json_write_end(writer, '}');
    }
    weir_json_write_end(writer, ']');
    weir_json_write_end(writer, '}');
}

static void put_score(weir_json_writer *writer, const weir_plan *plan, const weir_plan_score *score)
{
    weir_json_write_begin(writer, '{');
    put_text(writer, "name", score->name);
    put_text(writer, "vector", plan->vectors[score->vector].name);
    put_text(writer, "model", score->model);
    put_text(writer, "topic", score->topic);
    put_digest(writer, score->digest);
    weir_json_write_end(writer, '}');
}

static bool is_asked(const char *name, const char *of)
{
    return name == NULL || strcmp(name, of) == 0;
}

static bool is_member_asked(const char *name, const weir_plan_member *member)
{
    return is_asked(name, member->group) || weir_explain_is_member(member, name);
}

/* Those items of a list for which `asked`, an expression over their index i, holds. */
#define PUT_LIST(key, put, list, count, asked)                                                     \
    do {                                                                                           \
        weir_json_write_key(&writer, key);                                                         \
        weir_json_write_begin(&writer, '[');                                                       \
        for (uint32_t i = 0; i < (count); i++) {                                                   \
            if (!(asked)) continue;                                                                \
            put(&writer, plan, &(list)[i]);                                                        \
            found = true;                                                                          \
        }                                                                                          \
        weir_json_write_end(&writer, ']');                                                         \
    } while (0)

bool weir_explain_json(const weir_plan *plan, const char *name, weir_buffer *out)
{
    bool found = false;
    weir_json_writer writer = {.out = out, .pretty = true};
    weir_json_write_begin(&writer, '{');
    put_text(&writer, "package", plan->package);
    put_digest(&writer, plan->digest);
    PUT_LIST("streams", put_stream, plan->streams, plan->stream_count,
             is_asked(name, plan->streams[i].name));
    PUT_LIST("features", put_member, plan->members, plan->member_count,
             is_member_asked(name, &plan->members[i]));
    PUT_LIST("views", put_view, plan->views, plan->view_count,
             is_asked(name, plan->views[i].group));
    PUT_LIST("vectors", put_vector, plan->vectors, plan->vector_count,
             is_asked(name, plan->vectors[i].name));
    PUT_LIST("scores", put_score, plan->scores, plan->score_count,
             is_asked(name, plan->scores[i].name));
    weir_json_write_end(&writer, '}');
    weir_buffer_put_u8(out, '\n');
    return found;
}
