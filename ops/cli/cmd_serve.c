/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ingest/kafka_producer.h"
#include "ops/cli/stack.h"
#include "ops/runtime/logger.h"
#include "serve/served.h"
#include "serve/service.h"

/* Samples go out beside the answers: if Kafka refuses them, answers go on and the log says so once.
 */
typedef struct sample_sender {
    weir_kafka_producer *producer;
    weir_topic topic;
    int32_t partitions;
} sample_sender;

static void give_up(sample_sender *sampler, weir_error *error)
{
    WEIR_LOG(WARN, "samples_stopped", WEIR_TEXT("error", weir_error_message(error)));
    weir_error_free(error);
    weir_kafka_producer_close(sampler->producer);
    sampler->producer = NULL;
}

static void send_sample(void *context, weir_bytes key, weir_bytes record)
{
    sample_sender *sampler = context;
    if (sampler->producer == NULL) return;
    int32_t partition = weir_partition_of(key, sampler->partitions);
    weir_error *error =
        weir_kafka_producer_add(sampler->producer, sampler->topic, partition, key, record, 0, 0);
    if (error != NULL) give_up(sampler, error);
}

static void poll_samples(void *context)
{
    sample_sender *sampler = context;
    if (sampler->producer == NULL) return;
    weir_error *error = weir_kafka_producer_send(sampler->producer);
    if (error == NULL) error = weir_kafka_producer_poll(sampler->producer, 0);
    if (error != NULL) give_up(sampler, error);
}

static weir_error *open_sampler(const weir_stack *stack, sample_sender *sampler)
{
    weir_producer_options options = {.kafka = &stack->kafka, .wake_fd = -1};
    WEIR_TRY(weir_kafka_producer_open(&options, &sampler->producer));
    sampler->topic = stack->topics->served;
    WEIR_TRY(weir_kafka_producer_topic(sampler->producer, sampler->topic,
                                       stack->topics->items[sampler->topic].name));
    sampler->partitions = weir_kafka_producer_partitions(sampler->producer, sampler->topic);
    return NULL;
}

static void close_sampler(sample_sender *sampler)
{
    if (sampler->producer != NULL)
        weir_error_free(weir_kafka_producer_flush(sampler->producer, 5000));
    weir_kafka_producer_close(sampler->producer);
}

static weir_error *open_follower(weir_cli *cli, const weir_stack *stack,
                                 weir_follower **follower_out)
{
    const weir_config *config = stack->config;
    const char *state_dir = weir_config_text(config, WEIR_SETTING_STATE_DIR);
    weir_follower_options options = {
        .topics = stack->topics,
        .kafka = &stack->kafka,
        .schemas = &stack->schemas,
        .state = weir_arena_printf(&cli->arena, "%s/serve", state_dir),
        .table_bytes = (size_t)weir_config_int(config, WEIR_SETTING_STATE_MEMORY),
        .cache_bytes = (size_t)weir_config_int(config, WEIR_SETTING_BLOCK_CACHE),
        .free_bytes_min = (uint64_t)weir_config_int(config, WEIR_SETTING_DISK_RESERVE),
        .env = weir_env_real(),
    };
    return weir_follower_open(&options, follower_out);
}

/* One per score of the plan; NULL entries after an error. */
static weir_error *open_scorers(weir_cli *cli, weir_stack *stack, weir_scorer ***scorers_out)
{
    weir_scorer **scorers =
        weir_arena_array(&cli->arena, weir_scorer *, stack->plan->score_count + 1);
    *scorers_out = scorers;
    WEIR_TRY(weir_stack_load_models(cli, stack));
    for (uint32_t i = 0; i < stack->plan->score_count; i++)
        WEIR_TRY(weir_scorer_create(stack->plan, i, stack->models[i], &scorers[i]));
    return NULL;
}

static weir_error *serve(weir_cli *cli, weir_stack *stack, weir_follower *follower,
                         weir_scorer *const *scorers, sample_sender *sampler)
{
    const weir_config *config = stack->config;
    weir_service_options options = {
        .plan = stack->plan,
        .follower = follower,
        .scorers = scorers,
        .http = {.listen = weir_config_text(config, WEIR_SETTING_LISTEN),
                 .connections_max =
                     (uint32_t)weir_config_int(config, WEIR_SETTING_HTTP_CONNECTIONS),
                 .body_bytes_max = (size_t)weir_config_int(config, WEIR_SETTING_HTTP_BODY_MAX),
                 .read_timeout_ms =
                     (uint32_t)(weir_config_int(config, WEIR_SETTING_HTTP_TIMEOUT) / 1000),
                 .idle_timeout_ms =
                     (uint32_t)(weir_config_int(config, WEIR_SETTING_HTTP_IDLE) / 1000)},
        .sample_every = (uint32_t)weir_config_int(config, WEIR_SETTING_SERVE_SAMPLE),
        .samples = {sampler, send_sample, poll_samples},
    };
    WEIR_TRY(stack->schemas.output_id(stack->schemas.context,
                                      stack->topics->items[stack->topics->served].name,
                                      weir_served_schema, &options.sample_schema_id));
    weir_service *service = NULL;
    WEIR_TRY(weir_service_create(&options, &service));
    weir_cli_note(cli, "listening on port %u; /readyz says when the journals are applied",
                  weir_service_port(service));
    weir_error *error = weir_service_run(service);
    weir_service_destroy(service);
    return error;
}

static weir_error *run(weir_cli *cli)
{
    weir_stack stack;
    WEIR_TRY(weir_stack_open(cli, &stack));
    weir_error *error = NULL;
    weir_follower *follower = NULL;
    sample_sender sampler = {0};
    weir_scorer **scorers = NULL;
    uint32_t score_count = stack.plan->score_count;
    if (weir_config_int(stack.config, WEIR_SETTING_SERVE_SAMPLE) > 0)
        WEIR_TRY_OUT(open_sampler(&stack, &sampler));
    WEIR_TRY_OUT(open_scorers(cli, &stack, &scorers));
    WEIR_TRY_OUT(open_follower(cli, &stack, &follower));
    WEIR_TRY_OUT(serve(cli, &stack, follower, scorers, &sampler));
out:
    for (uint32_t i = 0; scorers != NULL && i < score_count; i++)
        weir_scorer_destroy(scorers[i]);
    close_sampler(&sampler);
    weir_follower_close(follower);
    weir_stack_close(&stack);
    return error;
}

const weir_command weir_command_serve = {
    .name = "serve",
    .group = WEIR_GROUP_ANSWERS,
    .summary = "Follow the journals and answer lookups over HTTP",
    .arguments = "",
    .help = "POST /get-online-features in Feast's shape, POST /lookup and /score with a receipt, "
            "GET /healthz, /readyz and /metrics.\n"
            "Keeps a state of its own under state_dir/serve and needs no worker beside it. One "
            "answer in `serve_sample` goes\n"
            "to a topic with its read point, so that `weir prove` can compare it.",
    .is_long_running = true,
    .run = run,
};
