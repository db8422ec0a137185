/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/applied.h"

#include "ingest/kafka_producer.h"
#include "ingest/kafka_reader.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/clock.h"

enum { ITEMS_MAX = 1024, READ_US_MAX = 30000000, WRITE_MS_MAX = 30000 };

static const char definition_prefix[] = "definition/", model_prefix[] = "model/";

const char *weir_applied_name(const weir_journal_notice *notice, weir_arena *into)
{
    return weir_arena_printf(
        into, "%s%.*s", notice->kind == WEIR_JOURNAL_DEFINITION ? definition_prefix : model_prefix,
        (int)notice->name.size, (const char *)notice->name.data);
}

const weir_applied *weir_applied_find(const weir_applied *items, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(items[i].name, name) == 0) return &items[i];
    }
    return NULL;
}

/* Takes one record of the marks topic: the last of a name counts. Alignment marks have other keys.
 */
static void item_take(const weir_log_record *record, weir_arena *into, weir_applied *items,
                      size_t *count)
{
    weir_bytes key = record->key;
    bool is_ours = (key.size > sizeof definition_prefix - 1 &&
                    memcmp(key.data, definition_prefix, sizeof definition_prefix - 1) == 0) ||
                   (key.size > sizeof model_prefix - 1 &&
                    memcmp(key.data, model_prefix, sizeof model_prefix - 1) == 0);
    weir_journal_notice notice;
    if (!is_ours || !weir_journal_notice_decode(record->value, &notice)) return;
    const char *name = weir_arena_string(into, (const char *)key.data, key.size);
    weir_applied *item = NULL;
    for (size_t i = 0; i < *count && item == NULL; i++) {
        if (strcmp(items[i].name, name) == 0) item = &items[i];
    }
    if (item == NULL && *count < ITEMS_MAX) item = &items[(*count)++];
    if (item == NULL) return;
    item->name = name;
    memcpy(item->digest, notice.digest, WEIR_DIGEST_BYTES);
    memcpy(item->fold_digest, notice.fold_digest, WEIR_DIGEST_BYTES);
    item->text =
        (weir_bytes){weir_arena_copy(into, notice.text.data, notice.text.size), notice.text.size};
}

/* Up to where the topic ends now: workers write marks to it all the time, so that a reader may never
 * see it at its end. */
static weir_error *read_all(weir_kafka_reader *reader, const char *topic, weir_arena *into,
                            weir_applied *items, size_t *count)
{
    int32_t partitions = 0, ended = 0;
    WEIR_TRY(weir_kafka_reader_count(reader, topic, &partitions));
    int64_t *ends = weir_arena_calloc(into, (size_t)partitions + 1, sizeof *ends); /* by source */
    bool *has_ended = weir_arena_calloc(into, (size_t)partitions + 1, sizeof *has_ended);
    for (int32_t i = 0; i < partitions; i++) {
        int64_t end = 0;
        uint32_t source = 0;
        WEIR_TRY(weir_kafka_reader_end(reader, topic, i, &end));
        WEIR_TRY(weir_kafka_reader_add(reader, topic, i, WEIR_OFFSET_START, &source));
        ends[source] = end;
    }
    int64_t until = weir_clock_monotonic_us() + READ_US_MAX;
    while (ended < partitions) {
        const weir_fetched *fetched = NULL;
        size_t got = 0;
        WEIR_TRY(weir_kafka_reader_poll(reader, 256, 100, &fetched, &got, NULL));
        for (size_t i = 0; i < got; i++) {
            const weir_fetched *item = &fetched[i];
            if (!item->is_end) item_take(&item->record, into, items, count);
            bool is_over = item->is_end || item->record.offset + 1 >= ends[item->source];
            ended += is_over && !has_ended[item->source];
            has_ended[item->source] = has_ended[item->source] || is_over;
        }
        if (weir_clock_monotonic_us() > until) {
            return weir_error_new(WEIR_E_TIMEOUT, "topic %s could not be read in 30 s", topic);
        }
    }
    return NULL;
}

weir_error *weir_applied_read(const weir_kafka_options *kafka, const weir_topics *topics,
                              weir_arena *into, const weir_applied **items_out, size_t *count_out)
{
    weir_applied *items = weir_arena_array(into, weir_applied, ITEMS_MAX);
    *items_out = items;
    *count_out = 0;
    weir_kafka_reader *reader = NULL;
    WEIR_TRY(weir_kafka_reader_open(kafka, &reader));
    weir_error *error = read_all(reader, topics->items[topics->marks].name, into, items, count_out);
    weir_kafka_reader_close(reader);
    if (error != NULL && weir_error_code_of(error) == WEIR_E_NO_INPUT) {
        weir_error_free(error);
        error = NULL;
    }
    return error;
}

static weir_error *journals_write(weir_kafka_producer *producer, const weir_topics *topics,
                                  weir_bytes record)
{
    for (uint32_t topic = 0; topic < topics->count; topic++) {
        if (topics->items[topic].role != WEIR_TOPIC_JOURNAL) continue;
        int32_t partitions = weir_kafka_producer_partitions(producer, topic);
        for (int32_t i = 0; i < partitions; i++) {
            WEIR_TRY(weir_kafka_producer_add(producer, topic, i, (weir_bytes){0}, record, 0, 0));
        }
    }
    return NULL;
}

static weir_error *write_all(weir_kafka_producer *producer, const weir_topics *topics,
                             const weir_journal_notice *notices, size_t count, weir_arena *scratch)
{
    weir_buffer record = {0};
    weir_error *error = NULL;
    for (uint32_t i = 0; i < topics->count; i++) {
        if (topics->items[i].role != WEIR_TOPIC_JOURNAL && i != topics->marks) continue;
        WEIR_TRY_OUT(weir_kafka_producer_topic(producer, i, topics->items[i].name));
    }
    for (size_t i = 0; i < count; i++) {
        weir_buffer_clear(&record);
        weir_journal_notice_encode(&notices[i], &record);
        WEIR_TRY_OUT(journals_write(producer, topics, (weir_bytes){record.data, record.size}));
    }
    WEIR_TRY_OUT(weir_kafka_producer_flush(producer, WRITE_MS_MAX));
    for (size_t i = 0; i < count; i++) {
        weir_buffer_clear(&record);
        weir_journal_notice_encode(&notices[i], &record);
        const char *name = weir_applied_name(&notices[i], scratch);
        weir_bytes key = {(const uint8_t *)name, strlen(name)};
        int32_t partition =
            weir_partition_of(key, weir_kafka_producer_partitions(producer, topics->marks));
        WEIR_TRY_OUT(weir_kafka_producer_add(producer, topics->marks, partition, key,
                                             (weir_bytes){record.data, record.size}, 0, 0));
    }
    WEIR_TRY_OUT(weir_kafka_producer_flush(producer, WRITE_MS_MAX));
out:
    weir_buffer_deinit(&record);
    return error;
}

weir_error *weir_applied_write(const weir_kafka_options *kafka, const weir_topics *topics,
                               const weir_journal_notice *notices, size_t count)
{
    if (count == 0) return NULL;
    weir_kafka_producer *producer = NULL;
    weir_producer_options options = {.kafka = kafka, .wake_fd = -1};
    WEIR_TRY(weir_kafka_producer_open(&options, &producer));
    weir_arena scratch = {0};
    weir_error *error = write_all(producer, topics, notices, count, &scratch);
    weir_arena_deinit(&scratch);
    weir_kafka_producer_close(producer);
    return error;
}

static weir_error *definition_check(const weir_plan *plan, const weir_applied *item)
{
    if (item == NULL) {
        return weir_error_new(WEIR_E_NOT_APPLIED,
                              "package %s was never applied to these brokers; run `weir apply`",
                              plan->package);
    }
    if (memcmp(item->digest, plan->digest, WEIR_DIGEST_BYTES) == 0) return NULL;
    return weir_error_new(WEIR_E_NOT_APPLIED,
                          "the definitions in this folder are not those in force for "
                          "package %s; run `weir apply` to put them in force",
                          plan->package);
}

static weir_error *model_check(const weir_plan_score *score, const weir_model *model,
                               const weir_applied *item)
{
    if (model == NULL && item == NULL) return NULL; /* the fallback answers */
    const char *problem = NULL;
    if (model == NULL)
        problem = "is in force, but its file is not here; bring the file back";
    else if (item == NULL)
        problem = "was never applied; run `weir apply`";
    else if (memcmp(item->digest, weir_model_describe(model)->digest, WEIR_DIGEST_BYTES) != 0)
        problem = "is another file than the one in force; bring that back, or run `weir apply` to "
                  "put this one in force";
    if (problem == NULL) return NULL;
    return weir_error_new(WEIR_E_NOT_APPLIED, "model %s of score %s %s", score->model, score->name,
                          problem);
}

weir_error *weir_applied_check(const weir_kafka_options *kafka, const weir_topics *topics,
                               const weir_model *const *models)
{
    weir_arena arena = {0};
    const weir_applied *items = NULL;
    const weir_plan *plan = topics->plan;
    size_t count = 0;
    weir_error *error = weir_applied_read(kafka, topics, &arena, &items, &count);
    const char *name = weir_arena_printf(&arena, "%s%s", definition_prefix, plan->package);
    if (error == NULL) error = definition_check(plan, weir_applied_find(items, count, name));
    for (uint32_t i = 0; error == NULL && i < plan->score_count; i++) {
        name = weir_arena_printf(&arena, "%s%s", model_prefix, plan->scores[i].model);
        error = model_check(&plan->scores[i], models[i], weir_applied_find(items, count, name));
    }
    weir_arena_deinit(&arena);
    return error;
}
