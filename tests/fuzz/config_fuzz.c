/* SPDX-License-Identifier: Apache-2.0 */
/* weir.yaml: any bytes give settings within their bounds, or an error that names the file. */
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_config *config = weir_config_create();
    weir_error *error = weir_config_add_yaml(config, "weir.yaml", data, size);
    if (error != NULL && strstr(weir_error_message(error), "weir.yaml") == NULL) abort();
    weir_error_free(error);
    int64_t threads = weir_config_int(config, WEIR_SETTING_THREADS);
    if (threads < 1 || threads > 256) abort();
    weir_config_destroy(config);
    return 0;
}
