/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes on the port: parsed whole and byte by byte must agree, and nothing is read past the
 * end. */
#include <stdlib.h>

#include "ops/runtime/assert.h"
#include "serve/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 40000) return 0;
    uint8_t *copy = malloc(size + 1);
    WEIR_ASSERT(copy != NULL);
    static weir_http_request request;
    size_t used = 0, wanted = 0;
    int status = 0;
    memcpy(copy, data, size);
    weir_http_progress whole = weir_http_parse(copy, size, 4096, &request, &used, &wanted, &status);
    if (whole == WEIR_HTTP_REQUEST) WEIR_ASSERT(used <= size && request.body.size <= 4096);
    if (whole == WEIR_HTTP_REFUSED) WEIR_ASSERT(status >= 400 && status < 600);
    size_t step = size > 64 ? size / 64 : 1;
    for (size_t part = 0; part < size; part += step) {
        memcpy(copy, data, size);
        size_t part_used = 0, part_wanted = 0;
        int part_status = 0;
        weir_http_progress progress =
            weir_http_parse(copy, part, 4096, &request, &part_used, &part_wanted, &part_status);
        if (progress == WEIR_HTTP_MORE) WEIR_ASSERT(part_wanted > part);
        if (progress == WEIR_HTTP_REQUEST)
            WEIR_ASSERT(whole == WEIR_HTTP_REQUEST && part_used == used);
    }
    free(copy);
    return 0;
}
