/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.h - the copy of an event that travels from hop to hop, as bytes.
 *
 * A copy holds all that a hop needs and all that a later definition needs to replay the event: the
 * source's Avro body whole, with its writer's schema (id and fingerprint), where it came from, its
 * timestamps, the definition under which its chain began, the read points of the hops behind it and
 * the values read there. It is a pure function of the source record and of what was read: the same
 * bytes when sent again.
 *
 * Its bytes are in two parts. The *head* is what is the same for thousands of copies (stream,
 * schema, definition, hop, which hops lie behind); a pack (ingest/packer.h) says it once. The rest
 * is the copy's own. Definition and model records in the same topic are told apart by the first
 * byte of the record.
 *
 * The decoders are bounded and trust nothing. See also: docs/formats/journal.md
 */
#pragma once

#include "compute/plan.h"

enum {
    WEIR_JOURNAL_VERSION = 3, /* of heads   */
    WEIR_NOTICE_VERSION = 4,
    /* First byte of a journal record. */
    WEIR_JOURNAL_PACK = 0x01,
    WEIR_JOURNAL_DEFINITION = 0x02, /* a definition came into force here */
    WEIR_JOURNAL_MODEL = 0x03,      /* a model came into force here      */
    WEIR_JOURNAL_DIGEST_BYTES = 8,  /* of the fold, in every head         */
};

/* A read point (R3) of one hop: where its values were read. tau is the event's own time. */
typedef struct weir_read_point {
    uint32_t hop; /* index into the stream's hops */
    int32_t partition;
    weir_seq seq;
    bool beyond_horizon; /* R8 */
} weir_read_point;

/* What many copies have in common. */
typedef struct weir_journal_head {
    weir_bytes stream; /* name */
    int32_t schema_id;
    uint64_t fingerprint;
    uint8_t digest[WEIR_JOURNAL_DIGEST_BYTES]; /* of the sender's plan->fold_digest */
    uint32_t hop;                       /* where the copy goes: index into the stream's hops */
    uint32_t point_count;               /* hops behind it that were visited...                */
    uint8_t points[WEIR_PLAN_HOPS_MAX]; /* ...which, rising; none: it comes from the source */
    weir_bytes sender; /* entity of the last of them, by name: hops are numbers of one version only;
                          empty: it comes from the source */
} weir_journal_head;

typedef struct weir_journal_copy {
    int32_t source_partition;
    int64_t source_offset;
    int64_t source_timestamp_us; /* INT64_MIN: none */
    int64_t et_us;
    weir_bytes key; /* canonical key of the hop's entity */
    uint32_t point_count;
    weir_read_point points[WEIR_PLAN_HOPS_MAX];
    weir_bytes carried; /* weir_carried_decode */
    weir_bytes body;    /* Avro, without framing */
} weir_journal_copy;

void weir_journal_head_encode(const weir_journal_head *head, weir_buffer *out);
/* False if the bytes are not a head of this version. The names point into them. */
bool weir_journal_head_decode(weir_bytes bytes, weir_journal_head *head_out);

/* Appends the copy's own part, whose points must be those that the head names. */
void weir_journal_copy_encode(const weir_journal_copy *copy, weir_buffer *out);
/* False if the bytes are not a copy under that head. Points into them. */
bool weir_journal_copy_decode(const weir_journal_head *head, weir_bytes bytes,
                              weir_journal_copy *copy_out);

/*
 * The values read before a hop: of every carried value of an earlier hop two bits that say whether
 * it is null, there, or null because of an overflow, then the bytes of those that are there. Which
 * those are, and of what type, is listed once.
 */
typedef struct weir_carried_field {
    uint32_t index; /* into the stream's carried values */
    weir_type type;
} weir_carried_field;

typedef struct weir_carried_layout {
    uint32_t count;       /* of fields */
    uint32_t total_count; /* of the stream's carried values */
    const weir_carried_field *fields;
} weir_carried_layout;

weir_carried_layout weir_carried_layout_of(const weir_plan_stream *stream, uint32_t hop,
                                           weir_arena *into);
/* carried, overflow: all of the stream's. */
void weir_carried_encode(const weir_carried_layout *layout, const weir_value *carried,
                         const bool *overflow, weir_buffer *out);
/* Sets those that are not in the layout to null. False: not such values. */
bool weir_carried_decode(const weir_carried_layout *layout, weir_bytes bytes, weir_arena *scratch,
                         weir_value *carried_out, bool *overflow_out);

/* A definition or model record, written by `weir apply` into every journal partition. */
typedef struct weir_journal_notice {
    uint8_t kind;    /* WEIR_JOURNAL_DEFINITION or WEIR_JOURNAL_MODEL */
    weir_bytes name; /* package, or model */
    uint8_t digest[WEIR_DIGEST_BYTES];
    uint8_t fold_digest[WEIR_DIGEST_BYTES]; /* of the definitions; not of a model */
    weir_bytes text; /* canonical text of the definitions; empty for a model */
} weir_journal_notice;
void weir_journal_notice_encode(const weir_journal_notice *notice, weir_buffer *out);
bool weir_journal_notice_decode(weir_bytes bytes, weir_journal_notice *notice_out);
/* The notice of a plan's definitions. Points into the plan. */
void weir_journal_notice_of(const weir_plan *plan, weir_journal_notice *notice_out);
/* Whether it is a notice of definitions. */
bool weir_journal_definition_decode(weir_bytes bytes, weir_journal_notice *notice_out);
