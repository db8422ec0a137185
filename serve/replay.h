/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.h - folds journals again, from their first record, and shows what comes out.
 *
 * Export, proof and `why` all stand on this: the same fold nodes as in the stream, fed with the
 * same records, with a state of their own and their outputs caught instead of sent. What the stream
 * sent is a pure function of the journal, so what is caught must be the same bytes (G3). Partitions
 * are independent: each is read up to the end it had when the replay began.
 *
 * A journal may hold events of several versions of the definitions (R16): a notice says where each
 * came into force. All of them are folded, as this version's workers and servers do; what carries
 * another's values changes state only. Versions of one fold digest are kin: they keep, carry and
 * read the same, and differ in what they show and score. What stood before this version's notice
 * may have been taken by it, if it was not yet read then, so what it gives is shown, too: a place
 * says whose turn it was.
 *
 * Owns:    a scratch state folder, removed at the end.
 * Threads: one.
 */
#pragma once

#include "ingest/fold.h"
#include "ingest/kafka.h"

/* Where something was found or came from. */
typedef struct weir_replay_place {
    weir_topic topic;
    int32_t partition;
    int64_t offset;
    bool
        is_committed; /* below the group's committed offset: its outputs are in Kafka for certain */
    bool is_ours;     /* this version was in force there */
    bool is_kin;      /* this one, or another of the same fold digest */
    bool is_behind;   /* behind the end of what this version can fold: not folded */
} weir_replay_place;

typedef struct weir_replay_range {
    weir_topic topic;
    int32_t partition;
    int64_t from, to;
    int64_t committed; /* K, or -1 */
} weir_replay_range;

typedef struct weir_replay_sinks {
    void *context;
    /* All may be NULL. Before a journal record is folded; and at the end of a partition, where
     * at->offset is its end: for lookups at a position. */
    weir_error *(*before)(void *context, const weir_replay_place *at, weir_node *fold);
    weir_error *(*end)(void *context, const weir_replay_place *at, weir_node *fold);
    /* Before each event is folded, with its ingest time (R2). */
    weir_error *(*event)(void *context, const weir_replay_place *at, weir_node *fold, weir_seq seq,
                         int64_t ingest_us);
    /* What a fold sends. Where nobody looks, nothing is made to be sent. */
    weir_error *(*output)(void *context, const weir_replay_place *from, const weir_output *output);
    /* An event after its last hop, where `wants` (NULL: always) says so. */
    weir_error *(*row)(void *context, const weir_replay_place *from, const weir_fold_row *row);
    bool (*wants)(void *context, const weir_event *event);
    bool ignores_values; /* row() does not look at carried values */
    /* An event at its first hop that goes on from there, where row() is asked for. */
    weir_error *(*begin)(void *context, const weir_replay_place *from, const weir_fold_row *row);
    /* A record as it stands in a topic that is only read. */
    weir_error *(*record)(void *context, const weir_replay_place *at,
                          const weir_log_record *record);
} weir_replay_sinks;

/* Models by the digest of their files and their numerics profile, for scores that were made before
 * another one came into force.
 */
typedef struct weir_model_archive {
    void *context;
    /* NULL where it is not kept. It belongs to the archive. */
    weir_error *(*find)(void *context, const uint8_t digest[WEIR_DIGEST_BYTES], const char *profile,
                        const weir_model **model_out);
} weir_model_archive;

typedef struct weir_replay_options {
    const weir_topics *topics;
    const weir_kafka_options *kafka;
    const weir_schema_source *schemas;
    const weir_model *const
        *models; /* one per score of the plan; NULL entries or NULL: fallback only */
    const weir_model_archive *archive; /* of the models that were in force before; NULL: none */
    const char *group;                 /* whose committed offsets count; NULL: nobody's */
    const char *scratch;               /* folder for the replay's state */
    size_t table_bytes;                /* 0: WEIR_FOLD_TABLE_BYTES */
    /* Where state depends on values that another version carried, a journal ends there for this one,
     * instead of in an error; unless this version came into force again behind it. */
    bool may_end_early;
    const bool
        *is_wanted; /* per topic of the table: take part; NULL: all that are consumed or written */
} weir_replay_options;

typedef struct weir_replay weir_replay;

/* Finds ends and committed offsets. Topics that do not exist are an error that names `weir apply`.
 */
weir_error *weir_replay_open(const weir_replay_options *options, weir_replay **replay_out);
void weir_replay_close(weir_replay *replay);
const weir_replay_range *weir_replay_ranges(const weir_replay *replay, size_t *count_out);

/* Limits every journal partition to [.., to) of a given list, so that an older export can be made
 * again. */
void weir_replay_limit(weir_replay *replay, weir_topic topic, int32_t partition, int64_t to);

/* Records that stood behind such an end. */
uint64_t weir_replay_behind(const weir_replay *replay);

/* From the next event on, the score's model is this one (NULL: the fallback answers) instead of the
 * one of the options. */
weir_error *weir_replay_score_with(weir_replay *replay, uint32_t score, const weir_model *model);

/*
 * Folds every wanted journal from its start to its end, one partition after the other in the order
 * of (topic, partition), so that what comes out has one order. May be called once per replay.
 */
weir_error *weir_replay_journals(weir_replay *replay, const weir_replay_sinks *sinks);
/* Reads a topic from its start to its end, record by record. */
weir_error *weir_replay_read(weir_replay *replay, weir_topic topic, const weir_replay_sinks *sinks);

weir_engine *weir_replay_engine(weir_replay *replay);
/* The scratch store of the journal partition that is being folded. */
const weir_store_port *weir_replay_store(const weir_replay *replay, weir_topic topic,
                                         int32_t partition);
