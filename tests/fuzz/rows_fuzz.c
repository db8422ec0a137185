/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as CSV or JSON Lines (the first byte chooses): rows come or are bad, each with a
 * message; the stream ends.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <stdio.h>

#include "ingest/rows.h"
#include "ops/runtime/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const weir_rows_want wants[] = {
    {.name = "a", .type = {.kind = WEIR_INT64}, .may_be_absent = true},
    {.name = "b.c",
     .type = {.kind = WEIR_DECIMAL, .precision = 10, .scale = 2, .optional = true},
     .may_be_absent = true},
    {.name = "s", .type = {.kind = WEIR_STRING, .optional = true}, .may_be_absent = true},
    {.name = "t", .type = {.kind = WEIR_TIME, .optional = true}, .may_be_absent = true},
};

static void read_rows(weir_rows *rows)
{
    weir_arena scratch = {0};
    weir_value values[4];
    weir_row row = {0};
    weir_error *error = weir_rows_bind(rows, wants, 4);
    while (error == NULL) {
        weir_arena_reset(&scratch);
        error = weir_rows_next(rows, &scratch, values, &row);
        if (error == NULL && row.status == WEIR_ROW_END) break;
        if (error == NULL && row.status == WEIR_ROW_BAD) WEIR_ASSERT(row.problem[0] != '\0');
    }
    weir_error_free(error);
    weir_arena_deinit(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 1 << 16) return 0;
    int fd = memfd_create("rows", 0);
    WEIR_ASSERT(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)(size - 1));
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    weir_rows_options options = {.format = data[0] % 2 == 0 ? WEIR_ROWS_CSV : WEIR_ROWS_JSONL,
                                 .no_header = data[0] % 4 == 2};
    weir_rows *rows = NULL;
    weir_error *error = weir_rows_open(path, &options, &rows);
    if (error == NULL) read_rows(rows);
    weir_error_free(error);
    weir_rows_close(rows);
    (void)close(fd);
    return 0;
}
