/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/admin.h"
#include "ops/cli/stack.h"
#include "ops/runtime/file.h"
#include "store/checkpoint.h"
#include "store/shard.h"

enum { FOLDERS_MAX = 65536 };

static const weir_option options[] = {
    {"shard", 0, "TOPIC/PARTITION", "the journal and the partition of it", true},
    {"all", 0, NULL, "all shards of the package", false},
    {"from-start", 0, NULL, "remove sound checkpoints, too: the whole journal is replayed", false},
    {0},
};

typedef struct rebuild {
    weir_cli *cli;
    const weir_stack *stack;
    weir_admin *admin;
    const char *topic, *name; /* name: TOPIC-PARTITION, as folders are called */
    int32_t partition;
    int64_t journal_start;
    int64_t newest; /* position of the newest sound checkpoint; -1: none */
    uint32_t removed;
} rebuild;

static void take_shard(rebuild *job, const char *topic, int32_t partition)
{
    job->topic = topic;
    job->partition = partition;
    job->name = weir_arena_printf(&job->cli->arena, "%s-%" PRId32, topic, partition);
    job->removed = 0;
}

static weir_error *read_shard(rebuild *job, const char *text)
{
    const char *slash = strrchr(text, '/');
    char *end = NULL;
    long partition = slash == NULL ? -1 : strtol(slash + 1, &end, 10);
    if (slash == NULL || end == slash + 1 || *end != '\0' || partition < 0 || partition > INT32_MAX)
        return weir_error_new(WEIR_E_USAGE,
                              "`%s` is no shard; write --shard TOPIC/PARTITION, such as %s/0", text,
                              "weir.card.journal.card");
    take_shard(job, weir_arena_string(&job->cli->arena, text, (size_t)(slash - text)),
               (int32_t)partition);
    weir_topic topic = weir_topics_find(job->stack->topics, job->topic);
    if (topic != WEIR_NONE && job->stack->topics->items[topic].role == WEIR_TOPIC_JOURNAL)
        return NULL;
    return weir_error_new(WEIR_E_USAGE, "%s is no journal of package %s; `weir topics` lists them",
                          job->topic, job->stack->plan->package);
}

/* Nothing is removed before it is certain that it can be made again. */
static weir_error *find_journal_start(rebuild *job)
{
    int64_t end = 0;
    return weir_admin_ends(job->admin, job->topic, job->partition, &job->journal_start, &end);
}

static weir_error *remove_folder(rebuild *job, const char *path, const char *why)
{
    WEIR_TRY(weir_dir_remove(path));
    job->removed++;
    weir_cli_note(job->cli, "removed %s%s", path, why);
    return NULL;
}

/* Checkpoints that are sound stay, unless --from-start; the newest is what a worker begins with. */
static weir_error *look_at_checkpoints(rebuild *job, const char *state_dir)
{
    weir_arena *arena = &job->cli->arena;
    const char *folder = weir_arena_printf(arena, "%s/checkpoints/%s", state_dir, job->name);
    const char *const *names = NULL;
    size_t count = 0;
    job->newest = -1;
    if (!weir_file_exists(folder)) return NULL;
    WEIR_TRY(weir_dir_list(folder, "", FOLDERS_MAX, arena, &names, &count));
    for (size_t i = 0; i < count; i++) {
        if (strspn(names[i], "0123456789") != strlen(names[i])) continue;
        const char *path = weir_arena_printf(arena, "%s/%s", folder, names[i]);
        weir_error *error = weir_checkpoint_verify(path);
        int64_t position = strtoll(names[i], NULL, 10);
        if (error == NULL && !weir_cli_flag(job->cli, "from-start")) {
            if (position > job->newest) job->newest = position;
            continue;
        }
        const char *why = error == NULL ? "" : " (damaged)";
        weir_error_free(error);
        WEIR_TRY(remove_folder(job, path, why));
    }
    return NULL;
}

/* The shard's folders, one of each worker that ever had it. None may be open: all of it is left
 * alone, then. */
static weir_error *find_live(const rebuild *job, const char *state_dir, const char ***paths_out,
                             size_t *count_out)
{
    weir_arena *arena = &job->cli->arena;
    const char *const *workers = NULL;
    size_t count = 0;
    *count_out = 0;
    if (!weir_file_exists(state_dir)) return NULL;
    WEIR_TRY(weir_dir_list(state_dir, "", FOLDERS_MAX, arena, &workers, &count));
    *paths_out = weir_arena_array(arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        const char *path = weir_arena_printf(arena, "%s/%s/%s", state_dir, workers[i], job->name);
        if (strcmp(workers[i], "checkpoints") == 0 || !weir_file_exists(path)) continue;
        if (weir_shard_store_is_open(path))
            return weir_error_new(WEIR_E_AGAIN, "%s is in use; stop worker %s first", path,
                                  workers[i]);
        (*paths_out)[(*count_out)++] = path;
    }
    return NULL;
}

static void tell(const rebuild *job)
{
    (void)printf("%s/%" PRId32 ": %u folder%s removed; the next worker ", job->topic,
                 job->partition, job->removed, job->removed == 1 ? "" : "s");
    if (job->newest >= 0)
        (void)printf("begins with the checkpoint at %" PRId64
                     " and replays the rest of the journal\n",
                     job->newest);
    else
        (void)printf("replays the journal from its first record\n");
}

static weir_error *rebuild_shard(rebuild *job)
{
    const char *state_dir = weir_config_text(job->stack->config, WEIR_SETTING_STATE_DIR);
    const char **live = NULL;
    size_t live_count = 0;
    WEIR_TRY(find_live(job, state_dir, &live, &live_count));
    WEIR_TRY(find_journal_start(job));
    if (job->journal_start > 0 && weir_cli_flag(job->cli, "from-start"))
        return weir_error_new(WEIR_E_LOG_TRUNCATED,
                              "%s/%d begins at offset %" PRId64
                              ": its first records are gone, so the state can not be made from its "
                              "start; leave --from-start out to begin with a checkpoint",
                              job->topic, job->partition, job->journal_start);
    WEIR_TRY(look_at_checkpoints(job, state_dir));
    if (job->journal_start > 0 && job->newest < job->journal_start)
        return weir_error_new(WEIR_E_LOG_TRUNCATED,
                              "%s/%d begins at offset %" PRId64
                              " and no sound checkpoint is newer: the state can not be made again; "
                              "restore the topic, or start a new package. No shard was removed",
                              job->topic, job->partition, job->journal_start);
    for (size_t i = 0; i < live_count; i++)
        WEIR_TRY(remove_folder(job, live[i], ""));
    tell(job);
    return NULL;
}

static weir_error *rebuild_topic(rebuild *job, const char *topic)
{
    weir_topic_state *state = NULL;
    WEIR_TRY(weir_admin_topics(job->admin, &topic, 1, &job->cli->arena, &state));
    if (!state->exists) return NULL; /* no journal, no state */
    for (int32_t p = 0; p < state->partitions; p++) {
        take_shard(job, topic, p);
        WEIR_TRY(rebuild_shard(job));
    }
    return NULL;
}

static weir_error *rebuild_all(rebuild *job)
{
    const weir_topics *topics = job->stack->topics;
    for (uint32_t i = 0; i < topics->count; i++)
        if (topics->items[i].role == WEIR_TOPIC_JOURNAL)
            WEIR_TRY(rebuild_topic(job, topics->items[i].name));
    return NULL;
}

static weir_error *rebuild_named(rebuild *job)
{
    const char *text = NULL;
    for (size_t i = 0; (text = weir_cli_option_at(job->cli, "shard", i)) != NULL; i++) {
        WEIR_TRY(read_shard(job, text));
        WEIR_TRY(rebuild_shard(job));
    }
    return NULL;
}

static weir_error *run(weir_cli *cli)
{
    bool is_all = weir_cli_flag(cli, "all"), is_named = weir_cli_option(cli, "shard") != NULL;
    if (is_all == is_named)
        return weir_error_new(WEIR_E_USAGE, "name the shard, --shard TOPIC/PARTITION, such as "
                                            "weir.card.journal.card/0; or say --all");
    weir_stack stack;
    WEIR_TRY(weir_stack_open(cli, &stack));
    rebuild job = {.cli = cli, .stack = &stack};
    weir_error *error = weir_admin_open(&stack.kafka, &job.admin);
    if (error == NULL) error = is_all ? rebuild_all(&job) : rebuild_named(&job);
    weir_admin_close(job.admin);
    weir_stack_close(&stack);
    return error;
}

const weir_command weir_command_rebuild = {
    .name = "rebuild",
    .group = WEIR_GROUP_STREAM,
    .summary = "Have a shard's state made anew from its journal",
    .arguments = "",
    .help =
        "Removes the shard's folders under state_dir, and its damaged checkpoints, once it is "
        "certain that the journal\n"
        "(or the journal behind a sound checkpoint) still has what is needed. The worker that "
        "opens the shard next\n"
        "replays it silently up to the committed position and goes on: nothing is lost, nothing "
        "is sent twice. A shard\n"
        "that a worker has open is left alone; start a worker that stopped the partition again "
        "afterwards.\n\n"
        "After another version of the definitions was put in force, `weir rebuild --all "
        "--from-start` has the state\n"
        "made anew under it.",
    .options = options,
    .formats = WEIR_FORMAT_TEXT,
    .run = run,
};
