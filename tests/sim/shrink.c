/* SPDX-License-Identifier: Apache-2.0 */
/* Delta debugging, as A. Zeller describes it, over the items of a run. Each try is a process of its
 * own, since a bug may well end it by an assertion. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ops/runtime/assert.h"
#include "tests/sim/sim.h"

typedef struct shrinking {
    const sim_setup *setup;
    sim_options options;
    bool *left_out;
    uint32_t item_count, runs_left;
} shrinking;

bool sim_fails(const sim_setup *setup, const sim_options *options)
{
    (void)fflush(NULL);
    pid_t child = fork();
    WEIR_ASSERT(child >= 0);
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY);
        if (options->trace == NULL) (void)dup2(nowhere, STDERR_FILENO);
        weir_error *error = sim_run(setup, options, NULL);
        if (options->trace != NULL && error != NULL)
            fprintf(options->trace, "  then everything drains: %s\n", weir_error_message(error));
        (void)fflush(NULL);
        _exit(error != NULL);
    }
    int status = 0;
    WEIR_ASSERT(waitpid(child, &status, 0) == child);
    if (options->trace != NULL && WIFSIGNALED(status))
        fprintf(options->trace, "  there the program ends: %s\n", strsignal(WTERMSIG(status)));
    return status != 0;
}

static bool fails(shrinking *s)
{
    s->runs_left--;
    return sim_fails(s->setup, &s->options);
}

static uint32_t count_left(const shrinking *s)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < s->item_count; i++)
        left += !s->left_out[i];
    return left;
}

/* Tries to do without the `size` next items from `from` on that are still in; the item behind
 * them is the answer. */
static uint32_t try_without(shrinking *s, uint32_t from, uint32_t size, bool *has_shrunk)
{
    bool *before = malloc(s->item_count * sizeof *before);
    WEIR_ASSERT(before != NULL);
    memcpy(before, s->left_out, s->item_count * sizeof *before);
    uint32_t i = from, taken = 0;
    for (; i < s->item_count && taken < size; i++) {
        taken += !s->left_out[i];
        s->left_out[i] = true;
    }
    if (taken > 0 && fails(s))
        *has_shrunk = true;
    else
        memcpy(s->left_out, before, s->item_count * sizeof *before);
    free(before);
    return i;
}

static void shrink(shrinking *s)
{
    uint32_t size = s->item_count / 2;
    while (size > 0 && s->runs_left > 0) {
        bool has_shrunk = false;
        for (uint32_t from = 0; from < s->item_count && s->runs_left > 0;)
            from = try_without(s, from, size, &has_shrunk);
        if (!has_shrunk || size > 1) size /= 2;
    }
}

uint32_t sim_shrink(const sim_setup *setup, const sim_options *failing, uint32_t runs_max,
                    FILE *out)
{
    shrinking s = {.setup = setup, .options = *failing, .runs_left = runs_max};
    WEIR_ASSERT(sim_fails(setup, failing)); /* a failing seed replays */
    sim_world *world = sim_world_create(setup, failing);
    s.item_count = sim_world_items(world);
    sim_world_destroy(world);
    s.left_out = calloc(s.item_count, sizeof *s.left_out);
    WEIR_ASSERT(s.left_out != NULL);
    s.options.left_out = s.left_out;
    shrink(&s);
    uint32_t left = count_left(&s);
    fprintf(out, "shrunk to %u of %u items, in %u runs:\n", left, s.item_count,
            runs_max - s.runs_left);
    s.options.trace = out;
    WEIR_ASSERT(sim_fails(setup, &s.options));
    free(s.left_out);
    return left;
}
