/* SPDX-License-Identifier: Apache-2.0 */
/*
 * planted.h - bugs of the kind that happens, each behind a build flag, to show that the simulation
 * finds them.
 *
 * -DWEIR_PLANT=WEIR_PLANT_x makes exactly one decision of the commit protocol wrong; without it
 * every WEIR_PLANTED() is the constant 0 and nothing is compiled. tests/sim/plant builds the
 * simulation with each and counts the runs until it is found. Never set in a build that anybody
 * uses.
 */
#pragma once

// clang-format off
#define WEIR_PLANT_ORIGIN_OFF_BY_ONE      1  /* the filter takes the last copy once more                   */
#define WEIR_PLANT_ORIGIN_BY_SOURCE       2  /* later hops filter by the source's offset                   */
#define WEIR_PLANT_K_WITHOUT_ACKS         3  /* K moves before the acknowledgements are in                 */
#define WEIR_PLANT_K_OUT_OF_ORDER         4  /* K moves behind an epoch while an earlier one is open       */
#define WEIR_PLANT_STATE_BEFORE_K         5  /* state is written before K has reached it                   */
#define WEIR_PLANT_L_BEFORE_BATCH         6  /* a slice's record names a position behind its batch         */
#define WEIR_PLANT_SLICE_AHEAD_IGNORED    7  /* replay applies events to slices that know them             */
#define WEIR_PLANT_SLICE_AHEAD_OFF_BY_ONE 8  /* replay leaves out the first event a slice does not know    */
#define WEIR_PLANT_DUPLICATES_FORGOTTEN   9  /* dropped duplicates are not remembered with the slice       */
#define WEIR_PLANT_FIRST_AT_K_SILENT      10 /* the record at K is replayed silently                       */
#define WEIR_PLANT_EVICT_WAITING          11 /* an entry is evicted while its batch waits                  */
#define WEIR_PLANT_EVICT_DIRTY            12 /* an entry is evicted before it was frozen                   */
#define WEIR_PLANT_FREEZE_IN_PACK         13 /* a slice is frozen in the middle of a pack                  */
#define WEIR_PLANT_CLOCK_NOT_RESTORED     14 /* the greatest event time is lost at a restart               */
#define WEIR_PLANT_ABSENT_FOR_EVER        15 /* a slice once empty is never asked again                    */
#define WEIR_PLANT_COMMIT_IN_PACK         16 /* K moves behind a pack of which a part was taken            */
#define WEIR_PLANT_RECORD_OF_GREATEST     17 /* the shard record of the slice that is farthest is loaded   */
#define WEIR_PLANT_LETTER_UNCOUNTED       18 /* a dead letter does not hold K back                         */
#define WEIR_PLANT_ORIGINS_NOT_RESTORED   19 /* origin marks are lost at a restart                         */
#define WEIR_PLANT_BATCH_TORN             20 /* the slice's record is written without its states           */
#define WEIR_PLANT_COUNT                  20
// clang-format on

#ifdef WEIR_PLANT
#define WEIR_PLANTED(bug) (WEIR_PLANT == WEIR_PLANT_##bug)
#else
#define WEIR_PLANTED(bug) 0
#endif
