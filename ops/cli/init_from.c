/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/init_from.h"

#include <stdio.h>
#include <string.h>

#include "compute/lang/lang.h"
#include "ops/cli/guess.h"

enum { NUMBERS_MAX = 3 };

/* Columns that were chosen for a role, by index; -1: none. */
typedef struct roles {
    long time, id, key;
    long numbers[NUMBERS_MAX];
    size_t number_count;
} roles;

typedef struct draft {
    weir_cli *cli;
    const char *file;
    weir_guess guess;
    roles roles;
    const char *stream, *package;
} draft;

/* Words of the language. */
static bool is_taken(const char *name)
{
    static const char *const words[] = {
        "and",       "or",     "not",     "if",      "then",    "else",       "has",     "true",
        "false",     "this",   "let",     "null",    "package", "enum",       "stream",  "table",
        "features",  "vector", "score",   "label",   "test",    "from",       "per",     "on",
        "using",     "model",  "where",   "over",    "by",      "limit",      "delayed", "step",
        "including", "ever",   "last",    "session", "since",   "calendar",   "time",    "id",
        "observed",  "late",   "future",  "expect",  "for",     "candidates", "up",      "to",
        "join",      "key",    "refresh", "avro",    "json",    "kafka",      "approx"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i], name) == 0) return true;
    return false;
}

static bool can_be_key(const weir_guess_column *column)
{
    return (column->type.kind == WEIR_STRING || column->type.kind == WEIR_INT64) &&
           strchr(column->path, '.') == NULL && !is_taken(column->path);
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), length = strlen(end);
    return size >= length && strcmp(text + size - length, end) == 0;
}

/* ---- roles ---- */

/* The first time without nulls whose name is usual, else the first one. */
static void choose_time(draft *d)
{
    static const char *const usual[] = {
        "ts",       "time",       "timestamp", "event_time", "event_timestamp",
        "datetime", "created_at", "date"};
    d->roles.time = -1;
    for (size_t i = d->guess.count; i-- > 0;) {
        const weir_guess_column *column = &d->guess.columns[i];
        if (column->type.kind == WEIR_TIME && !column->type.optional) d->roles.time = (long)i;
    }
    for (size_t u = sizeof usual / sizeof *usual; u-- > 0;) {
        for (size_t i = 0; i < d->guess.count; i++) {
            const weir_guess_column *column = &d->guess.columns[i];
            bool is_time = column->type.kind == WEIR_TIME && !column->type.optional;
            if (is_time && strcmp(column->path, usual[u]) == 0) d->roles.time = (long)i;
        }
    }
}

static bool sounds_like_id(const char *path)
{
    return strcmp(path, "id") == 0 || ends_with(path, "_id") || ends_with(path, "uuid") ||
           ends_with(path, "Id") || ends_with(path, "ID");
}

/* Only an event that was sent again has the id of another. */
static bool is_told_apart(const draft *d, const weir_guess_column *column)
{
    return column->is_counted && column->nulls == 0 && column->repeats == d->guess.repeats;
}

static void choose_id(draft *d)
{
    d->roles.id = -1;
    for (size_t i = d->guess.count; i-- > 0;) {
        const weir_guess_column *column = &d->guess.columns[i];
        if (can_be_key(column) && is_told_apart(d, column) && sounds_like_id(column->path))
            d->roles.id = (long)i;
    }
}

/* How well events can be counted by a column: many values, and many events of a value seen before.
 */
static uint64_t rate_key(const draft *d, size_t index)
{
    const weir_guess_column *column = &d->guess.columns[index];
    if (!can_be_key(column) || (long)index == d->roles.id) return 0;
    uint64_t rows = d->guess.rows - d->guess.bad_rows, distinct = column->distinct;
    uint64_t again = rows > distinct ? rows - distinct : 0;
    uint64_t points = 1 + (again < distinct ? again : distinct);
    if (column->type.kind == WEIR_STRING || sounds_like_id(column->path)) points *= 4;
    /* Events without a key have no features. */
    return column->nulls > 0 ? points : points + ((uint64_t)1 << 40);
}

static void choose_key(draft *d)
{
    uint64_t best = 0;
    d->roles.key = d->roles.id;
    for (size_t i = 0; i < d->guess.count; i++) {
        uint64_t points = rate_key(d, i);
        if (points <= best) continue;
        best = points;
        d->roles.key = (long)i;
    }
}

static void add_numbers(draft *d, bool wants_whole)
{
    for (size_t i = 0; i < d->guess.count && d->roles.number_count < NUMBERS_MAX; i++) {
        const weir_guess_column *column = &d->guess.columns[i];
        bool is_whole = column->type.kind == WEIR_INT64 && !sounds_like_id(column->path);
        bool is_number = column->type.kind == WEIR_FLOAT64 || column->type.kind == WEIR_DECIMAL;
        bool has_role = (long)i == d->roles.key || (long)i == d->roles.id;
        if (!(wants_whole ? is_whole : is_number) || has_role) continue;
        if (strchr(column->path, '.') != NULL || is_taken(column->path)) continue;
        if (strcmp(column->path, "n") == 0) continue; /* the name of the count */
        d->roles.numbers[d->roles.number_count++] = (long)i;
    }
}

/* Whole numbers are codes more often than amounts. */
static void choose_numbers(draft *d)
{
    add_numbers(d, false);
    if (d->roles.number_count == 0) add_numbers(d, true);
}

static weir_error *choose_roles(draft *d)
{
    if (d->guess.rows == d->guess.bad_rows) {
        return weir_error_new(WEIR_E_DATA,
                              "%s: no row can be read%s%s; there is nothing to guess from", d->file,
                              d->guess.first_problem == NULL ? "" : ": ",
                              d->guess.first_problem == NULL ? "" : d->guess.first_problem);
    }
    choose_time(d);
    choose_id(d);
    choose_key(d);
    choose_numbers(d);
    if (d->roles.time < 0) {
        return weir_error_new(
            WEIR_E_DATA,
            "%s: no column is the time of an event in every row; wanted is RFC 3339 with a zone "
            "(2026-03-01T12:00:00Z), or whole milliseconds or microseconds since 1970 in a column "
            "whose name says so (ts, time, created_at)",
            d->file);
    }
    if (d->roles.key < 0) {
        return weir_error_new(
            WEIR_E_DATA, "%s: no column of text or whole numbers can be a key to count events by",
            d->file);
    }
    return NULL;
}

/* ---- the definition ---- */

/* "2026 Orders-v2.csv.gz" is called orders_v2. */
static const char *name_of_file(weir_cli *cli, const char *path)
{
    const char *base = strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1;
    char name[48];
    size_t size = 0;
    for (const char *at = base; *at != '\0' && *at != '.' && size + 2 < sizeof name; at++) {
        char c = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
        bool is_letter = c >= 'a' && c <= 'z', is_digit = c >= '0' && c <= '9';
        if (is_letter || (is_digit && size > 0))
            name[size++] = c;
        else if (size > 0 && name[size - 1] != '_')
            name[size++] = '_';
    }
    while (size > 0 && name[size - 1] == '_')
        size--;
    return size == 0 ? "events" : weir_arena_string(&cli->arena, name, size);
}

static bool is_column(const weir_guess *guess, const char *name)
{
    for (size_t i = 0; i < guess->count; i++) {
        size_t size = strlen(name);
        if (strncmp(guess->columns[i].path, name, size) == 0 &&
            (guess->columns[i].path[size] == '\0' || guess->columns[i].path[size] == '.'))
            return true;
    }
    return false;
}

static void choose_names(draft *d)
{
    weir_arena *arena = &d->cli->arena;
    d->package = name_of_file(d->cli, d->file);
    if (is_taken(d->package)) d->package = weir_arena_printf(arena, "%s_events", d->package);
    d->stream = d->guess.stream != NULL ? d->guess.stream : d->package;
    /* The lines name their stream; a name of our own must not be a field's. */
    if (d->guess.stream == NULL && is_column(&d->guess, d->stream))
        d->stream = weir_arena_printf(arena, "%s_stream", d->stream);
    if (d->guess.schema_name == NULL)
        d->guess.schema_name = weir_arena_printf(arena, "%s.Event", d->package);
}

static const char *path_of(const draft *d, long column) { return d->guess.columns[column].path; }

static void print_stream(const draft *d, weir_buffer *out)
{
    weir_buffer_printf(out, "stream %s from kafka(\"%s.%s\") avro(\"%s\") {\n", d->stream,
                       d->package, d->stream, d->guess.schema_name);
    weir_buffer_printf(out, "  time %s\n", path_of(d, d->roles.time));
    if (d->roles.id >= 0) weir_buffer_printf(out, "  id %s\n", path_of(d, d->roles.id));
    weir_buffer_printf(out, "  observed by %s\n  late 1d\n  future 5m\n}\n\n",
                       path_of(d, d->roles.key));
}

static void print_features(const draft *d, weir_buffer *out)
{
    const char *key = path_of(d, d->roles.key);
    weir_buffer_printf(out, "/// What is known of one %s just before an event.\n", key);
    weir_buffer_printf(out, "features %s_stats per %s from %s {\n", key, key, d->stream);
    weir_buffer_put_text(out, "  n = count() over 1h, 24h, 7d\n");
    for (size_t i = 0; i < d->roles.number_count; i++) {
        const char *name = path_of(d, d->roles.numbers[i]);
        weir_buffer_printf(out, "  %s_sum = sum(%s) over 24h, 7d\n", name, name);
        weir_buffer_printf(out, "  %s_mean = mean(%s) over 7d\n", name, name);
    }
    weir_buffer_printf(out, "}\n\nvector %s_vector on %s {\n  %s_stats.*\n", d->package, d->stream,
                       key);
    for (size_t i = 0; i < d->roles.number_count; i++)
        weir_buffer_printf(out, "  %s = this.%s\n", path_of(d, d->roles.numbers[i]),
                           path_of(d, d->roles.numbers[i]));
    weir_buffer_put_text(out, "}\n");
}

/* A name on one line, for a comment. */
static void print_left_out(const draft *d, weir_buffer *out)
{
    for (size_t i = 0; i < d->guess.count; i++) {
        const weir_guess_column *column = &d->guess.columns[i];
        if (column->problem == NULL) continue;
        weir_buffer_put_text(out, "// Left out: column `");
        for (const char *at = column->path; *at != '\0'; at++)
            weir_buffer_put_u8(out, (unsigned char)*at < ' ' ? '?' : (uint8_t)*at);
        weir_buffer_printf(out, "`: %s.\n", column->problem);
        weir_cli_note(d->cli, "left out: column `%s`: %s", column->path, column->problem);
    }
}

static void note_choices(const draft *d)
{
    if (d->guess.stream == NULL &&
        (is_column(&d->guess, "stream") || is_column(&d->guess, "value") ||
         is_column(&d->guess, "ingest")))
        weir_cli_note(
            d->cli,
            "a field is called `stream`, `value` or `ingest`: evaluate JSON with --stream %s",
            d->stream);
    weir_cli_note(d->cli, "%llu rows; time is %s, events are told apart by %s and counted by %s",
                  (unsigned long long)d->guess.rows, path_of(d, d->roles.time),
                  d->roles.id < 0
                      ? "nothing (no column `id` or `.._id` differs in every row that is no copy)"
                      : path_of(d, d->roles.id),
                  path_of(d, d->roles.key));
    if (d->roles.id >= 0 && d->guess.repeats > 0)
        weir_cli_note(d->cli,
                      "%llu rows are like one before in every column and count as sent again",
                      (unsigned long long)d->guess.repeats);
    if (d->guess.bad_rows > 0)
        weir_cli_note(d->cli, "%llu rows can not be read; the first: %s",
                      (unsigned long long)d->guess.bad_rows,
                      d->guess.first_problem == NULL ? "its values do not fit"
                                                     : d->guess.first_problem);
}

static void print_all(draft *d, weir_init_texts *texts)
{
    weir_arena *arena = &d->cli->arena;
    weir_buffer text = {0}, *out = &text;
    texts->definition_path = weir_arena_printf(arena, "%s.weir", d->package);
    texts->schema_path = weir_arena_printf(arena, "schemas/%s.avsc", d->guess.schema_name);
    weir_buffer_put_text(out,
                         "// A first guess from data: check the time, the id and the key, then "
                         "say what you want to know.\n");
    print_left_out(d, out);
    weir_buffer_printf(out, "package %s\n\n", d->package);
    print_stream(d, out);
    print_features(d, out);
    weir_source_text source = {texts->definition_path, (const char *)text.data, text.size};
    weir_compilation_destroy(weir_lang_format(&source, &texts->definition));
    weir_buffer_deinit(&text);
    if (d->guess.schema_json != NULL)
        weir_buffer_printf(&texts->schema, "%s\n", d->guess.schema_json);
    else
        weir_guess_print_schema(&d->guess, d->package, "Event", &texts->schema);
}

weir_error *weir_init_from(weir_cli *cli, const char *file, weir_init_texts *texts_out)
{
    *texts_out = (weir_init_texts){0};
    draft d = {.cli = cli, .file = file, .guess = {.into = &cli->arena}};
    WEIR_TRY(weir_guess_file(&d.guess, file));
    WEIR_TRY(choose_roles(&d));
    choose_names(&d);
    note_choices(&d);
    print_all(&d, texts_out);
    return NULL;
}
