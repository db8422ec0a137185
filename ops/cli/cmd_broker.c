/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ingest/mock.h"
#include "ops/cli/cli.h"
#include "ops/runtime/file.h"
#include "ops/runtime/signal.h"

static const weir_option options[] = {
    {"brokers", 0, "N", "brokers of the cluster (default 1)", false},
    {"topic", 0, "NAME:PARTITIONS", "make a topic at once; others have 4 partitions", true},
    {"address-file", 0, "FILE", "write the address into FILE, too, once it can be used", false},
    {0},
};

static weir_error *topics_make(const weir_cli *cli, weir_mock *mock)
{
    for (size_t i = 0; weir_cli_option_at(cli, "topic", i) != NULL; i++) {
        char name[300];
        (void)snprintf(name, sizeof name, "%s", weir_cli_option_at(cli, "topic", i));
        char *colon = strrchr(name, ':'), *end = NULL;
        long partitions = colon == NULL ? WEIR_MOCK_PARTITIONS : strtol(colon + 1, &end, 10);
        if (partitions < 1 || partitions > 1000 || (end != NULL && *end != 0)) {
            return weir_error_new(WEIR_E_USAGE, "--topic %s: write NAME or NAME:PARTITIONS", name);
        }
        if (colon != NULL) *colon = 0;
        WEIR_TRY(weir_mock_topic(mock, name, (int)partitions));
    }
    return NULL;
}

static weir_error *announce(weir_cli *cli, const weir_mock *mock)
{
    const char *address = weir_mock_brokers(mock);
    if (printf("%s\n", address) < 0 || fflush(stdout) != 0)
        return weir_error_of_errno(errno, "writing the address to", "standard output");
    const char *path = weir_cli_option(cli, "address-file");
    return path == NULL ? NULL
                        : weir_file_write(weir_cli_path(cli, path), address, strlen(address));
}

static weir_error *run(weir_cli *cli)
{
    int64_t brokers = 1;
    WEIR_TRY(weir_cli_int(cli, "brokers", 1, 16, &brokers));
    weir_mock *mock = NULL;
    WEIR_TRY(weir_mock_start((int)brokers, &mock));
    weir_error *error = topics_make(cli, mock);
    if (error == NULL) error = announce(cli, mock);
    if (error == NULL)
        weir_cli_note(cli, "the embedded broker keeps everything in memory; Ctrl-C ends it");
    while (error == NULL && !weir_stop_requested())
        usleep(20000);
    weir_mock_stop(mock);
    return error;
}

const weir_command weir_command_broker = {
    .name = "broker",
    .group = WEIR_GROUP_STREAM,
    .summary = "Run an embedded broker, for trying things out",
    .arguments = "",
    .help = "Speaks Kafka's protocol on a free port of 127.0.0.1 and prints its address. "
            "Everything is in "
            "memory and bounded:\n"
            "5 MiB a partition, older records are dropped. For real use take Apache Kafka.",
    .options = options,
    .is_long_running = true,
    .run = run,
};
