/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions and windows. One function a level of precedence, from `or` down to literals.
 */
#include "compute/lang/parser_internal.h"

#include <string.h>

#include "ops/runtime/assert.h"

static weir_ast_expr *node_new(weir_parser *parser, weir_ast_kind kind, weir_span span,
                               uint32_t arg_count)
{
    weir_ast_expr *node = weir_arena_new(parser->into, weir_ast_expr);
    node->kind = (uint8_t)kind;
    node->span = node->name_span = span;
    node->arg_count = arg_count;
    node->args = weir_arena_array(parser->into, const weir_ast_expr *, arg_count);
    node->depth = 1;
    return node;
}

static weir_span span_of(const weir_parser *parser, const weir_token *token)
{
    return (weir_span){parser->source, token->start, token->end};
}

static weir_span span_join(weir_span a, weir_span b)
{
    return (weir_span){a.source, a.start, b.end > a.end ? b.end : a.end};
}

/* Sets depth from the arguments; false (after a complaint) when the tree has become too deep. */
static bool settle(weir_parser *parser, weir_ast_expr *node)
{
    uint32_t deepest = 0;
    for (uint32_t i = 0; i < node->arg_count; i++) {
        if (node->args[i] != NULL && node->args[i]->depth > deepest) deepest = node->args[i]->depth;
    }
    if (deepest + 1 <= WEIR_PARSER_CHAIN_MAX) {
        node->depth = (uint16_t)(deepest + 1);
        return true;
    }
    weir_diagnostics_add(parser->diagnostics, WEIR_D_TOO_DEEP, node->name_span,
                         "give parts of it names with `let`", "this expression is nested too deep");
    return false;
}

static const weir_ast_expr *binary_new(weir_parser *parser, const char *op, weir_span at,
                                       const weir_ast_expr *left, const weir_ast_expr *right)
{
    weir_ast_expr *node = node_new(parser, WEIR_AST_BINARY, span_join(left->span, right->span), 2);
    node->name = op;
    node->name_span = at;
    node->args[0] = left;
    node->args[1] = right;
    return settle(parser, node) ? node : NULL;
}

/* ---- Windows ---- */

static bool parse_since(weir_parser *parser, weir_ast_window *out)
{
    out->kind = WEIR_WINDOW_SINCE;
    if (!weir_parser_want_word(parser, "last") || !weir_parser_want_sign(parser, '(')) return false;
    out->since = weir_parse_expr(parser);
    return out->since != NULL && weir_parser_want_sign(parser, ')');
}

static bool parse_calendar(weir_parser *parser, weir_ast_window *out)
{
    static const char *const units[] = {"hour", "day", "week", "month"};
    out->kind = WEIR_WINDOW_CALENDAR;
    for (size_t i = 0; i < 4; i++) {
        if (!weir_parser_take_word(parser, units[i])) continue;
        out->unit = units[i][0];
        return weir_parser_want_sign(parser, '(') &&
               weir_parser_want_string(parser, "the zone's name", &out->zone) &&
               weir_parser_want_sign(parser, ')');
    }
    return weir_parser_complain(parser, "`hour`, `day`, `week` or `month`");
}

static bool parse_series(weir_parser *parser, weir_ast_window *out)
{
    out->kind = WEIR_WINDOW_SERIES;
    return weir_parser_want_int(parser, "a number of windows", &out->count) &&
           weir_parser_want_word(parser, "x") &&
           weir_parser_want_duration(parser, "the width of each window, such as 1d", &out->width);
}

static bool parse_window_kind(weir_parser *parser, weir_ast_window *out)
{
    if (weir_parser_peek(parser, 0)->kind == WEIR_TOKEN_DURATION) {
        out->kind = WEIR_WINDOW_TIME;
        return weir_parser_want_duration(parser, "a duration", &out->width);
    }
    if (weir_parser_peek(parser, 0)->kind == WEIR_TOKEN_INT) return parse_series(parser, out);
    if (weir_parser_take_word(parser, "ever")) {
        out->kind = WEIR_WINDOW_EVER;
        return true;
    }
    if (weir_parser_take_word(parser, "last")) {
        out->kind = WEIR_WINDOW_LAST;
        return weir_parser_want_int(parser, "a number of events", &out->count);
    }
    if (weir_parser_take_word(parser, "session")) {
        out->kind = WEIR_WINDOW_SESSION;
        return weir_parser_want_duration(parser, "the gap, such as 30m", &out->width);
    }
    if (weir_parser_take_word(parser, "since")) return parse_since(parser, out);
    if (weir_parser_take_word(parser, "calendar")) return parse_calendar(parser, out);
    return weir_parser_complain(parser, "a window: a duration such as 24h, `ever`, or `last 20`");
}

bool weir_parse_window(weir_parser *parser, weir_ast_window *out)
{
    size_t first = parser->at;
    *out = (weir_ast_window){0};
    if (!parse_window_kind(parser, out)) return false;
    out->span = weir_parser_span(parser, first);
    return true;
}

/* ---- Literals, names, calls ---- */

/* A literal that can not begin anything else: what makes `half 6h` a named parameter. */
static bool is_literal(const weir_parser *parser, size_t ahead)
{
    const weir_token *token = weir_parser_peek(parser, ahead);
    switch (token->kind) {
    case WEIR_TOKEN_INT:
    case WEIR_TOKEN_DECIMAL:
    case WEIR_TOKEN_STRING:
    case WEIR_TOKEN_DURATION:
    case WEIR_TOKEN_TIME: return true;
    default:
        return weir_parser_is_word(parser, ahead, "true") ||
               weir_parser_is_word(parser, ahead, "false") ||
               weir_parser_is_word(parser, ahead, "null");
    }
}

static const weir_ast_expr *parse_literal(weir_parser *parser)
{
    const weir_token *token = weir_parser_take(parser);
    weir_ast_kind kind = token->kind == WEIR_TOKEN_STRING     ? WEIR_AST_STRING
                         : token->kind == WEIR_TOKEN_DURATION ? WEIR_AST_DURATION
                         : token->kind == WEIR_TOKEN_TIME     ? WEIR_AST_TIME
                         : token->kind == WEIR_TOKEN_NAME     ? WEIR_AST_BOOL
                                                              : WEIR_AST_NUMBER;
    weir_ast_expr *node = node_new(parser, kind, span_of(parser, token), 0);
    node->is_percent = token->is_percent;
    if (kind == WEIR_AST_STRING) {
        node->name = token->as.name;
        node->size = token->size;
    } else if (kind == WEIR_AST_BOOL) {
        if (strcmp(token->as.name, "null") == 0) node->kind = WEIR_AST_NULL;
        node->integer = token->as.name[0] == 't';
    } else if (kind != WEIR_AST_NUMBER) {
        node->integer = token->as.integer;
    }
    return node;
}

typedef struct argument {
    const weir_ast_expr *expr;
    const char *parameter;
} argument;

static bool parse_arguments(weir_parser *parser, weir_ast_expr *call)
{
    weir_list list = {0};
    while (!weir_parser_is_sign(parser, 0, ')')) {
        argument *next = weir_list_push(parser, &list, sizeof *next);
        if (weir_parser_peek(parser, 0)->kind == WEIR_TOKEN_NAME &&
            !weir_parser_is_reserved(weir_parser_peek(parser, 0)->as.name) && is_literal(parser, 1))
            next->parameter = weir_parser_take(parser)->as.name;
        next->expr = weir_parse_expr(parser);
        if (next->expr == NULL) return false;
        if (!weir_parser_take_sign(parser, ',')) break;
    }
    if (!weir_parser_is_sign(parser, 0, ')')) return weir_parser_complain(parser, "`,` or `)`");
    (void)weir_parser_take(parser);
    const argument *arguments = list.items;
    call->arg_count = (uint32_t)list.count;
    call->args = weir_arena_array(parser->into, const weir_ast_expr *, list.count);
    call->parameters = weir_arena_array(parser->into, const char *, list.count);
    for (size_t i = 0; i < list.count; i++) {
        call->args[i] = arguments[i].expr;
        call->parameters[i] = arguments[i].parameter;
    }
    return true;
}

static const weir_ast_expr *parse_name(weir_parser *parser)
{
    size_t first = parser->at;
    bool is_approx = weir_parser_is_word(parser, 0, "approx") &&
                     weir_parser_peek(parser, 1)->kind == WEIR_TOKEN_NAME &&
                     weir_parser_is_sign(parser, 2, '(');
    if (is_approx) (void)weir_parser_take(parser);
    const weir_token *token = weir_parser_take(parser);
    weir_ast_expr *node = node_new(parser, WEIR_AST_NAME, span_of(parser, token), 0);
    node->name = token->as.name;
    if (!weir_parser_take_sign(parser, '(')) return node;
    node->kind = WEIR_AST_CALL;
    node->is_approx = is_approx;
    bool good = parse_arguments(parser, node);
    node->span = weir_parser_span(parser, first);
    return good && settle(parser, node) ? node : NULL;
}

static const weir_ast_expr *parse_brackets(weir_parser *parser)
{
    size_t first = parser->at;
    (void)weir_parser_take(parser);
    const weir_ast_expr *inner = weir_parse_expr(parser);
    if (inner == NULL || !weir_parser_want_sign(parser, ')')) return NULL;
    weir_ast_expr *node = node_new(parser, WEIR_AST_BRACKETS, weir_parser_span(parser, first), 1);
    node->args[0] = inner;
    return settle(parser, node) ? node : NULL;
}

/* `a = over 1h`: a clause where an expression should be. */
static bool is_clause(const weir_parser *parser)
{
    static const char *const words[] = {"where", "over", "delayed", "step", "including"};
    uint8_t next = weir_parser_peek(parser, 1)->kind;
    if (next != WEIR_TOKEN_NAME && next != WEIR_TOKEN_DURATION && next != WEIR_TOKEN_INT)
        return false;
    if (weir_parser_peek(parser, 1)->is_first) return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (weir_parser_is_word(parser, 0, words[i])) return true;
    }
    return false;
}

static const weir_ast_expr *parse_primary(weir_parser *parser)
{
    const weir_token *token = weir_parser_peek(parser, 0);
    if (is_clause(parser)) {
        (void)weir_parser_complain(parser, "an expression");
        return NULL;
    }
    if (is_literal(parser, 0)) return parse_literal(parser);
    if (weir_parser_is_sign(parser, 0, '(')) return parse_brackets(parser);
    if (weir_parser_is_word(parser, 0, "this")) {
        (void)weir_parser_take(parser);
        return node_new(parser, WEIR_AST_THIS, span_of(parser, token), 0);
    }
    if (token->kind == WEIR_TOKEN_NAME && !weir_parser_is_reserved(token->as.name))
        return parse_name(parser);
    (void)weir_parser_complain(parser, "an expression");
    return NULL;
}

/* Behind a dot: a name, or the number of an element. */
static const weir_ast_expr *parse_member(weir_parser *parser, const weir_ast_expr *of)
{
    const weir_token *token = weir_parser_peek(parser, 0);
    if (token->kind == WEIR_TOKEN_INT && !token->is_percent) {
        weir_ast_expr *node =
            node_new(parser, WEIR_AST_ELEMENT, span_join(of->span, span_of(parser, token)), 1);
        node->name_span = span_of(parser, token);
        node->args[0] = of;
        return weir_parser_want_int(parser, "a number", &node->integer) && settle(parser, node)
                   ? node
                   : NULL;
    }
    if (token->kind != WEIR_TOKEN_NAME) {
        (void)weir_parser_complain(parser, "a name behind `.`");
        return NULL;
    }
    (void)weir_parser_take(parser);
    weir_ast_expr *node =
        node_new(parser, WEIR_AST_FIELD, span_join(of->span, span_of(parser, token)), 1);
    node->name = token->as.name;
    node->name_span = span_of(parser, token);
    node->args[0] = of;
    return settle(parser, node) ? node : NULL;
}

static const weir_ast_expr *parse_index(weir_parser *parser, const weir_ast_expr *of)
{
    weir_ast_window *window = weir_arena_new(parser->into, weir_ast_window);
    if (!weir_parse_window(parser, window)) return NULL;
    weir_span end = span_of(parser, weir_parser_peek(parser, 0));
    if (!weir_parser_want_sign(parser, ']')) return NULL;
    weir_ast_expr *node = node_new(parser, WEIR_AST_INDEX, span_join(of->span, end), 1);
    node->name_span = window->span;
    node->window = window;
    node->args[0] = of;
    return settle(parser, node) ? node : NULL;
}

static const weir_ast_expr *parse_post(weir_parser *parser)
{
    const weir_ast_expr *node = parse_primary(parser);
    while (node != NULL) {
        if (weir_parser_take_sign(parser, '.')) {
            node = parse_member(parser, node);
        } else if (weir_parser_take_sign(parser, '[')) {
            node = parse_index(parser, node);
        } else {
            break;
        }
    }
    return node;
}

const weir_ast_expr *weir_parse_path(weir_parser *parser, bool allow_this)
{
    const weir_token *token = weir_parser_peek(parser, 0);
    bool is_this = allow_this && weir_parser_is_word(parser, 0, "this");
    if (token->kind != WEIR_TOKEN_NAME || (weir_parser_is_reserved(token->as.name) && !is_this)) {
        (void)weir_parser_complain(parser, "a name");
        return NULL;
    }
    (void)weir_parser_take(parser);
    weir_ast_expr *first =
        node_new(parser, is_this ? WEIR_AST_THIS : WEIR_AST_NAME, span_of(parser, token), 0);
    first->name = token->as.name;
    const weir_ast_expr *node = first;
    while (node != NULL && weir_parser_take_sign(parser, '.'))
        node = parse_member(parser, node);
    return node;
}

/* ---- Operators ---- */

static const weir_ast_expr *parse_unary(weir_parser *parser);

static const weir_ast_expr *parse_if(weir_parser *parser)
{
    size_t first = parser->at;
    (void)weir_parser_take(parser);
    const weir_ast_expr *when = weir_parse_expr(parser);
    if (when == NULL || !weir_parser_want_word(parser, "then")) return NULL;
    const weir_ast_expr *yes = weir_parse_expr(parser);
    if (yes == NULL || !weir_parser_want_word(parser, "else")) return NULL;
    const weir_ast_expr *no = weir_parse_expr(parser);
    if (no == NULL) return NULL;
    weir_ast_expr *node = node_new(parser, WEIR_AST_IF, weir_parser_span(parser, first), 3);
    node->args[0] = when;
    node->args[1] = yes;
    node->args[2] = no;
    return settle(parser, node) ? node : NULL;
}

static const weir_ast_expr *parse_prefix(weir_parser *parser, const char *op,
                                         const weir_ast_expr *(*inner)(weir_parser *))
{
    size_t first = parser->at;
    weir_span at = span_of(parser, weir_parser_take(parser));
    const weir_ast_expr *of = inner(parser);
    if (of == NULL) return NULL;
    weir_ast_expr *node = node_new(parser, WEIR_AST_UNARY, weir_parser_span(parser, first), 1);
    node->name = op;
    node->name_span = at;
    node->args[0] = of;
    return settle(parser, node) ? node : NULL;
}

/* Every way down passes here: this is where depth is counted. */
static const weir_ast_expr *parse_unary(weir_parser *parser)
{
    if (parser->depth >= WEIR_PARSER_DEPTH_MAX) {
        weir_diagnostics_add(
            parser->diagnostics, WEIR_D_TOO_DEEP, span_of(parser, weir_parser_peek(parser, 0)),
            "give parts of it names with `let`", "this expression is nested too deep");
        return NULL;
    }
    parser->depth += 1;
    const weir_ast_expr *node =
        weir_parser_is_sign(parser, 0, '-')     ? parse_prefix(parser, "-", parse_unary)
        : weir_parser_is_word(parser, 0, "has") ? parse_prefix(parser, "has", parse_unary)
        : weir_parser_is_word(parser, 0, "if")  ? parse_if(parser)
                                                : parse_post(parser);
    parser->depth -= 1;
    return node;
}

typedef struct operator_row {
    uint16_t sign;
    const char *name;
} operator_row;

static const operator_row products[] = {{'*', "*"}, {'/', "/"}, {0, NULL}};
static const operator_row sums[] = {{'+', "+"}, {'-', "-"}, {0, NULL}};
static const operator_row defaults[] = {{WEIR_SIGN2('?', '?'), "??"}, {0, NULL}};
static const operator_row comparisons[] = {
    {WEIR_SIGN2('=', '='), "=="},
    {WEIR_SIGN2('!', '='), "!="},
    {'<', "<"},
    {WEIR_SIGN2('<', '='), "<="},
    {'>', ">"},
    {WEIR_SIGN2('>', '='), ">="},
    {0, NULL},
};

static const operator_row *operator_next(const weir_parser *parser, const operator_row *rows)
{
    for (; rows->name != NULL; rows++) {
        if (weir_parser_is_sign(parser, 0, rows->sign)) return rows;
    }
    return NULL;
}

/* One level of left-associative operators. */
static const weir_ast_expr *parse_level(weir_parser *parser, const operator_row *rows,
                                        const weir_ast_expr *(*inner)(weir_parser *))
{
    const weir_ast_expr *left = inner(parser);
    while (left != NULL) {
        const operator_row *op = operator_next(parser, rows);
        if (op == NULL) break;
        weir_span at = span_of(parser, weir_parser_take(parser));
        const weir_ast_expr *right = inner(parser);
        left = right == NULL ? NULL : binary_new(parser, op->name, at, left, right);
    }
    return left;
}

static const weir_ast_expr *parse_product(weir_parser *parser)
{
    return parse_level(parser, products, parse_unary);
}
static const weir_ast_expr *parse_sum(weir_parser *parser)
{
    return parse_level(parser, sums, parse_product);
}
static const weir_ast_expr *parse_default(weir_parser *parser)
{
    return parse_level(parser, defaults, parse_sum);
}

static const weir_ast_expr *parse_comparison(weir_parser *parser)
{
    const weir_ast_expr *left = parse_default(parser);
    const operator_row *op = left == NULL ? NULL : operator_next(parser, comparisons);
    if (op == NULL) {
        if (left != NULL && weir_parser_is_sign(parser, 0, '=')) {
            (void)weir_parser_complain(parser, "`==` (equality)");
            return NULL;
        }
        return left;
    }
    weir_span at = span_of(parser, weir_parser_take(parser));
    const weir_ast_expr *right = parse_default(parser);
    if (right == NULL) return NULL;
    left = binary_new(parser, op->name, at, left, right);
    if (left != NULL && operator_next(parser, comparisons) != NULL) {
        weir_diagnostics_add(parser->diagnostics, WEIR_D_CHAINED,
                             span_of(parser, weir_parser_peek(parser, 0)),
                             "write `a < b and b < c`", "comparisons can not be chained");
        (void)weir_parser_take(parser);
        (void)parse_default(parser);
        return NULL;
    }
    return left;
}

static const weir_ast_expr *parse_not(weir_parser *parser)
{
    if (weir_parser_is_word(parser, 0, "not")) return parse_prefix(parser, "not", parse_comparison);
    return parse_comparison(parser);
}

static const weir_ast_expr *parse_words(weir_parser *parser, const char *word,
                                        const weir_ast_expr *(*inner)(weir_parser *))
{
    const weir_ast_expr *left = inner(parser);
    while (left != NULL && weir_parser_is_word(parser, 0, word)) {
        weir_span at = span_of(parser, weir_parser_take(parser));
        const weir_ast_expr *right = inner(parser);
        left = right == NULL ? NULL : binary_new(parser, word, at, left, right);
    }
    return left;
}

static const weir_ast_expr *parse_and(weir_parser *parser)
{
    return parse_words(parser, "and", parse_not);
}

const weir_ast_expr *weir_parse_expr(weir_parser *parser)
{
    return parse_words(parser, "or", parse_and);
}

/* ---- Values of tests ---- */

/* {lat: 1.0, lon: 2.0} or [1, 2] */
static const weir_ast_expr *parse_composite(weir_parser *parser, bool is_record)
{
    size_t first = parser->at;
    (void)weir_parser_take(parser);
    uint16_t closing = is_record ? '}' : ']';
    weir_list list = {0};
    while (!weir_parser_is_sign(parser, 0, closing)) {
        argument *next = weir_list_push(parser, &list, sizeof *next);
        weir_ast_name name = {0};
        if (is_record && (!weir_parser_want_name(parser, "a name", &name) ||
                          !weir_parser_want_sign(parser, ':')))
            return NULL;
        next->parameter = name.name;
        next->expr = weir_parse_value(parser);
        if (next->expr == NULL) return NULL;
        if (!weir_parser_take_sign(parser, ',')) break;
    }
    if (!weir_parser_want_sign(parser, closing)) return NULL;
    weir_ast_expr *node = node_new(parser, is_record ? WEIR_AST_RECORD : WEIR_AST_LIST,
                                   weir_parser_span(parser, first), (uint32_t)list.count);
    node->parameters = weir_arena_array(parser->into, const char *, list.count);
    for (size_t i = 0; i < list.count; i++) {
        node->args[i] = ((argument *)list.items)[i].expr;
        node->parameters[i] = ((argument *)list.items)[i].parameter;
    }
    return settle(parser, node) ? node : NULL;
}

static const weir_ast_expr *parse_value_kind(weir_parser *parser)
{
    if (is_literal(parser, 0)) return parse_literal(parser);
    if (weir_parser_is_sign(parser, 0, '-')) return parse_prefix(parser, "-", weir_parse_value);
    if (weir_parser_is_sign(parser, 0, '{')) return parse_composite(parser, true);
    if (weir_parser_is_sign(parser, 0, '[')) return parse_composite(parser, false);
    const weir_token *token = weir_parser_peek(parser, 0);
    if (token->kind == WEIR_TOKEN_NAME && !weir_parser_is_reserved(token->as.name))
        return weir_parse_path(parser, false);
    (void)weir_parser_complain(parser, "a value");
    return NULL;
}

const weir_ast_expr *weir_parse_value(weir_parser *parser)
{
    if (parser->depth >= WEIR_PARSER_DEPTH_MAX) {
        weir_diagnostics_add(parser->diagnostics, WEIR_D_TOO_DEEP,
                             span_of(parser, weir_parser_peek(parser, 0)), NULL,
                             "this value is nested too deep");
        return NULL;
    }
    parser->depth += 1;
    const weir_ast_expr *node = parse_value_kind(parser);
    parser->depth -= 1;
    return node;
}
