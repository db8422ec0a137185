/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plain-test half of a fuzz target: every file of the corpus, its truncations, and seeded
 * mutations of it go through LLVMFuzzerTestOneInput. Inputs are copied into memory of exactly their
 * size, so that a sanitizer sees a read past the end. The input in hand is kept in a file named on
 * a crash, since a signal can not say more.
 *
 *     x_fuzz [--mutations N] [--seed N] PATH...        (PATH: a folder or a file)
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUTS_MAX = 20000, INPUT_BYTES_MAX = 16 << 20, TRUNCATIONS_MAX = 8192 };

typedef struct input {
    uint8_t *data;
    size_t size;
} input;

static input inputs[INPUTS_MAX];
static size_t input_count;
static uint64_t random_state = 1;
static const uint8_t *current;
static size_t current_size;

/* xorshift64*: the same mutations everywhere for one seed. */
static uint64_t next_random(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545F4914F6CDD1Du;
}

static size_t below(size_t limit) { return limit == 0 ? 0 : (size_t)(next_random() % limit); }

static _Noreturn void die(const char *what, const char *path)
{
    (void)fprintf(stderr, "replay: %s %s: %s\n", what, path, strerror(errno));
    exit(2);
}

static void on_crash(int number)
{
    int file = open("crash-input", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file >= 0) (void)!write(file, current, current_size);
    static const char note[] = "replay: crashed; the input stands in ./crash-input\n";
    (void)!write(STDERR_FILENO, note, sizeof note - 1);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void run_one(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size == 0 ? 1 : size);
    if (exact == NULL) die("no memory for", "an input");
    if (size > 0) memcpy(exact, data, size);
    current = exact;
    current_size = size;
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static void add_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) die("opening", path);
    struct stat info;
    if (fstat(fileno(file), &info) != 0 || info.st_size > INPUT_BYTES_MAX) die("size of", path);
    if (input_count == INPUTS_MAX) die("too many inputs at", path);
    input *to = &inputs[input_count++];
    to->size = (size_t)info.st_size;
    to->data = malloc(to->size + 1);
    if (to->data == NULL || fread(to->data, 1, to->size, file) != to->size) die("reading", path);
    (void)fclose(file);
}

static int by_name(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

static void add_path(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) die("looking at", path);
    if (!S_ISDIR(info.st_mode)) {
        add_file(path);
        return;
    }
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, by_name); /* sorted: one seed, one run */
    if (count < 0) die("listing", path);
    for (int i = 0; i < count; i++) {
        char child[4096];
        (void)snprintf(child, sizeof child, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') add_path(child);
        free(entries[i]);
    }
    free(entries);
}

/* All inputs share the number of cuts, so that a corpus may grow. */
static void run_truncations(const input *from)
{
    size_t step = from->size / (TRUNCATIONS_MAX / input_count + 1) + 1;
    for (size_t size = 0; size < from->size; size += step)
        run_one(from->data, size);
}

/* One edit: flip a bit, set a telling byte, drop or repeat a run, or splice a run of another input
 * in. */
static size_t mutate_once(uint8_t *data, size_t size, size_t capacity)
{
    static const uint8_t telling[] = {0,   1,   0x7f, 0x80, 0xff, '"', '{',
                                      '}', '(', '\n', '\\', '-',  '0', '9'};
    size_t at = below(size + 1), run = below(size - at + 1) % 64;
    switch (next_random() % 5) {
    case 0:
        if (at < size) data[at] ^= (uint8_t)(1u << below(8));
        return size;
    case 1:
        if (at < size) data[at] = telling[below(sizeof telling)];
        return size;
    case 2: memmove(data + at, data + at + run, size - at - run); return size - run;
    case 3:
        if (size + run > capacity) return size;
        memmove(data + at + run, data + at, size - at);
        return size + run;
    default: {
        const input *other = &inputs[below(input_count)];
        size_t from = below(other->size + 1), length = below(other->size - from + 1) % 64;
        if (length > size - at) length = size - at;
        memcpy(data + at, other->data + from, length);
        return size;
    }
    }
}

static void run_mutations(size_t count)
{
    for (size_t i = 0; i < count && input_count > 0; i++) {
        const input *from = &inputs[below(input_count)];
        size_t capacity = from->size + 1024, size = from->size;
        uint8_t *data = malloc(capacity);
        if (data == NULL) die("no memory for", "a mutation");
        memcpy(data, from->data, from->size);
        for (size_t edits = 1 + below(6); edits > 0; edits--)
            size = mutate_once(data, size, capacity);
        run_one(data, size);
        free(data);
    }
}

int main(int argc, char **argv)
{
    size_t mutations = 0;
    uint64_t seed = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--mutations") == 0 && i + 1 < argc)
            mutations = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else
            add_path(argv[i]);
    }
    random_state = seed * 0x9E3779B97F4A7C15u + 1;
    (void)signal(SIGSEGV, on_crash);
    (void)signal(SIGABRT, on_crash);
    (void)signal(SIGFPE, on_crash);
    run_one((const uint8_t *)"", 0);
    for (size_t i = 0; i < input_count; i++)
        run_one(inputs[i].data, inputs[i].size);
    for (size_t i = 0; i < input_count; i++)
        run_truncations(&inputs[i]);
    run_mutations(mutations);
    (void)printf("replayed %zu inputs, and %zu mutations from seed %" PRIu64 "\n", input_count,
                 mutations, seed);
    for (size_t i = 0; i < input_count; i++)
        free(inputs[i].data);
    return 0;
}
