/* SPDX-License-Identifier: Apache-2.0 */
/* weir model show|run: what a model file holds, and its answers for the rows of a file. */
#include <math.h>
#include <string.h>

#include "ops/cli/cli.h"
#include "ops/cli/model_rows.h"
#include "ops/cli/project.h"
#include "ops/cli/settings.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/digest.h"
#include "ops/runtime/file.h"
#include "ops/runtime/json.h"
#include "schemas/decimal.h"

enum { BATCH_ROWS = 512, NUMBER_BYTES = 40 };

static const weir_option options[] = {
    {"input", 0, "FILE", "the rows: .csv, .tsv, .jsonl, .parquet or .avro", false},
    {"take", 0, "NAME", "print this output only", true},
    {"reasons", 0, "N", "add the N input columns that moved the raw score most", false},
    {"raw", 0, NULL, "print raw scores (margins) of XGBoost and LightGBM files", false},
    {"numerics", 0, "PROFILE",
     "exact, onednn, which serves if it passes its probe, or int8 (else the setting numerics)",
     false},
    {"no-header", 0, NULL, "the first line of a CSV file is data", false},
    {0},
};

/* --- loading
 * ---------------------------------------------------------------------------------------- */

/* --numerics, else the setting, which is what the stream computes with. */
static weir_error *model_options(const weir_cli *cli, const weir_config *config,
                                 weir_model_options *out)
{
    static const char *const names[] = {"exact", "onednn", "int8"};
    enum { PROFILES = sizeof names / sizeof *names };
    const char *asked = weir_cli_option(cli, "numerics");
    size_t profile = weir_config_choice(config, WEIR_SETTING_NUMERICS);
    if (asked != NULL) {
        for (profile = 0; profile < PROFILES && strcmp(names[profile], asked) != 0;)
            profile++;
    }
    if (profile == PROFILES)
        return weir_error_new(WEIR_E_USAGE, "--numerics is exact, onednn or int8, not '%s'", asked);
    *out =
        (weir_model_options){.raw = weir_cli_flag(cli, "raw"), .numerics = (weir_numerics)profile};
    return NULL;
}

/* A path, or the name of a model of the project. Where there is no folder of models, it must have
 * been meant as a path. */
static weir_error *load_by(weir_cli *cli, const weir_config *config, const char *name,
                           weir_model **model_out)
{
    weir_model_options wanted;
    WEIR_TRY(model_options(cli, config, &wanted));
    const char *path = weir_cli_path(cli, name);
    if (weir_file_exists(path) || strchr(name, '/') != NULL) {
        weir_bytes bytes;
        WEIR_TRY(weir_file_read(path, WEIR_MODEL_BYTES_MAX, &cli->arena, &bytes));
        return weir_model_load(name, bytes, &wanted, model_out);
    }
    const char *folder = weir_config_text(config, WEIR_SETTING_MODELS_DIR);
    if (weir_dir_exists(folder)) return weir_project_model(folder, name, &wanted, model_out);
    return weir_error_new(WEIR_E_NO_INPUT, "there is no file %s, and no folder %s/ of models", name,
                          folder);
}

static weir_error *load(weir_cli *cli, const char *name, weir_model **model_out)
{
    weir_config *config = NULL;
    WEIR_TRY(weir_cli_settings(cli, &config));
    weir_error *error = load_by(cli, config, name, model_out);
    weir_config_destroy(config);
    return error;
}

/* --- show
 * ------------------------------------------------------------------------------------------- */

static const char *kind_name(weir_tensor_kind kind)
{
    static const char *const names[] = {"float32", "float64", "int64", "int32", "bool", "string"};
    return names[kind];
}

static void show_ports(const char *title, const weir_model_port *ports, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)printf("%-12s %s: %s[%u]%s\n", i == 0 ? title : "", ports[i].name,
                     kind_name(ports[i].kind), ports[i].width,
                     ports[i].accepts_missing ? ", NaN is a missing value" : "");
        for (uint32_t c = 0; ports[i].column_names != NULL && c < ports[i].width; c++)
            (void)printf("%-12s   %u %s\n", "", c, ports[i].column_names[c]);
    }
}

static void show_text(const weir_model_info *info)
{
    char digest[2 * WEIR_SHA256_BYTES + 1];
    weir_sha256_print(info->digest, digest);
    (void)printf("%-12s %s\n", "format", info->format);
    (void)printf("%-12s %s\n", "producer", info->producer);
    show_ports("inputs", info->inputs, info->input_count);
    show_ports("outputs", info->outputs, info->output_count);
    for (size_t i = 0; i < info->op_count; i++)
        (void)printf("%-12s %s x %u\n", i == 0 ? "ops" : "", info->ops[i], info->op_counts[i]);
    (void)printf("%-12s %llu\n", "parameters", (unsigned long long)info->parameter_count);
    (void)printf("%-12s %zu\n", "bytes", info->file_bytes);
    (void)printf("%-12s sha256:%.64s\n", "digest", digest);
    (void)printf("%-12s %s\n", "profile", info->profile);
    (void)printf("%-12s %s\n", "verdict", info->verdict);
    (void)printf("%-12s %s[%zu]%s\n", "score", info->outputs[info->score_output].name,
                 info->score_column, info->is_classifier ? ", the positive class" : "");
}

static void json_text(weir_json_writer *json, const char *key, const char *text)
{
    weir_json_write_key(json, key);
    weir_json_write_text(json, text);
}

static void json_int(weir_json_writer *json, const char *key, uint64_t value)
{
    weir_json_write_key(json, key);
    weir_json_write_int(json, (int64_t)value);
}

static void json_ports(weir_json_writer *json, const char *key, const weir_model_port *ports,
                       size_t count, bool is_input)
{
    weir_json_write_key(json, key);
    weir_json_write_begin(json, '[');
    for (size_t i = 0; i < count; i++) {
        weir_json_write_begin(json, '{');
        json_text(json, "name", ports[i].name);
        json_text(json, "type", kind_name(ports[i].kind));
        json_int(json, "width", ports[i].width);
        if (is_input) {
            weir_json_write_key(json, "accepts_missing");
            weir_json_write_bool(json, ports[i].accepts_missing);
        }
        if (ports[i].column_names != NULL) {
            weir_json_write_key(json, "columns");
            weir_json_write_begin(json, '[');
            for (uint32_t c = 0; c < ports[i].width; c++)
                weir_json_write_text(json, ports[i].column_names[c]);
            weir_json_write_end(json, ']');
        }
        weir_json_write_end(json, '}');
    }
    weir_json_write_end(json, ']');
}

static void show_json(const weir_model_info *info, bool is_line)
{
    char digest[2 * WEIR_SHA256_BYTES + 1];
    weir_sha256_print(info->digest, digest);
    digest[2 * WEIR_SHA256_BYTES] = 0;
    weir_buffer out = {0};
    weir_json_writer json = {.out = &out, .pretty = !is_line};
    weir_json_write_begin(&json, '{');
    json_text(&json, "format", info->format);
    json_text(&json, "producer", info->producer);
    json_ports(&json, "inputs", info->inputs, info->input_count, true);
    json_ports(&json, "outputs", info->outputs, info->output_count, false);
    weir_json_write_key(&json, "ops");
    weir_json_write_begin(&json, '{');
    for (size_t i = 0; i < info->op_count; i++)
        json_int(&json, info->ops[i], info->op_counts[i]);
    weir_json_write_end(&json, '}');
    json_int(&json, "parameters", info->parameter_count);
    json_int(&json, "bytes", info->file_bytes);
    json_text(&json, "sha256", digest);
    json_text(&json, "profile", info->profile);
    json_text(&json, "verdict", info->verdict);
    weir_json_write_key(&json, "score");
    weir_json_write_begin(&json, '{');
    json_text(&json, "output", info->outputs[info->score_output].name);
    json_int(&json, "column", info->score_column);
    weir_json_write_key(&json, "is_classifier");
    weir_json_write_bool(&json, info->is_classifier);
    weir_json_write_end(&json, '}');
    weir_json_write_end(&json, '}');
    (void)fwrite(out.data, 1, out.size, stdout);
    (void)fputc('\n', stdout);
    weir_buffer_deinit(&out);
}

/* --- run
 * -------------------------------------------------------------------------------------------- */

typedef struct reason {
    size_t column;
    double contribution;
} reason;

typedef struct printer {
    weir_cli *cli;
    const weir_model *model;
    const weir_model_info *info;
    bool *is_taken; /* per output */
    size_t reasons, columns;
    const char **column_names;
    double *contributions;
    reason *best;
    weir_model_workspace *explaining;
    weir_model_tensor *row_inputs; /* one row's */
    weir_buffer out;
    weir_json_writer json;
} printer;

/* A number so that it reads back equal; NaN and infinities have names in CSV and are null in JSON.
 */
static size_t print_number(const weir_model_tensor *tensor, size_t at, bool is_json, char *out)
{
    double value = 0;
    size_t n = 0;
    switch (tensor->kind) {
    case WEIR_TENSOR_FLOAT32: value = (double)((const float *)tensor->data)[at]; break;
    case WEIR_TENSOR_FLOAT64: value = ((const double *)tensor->data)[at]; break;
    case WEIR_TENSOR_INT64:
        n = (size_t)snprintf(out, NUMBER_BYTES, "%lld",
                             (long long)((const int64_t *)tensor->data)[at]);
        break;
    case WEIR_TENSOR_INT32:
        n = (size_t)snprintf(out, NUMBER_BYTES, "%d", ((const int32_t *)tensor->data)[at]);
        break;
    default:
        n = (size_t)snprintf(out, NUMBER_BYTES, "%s",
                             ((const uint8_t *)tensor->data)[at] ? "true" : "false");
        break;
    }
    if (n > 0) return n;
    if (!isfinite(value))
        return (size_t)snprintf(out, NUMBER_BYTES, "%s",
                                is_json          ? "null"
                                : value != value ? "NaN"
                                : value > 0      ? "Infinity"
                                                 : "-Infinity");
    return tensor->kind == WEIR_TENSOR_FLOAT32 ? weir_float_print((float)value, out)
                                               : weir_double_print(value, out);
}

static void csv_text(weir_buffer *out, const char *text, size_t size)
{
    bool quoted = false;
    for (size_t i = 0; i < size; i++)
        quoted |= text[i] == ',' || text[i] == '"' || text[i] == '\n' || text[i] == '\r';
    if (!quoted) {
        weir_buffer_put(out, text, size);
        return;
    }
    weir_buffer_put_u8(out, '"');
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"') weir_buffer_put_u8(out, '"');
        weir_buffer_put_u8(out, (uint8_t)text[i]);
    }
    weir_buffer_put_u8(out, '"');
}

static void csv_header(printer *p)
{
    bool first = true;
    for (size_t i = 0; i < p->info->output_count; i++) {
        const weir_model_port *port = &p->info->outputs[i];
        for (uint32_t c = 0; p->is_taken[i] && c < port->width; c++) {
            if (!first) weir_buffer_put_u8(&p->out, ',');
            first = false;
            const char *name = port->width == 1
                                   ? port->name
                                   : weir_arena_printf(&p->cli->arena, "%s[%u]", port->name, c);
            csv_text(&p->out, name, strlen(name));
        }
    }
    for (size_t r = 0; r < p->reasons; r++)
        weir_buffer_printf(&p->out, ",reason_%zu,contribution_%zu", r + 1, r + 1);
    if (p->reasons > 0) weir_buffer_put_text(&p->out, ",bias");
    weir_buffer_put_u8(&p->out, '\n');
}

static void put_double(weir_buffer *out, double value)
{
    char text[NUMBER_BYTES];
    weir_buffer_put(out, text, weir_double_print(value, text));
}

static void csv_row(printer *p, const weir_model_tensor *outputs, size_t row)
{
    bool first = true;
    char text[NUMBER_BYTES];
    for (size_t i = 0; i < p->info->output_count; i++)
        for (uint32_t c = 0; p->is_taken[i] && c < outputs[i].width; c++) {
            size_t at = row * outputs[i].width + c;
            if (!first) weir_buffer_put_u8(&p->out, ',');
            first = false;
            if (outputs[i].kind == WEIR_TENSOR_STRING) {
                weir_bytes value = ((const weir_bytes *)outputs[i].data)[at];
                csv_text(&p->out, (const char *)value.data, value.size);
            } else {
                weir_buffer_put(&p->out, text, print_number(&outputs[i], at, false, text));
            }
        }
    for (size_t r = 0; r < p->reasons; r++) {
        weir_buffer_put_u8(&p->out, ',');
        const char *name = p->column_names[p->best[r].column];
        csv_text(&p->out, name, strlen(name));
        weir_buffer_put_u8(&p->out, ',');
        put_double(&p->out, p->best[r].contribution);
    }
    if (p->reasons > 0) {
        weir_buffer_put_u8(&p->out, ',');
        put_double(&p->out, p->contributions[p->columns]);
    }
    weir_buffer_put_u8(&p->out, '\n');
}

static void json_value(printer *p, const weir_model_tensor *output, size_t at)
{
    char text[NUMBER_BYTES];
    if (output->kind == WEIR_TENSOR_STRING) {
        weir_bytes value = ((const weir_bytes *)output->data)[at];
        weir_json_write_string(&p->json, value.data, value.size);
        return;
    }
    weir_json_write_raw(&p->json, text, print_number(output, at, true, text));
}

static void json_reasons(printer *p)
{
    weir_json_write_key(&p->json, "reasons");
    weir_json_write_begin(&p->json, '[');
    for (size_t r = 0; r < p->reasons; r++) {
        weir_json_write_begin(&p->json, '{');
        json_text(&p->json, "input", p->column_names[p->best[r].column]);
        weir_json_write_key(&p->json, "contribution");
        weir_json_write_double(&p->json, p->best[r].contribution);
        weir_json_write_end(&p->json, '}');
    }
    weir_json_write_end(&p->json, ']');
    weir_json_write_key(&p->json, "bias");
    weir_json_write_double(&p->json, p->contributions[p->columns]);
}

static void json_row(printer *p, const weir_model_tensor *outputs, size_t row)
{
    weir_json_write_begin(&p->json, '{');
    for (size_t i = 0; i < p->info->output_count; i++) {
        if (!p->is_taken[i]) continue;
        weir_json_write_key(&p->json, p->info->outputs[i].name);
        if (outputs[i].width == 1) {
            json_value(p, &outputs[i], row);
            continue;
        }
        weir_json_write_begin(&p->json, '[');
        for (uint32_t c = 0; c < outputs[i].width; c++)
            json_value(p, &outputs[i], row * outputs[i].width + c);
        weir_json_write_end(&p->json, ']');
    }
    if (p->reasons > 0) json_reasons(p);
    weir_json_write_end(&p->json, '}');
    if (p->cli->format == WEIR_FORMAT_JSONL) {
        weir_buffer_put_u8(&p->out, '\n');
        p->json.needs_comma = false;
    }
}

/* --- reasons
 * ---------------------------------------------------------------------------------------- */

/* The greatest contributions by size; of equal ones the earlier column. */
static void pick_reasons(printer *p)
{
    size_t found = 0;
    for (size_t c = 0; c < p->columns; c++) {
        size_t at = found < p->reasons ? found : p->reasons;
        while (at > 0 && fabs(p->contributions[c]) > fabs(p->best[at - 1].contribution))
            at--;
        if (at >= p->reasons) continue;
        size_t end = found < p->reasons ? found++ : p->reasons - 1;
        memmove(&p->best[at + 1], &p->best[at], (end - at) * sizeof(reason));
        p->best[at] = (reason){c, p->contributions[c]};
    }
}

static weir_error *find_reasons(printer *p, const weir_model_tensor *inputs, size_t row)
{
    static const size_t sizes[] = {4, 8, 8, 4, 1, sizeof(weir_bytes)};
    weir_model_tensor *rows = p->row_inputs;
    for (size_t i = 0; i < p->info->input_count; i++) {
        rows[i] = inputs[i];
        rows[i].data = (const char *)inputs[i].data + row * inputs[i].width * sizes[inputs[i].kind];
    }
    bool supported;
    WEIR_TRY(weir_model_explain(p->model, p->explaining, rows, p->contributions, &supported));
    if (!supported)
        return weir_error_new(
            WEIR_E_MODEL,
            "this model has no exact contributions: --reasons works for trees and linear models");
    pick_reasons(p);
    return NULL;
}

static weir_error *prepare_reasons(printer *p)
{
    int64_t wanted = 0;
    WEIR_TRY(weir_cli_int(p->cli, "reasons", 0, 1 << 20, &wanted));
    p->columns = weir_model_column_count(p->info);
    p->reasons = (size_t)wanted < p->columns ? (size_t)wanted : p->columns;
    if (p->reasons == 0) return NULL;
    p->contributions = weir_arena_array(&p->cli->arena, double, p->columns + 1);
    p->best = weir_arena_array(&p->cli->arena, reason, p->reasons + 1);
    p->column_names = weir_arena_array(&p->cli->arena, const char *, p->columns);
    for (size_t c = 0; c < p->columns; c++)
        p->column_names[c] = weir_model_column_name(p->info, c, &p->cli->arena);
    p->row_inputs = weir_arena_array(&p->cli->arena, weir_model_tensor, p->info->input_count + 1);
    p->explaining = weir_model_workspace_create(p->model, 1);
    return NULL;
}

/* --- the whole
 * -------------------------------------------------------------------------------------- */

static weir_error *choose_outputs(printer *p)
{
    p->is_taken = weir_arena_array(&p->cli->arena, bool, p->info->output_count + 1);
    bool all = weir_cli_option(p->cli, "take") == NULL;
    for (size_t i = 0; i < p->info->output_count; i++)
        p->is_taken[i] = all;
    const char *name;
    for (size_t n = 0; (name = weir_cli_option_at(p->cli, "take", n)) != NULL; n++) {
        bool found = false;
        for (size_t i = 0; i < p->info->output_count; i++)
            if (strcmp(p->info->outputs[i].name, name) == 0) p->is_taken[i] = found = true;
        if (!found)
            return weir_error_new(WEIR_E_USAGE, "the model has no output '%s'; its first is '%s'",
                                  name, p->info->outputs[0].name);
    }
    return NULL;
}

static weir_error *flush(printer *p)
{
    size_t written = p->out.size == 0 ? 0 : fwrite(p->out.data, 1, p->out.size, stdout);
    bool good = written == p->out.size;
    weir_buffer_clear(&p->out);
    return good ? NULL : weir_error_new(WEIR_E_IO, "can not write to stdout");
}

static weir_error *print_batches(printer *p, weir_model_rows *rows, weir_model_workspace *workspace)
{
    bool is_csv = p->cli->format != WEIR_FORMAT_JSON && p->cli->format != WEIR_FORMAT_JSONL;
    weir_model_tensor *outputs =
        weir_arena_array(&p->cli->arena, weir_model_tensor, p->info->output_count + 1);
    if (is_csv) csv_header(p);
    if (p->cli->format == WEIR_FORMAT_JSON) weir_json_write_begin(&p->json, '[');
    for (;;) {
        const weir_model_tensor *inputs;
        size_t count;
        WEIR_TRY(weir_model_rows_next(rows, &inputs, &count));
        if (count == 0) break;
        WEIR_TRY(weir_model_run(p->model, workspace, inputs, count, outputs));
        for (size_t row = 0; row < count; row++) {
            if (p->reasons > 0) WEIR_TRY(find_reasons(p, inputs, row));
            if (is_csv)
                csv_row(p, outputs, row);
            else
                json_row(p, outputs, row);
        }
        WEIR_TRY(flush(p));
    }
    if (p->cli->format == WEIR_FORMAT_JSON) {
        weir_json_write_end(&p->json, ']');
        weir_buffer_put_u8(&p->out, '\n');
    }
    return flush(p);
}

/* Fewer rows at once where rows are very wide. */
static size_t batch_rows(const weir_model_info *info)
{
    size_t width = weir_model_column_count(info) + 1;
    for (size_t i = 0; i < info->output_count; i++)
        width += info->outputs[i].width;
    size_t rows = ((size_t)1 << 23) / width;
    return rows < 1 ? 1 : rows > BATCH_ROWS ? BATCH_ROWS : rows;
}

static weir_error *run_rows(weir_cli *cli, const weir_model *model)
{
    const char *path = weir_cli_option(cli, "input");
    if (path == NULL) return weir_error_new(WEIR_E_USAGE, "name the file of rows: --input FILE");
    if (strcmp(path, "-") != 0) path = weir_cli_path(cli, path);
    printer p = {.cli = cli, .model = model, .info = weir_model_describe(model)};
    p.json.out = &p.out;
    WEIR_TRY(choose_outputs(&p));
    WEIR_TRY(prepare_reasons(&p));
    weir_rows_options row_options = {.no_header = weir_cli_flag(cli, "no-header")};
    weir_model_rows *rows = NULL;
    weir_model_workspace *workspace = weir_model_workspace_create(model, batch_rows(p.info));
    weir_error *error = weir_model_rows_open(p.info, path, &row_options, batch_rows(p.info), &rows);
    if (error == NULL) error = print_batches(&p, rows, workspace);
    weir_model_rows_close(rows);
    weir_model_workspace_destroy(workspace);
    weir_model_workspace_destroy(p.explaining);
    weir_buffer_deinit(&p.out);
    return error;
}

static weir_error *run(weir_cli *cli)
{
    const char *verb = cli->arguments[0];
    bool shows = strcmp(verb, "show") == 0;
    if (!shows && strcmp(verb, "run") != 0)
        return weir_error_new(WEIR_E_USAGE, "weir model knows show and run, not '%s'", verb);
    if (shows && cli->format == WEIR_FORMAT_CSV)
        return weir_error_new(WEIR_E_USAGE,
                              "weir model show can not print csv; it can print text, json, jsonl");
    weir_model *model = NULL;
    WEIR_TRY(load(cli, cli->arguments[1], &model));
    weir_error *error = NULL;
    if (!shows)
        error = run_rows(cli, model);
    else if (cli->format == WEIR_FORMAT_JSON || cli->format == WEIR_FORMAT_JSONL)
        show_json(weir_model_describe(model), cli->format == WEIR_FORMAT_JSONL);
    else
        show_text(weir_model_describe(model));
    weir_model_destroy(model);
    return error;
}

const weir_command weir_command_model = {
    .name = "model",
    .group = WEIR_GROUP_DEFINITIONS,
    .summary = "Show what a model file holds, or run it on the rows of a file",
    .arguments = "show|run MODEL",
    .help = "MODEL is a file (ONNX, XGBoost JSON or UBJSON, LightGBM text) or the name of one in "
            "models/.\n\n"
            "`run` prints the outputs for each row of --input, floats so that they read back "
            "equal; an output "
            "that is wider than one column is printed as name[0], name[1], ... Columns of the file "
            "are found by "
            "the model's names if they are all there (in JSON Lines some, an absent one is null), "
            "else by position. For people, too, rows are CSV.",
    .options = options,
    .formats = WEIR_FORMAT_TEXT | WEIR_FORMAT_CSV | WEIR_FORMAT_JSON | WEIR_FORMAT_JSONL,
    .arguments_min = 2,
    .arguments_max = 2,
    .run = run,
};
