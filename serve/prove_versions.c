/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/prove_versions.h"

#include <stdlib.h>
#include <string.h>

#include "ingest/journal.h"
#include "ops/runtime/assert.h"

enum { PLACES_MIN = 64 };

void weir_versions_deinit(weir_versions *versions)
{
    free(versions->places);
    *versions = (weir_versions){0};
}

void weir_versions_add(weir_versions *versions, const weir_version_place *place)
{
    if (versions->place_count == versions->place_capacity) {
        size_t capacity = versions->place_capacity == 0 ? PLACES_MIN : versions->place_capacity * 2;
        versions->places = realloc(versions->places, capacity * sizeof *versions->places);
        WEIR_ASSERT(versions->places != NULL);
        versions->place_capacity = capacity;
    }
    versions->places[versions->place_count++] = *place;
}

bool weir_versions_number(weir_versions *versions, weir_bytes digest, uint8_t *number_out)
{
    WEIR_ASSERT(digest.size > 0 && digest.size <= WEIR_DIGEST_BYTES);
    for (uint8_t i = 0; i < versions->name_count; i++) {
        const weir_version_name *name = &versions->names[i];
        if (name->size != digest.size || memcmp(name->digest, digest.data, digest.size) != 0)
            continue;
        *number_out = i;
        return true;
    }
    if (versions->name_count == WEIR_VERSION_NAMES_MAX) return false;
    weir_version_name *name = &versions->names[versions->name_count];
    name->size = (uint8_t)digest.size;
    memcpy(name->digest, digest.data, digest.size);
    *number_out = versions->name_count++;
    return true;
}

static bool is_named(const weir_versions *versions, uint8_t number, const weir_version_place *place)
{
    WEIR_ASSERT(number < versions->name_count);
    const weir_version_name *name = &versions->names[number];
    bool is_of_copy = name->size == WEIR_JOURNAL_DIGEST_BYTES;
    return memcmp(name->digest, is_of_copy ? place->fold_digest : place->digest, name->size) == 0;
}

bool weir_versions_knows(const weir_versions *versions, uint8_t number)
{
    for (size_t i = 0; i < versions->place_count; i++)
        if (is_named(versions, number, &versions->places[i])) return true;
    return false;
}

bool weir_versions_may_take(const weir_versions *versions, uint8_t number, weir_topic topic,
                            int32_t partition, int64_t offset)
{
    bool may = false;
    for (size_t i = 0; i < versions->place_count; i++) {
        const weir_version_place *place = &versions->places[i];
        if (place->topic != topic || place->partition != partition) continue;
        bool is_it = is_named(versions, number, place);
        may = place->offset < offset ? is_it : may || is_it;
    }
    return may;
}
