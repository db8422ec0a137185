/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/kafka.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <time.h>

#include "ingest/kafka_internal.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/clock.h"
#include "ops/runtime/logger.h"

enum { TIMEOUT_MS_DEFAULT = 10000, DESTROY_SECONDS_MAX = 30 };

static atomic_size_t open_count;

size_t weir_kafka_open_count(void) { return atomic_load(&open_count); }

const char *weir_kafka_version(void) { return rd_kafka_version_str(); }

int weir_kafka_timeout(const weir_kafka_options *options)
{
    return options->timeout_ms > 0 ? options->timeout_ms : TIMEOUT_MS_DEFAULT;
}

/* --- errors --- */

static weir_error_code code_of(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE: return WEIR_E_UNAVAILABLE;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT: return WEIR_E_TIMEOUT;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED: return WEIR_E_PERMISSION;
    case RD_KAFKA_RESP_ERR__INVALID_ARG: return WEIR_E_SETTINGS;
    default: return WEIR_E_KAFKA;
    }
}

/* The library's words say what happened to a socket. */
static const char *cure_of(int code)
{
    bool is_away = code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__RESOLVE ||
                   code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
    return is_away ? "; see that the brokers run, and that the setting `brokers` names them" : "";
}

weir_error *weir_kafka_failed(int code, const char *format, ...)
{
    WEIR_ASSERT(code != RD_KAFKA_RESP_ERR_NO_ERROR);
    char what[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return weir_error_new(code_of((rd_kafka_resp_err_t)code), "%s: %s (%s)%s", what,
                          rd_kafka_err2str((rd_kafka_resp_err_t)code),
                          rd_kafka_err2name((rd_kafka_resp_err_t)code), cure_of(code));
}

weir_error *weir_kafka_failure(rd_kafka_error_t *failure, const char *format, ...)
{
    if (failure == NULL) return NULL;
    char what[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    weir_error *error =
        weir_error_new(code_of(rd_kafka_error_code(failure)), "%s: %s (%s)", what,
                       rd_kafka_error_string(failure), rd_kafka_error_name(failure));
    rd_kafka_error_destroy(failure);
    return error;
}

/* --- what the library says --- */

/* Each broker that is away logs a line a second: such lines pass at most once in ten seconds. */
static bool may_log(void)
{
    static atomic_llong last_us;
    long long now = weir_clock_monotonic_us(), before = atomic_load(&last_us);
    if (before != 0 && now - before < 10 * 1000000) return false;
    return atomic_compare_exchange_strong(&last_us, &before, now);
}

static void on_log(const rd_kafka_t *handle, int level, const char *facility, const char *text)
{
    (void)handle;
    bool is_noise = strcmp(facility, "CONFWARN") == 0 || strcmp(facility, "AUTOCREATE") == 0;
    if (level > LOG_WARNING || is_noise) {
        WEIR_LOG(DEBUG, "kafka_client", WEIR_TEXT("facility", facility), WEIR_TEXT("text", text));
    } else if (may_log()) {
        WEIR_LOG(WARN, "kafka_client", WEIR_TEXT("facility", facility), WEIR_TEXT("text", text));
    }
}

static void on_error(rd_kafka_t *handle, int code, const char *reason, void *opaque)
{
    (void)handle, (void)opaque;
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || !may_log()) return;
    WEIR_LOG(WARN, "kafka_brokers_away", WEIR_TEXT("reason", reason));
}

/* --- configuration --- */

/* Not for the settings to choose, whichever handle is opened first: docs/reference/kafka.md. */
typedef struct conf_reserved {
    const char *name;
    const char *instead; /* our own setting; NULL: exactness depends on the value that it has */
} conf_reserved;

// clang-format off
static const conf_reserved reserved[] = {
    {"bootstrap.servers",             "brokers"},
    {"metadata.broker.list",          "brokers"},
    {"group.id",                      "group"},
    {"group.instance.id",             "worker_id"},
    {"transactional.id",              "worker_id"},
    {"transaction.timeout.ms",        "transaction_timeout"},
    {"enable.idempotence",            NULL},
    {"enable.gapless.guarantee",      NULL},
    {"message.timeout.ms",            NULL},
    {"delivery.timeout.ms",           NULL},
    {"allow.auto.create.topics",      NULL},
    {"enable.auto.commit",            NULL},
    {"enable.auto.offset.store",      NULL},
    {"auto.offset.reset",             NULL},
    {"partition.assignment.strategy", NULL},
    {"enable.partition.eof",          NULL},
    {"isolation.level",               NULL},
};
// clang-format on

static const conf_reserved *find_reserved(const char *name)
{
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        if (strcmp(reserved[i].name, name) == 0) return &reserved[i];
    }
    return NULL;
}

static weir_error *conf_check(const char *name)
{
    const conf_reserved *found = find_reserved(name);
    if (found == NULL) return NULL;
    if (found->instead != NULL)
        return weir_error_new(WEIR_E_SETTINGS,
                              "kafka.%s can not be set; set `%s`, which stands for it", name,
                              found->instead);
    return weir_error_new(WEIR_E_SETTINGS,
                          "kafka.%s can not be set: exactness depends on it; remove it", name);
}

static weir_error *conf_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[512];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK) return NULL;
    return weir_error_new(WEIR_E_SETTINGS, "kafka.%s: %s is refused: %s", name, value, why);
}

static weir_error *conf_set_all(rd_kafka_conf_t *conf, const char *const *pairs)
{
    for (; pairs != NULL && *pairs != NULL; pairs += 2)
        WEIR_TRY(conf_set(conf, pairs[0], pairs[1]));
    return NULL;
}

static weir_error *conf_fill(rd_kafka_conf_t *conf, const weir_kafka_options *options,
                             const char *const *defaults, const char *const *fixed)
{
    if (options->brokers == NULL || options->brokers[0] == 0) {
        return weir_error_new(WEIR_E_SETTINGS,
                              "no brokers are named; set `brokers: host:port` in weir.yaml, "
                              "WEIR_BROKERS or --set brokers=host:port");
    }
    WEIR_TRY(conf_set(conf, "bootstrap.servers", options->brokers));
    WEIR_TRY(conf_set(conf, "client.id", options->client_id == NULL ? "weir" : options->client_id));
    WEIR_TRY(conf_set(conf, "socket.nagle.disable", "true"));
    WEIR_TRY(conf_set(conf, "log.connection.close", "false"));
    /* The default backs off for up to 10 s: a broker that comes back would be found late. */
    WEIR_TRY(conf_set(conf, "reconnect.backoff.max.ms", "1000"));
    WEIR_TRY(conf_set_all(conf, defaults));
    for (size_t i = 0; i < options->setting_count; i++) {
        const weir_kafka_setting *setting = &options->settings[i];
        WEIR_TRY(conf_check(setting->name));
        WEIR_TRY(conf_set(conf, setting->name, setting->value));
    }
    for (const char *const *pair = fixed; pair != NULL && *pair != NULL; pair += 2)
        WEIR_ASSERT(find_reserved(*pair) != NULL); /* what we fix would be taken and not be kept */
    return conf_set_all(conf, fixed);
}

weir_error *weir_kafka_conf(const weir_kafka_options *options, const char *const *defaults,
                            const char *const *fixed, rd_kafka_conf_t **conf_out)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    weir_error *error = conf_fill(conf, options, defaults, fixed);
    if (error != NULL) {
        rd_kafka_conf_destroy(conf);
        return error;
    }
    *conf_out = conf;
    return NULL;
}

weir_error *weir_kafka_handle(rd_kafka_conf_t *conf, bool is_producer, rd_kafka_t **handle_out)
{
    char why[512];
    rd_kafka_t *handle =
        rd_kafka_new(is_producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (handle == NULL) {
        rd_kafka_conf_destroy(conf);
        return weir_error_new(WEIR_E_SETTINGS, "opening a Kafka client: %s", why);
    }
    atomic_fetch_add(&open_count, 1);
    *handle_out = handle;
    return NULL;
}

weir_log_record weir_kafka_record(const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    int64_t ms = rd_kafka_message_timestamp(message, &type);
    return (weir_log_record){
        .offset = message->offset,
        .timestamp_us = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || ms < 0 ? INT64_MIN : ms * 1000,
        .key = {message->key, message->key_len},
        .value = {message->payload, message->len},
    };
}

/* --- the end of a handle --- */

static void *destroy_thread(void *handle)
{
    rd_kafka_destroy(handle);
    return NULL;
}

void weir_kafka_destroy(rd_kafka_t *handle)
{
    if (handle == NULL) return;
    pthread_t thread;
    if (pthread_create(&thread, NULL, destroy_thread, handle) != 0) {
        rd_kafka_destroy(handle);
    } else {
        struct timespec until;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += DESTROY_SECONDS_MAX;
        if (pthread_timedjoin_np(thread, NULL, &until) != 0) {
            (void)pthread_detach(thread);
            WEIR_LOG(ERROR, "kafka_handle_stuck", WEIR_INT("seconds", DESTROY_SECONDS_MAX),
                     WEIR_TEXT("help", "a reference was leaked; please report this"));
            return; /* counted as open: tests see it */
        }
    }
    atomic_fetch_sub(&open_count, 1);
}
