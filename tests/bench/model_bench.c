/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model_bench.c - how long a model file takes per row: CPU time, rotating rows, the least of
 * several runs.
 *
 *     model_bench MODEL [--rows N] [--runs N] [--batch N] [--numerics WORD] [--explain]
 *
 * Prints one line: file, profile, batch, ns a row, and the score of the first row.
 * tests/bench/model_peers sets it beside other engines on the same rows.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "compute/model/model.h"
#include "ops/runtime/file.h"

enum { DISTINCT = 4096 };

typedef struct settings {
    const char *path;
    size_t rows, runs, batch;
    weir_numerics numerics;
    bool explain;
} settings;

static double cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void *make_rows(const weir_model_port *port, weir_arena *arena)
{
    size_t count = (size_t)DISTINCT * port->width;
    char *data = weir_arena_calloc(arena, count, 8);
    uint64_t state = 9;
    for (size_t i = 0; i < count; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        double value = (double)((state >> 33) % 40001) / 10000.0 - 2.0;
        if (port->kind == WEIR_TENSOR_FLOAT64)
            ((double *)data)[i] = value;
        else
            ((float *)data)[i] = (float)value;
    }
    return data;
}

static double time_once(const settings *s, const weir_model *model, weir_model_workspace *workspace,
                        const char *rows)
{
    const weir_model_port *port = &weir_model_describe(model)->inputs[0];
    size_t row_bytes = port->width * (port->kind == WEIR_TENSOR_FLOAT64 ? 8u : 4u);
    weir_model_tensor outputs[16];
    double *phi = calloc(port->width + 1, sizeof(double));
    double begin = cpu_ns();
    for (size_t done = 0; done < s->rows; done += s->batch) {
        weir_model_tensor input = {port->kind, port->width,
                                   rows + done % (DISTINCT - s->batch) * row_bytes};
        bool supported;
        weir_error *error = s->explain
                                ? weir_model_explain(model, workspace, &input, phi, &supported)
                                : weir_model_run(model, workspace, &input, s->batch, outputs);
        if (error != NULL) abort();
    }
    double took = cpu_ns() - begin;
    free(phi);
    return took / (double)((s->rows + s->batch - 1) / s->batch * s->batch);
}

/* By which a reader sees that two engines compute the same. */
static double first_answer(const settings *s, const weir_model *model,
                           weir_model_workspace *workspace, const void *rows)
{
    const weir_model_info *info = weir_model_describe(model);
    const weir_model_port *port = &info->inputs[0];
    weir_model_tensor input = {port->kind, port->width, rows}, outputs[16];
    weir_error *error = weir_model_run(model, workspace, &input, s->batch, outputs);
    if (error != NULL) abort();
    const weir_model_tensor *score = &outputs[info->score_output];
    return score->kind == WEIR_TENSOR_FLOAT64 ? ((const double *)score->data)[info->score_column]
           : score->kind == WEIR_TENSOR_FLOAT32
               ? (double)((const float *)score->data)[info->score_column]
               : (double)NAN;
}

static weir_error *bench(const settings *s, weir_arena *arena)
{
    weir_bytes file;
    weir_model *model = NULL;
    WEIR_TRY(weir_file_read(s->path, WEIR_MODEL_BYTES_MAX, arena, &file));
    WEIR_TRY(
        weir_model_load(s->path, file, &(weir_model_options){.numerics = s->numerics}, &model));
    const weir_model_info *info = weir_model_describe(model);
    if (info->input_count != 1 || info->output_count > 16 ||
        info->inputs[0].kind > WEIR_TENSOR_FLOAT64)
        return weir_error_new(WEIR_E_USAGE, "wants one input of floats");
    weir_model_workspace *workspace = weir_model_workspace_create(model, s->batch);
    const char *rows = make_rows(&info->inputs[0], arena);
    double best = INFINITY;
    for (size_t run = 0; run < s->runs; run++) {
        double ns = time_once(s, model, workspace, rows);
        if (ns < best) best = ns;
    }
    (void)printf("%s %s%s batch %zu: %.1f ns a row, first answer %.6g\n", s->path, info->profile,
                 s->explain ? " explain" : "", s->batch, best,
                 first_answer(s, model, workspace, rows));
    weir_model_workspace_destroy(workspace);
    weir_model_destroy(model);
    return NULL;
}

/* The words of the setting `numerics`. */
static weir_numerics numerics(const char *word)
{
    return word == NULL                  ? WEIR_NUMERICS_EXACT
           : strcmp(word, "onednn") == 0 ? WEIR_NUMERICS_ONEDNN
           : strcmp(word, "int8") == 0   ? WEIR_NUMERICS_INT8
                                         : WEIR_NUMERICS_EXACT;
}

static size_t number(const char *text)
{
    return text == NULL ? 1 : (size_t)strtoull(text, NULL, 10);
}

int main(int argc, char **argv)
{
    settings s = {.rows = 200000, .runs = 5, .batch = 1};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--rows") == 0)
            s.rows = number(argv[++i]);
        else if (strcmp(argv[i], "--runs") == 0)
            s.runs = number(argv[++i]);
        else if (strcmp(argv[i], "--batch") == 0)
            s.batch = number(argv[++i]);
        else if (strcmp(argv[i], "--numerics") == 0)
            s.numerics = numerics(argv[++i]);
        else if (strcmp(argv[i], "--explain") == 0)
            s.explain = true;
        else
            s.path = argv[i];
    }
    if (s.path == NULL || s.batch == 0 || s.batch > DISTINCT / 2) {
        (void)fprintf(stderr, "usage: model_bench MODEL [--rows N] [--runs N] [--batch N] "
                              "[--numerics exact|onednn|int8] [--explain]\n");
        return 64;
    }
    weir_arena arena = {0};
    weir_error *error = bench(&s, &arena);
    if (error != NULL) (void)fprintf(stderr, "%s\n", weir_error_message(error));
    int code = weir_error_exit_code(error);
    weir_error_free(error);
    weir_arena_deinit(&arena);
    return code;
}
