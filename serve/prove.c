/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/prove.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/packer.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/digest.h"
#include "schemas/json_value.h"
#include "serve/evidence.h"
#include "serve/model_history.h"
#include "serve/prove_snapshot.h"
#include "serve/prove_state.h"
#include "serve/prove_versions.h"
#include "serve/served.h"

/* A thing whose two sides differ, with its bytes: filled by a second pass. */
typedef struct disputed {
    uint64_t key[2];
    weir_replay_place found_at;
    weir_bytes found, replayed; /* in the proof's arena */
} disputed;

typedef struct proof_job {
    const weir_replay_options *options;
    const weir_topics *topics;
    const weir_plan *plan;
    weir_proof *proof;
    weir_arena *into;
    weir_evidence evidence;
    weir_versions versions;
    weir_buffer identity;
    weir_buffer copy; /* both parts of a copy, in one piece: put_copy */
    weir_arena scratch;
    const char *score_prefix; /* limits to one vector's scores, or NULL */
    bool *is_score_wanted;    /* per topic */
    disputed suspects[WEIR_PROOF_DIFFERENCES_MAX];
    size_t suspect_count;
    bool is_second_pass;
    weir_served_set served;
    weir_model_history *history;
    uint16_t generation;      /* of the score record at hand */
    weir_state_proof *states; /* or NULL */
    weir_replay *replay;      /* while a pass runs */
} proof_job;

/* --- identities
 * ------------------------------------------------------------------------------------------- */

/* A copy is known by the journal it goes to and where its event came from. */
static void identify_copy(proof_job *prover, weir_topic journal, const weir_journal_head *head,
                          const weir_journal_copy *copy)
{
    weir_buffer_clear(&prover->identity);
    weir_buffer_put_u8(&prover->identity, 'c');
    weir_buffer_put_varint(&prover->identity, journal);
    weir_buffer_put_varint(&prover->identity, head->stream.size);
    weir_buffer_put(&prover->identity, head->stream.data, head->stream.size);
    weir_buffer_put_zigzag(&prover->identity, copy->source_partition);
    weir_buffer_put_zigzag(&prover->identity, copy->source_offset);
}

/* What is compared of a copy: its head, with its length in front, and its rest. */
static weir_bytes put_copy(proof_job *prover, weir_bytes head, weir_bytes rest)
{
    weir_buffer_clear(&prover->copy);
    weir_buffer_put_varint(&prover->copy, head.size);
    weir_buffer_put(&prover->copy, head.data, head.size);
    weir_buffer_put(&prover->copy, rest.data, rest.size);
    return (weir_bytes){prover->copy.data, prover->copy.size};
}

static bool read_copy(weir_bytes whole, weir_journal_head *head_out, weir_journal_copy *copy_out)
{
    weir_reader reader = weir_reader_of(whole.data, whole.size);
    weir_bytes head = weir_reader_string(&reader);
    weir_bytes rest = {reader.next, weir_reader_left(&reader)};
    return !reader.bad && weir_journal_head_decode(head, head_out) &&
           weir_journal_copy_decode(head_out, rest, copy_out);
}

/* A score's id is the first field of its record. */
static bool read_score_id(weir_bytes message, weir_bytes *id_out)
{
    int32_t schema_id = 0;
    weir_bytes body;
    if (!weir_frame_read(message, &schema_id, &body)) return false;
    weir_reader reader = weir_reader_of(body.data, body.size);
    int64_t size = weir_reader_zigzag(&reader);
    if (reader.bad || size < 0 || (uint64_t)size > weir_reader_left(&reader)) return false;
    *id_out = (weir_bytes){weir_reader_take(&reader, (size_t)size), (size_t)size};
    return true;
}

/* The score's name is part of the identity: two scores may read one event. */
static bool identify_score(proof_job *prover, weir_topic topic, weir_bytes message)
{
    weir_bytes id;
    if (!read_score_id(message, &id)) return false;
    weir_buffer_clear(&prover->identity);
    weir_buffer_put_u8(&prover->identity, 's');
    weir_buffer_put_varint(&prover->identity, topic);
    weir_buffer_put(&prover->identity, id.data, id.size);
    return true;
}

/* --- first pass: hashes
 * ------------------------------------------------------------------------------------- */

static void keep_suspect(proof_job *prover, const weir_evidence_entry *entry)
{
    for (size_t i = 0; i < prover->suspect_count; i++) {
        if (memcmp(prover->suspects[i].key, entry->key, sizeof entry->key) == 0) return;
    }
    if (prover->suspect_count == WEIR_PROOF_DIFFERENCES_MAX) return;
    disputed *suspect = &prover->suspects[prover->suspect_count++];
    memcpy(suspect->key, entry->key, sizeof entry->key);
}

/* Second pass: keeps the bytes of what differed. */
static void fill_suspect(proof_job *prover, weir_evidence_side side, weir_bytes bytes,
                         const weir_replay_place *place)
{
    weir_evidence_entry *entry = NULL;
    weir_evidence probe = {0};
    weir_bytes identity = {prover->identity.data, prover->identity.size};
    (void)weir_evidence_show(&probe, side, identity, bytes, &entry);
    for (size_t i = 0; i < prover->suspect_count; i++) {
        disputed *suspect = &prover->suspects[i];
        if (memcmp(suspect->key, entry->key, sizeof entry->key) != 0) continue;
        weir_bytes kept = {weir_arena_copy(prover->into, bytes.data, bytes.size), bytes.size};
        bool is_same = suspect->replayed.size == bytes.size && suspect->replayed.data != NULL &&
                       memcmp(suspect->replayed.data, bytes.data, bytes.size) == 0;
        if (side == WEIR_EVIDENCE_REPLAYED) {
            suspect->replayed = kept;
        } else if (suspect->found.data == NULL || !is_same) {
            suspect->found =
                kept; /* of several copies the one that differs, where the replay came first */
            suspect->found_at = *place;
        }
    }
    weir_evidence_deinit(&probe);
}

static void show(proof_job *prover, weir_evidence_side side, weir_bytes bytes,
                 const weir_replay_place *place, weir_topic stands_in)
{
    if (prover->is_second_pass) {
        fill_suspect(prover, side, bytes, place);
        return;
    }
    weir_evidence_entry *entry = NULL;
    weir_bytes identity = {prover->identity.data, prover->identity.size};
    weir_evidence_verdict verdict =
        weir_evidence_show(&prover->evidence, side, identity, bytes, &entry);
    if (verdict == WEIR_EVIDENCE_DIFFERS) keep_suspect(prover, entry);
    if (verdict == WEIR_EVIDENCE_AGAIN && side == WEIR_EVIDENCE_FOUND) prover->proof->resent++;
    if (verdict == WEIR_EVIDENCE_NEW) {
        entry->from_topic = (uint16_t)place->topic;
        entry->offset = place->offset;
        entry->partition = place->partition;
        entry->topic = (uint16_t)stands_in;
    }
    if (side == WEIR_EVIDENCE_FOUND) entry->generation = prover->generation;
    /* Copies are the same whichever of the kin sends them; a score is one version's. */
    bool is_copy = prover->topics->items[stands_in].role == WEIR_TOPIC_JOURNAL;
    if (side == WEIR_EVIDENCE_REPLAYED && (is_copy ? place->is_kin : place->is_ours)) {
        entry->is_ours = true;
        entry->is_required = entry->is_required || place->is_committed;
    }
}

/* A record of another version stands there. */
static weir_error *note_other(proof_job *prover, weir_bytes digest, const weir_replay_place *at)
{
    uint8_t number = 0;
    if (prover->is_second_pass) return NULL;
    if (!weir_versions_number(&prover->versions, digest, &number))
        return weir_error_new(WEIR_E_LIMIT,
                              "%s/%d at offset %" PRId64
                              ": records name more than %d other versions of the definitions",
                              prover->topics->items[at->topic].name, at->partition, at->offset,
                              WEIR_VERSION_NAMES_MAX);
    weir_bytes identity = {prover->identity.data, prover->identity.size};
    weir_evidence_note_other(&prover->evidence, identity, number);
    return NULL;
}

static weir_error *on_output(void *context, const weir_replay_place *from,
                             const weir_output *output)
{
    proof_job *prover = context;
    weir_bytes shown = output->value;
    if (output->is_copy) {
        weir_journal_head head;
        weir_journal_copy copy;
        shown = put_copy(prover, output->head, output->value);
        WEIR_ASSERT(read_copy(shown, &head, &copy));
        identify_copy(prover, output->topic, &head, &copy);
    } else {
        if (prover->topics->items[output->topic].role != WEIR_TOPIC_SCORE) return NULL;
        if (!prover->is_score_wanted[output->topic]) return NULL;
        WEIR_ASSERT(identify_score(prover, output->topic, output->value));
    }
    show(prover, WEIR_EVIDENCE_REPLAYED, shown, from, output->topic);
    return NULL;
}

/* Copies of a first hop come from a source, not from a fold: they have no other side here. */
static weir_error *on_pack(proof_job *prover, const weir_replay_place *at, weir_bytes value)
{
    weir_pack_reader reader;
    weir_packed packed;
    bool is_bad = !weir_pack_open(&reader, value);
    while (!is_bad && weir_pack_next(&reader, &packed, &is_bad)) {
        weir_journal_head head;
        weir_journal_copy copy;
        weir_bytes bytes = put_copy(prover, packed.head, packed.rest);
        if (!read_copy(bytes, &head, &copy)) {
            is_bad = true;
            break;
        }
        if (!prover->is_second_pass) prover->proof->events += !at->is_behind;
        if (copy.point_count == 0) continue;
        identify_copy(prover, at->topic, &head, &copy);
        if (memcmp(head.digest, prover->plan->fold_digest, sizeof head.digest) == 0)
            show(prover, WEIR_EVIDENCE_FOUND, bytes, at, at->topic);
        else
            WEIR_TRY(note_other(prover, (weir_bytes){head.digest, sizeof head.digest}, at));
    }
    if (!is_bad) return NULL;
    return weir_error_new(WEIR_E_CORRUPT,
                          "journal %s/%d at offset %" PRId64 " is no record of ours",
                          prover->topics->items[at->topic].name, at->partition, at->offset);
}

static uint32_t score_of_topic(const proof_job *prover, weir_topic topic)
{
    uint32_t score = 0;
    while (score < prover->plan->score_count && prover->topics->scores[score] != topic)
        score++;
    WEIR_ASSERT(score < prover->plan->score_count);
    return score;
}

static weir_error *on_score(proof_job *prover, const weir_replay_place *at, weir_bytes message)
{
    if (!identify_score(prover, at->topic, message)) {
        prover->proof->unknown += !prover->is_second_pass; /* no score record at all */
        return NULL;
    }
    weir_score_maker maker;
    WEIR_TRY(weir_model_history_find(prover->history, score_of_topic(prover, at->topic), message,
                                     &maker));
    if (maker.is_foreign)
        return note_other(prover, (weir_bytes){maker.definition, sizeof maker.definition}, at);
    prover->generation = maker.generation;
    show(prover, WEIR_EVIDENCE_FOUND, message, at, at->topic);
    prover->generation = 0;
    return NULL;
}

/* Before an event is scored again: by the models that its records name. */
static weir_error *on_event(void *context, const weir_replay_place *at, weir_node *fold,
                            weir_seq seq, int64_t ingest_us)
{
    proof_job *prover = context;
    const weir_plan *plan = prover->plan;
    (void)fold, (void)ingest_us;
    for (uint32_t s = 0; s < plan->score_count; s++) {
        uint32_t ordinal = 0;
        for (uint32_t before = 0; before < s; before++)
            ordinal += plan->scores[before].stream == plan->scores[s].stream;
        weir_buffer_clear(&prover->identity);
        weir_buffer_put_u8(&prover->identity, 's');
        weir_buffer_put_varint(&prover->identity, prover->topics->scores[s]);
        weir_buffer_printf(&prover->identity, "%s/%d/%" PRId64 "/%u/%u",
                           prover->topics->items[at->topic].name, at->partition,
                           weir_seq_offset(seq), (unsigned)weir_seq_index(seq), ordinal);
        const weir_evidence_entry *entry = weir_evidence_find(
            &prover->evidence, (weir_bytes){prover->identity.data, prover->identity.size});
        WEIR_TRY(weir_replay_score_with(
            prover->served.replay, s,
            weir_model_history_get(prover->history, s, entry == NULL ? 0 : entry->generation)));
    }
    return NULL;
}

static void note_version(proof_job *prover, const weir_replay_place *at, weir_bytes value)
{
    weir_journal_notice notice;
    if (prover->is_second_pass || !weir_journal_definition_decode(value, &notice)) return;
    weir_version_place place = {at->topic, at->partition, at->offset, {0}, {0}};
    memcpy(place.digest, notice.digest, WEIR_DIGEST_BYTES);
    memcpy(place.fold_digest, notice.fold_digest, WEIR_DIGEST_BYTES);
    weir_versions_add(&prover->versions, &place);
}

static weir_error *on_record(void *context, const weir_replay_place *at,
                             const weir_log_record *record)
{
    proof_job *prover = context;
    switch (prover->topics->items[at->topic].role) {
    case WEIR_TOPIC_JOURNAL:
        if (record->value.size == 0 || record->value.data[0] != WEIR_JOURNAL_PACK) {
            note_version(prover, at, record->value);
            return NULL;
        }
        return on_pack(prover, at, record->value);
    case WEIR_TOPIC_SCORE: return on_score(prover, at, record->value);
    case WEIR_TOPIC_SERVED:
        return prover->is_second_pass ? NULL
                                      : weir_served_set_add(&prover->served, at, record->value);
    default: return NULL;
    }
}

static weir_error *on_before(void *context, const weir_replay_place *at, weir_node *fold)
{
    proof_job *prover = context;
    if (prover->is_second_pass) return NULL;
    if (prover->states != NULL)
        WEIR_TRY(weir_state_proof_check(prover->states, prover->replay, at, fold));
    return weir_served_set_check(&prover->served, at, fold, prover->into, prover->proof);
}

/* --- counting
 * ------------------------------------------------------------------------------------------- */

static uint32_t columns_of_topic(const proof_job *prover, weir_topic topic)
{
    for (uint32_t i = 0; i < prover->plan->score_count; i++) {
        if (prover->topics->scores[i] == topic) {
            return prover->plan->vectors[prover->plan->scores[i].vector].column_count;
        }
    }
    return 0;
}

/* A record of another version: one of those that were in force, or nobody's. */
static void count_other(proof_job *prover, const weir_evidence_entry *entry)
{
    if (weir_versions_knows(&prover->versions, entry->version)) {
        prover->proof->others++;
        return;
    }
    prover->proof->unknown++;
    char text[WEIR_SHA256_TEXT_SIZE];
    weir_sha256_print(prover->versions.names[entry->version].digest, text);
    weir_proof_tell(prover->proof, prover->into,
                    "a record names version %.16s of the definitions, which was never in force",
                    text);
}

/* Whether it was sent by another version instead, which took the event later than ours could. */
static bool is_taken_by_other(const proof_job *prover, const weir_evidence_entry *entry)
{
    return (entry->sides & WEIR_EVIDENCE_OTHER) != 0 &&
           weir_versions_may_take(&prover->versions, entry->version, entry->from_topic,
                                  entry->partition, entry->offset);
}

static void count_entry(proof_job *prover, const weir_evidence_entry *entry)
{
    if ((entry->sides & WEIR_EVIDENCE_OTHER) != 0) count_other(prover, entry);
    weir_proof *proof = prover->proof;
    const weir_topic_info *info = &prover->topics->items[entry->topic];
    bool is_found = (entry->sides & WEIR_EVIDENCE_FOUND) != 0;
    bool is_replayed = (entry->sides & WEIR_EVIDENCE_REPLAYED) != 0;
    if (is_found && is_replayed) {
        if (info->role == WEIR_TOPIC_SCORE) {
            proof->scores++;
            proof->values += columns_of_topic(prover, entry->topic);
        } else {
            proof->copies++;
        }
        if (entry->is_different) proof->differing++;
    } else if (is_found) {
        proof->unknown++;
        weir_proof_tell(proof, prover->into,
                        "%s/%d at offset %" PRId64 ": no replay of the journals sends this record",
                        info->name, entry->partition, entry->offset);
    } else if (!is_replayed || is_taken_by_other(prover, entry)) {
        return;
    } else if (entry->is_required) {
        proof->missing++;
        weir_proof_tell(proof, prover->into,
                        "%s: the record that the journal's record %d/%" PRId64 " sends is missing",
                        info->name, entry->partition, entry->offset);
    } else {
        proof->in_flight += entry->is_ours;
    }
}

/* --- telling a difference
 * ----------------------------------------------------------------------------- */

static void print_pair(weir_buffer *out, const char *name, weir_type type, const weir_value *found,
                       const weir_value *replayed)
{
    weir_json_writer writer = {.out = out};
    weir_buffer_printf(out, "\n  %s: there ", name);
    weir_json_write_value(&writer, type, found);
    weir_buffer_put_text(out, ", replayed ");
    writer.needs_comma = false;
    weir_json_write_value(&writer, type, replayed);
}

static void tell_copy(proof_job *prover, const disputed *suspect, weir_buffer *out)
{
    weir_journal_head found_head, replayed_head;
    weir_journal_copy found, replayed;
    if (!read_copy(suspect->found, &found_head, &found) ||
        !read_copy(suspect->replayed, &replayed_head, &replayed))
        return;
    char *name = weir_arena_string(&prover->scratch, (const char *)found_head.stream.data,
                                   found_head.stream.size);
    uint32_t index = weir_plan_find_stream(prover->plan, name);
    if (index == WEIR_NONE) return;
    const weir_plan_stream *stream = &prover->plan->streams[index];
    size_t count = stream->carried_count;
    weir_value *values[2] = {weir_arena_array(&prover->scratch, weir_value, count + 1),
                             weir_arena_array(&prover->scratch, weir_value, count + 1)};
    bool *overflow = weir_arena_array(&prover->scratch, bool, count + 1);
    weir_buffer_printf(out, " (event %s %d/%" PRId64 ")", name, found.source_partition,
                       found.source_offset);
    weir_carried_layout layout = weir_carried_layout_of(stream, found_head.hop, &prover->scratch);
    if (found_head.hop != replayed_head.hop ||
        !weir_carried_decode(&layout, found.carried, &prover->scratch, values[0], overflow) ||
        !weir_carried_decode(&layout, replayed.carried, &prover->scratch, values[1], overflow))
        return;
    for (size_t i = 0; i < count; i++) {
        if (weir_value_equal(&values[0][i], &values[1][i])) continue;
        print_pair(out, prover->plan->members[stream->carried[i].member].column,
                   stream->carried[i].type, &values[0][i], &values[1][i]);
    }
}

/* The column values of a score record: null where its bytes can not be read. */
static const weir_value *read_vector(proof_job *prover, const weir_plan_vector *vector,
                                     weir_bytes message)
{
    static const char *const wanted[] = {"vector"};
    const weir_schema *schema = NULL;
    const weir_decoder *decoder = NULL;
    weir_arena *arena = &prover->scratch;
    weir_error *error = weir_schema_parse(weir_score_schema, strlen(weir_score_schema),
                                          "weir.Score", arena, &schema);
    if (error == NULL)
        error = weir_decoder_compile(schema, schema, wanted, NULL, 1, arena, &decoder);
    WEIR_ASSERT(error == NULL); /* the schema is ours */
    int32_t schema_id = 0;
    weir_bytes body;
    weir_value bytes = weir_null();
    if (!weir_frame_read(message, &schema_id, &body)) return NULL;
    if (weir_decoder_decode(decoder, body, arena, &bytes).reason != WEIR_DECODE_OK) return NULL;
    weir_value *values = weir_arena_array(arena, weir_value, vector->column_count + 1);
    weir_reader reader = weir_reader_of(bytes.as.bytes, bytes.size);
    for (uint32_t i = 0; i < vector->column_count; i++) {
        values[i] = weir_value_decode(vector->columns[i].type, &reader, arena);
    }
    return reader.bad ? NULL : values;
}

static void tell_vector(proof_job *prover, const weir_plan_vector *vector, const disputed *suspect,
                        weir_buffer *out)
{
    const weir_value *found = read_vector(prover, vector, suspect->found);
    const weir_value *replayed = read_vector(prover, vector, suspect->replayed);
    if (found == NULL || replayed == NULL) return;
    for (uint32_t i = 0; i < vector->column_count; i++) {
        if (weir_value_equal(&found[i], &replayed[i])) continue;
        print_pair(out, vector->columns[i].name, vector->columns[i].type, &found[i], &replayed[i]);
    }
}

static void tell_score(proof_job *prover, const disputed *suspect, weir_buffer *out)
{
    weir_bytes id;
    if (read_score_id(suspect->found, &id))
        weir_buffer_printf(out, " (score %.*s)", (int)id.size, (const char *)id.data);
    size_t at = 0;
    size_t shorter =
        suspect->found.size < suspect->replayed.size ? suspect->found.size : suspect->replayed.size;
    while (at < shorter && suspect->found.data[at] == suspect->replayed.data[at])
        at++;
    weir_buffer_printf(out, "\n  byte %zu of the record: there %02x, replayed %02x", at,
                       at < suspect->found.size ? suspect->found.data[at] : 0,
                       at < suspect->replayed.size ? suspect->replayed.data[at] : 0);
    for (uint32_t s = 0; s < prover->plan->score_count; s++) {
        if (prover->topics->scores[s] != suspect->found_at.topic) continue;
        tell_vector(prover, &prover->plan->vectors[prover->plan->scores[s].vector], suspect, out);
        return;
    }
}

static void tell_suspect(proof_job *prover, const disputed *suspect)
{
    weir_buffer out = {0};
    const weir_topic_info *info = &prover->topics->items[suspect->found_at.topic];
    weir_buffer_printf(&out, "%s/%d at offset %" PRId64 ": other bytes than the replay sends",
                       info->name, suspect->found_at.partition, suspect->found_at.offset);
    if (suspect->found.data != NULL && suspect->replayed.data != NULL) {
        if (info->role == WEIR_TOPIC_JOURNAL) {
            tell_copy(prover, suspect, &out);
        } else {
            tell_score(prover, suspect, &out);
        }
    }
    weir_proof_tell(prover->proof, prover->into, "%.*s", (int)out.size, (const char *)out.data);
    weir_buffer_deinit(&out);
}

/* --- the proof
 * ------------------------------------------------------------------------------------------- */

static weir_error *run_pass(proof_job *prover)
{
    weir_replay_sinks sinks = {.context = prover,
                               .before = on_before,
                               .end = on_before,
                               .output = on_output,
                               .record = on_record};
    weir_replay *replay = NULL;
    WEIR_TRY(weir_replay_open(prover->options, &replay));
    weir_error *error = NULL;
    prover->replay = replay;
    for (weir_topic t = 0; t < prover->topics->count; t++) {
        weir_topic_role role = prover->topics->items[t].role;
        bool is_read =
            role == WEIR_TOPIC_SERVED || (role == WEIR_TOPIC_SCORE && prover->is_score_wanted[t]);
        if (is_read) WEIR_TRY_OUT(weir_replay_read(replay, t, &sinks));
    }
    weir_served_set_sort(&prover->served, prover->topics);
    prover->served.replay = replay;
    if (weir_model_history_is_needed(prover->history)) sinks.event = on_event;
    WEIR_TRY_OUT(weir_replay_journals(replay, &sinks));
    prover->proof->behind = weir_replay_behind(replay);
    if (prover->states != NULL && !prover->is_second_pass)
        weir_state_proof_finish(prover->states, replay);
out:
    weir_replay_close(replay);
    return error;
}

static weir_error *choose_scores(proof_job *prover, const char *vector)
{
    uint32_t wanted = vector == NULL ? WEIR_NONE : weir_plan_find_vector(prover->plan, vector);
    if (vector != NULL && wanted == WEIR_NONE)
        return weir_error_new(WEIR_E_USAGE, "there is no vector `%s`", vector);
    for (uint32_t i = 0; i < prover->plan->score_count; i++) {
        if (wanted == WEIR_NONE || prover->plan->scores[i].vector == wanted) {
            prover->is_score_wanted[prover->topics->scores[i]] = true;
        }
    }
    return NULL;
}

static weir_error *prove_stream(proof_job *prover)
{
    WEIR_TRY(run_pass(prover));
    if (prover->suspect_count > 0) {
        prover->is_second_pass = true;
        WEIR_TRY(run_pass(prover));
        for (size_t i = 0; i < prover->suspect_count; i++)
            tell_suspect(prover, &prover->suspects[i]);
    }
    for (size_t i = 0; i < prover->evidence.capacity; i++) {
        if (prover->evidence.entries[i].sides != 0)
            count_entry(prover, &prover->evidence.entries[i]);
    }
    prover->proof->skipped += weir_served_set_skipped(&prover->served);
    return NULL;
}

static bool *choose_topics(const proof_job *prover)
{
    bool *is_wanted = weir_arena_array(prover->into, bool, prover->topics->count);
    for (weir_topic t = 0; t < prover->topics->count; t++) {
        weir_topic_role role = prover->topics->items[t].role;
        is_wanted[t] =
            role == WEIR_TOPIC_JOURNAL || role == WEIR_TOPIC_SERVED || prover->is_score_wanted[t];
    }
    return is_wanted;
}

weir_error *weir_prove(const weir_prove_options *options, weir_arena *into, weir_proof *proof_out)
{
    const weir_topics *topics = options->replay->topics;
    *proof_out = (weir_proof){0};
    weir_error *error = NULL;
    proof_job prover = {.topics = topics,
                        .plan = topics->plan,
                        .proof = proof_out,
                        .into = into,
                        .is_score_wanted = weir_arena_array(into, bool, topics->count)};
    WEIR_TRY(choose_scores(&prover, options->vector));
    weir_replay_options limited = *options->replay;
    limited.is_wanted = choose_topics(&prover);
    limited.may_end_early = true;
    prover.options = &limited;
    WEIR_TRY_OUT(weir_model_history_create(options->replay, into, &prover.history));
    if (options->state_dir != NULL)
        WEIR_TRY_OUT(
            weir_state_proof_open(topics, options->state_dir, into, proof_out, &prover.states));
    WEIR_TRY_OUT(prove_stream(&prover));
    for (size_t i = 0; i < options->snapshot_count; i++)
        WEIR_TRY_OUT(weir_snapshot_prove(options->replay, options->snapshots[i], into, proof_out));
out:
    weir_model_history_close(prover.history);
    weir_state_proof_close(prover.states);
    weir_evidence_deinit(&prover.evidence);
    weir_versions_deinit(&prover.versions);
    weir_served_set_deinit(&prover.served);
    weir_buffer_deinit(&prover.identity);
    weir_buffer_deinit(&prover.copy);
    weir_arena_deinit(&prover.scratch);
    return error;
}
