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
    weir_pack_place heads[WEIR_PACK_HEADS_MAX];
    uint32_t head_count, last_head;
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
    weir_buffer_put_u8(&pack->bytes, WEIR_PACK_MAGIC);
    pack->share_count = 0;
    pack->head_count = pack->last_head = 0;
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

/* ---- heads ---- */

static bool head_is(const open_pack *pack, uint32_t number, weir_bytes head)
{
    const weir_pack_place *place = &pack->heads[number];
    return place->size == head.size &&
           (head.size == 0 || memcmp(pack->bytes.data + place->at, head.data, head.size) == 0);
}

/* The number of a head; that of the next new one, if the pack does not have it. */
static uint32_t head_find(const open_pack *pack, weir_bytes head)
{
    if (pack->last_head < pack->head_count && head_is(pack, pack->last_head, head))
        return pack->last_head;
    for (uint32_t i = 0; i < pack->head_count; i++)
        if (head_is(pack, i, head)) return i;
    return pack->head_count;
}

static void head_put(open_pack *pack, uint32_t number, weir_bytes head)
{
    weir_buffer_put_varint(&pack->bytes, number);
    pack->last_head = number;
    if (number < pack->head_count) return;
    WEIR_ASSERT(number < WEIR_PACK_HEADS_MAX && head.size <= UINT32_MAX);
    weir_buffer_put_varint(&pack->bytes, head.size);
    pack->heads[pack->head_count++] =
        (weir_pack_place){(uint32_t)pack->bytes.size, (uint32_t)head.size};
    weir_buffer_put(&pack->bytes, head.data, head.size);
}

static bool is_full(const open_pack *pack, const weir_output *copy, uint32_t head_number)
{
    size_t size = copy->head.size + copy->value.size + 3 * (size_t)WEIR_VARINT_BYTES;
    return pack->share_count > 0 &&
           (pack->bytes.size + size > WEIR_PACK_BYTES || head_number == WEIR_PACK_HEADS_MAX);
}

weir_error *weir_packer_add(weir_packer *packer, uint32_t owner, const weir_output *copy)
{
    WEIR_ASSERT(copy->is_copy && copy->partition >= 0);
    open_pack *pack = pack_find(packer, copy->topic, copy->partition);
    uint32_t head_number = head_find(pack, copy->head);
    if (__builtin_expect(is_full(pack, copy, head_number), 0)) {
        WEIR_TRY(pack_send(packer, pack));
        pack_clear(pack);
        head_number = 0;
    }
    head_put(pack, head_number, copy->head);
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

/* ---- reading ---- */

bool weir_pack_open(weir_pack_reader *reader, weir_bytes value)
{
    reader->bytes = weir_reader_of(value.data, value.size);
    reader->start = value.data;
    reader->head_count = 0;
    return value.size <= UINT32_MAX && weir_reader_u8(&reader->bytes) == WEIR_PACK_MAGIC;
}

void weir_pack_seek(weir_pack_reader *reader, weir_bytes value, weir_pack_mark mark)
{
    WEIR_ASSERT(mark.at <= value.size && mark.head_count <= reader->head_count);
    reader->start = value.data;
    reader->bytes = weir_reader_of(value.data + mark.at, value.size - mark.at);
    reader->head_count = mark.head_count;
}

static bool take_head(weir_pack_reader *reader, uint64_t number)
{
    if (number != reader->head_count || number >= WEIR_PACK_HEADS_MAX) return false;
    weir_bytes head = weir_reader_string(&reader->bytes);
    if (reader->bytes.bad) return false;
    reader->heads[reader->head_count++] =
        (weir_pack_place){(uint32_t)(head.data - reader->start), (uint32_t)head.size};
    return true;
}

bool weir_pack_next(weir_pack_reader *reader, weir_packed *packed_out, bool *bad_out)
{
    *bad_out = false;
    if (!reader->bytes.bad && weir_reader_left(&reader->bytes) == 0) return false;
    *bad_out = true;
    uint64_t number = weir_reader_varint(&reader->bytes);
    if (reader->bytes.bad) return false;
    if (__builtin_expect(number >= reader->head_count, 0) && !take_head(reader, number))
        return false;
    const weir_pack_place *head = &reader->heads[number];
    packed_out->head = (weir_bytes){reader->start + head->at, head->size};
    packed_out->head_number = (uint32_t)number;
    packed_out->rest = weir_reader_string(&reader->bytes);
    *bad_out = reader->bytes.bad;
    return !reader->bytes.bad;
}

void weir_pack_one(weir_bytes head, weir_bytes rest, weir_buffer *out)
{
    weir_buffer_put_u8(out, WEIR_PACK_MAGIC);
    weir_buffer_put_varint(out, 0);
    weir_buffer_put_varint(out, head.size);
    weir_buffer_put(out, head.data, head.size);
    weir_buffer_put_varint(out, rest.size);
    weir_buffer_put(out, rest.data, rest.size);
}
