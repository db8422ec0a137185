/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/runtime/assert.h"
#include "tests/sim/sim.h"

static const char schema_json[] =
    "{\"type\":\"record\",\"name\":\"Tx\",\"namespace\":\"sim\",\"fields\":["
    "{\"name\":\"ts\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}},"
    "{\"name\":\"tx_id\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"card\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"merchant\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"amount\",\"type\":\"double\"},"
    "{\"name\":\"units\",\"type\":\"long\"}]}";

/* Two hops, values carried into rows, strings that point into states, windows short and for ever,
 * duplicates, late events, sums that overflow. The first two columns of v are computed once more,
 * by hand, in check.c. */
static const char definitions[] =
    "package sim\n"
    "stream tx from kafka(\"src.tx\") avro(\"sim.Tx\") {\n"
    "  time ts  id tx_id  observed by card, merchant  late 2m  future 5m  expect amount >= 0.0\n"
    "}\n"
    "stream back from kafka(\"src.back\") avro(\"sim.Tx\") { time ts  id tx_id  observed by "
    "merchant, card  late 2m }\n"
    "features cv per card from tx {\n"
    "  ever = count() over ever\n"
    "  units = sum(units) over ever\n"
    "  n = count() over 1m, 1h\n"
    "  s = sum(amount) over 10m\n"
    "  shop = last(merchant) over ever\n"
    "}\n"
    "features mv per merchant from tx {\n"
    "  n = count() over 1m\n"
    "  m = max(amount) over last 5\n"
    "  cards = distinct(card) over 10m\n"
    "}\n"
    "features both per card from tx join back {\n"
    "  n = count() over 10m\n"
    "}\n"
    "vector v on tx { cv.*  mv.*  both.*  this.amount }\n"
    "vector w on back { mv.n  both.* }\n"
    "score sc on tx using model \"none\" {\n"
    "  input v\n"
    "  to kafka(\"sim.scores\")\n"
    "  decide { stop when score >= 0.5  else go }\n"
    "  fallback if mv.n[1m] > 2 then 0.9 else 0.1\n"
    "}\n"
    "score sb on back using model \"none\" { input w  to kafka(\"sim.scores\")  fallback 0.5 }\n";

static weir_error *load_schema(void *context, const char *full_name, const weir_schema **schema_out)
{
    const sim_setup *setup = context;
    (void)full_name;
    *schema_out = setup->schema;
    return NULL;
}

static weir_error *writer(void *context, const char *topic, int32_t id,
                          const weir_schema **schema_out)
{
    const sim_setup *setup = context;
    (void)topic;
    *schema_out = id == 1 ? setup->schema : NULL;
    return NULL;
}

static weir_error *output_id(void *context, const char *topic, const char *schema_json_unused,
                             int32_t *id_out)
{
    (void)context, (void)topic, (void)schema_json_unused;
    *id_out = 77;
    return NULL;
}

weir_error *sim_setup_init(sim_setup *setup)
{
    *setup = (sim_setup){0};
    WEIR_TRY(weir_schema_parse(schema_json, sizeof schema_json - 1, "Tx.avsc", &setup->arena,
                               &setup->schema));
    weir_source_text text = {"sim.weir", definitions, sizeof definitions - 1};
    weir_lang_host host = {setup, load_schema, NULL};
    setup->compilation = weir_lang_compile(&text, 1, &host);
    if (setup->compilation->plan == NULL) {
        weir_buffer out = {0};
        for (size_t i = 0; i < setup->compilation->diagnostic_count; i++)
            weir_diagnostic_print(&setup->compilation->diagnostics[i], &text, false, &out);
        weir_error *error =
            weir_error_new(WEIR_E_DEFINITION, "%.*s", (int)out.size, (const char *)out.data);
        weir_buffer_deinit(&out);
        return error;
    }
    setup->plan = setup->compilation->plan;
    setup->schemas = (weir_schema_source){setup, writer, output_id};
    return weir_topics_create(setup->plan, &setup->topics);
}

void sim_setup_deinit(sim_setup *setup)
{
    weir_topics_destroy(setup->topics);
    if (setup->compilation != NULL) weir_compilation_destroy(setup->compilation);
    weir_arena_deinit(&setup->arena);
}
