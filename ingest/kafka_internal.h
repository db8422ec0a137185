/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_internal.h - what the wrappers of librdkafka share among themselves. Include rdkafka.h
 * before it. */
#pragma once

#include "ingest/kafka.h"

struct rd_kafka_s;
struct rd_kafka_conf_s;
struct rd_kafka_error_s;
struct rd_kafka_message_s;

/* A new configuration: brokers, client id, log and error callbacks, then `defaults` (name, value,
 * ..., NULL), then the user's settings, then `fixed`, which the user may not change (a try is
 * refused with the reason). */
weir_error *weir_kafka_conf(const weir_kafka_options *options, const char *const *defaults,
                            const char *const *fixed, struct rd_kafka_conf_s **conf_out);
/* Opens a handle; takes `conf` in any case. is_producer chooses the kind. */
weir_error *weir_kafka_handle(struct rd_kafka_conf_s *conf, bool is_producer,
                              struct rd_kafka_s **handle_out);
/* Destroys, watched: after 30 s the handle is given up with an error in the log. */
void weir_kafka_destroy(struct rd_kafka_s *handle);

/* The record that a message without an error is: its bytes are the message's. */
weir_log_record weir_kafka_record(const struct rd_kafka_message_s *message);

int weir_kafka_timeout(const weir_kafka_options *options);

/* A rd_kafka_resp_err_t as one of ours. `code` 0 is asserted away. */
__attribute__((format(printf, 2, 3))) weir_error *weir_kafka_failed(int code, const char *format,
                                                                    ...);
/* Takes a rd_kafka_error_t; NULL stays NULL. */
__attribute__((format(printf, 2, 3))) weir_error *weir_kafka_failure(
    struct rd_kafka_error_s *failure, const char *format, ...);
