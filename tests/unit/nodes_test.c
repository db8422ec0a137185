/* SPDX-License-Identifier: Apache-2.0 */
/* What observe refuses, and what a fold refuses to start on: each with its reason, nothing lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#undef skip /* cmocka's; nodes have one, too */
#include "ingest/dead_letter.h"
#include "ingest/fold.h"
#include "ingest/observe.h"
#include "ingest/packer.h"
#include "tests/unit/lang_fixture.h"

static const char definitions[] =
    "package t\n"
    "stream tx from kafka(\"src\") avro(\"t.Tx\") {\n"
    "  time ts  id tx_id  observed by card, merchant  late 1d  future 5m  expect amount >= 0.00\n"
    "}\n"
    "features vel per card from tx { n = count() over 1h }\n"
    "vector v on tx { vel.*  this.amount }\n"
    "score s on tx using model \"m\" {\n"
    "  input v  to kafka(\"scores\")  decide { stop when score >= 0.5  else go }  fallback 0.75\n"
    "}\n";

#define NOW INT64_C(1772366400000000)

static const weir_schema *schema, *letter_schema;

/* What was sent, and a store in memory that keeps the slices' records and the identity only. */
typedef struct scene {
    weir_compilation *compilation;
    weir_topics *topics;
    weir_output_port port;
    weir_schema_source schemas;
    weir_store_port store;
    weir_arena arena;
    weir_node *node;
    weir_topic topic;
    weir_buffer key, value, head;
    size_t sent;
    bool is_registry_away;
    int64_t superseded_below; /* what was applied there was so before ours came again */
    uint32_t hop;             /* whose journal is folded */
    bool spans_versions;
    weir_buffer identity, slices[WEIR_SLICE_COUNT];
} scene;

static weir_error *keep(void *context, const weir_output *output)
{
    scene *s = context;
    s->topic = output->topic;
    weir_buffer_clear(&s->key);
    weir_buffer_clear(&s->value);
    weir_buffer_clear(&s->head);
    weir_buffer_put(&s->head, output->head.data, output->head.size);
    weir_buffer_put(&s->key, output->key.data, output->key.size);
    weir_buffer_put(&s->value, output->value.data, output->value.size);
    s->sent++;
    s->node->ops->acked(s->node, output->epoch, 1);
    return NULL;
}

static int32_t one(void *context, weir_topic topic)
{
    (void)context, (void)topic;
    return 1;
}

static weir_error *writer(void *context, const char *topic, int32_t id,
                          const weir_schema **schema_out)
{
    const scene *s = context;
    (void)topic;
    if (s->is_registry_away) return weir_error_new(WEIR_E_REGISTRY, "away");
    *schema_out = id == 1 ? schema : NULL;
    return NULL;
}

static weir_error *output_id(void *context, const char *topic, const char *json, int32_t *id_out)
{
    (void)context, (void)topic, (void)json;
    *id_out = 9;
    return NULL;
}

static weir_error *store_load(void *context, uint32_t slice, uint32_t view, weir_bytes key,
                              weir_error *(*sink)(void *, uint64_t, weir_bytes), void *sink_context)
{
    (void)context, (void)slice, (void)view, (void)key, (void)sink, (void)sink_context;
    return NULL;
}

static weir_error *store_write(void *context, uint32_t slice, const weir_store_item *items,
                               size_t count, weir_bytes record)
{
    scene *s = context;
    (void)items, (void)count;
    weir_buffer_clear(&s->slices[slice]);
    weir_buffer_put(&s->slices[slice], record.data, record.size);
    return NULL;
}

static weir_error *store_read_slices(void *context, weir_bytes records_out[WEIR_SLICE_COUNT])
{
    const scene *s = context;
    for (size_t i = 0; i < WEIR_SLICE_COUNT; i++)
        records_out[i] = (weir_bytes){s->slices[i].data, s->slices[i].size};
    return NULL;
}

static weir_error *store_read_identity(void *context, weir_bytes *identity_out)
{
    const scene *s = context;
    *identity_out = (weir_bytes){s->identity.data, s->identity.size};
    return NULL;
}

static weir_error *store_write_identity(void *context, weir_bytes identity)
{
    scene *s = context;
    weir_buffer_clear(&s->identity);
    weir_buffer_put(&s->identity, identity.data, identity.size);
    return NULL;
}

static const char schema_json[] =
    "{\"type\":\"record\",\"name\":\"Tx\",\"namespace\":\"t\",\"fields\":["
    "{\"name\":\"ts\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}},"
    "{\"name\":\"tx_id\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"card\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"merchant\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"amount\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":"
    "10,\"scale\":2}}]}";

static weir_error *load_schema(void *context, const char *full_name, const weir_schema **schema_out)
{
    (void)context, (void)full_name;
    *schema_out = schema;
    return NULL;
}

static void compile(scene *s, const char *text)
{
    weir_source_text source = {"t.weir", text, strlen(text)};
    weir_lang_host host = {NULL, load_schema, NULL};
    assert_null(
        weir_schema_parse(schema_json, sizeof schema_json - 1, "Tx.avsc", &s->arena, &schema));
    s->compilation = weir_lang_compile(&source, 1, &host);
    if (s->compilation->plan == NULL) fail_msg("%s", weir_fixture_print(s->compilation, text));
    assert_null(weir_topics_create(s->compilation->plan, &s->topics));
}

static int set_up(void **state)
{
    scene *s = calloc(1, sizeof *s);
    compile(s, definitions);
    s->port = (weir_output_port){s, keep, one};
    s->schemas = (weir_schema_source){s, writer, output_id};
    s->store = (weir_store_port){.context = s,
                                 .load = store_load,
                                 .write = store_write,
                                 .read_slices = store_read_slices,
                                 .read_identity = store_read_identity,
                                 .write_identity = store_write_identity};
    assert_null(weir_schema_parse(weir_dead_letter_schema, strlen(weir_dead_letter_schema), "d",
                                  &s->arena, &letter_schema));
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    scene *s = *state;
    if (s->node != NULL) s->node->ops->close(s->node);
    for (size_t i = 0; i < WEIR_SLICE_COUNT; i++)
        weir_buffer_deinit(&s->slices[i]);
    weir_buffer_deinit(&s->identity);
    weir_buffer_deinit(&s->key);
    weir_buffer_deinit(&s->value);
    weir_buffer_deinit(&s->head);
    weir_topics_destroy(s->topics);
    weir_compilation_destroy(s->compilation);
    weir_arena_deinit(&s->arena);
    weir_fixture_reset();
    free(s);
    return 0;
}

/* ---- observe ---- */

static void open_observe(scene *s)
{
    int64_t start = -1;
    weir_observe_options options = {.topics = s->topics,
                                    .topic = s->topics->sources[0],
                                    .port = &s->port,
                                    .schemas = &s->schemas};
    weir_node_position at = {.committed = -1, .log_start = 5, .log_end = 100};
    assert_null(weir_observe_create(&options, &s->node));
    assert_null(s->node->ops->open(s->node, &at, &start));
    assert_int_equal(start, 5);
}

static weir_error *give(scene *s, int64_t offset, weir_bytes value)
{
    weir_log_record record = {.offset = offset, .timestamp_us = NOW, .value = value};
    weir_node_turn turn = {.until_us = INT64_MAX};
    return s->node->ops->apply(s->node, &record, 1, &turn);
}

static void encode(weir_buffer *out, int32_t id, const weir_value values[5])
{
    weir_frame_write(out, id);
    assert_null(weir_schema_encode(schema, values, out));
}

static void good_values(weir_value values[5])
{
    values[0] = weir_time(NOW);
    values[1] = weir_string("t1", 2);
    values[2] = weir_string("c1", 2);
    values[3] = weir_string("m1", 2);
    values[4] = weir_decimal(1234);
}

/* The letter that was sent last, decoded by its own schema: reason and original bytes. */
static void assert_letter(scene *s, const char *reason, weir_bytes value, const char *key)
{
    static const char *const wanted[] = {"reason", "value", "offset", "topic"};
    const weir_decoder *decoder = NULL;
    weir_value slots[4];
    int32_t id = 0;
    weir_bytes body;
    assert_int_equal(s->topic, s->topics->dead);
    assert_int_equal(s->key.size, strlen(key));
    assert_memory_equal(s->key.data, key, s->key.size);
    assert_true(weir_frame_read((weir_bytes){s->value.data, s->value.size}, &id, &body));
    assert_int_equal(id, 9);
    assert_null(
        weir_decoder_compile(letter_schema, letter_schema, wanted, NULL, 4, &s->arena, &decoder));
    assert_int_equal(weir_decoder_decode(decoder, body, &s->arena, slots).reason, WEIR_DECODE_OK);
    assert_int_equal(slots[0].size, strlen(reason));
    assert_memory_equal(slots[0].as.bytes, reason, slots[0].size);
    if (value.data == NULL) {
        assert_true(weir_is_null(&slots[1]));
        return;
    }
    assert_int_equal(slots[1].size, value.size);
    assert_memory_equal(slots[1].as.bytes, value.data, value.size);
}

static void a_broken_contract_becomes_a_letter_with_the_original_bytes(void **state)
{
    scene *s = *state;
    open_observe(s);
    weir_value values[5];
    weir_buffer bytes = {0};
    good_values(values);

    assert_null(give(s, 5, (weir_bytes){0}));
    assert_letter(s, "bad_frame", (weir_bytes){0}, "src/0/5");
    weir_bytes junk = {(const uint8_t *)"junk", 4};
    assert_null(give(s, 6, junk));
    assert_letter(s, "bad_frame", junk, "src/0/6");

    encode(&bytes, 2, values);
    assert_null(give(s, 7, (weir_bytes){bytes.data, bytes.size}));
    assert_letter(s, "bad_schema", (weir_bytes){bytes.data, bytes.size}, "src/0/7");

    weir_buffer_clear(&bytes);
    encode(&bytes, 1, values);
    bytes.size--;
    assert_null(give(s, 8, (weir_bytes){bytes.data, bytes.size}));
    assert_letter(s, "bad_avro", (weir_bytes){bytes.data, bytes.size}, "src/0/8");

    weir_buffer_clear(&bytes);
    values[4] = weir_decimal(-1);
    encode(&bytes, 1, values);
    assert_null(give(s, 9, (weir_bytes){bytes.data, bytes.size}));
    assert_letter(s, "expect", (weir_bytes){bytes.data, bytes.size}, "src/0/9");

    weir_buffer_clear(&bytes);
    good_values(values);
    values[0] = weir_time(NOW + 300000001);
    encode(&bytes, 1, values);
    assert_null(give(s, 10, (weir_bytes){bytes.data, bytes.size}));
    assert_letter(s, "future", (weir_bytes){bytes.data, bytes.size}, "src/0/10");

    weir_buffer_clear(&bytes);
    good_values(values);
    values[2] = values[3] = weir_null();
    encode(&bytes, 1, values);
    assert_null(give(s, 11, (weir_bytes){bytes.data, bytes.size}));
    assert_letter(s, "no_key", (weir_bytes){bytes.data, bytes.size}, "src/0/11");

    uint8_t *large = calloc(1, WEIR_EVENT_BYTES_MAX + 1);
    assert_null(give(s, 12, (weir_bytes){large, WEIR_EVENT_BYTES_MAX + 1}));
    /* Larger than our own decoder takes: other readers will. */
    assert_int_equal(weir_observe_counted(s->node)->dead[WEIR_DEAD_OVERSIZED], 1);
    assert_true(s->topic == s->topics->dead && s->value.size > WEIR_EVENT_BYTES_MAX);
    free(large);
    assert_int_equal(s->sent, 8);
    weir_buffer_deinit(&bytes);
}

static void an_event_at_the_edge_of_the_future_is_taken(void **state)
{
    scene *s = *state;
    open_observe(s);
    weir_value values[5];
    weir_buffer bytes = {0};
    weir_journal_head head;
    weir_journal_copy copy;
    good_values(values);
    values[0] = weir_time(NOW + 300000000);
    values[2] = weir_null();
    encode(&bytes, 1, values);
    assert_null(give(s, 5, (weir_bytes){bytes.data, bytes.size}));
    /* The first entity whose key is not null. */
    assert_string_equal(s->topics->items[s->topic].name, "weir.t.journal.merchant");
    assert_true(weir_journal_head_decode((weir_bytes){s->head.data, s->head.size}, &head));
    assert_true(weir_journal_copy_decode(&head, (weir_bytes){s->value.data, s->value.size}, &copy));
    assert_int_equal(head.hop, 1);
    assert_int_equal(copy.body.size, bytes.size - WEIR_FRAME_BYTES);
    weir_buffer first = {0};
    weir_buffer_put(&first, s->value.data, s->value.size);
    assert_null(s->node->ops->flush(s->node));
    assert_int_equal(s->node->ops->committable(s->node), 6);
    /* Sent again after a crash: the same bytes. */
    s->node->ops->close(s->node);
    open_observe(s);
    assert_null(give(s, 5, (weir_bytes){bytes.data, bytes.size}));
    assert_int_equal(first.size, s->value.size);
    assert_memory_equal(first.data, s->value.data, first.size);
    weir_buffer_deinit(&first);
    weir_buffer_deinit(&bytes);
}

static void a_registry_that_is_away_stops_before_the_record(void **state)
{
    scene *s = *state;
    open_observe(s);
    weir_value values[5];
    weir_buffer bytes = {0};
    good_values(values);
    encode(&bytes, 1, values);
    s->is_registry_away = true;
    weir_error *error = give(s, 5, (weir_bytes){bytes.data, bytes.size});
    assert_int_equal(weir_error_class_of(error), WEIR_CLASS_TRANSIENT);
    weir_error_free(error);
    assert_int_equal(s->sent, 0);
    s->is_registry_away = false;
    assert_null(give(s, 5, (weir_bytes){bytes.data, bytes.size}));
    assert_int_equal(s->sent, 1);
    weir_buffer_deinit(&bytes);
}

/* ---- fold: what it refuses to start on ---- */

static weir_error *is_superseded(void *context, weir_topic topic, int32_t partition, int64_t offset,
                                 bool *yes_out)
{
    const scene *s = context;
    (void)topic, (void)partition;
    *yes_out = offset < s->superseded_below;
    return NULL;
}

static weir_error *open_fold(scene *s, weir_engine *engine, int64_t committed, int64_t log_start,
                             int64_t log_end)
{
    int64_t start = -1;
    weir_fold_options options = {
        .topics = s->topics,
        .topic = s->topics->journals[s->compilation->plan->streams[0].hops[s->hop].entity],
        .port = &s->port,
        .schemas = &s->schemas,
        .store = &s->store,
        .engine = engine,
        .spans_versions = s->spans_versions,
        .is_superseded = is_superseded,
        .log_end_context = s};
    weir_node_position at = {.committed = committed, .log_start = log_start, .log_end = log_end};
    assert_null(weir_fold_create(&options, &s->node));
    weir_error *error = s->node->ops->open(s->node, &at, &start);
    if (error != NULL) {
        s->node->ops->close(s->node);
        s->node = NULL;
    }
    return error;
}

static void assert_refused(weir_error *error, weir_error_code code, const char *part)
{
    assert_non_null(error);
    assert_int_equal(weir_error_code_of(error), code);
    if (strstr(weir_error_message(error), part) == NULL) fail_msg("%s", weir_error_message(error));
    weir_error_free(error);
}

/* Of a record of the source: what observe makes of it, at the end of a pack. */
static void pack_add(scene *s, weir_buffer *pack, int64_t offset, const weir_value values[5])
{
    weir_buffer bytes = {0};
    encode(&bytes, 1, values);
    assert_null(give(s, offset, (weir_bytes){bytes.data, bytes.size}));
    weir_bytes head = {s->head.data, s->head.size}, rest = {s->value.data, s->value.size};
    if (pack->size == 0) {
        weir_pack_one(head, rest, pack);
    } else {
        weir_buffer_put_varint(pack, 0);
        weir_buffer_put_varint(pack, rest.size);
        weir_buffer_put(pack, rest.data, rest.size);
    }
    weir_buffer_deinit(&bytes);
}

/* A turn stops amid a pack, the partition is parked, comes back, and the record is read anew. */
static void the_rest_of_a_pack_is_taken_where_its_record_stands_then(void **state)
{
    scene *s = *state;
    weir_buffer pack = {0};
    weir_value values[5];
    open_observe(s);
    good_values(values);
    values[0] = weir_time(NOW - 10);
    values[3] = weir_null(); /* goes no further than the first hop: no head is made for it */
    pack_add(s, &pack, 5, values);
    good_values(values);
    values[1] = weir_string("t2", 2);
    pack_add(s, &pack, 6, values);
    s->node->ops->close(s->node);

    weir_engine *engine = weir_engine_create(s->compilation->plan);
    assert_null(open_fold(s, engine, -1, 0, 1));
    s->sent = 0;
    uint8_t *before = malloc(pack.size);
    memcpy(before, pack.data, pack.size);
    weir_log_record record = {.offset = 0, .timestamp_us = NOW, .value = {before, pack.size}};
    weir_node_turn turn = {.until_us = NOW - 5};
    assert_null(s->node->ops->apply(s->node, &record, 1, &turn));
    assert_int_equal(turn.taken, 0);
    assert_int_equal(turn.event_count, 1);
    memset(before, 0, pack.size);
    free(before);

    record.value = (weir_bytes){pack.data, pack.size};
    turn.until_us = INT64_MAX;
    assert_null(s->node->ops->apply(s->node, &record, 1, &turn));
    assert_int_equal(turn.taken, 1);
    assert_int_equal(s->sent, 1);
    weir_journal_head head;
    assert_true(weir_journal_head_decode((weir_bytes){s->head.data, s->head.size}, &head));
    assert_int_equal(head.stream.size, 2);
    assert_memory_equal(head.stream.data, "tx", 2);
    assert_int_equal(head.hop, 1);
    s->node->ops->close(s->node);
    s->node = NULL;
    weir_engine_destroy(engine);
    weir_buffer_deinit(&pack);
}

/* An event that nobody would take up must not pass by in silence. */
static void a_head_of_our_definitions_that_names_no_stream_of_theirs_is_damage(void **state)
{
    scene *s = *state;
    weir_buffer pack = {0};
    weir_value values[5];
    open_observe(s);
    good_values(values);
    pack_add(s, &pack, 5, values);
    s->node->ops->close(s->node);
    uint8_t *name = memmem(pack.data, pack.size, "tx", 2);
    assert_non_null(name);
    memset(name, 0, 2);
    weir_engine *engine = weir_engine_create(s->compilation->plan);
    assert_null(open_fold(s, engine, -1, 0, 1));
    assert_refused(give(s, 0, (weir_bytes){pack.data, pack.size}), WEIR_E_CORRUPT,
                   "offset 0, copy 0: its definitions have no such stream here");
    s->node->ops->close(s->node);
    s->node = NULL;
    weir_engine_destroy(engine);
    weir_buffer_deinit(&pack);
}

enum { PACK_COPIES = 1200, PACKS = 50 };

typedef struct card_journal {
    weir_buffer packs[PACKS];
    uint32_t given;
} card_journal;

/* As many packs of events, whose cards take turns, and a fold that is to take them. */
static void journal_open(scene *s, weir_engine *engine, uint32_t cards, card_journal *journal)
{
    weir_value values[5];
    char card[32];
    open_observe(s);
    for (uint32_t i = 0; i < PACKS * PACK_COPIES; i++) {
        good_values(values);
        values[1] = values[3] = weir_null();
        size_t size = (size_t)snprintf(card, sizeof card, "card number %u", i % cards);
        values[2] = weir_string(card, size);
        pack_add(s, &journal->packs[i / PACK_COPIES], 5 + i, values);
    }
    s->node->ops->close(s->node);
    assert_null(open_fold(s, engine, -1, 0, PACKS));
}

/* The next packs are folded and committed. */
static void journal_give(scene *s, card_journal *journal, uint32_t packs)
{
    for (uint32_t end = journal->given + packs; journal->given < end; journal->given++) {
        const weir_buffer *pack = &journal->packs[journal->given];
        assert_null(give(s, journal->given, (weir_bytes){pack->data, pack->size}));
    }
    assert_null(s->node->ops->flush(s->node));
    assert_null(s->node->ops->committed(s->node, journal->given));
}

static void journal_close(scene *s, weir_engine *engine, card_journal *journal)
{
    s->node->ops->close(s->node);
    s->node = NULL;
    weir_engine_destroy(engine);
    for (size_t i = 0; i < PACKS; i++)
        weir_buffer_deinit(&journal->packs[i]);
}

/* Slices that were written so far, when a tick came at that time. */
static size_t slices_written(scene *s, int64_t monotonic_us)
{
    size_t count = 0;
    assert_null(s->node->ops->tick(s->node, monotonic_us, false));
    for (size_t i = 0; i < WEIR_SLICE_COUNT; i++)
        count += s->slices[i].size > 0;
    return count;
}

static void a_slice_soon_follows_one_that_was_cheap_to_write(void **state)
{
    scene *s = *state;
    card_journal journal = {0};
    weir_engine *engine = weir_engine_create(s->compilation->plan);
    journal_open(s, engine, 64, &journal);
    assert_int_equal(slices_written(s, 1), 0);
    for (int64_t i = 1; i <= 8; i++) {
        journal_give(s, &journal, 1);
        assert_int_equal(slices_written(s, i * (WEIR_FOLD_FREEZE_US / 4)), i - 1);
        assert_int_equal(slices_written(s, i * (WEIR_FOLD_FREEZE_US / 4) + 1), i);
    }
    journal_close(s, engine, &journal);
}

static void a_slice_waits_behind_one_that_was_dear_to_write(void **state)
{
    scene *s = *state;
    card_journal journal = {0};
    weir_engine *engine = weir_engine_create(s->compilation->plan);
    journal_open(s, engine, PACKS * PACK_COPIES, &journal);
    journal_give(s, &journal, PACKS - 1); /* of a slice, 920 cards or so: some 25 kB */
    assert_int_equal(slices_written(s, 1), 0);
    int64_t first = WEIR_FOLD_FREEZE_US / 4 + 1;
    assert_int_equal(slices_written(s, first), 1);
    journal_give(s, &journal, 1);
    assert_int_equal(slices_written(s, first + WEIR_FOLD_FREEZE_US / 4), 1);
    assert_int_equal(slices_written(s, first + WEIR_FOLD_FREEZE_US), 2);
    journal_close(s, engine, &journal);
}

static void a_slice_waits_where_few_events_came(void **state)
{
    scene *s = *state;
    card_journal journal = {0};
    weir_engine *engine = weir_engine_create(s->compilation->plan);
    journal_open(s, engine, 64, &journal);
    journal_give(s, &journal, 1);
    assert_int_equal(slices_written(s, 1), 0);
    int64_t first = WEIR_FOLD_FREEZE_US / 4 + 1;
    assert_int_equal(slices_written(s, first), 1);
    assert_int_equal(slices_written(s, first + WEIR_FOLD_FREEZE_US - 1), 1);
    assert_int_equal(slices_written(s, first + WEIR_FOLD_FREEZE_US), 2);
    journal_close(s, engine, &journal);
}

/* A state at position 10 in all slices. */
static void store_slices(scene *s, int64_t position)
{
    weir_shard_record record;
    weir_seq_list none = {0};
    weir_shard_record_init(&record, s->compilation->plan);
    for (size_t i = 0; i < WEIR_SLICE_COUNT; i++) {
        weir_buffer_clear(&s->slices[i]);
        weir_slice_record_encode(s->compilation->plan, position, &record, &none, &s->slices[i]);
    }
    weir_shard_record_deinit(&record);
}

static void a_fold_refuses_what_does_not_fit_and_says_the_cure(void **state)
{
    scene *s = *state;
    weir_engine *engine = weir_engine_create(s->compilation->plan);
    store_slices(s, 10);
    assert_refused(open_fold(s, engine, 9, 0, 20), WEIR_E_STATE_NEWER, "K < L");
    assert_refused(open_fold(s, engine, 12, 11, 20), WEIR_E_LOG_TRUNCATED, "retention.ms=-1");
    assert_refused(open_fold(s, engine, 12, 0, 9), WEIR_E_STATE_NEWER, "recreated or cut");
    assert_refused(open_fold(s, engine, 21, 0, 20), WEIR_E_STATE_NEWER, "recreated or cut");
    s->slices[17].data[3] ^= 1;
    assert_refused(open_fold(s, engine, 12, 0, 20), WEIR_E_CORRUPT, "remove the folder");
    s->slices[17].data[3] ^= 1;
    s->identity.data[1] ^= 1;
    assert_refused(open_fold(s, engine, 12, 0, 20), WEIR_E_STATE_OTHER,
                   "another version of the definitions");
    s->identity.data[1] ^= 1;
    s->identity.data[s->identity.size - 1] ^= 1;
    assert_refused(open_fold(s, engine, 12, 0, 20), WEIR_E_STATE_OTHER, "another topic");
    s->identity.data[s->identity.size - 1] ^= 1;
    assert_null(open_fold(s, engine, 12, 0, 20));
    weir_engine_destroy(engine);
}

static void a_gap_in_a_journal_stops_the_shard(void **state)
{
    scene *s = *state;
    weir_engine *engine = weir_engine_create(s->compilation->plan);
    uint8_t pack = WEIR_JOURNAL_PACK;
    assert_null(open_fold(s, engine, 0, 0, 20));
    assert_null(give(s, 0, (weir_bytes){&pack, 1}));
    assert_refused(give(s, 2, (weir_bytes){&pack, 1}), WEIR_E_LOG_GAP,
                   "offset 1 was to come, 2 came");
    assert_refused(s->node->ops->skip(s->node, 1, 2), WEIR_E_LOG_GAP, "are missing");
    weir_bytes junk = {(const uint8_t *)"\x01\x05junk", 6};
    assert_refused(give(s, 1, junk), WEIR_E_CORRUPT, "cut off");
    weir_engine_destroy(engine);
}

static void another_definition_that_comes_into_force_stops_the_worker(void **state)
{
    scene *s = *state;
    weir_engine *engine = weir_engine_create(s->compilation->plan);
    weir_buffer bytes = {0};
    weir_journal_notice notice = {.kind = WEIR_JOURNAL_DEFINITION,
                                  .name = {(const uint8_t *)"t", 1}};
    assert_null(open_fold(s, engine, 1, 0, 20));
    weir_journal_notice_encode(&notice, &bytes);
    assert_null(give(s, 0, (weir_bytes){bytes.data, bytes.size})); /* below K: history */
    assert_refused(give(s, 1, (weir_bytes){bytes.data, bytes.size}), WEIR_E_NOT_APPLIED,
                   "weir apply");
    weir_buffer_deinit(&bytes);
    weir_engine_destroy(engine);
}

static void a_version_that_came_into_force_again_goes_on_over_the_other(void **state)
{
    scene *s = *state;
    weir_engine *engine = weir_engine_create(s->compilation->plan);
    weir_buffer bytes = {0};
    weir_journal_notice notice = {.kind = WEIR_JOURNAL_DEFINITION,
                                  .name = {(const uint8_t *)"t", 1}};
    s->superseded_below = 2;
    assert_null(open_fold(s, engine, 1, 0, 20));
    weir_journal_notice_encode(&notice, &bytes);
    assert_null(give(s, 0, (weir_bytes){bytes.data, bytes.size}));
    assert_null(give(s, 1, (weir_bytes){bytes.data, bytes.size}));
    assert_refused(give(s, 2, (weir_bytes){bytes.data, bytes.size}), WEIR_E_NOT_APPLIED,
                   "weir apply"); /* a new one */
    weir_buffer_deinit(&bytes);
    weir_engine_destroy(engine);
}

static void assert_counted(const scene *s, uint64_t events, uint64_t rows)
{
    assert_int_equal(weir_fold_counted(s->node)->events, events);
    assert_int_equal(weir_fold_counted(s->node)->rows, rows);
}

/* A worker refuses it; a replay keeps what it does to the state, and nothing else. */
static void a_copy_that_carries_another_versions_values_gives_no_row(void **state)
{
    scene *s = *state;
    weir_engine *engine = weir_engine_create(s->compilation->plan);
    weir_buffer pack = {0}, ours = {0}, other = {0};
    weir_value values[5];
    weir_journal_head head;
    open_observe(s);
    good_values(values);
    pack_add(s, &pack, 5, values);
    s->node->ops->close(s->node);
    assert_null(open_fold(s, engine, 0, 0, 20));
    assert_null(give(s, 0, (weir_bytes){pack.data, pack.size}));
    s->node->ops->close(s->node);
    weir_bytes rest = {s->value.data, s->value.size};
    weir_pack_one((weir_bytes){s->head.data, s->head.size}, rest, &ours);
    assert_true(weir_journal_head_decode((weir_bytes){s->head.data, s->head.size}, &head));
    head.digest[0] ^= 1;
    weir_buffer_clear(&pack);
    weir_journal_head_encode(&head, &pack);
    weir_pack_one((weir_bytes){pack.data, pack.size}, rest, &other);

    s->hop = 1;
    weir_buffer_clear(&s->identity); /* a store of its own */
    assert_null(open_fold(s, engine, 0, 0, 20));
    assert_refused(give(s, 0, (weir_bytes){other.data, other.size}), WEIR_E_NOT_APPLIED,
                   "carries values of another version");
    assert_counted(s, 0, 0);
    assert_null(give(s, 0, (weir_bytes){ours.data, ours.size}));
    assert_counted(s, 1, 1);
    s->node->ops->close(s->node);
    s->spans_versions = true;
    assert_null(open_fold(s, engine, 0, 0, 20));
    assert_null(give(s, 0, (weir_bytes){other.data, other.size}));
    assert_counted(s, 1, 0);
    s->node->ops->close(s->node);
    s->node = NULL;
    weir_engine_destroy(engine);
    weir_buffer_deinit(&pack);
    weir_buffer_deinit(&ours);
    weir_buffer_deinit(&other);
}

/* A copy in the journal of the merchant, as another version names what lies behind it. */
typedef struct foreign_copy {
    uint32_t hop; /* by the other version's numbers, like the last one behind it */
    uint8_t last;
    const char *sender;
    int64_t offset; /* where the sender had it */
} foreign_copy;

/* Of a copy that our card's fold sent on. */
static void pack_foreign(weir_bytes head_bytes, weir_bytes rest, const foreign_copy *as,
                         weir_buffer *pack)
{
    weir_journal_head head;
    weir_journal_copy copy;
    weir_buffer head_out = {0}, rest_out = {0};
    assert_true(weir_journal_head_decode(head_bytes, &head));
    assert_true(weir_journal_copy_decode(&head, rest, &copy));
    assert_int_equal(head.point_count, 1);
    head.digest[0] ^= 1;
    head.hop = as->hop;
    head.points[0] = as->last;
    head.sender = (weir_bytes){(const uint8_t *)as->sender, strlen(as->sender)};
    copy.points[0].seq = weir_seq_of(as->offset, 0);
    weir_journal_head_encode(&head, &head_out);
    weir_journal_copy_encode(&copy, &rest_out);
    weir_buffer_clear(pack);
    weir_pack_one((weir_bytes){head_out.data, head_out.size},
                  (weir_bytes){rest_out.data, rest_out.size}, pack);
    weir_buffer_deinit(&head_out);
    weir_buffer_deinit(&rest_out);
}

/* What our card's fold sends on of a source record: head and rest. */
static void send_on(scene *s, weir_engine *engine, weir_buffer *head, weir_buffer *rest)
{
    weir_buffer pack = {0};
    weir_value values[5];
    open_observe(s);
    good_values(values);
    pack_add(s, &pack, 5, values);
    s->node->ops->close(s->node);
    assert_null(open_fold(s, engine, 0, 0, 20));
    assert_null(give(s, 0, (weir_bytes){pack.data, pack.size}));
    s->node->ops->close(s->node);
    s->node = NULL;
    weir_buffer_put(head, s->head.data, s->head.size);
    weir_buffer_put(rest, s->value.data, s->value.size);
    weir_buffer_clear(&s->identity); /* the next store is another journal's */
    weir_buffer_deinit(&pack);
}

static void assert_taken(scene *s, int64_t offset, const weir_buffer *pack, uint64_t events,
                         uint64_t resent)
{
    assert_null(give(s, offset, (weir_bytes){pack->data, pack->size}));
    assert_int_equal(weir_fold_counted(s->node)->events, events);
    assert_int_equal(weir_fold_counted(s->node)->resent, resent);
}

/*
 * There the entities are device, card, merchant; here card, merchant. Whoever takes over from the
 * other version may send again what that one sent, under its own definitions.
 */
static void what_another_version_sent_is_filtered_by_its_senders_name(void **state)
{
    scene *s = *state;
    weir_engine *engine = weir_engine_create(s->compilation->plan);
    weir_buffer head = {0}, rest = {0}, ours = {0}, of_card = {0}, of_device = {0}, later = {0};
    send_on(s, engine, &head, &rest);
    weir_bytes head_bytes = {head.data, head.size}, rest_bytes = {rest.data, rest.size};
    weir_pack_one(head_bytes, rest_bytes, &ours);
    pack_foreign(head_bytes, rest_bytes, &(foreign_copy){2, 1, "card", 0}, &of_card);
    pack_foreign(head_bytes, rest_bytes, &(foreign_copy){2, 0, "device", 0}, &of_device);
    pack_foreign(head_bytes, rest_bytes, &(foreign_copy){2, 0, "device", 7}, &later);

    s->hop = 1;
    s->spans_versions = true;
    assert_null(open_fold(s, engine, 0, 0, 20));
    assert_taken(s, 0, &of_card, 1, 0);
    assert_taken(s, 1, &ours, 1, 1);
    assert_taken(s, 2, &of_device, 2, 1);
    assert_taken(s, 3, &of_device, 2, 2);
    assert_taken(s, 4, &of_card, 2, 3);
    assert_null(s->node->ops->flush(s->node));
    assert_null(s->node->ops->committed(s->node, s->node->ops->committable(s->node)));
    assert_null(weir_fold_settle(s->node));
    s->node->ops->close(s->node);
    /* The marks of an entity that these definitions do not have survive a restart, too. */
    assert_null(open_fold(s, engine, 5, 0, 20));
    assert_taken(s, 5, &of_device, 2, 4);
    assert_taken(s, 6, &ours, 2, 5);
    assert_taken(s, 7, &later, 3, 5);
    s->node->ops->close(s->node);
    s->node = NULL;
    weir_engine_destroy(engine);
    weir_buffer *all[] = {&head, &rest, &ours, &of_card, &of_device, &later};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        weir_buffer_deinit(all[i]);
}

/* More hops there than here. */
static void another_versions_hops_are_no_damage(void **state)
{
    scene *s = *state;
    weir_engine *engine = weir_engine_create(s->compilation->plan);
    weir_buffer head = {0}, rest = {0}, pack = {0};
    char name[16];
    send_on(s, engine, &head, &rest);
    weir_bytes head_bytes = {head.data, head.size}, rest_bytes = {rest.data, rest.size};
    foreign_copy as = {WEIR_PLAN_HOPS_MAX - 1, WEIR_PLAN_HOPS_MAX - 2, name, 0};
    strcpy(name, "shop");
    pack_foreign(head_bytes, rest_bytes, &as, &pack);
    s->hop = 1;
    assert_null(open_fold(s, engine, 1, 0, 20));
    assert_taken(s, 0, &pack, 1, 0); /* below K: the version in force took it */
    assert_counted(s, 1, 0);
    assert_refused(give(s, 1, (weir_bytes){pack.data, pack.size}), WEIR_E_NOT_APPLIED,
                   "let workers of that version drain");
    s->node->ops->close(s->node);
    weir_buffer_clear(&s->identity);

    s->spans_versions = true;
    assert_null(open_fold(s, engine, 0, 0, 1000));
    for (int i = 0; i < WEIR_SENDERS_MAX; i++) {
        (void)snprintf(name, sizeof name, "e%d", i);
        pack_foreign(head_bytes, rest_bytes, &as, &pack);
        assert_taken(s, i, &pack, (uint64_t)i + 1, 0);
    }
    strcpy(name, "one more");
    pack_foreign(head_bytes, rest_bytes, &as, &pack);
    assert_refused(give(s, WEIR_SENDERS_MAX, (weir_bytes){pack.data, pack.size}), WEIR_E_LIMIT,
                   "new name");
    s->node->ops->close(s->node);
    s->node = NULL;
    weir_engine_destroy(engine);
    weir_buffer_deinit(&head);
    weir_buffer_deinit(&rest);
    weir_buffer_deinit(&pack);
}

static void our_own_copy_from_a_hop_that_is_not_its_sender_is_damage(void **state)
{
    scene *s = *state;
    weir_engine *engine = weir_engine_create(s->compilation->plan);
    weir_buffer head = {0}, rest = {0}, pack = {0};
    send_on(s, engine, &head, &rest);
    uint8_t *name = memmem(head.data, head.size, "card", 4);
    assert_non_null(name);
    name[3] = 't';
    weir_pack_one((weir_bytes){head.data, head.size}, (weir_bytes){rest.data, rest.size}, &pack);
    s->hop = 1;
    assert_null(open_fold(s, engine, 0, 0, 20));
    assert_refused(give(s, 0, (weir_bytes){pack.data, pack.size}), WEIR_E_CORRUPT,
                   "not sent by the hop that it names");
    weir_engine_destroy(engine);
    weir_buffer_deinit(&head);
    weir_buffer_deinit(&rest);
    weir_buffer_deinit(&pack);
}

/* A first copy in the journal of the merchant, of a version that begins there. */
static void pack_begun(scene *s, weir_value card, weir_buffer *pack)
{
    weir_buffer bytes = {0}, key = {0}, head_out = {0}, rest_out = {0};
    weir_value values[5];
    weir_journal_head head;
    weir_journal_copy copy;
    open_observe(s);
    good_values(values);
    values[2] = weir_null();
    encode(&bytes, 1, values);
    assert_null(give(s, 5, (weir_bytes){bytes.data, bytes.size}));
    weir_buffer_put(&key, s->key.data, s->key.size);
    good_values(values);
    values[2] = card;
    weir_buffer_clear(&bytes);
    encode(&bytes, 1, values);
    assert_null(give(s, 6, (weir_bytes){bytes.data, bytes.size}));
    s->node->ops->close(s->node);
    assert_true(weir_journal_head_decode((weir_bytes){s->head.data, s->head.size}, &head));
    assert_true(weir_journal_copy_decode(&head, (weir_bytes){s->value.data, s->value.size}, &copy));
    head.digest[0] ^= 1;
    head.hop = 0;
    copy.key = (weir_bytes){key.data, key.size};
    weir_journal_head_encode(&head, &head_out);
    weir_journal_copy_encode(&copy, &rest_out);
    weir_buffer_clear(pack);
    weir_pack_one((weir_bytes){head_out.data, head_out.size},
                  (weir_bytes){rest_out.data, rest_out.size}, pack);
    weir_buffer_deinit(&bytes);
    weir_buffer_deinit(&key);
    weir_buffer_deinit(&head_out);
    weir_buffer_deinit(&rest_out);
}

/* There a stream begins at the merchant, here at the card: its row would lack what the card knows. */
static void an_event_that_another_version_began_behind_our_first_hop_gives_no_row(void **state)
{
    scene *s = *state;
    weir_engine *engine = weir_engine_create(s->compilation->plan);
    weir_buffer with_card = {0}, without = {0};
    pack_begun(s, weir_string("c1", 2), &with_card);
    pack_begun(s, weir_null(), &without);
    s->hop = 1;
    assert_null(open_fold(s, engine, 1, 0, 20));
    assert_null(give(s, 0, (weir_bytes){with_card.data, with_card.size})); /* below K */
    assert_counted(s, 1, 0);
    assert_refused(give(s, 1, (weir_bytes){with_card.data, with_card.size}), WEIR_E_NOT_APPLIED,
                   "let workers of that version drain");
    assert_counted(s, 1, 0);
    s->node->ops->close(s->node);
    weir_buffer_clear(&s->identity);
    assert_null(open_fold(s, engine, 0, 0, 20));
    assert_null(give(s, 0, (weir_bytes){without.data, without.size})); /* begins here, too */
    assert_counted(s, 1, 1);
    s->node->ops->close(s->node);
    weir_buffer_clear(&s->identity);
    s->spans_versions = true;
    assert_null(open_fold(s, engine, 0, 0, 20));
    assert_null(give(s, 0, (weir_bytes){with_card.data, with_card.size}));
    assert_counted(s, 1, 0);
    s->node->ops->close(s->node);
    s->node = NULL;
    weir_engine_destroy(engine);
    weir_buffer_deinit(&with_card);
    weir_buffer_deinit(&without);
}

/* ---- the scorer without a model ---- */

static void without_a_model_the_fallback_answers_and_is_decided_on(void **state)
{
    scene *s = *state;
    weir_scorer *scorer = NULL;
    weir_score_answer answer;
    weir_value columns[2] = {weir_int(3), weir_decimal(100)};
    assert_null(weir_scorer_create(s->compilation->plan, 0, NULL, &scorer));
    weir_scorer_answer(scorer, columns, NULL, NULL, &answer);
    assert_true(answer.has_score && answer.is_fallback);
    assert_true(answer.score == 0.75);
    assert_string_equal(answer.decision, "stop");
    assert_int_equal(answer.reason_count, 0);
    weir_scorer_destroy(scorer);
}

int main(void)
{
#define NODE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        NODE_TEST(a_broken_contract_becomes_a_letter_with_the_original_bytes),
        NODE_TEST(an_event_at_the_edge_of_the_future_is_taken),
        NODE_TEST(a_registry_that_is_away_stops_before_the_record),
        NODE_TEST(the_rest_of_a_pack_is_taken_where_its_record_stands_then),
        NODE_TEST(a_head_of_our_definitions_that_names_no_stream_of_theirs_is_damage),
        NODE_TEST(a_slice_soon_follows_one_that_was_cheap_to_write),
        NODE_TEST(a_slice_waits_behind_one_that_was_dear_to_write),
        NODE_TEST(a_slice_waits_where_few_events_came),
        NODE_TEST(a_fold_refuses_what_does_not_fit_and_says_the_cure),
        NODE_TEST(a_gap_in_a_journal_stops_the_shard),
        NODE_TEST(another_definition_that_comes_into_force_stops_the_worker),
        NODE_TEST(a_version_that_came_into_force_again_goes_on_over_the_other),
        NODE_TEST(a_copy_that_carries_another_versions_values_gives_no_row),
        NODE_TEST(what_another_version_sent_is_filtered_by_its_senders_name),
        NODE_TEST(another_versions_hops_are_no_damage),
        NODE_TEST(our_own_copy_from_a_hop_that_is_not_its_sender_is_damage),
        NODE_TEST(an_event_that_another_version_began_behind_our_first_hop_gives_no_row),
        NODE_TEST(without_a_model_the_fallback_answers_and_is_decided_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
