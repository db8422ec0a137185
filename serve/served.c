/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/served.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "schemas/json_value.h"
#include "serve/follower.h"

const char weir_served_schema[] = {
#include "served_schema.inc"
};

enum { MEMBERS_MAX = 4096 };

struct weir_served_sample {
    weir_replay_place found_at;
    uint32_t topic; /* of the entity's journal; WEIR_NONE: made under another definition */
    uint32_t entity;
    int32_t partition;
    int64_t position, tau_us;
    weir_bytes key, values;
    uint32_t *members;
    size_t member_count;
    uint8_t digest[WEIR_DIGEST_BYTES];
    weir_bytes entity_name;
    weir_bytes *member_names;
};

static void put_avro_bytes(weir_buffer *out, const void *bytes, size_t size)
{
    weir_buffer_put_zigzag(out, (int64_t)size);
    weir_buffer_put(out, bytes, size);
}

static void put_avro_text(weir_buffer *out, const char *text)
{
    put_avro_bytes(out, text, strlen(text));
}

/* Avro's long is our zigzag varint (Avro 1.11, "Binary encoding"). */
void weir_served_encode(const weir_plan *plan, const weir_lookup_request *request,
                        const weir_lookup_answer *answer, weir_bytes key, int32_t schema_id,
                        weir_buffer *out)
{
    weir_frame_write(out, schema_id);
    put_avro_text(out, plan->entities[request->entity].name);
    put_avro_bytes(out, key.data, key.size);
    weir_buffer_put_zigzag(out, answer->partition);
    weir_buffer_put_zigzag(out, weir_seq_offset(answer->position));
    weir_buffer_put_zigzag(out, answer->tau_us);
    put_avro_bytes(out, plan->digest, WEIR_DIGEST_BYTES);
    if (request->member_count > 0) weir_buffer_put_zigzag(out, (int64_t)request->member_count);
    for (size_t i = 0; i < request->member_count; i++)
        put_avro_text(out, plan->members[request->members[i]].column);
    weir_buffer_put_zigzag(out, 0);
    weir_buffer values = {0};
    for (size_t i = 0; i < request->member_count; i++) {
        weir_value_encode(plan->members[request->members[i]].type, &answer->values[i], &values);
    }
    put_avro_bytes(out, values.data, values.size);
    weir_buffer_deinit(&values);
}

void weir_served_set_deinit(weir_served_set *set)
{
    free(set->samples);
    weir_arena_deinit(&set->arena);
    weir_arena_deinit(&set->scratch);
    *set = (weir_served_set){0};
}

static weir_bytes take_avro_bytes(weir_reader *reader, weir_arena *into)
{
    int64_t size = weir_reader_zigzag(reader);
    if (size < 0 || (uint64_t)size > weir_reader_left(reader)) reader->bad = true;
    const uint8_t *bytes = reader->bad ? NULL : weir_reader_take(reader, (size_t)size);
    if (bytes == NULL) return (weir_bytes){0};
    return (weir_bytes){weir_arena_copy(into, bytes, (size_t)size), (size_t)size};
}

static void take_members(weir_reader *reader, weir_served_set *set, weir_served_sample *sample)
{
    int64_t count = weir_reader_zigzag(reader);
    if (count < 0 || count > MEMBERS_MAX || (uint64_t)count > weir_reader_left(reader))
        reader->bad = true;
    if (reader->bad || count == 0) return;
    sample->member_count = (size_t)count;
    sample->member_names = weir_arena_array(&set->arena, weir_bytes, (size_t)count);
    for (int64_t i = 0; i < count; i++)
        sample->member_names[i] = take_avro_bytes(reader, &set->arena);
    if (weir_reader_zigzag(reader) != 0) reader->bad = true;
}

static bool decode(weir_served_set *set, weir_bytes message, weir_served_sample *sample)
{
    int32_t schema_id = 0;
    weir_bytes body;
    if (!weir_frame_read(message, &schema_id, &body)) return false;
    weir_reader reader = weir_reader_of(body.data, body.size);
    sample->entity_name = take_avro_bytes(&reader, &set->arena);
    sample->key = take_avro_bytes(&reader, &set->arena);
    sample->partition = (int32_t)weir_reader_zigzag(&reader);
    sample->position = weir_reader_zigzag(&reader);
    sample->tau_us = weir_reader_zigzag(&reader);
    weir_bytes digest = take_avro_bytes(&reader, &set->arena);
    if (digest.size != WEIR_DIGEST_BYTES) return false;
    memcpy(sample->digest, digest.data, WEIR_DIGEST_BYTES);
    take_members(&reader, set, sample);
    sample->values = take_avro_bytes(&reader, &set->arena);
    return !reader.bad && weir_reader_left(&reader) == 0;
}

weir_error *weir_served_set_add(weir_served_set *set, const weir_replay_place *at,
                                weir_bytes message)
{
    if (set->count == set->capacity) {
        set->capacity = set->capacity == 0 ? 256 : set->capacity * 2;
        set->samples = realloc(set->samples, set->capacity * sizeof(weir_served_sample));
        WEIR_ASSERT(set->samples != NULL);
    }
    weir_served_sample *sample = &set->samples[set->count];
    *sample = (weir_served_sample){.found_at = *at, .topic = WEIR_NONE};
    if (!decode(set, message, sample)) {
        return weir_error_new(WEIR_E_CORRUPT,
                              "the record at offset %" PRId64
                              " of the served topic is no sample of ours",
                              at->offset);
    }
    set->count++;
    return NULL;
}

static bool text_is(weir_bytes text, const char *want)
{
    return text.size == strlen(want) && memcmp(text.data, want, text.size) == 0;
}

/* Resolves names against the plan; a sample of another definition stays unresolved and is counted
 * as skipped. */
static void resolve(weir_served_set *set, const weir_topics *topics, weir_served_sample *sample)
{
    const weir_plan *plan = topics->plan;
    sample->topic = WEIR_NONE;
    if (memcmp(sample->digest, plan->digest, WEIR_DIGEST_BYTES) != 0) return;
    sample->members = weir_arena_array(&set->arena, uint32_t, sample->member_count + 1);
    for (size_t i = 0; i < sample->member_count; i++) {
        uint32_t m = 0;
        while (m < plan->member_count && !text_is(sample->member_names[i], plan->members[m].column))
            m++;
        if (m == plan->member_count) return;
        sample->members[i] = m;
    }
    for (uint32_t e = 0; e < plan->entity_count; e++) {
        if (!text_is(sample->entity_name, plan->entities[e].name)) continue;
        sample->entity = e;
        sample->topic = topics->journals[e];
    }
}

static int by_position(const void *a, const void *b)
{
    const weir_served_sample *x = a, *y = b;
    if (x->topic != y->topic) return x->topic < y->topic ? -1 : 1;
    if (x->partition != y->partition) return x->partition < y->partition ? -1 : 1;
    if (x->position != y->position) return x->position < y->position ? -1 : 1;
    return 0;
}

void weir_served_set_sort(weir_served_set *set, const weir_topics *topics)
{
    set->plan = topics->plan;
    set->next = 0;
    for (size_t i = 0; i < set->count; i++)
        resolve(set, topics, &set->samples[i]);
    if (set->count > 0) qsort(set->samples, set->count, sizeof(weir_served_sample), by_position);
}

static void tell(const weir_served_sample *sample, const weir_plan *plan,
                 const weir_value *replayed, weir_arena *into, weir_arena *scratch,
                 weir_proof *proof)
{
    weir_buffer out = {0};
    weir_buffer_printf(
        &out, "answer served at offset %" PRId64 " (%s %.*s, position %d/%" PRId64 "):",
        sample->found_at.offset, plan->entities[sample->entity].name, (int)sample->key.size,
        (const char *)sample->key.data, sample->partition, sample->position);
    weir_reader reader = weir_reader_of(sample->values.data, sample->values.size);
    for (size_t i = 0; i < sample->member_count; i++) {
        const weir_plan_member *member = &plan->members[sample->members[i]];
        weir_value served = weir_value_decode(member->type, &reader, scratch);
        if (!reader.bad && weir_value_equal(&served, &replayed[i])) continue;
        weir_json_writer writer = {.out = &out};
        weir_buffer_printf(&out, "\n  %s: served ", member->column);
        if (reader.bad) {
            weir_buffer_put_text(&out, "unreadable bytes");
        } else {
            weir_json_write_value(&writer, member->type, &served);
        }
        writer.needs_comma = false;
        weir_buffer_put_text(&out, ", replayed ");
        weir_json_write_value(&writer, member->type, &replayed[i]);
    }
    weir_proof_tell(proof, into, "%.*s", (int)out.size, (const char *)out.data);
    weir_buffer_deinit(&out);
}

static weir_error *check_one(weir_served_set *set, const weir_served_sample *sample,
                             weir_node *fold, weir_arena *into, weir_proof *proof)
{
    weir_arena_reset(&set->scratch);
    weir_lookup_request request = {.entity = sample->entity,
                                   .members = sample->members,
                                   .member_count = sample->member_count,
                                   .tau_us = sample->tau_us};
    weir_lookup_answer answer = {
        .values = weir_arena_array(&set->scratch, weir_value, sample->member_count + 1),
        .overflow = weir_arena_array(&set->scratch, bool, sample->member_count + 1)};
    weir_engine *engine = weir_replay_engine(set->replay);
    WEIR_TRY(weir_lookup_in(set->plan, engine, fold, sample->key, &request, &answer));
    weir_buffer bytes = {0};
    for (size_t i = 0; i < sample->member_count; i++) {
        weir_value_encode(set->plan->members[sample->members[i]].type, &answer.values[i], &bytes);
    }
    proof->served++;
    proof->values += sample->member_count;
    bool is_same = bytes.size == sample->values.size &&
                   (bytes.size == 0 || memcmp(bytes.data, sample->values.data, bytes.size) == 0);
    if (!is_same) {
        proof->differing++;
        tell(sample, set->plan, answer.values, into, &set->scratch, proof);
    }
    weir_buffer_deinit(&bytes);
    return NULL;
}

weir_error *weir_served_set_check(weir_served_set *set, const weir_replay_place *at,
                                  weir_node *fold, weir_arena *into, weir_proof *proof)
{
    for (; set->next < set->count; set->next++) {
        const weir_served_sample *sample = &set->samples[set->next];
        if (sample->topic == WEIR_NONE || sample->topic > at->topic) break;
        bool is_passed = sample->topic < at->topic || sample->partition < at->partition;
        if (is_passed) { /* named a partition or position that the journal does not have */
            proof->unknown++;
            continue;
        }
        if (sample->partition > at->partition || sample->position > at->offset) break;
        WEIR_TRY(check_one(set, sample, fold, into, proof));
    }
    return NULL;
}

uint64_t weir_served_set_skipped(const weir_served_set *set)
{
    uint64_t skipped = 0;
    for (size_t i = 0; i < set->count; i++)
        skipped += set->samples[i].topic == WEIR_NONE;
    return skipped;
}
