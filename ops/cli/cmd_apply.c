/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "ingest/admin.h"
#include "ingest/applied.h"
#include "ingest/dead_letter.h"
#include "ingest/kafka_range.h"
#include "ingest/lane.h"
#include "ingest/mock.h"
#include "ingest/packer.h"
#include "ops/cli/listing.h"
#include "ops/cli/stack.h"
#include "ops/cli/topic_check.h"
#include "ops/runtime/digest.h"
#include "ops/runtime/file.h"
#include "schemas/time.h"

enum { MODEL_BYTES_MAX = 0x7fffffff };

static const weir_option options[] = {
    {"partitions", 0, "N",
     "partitions of journals and sources to create (setting journal_partitions)", false},
    {"dry-run", 0, NULL, "only show what would change", false},
    {"undrained", 0, NULL,
     "put other definitions in force although journals hold records that no worker has taken",
     false},
    {0},
};

/* What is going to be done. */
typedef struct change {
    weir_cli *cli;
    weir_stack *stack;
    weir_admin *admin;
    weir_topic_state *states;
    int64_t partitions, replication;
    bool is_embedded;       /* its broker makes all topics alike, whatever is asked for */
    weir_topic_spec *specs; /* to create */
    size_t spec_count;
    weir_journal_notice *notices; /* to write */
    size_t notice_count;
    bool is_undrained; /* journals hold records that nobody has taken */
    bool is_foreign;   /* journals hold events that these definitions can not fold */
    bool keeps_state;  /* other definitions than those in force, which keep and carry the same */
    bool is_text;      /* else the changes are rows of the list */
    weir_listing list;
} change;

enum { NEW, REPLACED, SAME, TO_MEND, COST };

/* What is with a thing: a line that begins with a sign, or a row for programs. */
__attribute__((format(printf, 4, 5))) static void say(change *c, int what, const char *thing,
                                                      const char *format, ...)
{
    static const char signs[] = "+~=! ";
    static const char *const names[] = {"new", "replaced", "same", "to mend", "cost"};
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (c->is_text) {
        (void)printf("%c %s: %s\n", signs[what], thing, text);
        return;
    }
    weir_listing_text(&c->list, names[what]);
    weir_listing_text(&c->list, thing);
    weir_listing_text(&c->list, text);
}

static const char *topic_name(const change *c, const char *name)
{
    return weir_arena_printf(&c->cli->arena, "topic %s", name);
}

/* --- topics --- */

static const char *const *configs_of(const weir_topic_info *info, weir_arena *into)
{
    const char **pairs = weir_arena_array(into, const char *, info->setting_count * 2 + 1);
    for (uint32_t i = 0; i < info->setting_count; i++) {
        pairs[i * 2] = info->settings[i].name;
        pairs[i * 2 + 1] = info->settings[i].value;
    }
    return pairs;
}

static weir_topic_spec spec_of(const change *c, const weir_topic_info *info)
{
    bool is_single =
        !c->is_embedded && (info->role == WEIR_TOPIC_MARKS || info->role == WEIR_TOPIC_DEAD ||
                            info->role == WEIR_TOPIC_SERVED);
    return (weir_topic_spec){.name = info->name,
                             .partitions = is_single ? 1 : (int32_t)c->partitions,
                             .replication = (int16_t)c->replication,
                             .configs = configs_of(info, &c->cli->arena)};
}

static void spec_say(change *c, const weir_topic_spec *spec)
{
    char configs[512] = "";
    if (c->is_embedded) {
        say(c, NEW, topic_name(c, spec->name),
            "%d partitions, %d copies, as the embedded broker makes every topic", spec->partitions,
            spec->replication);
        return;
    }
    for (const char *const *pair = spec->configs; *pair != NULL; pair += 2) {
        size_t used = strlen(configs);
        (void)snprintf(configs + used, sizeof configs - used, " %s=%s", pair[0], pair[1]);
    }
    say(c, NEW, topic_name(c, spec->name), "%d partitions, %d copies%s", spec->partitions,
        spec->replication, configs);
}

/* What is announced is what will be made. */
static weir_error *embedded_check(change *c)
{
    const weir_broker_info *brokers = NULL;
    size_t count = 0;
    WEIR_TRY(weir_admin_is_embedded(c->admin, &c->is_embedded));
    if (!c->is_embedded) return NULL;
    WEIR_TRY(weir_admin_brokers(c->admin, &c->cli->arena, &brokers, &count));
    if (weir_cli_option(c->cli, "partitions") != NULL && c->partitions != WEIR_MOCK_PARTITIONS)
        weir_cli_note(c->cli,
                      "the embedded broker takes no --partitions: topics that it is asked for have "
                      "%d; `weir broker --topic NAME:PARTITIONS` makes one with others",
                      WEIR_MOCK_PARTITIONS);
    c->partitions = WEIR_MOCK_PARTITIONS;
    c->replication = count < WEIR_MOCK_COPIES_MAX ? (int64_t)count : WEIR_MOCK_COPIES_MAX;
    return NULL;
}

static weir_error *topics_compare(change *c)
{
    const weir_topics *topics = c->stack->topics;
    WEIR_TRY(embedded_check(c));
    WEIR_TRY(weir_topic_states(c->admin, topics, &c->cli->arena, &c->states));
    c->specs = weir_arena_array(&c->cli->arena, weir_topic_spec, topics->count + 1);
    for (uint32_t i = 0; i < topics->count; i++) {
        const weir_topic_info *info = &topics->items[i];
        if (!c->states[i].exists) {
            c->specs[c->spec_count] = spec_of(c, info);
            spec_say(c, &c->specs[c->spec_count++]);
            continue;
        }
        const char *problem =
            weir_topic_problem(info, &c->states[i], c->stack->config, &c->cli->arena);
        const char *thing = topic_name(c, info->name);
        if (problem != NULL) say(c, TO_MEND, thing, "%s", problem);
        if (problem == NULL) say(c, SAME, thing, "%d partitions", c->states[i].partitions);
    }
    return NULL;
}

/* --- definitions and models --- */

static void digest_print(const uint8_t *digest, char text[17])
{
    for (int i = 0; i < 8; i++)
        (void)snprintf(text + i * 2, 3, "%02x", digest[i]);
}

static void notice_compare(change *c, const weir_applied *items, size_t count,
                           const weir_journal_notice *notice)
{
    const char *name = weir_applied_name(notice, &c->cli->arena);
    const weir_applied *had = weir_applied_find(items, count, name);
    char new_text[17], had_text[17];
    digest_print(notice->digest, new_text);
    if (had != NULL && memcmp(had->digest, notice->digest, WEIR_DIGEST_BYTES) == 0) {
        say(c, SAME, name, "%s is in force", new_text);
        return;
    }
    if (had != NULL) {
        digest_print(had->digest, had_text);
        say(c, REPLACED, name, "%s replaces %s", new_text, had_text);
        c->keeps_state = c->keeps_state ||
                         (notice->kind == WEIR_JOURNAL_DEFINITION &&
                          memcmp(had->fold_digest, notice->fold_digest, WEIR_DIGEST_BYTES) == 0);
    } else {
        say(c, NEW, name, "%s", new_text);
    }
    c->notices[c->notice_count++] = *notice;
}

static weir_bytes bytes_of(const char *text)
{
    return (weir_bytes){(const uint8_t *)text, strlen(text)};
}

static weir_error *notices_compare(change *c)
{
    const weir_plan *plan = c->stack->plan;
    const weir_applied *items = NULL;
    size_t count = 0;
    WEIR_TRY(weir_applied_read(&c->stack->kafka, c->stack->topics, &c->cli->arena, &items, &count));
    c->notices = weir_arena_array(&c->cli->arena, weir_journal_notice, plan->score_count + 1);
    weir_journal_notice definition;
    weir_journal_notice_of(plan, &definition);
    notice_compare(c, items, count, &definition);
    for (uint32_t i = 0; i < plan->score_count; i++) {
        if (c->stack->models[i] == NULL) continue;
        weir_journal_notice model = {.kind = WEIR_JOURNAL_MODEL,
                                     .name = bytes_of(plan->scores[i].model)};
        memcpy(model.digest, weir_model_describe(c->stack->models[i])->digest, WEIR_DIGEST_BYTES);
        bool is_known = false;
        for (uint32_t k = 0; k < i; k++) {
            is_known = is_known || strcmp(plan->scores[k].model, plan->scores[i].model) == 0;
        }
        if (!is_known) notice_compare(c, items, count, &model);
    }
    return NULL;
}

static bool has_new_definition(const change *c)
{
    return c->notice_count > 0 && c->notices[0].kind == WEIR_JOURNAL_DEFINITION;
}

/* What it costs: a new definition folds the journals again, as far as they go back, unless it keeps
 * and carries what the old one did. */
static weir_error *cost_say(change *c)
{
    int64_t records = 0;
    if (c->keeps_state) {
        say(c, COST, "cost",
            "nothing is folded again: what is kept of each key stays the same, and workers go on "
            "from the state that they have; what the old version scored is proved in a folder of "
            "its own (docs/runbooks/not-applied.md)");
        return NULL;
    }
    const weir_topics *topics = c->stack->topics;
    for (uint32_t i = 0; has_new_definition(c) && i < topics->count; i++) {
        if (topics->items[i].role != WEIR_TOPIC_JOURNAL || !c->states[i].exists) continue;
        for (int32_t p = 0; p < c->states[i].partitions; p++) {
            int64_t start = 0, end = 0;
            WEIR_TRY(weir_admin_ends(c->admin, topics->items[i].name, p, &start, &end));
            records += end - start;
        }
    }
    if (records > 0) {
        say(c, COST, "cost",
            "once `weir rebuild --all --from-start` has removed the old state, workers fold "
            "%" PRId64 " journal records again; what the old version scored is proved, exported "
            "and explained in a folder of its own (docs/runbooks/not-applied.md)",
            records);
    }
    return NULL;
}

/* --- what is still under way --- */

/* Only records with events count: notices and control records stand in journals, too. */
static weir_error *pack_count(void *context, const weir_log_record *record, bool *is_over_out)
{
    int64_t *count = context;
    (void)is_over_out;
    *count += record->value.size > 0 && record->value.data[0] == WEIR_JOURNAL_PACK;
    return NULL;
}

/* Without a committed offset nothing was taken. */
static weir_error *untaken_count(const change *c, uint32_t topic, int64_t *count_out)
{
    const char *name = c->stack->topics->items[topic].name;
    int32_t partitions = c->states[topic].partitions;
    int64_t *committed = weir_arena_array(&c->cli->arena, int64_t, (size_t)partitions + 1);
    *count_out = 0;
    WEIR_TRY(weir_admin_committed(c->admin, c->stack->group, name, partitions, committed));
    for (int32_t p = 0; p < partitions; p++) {
        int64_t start = 0, end = 0;
        WEIR_TRY(weir_admin_ends(c->admin, name, p, &start, &end));
        int64_t from = committed[p] > start ? committed[p] : start;
        weir_kafka_range open = {.topic = name, .partition = p, .from = from, .end = end};
        WEIR_TRY(weir_kafka_range_read(&c->stack->kafka, &open, pack_count, count_out));
    }
    return NULL;
}

/* Copies that carry values of the old version can be taken by its workers only. */
static weir_error *drained_check(change *c)
{
    int64_t total = 0;
    if (!has_new_definition(c)) return NULL;
    for (uint32_t i = 0; i < c->stack->topics->count; i++) {
        if (c->stack->topics->items[i].role != WEIR_TOPIC_JOURNAL || !c->states[i].exists) continue;
        int64_t count = 0;
        WEIR_TRY(untaken_count(c, i, &count));
        if (count > 0)
            say(c, TO_MEND,
                weir_arena_printf(&c->cli->arena, "journal %s", c->stack->topics->items[i].name),
                "%" PRId64 " records are not yet taken", count);
        total += count;
    }
    c->is_undrained = total > 0;
    return NULL;
}

static weir_error *drained_require(const change *c)
{
    if (!c->is_undrained || weir_cli_flag(c->cli, "undrained")) return NULL;
    return weir_error_new(
        WEIR_E_NOT_APPLIED,
        "the journals hold records that the version in force has not taken, and nothing was put in "
        "force; let its workers take them (`weir run --until-end` in its folder), or give "
        "--undrained (docs/runbooks/not-applied.md)");
}

/* --- what can not be folded --- */

/* The first copy of a stream that carries what other definitions read. */
typedef struct foreign_search {
    const weir_plan *plan;
    const weir_plan_stream *stream;
    int64_t offset; /* -1: not found */
} foreign_search;

static weir_error *foreign_find(void *context, const weir_log_record *record, bool *is_over_out)
{
    foreign_search *search = context;
    weir_pack_reader reader;
    weir_packed packed;
    bool is_bad = false;
    if (record->value.size == 0 || record->value.data[0] != WEIR_JOURNAL_PACK) return NULL;
    if (!weir_pack_open(&reader, record->value)) return NULL;
    while (search->offset < 0 && weir_pack_next(&reader, &packed, &is_bad)) {
        weir_journal_head head;
        if (!weir_journal_head_decode(packed.head, &head) || head.point_count == 0) continue;
        if (memcmp(head.digest, search->plan->fold_digest, sizeof head.digest) == 0) continue;
        if (head.stream.size == strlen(search->stream->name) &&
            memcmp(head.stream.data, search->stream->name, head.stream.size) == 0)
            search->offset = record->offset;
    }
    *is_over_out = search->offset >= 0;
    return NULL;
}

/* All of a journal is read only where there are none: mostly they stand at its beginning. */
static weir_error *foreign_check(change *c, const weir_plan_stream *stream, uint32_t topic)
{
    const weir_plan *plan = c->stack->plan;
    const char *name = c->stack->topics->items[topic].name;
    for (int32_t p = 0; p < c->states[topic].partitions && !c->is_foreign; p++) {
        foreign_search search = {plan, stream, -1};
        int64_t start = 0, end = 0;
        WEIR_TRY(weir_admin_ends(c->admin, name, p, &start, &end));
        weir_kafka_range range = {.topic = name, .partition = p, .from = start, .end = end};
        WEIR_TRY(weir_kafka_range_read(&c->stack->kafka, &range, foreign_find, &search));
        if (search.offset < 0) continue;
        c->is_foreign = true;
        say(c, TO_MEND, weir_arena_printf(&c->cli->arena, "journal %s", name),
            "%d/%" PRId64 ": an event of %s carries values of another version, and features there "
            "depend on such values",
            p, search.offset, stream->name);
    }
    return NULL;
}

/* Where a feature of one entity depends on another's, journals of other versions are no history.
 * What such a version began at an entity that is not our first, only the keys of its events tell:
 * that is left to the workers. */
static weir_error *foldable_check(change *c)
{
    const weir_topics *topics = c->stack->topics;
    const weir_plan *plan = c->stack->plan;
    if (!has_new_definition(c) || c->keeps_state) return NULL;
    for (uint32_t i = 0; i < plan->stream_count; i++) {
        const weir_plan_stream *stream = &plan->streams[i];
        for (uint32_t h = 1; h < stream->hop_count; h++) {
            uint32_t topic = topics->journals[stream->hops[h].entity];
            if (weir_lane_needs_earlier(plan, stream, h) && c->states[topic].exists)
                WEIR_TRY(foreign_check(c, stream, topic));
        }
    }
    return NULL;
}

static weir_error *foldable_require(const change *c)
{
    if (!c->is_foreign) return NULL;
    return weir_error_new(
        WEIR_E_NOT_APPLIED,
        "a feature of one entity depends on another's, and the journals hold events of another "
        "version, which can not be folded under these definitions; nothing was put in force: give "
        "the package a new name (docs/runbooks/not-applied.md)");
}

/* --- doing it --- */

/* Text and models are kept by digest, so that what was in force can be read and run again. */
static weir_error *keep(const change *c, const char *folder, const uint8_t *digest, const char *end,
                        weir_bytes bytes)
{
    weir_arena *arena = &c->cli->arena;
    char name[WEIR_SHA256_TEXT_SIZE];
    weir_sha256_print(digest, name);
    const char *dir = weir_arena_printf(
        arena, "%s/%s", weir_config_text(c->stack->config, WEIR_SETTING_STATE_DIR), folder);
    WEIR_TRY(weir_dir_make(dir));
    const char *path = weir_arena_printf(arena, "%s/%s%s", dir, name, end);
    if (weir_file_exists(path)) return NULL;
    return weir_file_write(path, bytes.data, bytes.size);
}

static weir_error *model_keep(const change *c, const weir_journal_notice *notice)
{
    const char *folder = weir_config_text(c->stack->config, WEIR_SETTING_MODELS_DIR);
    weir_arena arena = {0};
    const char *name =
        weir_arena_string(&arena, (const char *)notice->name.data, notice->name.size);
    const char *path = NULL;
    weir_bytes bytes = {0};
    weir_error *error = NULL;
    WEIR_TRY_OUT(weir_project_model_path(folder, name, &arena, &path));
    WEIR_TRY_OUT(weir_file_read(path, MODEL_BYTES_MAX, &arena, &bytes));
    const char *ending = path + strlen(folder) + 1 + strlen(name);
    WEIR_TRY_OUT(keep(c, "models", notice->digest, ending, bytes));
out:
    weir_arena_deinit(&arena);
    return error;
}

static weir_error *notices_keep(const change *c)
{
    for (size_t i = 0; i < c->notice_count; i++) {
        const weir_journal_notice *notice = &c->notices[i];
        if (notice->kind == WEIR_JOURNAL_DEFINITION) {
            WEIR_TRY(keep(c, "definitions", notice->digest, ".weir", notice->text));
        } else {
            WEIR_TRY(model_keep(c, notice));
        }
    }
    return NULL;
}

/* With a registry this registers the schemas; without one it is nothing. */
static weir_error *schemas_register(const change *c)
{
    const weir_stack *stack = c->stack;
    const weir_plan *plan = stack->plan;
    int32_t id = 0;
    for (uint32_t i = 0; i < plan->stream_count; i++) {
        const weir_plan_stream *stream = &plan->streams[i];
        char *json =
            weir_arena_string(&c->cli->arena, stream->schema->json, stream->schema->json_size);
        WEIR_TRY(weir_error_while(
            stack->schemas.output_id(stack->schemas.context, stream->topic, json, &id),
            "registering the schema of stream %s", stream->name));
    }
    return stack->schemas.output_id(stack->schemas.context,
                                    stack->topics->items[stack->topics->dead].name,
                                    weir_dead_letter_schema, &id);
}

static weir_error *apply(change *c)
{
    static const char *const columns[] = {"change", "what", "text"};
    weir_format format = c->cli->format;
    c->is_text = format == WEIR_FORMAT_DEFAULT || format == WEIR_FORMAT_TEXT;
    c->list = weir_listing_begin(c->cli, columns, sizeof columns / sizeof *columns);
    WEIR_TRY(topics_compare(c));
    WEIR_TRY(notices_compare(c));
    WEIR_TRY(cost_say(c));
    WEIR_TRY(drained_check(c));
    WEIR_TRY(foldable_check(c));
    if (!c->is_text) weir_listing_end(&c->list);
    if (weir_cli_flag(c->cli, "dry-run")) return NULL;
    (void)fflush(stdout);
    WEIR_TRY(foldable_require(c));
    WEIR_TRY(drained_require(c));
    WEIR_TRY(weir_admin_create(c->admin, c->specs, c->spec_count));
    WEIR_TRY(schemas_register(c));
    WEIR_TRY(notices_keep(c));
    WEIR_TRY(weir_applied_write(&c->stack->kafka, c->stack->topics, c->notices, c->notice_count));
    if (c->spec_count + c->notice_count == 0) {
        weir_cli_note(c->cli, "nothing to do");
    } else {
        weir_cli_note(c->cli, "applied: %zu topics created, %zu records put in force",
                      c->spec_count, c->notice_count);
    }
    return NULL;
}

static weir_error *run(weir_cli *cli)
{
    weir_stack stack;
    WEIR_TRY(weir_stack_open(cli, &stack));
    change c = {.cli = cli,
                .stack = &stack,
                .partitions = weir_config_int(stack.config, WEIR_SETTING_JOURNAL_PARTITIONS),
                .replication = weir_config_int(stack.config, WEIR_SETTING_JOURNAL_REPLICATION)};
    weir_error *error = NULL;
    WEIR_TRY_OUT(weir_cli_int(cli, "partitions", 1, 10000, &c.partitions));
    WEIR_TRY_OUT(weir_stack_load_models(cli, &stack));
    WEIR_TRY_OUT(weir_admin_open(&stack.kafka, &c.admin));
    WEIR_TRY_OUT(apply(&c));
out:
    weir_admin_close(c.admin);
    weir_stack_close(&stack);
    return error;
}

const weir_command weir_command_apply = {
    .name = "apply",
    .group = WEIR_GROUP_STREAM,
    .summary = "Create the topics and put the definitions and models in force",
    .arguments = "",
    .help =
        "Shows what changes first: + is new, ~ is replaced, = stays, ! has to be mended by you. "
        "May be run again at any time:\n"
        "what is as it should be is left alone. Workers refuse to run other definitions than "
        "those in force.\n\n"
        "Other definitions are put in force only where the journals are drained, or with "
        "--undrained: copies under way carry\n"
        "values that only the version that sent them can take on. Where what is kept and carried "
        "stays the same\n"
        "(one more score, another name) workers go on from the state that they have; else it is "
        "made anew from the journals.",
    .options = options,
    .formats = WEIR_FORMAT_TEXT | WEIR_FORMATS_OF_LISTINGS,
    .run = run,
};
