/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/mock.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>

#include "ingest/kafka_internal.h"
#include "ops/runtime/assert.h"

struct weir_mock {
    rd_kafka_t *handle; /* the cluster hangs on a client that does nothing else */
    rd_kafka_mock_cluster_t *cluster;
};

weir_error *weir_mock_start(int brokers, weir_mock **mock_out)
{
    WEIR_ASSERT(brokers > 0);
    rd_kafka_conf_t *conf = NULL;
    rd_kafka_t *handle = NULL;
    weir_kafka_options options = {.brokers = "127.0.0.1:1", .client_id = "weir-broker"};
    WEIR_TRY(weir_kafka_conf(&options, NULL, NULL, &conf));
    (void)rd_kafka_conf_set(conf, "bootstrap.servers", "", NULL, 0);
    WEIR_TRY(weir_kafka_handle(conf, true, &handle));
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(handle, brokers);
    if (cluster == NULL) {
        weir_kafka_destroy(handle);
        return weir_error_new(WEIR_E_UNAVAILABLE,
                              "the embedded broker can not listen on 127.0.0.1");
    }
    weir_mock *mock = calloc(1, sizeof *mock);
    WEIR_ASSERT(mock != NULL);
    *mock = (weir_mock){.handle = handle, .cluster = cluster};
    *mock_out = mock;
    return NULL;
}

void weir_mock_stop(weir_mock *mock)
{
    if (mock == NULL) return;
    rd_kafka_mock_cluster_destroy(mock->cluster);
    weir_kafka_destroy(mock->handle);
    free(mock);
}

const char *weir_mock_brokers(const weir_mock *mock)
{
    return rd_kafka_mock_cluster_bootstraps(mock->cluster);
}

weir_error *weir_mock_topic(weir_mock *mock, const char *name, int partitions)
{
    rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(mock->cluster, name, partitions, 1);
    if (code == 0 || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) return NULL;
    return weir_kafka_failed(code, "making topic %s on the embedded broker", name);
}

weir_error *weir_mock_set_down(weir_mock *mock, int32_t broker, bool is_down)
{
    rd_kafka_resp_err_t code = is_down ? rd_kafka_mock_broker_set_down(mock->cluster, broker)
                                       : rd_kafka_mock_broker_set_up(mock->cluster, broker);
    return code == 0 ? NULL : weir_kafka_failed(code, "embedded broker %d", broker);
}

void weir_mock_fail(weir_mock *mock, int16_t api_key, int error_code, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rd_kafka_mock_push_request_errors(mock->cluster, api_key, 1,
                                          (rd_kafka_resp_err_t)error_code);
    }
}
