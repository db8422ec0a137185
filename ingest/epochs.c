/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/epochs.h"

#include <stdlib.h>

#include "ingest/planted.h"
#include "ops/runtime/assert.h"

static weir_epoch *at(weir_epochs *epochs, uint64_t number)
{
    return &epochs->ring[number & (epochs->capacity - 1)];
}

void weir_epochs_init(weir_epochs *epochs, int64_t position)
{
    *epochs = (weir_epochs){.capacity = 16, .committable = position};
    epochs->ring = calloc(epochs->capacity, sizeof *epochs->ring);
    WEIR_ASSERT(epochs->ring != NULL);
}

void weir_epochs_deinit(weir_epochs *epochs)
{
    free(epochs->ring);
    epochs->ring = NULL;
}

uint64_t weir_epochs_sent(weir_epochs *epochs)
{
    at(epochs, epochs->current)->sent++;
    return epochs->current;
}

static void grow(weir_epochs *epochs)
{
    weir_epoch *ring = calloc(epochs->capacity * 2, sizeof *ring);
    WEIR_ASSERT(ring != NULL);
    for (uint64_t i = epochs->first; i <= epochs->current; i++)
        ring[i & (epochs->capacity * 2 - 1)] = *at(epochs, i);
    free(epochs->ring);
    epochs->ring = ring;
    epochs->capacity *= 2;
}

/* Oldest first: an epoch that is done waits for those before it. */
static void advance(weir_epochs *epochs)
{
    while (epochs->first < epochs->current) {
        const weir_epoch *epoch = at(epochs, epochs->first);
        if (epoch->acked < epoch->sent && !WEIR_PLANTED(K_WITHOUT_ACKS)) return;
        epochs->committable = epoch->position;
        epochs->first++;
    }
}

void weir_epochs_close(weir_epochs *epochs, int64_t position)
{
    WEIR_ASSERT(position >= epochs->committable);
    if (epochs->current - epochs->first + 1 == epochs->capacity) grow(epochs);
    at(epochs, epochs->current)->position = position;
    epochs->current++;
    *at(epochs, epochs->current) = (weir_epoch){0};
    advance(epochs);
}

void weir_epochs_acked(weir_epochs *epochs, uint64_t epoch, uint64_t count)
{
    if (WEIR_PLANTED(ACK_TO_OLDEST)) {
        for (uint64_t e = epochs->first; count > 0 && e <= epochs->current; e++)
            for (; count > 0 && at(epochs, e)->acked < at(epochs, e)->sent; count--)
                at(epochs, e)->acked++;
        advance(epochs);
        return;
    }
    if ((WEIR_PLANTED(K_WITHOUT_ACKS) || WEIR_PLANTED(K_OUT_OF_ORDER)) && epoch < epochs->first)
        return;
    WEIR_ASSERT(epoch >= epochs->first && epoch <= epochs->current);
    weir_epoch *entry = at(epochs, epoch);
    entry->acked += count;
    WEIR_ASSERT(entry->acked <= entry->sent);
    if (WEIR_PLANTED(K_OUT_OF_ORDER) && epoch < epochs->current && entry->acked == entry->sent) {
        epochs->committable = entry->position;
        epochs->first = epoch + 1;
    }
    advance(epochs);
}
