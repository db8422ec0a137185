/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_internal.h - what the kernel knows about this process, as metrics. */
#pragma once

#include "ops/runtime/buffer.h"

void weir_metrics_print_process(weir_buffer *to);
