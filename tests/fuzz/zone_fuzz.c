/* SPDX-License-Identifier: Apache-2.0 */
/* Time zones: any bytes are refused or become a zone whose canonical bytes give the same zone. */
#include <stdlib.h>

#include "schemas/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const weir_zone *zone, weir_arena *arena)
{
    static const int64_t times[] = {
        INT64_MIN, -1, 0, 1772366400000000, 4102444800000000, 253402300800000000, INT64_MAX};
    const weir_zone *again = NULL;
    weir_buffer code = {0};
    weir_zone_encode(zone, &code);
    weir_reader reader = weir_reader_of(code.data, code.size);
    weir_error *error = weir_zone_decode(&reader, arena, &again);
    if (error != NULL) abort();
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        if (weir_zone_offset_us(zone, times[i]) != weir_zone_offset_us(again, times[i])) abort();
    }
    weir_buffer_deinit(&code);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_arena arena = {0};
    const weir_zone *zone = NULL;
    weir_error *error = weir_zone_parse("Fuzz/Zone", (weir_bytes){data, size}, &arena, &zone);
    if (error == NULL) check(zone, &arena);
    weir_error_free(error);
    weir_reader reader = weir_reader_of(data, size);
    weir_error_free(weir_zone_decode(&reader, &arena, &zone));
    weir_arena_deinit(&arena);
    return 0;
}
