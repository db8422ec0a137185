/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From texts to a plan: parse all, collect names, check streams, groups, vectors, scores, labels
 * and tests, order the hops, build. Where there are tests a second plan is made that carries what
 * they expect.
 */
#include <string.h>

#include "compute/lang/check_internal.h"
#include "compute/lang/parser.h"
#include "compute/lang/test.h"
#include "ops/runtime/assert.h"

#define REPORT(c, id, at, help, ...)                                                               \
    weir_diagnostics_add((c)->diagnostics, WEIR_D_##id, at, help, __VA_ARGS__)
#define HELP(c, ...) weir_arena_printf((c)->diagnostics->into, __VA_ARGS__)

const char *weir_keep_text(weir_checker *c, const char *text)
{
    return text == NULL ? NULL : weir_arena_string(c->into, text, strlen(text));
}

/* ---- Collecting declarations ---- */

static const weir_enum_type *enum_of(weir_checker *c, const weir_ast_decl *decl)
{
    const weir_ast_names *names = &decl->as.symbols;
    weir_enum_type *type = weir_arena_new(c->into, weir_enum_type);
    const char **symbols = weir_arena_array(c->into, const char *, names->count);
    for (uint32_t i = 0; i < names->count; i++) {
        const weir_ast_name *name = &names->items[i];
        symbols[i] = weir_keep_text(c, name->name);
        if (weir_map_get(&c->members, decl, name->name) != NULL)
            REPORT(c, DUPLICATE_NAME, name->span, "name each value once",
                   "the enum has `%s` already", symbols[i]);
        weir_map_put(&c->members, decl, name->name, (void *)(uintptr_t)name);
    }
    if (names->count == 0)
        REPORT(c, EMPTY, decl->name.span, NULL, "the enum `%s` has no values", decl->name.name);
    *type = (weir_enum_type){weir_keep_text(c, decl->name.name), symbols, names->count};
    weir_pointers_push(c, &c->enums, (void *)(uintptr_t)type);
    return type;
}

static weir_symbol symbol_of(weir_checker *c, const weir_ast_decl *decl)
{
    weir_symbol symbol = {.kind = WEIR_SYMBOL_BROKEN, .decl = decl};
    if (decl->is_broken) return symbol;
    switch (decl->kind) {
    case WEIR_DECL_ENUM:
        symbol.kind = WEIR_SYMBOL_ENUM;
        symbol.as.enumeration = enum_of(c, decl);
        break;
    case WEIR_DECL_STREAM:
        symbol.kind = WEIR_SYMBOL_STREAM;
        symbol.as.stream = weir_arena_new(c->scratch, weir_stream_info);
        *symbol.as.stream = (weir_stream_info){
            .decl = decl, .name = decl->name.name, .is_table = decl->as.stream.is_table};
        if (decl->as.stream.is_table) {
            weir_pointers_push(c, &c->tables, symbol.as.stream);
            break;
        }
        symbol.as.stream->index = c->streams.count;
        weir_pointers_push(c, &c->streams, symbol.as.stream);
        break;
    case WEIR_DECL_FEATURES:
        symbol.kind = WEIR_SYMBOL_GROUP;
        symbol.as.group = weir_arena_new(c->scratch, weir_group_info);
        *symbol.as.group = (weir_group_info){.decl = decl, .name = decl->name.name};
        weir_pointers_push(c, &c->groups, symbol.as.group);
        break;
    case WEIR_DECL_VECTOR:
        symbol.kind = WEIR_SYMBOL_VECTOR;
        symbol.as.vector = weir_arena_new(c->scratch, weir_vector_info);
        *symbol.as.vector = (weir_vector_info){.decl = decl};
        weir_pointers_push(c, &c->vectors, symbol.as.vector);
        break;
    case WEIR_DECL_SCORE: {
        symbol.kind = WEIR_SYMBOL_SCORE;
        weir_score_info *score = weir_arena_new(c->scratch, weir_score_info);
        *score = (weir_score_info){.decl = decl};
        weir_pointers_push(c, &c->scores, score);
        break;
    }
    default: break;
    }
    return symbol;
}

/* A vector and a score, or a group, may share a name: `card_fraud` and `fraud` are read in
 * different places. */
static const char *kind_name(const weir_symbol *symbol)
{
    switch (symbol->kind) {
    case WEIR_SYMBOL_ENUM: return "an enum";
    case WEIR_SYMBOL_STREAM: return symbol->as.stream->is_table ? "a table" : "a stream";
    case WEIR_SYMBOL_GROUP: return "a features group";
    case WEIR_SYMBOL_VECTOR: return "a vector";
    case WEIR_SYMBOL_SCORE: return "a score";
    case WEIR_SYMBOL_BROKEN: break;
    }
    return "something";
}

static void collect(weir_checker *c, const weir_ast_decl *decl)
{
    if (decl->name.name == NULL) return;
    const weir_symbol *known = weir_symbol_find(c, decl->name.name);
    if (known != NULL) {
        if (known->kind != WEIR_SYMBOL_BROKEN && !decl->is_broken)
            REPORT(c, DUPLICATE_NAME, decl->name.span, "give one of them another name",
                   "`%s` is %s already", decl->name.name, kind_name(known));
        return;
    }
    weir_symbol *symbol = weir_arena_new(c->scratch, weir_symbol);
    *symbol = symbol_of(c, decl);
    weir_map_put(&c->symbols, NULL, decl->name.name, symbol);
}

static void check_packages(weir_checker *c)
{
    const weir_ast_unit *first = NULL;
    for (size_t i = 0; i < c->unit_count; i++) {
        const weir_ast_unit *unit = &c->units[i];
        if (unit->package == NULL) continue;
        if (first == NULL) first = unit;
        if (strcmp(unit->package, first->package) != 0)
            REPORT(c, PACKAGE_DIFFERS, unit->package_span, "give each package a folder of its own",
                   "this file is of package `%s`, %s of `%s`", unit->package,
                   c->diagnostics->sources[first->source].name, first->package);
    }
}

/* ---- Checking ---- */

static void check_declarations(weir_checker *c, weir_ast_decl_kind kind,
                               void (*check)(weir_checker *, const weir_ast_decl *))
{
    for (size_t u = 0; u < c->unit_count; u++) {
        for (uint32_t i = 0; i < c->units[u].decl_count; i++) {
            const weir_ast_decl *decl = &c->units[u].decls[i];
            if (decl->kind == kind && !decl->is_broken) check(c, decl);
        }
    }
}

static void check_tables(weir_checker *c)
{
    for (uint32_t i = 0; i < c->tables.count; i++) {
        const weir_stream_info *table = c->tables.items[i];
        REPORT(c, NOT_SUPPORTED, table->decl->name.span, "carry its values in the stream's events",
               "reference tables are not supported yet, `%s` cannot be read", table->name);
    }
}

static void check_all(weir_checker *c)
{
    check_packages(c);
    for (size_t u = 0; u < c->unit_count; u++) {
        for (uint32_t i = 0; i < c->units[u].decl_count; i++)
            collect(c, &c->units[u].decls[i]);
    }
    check_tables(c);
    for (uint32_t i = 0; i < c->streams.count; i++)
        weir_check_stream_schema(c, c->streams.items[i]);
    for (uint32_t i = 0; i < c->streams.count; i++)
        weir_check_stream(c, c->streams.items[i]);
    for (uint32_t i = 0; i < c->groups.count; i++)
        weir_group_collect(c, c->groups.items[i]);
    for (uint32_t i = 0; i < c->groups.count; i++)
        weir_group_check(c, c->groups.items[i]);
    for (uint32_t i = 0; i < c->vectors.count; i++)
        weir_check_vector(c, c->vectors.items[i]);
    for (uint32_t i = 0; i < c->scores.count; i++)
        weir_check_score(c, c->scores.items[i]);
    check_declarations(c, WEIR_DECL_LABEL, weir_check_label);
    check_declarations(c, WEIR_DECL_TEST, weir_check_test);
}

/* What failed has been reported; if ever something was not, say so instead of building half a plan.
 */
static void check_nothing_is_missing(weir_checker *c)
{
    bool good = true;
    for (uint32_t i = 0; i < c->all_members.count; i++)
        good = good && ((weir_member_info *)c->all_members.items[i])->has_digest;
    for (uint32_t i = 0; i < c->vectors.count; i++)
        good = good && !((weir_vector_info *)c->vectors.items[i])->is_broken;
    for (uint32_t i = 0; i < c->scores.count; i++)
        good = good && !((weir_score_info *)c->scores.items[i])->is_broken;
    for (uint32_t i = 0; i < c->groups.count; i++)
        good = good && !((weir_group_info *)c->groups.items[i])->is_broken;
    for (uint32_t i = 0; i < c->streams.count; i++)
        good = good && !((weir_stream_info *)c->streams.items[i])->is_broken;
    if (good || c->diagnostics->error_count > 0) return;
    REPORT(c, UNEXPECTED, c->units[0].package_span,
           "please report this definition as a bug of weir",
           "something in this package can not be compiled, and the compiler failed to say what");
}

static void checker_init(weir_checker *c, weir_arena *into, weir_arena *scratch,
                         weir_diagnostics *diagnostics, weir_intern *intern,
                         const weir_lang_host *host)
{
    *c = (weir_checker){.into = into,
                        .scratch = scratch,
                        .diagnostics = diagnostics,
                        .intern = intern,
                        .host = host};
    weir_map_init(&c->symbols, scratch);
    weir_map_init(&c->members, scratch);
    weir_map_init(&c->slots, scratch);
    weir_map_init(&c->interned, scratch);
    weir_map_init(&c->digests, scratch);
    weir_map_init(&c->sizes, scratch);
}

static bool has_tests(const weir_ast_unit *units, size_t count)
{
    for (size_t u = 0; u < count; u++) {
        for (uint32_t i = 0; i < units[u].decl_count; i++) {
            if (units[u].decls[i].kind == WEIR_DECL_TEST) return true;
        }
    }
    return false;
}

typedef struct compilation_run {
    weir_compilation *result;
    weir_diagnostics diagnostics;
    weir_intern intern;
    const weir_lang_host *host;
    weir_ast_unit *units;
    size_t unit_count;
} compilation_run;

/* One pass over the trees. NULL if there was an error. */
static weir_plan *compile_plan(compilation_run *compiler, weir_arena *into,
                               weir_diagnostics *diagnostics, bool for_tests)
{
    weir_arena scratch = {0};
    weir_checker c;
    checker_init(&c, into, &scratch, diagnostics, &compiler->intern, compiler->host);
    c.units = compiler->units;
    c.unit_count = compiler->unit_count;
    c.for_tests = for_tests;
    check_all(&c);
    check_nothing_is_missing(&c);
    weir_plan *plan = NULL;
    if (diagnostics->error_count == 0 && weir_order_hops(&c)) {
        plan = weir_build_plan(&c);
        if (for_tests) weir_build_tests(&c, plan);
    }
    weir_arena_deinit(&scratch);
    return plan;
}

/* Tests run on a plan of their own, which the project's plan owns. */
static void add_tests(compilation_run *compiler, weir_plan *plan)
{
    weir_diagnostics again = {.into = &compiler->result->arena,
                              .sources = compiler->diagnostics.sources};
    weir_arena into = {0};
    weir_plan *tests = compile_plan(compiler, &into, &again, true);
    if (tests == NULL) { /* what tests expect can make a circle of hops that vectors alone do not */
        weir_arena_deinit(&into);
        compiler->diagnostics = again;
        return;
    }
    tests->arena = into;
    plan->tests_plan = tests;
    plan->tests = tests->tests;
    plan->test_count = tests->test_count;
}

static void compile(compilation_run *compiler)
{
    weir_arena into = {0};
    weir_plan *plan = compile_plan(compiler, &into, &compiler->diagnostics, false);
    if (plan != NULL && has_tests(compiler->units, compiler->unit_count)) add_tests(compiler, plan);
    if (plan == NULL || compiler->diagnostics.error_count > 0) {
        weir_arena_deinit(&into);
        return;
    }
    plan->arena = into;
    compiler->result->plan = plan;
}

static void finish(compilation_run *compiler)
{
    weir_diagnostics_sort(&compiler->diagnostics);
    weir_compilation *result = compiler->result;
    result->diagnostic_count = compiler->diagnostics.count;
    result->diagnostics =
        weir_arena_copy(&result->arena, compiler->diagnostics.items,
                        compiler->diagnostics.count * sizeof compiler->diagnostics.items[0]);
}

static weir_compilation *compilation_new(void)
{
    weir_arena arena = {0};
    weir_compilation *result = weir_arena_new(&arena, weir_compilation);
    result->arena = arena;
    return result;
}

weir_compilation *weir_lang_compile(const weir_source_text *sources, size_t count,
                                    const weir_lang_host *host)
{
    WEIR_ASSERT(host->load_schema != NULL);
    weir_compilation *result = compilation_new();
    compilation_run compiler = {.result = result, .host = host, .unit_count = count};
    compiler.diagnostics = (weir_diagnostics){.into = &result->arena, .sources = sources};
    weir_arena trees = {0};
    weir_intern_init(&compiler.intern, &trees);
    compiler.units = weir_arena_array(&trees, weir_ast_unit, count);
    for (size_t i = 0; i < count; i++)
        weir_parse(&compiler.diagnostics, (uint32_t)i, &compiler.intern, &trees,
                   &compiler.units[i]);
    if (count > 0) compile(&compiler);
    finish(&compiler);
    weir_arena_deinit(&trees);
    return result;
}

void weir_compilation_destroy(weir_compilation *compilation)
{
    if (compilation == NULL) return;
    weir_plan_unref(compilation->plan);
    weir_arena arena = compilation->arena;
    weir_arena_deinit(&arena);
}
