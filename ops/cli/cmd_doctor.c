/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/timex.h>
#include <unistd.h>

#include "ingest/admin.h"
#include "ingest/admission.h"
#include "ingest/applied.h"
#include "ops/cli/listing.h"
#include "ops/cli/stack.h"
#include "ops/cli/topic_check.h"
#include "ops/runtime/clock.h"
#include "ops/runtime/file.h"
#include "store/checkpoint.h"
#include "store/shard.h"

/* What a check found. NO makes the exit code 1; the others do not. */
typedef enum verdict { YES, NOTE, NO } verdict;

typedef struct doctor {
    weir_cli *cli;
    weir_stack *stack;
    weir_admin *admin;
    weir_listing list;
    const weir_topic_state *topics; /* by topic; NULL: the brokers are away */
    bool is_table;
    int64_t lag; /* records that the group has to read, of all its topics */
    uint32_t counts[3];
} doctor;

enum { FILES_A_SHARD = 64, FILES_BASE = 256, SHARDS_MAX = 65536 };

/* One line: what was looked at, what was found, and, if it is not well, the page that tells what to
 * do. */
__attribute__((format(printf, 5, 6))) static void tell(doctor *self, verdict found,
                                                       const char *what, const char *runbook,
                                                       const char *format, ...)
{
    static const char *const words[] = {"ok", "note", "NO"};
    va_list arguments;
    va_start(arguments, format);
    char text[1024];
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    self->counts[found]++;
    if (!self->is_table) {
        weir_listing_text(&self->list, what);
        weir_listing_text(&self->list, found == NO ? "no" : words[found]);
        weir_listing_text(&self->list, text);
        weir_listing_text(&self->list, found == YES ? NULL : runbook);
        return;
    }
    (void)printf("%-4s  %-12s  %s", words[found], what, text);
    if (found != YES && runbook != NULL) (void)printf(" (docs/runbooks/%s.md)", runbook);
    (void)putchar('\n');
}

/* An error becomes a line; true if there was none. */
static bool tell_error(doctor *self, weir_error *error, const char *what, const char *runbook)
{
    if (error == NULL) return true;
    tell(self, NO, what, runbook, "%s", weir_error_message(error));
    weir_error_free(error);
    return false;
}

/* --- this machine --- */

static void check_disk(doctor *self)
{
    const weir_config *config = self->stack->config;
    const char *folder = weir_config_text(config, WEIR_SETTING_STATE_DIR);
    uint64_t free_bytes = 0;
    if (!tell_error(self, weir_dir_make(folder), "state", "disk-full")) return;
    if (access(folder, W_OK | X_OK) != 0) {
        tell(self, NO, "state", "disk-full", "%s can not be written; give this user the right to",
             folder);
        return;
    }
    if (!tell_error(self, weir_dir_free_bytes(folder, &free_bytes), "disk", "disk-full")) return;
    uint64_t reserve = (uint64_t)weir_config_int(config, WEIR_SETTING_DISK_RESERVE);
    verdict found = free_bytes < reserve ? NO : free_bytes < 4 * reserve ? NOTE : YES;
    tell(self, found, "disk", "disk-full",
         "%" PRIu64 " MiB are free for %s; workers stop below %" PRIu64 " MiB", free_bytes >> 20,
         folder, reserve >> 20);
}

static void check_memory(doctor *self)
{
    const weir_config *config = self->stack->config;
    struct sysinfo info;
    if (sysinfo(&info) != 0) return;
    uint64_t whole = (uint64_t)info.totalram * info.mem_unit;
    uint64_t wanted = (uint64_t)weir_config_int(config, WEIR_SETTING_STATE_MEMORY) +
                      (uint64_t)weir_config_int(config, WEIR_SETTING_BLOCK_CACHE);
    tell(self,
         wanted > whole       ? NO
         : wanted > whole / 2 ? NOTE
                              : YES,
         "memory", "memory",
         "state_memory and block_cache take up to %" PRIu64 " MiB of %" PRIu64 " MiB", wanted >> 20,
         whole >> 20);
}

static void check_files(doctor *self, size_t shards)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    uint64_t wanted = FILES_BASE + FILES_A_SHARD * (uint64_t)shards;
    bool is_enough = limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wanted;
    tell(self, is_enough ? YES : NO, "files", "limits",
         "%" PRIu64 " open files are allowed, %zu shards in one worker may need %" PRIu64 "%s",
         (uint64_t)limit.rlim_cur, shards, wanted, is_enough ? "" : "; raise ulimit -n");
}

static void check_clock(doctor *self)
{
    struct timex state = {0};
    int code = ntp_adjtime(&state);
    bool is_sane = weir_clock_now_us() > INT64_C(1700000000000000);
    if (!is_sane) {
        tell(self, NO, "clock", "clock", "this machine's clock stands before November 2023");
    } else if (code == TIME_ERROR || (state.status & STA_UNSYNC) != 0) {
        tell(self, NOTE, "clock", "clock",
             "the clock is not known to be synchronised; lookups use it (values of the stream do "
             "not)");
    } else {
        tell(self, YES, "clock", "clock", "synchronised");
    }
}

static int32_t partition_count(void *context, weir_topic topic)
{
    const doctor *self = context;
    return self->topics[topic].partitions;
}

/* -1: unknown. */
static int64_t log_end(void *context, weir_topic topic, int32_t partition)
{
    doctor *self = context;
    int64_t start = 0, end = -1;
    const weir_topic_state *state = &self->topics[topic];
    if (!state->exists || partition >= state->partitions) return -1;
    weir_error_free(weir_admin_ends(self->admin, state->name, partition, &start, &end));
    return end;
}

/* <state_dir>/serve/<shard>; a state_dir below some other folder of that name is none. */
static bool is_followers(const doctor *self, const char *path)
{
    const char *folder =
        weir_arena_printf(&self->cli->arena, "%s/serve/",
                          weir_config_text(self->stack->config, WEIR_SETTING_STATE_DIR));
    return strncmp(path, folder, strlen(folder)) == 0;
}

/* Would a worker start from the state of this partition? */
static weir_error *admit(doctor *self, const char *path, weir_topic topic, int32_t partition)
{
    weir_store_port store = {0};
    const char *name = self->stack->topics->items[topic].name;
    int32_t count = self->topics[topic].partitions;
    int64_t *committed = weir_arena_array(&self->cli->arena, int64_t, (size_t)count + 1);
    weir_node_position at = {0};
    if (partition < count) {
        WEIR_TRY(weir_admin_ends(self->admin, name, partition, &at.log_start, &at.log_end));
        WEIR_TRY(weir_admin_committed(self->admin, self->stack->group, name, count, committed));
        at.committed = committed[partition];
    }
    weir_output_port port = {.context = self, .partition_count = partition_count};
    WEIR_TRY(weir_shard_store_open_read(path, &store));
    weir_fold_options options = {.topics = self->stack->topics,
                                 .topic = topic,
                                 .partition = partition,
                                 .port = &port,
                                 .store = &store,
                                 .state_path = path,
                                 .log_end = log_end,
                                 .log_end_context = self};
    if (is_followers(self, path)) { /* a follower's state is bound to no commit */
        options.follows = true;
        at.committed = INT64_MAX;
    }
    weir_error *error = weir_admit_kept(&options, &at);
    store.close(store.context);
    return error;
}

static weir_error *check_admission(doctor *self, const char *path)
{
    weir_topic topic = 0;
    int32_t partition = 0;
    const char *name = strrchr(path, '/') + 1;
    bool is_ours = weir_topics_shard(self->stack->topics, name, &topic, &partition);
    if (self->topics == NULL || !is_ours || !self->topics[topic].exists) return NULL;
    return admit(self, path, topic, partition);
}

static const char *runbook_of(const weir_error *error)
{
    switch (weir_error_code_of(error)) {
    case WEIR_E_STATE_OTHER: return "state-other";
    case WEIR_E_STATE_NEWER: return "state-newer";
    case WEIR_E_LOG_TRUNCATED: return "log-truncated";
    default: return "state-damaged";
    }
}

/* A folder of one shard; a shard that a worker has open is that worker's to judge. */
static void check_shard(doctor *self, const char *path, bool is_checkpoint, uint32_t *sound)
{
    weir_shard_store_report report;
    if (weir_shard_store_is_open(path)) return;
    weir_error *error =
        is_checkpoint ? weir_checkpoint_verify(path) : weir_shard_store_verify(path, &report);
    if (error == NULL && !is_checkpoint) error = check_admission(self, path);
    *sound += error == NULL;
    const char *runbook = error == NULL ? NULL : runbook_of(error);
    (void)tell_error(self, error, "shards", runbook);
}

/* <state>/<worker>/<shard> and <state>/checkpoints/<shard>/<L>: whatever has RocksDB's CURRENT, or
 * should. */
static weir_error *check_shards_below(doctor *self, const char *folder, bool is_checkpoint,
                                      uint32_t *sound)
{
    const char *const *names = NULL;
    size_t count = 0;
    WEIR_TRY(weir_dir_list(folder, "", SHARDS_MAX, &self->cli->arena, &names, &count));
    for (size_t i = 0; i < count; i++) {
        const char *path = weir_arena_printf(&self->cli->arena, "%s/%s", folder, names[i]);
        const char *kept = weir_arena_printf(&self->cli->arena, "%s/IDENTITY", path);
        bool is_checkpoints = is_checkpoint && !weir_file_exists(kept) && weir_dir_exists(path);
        if (is_checkpoints)
            WEIR_TRY(check_shards_below(self, path, true, sound));
        else if (weir_file_exists(kept))
            check_shard(self, path, is_checkpoint, sound);
    }
    return NULL;
}

static weir_error *check_shards(doctor *self)
{
    const char *state = weir_config_text(self->stack->config, WEIR_SETTING_STATE_DIR);
    const char *const *owners = NULL;
    size_t count = 0;
    uint32_t sound = 0;
    if (!weir_dir_exists(state)) return NULL;
    WEIR_TRY(weir_dir_list(state, "", SHARDS_MAX, &self->cli->arena, &owners, &count));
    for (size_t i = 0; i < count; i++) {
        const char *folder = weir_arena_printf(&self->cli->arena, "%s/%s", state, owners[i]);
        if (!weir_dir_exists(folder)) continue;
        bool is_checkpoint = strcmp(owners[i], "checkpoints") == 0;
        WEIR_TRY(check_shards_below(self, folder, is_checkpoint, &sound));
    }
    if (sound > 0)
        tell(self, YES, "shards", NULL, "%u shards and checkpoints were read, and are sound",
             sound);
    return NULL;
}

/* --- definitions and models --- */

static void check_models(doctor *self)
{
    const weir_plan *plan = self->stack->plan;
    if (!tell_error(self, weir_stack_load_models(self->cli, self->stack), "models", "models"))
        return;
    for (uint32_t i = 0; i < plan->score_count; i++) {
        const weir_model *model = self->stack->models[i];
        if (model == NULL) {
            tell(self, NOTE, "models", "models", "score %s has no model; its fallback answers",
                 plan->scores[i].name);
        } else {
            tell(self, YES, "models", "models", "score %s: %s, %s", plan->scores[i].name,
                 plan->scores[i].model, weir_model_describe(model)->profile);
        }
    }
}

static void check_registry(doctor *self)
{
    weir_registry *registry = weir_provider_registry(self->stack->provider);
    if (registry == NULL) {
        tell(self, YES, "registry", "registry", "none is set; schemas come from schemas/");
        return;
    }
    const weir_plan *plan = self->stack->plan;
    for (uint32_t i = 0; i < plan->stream_count; i++) {
        char subject[600];
        int32_t id = 0;
        const weir_schema *schema = NULL;
        (void)snprintf(subject, sizeof subject, "%s-value", plan->streams[i].topic);
        weir_error *error = weir_registry_latest(registry, subject, &id, &schema);
        if (!tell_error(self, error, "registry", "registry")) return;
        if (schema == NULL) {
            tell(self, NOTE, "registry", "registry", "%s is not registered yet; weir apply does it",
                 subject);
        } else {
            tell(self, YES, "registry", "registry", "%s has id %d", subject, id);
        }
    }
}

/* --- Kafka --- */

static bool check_brokers(doctor *self)
{
    const weir_broker_info *brokers = NULL;
    size_t count = 0;
    weir_error *error = weir_admin_brokers(self->admin, &self->cli->arena, &brokers, &count);
    if (!tell_error(self, error, "brokers", "brokers-away")) return false;
    tell(self, YES, "brokers", "brokers-away", "%zu reached at %s, librdkafka %s", count,
         self->stack->kafka.brokers, weir_kafka_version());
    int64_t copies = weir_config_int(self->stack->config, WEIR_SETTING_JOURNAL_REPLICATION);
    if (count >= 3 && copies < 2) {
        tell(self, NOTE, "brokers", "brokers-away",
             "journal_replication is 1: a lost disk of a broker loses journals for good; set 3");
    }
    return true;
}

/* Has retention passed what the group still has to read? */
static weir_error *check_position(doctor *self, const weir_topic_info *info,
                                  const weir_topic_state *state)
{
    int64_t *committed =
        weir_arena_array(&self->cli->arena, int64_t, (size_t)state->partitions + 1);
    WEIR_TRY(weir_admin_committed(self->admin, self->stack->group, state->name, state->partitions,
                                  committed));
    int64_t lag = 0;
    bool is_lost = false;
    for (int32_t i = 0; i < state->partitions; i++) {
        int64_t start = 0, end = 0;
        WEIR_TRY(weir_admin_ends(self->admin, state->name, i, &start, &end));
        lag += end - (committed[i] >= start ? committed[i] : start);
        if (committed[i] > end) {
            tell(self, NO, "positions", "state-newer",
                 "%s[%d] ends at %" PRId64 ", the group has committed %" PRId64
                 ": the topic was made anew",
                 state->name, i, end, committed[i]);
            is_lost = true;
        }
        if (info->role == WEIR_TOPIC_JOURNAL && start > 0) {
            tell(self, NO, "positions", "log-truncated",
                 "%s[%d] begins at %" PRId64
                 ": what came before can be replayed no more, neither by a worker without a newer "
                 "state or checkpoint, nor by weir prove, export and serve",
                 state->name, i, start);
            is_lost = true;
        }
        if (committed[i] < 0 || committed[i] >= start) continue;
        tell(self, NO, "positions", "log-truncated",
             "%s[%d] begins at %" PRId64 ", the group has read up to %" PRId64
             ": retention has removed records that nobody has read",
             state->name, i, start, committed[i]);
        is_lost = true;
    }
    self->lag += lag;
    if (!is_lost)
        tell(self, YES, "positions", NULL, "%s: %" PRId64 " records to read", state->name, lag);
    return NULL;
}

static void check_retention(doctor *self, const weir_topic_info *info,
                            const weir_topic_state *state)
{
    if (!state->knows_config || !state->is_deleted || state->retention_ms < 0) return;
    if (info->role == WEIR_TOPIC_JOURNAL) {
        int64_t history_us = weir_history_us(self->stack->plan);
        bool is_short = history_us == INT64_MAX || state->retention_ms < history_us / 1000;
        tell(self, is_short ? NO : NOTE, "retention", "retention",
             "%s keeps %" PRId64 " hours; the definitions look back %s", info->name,
             state->retention_ms / 3600000,
             is_short ? "further: a worker that replays would get other values" : "less far");
    } else if (info->role == WEIR_TOPIC_SOURCE && state->retention_ms < 86400000) {
        tell(self, NOTE, "retention", "retention",
             "%s keeps %" PRId64 " minutes: workers that stand still for longer lose events",
             info->name, state->retention_ms / 60000);
    }
}

/* Events that were refused are nobody's fault here, but somebody wants to know. */
static weir_error *check_dead(doctor *self, const weir_topic_state *state)
{
    int64_t count = 0;
    for (int32_t i = 0; i < state->partitions; i++) {
        int64_t start = 0, end = 0;
        WEIR_TRY(weir_admin_ends(self->admin, state->name, i, &start, &end));
        count += end - start;
    }
    if (count > 0)
        tell(self, NOTE, "dead letters", NULL,
             "%" PRId64 " events were refused; weir tail %s --from start says why", count,
             state->name);
    return NULL;
}

static weir_error *check_topics(doctor *self, size_t *shards_out)
{
    const weir_topics *topics = self->stack->topics;
    weir_topic_state *states = NULL;
    WEIR_TRY(weir_topic_states(self->admin, topics, &self->cli->arena, &states));
    self->topics = states;
    for (uint32_t i = 0; i < topics->count; i++) {
        const weir_topic_info *info = &topics->items[i];
        const char *problem =
            weir_topic_problem(info, &states[i], self->stack->config, &self->cli->arena);
        if (problem != NULL) {
            tell(self, NO, "topics", "topics", "%s %s", info->name, problem);
        } else {
            tell(self, YES, "topics", NULL, "%s: %d partitions", info->name, states[i].partitions);
        }
        if (!states[i].exists) continue;
        if (info->role == WEIR_TOPIC_JOURNAL) *shards_out += (size_t)states[i].partitions;
        check_retention(self, info, &states[i]);
        if (info->is_consumed) WEIR_TRY(check_position(self, info, &states[i]));
        if (info->role == WEIR_TOPIC_DEAD) WEIR_TRY(check_dead(self, &states[i]));
    }
    return NULL;
}

/* Does anybody read what there is to read? A worker that hangs is one until Kafka misses it. */
static weir_error *check_workers(doctor *self)
{
    bool is_embedded = false;
    weir_group_state group;
    WEIR_TRY(weir_admin_is_embedded(self->admin, &is_embedded));
    if (is_embedded) return NULL; /* it does not tell */
    WEIR_TRY(weir_admin_group(self->admin, self->stack->group, &self->cli->arena, &group));
    if (group.member_count == 0) {
        tell(self, self->lag > 0 ? NOTE : YES, "workers", "lag",
             "no worker is in group %s, and %" PRId64 " records are to be read%s",
             self->stack->group, self->lag, self->lag > 0 ? ": start weir run" : "");
        return NULL;
    }
    bool is_stable = strcmp(group.state, "Stable") == 0;
    for (size_t i = 0; i < group.member_count; i++) {
        const weir_group_member *member = &group.members[i];
        tell(self, is_stable ? YES : NOTE, "workers", "lag", "%s at %s: %zu partitions%s%s",
             member->name, member->host, member->partitions,
             is_stable ? "" : "; the group deals them anew: ", is_stable ? "" : group.state);
    }
    return NULL;
}

static void check_kafka(doctor *self, size_t *shards_out)
{
    if (!tell_error(self, weir_admin_open(&self->stack->kafka, &self->admin), "brokers",
                    "brokers-away"))
        return;
    if (!check_brokers(self)) return;
    if (tell_error(self, check_topics(self, shards_out), "topics", "topics"))
        (void)tell_error(self, check_workers(self), "workers", "lag");
}

static void check_applied(doctor *self)
{
    if (self->topics == NULL || self->stack->models == NULL) return;
    weir_error *error =
        weir_applied_check(&self->stack->kafka, self->stack->topics, self->stack->models);
    if (tell_error(self, error, "definitions", "not-applied"))
        tell(self, YES, "definitions", NULL, "those of this folder are in force, and its models");
}

static void check_all(doctor *self)
{
    size_t shards = 0;
    check_kafka(self, &shards);
    check_registry(self);
    check_models(self);
    check_applied(self);
    check_disk(self);
    (void)tell_error(self, check_shards(self), "shards", "state-damaged");
    check_memory(self);
    check_files(self, shards);
    check_clock(self);
    weir_admin_close(self->admin);
}

static weir_error *run(weir_cli *cli)
{
    weir_stack stack;
    weir_error *error = weir_stack_open(cli, &stack);
    /* Without its schemas the folder can not be read, but a registry that is away is a finding. */
    bool is_away = error != NULL && weir_error_code_of(error) == WEIR_E_UNAVAILABLE;
    if (error != NULL && !is_away) return error;
    doctor self = {.cli = cli,
                   .stack = &stack,
                   .is_table =
                       cli->format == WEIR_FORMAT_DEFAULT || cli->format == WEIR_FORMAT_TABLE};
    static const char *const columns[] = {"check", "verdict", "text", "runbook"};
    self.list = weir_listing_begin(cli, columns, sizeof columns / sizeof *columns);
    if (is_away) {
        (void)tell_error(&self, error, "registry", "registry");
    } else {
        check_all(&self);
        weir_stack_close(&stack);
    }
    if (!self.is_table) weir_listing_end(&self.list);
    if (self.counts[NO] > 0) {
        cli->exit_code = 1;
        weir_cli_note(cli, "%u of %u checks say no", self.counts[NO],
                      self.counts[NO] + self.counts[NOTE] + self.counts[YES]);
    }
    return NULL;
}

const weir_command weir_command_doctor = {
    .name = "doctor",
    .group = WEIR_GROUP_STREAM,
    .summary = "Look at everything that a worker depends on",
    .arguments = "",
    .help = "Brokers, topics and their settings, positions against retention, the workers of the "
            "group, definitions in force, registry,\n"
            "models, disk, the state of shards that no worker has open, memory, limits and clock.\n"
            "Exit code 1 if something says NO; what is not ok names its runbook.",
    .formats = WEIR_FORMATS_OF_LISTINGS,
    .run = run,
};
