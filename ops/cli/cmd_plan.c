/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir plan: the compiled plan, all of it: what is decoded, which way events take, what is read and
 * stored where, and the expressions behind every column. `weir explain` tells what it means and
 * costs.
 */
#include <string.h>

#include "ops/cli/cli.h"
#include "ops/cli/explain.h"
#include "ops/cli/project.h"
#include "ops/runtime/digest.h"
#include "ops/runtime/json.h"

typedef struct drawing {
    const weir_plan *plan;
    weir_json_writer json;
    weir_arena arena; /* of texts */
} drawing;

/* ---- small things ---- */

static void put_text(drawing *d, const char *key, const char *text)
{
    weir_json_write_key(&d->json, key);
    if (text == NULL)
        weir_json_write_null(&d->json);
    else
        weir_json_write_text(&d->json, text);
}

static void put_int(drawing *d, const char *key, int64_t number)
{
    weir_json_write_key(&d->json, key);
    weir_json_write_int(&d->json, number);
}

static void put_type(drawing *d, weir_type type)
{
    put_text(d, "type", weir_type_print(type, &d->arena));
}

static void put_digest(drawing *d, const uint8_t digest[WEIR_DIGEST_BYTES])
{
    char text[WEIR_SHA256_TEXT_SIZE];
    weir_sha256_print(digest, text);
    put_text(d, "digest", text);
}

static void put_expr(drawing *d, const char *key, uint32_t stream, const weir_plan_source *columns,
                     const weir_expr *expr)
{
    weir_buffer text = {0};
    weir_explain_expr(d->plan, stream, columns, expr, &text);
    weir_json_write_key(&d->json, key);
    weir_json_write_string(&d->json, text.data, text.size);
    weir_buffer_deinit(&text);
}

static void begin_list(drawing *d, const char *key)
{
    weir_json_write_key(&d->json, key);
    weir_json_write_begin(&d->json, '[');
}

static void end_list(drawing *d) { weir_json_write_end(&d->json, ']'); }

/* ---- streams ---- */

static void put_carried(drawing *d, uint32_t stream, uint32_t index)
{
    const weir_plan_carried *carried = &d->plan->streams[stream].carried[index];
    weir_json_write_begin(&d->json, '{');
    put_text(d, "feature", d->plan->members[carried->member].column);
    put_type(d, carried->type);
    put_expr(d, "is", stream, NULL, carried->expr);
    weir_json_write_end(&d->json, '}');
}

static void put_hop(drawing *d, uint32_t stream, const weir_plan_hop *hop)
{
    weir_json_write_begin(&d->json, '{');
    put_text(d, "entity", d->plan->entities[hop->entity].name);
    begin_list(d, "key");
    for (uint32_t k = 0; k < d->plan->entities[hop->entity].key_count; k++)
        weir_json_write_text(&d->json, d->plan->streams[stream].slot_paths[hop->key_slots[k]]);
    end_list(d);
    begin_list(d, "cells");
    for (uint32_t i = 0; i < hop->cell_count; i++)
        weir_json_write_int(&d->json, hop->cells[i]);
    end_list(d);
    begin_list(d, "reads");
    for (uint32_t i = 0; i < hop->read_count; i++)
        put_carried(d, stream, hop->reads[i]);
    end_list(d);
    begin_list(d, "feeds");
    for (uint32_t i = 0; i < hop->feed_count; i++)
        weir_json_write_int(&d->json, hop->feeds[i].view);
    end_list(d);
    weir_json_write_end(&d->json, '}');
}

static void put_stream(drawing *d, uint32_t index)
{
    const weir_plan_stream *stream = &d->plan->streams[index];
    weir_json_write_begin(&d->json, '{');
    put_text(d, "name", stream->name);
    put_text(d, "topic", stream->topic);
    put_text(d, "schema", stream->schema->full_name);
    put_text(d, "time", stream->slot_paths[stream->time_slot]);
    put_text(d, "id", stream->id_slot == WEIR_NONE ? NULL : stream->slot_paths[stream->id_slot]);
    put_int(d, "late_us", stream->late_us);
    put_int(d, "future_us", stream->future_us);
    begin_list(d, "fields");
    for (uint32_t s = 0; s < stream->slot_count; s++) {
        weir_json_write_begin(&d->json, '{');
        put_text(d, "path", stream->slot_paths[s]);
        put_type(d, stream->slot_types[s]);
        weir_json_write_end(&d->json, '}');
    }
    end_list(d);
    begin_list(d, "expect");
    for (uint32_t i = 0; i < stream->expect_count; i++)
        weir_json_write_text(&d->json, stream->expect_texts[i]);
    end_list(d);
    begin_list(d, "hops");
    for (uint32_t h = 0; h < stream->hop_count; h++)
        put_hop(d, index, &stream->hops[h]);
    end_list(d);
    weir_json_write_end(&d->json, '}');
}

/* ---- views and cells ---- */

static void put_source(drawing *d, const weir_plan_view *view, const weir_plan_source *source)
{
    weir_json_write_begin(&d->json, '{');
    put_text(d, "stream", d->plan->streams[source->stream].name);
    put_int(d, "hop", source->hop);
    if (source->where != NULL) put_expr(d, "where", source->stream, NULL, source->where);
    begin_list(d, "columns");
    for (uint32_t i = 0; i < view->column_count; i++) {
        weir_json_write_begin(&d->json, '{');
        put_type(d, view->column_types[i]);
        put_expr(d, "is", source->stream, NULL, source->columns[i]);
        weir_json_write_end(&d->json, '}');
    }
    end_list(d);
    begin_list(d, "further_keys");
    for (uint32_t i = 0; i < view->extra_key_count; i++) {
        weir_json_write_begin(&d->json, '{');
        put_type(d, view->extra_key_types[i]);
        put_expr(d, "is", source->stream, NULL, source->extra_keys[i]);
        weir_json_write_end(&d->json, '}');
    }
    end_list(d);
    weir_json_write_end(&d->json, '}');
}

static void put_view(drawing *d, uint32_t index)
{
    const weir_plan_view *view = &d->plan->views[index];
    weir_json_write_begin(&d->json, '{');
    put_int(d, "view", index);
    put_text(d, "group", view->group);
    put_text(d, "entity", d->plan->entities[view->entity].name);
    begin_list(d, "sources");
    for (uint32_t i = 0; i < view->source_count; i++)
        put_source(d, view, &view->sources[i]);
    end_list(d);
    put_int(d, "keep_us", view->keep_us);
    put_int(d, "late_us", view->late_us);
    put_int(d, "keep_last", view->keep_last);
    weir_json_write_key(&d->json, "ever");
    weir_json_write_bool(&d->json, view->has_ever);
    weir_json_write_key(&d->json, "bytes_per_event");
    weir_json_write_double(&d->json, weir_explain_view_bytes(d->plan, index).event_bytes);
    put_digest(d, view->digest);
    weir_json_write_end(&d->json, '}');
}

static void put_cell(drawing *d, uint32_t index)
{
    const weir_plan_cell *cell = &d->plan->cells[index];
    const weir_plan_source *source = &d->plan->views[cell->view].sources[0];
    weir_buffer window = {0};
    weir_explain_window(&cell->window, &window);
    weir_json_write_begin(&d->json, '{');
    put_int(d, "cell", index);
    put_int(d, "view", cell->view);
    put_text(d, "aggregate", weir_agg_name(cell->binding.agg));
    put_type(d, cell->binding.type);
    weir_json_write_key(&d->json, "over");
    weir_json_write_string(&d->json, window.data, window.size);
    if (cell->filter != WEIR_NONE)
        put_expr(d, "where", source->stream, source, source->columns[cell->filter]);
    if (cell->read_filter != NULL)
        put_expr(d, "where_read", source->stream, source, cell->read_filter);
    weir_json_write_key(&d->json, "including_this");
    weir_json_write_bool(&d->json, cell->including_this);
    begin_list(d, "arguments");
    for (uint32_t i = 0; i < cell->binding.arg_count; i++) {
        weir_buffer text = {0};
        weir_explain_expr(d->plan, source->stream, source, source->columns[cell->args[i]], &text);
        weir_json_write_string(&d->json, text.data, text.size);
        weir_buffer_deinit(&text);
    }
    end_list(d);
    weir_json_write_end(&d->json, '}');
    weir_buffer_deinit(&window);
}

/* ---- what comes out ---- */

static void put_member(drawing *d, const weir_plan_member *member)
{
    weir_json_write_begin(&d->json, '{');
    put_text(d, "column", member->column);
    put_text(d, "group", member->group);
    put_text(d, "entity", d->plan->entities[member->entity].name);
    put_type(d, member->type);
    put_expr(d, "is", member->this_stream, NULL, member->expr);
    put_digest(d, member->digest);
    weir_json_write_end(&d->json, '}');
}

static void put_vector(drawing *d, const weir_plan_vector *vector)
{
    weir_json_write_begin(&d->json, '{');
    put_text(d, "name", vector->name);
    put_text(d, "stream", d->plan->streams[vector->stream].name);
    begin_list(d, "columns");
    for (uint32_t i = 0; i < vector->column_count; i++) {
        weir_json_write_begin(&d->json, '{');
        put_text(d, "name", vector->columns[i].name);
        put_type(d, vector->columns[i].type);
        put_expr(d, "is", vector->stream, NULL, vector->columns[i].expr);
        weir_json_write_end(&d->json, '}');
    }
    end_list(d);
    put_digest(d, vector->digest);
    weir_json_write_end(&d->json, '}');
}

static void put_score(drawing *d, const weir_plan_score *score)
{
    weir_json_write_begin(&d->json, '{');
    put_text(d, "name", score->name);
    put_text(d, "vector", d->plan->vectors[score->vector].name);
    put_text(d, "model", score->model);
    put_text(d, "topic", score->topic);
    put_text(d, "schema", score->schema);
    put_int(d, "reasons", score->reasons);
    begin_list(d, "decide");
    for (uint32_t i = 0; i < score->decision_count; i++) {
        weir_json_write_begin(&d->json, '{');
        put_text(d, "decision", score->decisions[i].name);
        if (score->decisions[i].when != NULL)
            put_expr(d, "when", score->stream, NULL, score->decisions[i].when);
        weir_json_write_end(&d->json, '}');
    }
    end_list(d);
    if (score->fallback != NULL) put_expr(d, "fallback", score->stream, NULL, score->fallback);
    put_digest(d, score->digest);
    weir_json_write_end(&d->json, '}');
}

static void put_entity(drawing *d, const weir_plan_entity *entity)
{
    weir_json_write_begin(&d->json, '{');
    put_text(d, "name", entity->name);
    begin_list(d, "key");
    for (uint32_t k = 0; k < entity->key_count; k++) {
        weir_json_write_begin(&d->json, '{');
        put_text(d, "field", entity->key_names[k]);
        put_type(d, entity->key_types[k]);
        weir_json_write_end(&d->json, '}');
    }
    end_list(d);
    weir_json_write_end(&d->json, '}');
}

static void draw(drawing *d)
{
    const weir_plan *plan = d->plan;
    weir_json_write_begin(&d->json, '{');
    put_text(d, "package", plan->package);
    put_digest(d, plan->digest);
    begin_list(d, "entities");
    for (uint32_t i = 0; i < plan->entity_count; i++)
        put_entity(d, &plan->entities[i]);
    end_list(d);
    begin_list(d, "streams");
    for (uint32_t i = 0; i < plan->stream_count; i++)
        put_stream(d, i);
    end_list(d);
    begin_list(d, "views");
    for (uint32_t i = 0; i < plan->view_count; i++)
        put_view(d, i);
    end_list(d);
    begin_list(d, "cells");
    for (uint32_t i = 0; i < plan->cell_count; i++)
        put_cell(d, i);
    end_list(d);
    begin_list(d, "features");
    for (uint32_t i = 0; i < plan->member_count; i++)
        put_member(d, &plan->members[i]);
    end_list(d);
    begin_list(d, "vectors");
    for (uint32_t i = 0; i < plan->vector_count; i++)
        put_vector(d, &plan->vectors[i]);
    end_list(d);
    begin_list(d, "scores");
    for (uint32_t i = 0; i < plan->score_count; i++)
        put_score(d, &plan->scores[i]);
    end_list(d);
    weir_json_write_end(&d->json, '}');
}

/* ---- for people: the same document, a line per scalar object, indented ---- */

static void print_value(weir_json *json, weir_buffer *out, unsigned depth);

static void put_scalar(weir_json *json, weir_json_token token, weir_buffer *out)
{
    if (token == WEIR_JSON_TRUE) weir_buffer_put_text(out, "yes");
    if (token == WEIR_JSON_FALSE) weir_buffer_put_text(out, "no");
    if (token == WEIR_JSON_NULL) weir_buffer_put_text(out, "none");
    if (token == WEIR_JSON_STRING || token == WEIR_JSON_NUMBER)
        weir_buffer_put(out, json->text.data, json->text.size);
}

static void new_line(weir_buffer *out, unsigned depth)
{
    weir_buffer_put_u8(out, '\n');
    for (unsigned i = 1; i < depth; i++)
        weir_buffer_put_text(out, "  ");
}

/* "n 1  m 2", and lists below. */
static void print_object(weir_json *json, weir_buffer *out, unsigned depth)
{
    bool is_first = true, follows_list = false;
    while (weir_json_next_key(json)) {
        weir_json_token token = weir_json_peek(json);
        if (token == WEIR_JSON_ARRAY_BEGIN || follows_list)
            new_line(out, depth + 1);
        else if (!is_first)
            weir_buffer_put_text(out, "  ");
        weir_buffer_put(out, json->text.data, json->text.size);
        weir_buffer_put_text(out, token == WEIR_JSON_ARRAY_BEGIN ? ":" : " ");
        print_value(json, out, depth + 1);
        is_first = false;
        follows_list = token == WEIR_JSON_ARRAY_BEGIN;
    }
}

static void print_value(weir_json *json, weir_buffer *out, unsigned depth)
{
    weir_json_token token = weir_json_next(json);
    if (token == WEIR_JSON_OBJECT_BEGIN) {
        print_object(json, out, depth);
    } else if (token == WEIR_JSON_ARRAY_BEGIN) {
        while (weir_json_next_item(json)) {
            if (weir_json_peek(json) == WEIR_JSON_OBJECT_BEGIN)
                new_line(out, depth + 1);
            else
                weir_buffer_put_u8(out, ' ');
            print_value(json, out, depth + 1);
        }
    } else {
        put_scalar(json, token, out);
    }
}

static weir_error *run(weir_cli *cli)
{
    weir_project_options project_options = {.is_quiet = true};
    weir_project *project = NULL;
    weir_buffer document = {0}, text = {0};
    WEIR_TRY(weir_project_open_with_settings(cli, &project_options, &project));
    drawing d = {.plan = project->plan,
                 .json = {.out = &document, .pretty = cli->format == WEIR_FORMAT_JSON}};
    draw(&d);
    if (cli->format != WEIR_FORMAT_JSON && cli->format != WEIR_FORMAT_JSONL) {
        weir_json json;
        weir_json_init(&json, document.data, document.size, &d.arena);
        print_value(&json, &text, 0);
    } else {
        weir_buffer_put(&text, document.data, document.size);
    }
    weir_buffer_put_u8(&text, '\n');
    (void)fwrite(text.data, 1, text.size, stdout);
    weir_buffer_deinit(&document);
    weir_buffer_deinit(&text);
    weir_arena_deinit(&d.arena);
    weir_project_close(project);
    return NULL;
}

const weir_command weir_command_plan = {
    .name = "plan",
    .group = WEIR_GROUP_DEFINITIONS,
    .summary = "Print the compiled plan",
    .arguments = "",
    .help =
        "Which fields are decoded, which way events take from entity to entity, what is read and "
        "fed there, the rows that\n"
        "views keep, the cells over them, and the expression behind every feature, column and "
        "decision. `weir explain`\n"
        "tells the same in words, with what it costs.",
    .formats = WEIR_FORMAT_TEXT | WEIR_FORMAT_JSON | WEIR_FORMAT_JSONL,
    .run = run,
};
