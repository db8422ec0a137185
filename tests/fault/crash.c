/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fault/crash.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/file.h"

static const crash_test *the_test;
static weir_store_shared *store_shared;
static char self[4096], shim[4200], base[256];

bool crash_is_power(const crash_run *run) { return strncmp(run->mode, "power", 5) == 0; }

_Noreturn void crash_fail(const crash_run *run, const char *what)
{
    (void)fprintf(stderr, "FAILED: %s at call %ld: %s; kept: %s\n", run->mode, run->at, what,
                  run->root);
    exit(1);
}

static void (*start_checkpoint)(void *context, int64_t position);

/* Calls are counted: they come in one order only if nothing runs beside the workload. */
static void checkpoint_at_once(void *context, int64_t position)
{
    start_checkpoint(context, position);
    weir_shard_store_settle(&(weir_store_port){.context = context});
}

weir_error *crash_store_open(const char *root, weir_store_port *port)
{
    char live[512], checkpoints[512];
    int64_t restored = -1;
    (void)snprintf(live, sizeof live, "%s/worker/card-0", root);
    (void)snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints/card-0", root);
    weir_shard_store_options options = {.shared = store_shared,
                                        .directory = live,
                                        .checkpoints = checkpoints,
                                        .free_bytes_min = 1,
                                        .checkpoints_kept = 2};
    WEIR_TRY(weir_shard_store_open(&options, port, &restored));
    start_checkpoint = port->checkpoint;
    port->checkpoint = checkpoint_at_once;
    return NULL;
}

/* ---- the child ---- */

static void *map_shared(const char *path, int flags)
{
    int file = open(path, O_RDWR | flags, 0600);
    WEIR_ASSERT(file >= 0 && ftruncate(file, (off_t)the_test->shared_bytes) == 0);
    void *memory = mmap(NULL, the_test->shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    WEIR_ASSERT(memory != MAP_FAILED);
    (void)close(file);
    return memory;
}

static int child_main(char **argv)
{
    weir_error *error = the_test->workload(argv[2], map_shared(argv[3], 0));
    if (error != NULL) (void)fprintf(stderr, "workload: %s\n", weir_error_message(error));
    int code = error == NULL ? 0 : 3;
    weir_error_free(error);
    return code;
}

static int spawn(const crash_run *run, const char *shared, const char *count)
{
    char number[32];
    (void)snprintf(number, sizeof number, "%ld", run->at);
    pid_t pid = fork();
    WEIR_ASSERT(pid >= 0);
    if (pid == 0) {
        (void)setenv("LD_PRELOAD", shim, 1);
        (void)setenv("WEIR_TEST_IO_ROOT", run->root, 1);
        (void)setenv("WEIR_TEST_IO_MODE", run->mode, 1);
        (void)setenv("WEIR_TEST_IO_AT", number, 1);
        (void)setenv("WEIR_TEST_IO_COUNT", count, 1);
        if (run->at > 0) (void)!freopen("/dev/null", "w", stderr);
        (void)alarm(60);
        (void)execl(self, self, "workload", run->root, shared, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    WEIR_ASSERT(waitpid(pid, &status, 0) == pid);
    return status;
}

/* ---- every call ---- */

/* One run; returns how many calls it made, if it came to its end. */
static long run_one(const char *mode, long at, crash_tally *sum)
{
    static unsigned number;
    char shared[300], count[300];
    crash_run run = {.mode = mode, .at = at};
    (void)snprintf(run.root, sizeof run.root, "%.200s/run%u", base, number++);
    (void)snprintf(shared, sizeof shared, "%s/shared", base);
    (void)snprintf(count, sizeof count, "%s/count", base);
    weir_error *error = weir_dir_make(run.root);
    WEIR_ASSERT(error == NULL);
    run.shared = map_shared(shared, O_CREAT | O_TRUNC);
    int status = spawn(&run, shared, count);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) crash_fail(&run, "hangs");
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) sum->aborted++;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) crash_fail(&run, "does not start");
    if (at < 0 && status != 0) crash_fail(&run, "the workload fails without a fault");
    the_test->judge(&run, sum);
    sum->runs++;
    (void)munmap(run.shared, the_test->shared_bytes);
    weir_error_free(weir_dir_remove(run.root));
    if (at > 0) return 0;
    FILE *file = fopen(count, "r");
    long calls = 0;
    WEIR_ASSERT(file != NULL && fscanf(file, "%ld", &calls) == 1);
    (void)fclose(file);
    return calls;
}

static void run_mode(const char *mode, long every)
{
    crash_tally sum = {0}, undisturbed = {0};
    long calls = run_one("none", -1, &undisturbed);
    if (calls < 100) {
        (void)fprintf(stderr, "FAILED: the shim sees %ld calls only\n", calls);
        exit(1);
    }
    for (long at = 1; at <= calls; at += every)
        run_one(mode, at, &sum);
    (void)printf("%-10s %ld of %ld calls: 0 wrong states, %ld refused as damaged, %ld %s to "
                 "replay, %ld aborts\n",
                 mode, sum.runs, calls, sum.refused, sum.lost, the_test->lost, sum.aborted);
    (void)fflush(stdout);
}

static void find_ourselves(void)
{
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    WEIR_ASSERT(length > 0);
    self[length] = '\0';
    (void)snprintf(shim, sizeof shim, "%.*s/libweir_io_shim.so", (int)(strrchr(self, '/') - self),
                   self);
}

int crash_main(int argc, char **argv, const crash_test *test)
{
    the_test = test;
    store_shared = weir_store_shared_create(1 << 20);
    if (argc == 4 && strcmp(argv[1], "workload") == 0) {
        int code = child_main(argv);
        weir_store_shared_destroy(store_shared);
        return code;
    }
    char modes[256] = "kill,power-lost";
    long every = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--modes") == 0)
            (void)snprintf(modes, sizeof modes, "%s", argv[i + 1]);
        else if (strcmp(argv[i], "--every") == 0)
            every = strtol(argv[i + 1], NULL, 10);
    }
    WEIR_ASSERT(every > 0);
    find_ourselves();
    weir_arena arena = {0};
    char *folder = NULL;
    weir_error *error = weir_dir_temp(&arena, &folder);
    WEIR_ASSERT(error == NULL);
    (void)snprintf(base, sizeof base, "%s", folder);
    for (char *rest = NULL, *mode = strtok_r(modes, ",", &rest); mode != NULL;
         mode = strtok_r(NULL, ",", &rest))
        run_mode(mode, every);
    weir_store_shared_destroy(store_shared);
    weir_error_free(weir_dir_remove(base));
    weir_arena_deinit(&arena);
    return 0;
}
