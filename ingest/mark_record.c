/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/mark_record.h"

#include <stdio.h>
#include <string.h>

static const char *prefix_of(weir_mark_kind kind)
{
    return kind == WEIR_MARK_MARK ? "mark/" : kind == WEIR_MARK_END ? "end/" : NULL;
}

/* What stands before the next slash, or before the end; false if it is empty or too long. */
static bool word_take(weir_bytes *rest, char *word, size_t size_max)
{
    const uint8_t *slash = memchr(rest->data, '/', rest->size);
    size_t size = slash == NULL ? rest->size : (size_t)(slash - rest->data);
    if (size == 0 || size > size_max || memchr(rest->data, '\0', size) != NULL) return false;
    memcpy(word, rest->data, size);
    word[size] = '\0';
    size_t used = size + (slash != NULL);
    *rest = (weir_bytes){rest->data + used, rest->size - used};
    return true;
}

static bool number_read(const char *word, int32_t *number_out)
{
    int64_t number = 0;
    for (const char *c = word; *c != '\0'; c++) {
        if (*c < '0' || *c > '9') return false;
        number = number * 10 + (*c - '0');
        if (number > INT32_MAX) return false;
    }
    *number_out = (int32_t)number;
    return true;
}

static bool key_decode(weir_bytes key, weir_mark_record *record)
{
    const char *prefix = prefix_of(record->kind);
    size_t skip = strlen(prefix);
    char number[16];
    if (key.size <= skip || memcmp(key.data, prefix, skip) != 0) return false;
    weir_bytes rest = {key.data + skip, key.size - skip};
    if (!word_take(&rest, record->topic, WEIR_MARK_TOPIC_MAX)) return false;
    if (!word_take(&rest, number, sizeof number - 1)) return false;
    if (!number_read(number, &record->partition)) return false;
    if (record->kind == WEIR_MARK_END && !word_take(&rest, record->teller, WEIR_MARK_TELLER_MAX)) {
        return false;
    }
    return rest.size == 0;
}

bool weir_mark_record_decode(weir_bytes key, weir_bytes value, weir_mark_record *record_out)
{
    weir_reader reader = weir_reader_of(value.data, value.size);
    *record_out = (weir_mark_record){.kind = (weir_mark_kind)weir_reader_u8(&reader)};
    if (prefix_of(record_out->kind) == NULL || !key_decode(key, record_out)) return false;
    if (record_out->kind == WEIR_MARK_MARK) {
        record_out->state = weir_reader_u8(&reader);
        record_out->mark_us = (int64_t)weir_reader_u64(&reader);
        record_out->position = (int64_t)weir_reader_u64(&reader);
    } else {
        record_out->end = (int64_t)weir_reader_u64(&reader);
    }
    return !reader.bad;
}

void weir_mark_record_encode(const weir_mark_record *record, weir_buffer *key, weir_buffer *value)
{
    char text[WEIR_MARK_KEY_MAX + 1];
    bool is_mark = record->kind == WEIR_MARK_MARK;
    int size = snprintf(text, sizeof text, "%s%s/%d%s%s", prefix_of(record->kind), record->topic,
                        record->partition, is_mark ? "" : "/", is_mark ? "" : record->teller);
    weir_buffer_put(key, text, (size_t)size);
    weir_buffer_put_u8(value, (uint8_t)record->kind);
    if (is_mark) weir_buffer_put_u8(value, record->state);
    weir_buffer_put_u64(value, (uint64_t)(is_mark ? record->mark_us : record->end));
    if (is_mark) weir_buffer_put_u64(value, (uint64_t)record->position);
}
