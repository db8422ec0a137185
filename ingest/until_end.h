/* SPDX-License-Identifier: Apache-2.0 */
/*
 * until_end.h - has everything that was in the sources at the start gone all the way?
 *
 * Looked at from outside, by the group's committed offsets, so that it does not matter which worker
 * did the work: K is committed only after all copies and scores below it are acknowledged. First
 * the sources must be committed up to the ends they had at the start. Then the journals up to the
 * ends they have now; since their copies may have made other journals longer meanwhile, that is
 * repeated, at most once per hop, until the ends stay where they are. That a worker's own state is
 * folded that far, too, the driver waits for.
 *
 * Threads: one.
 */
#pragma once

#include "ingest/driver.h"

typedef struct weir_until_end weir_until_end;

weir_until_end *weir_until_end_create(const weir_driver_options *options);
void weir_until_end_destroy(weir_until_end *watch);
/* Takes the ends that count. An error that passes is given back; looking takes them then. */
weir_error *weir_until_end_begin(weir_until_end *watch);
/* Asks the brokers; an error that passes is given back to be logged, and asked again next time. */
weir_error *weir_until_end_look(weir_until_end *watch, bool *is_done_out);
