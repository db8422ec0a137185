/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shard's store is killed, cut off from power and refused by its disk at every single I/O call of
 * a small workload; each time it is opened again and compared with what was written.
 *
 * The workload: batches over a few slices and keys, a checkpoint now and then, a close and an open
 * in the middle. Batch number j carries j in its slice record, so the state after j batches is
 * known for every j. What must hold:
 *
 *   kill            the state is exactly that after j batches, j >= the batches that had returned
 *   power-*         the state is exactly that after j batches, for some j
 *   full, error     as kill; the workload may fail or abort, never hang
 *   after each      the store opens, or says CORRUPT and names its folder (counted; never after a
 * kill)
 *
 *   shard_crash_test [--modes a,b] [--every N] [--batches N]          (a child runs:
 * shard_crash_test workload DIR ACKED BATCHES)
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/file.h"
#include "store/shard.h"

enum { BATCHES_MAX = 400, KEYS = 6, SLICES = 4, PARTS = 3, ITEMS_MAX = 4, VALUE_BYTES_MAX = 700 };

static unsigned batch_total = 40;

/* One write: which key and part got which value, all derived from its number. */
typedef struct write_op {
    unsigned key, part;
    size_t size; /* 0: delete */
    uint8_t fill;
} write_op;

typedef struct batch {
    uint32_t slice;
    unsigned count;
    write_op ops[ITEMS_MAX];
} batch;

static uint32_t mix(uint32_t x)
{
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ x >> 16;
}

/* A key that has any part has part 0 (docs/formats/store.md), so that one is always written and
 * never deleted. */
static batch batch_of(unsigned number)
{
    batch b = {.slice = mix(number) % SLICES, .count = 1 + mix(number + 1000) % ITEMS_MAX};
    unsigned key = mix(number + 2000) % KEYS;
    for (unsigned i = 0; i < b.count; i++) {
        uint32_t r = mix(number * 16 + i + 77777);
        unsigned part = i % PARTS;
        b.ops[i] = (write_op){
            .key = (key + i / PARTS) % KEYS,
            .part = part,
            .size = part > 0 && r % 4 == 0 ? 0 : 1 + (r >> 8) % VALUE_BYTES_MAX,
            .fill = (uint8_t)(number + i * 31),
        };
    }
    return b;
}

/* ---- the store ---- */

static weir_store_shared *shared;

static weir_error *open_store(const char *root, weir_store_port *port)
{
    char live[512], checkpoints[512];
    int64_t restored = -1;
    (void)snprintf(live, sizeof live, "%s/worker/card-0", root);
    (void)snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints/card-0", root);
    weir_shard_store_options options = {.shared = shared,
                                        .directory = live,
                                        .checkpoints = checkpoints,
                                        .free_bytes_min = 1,
                                        .checkpoints_kept = 2};
    return weir_shard_store_open(&options, port, &restored);
}

static weir_bytes key_of(unsigned key, char text[16])
{
    int size = snprintf(text, 16, "card%u", key);
    return (weir_bytes){(const uint8_t *)text, (size_t)size};
}

static weir_error *write_batch(weir_store_port *port, unsigned number)
{
    batch b = batch_of(number);
    char keys[ITEMS_MAX][16];
    uint8_t values[ITEMS_MAX][VALUE_BYTES_MAX];
    weir_store_item items[ITEMS_MAX];
    for (unsigned i = 0; i < b.count; i++) {
        memset(values[i], b.ops[i].fill, sizeof values[i]);
        items[i] = (weir_store_item){
            1, key_of(b.ops[i].key, keys[i]), b.ops[i].part, {values[i], b.ops[i].size}};
    }
    uint32_t record = number;
    return port->write(port->context, b.slice, items, b.count,
                       (weir_bytes){(const uint8_t *)&record, sizeof record});
}

/* The child: says in shared memory how many batches had returned. */
static weir_error *run_workload(const char *root, volatile uint32_t *acked)
{
    weir_store_port port;
    WEIR_TRY(open_store(root, &port));
    weir_error *error = port.write_identity(port.context, (weir_bytes){(const uint8_t *)"id", 2});
    for (unsigned i = 0; error == NULL && i < batch_total; i++) {
        error = write_batch(&port, i);
        if (error == NULL) *acked = i + 1;
        if (error == NULL && i % 15 == 14) error = port.checkpoint(port.context, i);
        if (error == NULL && i == batch_total / 2) {
            port.close(port.context);
            WEIR_TRY(open_store(root, &port));
        }
    }
    port.close(port.context);
    return error;
}

static int child_main(char **argv)
{
    int file = open(argv[3], O_RDWR);
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    WEIR_ASSERT(file >= 0 && memory != MAP_FAILED);
    batch_total = (unsigned)strtoul(argv[4], NULL, 10);
    shared = weir_store_shared_create(1 << 20);
    weir_error *error = run_workload(argv[2], memory);
    if (error != NULL) (void)fprintf(stderr, "workload: %s\n", weir_error_message(error));
    int code = error == NULL ? 0 : 3;
    weir_error_free(error);
    weir_store_shared_destroy(shared);
    return code;
}

/* ---- what it should be after j batches ---- */

typedef struct model {
    uint32_t records[SLICES]; /* number of the last batch + 1; 0: none */
    struct {
        size_t size;
        uint8_t fill;
    } parts[SLICES][KEYS][PARTS];
} model;

static void apply(model *m, unsigned number)
{
    batch b = batch_of(number);
    m->records[b.slice] = number + 1;
    for (unsigned i = 0; i < b.count; i++) {
        m->parts[b.slice][b.ops[i].key][b.ops[i].part].size = b.ops[i].size;
        m->parts[b.slice][b.ops[i].key][b.ops[i].part].fill =
            b.ops[i].size == 0 ? 0 : b.ops[i].fill;
    }
}

typedef struct reading {
    model *into;
    unsigned slice, key;
} reading;

static weir_error *take_part(void *context, uint64_t part, weir_bytes bytes)
{
    const reading *r = context;
    WEIR_ASSERT(part < PARTS && bytes.size > 0);
    for (size_t i = 1; i < bytes.size; i++)
        WEIR_ASSERT(bytes.data[i] == bytes.data[0]);
    r->into->parts[r->slice][r->key][part].size = bytes.size;
    r->into->parts[r->slice][r->key][part].fill = bytes.data[0];
    return NULL;
}

static weir_error *read_model(weir_store_port *port, model *into)
{
    weir_bytes records[WEIR_SLICE_COUNT];
    memset(into, 0, sizeof *into);
    WEIR_TRY(port->read_slices(port->context, records));
    for (unsigned slice = 0; slice < SLICES; slice++) {
        uint32_t number = 0;
        if (records[slice].size == sizeof number) {
            memcpy(&number, records[slice].data, sizeof number);
            into->records[slice] = number + 1;
        }
        for (unsigned key = 0; key < KEYS; key++) {
            char text[16];
            reading r = {into, slice, key};
            WEIR_TRY(port->load(port->context, slice, 1, key_of(key, text), take_part, &r));
        }
    }
    return NULL;
}

/* The j whose state this is, or -1. */
static int find_prefix(const model *got)
{
    model want;
    memset(&want, 0, sizeof want);
    int found = -1;
    for (unsigned j = 0; j <= batch_total; j++) {
        bool is_equal = memcmp(want.records, got->records, sizeof want.records) == 0;
        for (unsigned s = 0; s < SLICES && is_equal; s++)
            for (unsigned k = 0; k < KEYS && is_equal; k++)
                for (unsigned p = 0; p < PARTS && is_equal; p++)
                    is_equal = want.parts[s][k][p].size == got->parts[s][k][p].size &&
                               want.parts[s][k][p].fill == got->parts[s][k][p].fill;
        if (is_equal) found = (int)j;
        if (j < batch_total) apply(&want, j);
    }
    return found;
}

/* ---- the driver ---- */

typedef struct run {
    const char *mode;
    long at;
    char root[256], acked[300], count[300];
    uint32_t batches_acked;
} run;

typedef struct tally {
    long runs, refused, lost_batches, aborted;
} tally;

static char self[4096], shim[4096];

static int spawn(const run *r)
{
    char number[32], batches[32];
    (void)snprintf(number, sizeof number, "%ld", r->at);
    (void)snprintf(batches, sizeof batches, "%u", batch_total);
    pid_t pid = fork();
    WEIR_ASSERT(pid >= 0);
    if (pid == 0) {
        (void)setenv("LD_PRELOAD", shim, 1);
        (void)setenv("WEIR_TEST_IO_ROOT", r->root, 1);
        (void)setenv("WEIR_TEST_IO_MODE", r->mode, 1);
        (void)setenv("WEIR_TEST_IO_AT", number, 1);
        (void)setenv("WEIR_TEST_IO_COUNT", r->count, 1);
        if (r->at > 0) (void)!freopen("/dev/null", "w", stderr);
        (void)alarm(60);
        (void)execl(self, self, "workload", r->root, r->acked, batches, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    WEIR_ASSERT(waitpid(pid, &status, 0) == pid);
    return status;
}

static void prepare(run *r, const char *base)
{
    static unsigned number;
    (void)snprintf(r->root, sizeof r->root, "%s/run%u", base, number++);
    (void)snprintf(r->acked, sizeof r->acked, "%s/acked", base);
    (void)snprintf(r->count, sizeof r->count, "%s/count", base);
    weir_error *error = weir_dir_make(r->root);
    WEIR_ASSERT(error == NULL);
    int file = open(r->acked, O_RDWR | O_CREAT | O_TRUNC, 0600);
    WEIR_ASSERT(file >= 0 && ftruncate(file, 4096) == 0);
    (void)close(file);
}

static void read_acked(run *r)
{
    int file = open(r->acked, O_RDONLY);
    WEIR_ASSERT(file >= 0 &&
                read(file, &r->batches_acked, sizeof r->batches_acked) == sizeof r->batches_acked);
    (void)close(file);
}

static _Noreturn void fail(const run *r, const char *what)
{
    (void)fprintf(stderr, "FAILED: %s at call %ld: %s (%u batches had returned); kept: %s\n",
                  r->mode, r->at, what, r->batches_acked, r->root);
    exit(1);
}

/* Opens what is left, and compares. */
static void judge(const run *r, tally *sum)
{
    bool is_power = strncmp(r->mode, "power", 5) == 0;
    weir_store_port port;
    weir_error *error = open_store(r->root, &port);
    if (error != NULL) {
        if (!is_power || weir_error_code_of(error) != WEIR_E_CORRUPT)
            fail(r, weir_error_message(error));
        sum->refused++;
        weir_error_free(error);
        return;
    }
    model got;
    error = read_model(&port, &got);
    port.close(port.context);
    if (error != NULL) fail(r, weir_error_message(error));
    int prefix = find_prefix(&got);
    if (prefix < 0) fail(r, "the state is that of no prefix of the batches");
    if (!is_power && prefix < (int)r->batches_acked) fail(r, "a batch that had returned is gone");
    if (prefix < (int)r->batches_acked) sum->lost_batches += (int)r->batches_acked - prefix;
}

static void run_one(const char *mode, long at, const char *base, tally *sum)
{
    run r = {.mode = mode, .at = at};
    prepare(&r, base);
    int status = spawn(&r);
    read_acked(&r);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) fail(&r, "hangs");
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) sum->aborted++;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) fail(&r, "the workload did not start");
    judge(&r, sum);
    sum->runs++;
    weir_error_free(weir_dir_remove(r.root));
}

/* How many calls the whole workload makes, without a fault. */
static long count_calls(const char *base)
{
    run r = {.mode = "none", .at = -1};
    tally sum = {0};
    prepare(&r, base);
    if (spawn(&r) != 0) fail(&r, "the workload fails without a fault");
    read_acked(&r);
    if (r.batches_acked != batch_total) fail(&r, "the workload did not finish");
    judge(&r, &sum);
    weir_error_free(weir_dir_remove(r.root));
    FILE *file = fopen(r.count, "r");
    long calls = 0;
    WEIR_ASSERT(file != NULL && fscanf(file, "%ld", &calls) == 1);
    (void)fclose(file);
    return calls;
}

static void run_mode(const char *mode, long every, const char *base)
{
    tally sum = {0};
    long calls = count_calls(base);
    if (calls < 100) {
        (void)fprintf(stderr, "FAILED: the shim sees %ld calls only\n", calls);
        exit(1);
    }
    for (long at = 1; at <= calls; at += every)
        run_one(mode, at, base, &sum);
    (void)printf("%-10s %ld of %ld calls: 0 wrong states, %ld refused as damaged, %ld unsynced "
                 "batches to replay, "
                 "%ld aborts\n",
                 mode, sum.runs, calls, sum.refused, sum.lost_batches, sum.aborted);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "workload") == 0) return child_main(argv);
    char modes[256] = "kill,power-lost";
    long every = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--modes") == 0)
            (void)snprintf(modes, sizeof modes, "%s", argv[i + 1]);
        else if (strcmp(argv[i], "--every") == 0)
            every = strtol(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--batches") == 0)
            batch_total = (unsigned)strtoul(argv[i + 1], NULL, 10);
    }
    if (getenv("WEIR_TEST_LONG") != NULL)
        every = 1;
    else if (getenv("WEIR_TEST_REQUIRE") == NULL)
        every *= 12; /* not ops/test: a developer waits */
    WEIR_ASSERT(batch_total <= BATCHES_MAX && every > 0);
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    WEIR_ASSERT(length > 0);
    self[length] = '\0';
    (void)snprintf(shim, sizeof shim, "%.*s/libweir_io_shim.so", (int)(strrchr(self, '/') - self),
                   self);
    weir_arena arena = {0};
    char *base = NULL;
    weir_error *error = weir_dir_temp(&arena, &base);
    WEIR_ASSERT(error == NULL);
    shared = weir_store_shared_create(1 << 20);
    for (char *rest = NULL, *mode = strtok_r(modes, ",", &rest); mode != NULL;
         mode = strtok_r(NULL, ",", &rest))
        run_mode(mode, every, base);
    weir_store_shared_destroy(shared);
    weir_error_free(weir_dir_remove(base));
    weir_arena_deinit(&arena);
    return 0;
}
