/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver_topics.h - the topics of a package as the driver sees them: levels, and what feeds what.
 *
 * A stream's events go from its source through the journals of its hops in order; where a key is
 * null a hop is left out, so every earlier stop may feed every later journal. A journal's level is
 * the greatest place that it has in any stream.
 */
#pragma once

#include "ingest/driver.h"
#include "ingest/topics.h"

/* One row per topic of the table, in its order; lives in `into`. */
const weir_driver_topic *weir_driver_topics(const weir_topics *topics, weir_arena *into);
