/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The marks topic: any bytes (u8 size of the key, key, value) are a record or nothing, and what is
 * a record encodes to one that decodes the same.
 */
#include <stdlib.h>
#include <string.h>

#include "ingest/mark_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    size_t key_size = data[0] < size - 1 ? data[0] : size - 1;
    weir_mark_record record, again;
    weir_bytes rest = {data + 1 + key_size, size - 1 - key_size};
    if (!weir_mark_record_decode((weir_bytes){data + 1, key_size}, rest, &record)) return 0;
    weir_buffer key = {0}, value = {0};
    weir_mark_record_encode(&record, &key, &value);
    if (!weir_mark_record_decode((weir_bytes){key.data, key.size},
                                 (weir_bytes){value.data, value.size}, &again))
        abort();
    bool is_same = record.kind == again.kind && strcmp(record.topic, again.topic) == 0 &&
                   record.partition == again.partition && record.state == again.state &&
                   record.mark_us == again.mark_us && record.position == again.position &&
                   record.end == again.end && strcmp(record.teller, again.teller) == 0;
    if (!is_same) abort();
    weir_buffer_deinit(&key);
    weir_buffer_deinit(&value);
    return 0;
}
