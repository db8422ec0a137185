/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be true at the end: every partition is run once more through a fresh node, without
 * faults. What that sends is what must lie in the topics, each at least once, all copies alike, and
 * nothing else; what it keeps is what must lie on the disk of the partition's owner.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ops/runtime/assert.h"
#include "tests/sim/sim.h"

/* "topic partition key value", as bytes that sort. */
typedef struct line_set {
    weir_buffer *lines;
    size_t count, capacity;
} line_set;

static weir_buffer *new_line(line_set *set)
{
    if (set->count == set->capacity) {
        set->capacity = set->capacity == 0 ? 256 : set->capacity * 2;
        set->lines = realloc(set->lines, set->capacity * sizeof *set->lines);
        WEIR_ASSERT(set->lines != NULL);
    }
    set->lines[set->count] = (weir_buffer){0};
    return &set->lines[set->count++];
}

static void add_line(line_set *set, weir_topic topic, int32_t partition, weir_bytes key,
                     weir_bytes value)
{
    weir_buffer *line = new_line(set);
    weir_buffer_put_u32(line, topic);
    weir_buffer_put_u32(line, (uint32_t)partition);
    weir_buffer_put_varint(line, key.size);
    weir_buffer_put(line, key.data, key.size);
    weir_buffer_put(line, value.data, value.size);
}

static int compare_lines(const void *left, const void *right)
{
    const weir_buffer *a = left, *b = right;
    size_t size = a->size < b->size ? a->size : b->size;
    int order = memcmp(a->data, b->data, size);
    if (order != 0) return order;
    return a->size < b->size ? -1 : a->size > b->size;
}

/* Sorts; returns how many were there twice or more often, and keeps one of each. */
static size_t make_unique(line_set *set)
{
    size_t kept = 0, all = set->count;
    qsort(set->lines, set->count, sizeof *set->lines, compare_lines);
    for (size_t i = 0; i < all; i++) {
        if (kept > 0 && compare_lines(&set->lines[kept - 1], &set->lines[i]) == 0)
            weir_buffer_deinit(&set->lines[i]);
        else
            set->lines[kept++] = set->lines[i];
    }
    set->count = kept;
    return all - kept;
}

static void free_set(line_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        weir_buffer_deinit(&set->lines[i]);
    free(set->lines);
    *set = (line_set){0};
}

/* ---- what lies in the topics ---- */

/* A copy's head stands in the place of a record's key. */
static void add_pack(line_set *set, weir_topic topic, int32_t partition, weir_bytes value)
{
    bool bad = false;
    weir_pack_reader reader;
    weir_packed copy;
    WEIR_ASSERT(weir_pack_open(&reader, value));
    while (weir_pack_next(&reader, &copy, &bad))
        add_line(set, topic, partition, copy.head, copy.rest);
    WEIR_ASSERT(!bad);
}

static void gather(sim_world *world, line_set *set)
{
    const weir_topics *topics = sim_world_setup(world)->topics;
    for (weir_topic t = 0; t < topics->count; t++) {
        for (int32_t p = 0; topics->items[t].role != WEIR_TOPIC_SOURCE && p < SIM_PARTITIONS; p++) {
            const sim_partition *partition = sim_world_partition(world, t, p);
            for (size_t i = 0; i < partition->count; i++) {
                const sim_record *record = &partition->records[i];
                weir_bytes value = {record->value.data, record->value.size};
                if (topics->items[t].role == WEIR_TOPIC_JOURNAL)
                    add_pack(set, t, p, value);
                else
                    add_line(set, t, p, (weir_bytes){record->key.data, record->key.size}, value);
            }
        }
    }
}

/* ---- what a plain node sends ---- */

typedef struct catcher {
    line_set *set;
    weir_node *node;
    const weir_topics *topics;
    sim_stats *stats;
} catcher;

static weir_error *catch_output(void *context, const weir_output *output)
{
    catcher *c = context;
    int32_t partition = output->partition == WEIR_PARTITION_BY_KEY
                            ? weir_partition_of(output->key, SIM_PARTITIONS)
                            : output->partition;
    add_line(c->set, output->topic, partition, output->is_copy ? output->head : output->key,
             output->value);
    c->stats->scores += c->topics->items[output->topic].role == WEIR_TOPIC_SCORE;
    c->stats->dead_letters += c->topics->items[output->topic].role == WEIR_TOPIC_DEAD;
    c->node->ops->acked(c->node, output->epoch, 1);
    return NULL;
}

static int32_t partition_count(void *context, weir_topic topic)
{
    (void)context, (void)topic;
    return SIM_PARTITIONS;
}

static weir_error *run_node(weir_node *node, const sim_partition *partition)
{
    weir_node_position at = {.committed = 0, .log_start = 0, .log_end = (int64_t)partition->count};
    int64_t start = 0;
    WEIR_TRY(node->ops->open(node, &at, &start));
    for (size_t i = 0; i < partition->count; i++) {
        const sim_record *from = &partition->records[i];
        weir_log_record record = {.offset = (int64_t)i,
                                  .timestamp_us = from->timestamp_us,
                                  .key = {from->key.data, from->key.size},
                                  .value = {from->value.data, from->value.size}};
        weir_node_turn turn = {.until_us = INT64_MAX};
        WEIR_TRY(node->ops->apply(node, &record, 1, &turn));
    }
    WEIR_TRY(node->ops->flush(node));
    WEIR_TRY(node->ops->committed(node, node->ops->committable(node)));
    return strcmp(node->ops->kind, "fold") == 0 ? weir_fold_settle(node) : NULL;
}

static weir_error *compare_disks(sim_world *world, weir_topic topic, int32_t partition,
                                 const sim_disk *plain)
{
    weir_buffer had = {0}, want = {0};
    weir_error *error = NULL;
    const weir_plan *plan = sim_world_setup(world)->plan;
    sim_disk_print(sim_world_disk(world, topic, partition), plan, &had);
    sim_disk_print(plain, plan, &want);
    if (had.size != want.size || (had.size > 0 && memcmp(had.data, want.data, had.size) != 0)) {
        size_t at = 0;
        while (at < had.size && at < want.size && had.data[at] == want.data[at])
            at++;
        while (at > 0 && had.data[at - 1] != '\n')
            at--;
        error = weir_error_new(
            WEIR_E_DIFFERENCE,
            "state of %s/%d is not that of the plain fold:\n  had  %.*s\n  want %.*s",
            sim_world_setup(world)->topics->items[topic].name, partition,
            (int)(had.size - at > 200 ? 200 : had.size - at), (const char *)had.data + at,
            (int)(want.size - at > 200 ? 200 : want.size - at), (const char *)want.data + at);
    }
    sim_world_stats_edit(world)->state_bytes += want.size;
    weir_buffer_deinit(&had);
    weir_buffer_deinit(&want);
    return error;
}

static weir_error *replay_fold(sim_world *world, weir_topic topic, int32_t p, catcher *c,
                               const weir_output_port *port)
{
    const sim_setup *setup = sim_world_setup(world);
    sim_disk *disk = sim_disk_create();
    weir_engine *engine = weir_engine_create(setup->plan);
    weir_scorer *scorers[2] = {NULL};
    weir_store_port store;
    sim_disk_port(disk, NULL, NULL, &store);
    weir_fold_options options = {.topics = setup->topics,
                                 .topic = topic,
                                 .partition = p,
                                 .port = port,
                                 .schemas = &setup->schemas,
                                 .store = &store,
                                 .engine = engine,
                                 .scorers = scorers};
    weir_error *error = weir_scorer_create(setup->plan, 0, NULL, &scorers[0]);
    if (error == NULL) error = weir_scorer_create(setup->plan, 1, NULL, &scorers[1]);
    if (error == NULL) error = weir_fold_create(&options, &c->node);
    if (error == NULL) error = run_node(c->node, sim_world_partition(world, topic, p));
    if (c->node != NULL) c->node->ops->close(c->node);
    sim_disk_sync(disk);
    if (error == NULL) error = compare_disks(world, topic, p, disk);
    weir_scorer_destroy(scorers[0]);
    weir_scorer_destroy(scorers[1]);
    weir_engine_destroy(engine);
    sim_disk_destroy(disk);
    return error;
}

static weir_error *replay_observe(sim_world *world, weir_topic topic, int32_t p, catcher *c,
                                  const weir_output_port *port)
{
    const sim_setup *setup = sim_world_setup(world);
    weir_observe_options options = {.topics = setup->topics,
                                    .topic = topic,
                                    .partition = p,
                                    .port = port,
                                    .schemas = &setup->schemas};
    WEIR_TRY(weir_observe_create(&options, &c->node));
    weir_error *error = run_node(c->node, sim_world_partition(world, topic, p));
    c->node->ops->close(c->node);
    return error;
}

static weir_error *replay_all(sim_world *world, line_set *sent)
{
    const weir_topics *topics = sim_world_setup(world)->topics;
    for (weir_topic t = 0; t < topics->count; t++) {
        for (int32_t p = 0; topics->items[t].is_consumed && p < SIM_PARTITIONS; p++) {
            catcher c = {.set = sent, .topics = topics, .stats = sim_world_stats_edit(world)};
            weir_output_port port = {&c, catch_output, partition_count};
            bool is_source = topics->items[t].role == WEIR_TOPIC_SOURCE;
            WEIR_TRY(is_source ? replay_observe(world, t, p, &c, &port)
                               : replay_fold(world, t, p, &c, &port));
        }
    }
    return NULL;
}

static weir_error *difference(const sim_world *world, const weir_buffer *line, const char *what)
{
    weir_topic topic = 0;
    memcpy(&topic, line->data, sizeof topic);
    return weir_error_new(WEIR_E_DIFFERENCE, "a record of %s %s",
                          sim_world_setup(world)->topics->items[topic].name, what);
}

static weir_error *compare_sets(const sim_world *world, const line_set *there, const line_set *sent)
{
    size_t i = 0, j = 0;
    while (i < there->count || j < sent->count) {
        int order = i == there->count  ? 1
                    : j == sent->count ? -1
                                       : compare_lines(&there->lines[i], &sent->lines[j]);
        if (order < 0)
            return difference(world, &there->lines[i], "is not what the plain run sends");
        if (order > 0) return difference(world, &sent->lines[j], "is missing");
        i++;
        j++;
    }
    return NULL;
}

/*
 * The plain run shares the nodes' code, so a wrong filter or value would be wrong in both. A small
 * model of its own says which source records must have been scored (the first copies in each
 * journal, duplicates by R9 taken out) and computes two features in the plainest way: how many
 * events of the card are known, and the sum of their units, null where it overflows.
 */
typedef struct kept_event {
    uint32_t stream;
    weir_bytes key, id; /* id.data NULL: none */
    int64_t ingest_us, et_us, units;
    bool is_of_card;
} kept_event;

typedef enum expectation { NONE, SCORE, SCORE_AND_VALUES } expectation;
typedef struct expected_row {
    expectation what;
    int64_t ever;
    __int128 units;
} expected_row;

typedef struct model {
    const sim_setup *setup;
    sim_stats *stats;
    weir_arena arena;
    const weir_decoder *decoder;      /* of tx_id and units */
    bool *is_seen[2][SIM_PARTITIONS]; /* source records, by offset */
    expected_row *expected[2][SIM_PARTITIONS];
    kept_event *kept; /* of the journal's partition at hand */
    size_t kept_count, kept_capacity;
    int64_t ingest_us, greatest_et_us;
} model;

static bool is_same(weir_bytes a, weir_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool is_repeated(const model *m, const kept_event *event)
{
    for (size_t i = 0; event->id.data != NULL && i < m->kept_count; i++) {
        const kept_event *k = &m->kept[i];
        if (k->stream == event->stream && k->id.data != NULL && is_same(k->key, event->key) &&
            is_same(k->id, event->id) &&
            event->ingest_us - k->ingest_us <= m->setup->plan->streams[0].late_us)
            return true;
    }
    return false;
}

static void keep(model *m, const kept_event *event)
{
    if (m->kept_count == m->kept_capacity) {
        m->kept_capacity = m->kept_capacity == 0 ? 64 : m->kept_capacity * 2;
        m->kept = realloc(m->kept, m->kept_capacity * sizeof *m->kept);
        WEIR_ASSERT(m->kept != NULL);
    }
    m->kept[m->kept_count++] = *event;
}

/* What cv.ever and cv.units are at this event; it is not known itself. A read so late that old
 * events stand only as a running value is not looked at. */
static expected_row expect(const model *m, const kept_event *event)
{
    expected_row row = {.what = SCORE};
    if (event->stream != 0) return row;
    if (event->is_of_card && event->et_us < m->greatest_et_us - m->setup->plan->streams[0].late_us)
        return row;
    row.what = SCORE_AND_VALUES;
    for (size_t i = 0; event->is_of_card && i < m->kept_count; i++) {
        const kept_event *k = &m->kept[i];
        if (!k->is_of_card || !is_same(k->key, event->key) || k->et_us > event->et_us) continue;
        row.ever++;
        row.units += k->units;
    }
    return row;
}

static uint32_t stream_of(const model *m, weir_bytes name)
{
    const char *first = m->setup->plan->streams[0].name;
    return strlen(first) == name.size && memcmp(first, name.data, name.size) == 0 ? 0 : 1;
}

static void count_carried(const model *m, uint32_t stream, uint32_t hop)
{
    const weir_plan_stream *plan = &m->setup->plan->streams[stream];
    for (uint32_t i = 0; i < plan->carried_count; i++)
        m->stats->values += plan->carried[i].hop < hop;
}

/* A first copy: is it scored, and with what? */
static void model_first(model *m, const weir_journal_head *head, const weir_journal_copy *copy,
                        uint32_t stream)
{
    weir_value fields[2];
    weir_decode_result result = weir_decoder_decode(m->decoder, copy->body, &m->arena, fields);
    WEIR_ASSERT(result.reason == WEIR_DECODE_OK);
    kept_event event = {.stream = stream,
                        .key = copy->key,
                        .ingest_us = m->ingest_us,
                        .et_us = copy->et_us,
                        .units = fields[1].as.integer,
                        .is_of_card = stream == 0 && head->hop == 0};
    if (!weir_is_null(&fields[0])) event.id = (weir_bytes){fields[0].as.bytes, fields[0].size};
    if (is_repeated(m, &event)) return;
    m->expected[stream][copy->source_partition][copy->source_offset] = expect(m, &event);
    keep(m, &event);
    if (event.et_us > m->greatest_et_us) m->greatest_et_us = event.et_us;
}

/* All copies make time go on; one that was sent again tells nothing new, and is left out. */
static void model_copy(model *m, const weir_journal_head *head, const weir_journal_copy *copy,
                       int64_t record_us)
{
    int64_t time = copy->source_timestamp_us < record_us ? copy->source_timestamp_us : record_us;
    if (time > m->ingest_us) m->ingest_us = time;
    uint32_t stream = stream_of(m, head->stream);
    if (copy->point_count > 0) {
        count_carried(m, stream, head->hop);
        if (copy->et_us > m->greatest_et_us) m->greatest_et_us = copy->et_us;
        return;
    }
    bool *seen = &m->is_seen[stream][copy->source_partition][copy->source_offset];
    if (!*seen) model_first(m, head, copy, stream);
    *seen = true;
}

static void model_partition(model *m, const sim_partition *partition)
{
    m->ingest_us = m->greatest_et_us = INT64_MIN / 2;
    m->kept_count = 0;
    for (size_t i = 0; i < partition->count; i++) {
        bool bad = false;
        weir_pack_reader reader;
        weir_packed packed;
        weir_journal_head head;
        weir_journal_copy copy;
        const sim_record *record = &partition->records[i];
        WEIR_ASSERT(weir_pack_open(&reader, (weir_bytes){record->value.data, record->value.size}));
        while (weir_pack_next(&reader, &packed, &bad)) {
            WEIR_ASSERT(weir_journal_head_decode(packed.head, &head));
            WEIR_ASSERT(weir_journal_copy_decode(&head, packed.rest, &copy));
            model_copy(m, &head, &copy, record->timestamp_us);
        }
    }
}

static void model_init(model *m, sim_world *world)
{
    static const char *const wanted[] = {"tx_id", "units"};
    *m = (model){.setup = sim_world_setup(world), .stats = sim_world_stats_edit(world)};
    weir_error *error = weir_decoder_compile(m->setup->schema, m->setup->schema, wanted, NULL, 2,
                                             &m->arena, &m->decoder);
    WEIR_ASSERT(error == NULL);
    for (uint32_t stream = 0; stream < 2; stream++) {
        for (int32_t p = 0; p < SIM_PARTITIONS; p++) {
            size_t count = sim_world_partition(world, m->setup->topics->sources[stream], p)->count;
            m->is_seen[stream][p] = weir_arena_array(&m->arena, bool, count + 1);
            m->expected[stream][p] = weir_arena_array(&m->arena, expected_row, count + 1);
        }
    }
    const weir_topics *topics = m->setup->topics;
    for (weir_topic t = 0; t < topics->count; t++)
        for (int32_t p = 0; topics->items[t].role == WEIR_TOPIC_JOURNAL && p < SIM_PARTITIONS; p++)
            model_partition(m, sim_world_partition(world, t, p));
}

/* The first two columns of v, and whether the second one's overflow is named. */
static bool has_values(const model *m, const expected_row *row, weir_bytes vector,
                       weir_bytes record)
{
    static const char named[] = "\x10"
                                "cv_units"
                                "\x10"
                                "overflow";
    const weir_plan_vector *plan = &m->setup->plan->vectors[0];
    WEIR_ASSERT(strcmp(plan->columns[1].name, "cv_units") == 0);
    weir_arena scratch = {0};
    weir_reader reader = weir_reader_of(vector.data, vector.size);
    weir_value ever =
        weir_value_decode(weir_type_optional(plan->columns[0].type), &reader, &scratch);
    weir_value units =
        weir_value_decode(weir_type_optional(plan->columns[1].type), &reader, &scratch);
    weir_arena_deinit(&scratch);
    bool overflows = row->units > INT64_MAX || row->units < INT64_MIN;
    bool is_named = memmem(record.data, record.size, named, sizeof named - 1) != NULL;
    if (is_named != overflows || weir_is_null(&units) != overflows) return false;
    return ever.as.integer == row->ever && (overflows || units.as.integer == row->units);
}

/* Each expected record has one score; no other has any. `there` holds distinct records. */
static weir_error *compare_scores(model *m, const line_set *there)
{
    static const char *const wanted[] = {"origin.partition", "origin.offset", "stream", "vector"};
    const weir_schema *schema = NULL;
    const weir_decoder *decoder = NULL;
    weir_topic score = m->setup->topics->scores[0];
    WEIR_TRY(weir_schema_parse(weir_score_schema, strlen(weir_score_schema), "score.avsc",
                               &m->arena, &schema));
    WEIR_TRY(weir_decoder_compile(schema, schema, wanted, NULL, 4, &m->arena, &decoder));
    for (size_t i = 0; i < there->count; i++) {
        weir_value origin[4];
        weir_reader reader = weir_reader_of(there->lines[i].data, there->lines[i].size);
        if (weir_reader_u32(&reader) != score) continue;
        (void)weir_reader_u32(&reader);
        (void)weir_reader_string(&reader);
        weir_bytes body = {reader.next + WEIR_FRAME_BYTES,
                           weir_reader_left(&reader) - WEIR_FRAME_BYTES};
        weir_decode_result result = weir_decoder_decode(decoder, body, &m->arena, origin);
        WEIR_ASSERT(result.reason == WEIR_DECODE_OK);
        uint32_t stream = stream_of(m, (weir_bytes){origin[2].as.bytes, origin[2].size});
        expected_row *row = &m->expected[stream][origin[0].as.integer][origin[1].as.integer];
        m->stats->values += m->setup->plan->vectors[stream].column_count;
        if (row->what == NONE) {
            return weir_error_new(WEIR_E_DIFFERENCE,
                                  "source record %d/%lld is scored twice, or is a duplicate",
                                  (int)origin[0].as.integer, (long long)origin[1].as.integer);
        }
        weir_bytes vector = {origin[3].as.bytes, origin[3].size};
        if (row->what == SCORE_AND_VALUES && !has_values(m, row, vector, body))
            return weir_error_new(WEIR_E_DIFFERENCE, "source record %d/%lld has wrong values",
                                  (int)origin[0].as.integer, (long long)origin[1].as.integer);
        row->what = NONE;
    }
    return NULL;
}

static weir_error *all_scored(const model *m, sim_world *world, uint32_t stream, int32_t p)
{
    size_t count = sim_world_partition(world, m->setup->topics->sources[stream], p)->count;
    for (size_t i = 0; i < count; i++)
        if (m->expected[stream][p][i].what != NONE)
            return weir_error_new(WEIR_E_DIFFERENCE, "source record %s %d/%zu has no score",
                                  m->setup->plan->streams[stream].name, (int)p, i);
    return NULL;
}

static weir_error *check_model(sim_world *world, const line_set *there)
{
    model m;
    model_init(&m, world);
    weir_error *error = compare_scores(&m, there);
    for (uint32_t i = 0; error == NULL && i < 2 * SIM_PARTITIONS; i++)
        error = all_scored(&m, world, i / SIM_PARTITIONS, (int32_t)(i % SIM_PARTITIONS));
    free(m.kept);
    weir_arena_deinit(&m.arena);
    return error;
}

weir_error *sim_check(sim_world *world)
{
    line_set there = {0}, sent = {0};
    gather(world, &there);
    sim_world_stats_edit(world)->sent_again = make_unique(&there);
    weir_error *error = check_model(world, &there);
    if (error == NULL) error = replay_all(world, &sent);
    if (error == NULL && make_unique(&sent) > 0)
        error = weir_error_new(WEIR_E_BUG, "a plain run sends something twice");
    if (error == NULL) error = compare_sets(world, &there, &sent);
    free_set(&there);
    free_set(&sent);
    return error;
}
