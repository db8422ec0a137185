/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim [--seeds N] [--seed S] [--events N] [--every-step]
 *
 * Runs worlds from consecutive seeds and checks each. A failure prints the seed, which replays it
 * exactly. --every-step puts one crash at each point of one small run, one after the other, before
 * and after it took effect, as a kill and as a power cut.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

static bool report(weir_error *error, const sim_options *options)
{
    if (error == NULL) return true;
    fprintf(stderr, "sim: seed %" PRIu64 " events %u crash point %" PRId64 "%s%s: %s\n",
            options->seed, options->events, options->crash_point,
            options->crash_after ? " after" : "", options->is_power_cut ? " power cut" : "",
            weir_error_message(error));
    weir_error_free(error);
    return false;
}

static bool run_one(const sim_setup *setup, const sim_options *options, sim_stats *stats_out)
{
    sim_world *world = sim_world_create(setup, options);
    weir_error *error = sim_world_run(world);
    if (error == NULL) error = sim_check(world);
    *stats_out = *sim_world_stats(world);
    sim_world_destroy(world);
    return report(error, options);
}

static void add(sim_stats *sum, const sim_stats *one)
{
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)one;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += from[i];
}

static void print(const sim_stats *s, const char *what, uint64_t runs)
{
    printf("%s: runs %" PRIu64 " steps %" PRIu64 " points %" PRIu64 " crashes %" PRIu64
           " power_cuts %" PRIu64 " rebalances %" PRIu64 " zombies %" PRIu64
           " failed_deliveries %" PRIu64 " scores %" PRIu64 " sent_again %" PRIu64
           " dead_letters %" PRIu64 " state_bytes_compared %" PRIu64 "\n",
           what, runs, s->steps, s->points, s->crashes, s->power_cuts, s->rebalances, s->zombies,
           s->failed_deliveries, s->scores, s->copies_of_scores, s->dead_letters,
           s->values_compared);
}

static bool run_seeds(const sim_setup *setup, uint64_t first, uint64_t count, uint32_t events)
{
    sim_stats sum = {0}, one;
    for (uint64_t i = 0; i < count; i++) {
        sim_options options = {.seed = first + i,
                               .events = events,
                               .faults = i % 4 == 0 ? 0 : 5 + (uint32_t)(i % 50),
                               .crash_point = -1};
        if (!run_one(setup, &options, &one)) return false;
        add(&sum, &one);
    }
    print(&sum, "seeds", count);
    return true;
}

/* Each point of the run, before and after, killed and powered off. */
static bool run_every_step(const sim_setup *setup, uint64_t seed, uint32_t events)
{
    sim_stats sum = {0}, one;
    uint64_t runs = 0;
    for (int mode = 0; mode < 4; mode++) {
        sim_options options = {
            .seed = seed, .events = events, .crash_after = mode & 1, .is_power_cut = mode & 2};
        for (options.crash_point = 0;; options.crash_point++) {
            if (!run_one(setup, &options, &one)) return false;
            add(&sum, &one);
            runs++;
            if (one.points <= (uint64_t)options.crash_point) break;
        }
    }
    print(&sum, "every step", runs);
    return true;
}

int main(int argc, char **argv)
{
    uint64_t seeds = 40, first = 1;
    uint32_t events = 150;
    bool every_step = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--every-step") == 0)
            every_step = true;
        else if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc)
            seeds = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            first = strtoull(argv[++i], NULL, 10), seeds = 1;
        else if (strcmp(argv[i], "--events") == 0 && i + 1 < argc)
            events = (uint32_t)strtoul(argv[++i], NULL, 10);
        else
            return 64;
    }
    sim_setup setup;
    sim_options none = {0};
    if (!report(sim_setup_init(&setup), &none)) return 1;
    bool ok = every_step ? run_every_step(&setup, first, events)
                         : run_seeds(&setup, first, seeds, events);
    sim_setup_deinit(&setup);
    return ok ? 0 : 1;
}
