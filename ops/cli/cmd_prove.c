/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "ops/cli/stack.h"
#include "ops/runtime/json.h"
#include "serve/prove.h"
#include "serve/prove_snapshot.h"

static const weir_option options[] = {
    {"vector", 0, "NAME", "compare only the scores of this vector", false},
    {"snapshot", 0, "DIR", "an exported snapshot to compare (else: all in the project folder)",
     true},
    {0},
};

typedef struct count_row {
    const char *name;
    uint64_t count;
    const char *meaning;
} count_row;

enum { COUNT_ROWS = 17 };

static void list_counts(const weir_proof *proof, count_row rows[COUNT_ROWS])
{
    const count_row all[COUNT_ROWS] = {
        {"events", proof->events, "folded again from the journals"},
        {"copies", proof->copies, "carried from hop to hop, compared"},
        {"scores", proof->scores, "score records, compared"},
        {"served", proof->served, "sampled answers of `weir serve`, compared"},
        {"snapshots", proof->snapshots, "exported, made again"},
        {"exported", proof->exported, "rows of snapshots, compared"},
        {"states", proof->states, "shards and checkpoints of workers, compared"},
        {"parts", proof->parts, "of keys' states in them"},
        {"values", proof->values, "feature values in scores, answers and snapshots"},
        {"resent", proof->resent, "sent twice after a crash, with the same bytes"},
        {"in_flight", proof->in_flight, "not yet committed, not yet seen"},
        {"skipped", proof->skipped, "under another definition, or in use: not compared"},
        {"other_versions", proof->others,
         "copies and scores of other versions of the definitions: not compared"},
        {"behind", proof->behind,
         "journal records behind another version's that this one can not fold"},
        {"missing", proof->missing, "MISSING: should stand in Kafka"},
        {"unknown", proof->unknown, "UNKNOWN: no replay sends them"},
        {"differing", proof->differing, "DIFFERING: other bytes than the replay sends"},
    };
    for (size_t i = 0; i < COUNT_ROWS; i++)
        rows[i] = all[i];
}

static void print_json(const weir_proof *proof)
{
    count_row rows[COUNT_ROWS];
    list_counts(proof, rows);
    weir_buffer out = {0};
    weir_json_writer writer = {.out = &out, .pretty = true};
    weir_json_write_begin(&writer, '{');
    weir_json_write_key(&writer, "holds");
    weir_json_write_bool(&writer, weir_proof_holds(proof));
    for (size_t i = 0; i < COUNT_ROWS; i++) {
        weir_json_write_key(&writer, rows[i].name);
        weir_json_write_int(&writer, (int64_t)rows[i].count);
    }
    weir_json_write_key(&writer, "differences");
    weir_json_write_begin(&writer, '[');
    for (size_t i = 0; i < proof->difference_count; i++)
        weir_json_write_text(&writer, proof->differences[i]);
    weir_json_write_end(&writer, ']');
    weir_json_write_end(&writer, '}');
    (void)fwrite(out.data, 1, out.size, stdout);
    (void)fputc('\n', stdout);
    weir_buffer_deinit(&out);
}

static void print_text(const weir_proof *proof)
{
    count_row rows[COUNT_ROWS];
    list_counts(proof, rows);
    for (size_t i = 0; i < COUNT_ROWS; i++) {
        bool is_always_shown = i < 3;
        if (rows[i].count > 0 || is_always_shown) {
            (void)printf("%12" PRIu64 "  %-10s %s\n", rows[i].count, rows[i].name, rows[i].meaning);
        }
    }
    for (size_t i = 0; i < proof->difference_count; i++)
        (void)printf("%s%s\n", i == 0 ? "first: " : "", proof->differences[i]);
    (void)printf("%s\n", weir_proof_holds(proof) ? "proved: every byte is what the journals give"
                                                 : "NOT proved");
}

static weir_error *choose_snapshots(weir_cli *cli, const char *state_dir, weir_prove_options *prove)
{
    while (weir_cli_option_at(cli, "snapshot", prove->snapshot_count) != NULL)
        prove->snapshot_count++;
    if (prove->snapshot_count == 0)
        return weir_snapshots_find(".", state_dir, &cli->arena, &prove->snapshots,
                                   &prove->snapshot_count);
    const char **paths = weir_arena_array(&cli->arena, const char *, prove->snapshot_count);
    for (size_t i = 0; i < prove->snapshot_count; i++)
        paths[i] = weir_cli_path(cli, weir_cli_option_at(cli, "snapshot", i));
    prove->snapshots = paths;
    return NULL;
}

static weir_error *run(weir_cli *cli)
{
    weir_stack stack;
    WEIR_TRY(weir_stack_open(cli, &stack));
    weir_error *error = NULL;
    weir_proof proof;
    WEIR_TRY_OUT(weir_stack_load_models(cli, &stack));
    weir_model_archive archive = {&stack, weir_stack_find_model};
    weir_replay_options replay = {
        .topics = stack.topics,
        .kafka = &stack.kafka,
        .schemas = &stack.schemas,
        .models = stack.models,
        .archive = &archive,
        .group = stack.group,
        .scratch = weir_config_text(stack.config, WEIR_SETTING_STATE_DIR),
        .table_bytes = (size_t)weir_config_int(stack.config, WEIR_SETTING_STATE_MEMORY),
    };
    weir_prove_options prove = {
        .replay = &replay, .vector = weir_cli_option(cli, "vector"), .state_dir = replay.scratch};
    WEIR_TRY_OUT(choose_snapshots(cli, replay.scratch, &prove));
    WEIR_TRY_OUT(weir_prove(&prove, &cli->arena, &proof));
    if (cli->format == WEIR_FORMAT_JSON) {
        print_json(&proof);
    } else {
        print_text(&proof);
    }
    if (!weir_proof_holds(&proof)) cli->exit_code = 3;
out:
    weir_stack_close(&stack);
    return error;
}

const weir_command weir_command_prove = {
    .name = "prove",
    .group = WEIR_GROUP_ANSWERS,
    .summary = "Replay the journals; compare what was carried, scored, served, exported and kept",
    .arguments = "",
    .help = "Folds every journal again, from its first record, and compares byte for byte with the "
            "copies in\n"
            "the next journals (joined by origin), the score records (joined by id), the sampled "
            "answers of\n"
            "`weir serve` (at their position and time), and the shards and checkpoints under "
            "state_dir (each slice\n"
            "at its position; not those that a running worker has open). Snapshots in the project "
            "folder, or those\n"
            "of --snapshot, are exported again and compared value by value. Exit code 3 if "
            "anything differs, is\n"
            "missing, or can not be explained; the first differences are printed with their "
            "offsets and both values.\n\n"
            "What other versions of the definitions sent is counted, not compared: prove it in a "
            "folder of theirs.",
    .options = options,
    .formats = WEIR_FORMAT_TEXT | WEIR_FORMAT_JSON,
    .run = run,
};
