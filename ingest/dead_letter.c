/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/dead_letter.h"

#include "ops/runtime/assert.h"
#include "schemas/avro.h"

const char weir_dead_letter_schema[] = {
#include "dead_letter_schema.inc"
};

void weir_dead_letter_key(const weir_dead_letter *letter, weir_buffer *out)
{
    weir_buffer_printf(out, "%s/%d/%lld", letter->topic, letter->partition,
                       (long long)letter->record->offset);
    if (letter->has_stream_in_key) weir_buffer_printf(out, "/%s", letter->stream);
}

static void put_text(weir_buffer *out, const char *text)
{
    weir_buffer_put_zigzag(out, (int64_t)strlen(text));
    weir_buffer_put_text(out, text);
}

/* A union of null and bytes: the branch, then the bytes. */
static void put_bytes(weir_buffer *out, weir_bytes bytes)
{
    weir_buffer_put_zigzag(out, bytes.data == NULL ? 0 : 1);
    if (bytes.data == NULL) return;
    weir_buffer_put_zigzag(out, (int64_t)bytes.size);
    weir_buffer_put(out, bytes.data, bytes.size);
}

void weir_dead_letter_encode(const weir_dead_letter *letter, int32_t schema_id, weir_buffer *out)
{
    const weir_log_record *record = letter->record;
    WEIR_ASSERT(record->offset >= 0 && letter->partition >= 0);
    weir_frame_write(out, schema_id);
    put_text(out, letter->stream);
    put_text(out, letter->reason);
    put_text(out, letter->detail);
    put_text(out, letter->topic);
    weir_buffer_put_zigzag(out, letter->partition);
    weir_buffer_put_zigzag(out, record->offset);
    bool has_timestamp = record->timestamp_us != INT64_MIN;
    weir_buffer_put_zigzag(out, has_timestamp);
    if (has_timestamp) weir_buffer_put_zigzag(out, record->timestamp_us);
    put_bytes(out, record->key);
    put_bytes(out, record->value);
}
