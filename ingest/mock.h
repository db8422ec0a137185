/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mock.h - the embedded broker: librdkafka's mock cluster, for the demo and for tests.
 *
 * It speaks Kafka's protocol on 127.0.0.1 and keeps everything in memory: 5 MiB or 100,000 batches
 * a partition, the rest is dropped from the front. It knows no CreateTopics, no DescribeConfigs, no
 * time index and no fencing; topics come into being when a producer asks for them, all alike unless
 * made here. `weir broker` runs one as a process of its own, so that workers can
 * be killed without it.
 *
 * Owns:    its cluster. Threads: its own; calls from one thread at a time.
 */
#pragma once

#include "ingest/kafka.h"

/* Of topics that were asked for: librdkafka's defaults. */
enum { WEIR_MOCK_PARTITIONS = 4, WEIR_MOCK_COPIES_MAX = 3 };

typedef struct weir_mock weir_mock;

weir_error *weir_mock_start(int brokers, weir_mock **mock_out);
void weir_mock_stop(weir_mock *mock);                 /* NULL is fine */
const char *weir_mock_brokers(const weir_mock *mock); /* host:port,... */
weir_error *weir_mock_topic(weir_mock *mock, const char *name, int partitions);
/* Takes a broker (from 1) down or up; pushes an error (rd_kafka_resp_err_t) for the next `count`
 * requests of a kind. */
weir_error *weir_mock_set_down(weir_mock *mock, int32_t broker, bool is_down);
void weir_mock_fail(weir_mock *mock, int16_t api_key, int error_code, size_t count);
