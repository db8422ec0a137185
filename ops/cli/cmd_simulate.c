/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "ingest/simulator.h"
#include "ops/cli/cli.h"
#include "ops/runtime/json.h"
#include "ops/runtime/signal.h"
#include "schemas/decimal.h"
#include "schemas/time.h"

static const weir_option options[] = {
    {"events", 'n', "N", "how many events (10000)", false},
    {"seed", 0, "N", "the same seed gives the same events (1)", false},
    {"cards", 0, "N", "how many cards (500)", false},
    {"merchants", 0, "N", "how many merchants (200)", false},
    {"stream", 0, "NAME",
     "wrap each event as {\"stream\":NAME,\"value\":...}, as weir eval wants it", false},
    {0},
};

static void write_event(weir_json_writer *writer, const weir_simulated *event)
{
    static const char *const statuses[] = {"approved", "declined", "reversed"};
    char text[64];
    weir_json_write_begin(writer, '{');
    weir_json_write_key(writer, "tx_id");
    weir_json_write_int(writer, (int64_t)event->id);
    weir_json_write_key(writer, "ts");
    weir_json_write_string(writer, text, weir_time_print(event->time_us, text));
    weir_json_write_key(writer, "card");
    weir_json_write_string(writer, text, (size_t)snprintf(text, sizeof text, "c%04u", event->card));
    weir_json_write_key(writer, "merchant");
    weir_json_write_string(writer, text,
                           (size_t)snprintf(text, sizeof text, "m%03u", event->merchant));
    weir_json_write_key(writer, "amount");
    weir_json_write_string(writer, text, weir_decimal_print(event->amount_cents, 2, text));
    weir_json_write_key(writer, "mcc");
    weir_json_write_int(writer, event->category);
    weir_json_write_key(writer, "country");
    weir_json_write_int(writer, event->country);
    weir_json_write_key(writer, "status");
    weir_json_write_text(writer, statuses[event->status]);
    weir_json_write_key(writer, "fraud");
    weir_json_write_int(writer, event->fraud);
    weir_json_write_end(writer, '}');
}

static void write_line(weir_buffer *line, const char *stream, const weir_simulated *event)
{
    weir_json_writer writer = {.out = line};
    weir_buffer_clear(line);
    if (stream != NULL) {
        weir_json_write_begin(&writer, '{');
        weir_json_write_key(&writer, "stream");
        weir_json_write_text(&writer, stream);
        weir_json_write_key(&writer, "value");
    }
    write_event(&writer, event);
    if (stream != NULL) weir_json_write_end(&writer, '}');
    weir_buffer_put_u8(line, '\n');
}

static weir_error *run(weir_cli *cli)
{
    int64_t events = 10000, seed = 1, cards = 500, merchants = 200;
    WEIR_TRY(weir_cli_int(cli, "events", 0, INT64_MAX, &events));
    WEIR_TRY(weir_cli_int(cli, "seed", 0, INT64_MAX, &seed));
    WEIR_TRY(weir_cli_int(cli, "cards", 12, 10000000, &cards));
    WEIR_TRY(weir_cli_int(cli, "merchants", 1, 10000000, &merchants));
    weir_simulator_options simulation = {
        .seed = (uint64_t)seed, .cards = (uint32_t)cards, .merchants = (uint32_t)merchants};
    weir_simulator *simulator = weir_simulator_create(&simulation);
    weir_buffer line = {0};
    for (int64_t i = 0; i < events && !weir_stop_requested() && !ferror(stdout); i++) {
        weir_simulated event;
        weir_simulator_next(simulator, &event);
        write_line(&line, weir_cli_option(cli, "stream"), &event);
        (void)fwrite(line.data, 1, line.size, stdout);
    }
    weir_buffer_deinit(&line);
    weir_simulator_destroy(simulator);
    return NULL;
}

const weir_command weir_command_simulate = {
    .name = "simulate",
    .group = WEIR_GROUP_PROJECT,
    .summary = "Print simulated card transactions with planted fraud, as JSON Lines",
    .arguments = "",
    .help = "The events fit the stream `tx` of the project that `weir init` makes:\n"
            "weir simulate -n 50000 | weir produce --stream tx -\n"
            "Three kinds of fraud are planted: stolen cards, skimmed merchants, rings. The same "
            "options give the same events.",
    .options = options,
    .is_long_running = true,
    .run = run,
};
