/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka.h - what every connection to Kafka shares: settings, errors, clean ends.
 *
 * librdkafka is wrapped in four nouns: a *consumer* (a member of the group, kafka_consumer.h), a
 * *producer* (kafka_producer.h), a *reader* of given partitions without a group (kafka_reader.h)
 * and an *admin* (admin.h). All are opened from one weir_kafka_options. Its traps and our defences
 * are listed in docs/dependencies.md; the two that matter everywhere stand here: library errors
 * become a weir_error on the line where they appear, and a handle that does not come down within a
 * time limit (one leaked message reference is enough) is reported and given up.
 *
 * See also: docs/reference/kafka.md
 */
#pragma once

#include "ingest/log.h"

/* One `kafka.NAME: VALUE` of the settings, passed through to librdkafka. */
typedef struct weir_kafka_setting {
    const char *name;
    const char *value;
} weir_kafka_setting;

typedef struct weir_kafka_options {
    const char *brokers;   /* host:port,... */
    const char *client_id; /* shows up in the broker's logs; NULL: "weir" */
    const weir_kafka_setting *settings;
    size_t setting_count;
    int timeout_ms; /* of calls that wait for a broker; 0: 10 s */
} weir_kafka_options;

/* The library's version, "2.0.2", for doctor. */
const char *weir_kafka_version(void);

/* Handles of ours that are open: none at the end of every test. */
size_t weir_kafka_open_count(void);
