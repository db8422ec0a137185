/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/evidence.h"

#include <stdlib.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/checksum.h"

enum { CAPACITY_MIN = 1024 };

void weir_evidence_deinit(weir_evidence *evidence)
{
    free(evidence->entries);
    *evidence = (weir_evidence){0};
}

static weir_evidence_entry *find(const weir_evidence *evidence, const uint64_t key[2])
{
    size_t mask = evidence->capacity - 1;
    for (size_t i = (size_t)key[0] & mask;; i = (i + 1) & mask) {
        weir_evidence_entry *entry = &evidence->entries[i];
        if (entry->sides == 0 || (entry->key[0] == key[0] && entry->key[1] == key[1])) return entry;
    }
}

static void grow(weir_evidence *evidence)
{
    weir_evidence larger = {.capacity =
                                evidence->capacity == 0 ? CAPACITY_MIN : evidence->capacity * 2,
                            .count = evidence->count};
    larger.entries = calloc(larger.capacity, sizeof(weir_evidence_entry));
    WEIR_ASSERT(larger.entries != NULL);
    for (size_t i = 0; i < evidence->capacity; i++) {
        const weir_evidence_entry *entry = &evidence->entries[i];
        if (entry->sides != 0) *find(&larger, entry->key) = *entry;
    }
    free(evidence->entries);
    *evidence = larger;
}

const weir_evidence_entry *weir_evidence_find(const weir_evidence *evidence, weir_bytes identity)
{
    if (evidence->capacity == 0) return NULL;
    const uint64_t key[2] = {weir_xxh3(identity.data, identity.size, 0),
                             weir_xxh3(identity.data, identity.size, 1)};
    const weir_evidence_entry *entry = find(evidence, key);
    return entry->sides == 0 ? NULL : entry;
}

/* The identity's entry; `sides` is 0 where it is new. */
static weir_evidence_entry *entry_of(weir_evidence *evidence, weir_bytes identity)
{
    if (evidence->count * 4 >= evidence->capacity * 3) grow(evidence);
    uint64_t key[2] = {weir_xxh3(identity.data, identity.size, 0),
                       weir_xxh3(identity.data, identity.size, 1)};
    weir_evidence_entry *entry = find(evidence, key);
    if (entry->sides != 0) return entry;
    *entry = (weir_evidence_entry){.key = {key[0], key[1]}};
    evidence->count++;
    return entry;
}

void weir_evidence_note_other(weir_evidence *evidence, weir_bytes identity, uint8_t version)
{
    weir_evidence_entry *entry = entry_of(evidence, identity);
    entry->sides |= WEIR_EVIDENCE_OTHER;
    entry->version = version;
}

weir_evidence_verdict weir_evidence_show(weir_evidence *evidence, weir_evidence_side side,
                                         weir_bytes identity, weir_bytes bytes,
                                         weir_evidence_entry **entry_out)
{
    weir_evidence_entry *entry = entry_of(evidence, identity);
    uint64_t bytes_hash = weir_xxh3(bytes.data, bytes.size, 0);
    bool is_new = (entry->sides & (WEIR_EVIDENCE_FOUND | WEIR_EVIDENCE_REPLAYED)) == 0;
    bool was_shown = (entry->sides & side) != 0;
    *entry_out = entry;
    entry->sides |= (uint8_t)side;
    if (is_new) {
        entry->bytes_hash = bytes_hash;
        return WEIR_EVIDENCE_NEW;
    }
    if (entry->bytes_hash != bytes_hash) {
        entry->is_different = true;
        return WEIR_EVIDENCE_DIFFERS;
    }
    return was_shown ? WEIR_EVIDENCE_AGAIN : WEIR_EVIDENCE_AGREES;
}
