/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/admission.h"

#include <stdio.h>

#include "ingest/slices.h"

enum { IDENTITY_VERSION = 2 };

static const char *topic_name(const weir_fold_options *options)
{
    return options->topics->items[options->topic].name;
}

static weir_error *refuse(const weir_fold_options *options, weir_error_code code, const char *what,
                          const char *remedy)
{
    return weir_error_new(
        code, "journal %s/%d, state in %s: %s; %s", topic_name(options), options->partition,
        options->state_path == NULL ? "(in memory)" : options->state_path, what, remedy);
}

static void put_text(weir_buffer *out, const char *text)
{
    weir_buffer_put_varint(out, strlen(text));
    weir_buffer_put_text(out, text);
}

/* Whose state this is: u8 version, 32 bytes of the fold's digest, topic, partition, number of
 * partitions. */
static void identity_encode(const weir_fold_options *options, weir_buffer *out)
{
    const weir_output_port *port = options->port;
    weir_buffer_put_u8(out, IDENTITY_VERSION);
    weir_buffer_put(out, options->topics->plan->fold_digest, WEIR_DIGEST_BYTES);
    put_text(out, topic_name(options));
    weir_buffer_put_varint(out, (uint32_t)options->partition);
    weir_buffer_put_varint(out, (uint32_t)port->partition_count(port->context, options->topic));
}

bool weir_identity_is_of(weir_bytes identity, const weir_plan *plan)
{
    return identity.size > WEIR_DIGEST_BYTES &&
           memcmp(identity.data + 1, plan->fold_digest, WEIR_DIGEST_BYTES) == 0;
}

static weir_error *refuse_identity(const weir_fold_options *options, weir_bytes had,
                                   const weir_buffer *want)
{
    bool is_definition =
        had.size > WEIR_DIGEST_BYTES && had.size == want->size && had.data[0] == want->data[0] &&
        memcmp(had.data + 1 + WEIR_DIGEST_BYTES, want->data + 1 + WEIR_DIGEST_BYTES,
               had.size - 1 - WEIR_DIGEST_BYTES) == 0;
    const char *remedy = is_definition
                             ? "to have all state made anew from the journals under the present "
                               "definitions run `weir rebuild --all --from-start`; or start the "
                               "worker in the folder of the definitions that it was made by"
                             : "start the worker with the topic that it was made from; or, to have "
                               "it made anew from this one, remove it and its checkpoints";
    return refuse(options, WEIR_E_STATE_OTHER,
                  is_definition
                      ? "the state was made by another version of the definitions"
                      : "the state belongs to another topic, partition or number of partitions",
                  remedy);
}

weir_error *weir_admit_identity(const weir_fold_options *options)
{
    const weir_store_port *store = options->store;
    weir_buffer want = {0};
    weir_bytes had = {0};
    identity_encode(options, &want);
    weir_error *error = store->read_identity(store->context, &had);
    if (error == NULL && had.size == 0) {
        error = store->write_identity(store->context, (weir_bytes){want.data, want.size});
    } else if (error == NULL &&
               (had.size != want.size || memcmp(had.data, want.data, had.size) != 0)) {
        error = refuse_identity(options, had, &want);
    }
    weir_buffer_deinit(&want);
    return error;
}

weir_error *weir_admit_positions(const weir_fold_options *options, const weir_node_position *at,
                                 int64_t low)
{
    char what[160];
    (void)snprintf(
        what, sizeof what, "L %lld (state), K %lld (committed), the journal holds [%lld, %lld)",
        (long long)low, (long long)at->committed, (long long)at->log_start, (long long)at->log_end);
    if (at->committed >= 0 && at->committed < low) {
        return refuse(
            options, WEIR_E_STATE_NEWER, what,
            "K < L: the group's offset was set back; set it to at least L (kafka-consumer-groups "
            "--reset-offsets --to-offset), or remove the state folder to rebuild it");
    }
    if (at->log_start > low) {
        return refuse(options, WEIR_E_LOG_TRUNCATED, what,
                      "the journal no longer holds position L: restore a checkpoint that is newer "
                      "than its start "
                      "(<state>/checkpoints), restore the topic, or start a new package; and set "
                      "retention.ms=-1 on it");
    }
    if (at->log_end < low || (at->committed > at->log_end && !options->follows)) {
        return refuse(options, WEIR_E_STATE_NEWER, what,
                      "the journal ends below a position that was reached: it was recreated or "
                      "cut; restore the topic, "
                      "or start a new package");
    }
    return NULL;
}

weir_error *weir_admit_origins(const weir_fold_options *options, const weir_shard_record *record)
{
    if (options->log_end == NULL) return NULL;
    for (uint32_t i = 0; i < record->stream_count; i++) {
        const weir_origin *origin = &record->streams[i];
        for (uint32_t p = 0; p < origin->count; p++) {
            if (origin->next[p] == 0) continue;
            int64_t seen = weir_seq_offset(origin->next[p] - 1);
            int64_t end =
                options->log_end(options->log_end_context, options->topics->sources[i], (int32_t)p);
            if (end < 0 || end > seen) continue;
            char what[200];
            (void)snprintf(
                what, sizeof what,
                "offset %lld of source %.80s/%u was folded, but that partition ends at %lld",
                (long long)seen, options->topics->plan->streams[i].topic, p, (long long)end);
            return refuse(
                options, WEIR_E_STATE_NEWER, what,
                "the source topic was recreated: start a new package, or restore the topic");
        }
    }
    return NULL;
}

weir_error *weir_admit_kept(const weir_fold_options *options, const weir_node_position *at)
{
    weir_bytes had = {0};
    WEIR_TRY(options->store->read_identity(options->store->context, &had));
    if (had.size == 0) return NULL;
    WEIR_TRY(weir_admit_identity(options));
    const weir_plan *plan = options->topics->plan;
    weir_slices slices = {0};
    weir_shard_record record;
    weir_shard_record_init(&record, plan);
    weir_error *error = weir_slices_open(&slices, plan, options->store, NULL, &record);
    if (error == NULL) error = weir_admit_positions(options, at, weir_slices_low(&slices));
    if (error == NULL) error = weir_admit_origins(options, &record);
    weir_slices_deinit(&slices);
    weir_shard_record_deinit(&record);
    return error;
}
