/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON reader: any bytes end in END or ERROR after a bounded number of tokens, and skip agrees
 * with next. */
#include "ops/runtime/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_arena arena = {0};
    weir_json json = {0};
    weir_json_init(&json, data, size, &arena);
    size_t tokens = 0;
    weir_json_token token = weir_json_next(&json);
    while (token != WEIR_JSON_END && token != WEIR_JSON_ERROR) {
        if (++tokens > size) abort();
        token = weir_json_next(&json);
    }
    weir_json again = {0};
    weir_json_init(&again, data, size, &arena);
    bool skipped = weir_json_skip(&again);
    if (token == WEIR_JSON_END && !skipped) abort();
    weir_error *error = weir_json_error(&json, WEIR_E_DATA, "fuzz");
    if ((error == NULL) != (token == WEIR_JSON_END)) abort();
    weir_error_free(error);
    weir_arena_deinit(&arena);
    return 0;
}
