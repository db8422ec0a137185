/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packer.h - hop copies of one batch, packed into one journal record per partition.
 *
 * A Kafka message costs 0.7 us to produce and consume, a packed copy some 0.03: so all copies of a
 * batch that go to one partition travel in one record. The packer stands between the nodes of a
 * thread and its real port: it passes plain outputs on and appends copies, in the order in which
 * they come, to the open pack of their partition. A pack is sent when the batch ends (or a later
 * one, where its partition is busy) or it reaches WEIR_PACK_BYTES. Since several nodes share a
 * pack, the packer remembers who put how many copies into it, and the acknowledgement of the record
 * is handed to each of them.
 *
 * A copy has a head (what it has in common with many others) and a rest. The head is written where
 * it first occurs in the pack; from then on copies name it by its number in it.
 *
 *   pack = 0x01, { varint head number [ string head, where it is new ], string copy }
 *
 * (docs/formats/journal.md; other first bytes are other journal records)
 *
 * Owns:    its buffers.
 * Threads: one thread at a time.
 */
#pragma once

#include "ingest/log.h"

enum {
    WEIR_PACK_MAGIC = 0x01,
    WEIR_PACK_BYTES = 512 * 1024,
    WEIR_PACK_HEADS_MAX = 32, /* a pack that would need more is sent, and another one begun */
};

/* One who contributed: `owner` is the port's number of a node, opaque here. */
typedef struct weir_pack_share {
    uint64_t epoch;
    uint32_t owner;
    uint32_t count;
} weir_pack_share;

typedef struct weir_pack {
    weir_topic topic;
    int32_t partition;
    weir_bytes value;
    const weir_pack_share *shares;
    size_t share_count;
} weir_pack;

typedef struct weir_packer weir_packer;

/* `send` gets each finished pack; its bytes and shares live until it returns. */
weir_packer *weir_packer_create(weir_error *(*send)(void *context, const weir_pack *pack),
                                void *context);
void weir_packer_destroy(weir_packer *packer);
weir_error *weir_packer_add(weir_packer *packer, uint32_t owner, const weir_output *copy);
weir_error *weir_packer_flush(
    weir_packer *packer); /* sends what is at hand, in the order in which packs were begun */
/* The same, but packs of partitions that may not be written to just now stay open and grow. */
weir_error *weir_packer_flush_where(weir_packer *packer,
                                    bool (*may_send)(void *context, weir_topic topic,
                                                     int32_t partition));
size_t weir_packer_open_count(const weir_packer *packer); /* packs at hand */
void weir_packer_discard(
    weir_packer *packer); /* forgets what is at hand: the nodes are thrown away */

/* ---- reading ---- */

/* A copy as it stands in a pack: in two parts, of which many share the first. */
typedef struct weir_packed {
    weir_bytes head;
    weir_bytes rest;
    uint32_t head_number; /* heads are numbered as they come, below WEIR_PACK_HEADS_MAX */
} weir_packed;

typedef struct weir_pack_place {
    uint32_t at, size;
} weir_pack_place;

typedef struct weir_pack_reader {
    weir_reader bytes;
    const uint8_t *start;
    uint32_t head_count;
    weir_pack_place heads[WEIR_PACK_HEADS_MAX];
} weir_pack_reader;

/* Between two copies of a pack. */
typedef struct weir_pack_mark {
    size_t at;
    uint32_t head_count;
} weir_pack_mark;

/* False if the value is no pack. */
bool weir_pack_open(weir_pack_reader *reader, weir_bytes value);
static inline weir_pack_mark weir_pack_tell(const weir_pack_reader *reader)
{
    return (weir_pack_mark){(size_t)(reader->bytes.next - reader->start), reader->head_count};
}
/* Goes on at a mark of the same pack, which may stand elsewhere by now. */
void weir_pack_seek(weir_pack_reader *reader, weir_bytes value, weir_pack_mark mark);
/* False at the end; *bad_out then says whether the bytes are not those of a pack. */
bool weir_pack_next(weir_pack_reader *reader, weir_packed *packed_out, bool *bad_out);

/* A pack of one copy, for logs that have no packer. */
void weir_pack_one(weir_bytes head, weir_bytes rest, weir_buffer *out);
