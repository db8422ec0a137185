/* SPDX-License-Identifier: Apache-2.0 */
/*
 * onnxruntime_bench.c - how long onnxruntime's C API takes for a model: CPU time, rotating rows,
 * the least of several runs, one thread, everything prepared: tensors over the rows and over the
 * output are made before the clock starts.
 *
 *     onnxruntime_bench LIBRARY MODEL --input NAME --width N --output NAME --output-width N
 *                       [--batch N] [--rows N] [--runs N]
 *
 * The Python package holds the library, not its header. The C API is a table of functions that only
 * ever grows at its end (onnxruntime's promise), so the few that are called here are known by their
 * place. Prints the ns a row and the first output, by which the caller sees that both sides compute
 * the same.
 */
#include <dlfcn.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { API_VERSION = 14, FLOAT = 1, DISTINCT = 4096, WARNING = 2 };

typedef void *handle; /* every object of the API; as a status NULL is success */
typedef void (*function)(void);

/* The calls that are made here. */
static struct {
    const char *(*error_message)(handle status);
    handle (*create_env)(int level, const char *name, handle *out);
    handle (*create_session)(handle env, const char *path, handle options, handle *out);
    handle (*run)(handle session, handle options, const char *const *input_names,
                  const handle *inputs, size_t input_count, const char *const *output_names,
                  size_t output_count, handle *outputs);
    handle (*create_options)(handle *out);
    handle (*set_intra_threads)(handle options, int count);
    handle (*set_inter_threads)(handle options, int count);
    handle (*create_tensor)(handle memory, void *data, size_t bytes, const int64_t *shape,
                            size_t rank, int kind, handle *out);
    handle (*create_memory)(int allocator, int kind, handle *out);
} api;

static void check(handle status)
{
    if (status == NULL) return;
    fprintf(stderr, "onnxruntime: %s\n", api.error_message(status));
    exit(1);
}

static void find_calls(const function *table)
{
    api.error_message = (const char *(*)(handle))table[2];
    api.create_env = (handle(*)(int, const char *, handle *))table[3];
    api.create_session = (handle(*)(handle, const char *, handle, handle *))table[7];
    api.run = (handle(*)(handle, handle, const char *const *, const handle *, size_t,
                         const char *const *, size_t, handle *))table[9];
    api.create_options = (handle(*)(handle *))table[10];
    api.set_intra_threads = (handle(*)(handle, int))table[24];
    api.set_inter_threads = (handle(*)(handle, int))table[25];
    api.create_tensor =
        (handle(*)(handle, void *, size_t, const int64_t *, size_t, int, handle *))table[49];
    api.create_memory = (handle(*)(int, int, handle *))table[69];
}

typedef struct settings {
    const char *library, *model, *input, *output;
    size_t width, output_width, batch, rows, runs;
} settings;

typedef struct session {
    handle session;
    handle *inputs; /* one tensor per place where a batch may begin */
    handle output;
    float *data, *answers;
    size_t input_count;
} session;

static void load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    struct base {
        const function *(*get_api)(uint32_t version);
    };
    const struct base *(*get)(void) = (const struct base *(*)(void))dlsym(library, "OrtGetApiBase");
    const function *table = get == NULL ? NULL : get()->get_api(API_VERSION);
    if (table != NULL) {
        find_calls(table);
        return;
    }
    fprintf(stderr, "%s has no C API of version %d\n", path, API_VERSION);
    exit(1);
}

static float *make_rows(size_t width)
{
    float *rows = malloc(DISTINCT * width * sizeof *rows);
    uint64_t state = 9; /* the rows of model_bench */
    for (size_t i = 0; i < DISTINCT * width; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        rows[i] = (float)((double)((state >> 33) % 40001) / 10000.0 - 2.0);
    }
    return rows;
}

static handle tensor(handle memory, float *data, size_t rows, size_t width)
{
    int64_t shape[2] = {(int64_t)rows, (int64_t)width};
    handle made = NULL;
    check(api.create_tensor(memory, data, rows * width * sizeof *data, shape, 2, FLOAT, &made));
    return made;
}

static void prepare(const settings *s, session *made)
{
    handle env = NULL, options = NULL, memory = NULL;
    check(api.create_env(WARNING, "bench", &env));
    check(api.create_options(&options));
    check(api.set_intra_threads(options, 1));
    check(api.set_inter_threads(options, 1));
    check(api.create_session(env, s->model, options, &made->session));
    check(api.create_memory(1, 0, &memory));
    made->data = make_rows(s->width);
    made->answers = calloc(s->batch * s->output_width, sizeof(float));
    made->input_count = (DISTINCT - s->batch) / s->batch + 1;
    made->inputs = malloc(made->input_count * sizeof *made->inputs);
    for (size_t i = 0; i < made->input_count; i++)
        made->inputs[i] = tensor(memory, made->data + i * s->batch * s->width, s->batch, s->width);
    made->output = tensor(memory, made->answers, s->batch, s->output_width);
}

static double cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void run(const settings *s, session *on, size_t turn)
{
    check(api.run(on->session, NULL, &s->input, &on->inputs[turn % on->input_count], 1, &s->output,
                  1, &on->output));
}

static double time_once(const settings *s, session *on)
{
    size_t turns = (s->rows + s->batch - 1) / s->batch;
    double begin = cpu_ns();
    for (size_t i = 0; i < turns; i++)
        run(s, on, i);
    return (cpu_ns() - begin) / (double)(turns * s->batch);
}

static void parse(int argc, char **argv, settings *s)
{
    for (int i = 3; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        size_t number = strtoul(value, NULL, 10);
        if (strcmp(name, "--input") == 0) s->input = value;
        if (strcmp(name, "--output") == 0) s->output = value;
        if (strcmp(name, "--width") == 0) s->width = number;
        if (strcmp(name, "--output-width") == 0) s->output_width = number;
        if (strcmp(name, "--batch") == 0) s->batch = number;
        if (strcmp(name, "--rows") == 0) s->rows = number;
        if (strcmp(name, "--runs") == 0) s->runs = number;
    }
}

int main(int argc, char **argv)
{
    settings s = {.batch = 1, .rows = 20000, .runs = 5, .output_width = 1};
    session on = {0};
    if (argc >= 3) parse(argc, argv, &s);
    if (s.input == NULL || s.output == NULL || s.width == 0 || s.batch == 0 || s.batch > DISTINCT) {
        fprintf(stderr, "usage: onnxruntime_bench LIBRARY MODEL --input NAME --width N --output "
                        "NAME [--output-width N] [--batch N] [--rows N] [--runs N]\n");
        return 64;
    }
    load(argv[1]);
    s.model = argv[2];
    prepare(&s, &on);
    double best = INFINITY;
    for (size_t run = 0; run < s.runs; run++) {
        double ns = time_once(&s, &on);
        if (ns < best) best = ns;
    }
    run(&s, &on, 0);
    printf("%.1f ns a row, first answer %.6g\n", best, (double)on.answers[s.output_width - 1]);
    return 0;
}
