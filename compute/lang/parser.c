/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens, complaints and declarations. Recovery works on two levels: inside a block the parser
 * skips to what looks like the next item (a name first on its line, followed by `=` or `.`) or to
 * the block's end; outside to a word that begins a declaration. A declaration that begins inside a
 * block shows that a bracket is missing.
 */
#include "compute/lang/parser_internal.h"

#include <string.h>

#include "ops/runtime/assert.h"

/* ---- Tokens ---- */

const weir_token *weir_parser_peek(const weir_parser *parser, size_t ahead)
{
    size_t last = parser->lexed->token_count - 1;
    size_t at = parser->at + ahead;
    return &parser->lexed->tokens[at < last ? at : last];
}

const weir_token *weir_parser_take(weir_parser *parser)
{
    const weir_token *token = weir_parser_peek(parser, 0);
    if (token->kind != WEIR_TOKEN_END) parser->at += 1;
    return token;
}

bool weir_parser_is_word(const weir_parser *parser, size_t ahead, const char *word)
{
    const weir_token *token = weir_parser_peek(parser, ahead);
    return token->kind == WEIR_TOKEN_NAME && strcmp(token->as.name, word) == 0;
}

bool weir_parser_is_sign(const weir_parser *parser, size_t ahead, uint16_t sign)
{
    const weir_token *token = weir_parser_peek(parser, ahead);
    return token->kind == WEIR_TOKEN_SIGN && token->sign == sign;
}

bool weir_parser_take_word(weir_parser *parser, const char *word)
{
    if (!weir_parser_is_word(parser, 0, word)) return false;
    parser->at += 1;
    return true;
}

bool weir_parser_take_sign(weir_parser *parser, uint16_t sign)
{
    if (!weir_parser_is_sign(parser, 0, sign)) return false;
    parser->at += 1;
    return true;
}

weir_span weir_parser_span(const weir_parser *parser, size_t first_token)
{
    WEIR_ASSERT(parser->at > 0);
    const weir_token *first = &parser->lexed->tokens[first_token];
    const weir_token *last = &parser->lexed->tokens[parser->at - 1];
    return (weir_span){parser->source, first->start,
                       last->end > first->start ? last->end : first->end};
}

weir_span weir_parser_span_of(const weir_parser *parser, const weir_token *token)
{
    return (weir_span){parser->source, token->start, token->end};
}

bool weir_parser_is_reserved(const char *name)
{
    static const char *const words[] = {"and", "or",   "not",   "if",   "then", "else",
                                        "has", "true", "false", "this", "let"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], name) == 0) return true;
    }
    return false;
}

/* ---- Complaints ---- */

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(word, *words) == 0) return true;
    return false;
}

const char *weir_parser_habit(const weir_parser *parser)
{
    const weir_token *token = weir_parser_peek(parser, 0);
    static const char *const clauses[] = {"and", "or", "not", "where", "over", "from", "per", NULL};
    static const char *const units[] = {"s",      "sec",     "second", "seconds", "m",     "min",
                                        "minute", "minutes", "h",      "hour",    "hours", "d",
                                        "day",    "days",    "w",      "week",    "weeks", NULL};
    if (token->kind != WEIR_TOKEN_NAME) return NULL;
    if (parser->at > 0 && parser->lexed->tokens[parser->at - 1].kind == WEIR_TOKEN_INT &&
        is_one_of(token->as.name, units))
        return "a duration is one word: 90s, 10m, 24h, 7d or 2w";
    char small[8];
    size_t size = strlen(token->as.name);
    if (size >= sizeof small) return NULL;
    for (size_t i = 0; i <= size; i++) {
        char c = token->as.name[i];
        small[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    if (strcmp(small, token->as.name) == 0 || !is_one_of(small, clauses)) return NULL;
    return weir_arena_printf(parser->into, "write `%s`", small);
}

bool weir_parser_complain(weir_parser *parser, const char *expected)
{
    const weir_token *token = weir_parser_peek(parser, 0);
    if (token->kind == WEIR_TOKEN_ERROR) return false; /* the lexer has spoken */
    if (token->kind == WEIR_TOKEN_END) {
        weir_diagnostics_add(parser->diagnostics, WEIR_D_UNEXPECTED,
                             weir_parser_span_of(parser, token), NULL,
                             "expected %s, but the text ends here", expected);
        return false;
    }
    uint32_t length = token->end - token->start;
    weir_diagnostics_add(parser->diagnostics, WEIR_D_UNEXPECTED, weir_parser_span_of(parser, token),
                         weir_parser_habit(parser), "expected %s, found `%.*s`", expected,
                         (int)(length > 60 ? 60 : length), parser->text + token->start);
    return false;
}

static const char *sign_text(uint16_t sign)
{
    switch (sign) {
    case '{': return "`{`";
    case '}': return "`}`";
    case '(': return "`(`";
    case ')': return "`)`";
    case ']': return "`]`";
    case '=': return "`=`";
    case '.': return "`.`";
    case ':': return "`:`";
    default: return "another sign";
    }
}

bool weir_parser_want_sign(weir_parser *parser, uint16_t sign)
{
    return weir_parser_take_sign(parser, sign) || weir_parser_complain(parser, sign_text(sign));
}

bool weir_parser_want_word(weir_parser *parser, const char *word)
{
    if (weir_parser_take_word(parser, word)) return true;
    return weir_parser_complain(parser, weir_arena_printf(parser->into, "`%s`", word));
}

bool weir_parser_want_name(weir_parser *parser, const char *what, weir_ast_name *out)
{
    const weir_token *token = weir_parser_peek(parser, 0);
    if (token->kind != WEIR_TOKEN_NAME) return weir_parser_complain(parser, what);
    if (weir_parser_is_reserved(token->as.name)) {
        weir_diagnostics_add(parser->diagnostics, WEIR_D_RESERVED,
                             weir_parser_span_of(parser, token), "choose another name",
                             "`%s` is a reserved word and can not be a name", token->as.name);
        return false;
    }
    parser->at += 1;
    *out = (weir_ast_name){token->as.name, weir_parser_span_of(parser, token)};
    return true;
}

bool weir_parser_want_string(weir_parser *parser, const char *what, const char **out)
{
    const weir_token *token = weir_parser_peek(parser, 0);
    if (token->kind != WEIR_TOKEN_STRING)
        return weir_parser_complain(parser,
                                    weir_arena_printf(parser->into, "%s in double quotes", what));
    parser->at += 1;
    *out = token->as.name;
    return true;
}

bool weir_parser_want_duration(weir_parser *parser, const char *what, weir_ast_duration *out)
{
    const weir_token *token = weir_parser_peek(parser, 0);
    if (token->kind != WEIR_TOKEN_DURATION) return weir_parser_complain(parser, what);
    parser->at += 1;
    *out = (weir_ast_duration){token->as.integer, weir_parser_span_of(parser, token)};
    return true;
}

bool weir_parser_want_int(weir_parser *parser, const char *what, int64_t *out)
{
    const weir_token *token = weir_parser_peek(parser, 0);
    if (token->kind != WEIR_TOKEN_INT || token->is_percent)
        return weir_parser_complain(parser, what);
    parser->at += 1;
    *out = 0;
    for (uint32_t i = token->start; i < token->end && *out >= 0; i++) {
        *out = *out * 10 + (parser->text[i] - '0');
        if (*out > INT32_MAX) *out = -1;
    }
    return true;
}

/* ---- Lists ---- */

void *weir_list_push(weir_parser *parser, weir_list *list, size_t item_bytes)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 8 : list->capacity * 2;
        void *larger = weir_arena_calloc(parser->scratch, capacity, item_bytes);
        if (list->count > 0) memcpy(larger, list->items, list->count * item_bytes);
        list->items = larger;
        list->capacity = capacity;
    }
    list->item_bytes = item_bytes;
    return (char *)list->items + item_bytes * list->count++;
}

void *weir_list_finish(weir_parser *parser, const weir_list *list)
{
    return weir_arena_copy(parser->into, list->items, list->count * list->item_bytes);
}

bool weir_parse_names(weir_parser *parser, const char *what, weir_ast_names *out)
{
    weir_list list = {0};
    do {
        if (!weir_parser_want_name(parser, what,
                                   weir_list_push(parser, &list, sizeof(weir_ast_name))))
            return false;
    } while (weir_parser_take_sign(parser, ','));
    *out = (weir_ast_names){(uint32_t)list.count, weir_list_finish(parser, &list)};
    return true;
}

/* ---- Recovery ---- */

static bool is_declaration(const weir_parser *parser)
{
    static const char *const words[][2] = {
        {"enum", "{"},    {"stream", "from"}, {"table", "from"}, {"features", "per"},
        {"vector", "on"}, {"score", "on"},    {"label", "."},
    };
    if (weir_parser_is_word(parser, 0, "test"))
        return weir_parser_peek(parser, 1)->kind == WEIR_TOKEN_STRING;
    if (weir_parser_peek(parser, 1)->kind != WEIR_TOKEN_NAME) return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!weir_parser_is_word(parser, 0, words[i][0])) continue;
        return weir_parser_is_word(parser, 2, words[i][1]) ||
               weir_parser_is_sign(parser, 2, (uint16_t)words[i][1][0]);
    }
    return false;
}

static bool starts_item(const weir_parser *parser)
{
    static const char *const words[] = {"let",      "given", "at",     "expect",   "time", "id",
                                        "observed", "late",  "future", "input",    "to",   "output",
                                        "reasons",  "top",   "decide", "fallback", "this"};
    const weir_token *token = weir_parser_peek(parser, 0);
    if (!token->is_first || token->kind != WEIR_TOKEN_NAME) return false;
    if (weir_parser_is_sign(parser, 1, '=') || weir_parser_is_sign(parser, 1, '.') ||
        weir_parser_is_sign(parser, 1, ':')) /* a slip for `=` */
        return true;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(token->as.name, words[i]) == 0) return true;
    }
    return false;
}

/* Skips to the next item of a block, its closing bracket (not taken), a declaration, or the end. */
static void skip_item(weir_parser *parser, size_t started_at)
{
    int depth = 0;
    if (parser->at == started_at) (void)weir_parser_take(parser);
    for (size_t i = started_at; i < parser->at; i++) { /* what the item itself opened */
        const weir_token *token = &parser->lexed->tokens[i];
        if (token->kind != WEIR_TOKEN_SIGN) continue;
        if (token->sign == '{') depth += 1;
        if (token->sign == '}') depth -= 1;
    }
    for (;; (void)weir_parser_take(parser)) {
        const weir_token *token = weir_parser_peek(parser, 0);
        if (token->kind == WEIR_TOKEN_END) return;
        if (token->is_first && is_declaration(parser)) return;
        if (depth <= 0 && (weir_parser_is_sign(parser, 0, '}') || starts_item(parser))) return;
        if (weir_parser_is_sign(parser, 0, '{')) depth += 1;
        if (weir_parser_is_sign(parser, 0, '}')) depth -= 1;
    }
}

static void skip_declaration(weir_parser *parser, size_t started_at)
{
    if (parser->at == started_at) (void)weir_parser_take(parser);
    for (;; (void)weir_parser_take(parser)) {
        const weir_token *token = weir_parser_peek(parser, 0);
        if (token->kind == WEIR_TOKEN_END) return;
        if (is_declaration(parser)) return;
    }
}

/*
 * Runs `item` until the block's closing bracket. `item` returns false after a complaint. Returns
 * false if the bracket is missing.
 */

bool weir_parse_block(weir_parser *parser, weir_parse_item *item, void *context)
{
    weir_span opening = weir_parser_span_of(parser, weir_parser_peek(parser, 0));
    if (!weir_parser_want_sign(parser, '{')) return false;
    while (!weir_parser_is_sign(parser, 0, '}')) {
        const weir_token *token = weir_parser_peek(parser, 0);
        if (token->kind == WEIR_TOKEN_END || (token->is_first && is_declaration(parser))) {
            weir_diagnostics_add(parser->diagnostics, WEIR_D_UNCLOSED, opening, "close it with `}`",
                                 "this `{` is never closed");
            return false;
        }
        size_t before = parser->at;
        if (!item(parser, context)) skip_item(parser, before);
    }
    (void)weir_parser_take(parser);
    return true;
}

bool weir_parser_complain_twice(weir_parser *parser, weir_span at, const char *clause)
{
    const char *help = strcmp(clause, "where") == 0 ? "join the conditions with `and`"
                       : strcmp(clause, "over") == 0
                           ? "one `over` takes several windows: over 1h, 24h"
                           : "keep one of them";
    weir_diagnostics_add(parser->diagnostics, WEIR_D_TWICE, at, help, "`%s` is given twice",
                         clause);
    return true;
}

/* ---- Documentation comments ---- */

const char *weir_parser_doc_before(weir_parser *parser, const weir_token *token)
{
    const weir_comment *comments = parser->lexed->comments;
    size_t low = 0, high = parser->lexed->comment_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (comments[middle].start < token->start)
            low = middle + 1;
        else
            high = middle;
    }
    size_t first = low;
    uint32_t line = token->line;
    while (first > 0 && comments[first - 1].is_doc && comments[first - 1].is_first &&
           comments[first - 1].line + 1 == line) {
        first -= 1;
        line -= 1;
    }
    if (first == low) return NULL;
    weir_buffer text = {0};
    for (size_t i = first; i < low; i++) {
        uint32_t start = comments[i].start + 3;
        if (start < comments[i].end && parser->text[start] == ' ') start += 1;
        if (i > first) weir_buffer_put_u8(&text, '\n');
        weir_buffer_put(&text, parser->text + start, comments[i].end - start);
    }
    const char *doc = weir_arena_string(parser->into, (const char *)text.data, text.size);
    weir_buffer_deinit(&text);
    return doc;
}

/* ---- The unit ---- */

static bool begins_with_word(const weir_parser *parser)
{
    static const char *const words[] = {"enum",  "stream", "features", "vector",
                                        "score", "label",  "test",     "table"};
    for (size_t i = 0; i < 8; i++) {
        if (weir_parser_is_word(parser, 0, words[i])) return true;
    }
    return false;
}

static void complain_declaration(weir_parser *parser)
{
    static const char *const words[] = {"enum",  "stream", "features", "vector",
                                        "score", "label",  "test",     "table"};
    const weir_token *token = weir_parser_peek(parser, 0);
    if (token->kind == WEIR_TOKEN_ERROR) return;
    const char *near =
        token->kind == WEIR_TOKEN_NAME ? weir_nearest_name(token->as.name, words, 8) : NULL;
    const char *help = near != NULL ? weir_arena_printf(parser->into, "did you mean `%s`?", near)
                                    : "enum, stream, table, features, vector, score, label or test";
    uint32_t length = token->end - token->start;
    weir_diagnostics_add(parser->diagnostics, WEIR_D_UNKNOWN_DECLARATION,
                         weir_parser_span_of(parser, token), help,
                         "no declaration begins with `%.*s`", (int)(length > 60 ? 60 : length),
                         parser->text + token->start);
}

static bool parse_package(weir_parser *parser, weir_ast_unit *unit)
{
    size_t first = parser->at;
    if (!weir_parser_want_word(parser, "package")) return false;
    weir_buffer path = {0};
    bool good = true;
    do {
        weir_ast_name part = {0};
        good = weir_parser_want_name(parser, "the package's name", &part);
        if (good) weir_buffer_printf(&path, "%s%s", path.size == 0 ? "" : ".", part.name);
    } while (good && weir_parser_take_sign(parser, '.'));
    if (good) unit->package = weir_arena_string(parser->into, (const char *)path.data, path.size);
    unit->package_span = weir_parser_span(parser, first);
    weir_buffer_deinit(&path);
    return good;
}

static void parse_unit(weir_parser *parser, weir_ast_unit *unit)
{
    weir_list decls = {0};
    if (!parse_package(parser, unit) && !is_declaration(parser))
        skip_declaration(parser, parser->at);
    while (weir_parser_peek(parser, 0)->kind != WEIR_TOKEN_END) {
        size_t first = parser->at;
        if (!begins_with_word(parser)) {
            complain_declaration(parser);
            weir_ast_decl unknown = {.kind = WEIR_DECL_UNKNOWN, .is_broken = true};
            const weir_token *next = weir_parser_peek(parser, 1);
            unknown.name = (weir_ast_name){next->as.name, weir_parser_span_of(parser, next)};
            if (next->kind == WEIR_TOKEN_NAME)
                *(weir_ast_decl *)weir_list_push(parser, &decls, sizeof unknown) = unknown;
            skip_declaration(parser, first);
            continue;
        }
        weir_ast_decl decl = {.doc = weir_parser_doc_before(parser, weir_parser_peek(parser, 0))};
        bool good = weir_parse_declaration(parser, &decl);
        WEIR_ASSERT(good || parser->diagnostics->error_count > 0);
        decl.is_broken = !good;
        decl.span = weir_parser_span(parser, first);
        bool is_known =
            decl.name.name != NULL || decl.kind == WEIR_DECL_LABEL || decl.kind == WEIR_DECL_TEST;
        if (is_known) *(weir_ast_decl *)weir_list_push(parser, &decls, sizeof decl) = decl;
        if (!good) skip_declaration(parser, first);
    }
    unit->decls = weir_list_finish(parser, &decls);
    unit->decl_count = (uint32_t)decls.count;
}

void weir_parse(weir_diagnostics *diagnostics, uint32_t source, weir_intern *intern,
                weir_arena *into, weir_ast_unit *unit_out)
{
    *unit_out = (weir_ast_unit){.source = source};
    weir_lex(diagnostics, source, intern, into, &unit_out->lexed);
    weir_arena scratch = {0};
    weir_parser parser = {.diagnostics = diagnostics,
                          .into = into,
                          .scratch = &scratch,
                          .intern = intern,
                          .lexed = &unit_out->lexed,
                          .text = diagnostics->sources[source].text,
                          .source = source};
    parse_unit(&parser, unit_out);
    weir_arena_deinit(&scratch);
}
