/* SPDX-License-Identifier: Apache-2.0 */
/*
 * planted.h - bugs of the kind that happens, each behind a build flag, to show that the simulation
 * finds them.
 *
 * -DWEIR_PLANT=WEIR_PLANT_x makes exactly one decision wrong; without it every WEIR_PLANTED() is
 * the constant 0 and nothing is compiled. -DWEIR_PLANT=weir_plant leaves the choice to a variable:
 * weir_sim_planted goes through all bugs and counts the runs until each is found. Never set in a
 * build that anybody uses.
 */
#pragma once

// clang-format off
#define WEIR_PLANTS(X) \
    X(ORIGIN_OFF_BY_ONE,      "the filter takes the last copy once more")                              \
    X(ORIGIN_BY_SOURCE,       "later hops filter by the source's offset")                              \
    X(K_WITHOUT_ACKS,         "K moves before the acknowledgements are in")                            \
    X(K_OUT_OF_ORDER,         "K moves behind an epoch while an earlier one is open")                  \
    X(STATE_BEFORE_K,         "state is written before K has reached it")                              \
    X(L_BEFORE_BATCH,         "a slice's record names a position behind its batch")                    \
    X(SLICE_AHEAD_IGNORED,    "replay applies events to slices that know them")                        \
    X(SLICE_AHEAD_OFF_BY_ONE, "replay leaves out the first event a slice does not know")               \
    X(DUPLICATES_FORGOTTEN,   "dropped duplicates are not remembered with the slice")                  \
    X(FIRST_AT_K_SILENT,      "the record at K is replayed silently")                                  \
    X(EVICT_WAITING,          "an entry is evicted while its batch waits")                             \
    X(EVICT_DIRTY,            "an entry is evicted before it was frozen")                              \
    X(FREEZE_IN_PACK,         "a slice is frozen in the middle of a pack")                             \
    X(CLOCK_NOT_RESTORED,     "the greatest event time is lost at a restart")                          \
    X(ABSENT_FOR_EVER,        "a slice once empty is never asked again")                               \
    X(COMMIT_IN_PACK,         "K moves behind a pack of which a part was taken")                       \
    X(RECORD_OF_GREATEST,     "the shard record of the slice that is farthest is loaded")              \
    X(LETTER_UNCOUNTED,       "a dead letter does not hold K back")                                    \
    X(ORIGINS_NOT_RESTORED,   "origin marks are lost at a restart")                                    \
    X(BATCH_TORN,             "the slice's record is written without its states")                      \
    X(SETTLE_FORGETS_TABLE,   "a worker that leaves writes positions without its write-back table")    \
    X(OVERFLOW_FLAG_LOST,     "the next hop is not told that a carried value overflowed")              \
    X(ACK_TO_OLDEST,          "an acknowledgement counts for the oldest open epoch, not for its own")  \
    X(INGEST_NOT_RESTORED,    "the shard's ingest time is lost at a restart")                          \
    X(HELD_SCORES_LOST,       "scores held back are dropped when a turn stops amid a pack")            \
    X(ONE_MARK_FOR_ALL,       "one origin mark stands for all senders")                                \
    X(REPLAY_LEFT_OUT,        "a restart goes on at K, not at L")                                      \
    X(DUPLICATE_TRAVELS,      "a duplicate is not applied, but goes on to the next hop")                 \
    X(HEAD_IN_RECORD,         "the rest of a pack is taken by a head that points into its old record")    \
    X(ECHO_JUMPS,             "an echo is taken over records that others wrote before it")               \
    X(ECHO_OWN_CLOCK,         "an echo carries the sender's clock, five seconds slow, not the journal's")
// clang-format on

enum {
#define WEIR_PLANT_NUMBER(name, text) WEIR_PLANT_##name,
    WEIR_PLANT_NONE,
    WEIR_PLANTS(WEIR_PLANT_NUMBER) WEIR_PLANT_END,
#undef WEIR_PLANT_NUMBER
};

#ifdef WEIR_PLANT
extern int weir_plant;
#define WEIR_PLANTED(bug) (WEIR_PLANT == WEIR_PLANT_##bug)
#else
#define WEIR_PLANTED(bug) 0
#endif
