/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "ingest/admin.h"
#include "ingest/applied.h"
#include "ingest/worker.h"
#include "ops/cli/run_status.h"
#include "ops/cli/stack.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/clock.h"
#include "ops/runtime/env.h"
#include "ops/runtime/logger.h"
#include "ops/runtime/signal.h"

enum { ONE_LOOK_US = 10000000 };

static const weir_option options[] = {
    {"until-end", 0, NULL, "stop once all that is in the source topics now is through", false},
    {"threads", 0, "N", "members of the group in this process (setting threads)", false},
    {"worker-id", 0, "ID", "stable name: its state is found again (setting worker_id)", false},
    {0},
};

/* A runner: the worker, and a thread that hears the signal. */
typedef struct runner {
    weir_cli *cli;
    weir_worker *worker;
    weir_run_status *status; /* NULL: metrics_listen is not set */
    pthread_t listener;
    atomic_bool is_done;
    int64_t progress_us;
    weir_driver_stats last;
} runner;

static void *listen_for_stop(void *context)
{
    runner *self = context;
    bool told = false;
    while (!atomic_load(&self->is_done)) {
        if (weir_stop_requested() && !told) {
            told = true;
            weir_cli_note(self->cli,
                          "stopping: draining and committing; once more to leave at once");
            weir_worker_stop(self->worker);
        }
        usleep(20000);
    }
    return NULL;
}

static void on_ready(void *context)
{
    runner *self = context;
    weir_cli_note(self->cli, "ready: worker %s, %u partitions", weir_worker_name(self->worker),
                  weir_worker_describe(self->worker).partitions);
}

static void on_progress(void *context, const weir_driver_stats *stats)
{
    runner *self = context;
    weir_run_status_update(self->status, stats);
    int64_t now_us = weir_clock_monotonic_us();
    double seconds = self->progress_us == 0 ? 1.0 : (double)(now_us - self->progress_us) / 1e6;
    uint64_t events = stats->source_events - self->last.source_events;
    uint64_t hops = stats->journal_events - self->last.journal_events;
    uint64_t outputs = stats->outputs - self->last.outputs;
    if (events + hops + outputs > 0) {
        WEIR_LOG(INFO, "progress", WEIR_INT("events_s", (double)events / seconds),
                 WEIR_INT("hops_s", (double)hops / seconds),
                 WEIR_INT("outputs_s", (double)outputs / seconds),
                 WEIR_INT("events", stats->source_events), WEIR_INT("outputs", stats->outputs),
                 WEIR_INT("lag", stats->lag));
    }
    self->progress_us = now_us;
    self->last = *stats;
}

/* Options that stand for settings. */
static weir_error *settings_take(const weir_cli *cli, weir_config *config)
{
    if (weir_cli_option(cli, "threads") != NULL) {
        const weir_setting_row *row = weir_setting_row_of(WEIR_SETTING_THREADS);
        int64_t threads = 0;
        WEIR_TRY(weir_cli_int(cli, "threads", row->least, row->most, &threads));
        WEIR_TRY(weir_config_set(config, WEIR_SETTING_THREADS, weir_cli_option(cli, "threads"),
                                 "--threads"));
    }
    if (weir_cli_option(cli, "worker-id") == NULL) return NULL;
    return weir_config_set(config, WEIR_SETTING_WORKER_ID, weir_cli_option(cli, "worker-id"),
                           "--worker-id");
}

/* Are these definitions in force? Brokers that are away are waited for, as long as the settings
 * say. */
static weir_error *applied_wait(const weir_stack *stack)
{
    int64_t limit = weir_config_int(stack->config, WEIR_SETTING_START_TIMEOUT);
    int64_t began = weir_clock_monotonic_us();
    weir_kafka_options kafka = stack->kafka; /* one look is no longer than all of them may be */
    if (limit < ONE_LOOK_US) kafka.timeout_ms = (int)(limit / 1000) + 1;
    for (unsigned wait_us = 100000;; wait_us = wait_us < 2000000 ? wait_us * 2 : wait_us) {
        weir_error *error = weir_applied_check(&kafka, stack->topics, stack->models);
        if (error == NULL || weir_error_class_of(error) != WEIR_CLASS_TRANSIENT) return error;
        bool is_late = limit != INT64_MAX && weir_clock_monotonic_us() - began > limit;
        if (is_late) return error;
        if (!weir_stop_requested())
            WEIR_LOG(WARN, "brokers_away", WEIR_TEXT("reason", weir_error_message(error)));
        weir_error_free(error);
        if (weir_stop_requested()) return NULL; /* nothing is open, so nothing has to be drained */
        usleep(wait_us);
    }
}

static weir_worker_options worker_options(weir_cli *cli, const weir_stack *stack, runner *self)
{
    const weir_config *config = stack->config;
    int64_t start_timeout = weir_config_int(config, WEIR_SETTING_START_TIMEOUT);
    return (weir_worker_options){
        .topics = stack->topics,
        .kafka = &stack->kafka,
        .schemas = &stack->schemas,
        .models = stack->models,
        .env = weir_env_real(),
        .group = stack->group,
        .worker_id = weir_config_text(config, WEIR_SETTING_WORKER_ID),
        .state_dir = weir_config_text(config, WEIR_SETTING_STATE_DIR),
        .threads = (uint32_t)weir_config_int(config, WEIR_SETTING_THREADS),
        .table_bytes = (size_t)weir_config_int(config, WEIR_SETTING_STATE_MEMORY),
        .cache_bytes = (size_t)weir_config_int(config, WEIR_SETTING_BLOCK_CACHE),
        .free_bytes_min = (uint64_t)weir_config_int(config, WEIR_SETTING_DISK_RESERVE),
        .checkpoint_interval_us = weir_config_int(config, WEIR_SETTING_CHECKPOINT_INTERVAL),
        .is_transactional = weir_config_choice(config, WEIR_SETTING_DELIVERY) == 1,
        .until_end = weir_cli_flag(cli, "until-end"),
        .commit_interval_us = weir_config_int(config, WEIR_SETTING_COMMIT_INTERVAL),
        .align_us = weir_config_int(config, WEIR_SETTING_ALIGN),
        .gather_us = weir_config_int(config, WEIR_SETTING_GATHER),
        .align_patience_us = weir_config_int(config, WEIR_SETTING_ALIGN_PATIENCE),
        .transaction_timeout_us = weir_config_int(config, WEIR_SETTING_TRANSACTION_TIMEOUT),
        .drain_timeout_us = weir_config_int(config, WEIR_SETTING_DRAIN_TIMEOUT),
        .start_timeout_us = start_timeout == INT64_MAX ? 0 : start_timeout,
        .context = self,
        .on_ready = on_ready,
        .on_progress = on_progress};
}

static weir_error *work(weir_cli *cli, const weir_stack *stack)
{
    runner self = {.cli = cli};
    weir_worker_options how = worker_options(cli, stack, &self);
    WEIR_TRY(weir_worker_create(&how, &self.worker));
    weir_error *error = weir_run_status_start(
        weir_config_text(stack->config, WEIR_SETTING_METRICS_LISTEN), self.worker, &self.status);
    if (error == NULL && pthread_create(&self.listener, NULL, listen_for_stop, &self) != 0)
        error = weir_error_new(WEIR_E_LIMIT, "the system gives no further thread");
    if (error != NULL) {
        weir_run_status_stop(self.status);
        weir_worker_destroy(self.worker);
        return error;
    }
    if (self.status != NULL) {
        weir_cli_note(cli, "/healthz, /readyz and /metrics on port %u",
                      weir_run_status_port(self.status));
    }
    error = weir_worker_run(self.worker);
    atomic_store(&self.is_done, true);
    (void)pthread_join(self.listener, NULL);
    weir_driver_stats stats = weir_worker_describe(self.worker);
    if (error == NULL) {
        weir_cli_note(cli,
                      "done: %" PRIu64 " events taken, %" PRIu64 " hops folded, %" PRIu64
                      " records written",
                      stats.source_events, stats.journal_events, stats.outputs);
    }
    weir_run_status_stop(self.status);
    weir_worker_destroy(self.worker);
    return error;
}

/* The embedded broker takes transactions, but forgets the positions in them: a worker would never
 * come to an end, and begin anew with the next start. */
static weir_error *delivery_settle(const weir_cli *cli, const weir_stack *stack)
{
    if (weir_config_choice(stack->config, WEIR_SETTING_DELIVERY) != 1) return NULL;
    weir_admin *admin = NULL;
    bool is_embedded = false;
    WEIR_TRY(weir_admin_open(&stack->kafka, &admin));
    weir_error *error = weir_admin_is_embedded(admin, &is_embedded);
    weir_admin_close(admin);
    if (error != NULL || !is_embedded) return error;
    weir_cli_note(cli, "the embedded broker keeps no positions of transactions: delivery is "
                       "idempotent here, not transactional");
    return weir_config_set(stack->config, WEIR_SETTING_DELIVERY, "idempotent",
                           "the embedded broker");
}

static weir_error *run(weir_cli *cli)
{
    weir_stack stack;
    WEIR_TRY(weir_stack_open(cli, &stack));
    weir_error *error = NULL;
    WEIR_TRY_OUT(settings_take(cli, stack.config));
    WEIR_TRY_OUT(weir_stack_load_models(cli, &stack));
    WEIR_TRY_OUT(applied_wait(&stack));
    if (!weir_stop_requested()) WEIR_TRY_OUT(delivery_settle(cli, &stack));
    if (!weir_stop_requested()) WEIR_TRY_OUT(work(cli, &stack));
out:
    weir_stack_close(&stack);
    return error;
}

const weir_command weir_command_run = {
    .name = "run",
    .group = WEIR_GROUP_STREAM,
    .summary = "Run a worker: observe, fold, score",
    .arguments = "",
    .help = "A member of the package's group takes partitions of the source topics and journals, "
            "keeps state under state_dir and\n"
            "writes scores. Start as many as you like, on as many machines; partitions are shared "
            "among them. SIGTERM drains,\n"
            "commits and leaves with 0. The definitions must be in force: see `weir apply`.",
    .options = options,
    .is_long_running = true,
    .run = run,
};
