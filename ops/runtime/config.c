/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/runtime/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/config_internal.h"
#include "ops/runtime/file.h"
#include "ops/runtime/logger.h"
#include "ops/runtime/nearest.h"

#define KAFKA_PREFIX "kafka."
enum { KAFKA_PREFIX_LENGTH = sizeof KAFKA_PREFIX - 1 };

static const weir_setting_row rows[WEIR_SETTING_COUNT] = {
#define WEIR_SETTING(id, key, kind, initial, least, most, unit, help)                              \
    [WEIR_SETTING_##id] = {key, WEIR_KIND_##kind, initial, least, most, unit, help},
#include "schemas/config.def"
#undef WEIR_SETTING
};

/* Where a value came from, the weakest first: a stronger source wins, within one the later. */
typedef struct value {
    const char *text;   /* as it was written                 */
    const char *origin; /* where                             */
    int64_t number;     /* INT, BOOL, BYTES, DURATION, CHOICE */
    weir_config_rank rank;
} value;

typedef struct extra {
    const char *key;
    const char *text;
    weir_config_rank rank;
} extra;

struct weir_config {
    weir_arena arena;
    value values[WEIR_SETTING_COUNT];
    extra extras[WEIR_CONFIG_EXTRA_MAX];
    size_t extra_count;
};

weir_arena *weir_config_arena(weir_config *config) { return &config->arena; }

const weir_setting_row *weir_setting_row_of(weir_setting setting)
{
    WEIR_ASSERT((int)setting >= 0 && setting < WEIR_SETTING_COUNT);
    return &rows[setting];
}

/* ---- values of each kind ---- */

static bool parse_number(const char *text, int64_t *number_out)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    *number_out = number;
    return errno == 0 && end != text && *end == '\0' &&
           (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'));
}

static bool parse_bool(const char *text, int64_t *number_out)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (int i = 0; i < 8; i++) {
        if (strcmp(text, words[i]) != 0) continue;
        *number_out = i % 2;
        return true;
    }
    return false;
}

static bool parse_choice(const char *text, const char *choices, int64_t *index_out)
{
    size_t length = strlen(text);
    int64_t index = 0;
    for (const char *word = choices; word != NULL; index++) {
        const char *bar = strchr(word, '|');
        size_t size = bar == NULL ? strlen(word) : (size_t)(bar - word);
        if (size == length && memcmp(word, text, size) == 0) {
            *index_out = index;
            return true;
        }
        word = bar == NULL ? NULL : bar + 1;
    }
    return false;
}

/* Digits, then a unit of a table, "1min 30s"; each part is exact, the sum must fit. */
typedef struct unit {
    const char *name;
    int64_t factor;
} unit;

static bool parse_part(const char **text, const unit *units, int64_t *sum)
{
    const char *c = *text;
    int64_t number = 0;
    if (*c < '0' || *c > '9') return false;
    for (; *c >= '0' && *c <= '9'; c++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *c - '0', &number))
            return false;
    while (*c == ' ')
        c++;
    size_t length = strcspn(c, " 0123456789");
    for (; units->name != NULL; units++) {
        if (strlen(units->name) != length || memcmp(units->name, c, length) != 0) continue;
        if (__builtin_mul_overflow(number, units->factor, &number)) return false;
        if (__builtin_add_overflow(*sum, number, sum)) return false;
        *text = c + length;
        return true;
    }
    return false;
}

static bool parse_parts(const char *text, const unit *units, int64_t *sum_out)
{
    *sum_out = 0;
    do {
        while (*text == ' ')
            text++;
        if (!parse_part(&text, units, sum_out)) return false;
    } while (*text != '\0');
    return true;
}

bool weir_duration_parse(const char *text, int64_t *us_out)
{
    static const unit units[] = {{"us", 1},           {"ms", 1000},           {"s", 1000000},
                                 {"sec", 1000000},    {"m", 60000000},        {"min", 60000000},
                                 {"h", 3600000000},   {"hour", 3600000000},   {"hours", 3600000000},
                                 {"d", 86400000000},  {"day", 86400000000},   {"days", 86400000000},
                                 {"w", 604800000000}, {"week", 604800000000}, {NULL, 0}};
    if (strcmp(text, "forever") == 0) {
        *us_out = INT64_MAX;
        return true;
    }
    if (strcmp(text, "0") == 0) {
        *us_out = 0;
        return true;
    }
    return parse_parts(text, units, us_out);
}

bool weir_bytes_parse(const char *text, int64_t *bytes_out)
{
    static const unit units[] = {{"", 1},
                                 {"B", 1},
                                 {"kB", 1000},
                                 {"MB", 1000000},
                                 {"GB", 1000000000},
                                 {"TB", 1000000000000},
                                 {"KiB", 1 << 10},
                                 {"MiB", 1 << 20},
                                 {"GiB", 1 << 30},
                                 {"TiB", (int64_t)1 << 40},
                                 {NULL, 0}};
    return parse_parts(text, units, bytes_out);
}

/* What a value of the kind looks like, for messages. */
static const char *wanted(const weir_setting_row *row)
{
    switch (row->kind) {
    case WEIR_KIND_TEXT:
    case WEIR_KIND_PATH:
    case WEIR_KIND_SECRET: return "a text";
    case WEIR_KIND_INT: return "a whole number";
    case WEIR_KIND_BOOL: return "true or false";
    case WEIR_KIND_BYTES: return "a size such as 64MiB";
    case WEIR_KIND_DURATION:
        return row->most == INT64_MAX ? "a duration such as 10s, or forever"
                                      : "a duration such as 10s";
    case WEIR_KIND_CHOICE: return row->unit;
    }
    WEIR_UNREACHABLE();
}

static bool parse_value(const weir_setting_row *row, const char *text, int64_t *number_out)
{
    switch (row->kind) {
    case WEIR_KIND_TEXT:
    case WEIR_KIND_PATH:
    case WEIR_KIND_SECRET: *number_out = (int64_t)strlen(text); return true;
    case WEIR_KIND_INT: return parse_number(text, number_out);
    case WEIR_KIND_BOOL: return parse_bool(text, number_out);
    case WEIR_KIND_BYTES: return weir_bytes_parse(text, number_out);
    case WEIR_KIND_DURATION: return weir_duration_parse(text, number_out);
    case WEIR_KIND_CHOICE: return parse_choice(text, row->unit, number_out);
    }
    WEIR_UNREACHABLE();
}

static void print_bound(int64_t bound, weir_setting_kind kind, char *text, size_t size)
{
    static const unit times[] = {
        {"h", 3600000000}, {"min", 60000000}, {"s", 1000000}, {"ms", 1000}, {"us", 1}};
    static const unit sizes[] = {
        {"TiB", (int64_t)1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}};
    if (kind == WEIR_KIND_DURATION && bound == INT64_MAX) {
        (void)snprintf(text, size, "forever");
        return;
    }
    if ((kind == WEIR_KIND_DURATION || kind == WEIR_KIND_BYTES) && bound != 0) {
        const unit *units = kind == WEIR_KIND_BYTES ? sizes : times;
        while (bound % units->factor != 0)
            units++;
        (void)snprintf(text, size, "%" PRId64 "%s", bound / units->factor, units->name);
        return;
    }
    (void)snprintf(text, size, "%" PRId64, bound);
}

static weir_error *check_bounds(const weir_setting_row *row, const char *text, int64_t number)
{
    if (row->kind == WEIR_KIND_CHOICE || row->kind == WEIR_KIND_BOOL) return NULL;
    if (number >= row->least && number <= row->most) return NULL;
    if (row->kind <= WEIR_KIND_SECRET)
        return weir_error_new(WEIR_E_SETTINGS,
                              number < row->least ? "%s may not be empty" : "%s is too long",
                              row->key);
    char least[32], most[32];
    print_bound(row->least, row->kind, least, sizeof least);
    print_bound(row->most, row->kind, most, sizeof most);
    return weir_error_new(WEIR_E_SETTINGS, "%s is %s, wants %s to %s", row->key, text, least, most);
}

static weir_error *put(weir_config *config, weir_setting setting, const char *text,
                       weir_config_source source)
{
    const weir_setting_row *row = &rows[setting];
    value *to = &config->values[setting];
    int64_t number = 0;
    if (!parse_value(row, text, &number))
        return weir_error_new(WEIR_E_SETTINGS, "%s is `%s`, wants %s", row->key, text, wanted(row));
    WEIR_TRY(check_bounds(row, text, number));
    if (source.rank < to->rank) return NULL;
    *to = (value){
        .text = weir_arena_string(&config->arena, text, strlen(text)),
        .origin = weir_arena_string(&config->arena, source.origin, strlen(source.origin)),
        .number = number,
        .rank = source.rank,
    };
    return NULL;
}

static weir_error *put_kafka(weir_config *config, const char *key, const char *text,
                             weir_config_rank rank)
{
    size_t i = 0;
    while (i < config->extra_count && strcmp(config->extras[i].key, key) != 0)
        i++;
    if (i == WEIR_CONFIG_EXTRA_MAX)
        return weir_error_new(WEIR_E_SETTINGS, "more than %d kafka. settings",
                              WEIR_CONFIG_EXTRA_MAX);
    if (*key == '\0')
        return weir_error_new(WEIR_E_SETTINGS, "kafka. wants the name of a client property");
    if (i < config->extra_count && rank < config->extras[i].rank) return NULL;
    if (i == config->extra_count) config->extra_count++;
    config->extras[i] = (extra){
        .key = weir_arena_string(&config->arena, key, strlen(key)),
        .text = weir_arena_string(&config->arena, text, strlen(text)),
        .rank = rank,
    };
    return NULL;
}

static const char *nearest_key(const char *key)
{
    weir_nearest nearest = weir_nearest_of(key);
    for (size_t i = 0; i < WEIR_SETTING_COUNT; i++)
        weir_nearest_offer(&nearest, rows[i].key);
    return nearest.name;
}

static weir_error *unknown_key(const char *key)
{
    const char *nearest = nearest_key(key);
    if (nearest != NULL)
        return weir_error_new(WEIR_E_SETTINGS, "there is no setting `%s`; did you mean `%s`?", key,
                              nearest);
    return weir_error_new(WEIR_E_SETTINGS, "there is no setting `%s`; `weir settings` lists them",
                          key);
}

weir_error *weir_config_put(weir_config *config, const char *key, const char *text,
                            weir_config_source source)
{
    if (strncmp(key, KAFKA_PREFIX, KAFKA_PREFIX_LENGTH) == 0)
        return put_kafka(config, key + KAFKA_PREFIX_LENGTH, text, source.rank);
    for (size_t i = 0; i < WEIR_SETTING_COUNT; i++)
        if (strcmp(rows[i].key, key) == 0) return put(config, (weir_setting)i, text, source);
    return unknown_key(key);
}

/* ---- life ---- */

weir_config *weir_config_create(void)
{
    weir_config *config = calloc(1, sizeof *config);
    WEIR_ASSERT(config != NULL);
    for (size_t i = 0; i < WEIR_SETTING_COUNT; i++) {
        weir_error *error = put(config, (weir_setting)i, rows[i].initial,
                                (weir_config_source){WEIR_RANK_DEFAULT, "default"});
        WEIR_ASSERT(error == NULL); /* a default outside its own bounds is a bug in the table */
    }
    return config;
}

void weir_config_destroy(weir_config *config)
{
    if (config == NULL) return;
    weir_arena_deinit(&config->arena);
    free(config);
}

weir_error *weir_config_add_file(weir_config *config, const char *path)
{
    if (!weir_file_exists(path)) return NULL;
    weir_arena scratch = {0};
    weir_bytes text = {0};
    weir_error *error = weir_file_read(path, WEIR_CONFIG_FILE_MAX, &scratch, &text);
    if (error == NULL) error = weir_config_add_yaml(config, path, text.data, text.size);
    weir_arena_deinit(&scratch);
    return error;
}

/* WEIR_STATE_DIR is state_dir; WEIR_KAFKA_SASL_USERNAME is kafka.sasl.username. */
static char *key_of_variable(weir_arena *arena, const char *name, size_t length)
{
    char *key = weir_arena_string(arena, name, length);
    bool is_kafka = strncmp(key, "KAFKA_", 6) == 0;
    for (char *c = key; *c != '\0'; c++) {
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + 32);
        if (*c == '_' && is_kafka) *c = '.';
    }
    return key;
}

/*
 * A variable that is almost a setting is a slip, and is refused; one that is far from all of them is
 * somebody else's (WEIR_BIN of a script): that it sets nothing is told. The program's own tests
 * speak through WEIR_TEST_...
 */
static bool is_foreign(const char *name, const char *key)
{
    if (strncmp(name, "WEIR_TEST_", 10) == 0) return true;
    if (strncmp(key, KAFKA_PREFIX, KAFKA_PREFIX_LENGTH) == 0 || nearest_key(key) != NULL)
        return false;
    WEIR_LOG(WARN, "environment_ignored", WEIR_TEXT("name", name),
             WEIR_TEXT("reason", "there is no such setting; weir settings lists them"));
    return true;
}

weir_error *weir_config_add_environment(weir_config *config, const char *const *environment)
{
    for (; *environment != NULL; environment++) {
        const char *equals = strchr(*environment, '=');
        if (strncmp(*environment, "WEIR_", 5) != 0 || equals == NULL) continue;
        const char *name =
            weir_arena_string(&config->arena, *environment, (size_t)(equals - *environment));
        const char *key = key_of_variable(&config->arena, name + 5, strlen(name) - 5);
        if (is_foreign(name, key)) continue;
        weir_error *error = weir_config_put(config, key, equals + 1,
                                            (weir_config_source){WEIR_RANK_ENVIRONMENT, name});
        if (error != NULL) return weir_error_while(error, "environment variable %s", name);
    }
    return NULL;
}

weir_error *weir_config_add_assignment(weir_config *config, const char *assignment)
{
    const char *equals = strchr(assignment, '=');
    if (equals == NULL || equals == assignment)
        return weir_error_new(WEIR_E_USAGE, "--set wants key=value, not `%s`", assignment);
    const char *key = weir_arena_string(&config->arena, assignment, (size_t)(equals - assignment));
    weir_error *error = weir_config_put(config, key, equals + 1,
                                        (weir_config_source){WEIR_RANK_ASSIGNMENT, "--set"});
    return weir_error_while(error, "--set");
}

weir_error *weir_config_set(weir_config *config, weir_setting setting, const char *text,
                            const char *origin)
{
    weir_error *error =
        put(config, setting, text, (weir_config_source){WEIR_RANK_ASSIGNMENT, origin});
    return weir_error_while(error, "%s", origin);
}

/* ---- reading ---- */

const char *weir_config_text(const weir_config *config, weir_setting setting)
{
    weir_setting_kind kind = weir_setting_row_of(setting)->kind;
    WEIR_ASSERT(kind <= WEIR_KIND_SECRET || kind == WEIR_KIND_CHOICE);
    return config->values[setting].text;
}

int64_t weir_config_int(const weir_config *config, weir_setting setting)
{
    weir_setting_kind kind = weir_setting_row_of(setting)->kind;
    WEIR_ASSERT(kind == WEIR_KIND_INT || kind == WEIR_KIND_BYTES || kind == WEIR_KIND_DURATION);
    return config->values[setting].number;
}

bool weir_config_bool(const weir_config *config, weir_setting setting)
{
    WEIR_ASSERT(weir_setting_row_of(setting)->kind == WEIR_KIND_BOOL);
    return config->values[setting].number != 0;
}

size_t weir_config_choice(const weir_config *config, weir_setting setting)
{
    WEIR_ASSERT(weir_setting_row_of(setting)->kind == WEIR_KIND_CHOICE);
    return (size_t)config->values[setting].number;
}

const char *weir_config_written(const weir_config *config, weir_setting setting)
{
    const value *from = &config->values[setting];
    if (weir_setting_row_of(setting)->kind == WEIR_KIND_SECRET && from->text[0] != '\0')
        return "********";
    return from->text;
}

bool weir_config_is_default(const weir_config *config, weir_setting setting)
{
    return config->values[setting].rank == WEIR_RANK_DEFAULT;
}

const char *weir_config_origin(const weir_config *config, weir_setting setting)
{
    return config->values[setting].origin;
}

size_t weir_config_kafka_count(const weir_config *config) { return config->extra_count; }

void weir_config_kafka_at(const weir_config *config, size_t index, const char **key_out,
                          const char **value_out)
{
    WEIR_ASSERT(index < config->extra_count);
    *key_out = config->extras[index].key;
    *value_out = config->extras[index].text;
}

/* ---- documentation ---- */

const char *weir_setting_kind_name(weir_setting_kind kind)
{
    static const char *const names[] = {
        [WEIR_KIND_TEXT] = "text",         [WEIR_KIND_PATH] = "path",
        [WEIR_KIND_SECRET] = "secret",     [WEIR_KIND_INT] = "integer",
        [WEIR_KIND_BOOL] = "bool",         [WEIR_KIND_BYTES] = "bytes",
        [WEIR_KIND_DURATION] = "duration", [WEIR_KIND_CHOICE] = "choice"};
    WEIR_ASSERT((size_t)kind < sizeof names / sizeof *names);
    return names[kind];
}

static void print_bounds(const weir_setting_row *row, FILE *to)
{
    char least[32], most[32];
    if (row->kind == WEIR_KIND_CHOICE) {
        for (const char *c = row->unit; *c != '\0'; c++)
            (void)fputs(*c == '|' ? ", " : (char[]){*c, '\0'}, to);
        return;
    }
    if (row->kind <= WEIR_KIND_SECRET || row->kind == WEIR_KIND_BOOL) return;
    print_bound(row->least, row->kind, least, sizeof least);
    print_bound(row->most, row->kind, most, sizeof most);
    (void)fprintf(to, "%s to %s%s%s", least, most, row->unit[0] == '\0' ? "" : " ", row->unit);
}

void weir_config_print_reference(FILE *to)
{
    (void)fputs("# Settings\n\n"
                "Printed by `weir settings --reference` from `schemas/config.def`; do not edit.\n\n"
                "A value is taken from the first of `--set key=value`, the environment "
                "(`WEIR_KEY`), `weir.yaml`, the default. "
                "Keys that\nbegin with `kafka.` go to the Kafka client as they are "
                "(`kafka.security.protocol`; `WEIR_KAFKA_SECURITY_PROTOCOL`).\nDurations are "
                "written `250ms`, `10s`, "
                "`1min 30s`, `2h`, `7d`; sizes `64KiB`, `512MiB`, `10GB`.\nA key that is none is "
                "refused; of the environment's, those that are almost one: others are taken for "
                "somebody else's, and a log line tells.\n\n"
                "| key | kind | default | bounds | meaning |\n| --- | --- | --- | --- | --- |\n",
                to);
    for (size_t i = 0; i < WEIR_SETTING_COUNT; i++) {
        const weir_setting_row *row = &rows[i];
        const char *tick = row->initial[0] == '\0' ? "" : "`";
        (void)fprintf(to, "| `%s` | %s | %s%s%s | ", row->key, weir_setting_kind_name(row->kind),
                      tick, row->initial, tick);
        print_bounds(row, to);
        (void)fprintf(to, " | %s |\n", row->help);
    }
}
