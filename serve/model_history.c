/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/model_history.h"

#include <string.h>

#include "ops/runtime/assert.h"
#include "schemas/avro.h"

enum { GENERATIONS_MAX = 256, PROFILE_MAX = 64 };

typedef struct generation {
    uint8_t digest[WEIR_DIGEST_BYTES];
    char profile[PROFILE_MAX];
    bool has_model;
    const weir_model *model; /* NULL: none, or not to be had */
    bool is_lost;
} generation;

struct weir_model_history {
    const weir_replay_options *options;
    const weir_decoder *decoder; /* of a score record's model_digest and profile */
    weir_arena scratch;
    generation generations[GENERATIONS_MAX]; /* from 1 on */
    uint16_t count;
};

weir_error *weir_model_history_create(const weir_replay_options *options, weir_arena *into,
                                      weir_model_history **history_out)
{
    static const char *const wanted[] = {"model_digest", "profile", "definition_digest"};
    const weir_schema *schema = NULL;
    weir_model_history *history = weir_arena_new(into, weir_model_history);
    history->options = options;
    WEIR_TRY(weir_schema_parse(weir_score_schema, strlen(weir_score_schema), "weir.Score", into,
                               &schema));
    WEIR_TRY(weir_decoder_compile(schema, schema, wanted, NULL, 3, into, &history->decoder));
    *history_out = history;
    return NULL;
}

void weir_model_history_close(weir_model_history *history)
{
    if (history != NULL) weir_arena_deinit(&history->scratch);
}

static const weir_model *in_force(const weir_model_history *history, uint32_t score)
{
    return history->options->models == NULL ? NULL : history->options->models[score];
}

/* What a score record says of its model. */
typedef struct model_named {
    const uint8_t *digest; /* NULL: no model */
    char profile[PROFILE_MAX];
    const uint8_t *definition;
} model_named;

static bool is_of(const weir_model *model, const model_named *maker)
{
    if (model == NULL || maker->digest == NULL) return model == NULL && maker->digest == NULL;
    const weir_model_info *info = weir_model_describe(model);
    return memcmp(info->digest, maker->digest, WEIR_DIGEST_BYTES) == 0 &&
           strcmp(info->profile, maker->profile) == 0;
}

static bool is_generation(const generation *known, const model_named *maker)
{
    if (!known->has_model || maker->digest == NULL)
        return !known->has_model && maker->digest == NULL;
    return memcmp(known->digest, maker->digest, WEIR_DIGEST_BYTES) == 0 &&
           strcmp(known->profile, maker->profile) == 0;
}

/* A model that the archive lacks, or that does not get this profile here, is lost. */
static weir_error *look_up(const weir_model_history *history, generation *made)
{
    const weir_model_archive *archive = history->options->archive;
    if (archive != NULL)
        WEIR_TRY(archive->find(archive->context, made->digest, made->profile, &made->model));
    made->is_lost = made->model == NULL ||
                    strcmp(weir_model_describe(made->model)->profile, made->profile) != 0;
    return NULL;
}

static weir_error *number_of(weir_model_history *history, const model_named *maker,
                             uint16_t *generation_out)
{
    uint16_t at = 1;
    while (at <= history->count && !is_generation(&history->generations[at], maker))
        at++;
    if (at == GENERATIONS_MAX) return NULL;
    generation *made = &history->generations[at];
    if (at > history->count) {
        history->count = at;
        made->has_model = maker->digest != NULL;
        memcpy(made->profile, maker->profile, sizeof made->profile);
        if (made->has_model) {
            memcpy(made->digest, maker->digest, WEIR_DIGEST_BYTES);
            WEIR_TRY(look_up(history, made));
        }
    }
    *generation_out = made->is_lost ? 0 : at;
    return NULL;
}

static bool read_maker(weir_model_history *history, weir_bytes message, model_named *maker_out)
{
    int32_t schema_id = 0;
    weir_bytes body;
    weir_value values[3] = {weir_null(), weir_null(), weir_null()};
    weir_arena_reset(&history->scratch);
    if (!weir_frame_read(message, &schema_id, &body)) return false;
    if (weir_decoder_decode(history->decoder, body, &history->scratch, values).reason !=
        WEIR_DECODE_OK)
        return false;
    if (values[0].size != 0 && values[0].size != WEIR_DIGEST_BYTES) return false;
    if (values[1].size >= PROFILE_MAX || values[2].size != WEIR_DIGEST_BYTES) return false;
    maker_out->definition = values[2].as.bytes;
    maker_out->digest = values[0].size == 0 ? NULL : values[0].as.bytes;
    memcpy(maker_out->profile, values[1].as.bytes, values[1].size);
    maker_out->profile[values[1].size] = '\0';
    return true;
}

weir_error *weir_model_history_find(weir_model_history *history, uint32_t score, weir_bytes message,
                                    weir_score_maker *maker_out)
{
    model_named named = {0};
    *maker_out = (weir_score_maker){0};
    if (!read_maker(history, message, &named)) return NULL;
    const uint8_t *ours = history->options->topics->plan->digest;
    memcpy(maker_out->definition, named.definition, WEIR_DIGEST_BYTES);
    maker_out->is_foreign = memcmp(named.definition, ours, WEIR_DIGEST_BYTES) != 0;
    if (maker_out->is_foreign || is_of(in_force(history, score), &named)) return NULL;
    return number_of(history, &named, &maker_out->generation);
}

bool weir_model_history_is_needed(const weir_model_history *history) { return history->count > 0; }

const weir_model *weir_model_history_get(const weir_model_history *history, uint32_t score,
                                         uint16_t number)
{
    WEIR_ASSERT(number <= history->count);
    return number == 0 ? in_force(history, score) : history->generations[number].model;
}
