/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "ops/runtime/metrics_internal.h"

static void put(weir_buffer *to, const char *name, const char *kind, const char *help)
{
    weir_buffer_printf(to, "# HELP %s %s\n# TYPE %s %s\n%s ", name, help, name, kind, name);
}

static int64_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long long pages = 0, resident = 0;
    if (file == NULL) return 0;
    if (fscanf(file, "%lld %lld", &pages, &resident) != 2) resident = 0;
    (void)fclose(file);
    return resident * sysconf(_SC_PAGESIZE);
}

static int64_t open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int64_t count = -3; /* ".", ".." and the folder itself */
    if (dir == NULL) return 0;
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count;
}

void weir_metrics_print_process(weir_buffer *to)
{
    struct rusage usage = {0};
    (void)getrusage(RUSAGE_SELF, &usage);
    int64_t cpu_us = ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                     usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    put(to, "process_cpu_seconds_total", "counter", "User and system CPU time of this process.");
    weir_buffer_printf(to, "%" PRId64 ".%06" PRId64 "\n", cpu_us / 1000000, cpu_us % 1000000);
    put(to, "process_resident_memory_bytes", "gauge", "Memory of this process that is resident.");
    weir_buffer_printf(to, "%" PRId64 "\n", resident_bytes());
    put(to, "process_open_fds", "gauge", "Open file descriptors.");
    weir_buffer_printf(to, "%" PRId64 "\n", open_descriptors());
    weir_buffer_printf(to,
                       "# HELP weir_build_info The version of this program, always 1.\n# TYPE "
                       "weir_build_info gauge\n"
                       "weir_build_info{version=\"%s\"} 1\n",
                       WEIR_VERSION);
}
