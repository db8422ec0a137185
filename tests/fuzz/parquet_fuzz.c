/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a Parquet file: opened, every column read, verified. Neither may crash, leak or read
 * past the end, and texts must be UTF-8 wherever they come out. Files of the corpus have no CRC, so
 * that mutations reach the decoders.
 */
#include <stdlib.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/utf8.h"
#include "store/parquet/reader.h"

enum { FILE_BYTES_MAX = 1 << 16, ROWS_MAX = 1 << 18 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Touches all of a value, so that the sanitizer sees what it points to. */
static uint64_t touch(const weir_value *value)
{
    uint64_t sum = value->kind;
    if (value->kind == WEIR_STRING) WEIR_ASSERT(weir_utf8_is_valid(value->as.bytes, value->size));
    if (value->kind == WEIR_STRING || value->kind == WEIR_BYTES) {
        for (uint32_t i = 0; i < value->size; i++)
            sum += value->as.bytes[i];
    }
    if (value->kind == WEIR_LIST || value->kind == WEIR_MAP) {
        uint32_t count = value->kind == WEIR_MAP ? 2 * value->size : value->size;
        for (uint32_t i = 0; i < count; i++)
            sum += touch(&value->as.items[i]);
    }
    return sum;
}

static weir_error *read_all(weir_parquet_reader *reader)
{
    size_t count = weir_parquet_reader_column_count(reader), selected = 0;
    for (size_t i = 0; i < count; i++)
        selected += weir_parquet_reader_columns(reader)[i].type.kind != WEIR_NULL;
    uint64_t total = 0, sum = 0;
    for (size_t rows = 1; rows > 0 && total < ROWS_MAX; total += rows) {
        weir_value *const *columns = NULL;
        WEIR_TRY(weir_parquet_reader_next(reader, &columns, &rows));
        for (size_t k = 0; k < selected; k++) {
            for (size_t i = 0; i < rows; i++)
                sum += touch(&columns[k][i]);
        }
    }
    return sum == 0 && total == UINT64_MAX ? weir_error_new(WEIR_E_BUG, "never") : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > FILE_BYTES_MAX) return 0;
    uint8_t *copy = malloc(size + 1); /* exactly the bytes: reading past them is seen */
    WEIR_ASSERT(copy != NULL);
    if (size > 0) memcpy(copy, data, size);
    weir_parquet_reader *reader = NULL;
    weir_error *error = weir_parquet_reader_open_bytes("fuzz", (weir_bytes){copy, size}, &reader);
    bool is_huge = error == NULL && weir_parquet_reader_rows(reader) > ROWS_MAX;
    if (error == NULL) error = read_all(reader);
    weir_error_free(error);
    weir_parquet_reader_close(reader);
    weir_parquet_verdict verdict;
    if (!is_huge)
        weir_error_free(weir_parquet_verify_bytes("fuzz", (weir_bytes){copy, size}, &verdict));
    free(copy);
    return 0;
}
