/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "ingest/admin.h"
#include "ingest/driver_topics.h"
#include "ingest/fold.h"
#include "ingest/kafka_range.h"
#include "ingest/observe.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/file.h"
#include "ops/runtime/logger.h"
#include "ops/runtime/signal.h"
#include "store/shard.h"

enum {
    NAMES_MAX = 256,
    CHECKPOINTS_KEPT = 2,
    NAME_TRIES = 500, /* of a name that was asked for */
    NAME_PAUSE_US = 20000
};

/* The store of a fold node: the port must stay where it is while the node lives. */
typedef struct shard_port {
    struct shard_port *next;
    weir_topic topic;
    int32_t partition;
    const char *directory; /* of its state; the arena's */
    weir_store_port port;
    weir_arena arena;
} shard_port;

/* What the nodes of one thread share. */
typedef struct crew {
    weir_worker *worker;
    weir_engine *engine;
    weir_scorer **scorers;
    shard_port *ports;
    weir_admin *admin; /* for the ends of topics; opened when first asked for */
} crew;

struct weir_worker {
    weir_worker_options options;
    weir_arena arena;
    char name[160];
    int lock_fd;
    weir_driver *driver;
    weir_store_shared *store;
    weir_schema_source schemas; /* the caller's, under the lock */
    pthread_mutex_t schemas_lock;
};

/* --- schemas, one at a time --- */

static weir_error *locked_writer(void *context, const char *topic, int32_t id,
                                 const weir_schema **schema_out)
{
    weir_worker *worker = context;
    const weir_schema_source *from = worker->options.schemas;
    (void)pthread_mutex_lock(&worker->schemas_lock);
    weir_error *error = from->writer(from->context, topic, id, schema_out);
    (void)pthread_mutex_unlock(&worker->schemas_lock);
    return error;
}

static weir_error *locked_output_id(void *context, const char *topic, const char *schema_json,
                                    int32_t *id_out)
{
    weir_worker *worker = context;
    const weir_schema_source *from = worker->options.schemas;
    (void)pthread_mutex_lock(&worker->schemas_lock);
    weir_error *error = from->output_id(from->context, topic, schema_json, id_out);
    (void)pthread_mutex_unlock(&worker->schemas_lock);
    return error;
}

/* --- nodes --- */

static void crew_close(void *context, void *shared)
{
    (void)context;
    crew *self = shared;
    const weir_plan *plan = self->worker->options.topics->plan;
    for (uint32_t i = 0; self->scorers != NULL && i < plan->score_count; i++) {
        if (self->scorers[i] != NULL) weir_scorer_destroy(self->scorers[i]);
    }
    while (self->ports != NULL) {
        shard_port *port = self->ports;
        self->ports = port->next;
        weir_arena_deinit(&port->arena);
        free(port);
    }
    weir_admin_close(self->admin);
    if (self->engine != NULL) weir_engine_destroy(self->engine);
    free(self->scorers);
    free(self);
}

static weir_error *crew_open(void *context, uint32_t number, void **shared_out)
{
    (void)number;
    weir_worker *worker = context;
    const weir_plan *plan = worker->options.topics->plan;
    crew *self = calloc(1, sizeof *self);
    WEIR_ASSERT(self != NULL);
    self->worker = worker;
    self->engine = weir_engine_create(plan);
    self->scorers = calloc(plan->score_count + 1, sizeof(weir_scorer *));
    WEIR_ASSERT(self->scorers != NULL);
    for (uint32_t i = 0; i < plan->score_count; i++) {
        weir_error *error =
            weir_scorer_create(plan, i, worker->options.models[i], &self->scorers[i]);
        if (error == NULL) continue;
        crew_close(worker, self);
        return error;
    }
    *shared_out = self;
    return NULL;
}

static weir_error *find_end(crew *self, weir_topic topic, int32_t partition, int64_t *end_out)
{
    const weir_worker_options *options = &self->worker->options;
    int64_t start = 0;
    if (self->admin == NULL) WEIR_TRY(weir_admin_open(options->kafka, &self->admin));
    return weir_admin_ends(self->admin, options->topics->items[topic].name, partition, &start,
                           end_out);
}

/* The end of a source partition: an origin mark beyond it tells that the topic was made anew. */
static int64_t source_end(void *context, weir_topic topic, int32_t partition)
{
    int64_t end = -1;
    weir_error *error = find_end(context, topic, partition, &end);
    if (error != NULL) end = -1; /* cannot be told: not a reason to refuse */
    weir_error_free(error);
    return end;
}

typedef struct notice_search {
    const uint8_t *digest;
    bool is_found;
} notice_search;

static weir_error *find_notice(void *context, const weir_log_record *record, bool *is_over_out)
{
    notice_search *search = context;
    weir_journal_notice notice;
    search->is_found = weir_journal_definition_decode(record->value, &notice) &&
                       memcmp(notice.digest, search->digest, WEIR_DIGEST_BYTES) == 0;
    *is_over_out = search->is_found;
    return NULL;
}

/* Another version was applied, and then ours again, before we came to either notice. */
static weir_error *is_superseded(void *context, weir_topic topic, int32_t partition, int64_t offset,
                                 bool *yes_out)
{
    crew *self = context;
    const weir_worker_options *options = &self->worker->options;
    weir_kafka_range ahead = {
        .topic = options->topics->items[topic].name, .partition = partition, .from = offset + 1};
    notice_search search = {.digest = options->topics->plan->digest};
    WEIR_TRY(find_end(self, topic, partition, &ahead.end));
    WEIR_TRY(weir_kafka_range_read(options->kafka, &ahead, find_notice, &search));
    *yes_out = search.is_found;
    return NULL;
}

static shard_port *port_of(crew *self, weir_topic topic, int32_t partition)
{
    for (shard_port *port = self->ports; port != NULL; port = port->next) {
        if (port->topic == topic && port->partition == partition) return port;
    }
    shard_port *port = calloc(1, sizeof *port);
    WEIR_ASSERT(port != NULL);
    *port = (shard_port){.next = self->ports, .topic = topic, .partition = partition};
    self->ports = port;
    return port;
}

static weir_error *store_open(crew *self, shard_port *port)
{
    weir_worker *worker = self->worker;
    const char *topic = worker->options.topics->items[port->topic].name;
    weir_arena arena = {0};
    if (port->directory == NULL)
        port->directory = weir_arena_printf(&port->arena, "%s/%s/%s-%d", worker->options.state_dir,
                                            worker->name, topic, port->partition);
    weir_shard_store_options options = {
        .shared = worker->store,
        .directory = port->directory,
        .checkpoints = weir_arena_printf(&arena, "%s/checkpoints/%s-%d", worker->options.state_dir,
                                         topic, port->partition),
        .free_bytes_min = worker->options.free_bytes_min,
        .checkpoints_kept = CHECKPOINTS_KEPT};
    int64_t restored = -1;
    weir_error *error = weir_shard_store_open(&options, &port->port, &restored);
    if (error == NULL && restored >= 0) {
        WEIR_LOG(INFO, "checkpoint_restored", WEIR_TEXT("topic", topic),
                 WEIR_INT("partition", port->partition), WEIR_INT("position", restored));
    }
    weir_arena_deinit(&arena);
    return error;
}

static weir_error *fold_create(crew *self, weir_topic topic, int32_t partition,
                               const weir_output_port *output, weir_node **node_out)
{
    weir_worker *worker = self->worker;
    shard_port *port = port_of(self, topic, partition);
    WEIR_TRY(store_open(self, port));
    size_t shards = 0;
    for (uint32_t i = 0; i < worker->options.topics->count; i++) {
        shards += worker->options.topics->items[i].role == WEIR_TOPIC_JOURNAL;
    }
    weir_fold_options options = {
        .topics = worker->options.topics,
        .topic = topic,
        .partition = partition,
        .port = output,
        .schemas = &worker->schemas,
        .store = &port->port,
        .engine = self->engine,
        .scorers = self->scorers,
        /* A guess at how many shards share the budget: as many as a topic usually has here. */
        .table_bytes = worker->options.table_bytes / (shards * 4 > 0 ? shards * 4 : 1),
        .checkpoint_every_us = worker->options.checkpoint_interval_us,
        .state_path = port->directory,
        .log_end = source_end,
        .is_superseded = is_superseded,
        .log_end_context = self};
    weir_error *error = weir_fold_create(&options, node_out);
    if (error != NULL) port->port.close(port->port.context);
    return error;
}

static weir_error *node_create(void *context, void *shared, weir_topic topic, int32_t partition,
                               const weir_output_port *port, weir_node **node_out)
{
    weir_worker *worker = context;
    crew *self = shared;
    if (worker->options.topics->items[topic].role == WEIR_TOPIC_JOURNAL) {
        return fold_create(self, topic, partition, port, node_out);
    }
    weir_observe_options options = {.topics = worker->options.topics,
                                    .topic = topic,
                                    .partition = partition,
                                    .port = port,
                                    .schemas = &worker->schemas};
    return weir_observe_create(&options, node_out);
}

static weir_error *node_settle(void *context, weir_node *node)
{
    (void)context;
    return strcmp(node->ops->kind, "fold") == 0 ? weir_fold_settle(node) : NULL;
}

/* --- the state folder --- */

static weir_error *name_lock(weir_worker *worker, const char *name, bool *taken_out)
{
    weir_arena arena = {0};
    const char *folder = weir_arena_printf(&arena, "%s/%s", worker->options.state_dir, name);
    const char *path = weir_arena_printf(&arena, "%s/lock", folder);
    weir_error *error = weir_dir_make(folder);
    *taken_out = false;
    if (error == NULL) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0) {
            error = weir_error_of_errno(errno, "opening", path);
        } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            *taken_out = true;
            (void)close(fd);
        } else {
            worker->lock_fd = fd;
            (void)snprintf(worker->name, sizeof worker->name, "%s", name);
        }
    }
    weir_arena_deinit(&arena);
    return error;
}

static bool is_file_name(const char *name)
{
    return name[0] != '.' && strchr(name, '/') == NULL && strcmp(name, "checkpoints") != 0;
}

static weir_error *name_take(weir_worker *worker)
{
    const char *wanted = worker->options.worker_id;
    bool taken = false;
    if (wanted != NULL && wanted[0] != 0) {
        if (!is_file_name(wanted)) {
            return weir_error_new(WEIR_E_SETTINGS,
                                  "worker_id: %s can not be a folder's name; use "
                                  "letters, digits, - and _",
                                  wanted);
        }
        /* A predecessor that was killed holds its lock until its last thread has gone, which takes
         * seconds on a busy machine: RocksDB's threads run at the lowest priority. */
        for (int i = 0; i < NAME_TRIES && !weir_stop_requested(); i++) {
            WEIR_TRY(name_lock(worker, wanted, &taken));
            if (!taken) return NULL;
            usleep(NAME_PAUSE_US);
        }
        return weir_error_new(WEIR_E_SETTINGS,
                              "another process runs as worker %s in %s; give each worker its own "
                              "--worker-id",
                              wanted, worker->options.state_dir);
    }
    for (int i = 0; i < NAMES_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "w%d", i);
        WEIR_TRY(name_lock(worker, name, &taken));
        if (!taken) return NULL;
    }
    return weir_error_new(WEIR_E_LIMIT, "%d workers already run in %s; name yours with --worker-id",
                          NAMES_MAX, worker->options.state_dir);
}

/* --- life --- */

weir_error *weir_worker_create(const weir_worker_options *options, weir_worker **worker_out)
{
    weir_worker *worker = calloc(1, sizeof *worker);
    WEIR_ASSERT(worker != NULL);
    worker->options = *options;
    worker->lock_fd = -1;
    (void)pthread_mutex_init(&worker->schemas_lock, NULL);
    worker->schemas = (weir_schema_source){worker, locked_writer, locked_output_id};
    weir_error *error = name_take(worker);
    if (error != NULL) {
        weir_worker_destroy(worker);
        return error;
    }
    worker->store = weir_store_shared_create(options->cache_bytes);
    weir_driver_options drive = {
        .kafka = options->kafka,
        .env = options->env,
        .group = options->group,
        .worker_id = options->worker_id,
        .threads = options->threads,
        .topics = weir_driver_topics(options->topics, &worker->arena),
        .topic_count = options->topics->count,
        .marks = options->topics->marks,
        .factory = {worker, crew_open, crew_close, node_create, node_settle},
        .is_transactional = options->is_transactional,
        .until_end = options->until_end,
        .commit_interval_us = options->commit_interval_us,
        .align_us = options->align_us,
        .gather_us = options->gather_us,
        .align_patience_us = options->align_patience_us,
        .transaction_timeout_us = options->transaction_timeout_us,
        .drain_timeout_us = options->drain_timeout_us,
        .start_timeout_us = options->start_timeout_us,
        .context = options->context,
        .on_ready = options->on_ready,
        .on_progress = options->on_progress};
    worker->driver = weir_driver_create(&drive);
    *worker_out = worker;
    return NULL;
}

weir_error *weir_worker_run(weir_worker *worker) { return weir_driver_run(worker->driver); }

void weir_worker_stop(weir_worker *worker) { weir_driver_stop(worker->driver); }

weir_driver_stats weir_worker_describe(weir_worker *worker)
{
    return weir_driver_describe(worker->driver);
}

const char *weir_worker_name(const weir_worker *worker) { return worker->name; }

void weir_worker_destroy(weir_worker *worker)
{
    if (worker == NULL) return;
    weir_driver_destroy(worker->driver);
    if (worker->store != NULL) weir_store_shared_destroy(worker->store);
    if (worker->lock_fd >= 0) (void)close(worker->lock_fd);
    (void)pthread_mutex_destroy(&worker->schemas_lock);
    weir_arena_deinit(&worker->arena);
    free(worker);
}
