/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir_sim [--seeds N] [--seed S] [--seconds T] [--events N] [--every-step] [--day] [--plant BUG]
 *          [--shrink RUNS] [--quiet]
 *
 * Runs worlds from consecutive seeds (from S on; N of them, or for T seconds) and checks each. A
 * failure prints the seed, which replays it exactly, and shrinks it to a short story. --every-step
 * puts one blow at each point of one small run, one after the other, before and after it took
 * effect. --day spreads the events over a virtual day. --plant N (in weir_sim_planted only) makes
 * bug N of ingest/planted.h; without a number it goes through all and says how many runs found
 * each.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ops/runtime/clock.h"
#include "tests/sim/sim.h"

#ifdef WEIR_PLANT
#include "ingest/planted.h"
int weir_plant;
#define NAME_OF(name, text) #name,
static const char *const planted_names[] = {"none", WEIR_PLANTS(NAME_OF)};
#endif

typedef struct sim_command {
    uint64_t seed, seeds;
    int64_t seconds; /* 0: by number */
    uint32_t events, shrink_runs;
    bool is_every_step, is_day, is_planted, is_quiet;
    int plant; /* 0: all */
} sim_command;

typedef struct sim_tally {
    sim_stats sum;
    uint64_t runs, next_seed;
    sim_options last; /* what runs or ran last */
    bool has_failed;  /* that one */
} sim_tally;

typedef bool sim_runner(const sim_setup *setup, const sim_command *command, sim_tally *tally);

/* In a process of its own, so that an assertion that ends it does not hide which run it was. */
static bool run_apart(sim_runner *runner, const sim_setup *setup, const sim_command *command,
                      sim_tally *tally)
{
    int status = 0;
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) exit(runner(setup, command, tally) ? 0 : 1); /* by exit: leaks are looked for */
    if (child < 0 || waitpid(child, &status, 0) != child) return false;
    if (WIFSIGNALED(status)) {
        tally->has_failed = true;
        if (!command->is_quiet)
            fprintf(stderr, "sim: seed %" PRIu64 ": %s\n", tally->last.seed,
                    strsignal(WTERMSIG(status)));
    }
    return status == 0;
}

/* Shared with the process that runs. */
static sim_tally *new_tally(void)
{
    void *memory =
        mmap(NULL, sizeof(sim_tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) abort();
    return memory;
}

static double cpu_seconds(void)
{
    struct rusage used;
    (void)getrusage(RUSAGE_CHILDREN, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void add(sim_stats *sum, const sim_stats *one)
{
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)one;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += from[i];
}

static bool run_one(const sim_setup *setup, const sim_options *options, sim_tally *tally,
                    bool is_quiet)
{
    sim_stats one;
    tally->last = *options;
    tally->runs++;
    weir_error *error = sim_run(setup, options, &one);
    add(&tally->sum, &one);
    if (error == NULL) return one.points > (uint64_t)options->blow_point || options->blow_point < 0;
    tally->has_failed = true;
    if (!is_quiet) {
        fprintf(stderr, "sim: seed %" PRIu64 " events %u", options->seed, options->events);
        if (options->blow_point >= 0)
            fprintf(stderr, " %s %s point %" PRId64, sim_blow_names[options->blow],
                    options->blow_after ? "after" : "before", options->blow_point);
        fprintf(stderr, ": %s\n", weir_error_message(error));
    }
    weir_error_free(error);
    return false;
}

static void print(const sim_tally *tally, const char *what, double cpu_s)
{
    const sim_stats *s = &tally->sum;
    printf("%s: runs %" PRIu64 " steps %" PRIu64 " points %" PRIu64 " kills %" PRIu64
           " power_cuts %" PRIu64 " fatal_errors %" PRIu64 " rebalances %" PRIu64
           " resumed %" PRIu64 " departures %" PRIu64 " zombies %" PRIu64 " silences %" PRIu64
           " echoes %" PRIu64 " scores %" PRIu64 " sent_again %" PRIu64 " dead_letters %" PRIu64
           " values %" PRIu64 " state_bytes %" PRIu64 " virtual_s %" PRIu64
           " cpu_s %.2f values_per_cpu_s %.0f\n",
           what, tally->runs, s->steps, s->points, s->kills, s->power_cuts, s->fatal_errors,
           s->rebalances, s->resumed, s->departures, s->zombies, s->silences, s->echoes, s->scores,
           s->sent_again, s->dead_letters, s->values, s->state_bytes, s->virtual_us / 1000000,
           cpu_s, cpu_s > 0 ? (double)s->values / cpu_s : 0.0);
}

/* Every fourth seed is calm: what fails there needs no fault. */
static sim_options options_of(const sim_command *command, uint64_t seed)
{
    return (sim_options){.seed = seed,
                         .events = command->events,
                         .faults = seed % 4 == 0 ? 0 : 5 + (uint32_t)(seed % 50),
                         .blow_point = -1};
}

/* A day's events come as they do: the steps are longer. */
static sim_options day_of(const sim_command *command, uint64_t seed)
{
    sim_options options = options_of(command, seed);
    options.step_us_max = (uint32_t)(UINT64_C(2) * 86400 * 1000000 / (options.events * 4 + 200));
    options.faults = 5;
    return options;
}

static bool run_seeds(const sim_setup *setup, const sim_command *command, sim_tally *tally)
{
    int64_t until_us = weir_clock_monotonic_us() + command->seconds * 1000000;
    for (uint64_t i = 0; command->seconds > 0 || i < command->seeds; i++) {
        if (command->seconds > 0 && weir_clock_monotonic_us() >= until_us) break;
        sim_options options = command->is_day ? day_of(command, command->seed + i)
                                              : options_of(command, command->seed + i);
        tally->next_seed = options.seed + 1;
        if (!run_one(setup, &options, tally, command->is_quiet)) return false;
    }
    return true;
}

/* Each point of the run, before and after, and each blow. */
static bool run_every_step(const sim_setup *setup, const sim_command *command, sim_tally *tally)
{
    for (int mode = 0; mode < 2 * SIM_BLOWS; mode++) {
        sim_options options = {.seed = command->seed,
                               .events = command->events,
                               .blow_after = mode & 1,
                               .blow = (sim_blow)(mode / 2)};
        while (run_one(setup, &options, tally, command->is_quiet))
            options.blow_point++;
        if (tally->has_failed) return false;
    }
    return true;
}

#ifdef WEIR_PLANT
enum { SHORT = 100 }; /* items of some 1,500: a story that one can read */

/* How many runs it takes; and the failing one must shrink. */
static bool find_planted(const sim_setup *setup, const sim_command *command, int bug)
{
    sim_tally *tally = new_tally();
    sim_command quiet = *command;
    quiet.is_quiet = true;
    weir_plant = bug;
    bool is_found = !run_apart(run_seeds, setup, &quiet, tally);
    printf("%-24s %s after %" PRIu64 " runs\n", planted_names[bug],
           is_found ? "found" : "NOT found", tally->runs);
    if (is_found && command->shrink_runs > 0)
        is_found = sim_shrink(setup, &tally->last, command->shrink_runs, stdout) <= SHORT;
    (void)fflush(stdout);
    weir_plant = 0;
    return is_found;
}

static bool run_planted(const sim_setup *setup, const sim_command *command)
{
    if (command->plant >= WEIR_PLANT_END) return false;
    if (command->plant > 0) return find_planted(setup, command, command->plant);
    int found = 0;
    for (int bug = 1; bug < WEIR_PLANT_END; bug++)
        found += find_planted(setup, command, bug);
    printf("planted bugs: %d of %d found\n", found, WEIR_PLANT_END - 1);
    return found == WEIR_PLANT_END - 1;
}
#else
static bool run_planted(const sim_setup *setup, const sim_command *command)
{
    (void)setup, (void)command;
    fprintf(stderr, "weir_sim_planted has the bugs\n");
    return false;
}
#endif

static bool run(const sim_setup *setup, const sim_command *command)
{
    if (command->is_planted) return run_planted(setup, command);
    sim_tally *tally = new_tally();
    bool ok = run_apart(command->is_every_step ? run_every_step : run_seeds, setup, command, tally);
    const char *what = command->is_every_step ? "every step" : command->is_day ? "day" : "seeds";
    if (ok) print(tally, what, cpu_seconds());
    if (ok && !command->is_every_step)
        printf("seeds %" PRIu64 " to %" PRIu64 "\n", command->seed, tally->next_seed - 1);
    if (tally->has_failed && command->shrink_runs > 0)
        (void)sim_shrink(setup, &tally->last, command->shrink_runs, stderr);
    return ok;
}

static bool parse(int argc, char **argv, sim_command *command)
{
    for (int i = 1; i < argc; i++) {
        bool has_more = i + 1 < argc;
        const char *word = argv[i];
        if (strcmp(word, "--every-step") == 0)
            command->is_every_step = true;
        else if (strcmp(word, "--day") == 0)
            command->is_day = true, command->events = 5000, command->seeds = 1;
        else if (strcmp(word, "--quiet") == 0)
            command->is_quiet = true;
        else if (strcmp(word, "--seeds") == 0 && has_more)
            command->seeds = strtoull(argv[++i], NULL, 10);
        else if (strcmp(word, "--seed") == 0 && has_more)
            command->seed = strtoull(argv[++i], NULL, 10), command->seeds = 1;
        else if (strcmp(word, "--from") == 0 && has_more)
            command->seed = strtoull(argv[++i], NULL, 10);
        else if (strcmp(word, "--seconds") == 0 && has_more)
            command->seconds = strtoll(argv[++i], NULL, 10);
        else if (strcmp(word, "--events") == 0 && has_more)
            command->events = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (strcmp(word, "--shrink") == 0 && has_more)
            command->shrink_runs = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (strcmp(word, "--plant") == 0 && has_more)
            command->is_planted = true, command->plant = atoi(argv[++i]);
        else
            return false;
    }
    return command->events > 0 && command->plant >= 0;
}

int main(int argc, char **argv)
{
    sim_command command = {.seed = 1, .seeds = 40, .events = 150, .shrink_runs = 3000};
    if (!parse(argc, argv, &command)) return 64;
    sim_setup setup;
    weir_error *error = sim_setup_init(&setup);
    if (error != NULL) {
        fprintf(stderr, "sim: %s\n", weir_error_message(error));
        weir_error_free(error);
        return 1;
    }
    bool ok = run(&setup, &command);
    sim_setup_deinit(&setup);
    return ok ? 0 : 1;
}
