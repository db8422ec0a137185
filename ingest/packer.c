/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/packer.h"

#include <stdlib.h>

#include "ops/runtime/assert.h"

typedef struct open_pack {
    weir_topic topic;
    int32_t partition;
    weir_buffer bytes;
    weir_pack_share *shares;
    size_t share_count, share_capacity;
} open_pack;

struct weir_packer {
    weir_error *(*send)(void *context, const weir_pack *pack);
    void *context;
    open_pack
        *packs; /* packs[0 .. used) hold copies; the rest keep their memory for the next batch */
    size_t used, capacity;
    size_t last; /* where the last copy went: the next one often goes there too */
};

weir_packer *weir_packer_create(weir_error *(*send)(void *context, const weir_pack *pack),
                                void *context)
{
    WEIR_ASSERT(send != NULL);
    weir_packer *packer = calloc(1, sizeof *packer);
    WEIR_ASSERT(packer != NULL);
    packer->send = send;
    packer->context = context;
    return packer;
}

void weir_packer_destroy(weir_packer *packer)
{
    if (packer == NULL) return;
    for (size_t i = 0; i < packer->capacity; i++) {
        weir_buffer_deinit(&packer->packs[i].bytes);
        free(packer->packs[i].shares);
    }
    free(packer->packs);
    free(packer);
}

static void pack_clear(open_pack *pack)
{
    weir_buffer_clear(&pack->bytes);
    pack->share_count = 0;
}

static open_pack *pack_begin(weir_packer *packer, weir_topic topic, int32_t partition)
{
    if (packer->used == packer->capacity) {
        size_t capacity = packer->capacity == 0 ? 16 : packer->capacity * 2;
        packer->packs = realloc(packer->packs, capacity * sizeof *packer->packs);
        WEIR_ASSERT(packer->packs != NULL);
        memset(packer->packs + packer->capacity, 0,
               (capacity - packer->capacity) * sizeof *packer->packs);
        packer->capacity = capacity;
    }
    packer->last = packer->used++;
    open_pack *pack = &packer->packs[packer->last];
    pack_clear(pack);
    pack->topic = topic;
    pack->partition = partition;
    weir_buffer_put_u8(&pack->bytes, WEIR_PACK_MAGIC);
    return pack;
}

static bool pack_is(const open_pack *pack, weir_topic topic, int32_t partition)
{
    return pack->partition == partition && pack->topic == topic;
}

/* A thread writes to some dozens of partitions at most, so a scan behind a one-entry memory is
 * enough. */
static open_pack *pack_find(weir_packer *packer, weir_topic topic, int32_t partition)
{
    if (packer->last < packer->used && pack_is(&packer->packs[packer->last], topic, partition)) {
        return &packer->packs[packer->last];
    }
    for (size_t i = 0; i < packer->used; i++) {
        if (!pack_is(&packer->packs[i], topic, partition)) continue;
        packer->last = i;
        return &packer->packs[i];
    }
    return pack_begin(packer, topic, partition);
}

static void share_add(open_pack *pack, uint32_t owner, uint64_t epoch)
{
    for (size_t i = pack->share_count; i-- > 0;) {
        weir_pack_share *share = &pack->shares[i];
        if (share->owner != owner || share->epoch != epoch) continue;
        share->count++;
        return;
    }
    if (pack->share_count == pack->share_capacity) {
        pack->share_capacity = pack->share_capacity == 0 ? 8 : pack->share_capacity * 2;
        pack->shares = realloc(pack->shares, pack->share_capacity * sizeof *pack->shares);
        WEIR_ASSERT(pack->shares != NULL);
    }
    pack->shares[pack->share_count++] =
        (weir_pack_share){.epoch = epoch, .owner = owner, .count = 1};
}

static weir_error *pack_send(weir_packer *packer, const open_pack *pack)
{
    weir_pack sent = {.topic = pack->topic,
                      .partition = pack->partition,
                      .value = {pack->bytes.data, pack->bytes.size},
                      .shares = pack->shares,
                      .share_count = pack->share_count};
    return packer->send(packer->context, &sent);
}

weir_error *weir_packer_add(weir_packer *packer, uint32_t owner, const weir_output *copy)
{
    WEIR_ASSERT(copy->is_copy && copy->partition >= 0);
    open_pack *pack = pack_find(packer, copy->topic, copy->partition);
    if (pack->share_count > 0 && pack->bytes.size + copy->value.size + 10 > WEIR_PACK_BYTES) {
        WEIR_TRY(pack_send(packer, pack));
        pack_clear(pack);
        weir_buffer_put_u8(&pack->bytes, WEIR_PACK_MAGIC);
    }
    weir_buffer_put_varint(&pack->bytes, copy->value.size);
    weir_buffer_put(&pack->bytes, copy->value.data, copy->value.size);
    share_add(pack, owner, copy->epoch);
    return NULL;
}

weir_error *weir_packer_flush(weir_packer *packer) { return weir_packer_flush_where(packer, NULL); }

/* Sent packs change places with those that stay, whose memory they keep for the next ones. */
weir_error *weir_packer_flush_where(weir_packer *packer,
                                    bool (*may_send)(void *context, weir_topic topic,
                                                     int32_t partition))
{
    size_t kept = 0;
    for (size_t i = 0; i < packer->used; i++) {
        open_pack *pack = &packer->packs[i];
        if (may_send == NULL || may_send(packer->context, pack->topic, pack->partition)) {
            WEIR_TRY(pack_send(packer, pack));
            continue;
        }
        open_pack stays = *pack;
        *pack = packer->packs[kept];
        packer->packs[kept++] = stays;
    }
    packer->used = kept;
    packer->last = 0;
    return NULL;
}

size_t weir_packer_open_count(const weir_packer *packer) { return packer->used; }

void weir_packer_discard(weir_packer *packer)
{
    packer->used = 0;
    packer->last = 0;
}

weir_reader weir_pack_open(weir_bytes value, bool *bad_out)
{
    weir_reader reader = weir_reader_of(value.data, value.size);
    *bad_out = value.size == 0 || weir_reader_u8(&reader) != WEIR_PACK_MAGIC;
    return reader;
}

bool weir_pack_next(weir_reader *reader, weir_bytes *copy_out, bool *bad_out)
{
    *bad_out = false;
    if (!reader->bad && weir_reader_left(reader) == 0) return false;
    *copy_out = weir_reader_string(reader);
    *bad_out = reader->bad;
    return !reader->bad;
}
