/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/kafka_range.h"

enum { POLL_RECORDS_MAX = 1024, POLL_MS = 200, SILENCE_MS_MAX = 60000 };

static weir_error *visit_all(const weir_kafka_range *range, const weir_fetched *items, size_t count,
                             weir_kafka_visit *visit, void *context, bool *is_over)
{
    for (size_t i = 0; i < count && !*is_over; i++) {
        const weir_log_record *record = &items[i].record;
        if (!items[i].is_end && record->offset < range->end)
            WEIR_TRY(visit(context, record, is_over));
        /* The last offset may be a control record's, which is not handed out. */
        *is_over = *is_over || items[i].is_end || record->offset + 1 >= range->end;
    }
    return NULL;
}

weir_error *weir_kafka_range_read(const weir_kafka_options *kafka, const weir_kafka_range *range,
                                  weir_kafka_visit *visit, void *context)
{
    weir_kafka_reader *reader = NULL;
    weir_error *error = NULL;
    uint32_t source = 0;
    bool is_over = false;
    if (range->from >= range->end) return NULL;
    WEIR_TRY_OUT(weir_kafka_reader_open(kafka, &reader));
    WEIR_TRY_OUT(
        weir_kafka_reader_add(reader, range->topic, range->partition, range->from, &source));
    for (int silent_ms = 0; !is_over;) {
        const weir_fetched *items = NULL;
        size_t count = 0;
        WEIR_TRY_OUT(
            weir_kafka_reader_poll(reader, POLL_RECORDS_MAX, POLL_MS, &items, &count, NULL));
        silent_ms = count > 0 ? 0 : silent_ms + POLL_MS;
        if (silent_ms > SILENCE_MS_MAX) {
            WEIR_TRY_OUT(weir_error_new(
                WEIR_E_TIMEOUT, "reading %s: Kafka sent nothing for %d s; is a broker away?",
                range->topic, SILENCE_MS_MAX / 1000));
        }
        WEIR_TRY_OUT(visit_all(range, items, count, visit, context, &is_over));
    }
out:
    weir_kafka_reader_close(reader);
    return error;
}
