/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of a slice, its checksum made to fit: any bytes are a record or WEIR_E_CORRUPT, and
 * what is one encodes to bytes that decode to the same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "ingest/shard_record.h"
#include "ops/runtime/checksum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const weir_plan_stream streams[] = {{.name = "tx"}, {.name = "login"}};
static const weir_plan_entity entities[] = {{.name = "card"}};
static const weir_plan plan = {
    .stream_count = 2, .streams = streams, .entity_count = 1, .entities = entities};

/* Decodes; true, and the bytes that it would be stored as, if it is a record. */
static bool take(weir_bytes bytes, weir_buffer *out)
{
    weir_shard_record record;
    weir_seq_list duplicates = {0};
    int64_t position = 0;
    weir_shard_record_init(&record, &plan);
    weir_error *error = weir_slice_record_decode(&plan, bytes, &position, &record, &duplicates);
    bool is_record = error == NULL;
    if (is_record)
        weir_slice_record_encode(&plan, position, &record, &duplicates, out);
    else if (weir_error_code_of(error) != WEIR_E_CORRUPT)
        abort();
    weir_error_free(error);
    weir_seq_list_deinit(&duplicates);
    weir_shard_record_deinit(&record);
    return is_record;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_buffer sealed = {0}, first = {0}, second = {0};
    weir_buffer_put(&sealed, data, size);
    weir_buffer_put_u64(&sealed, weir_xxh64(data, size, 0));
    if (take((weir_bytes){sealed.data, sealed.size}, &first)) {
        if (!take((weir_bytes){first.data, first.size}, &second)) abort();
        if (first.size != second.size || memcmp(first.data, second.data, first.size) != 0) abort();
    }
    if (take((weir_bytes){data, size}, &second) && size < 9) abort();
    weir_buffer_deinit(&sealed);
    weir_buffer_deinit(&first);
    weir_buffer_deinit(&second);
    return 0;
}
